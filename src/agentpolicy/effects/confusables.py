"""Which characters of a text pass for others: by their look, by their script, by what normalisation makes of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from agentpolicy.language.lookalikes import LOOKALIKE_LETTERS, LOOKALIKE_MARKS

#: Letters of the Latin script itself that pass for ASCII ones: letters of phonetic alphabets, small capitals. The
#: dotless i of Turkish is none, because people write it.
_LATIN: Final = {
    **dict(zip("ɑɡɩȷƖꞮ", "agijlI", strict=True)),
    **dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz", strict=True)),
}
#: Marks that are a dot to the name system (UTS 46, 2.3), beside those that are one to everybody.
_HOST_DOTS: Final = dict.fromkeys("\u3002\uff61", ".")
#: Katakana, hiragana and strokes that pass for a slash or a dash where no East Asian text stands around them.
_STROKES: Final = {**dict.fromkeys("ノ丿ソンゾ", "/"), **dict.fromkeys("ー一", "-")}

#: What a character has to come to under NFKC to matter anywhere: letters, digits, and what means something in paths.
#: Wide brackets and commas, which East Asian names hold, do not.
_MATTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/\\.*-")
#: Forms that nobody takes for what they come to: raised, lowered, in a circle or square, fractions.
_APART: Final = ("<super>", "<sub>", "<circle>", "<square>", "<fraction>")
#: The same for single characters: ellipsis, numero sign.
_APART_ALONE: Final = frozenset("…№")

#: Scripts that may stand in one word together (UTS 39, 5.2, highly restrictive).
_TOGETHER: Final = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)
#: Scripts of which one may stand beside Latin in a word outside of hosts (UTS 39, 5.2, moderately restrictive): those
#: in everyday use, less those that share letters with Latin.
_BESIDE_LATIN: Final = frozenset(
    """ARABIC BENGALI DEVANAGARI ETHIOPIC GEORGIAN GUJARATI GURMUKHI HEBREW KANNADA KHMER LAO MALAYALAM MYANMAR ORIYA
    SINHALA TAMIL TELUGU THAANA THAI TIBETAN""".split()
)
#: Greek letters that look like no Latin one: signs of science, which stand in words of other scripts.
_SIGNS: Final = frozenset("ΓΔΘΛΞΠΣΦΨΩδζθλμξπφψω")
#: Scripts in small use of which many letters look like Latin ones: no word of theirs is taken at its face.
_LIKE_LATIN: Final = frozenset({"CHEROKEE", "COPTIC", "DESERET", "LISU", "OSAGE"})
#: Scripts whose name is not the first word of their characters' names.
_SCRIPTS: Final = {
    "CJK": "HAN",
    "IDEOGRAPHIC": "HAN",
    "KATAKANA-HIRAGANA": "KATAKANA",
    "ARABIC-INDIC": "ARABIC",
    "EXTENDED": "ARABIC",
}
_EAST_ASIAN: Final = frozenset({"HAN", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"})

# A word takes the marks on its letters along, so that a mark does not cut it in two.
_WORDS = re.compile(r"(?:[^\W_]|[\u0300-\u036f])+")
_PARTS = re.compile(r"[^/]+")
_ALL = re.compile(r"(?s).+")
_LABELS = re.compile("[^.\u3002\uff0e\uff61]+")


def passing(text: str, *, host: bool = False) -> Iterator[tuple[int, str]]:
    """The characters of a text that pass for others, by their place, each with what it does.

    ``host`` holds labels to the stricter rule of hosts: scripts mix only as East Asian ones do, and everything counts
    that normalisation turns into ASCII. Elsewhere words are what stands between blanks, marks and underscores.
    """
    told: set[int] = set()
    for at, character in enumerate(text):
        if character > "\x7f":
            other = stands_for(character, host)
            if other is not None:
                told.add(at)
                yield at, f"passes for `{other}`"
    for part in (_ALL if host else _PARTS).finditer(text):
        if part[0].isascii():
            continue
        for word in (_LABELS if host else _WORDS).finditer(text, part.start(), part.end()):
            if not word[0].isascii():
                yield from ((at, why) for at, why in _in_word(text, word, host) if at not in told)
        yield from ((at, why) for at, why in _whole(text, part.start(), part.end()) if at not in told)


@lru_cache(4096)
def stands_for(character: str, host: bool = False) -> str | None:
    """The ASCII text that a character by itself passes for, None where nobody takes it for any."""
    found = LOOKALIKE_MARKS.get(character)
    if found is None:
        found = _LATIN.get(character)
    if found is None and host:
        found = _HOST_DOTS.get(character)
    if found is not None:
        return found
    plain = unicodedata.normalize("NFKC", character)
    if plain == character or (character in _APART_ALONE and not host):
        return None
    if not host and unicodedata.decomposition(character).startswith(_APART):
        return None
    # A letter with an accent stays a letter with an accent; only what comes to ASCII itself passes for it.
    return plain if any(one.isascii() if host else one in _MATTERS for one in plain) else None


@lru_cache(4096)
def script_of(character: str) -> str | None:
    """The script of a letter or digit by its name (``LATIN``, ``HAN``); None for what all scripts share."""
    if character.isascii():
        return "LATIN" if character.isalpha() else None
    plain = unicodedata.normalize("NFKC", character)[0]
    if plain.isascii():
        return "LATIN" if plain.isalpha() else None
    category = unicodedata.category(plain)
    if category[0] != "L" and category != "Nd":
        return None
    first = unicodedata.name(plain, "").partition(" ")[0]
    return None if first == "MODIFIER" else _SCRIPTS.get(first, first) or None


def scripts_of(word: str) -> set[str]:
    """The scripts of the letters of a word."""
    return {found for found in map(script_of, word) if found is not None}


def latin_beyond_ascii(word: str) -> str | None:
    """The first Latin letter that is not ASCII, or mark on one: ``ĺs`` is easily read as ``ls``."""
    before: str | None = None
    for one in unicodedata.normalize("NFC", word):
        if unicodedata.combining(one) or unicodedata.category(one) == "Me":
            if before == "LATIN":
                return one
            continue
        before = script_of(one)
        if one > "\x7f" and before == "LATIN":
            return one
    return None


def _in_word(text: str, word: re.Match[str], host: bool) -> Iterator[tuple[int, str]]:
    """Characters that do not belong in their word."""
    scripts = scripts_of(word[0])
    strange = scripts & _LIKE_LATIN
    if strange:
        for at in range(word.start(), word.end()):
            if script_of(text[at]) in strange:
                yield at, "is of a script whose letters pass for latin ones"
        return
    if len(scripts) > 1 and not _may_mix(word[0], scripts, host):
        shown = " and ".join(one.lower() for one in sorted(scripts))
        for at in range(word.start(), word.end()):
            if text[at] > "\x7f" and ("LATIN" not in scripts or script_of(text[at]) not in {"LATIN", None}):
                yield at, f"stands in a word that mixes {shown} letters"
        return
    east_asian = any(script_of(one) in _EAST_ASIAN and one not in _STROKES for one in word[0])
    if host and "LATIN" in scripts and not east_asian:
        # A stroke between Latin letters is no East Asian text; beside other characters of that it is.
        for at in range(word.start(), word.end()):
            if text[at] in _STROKES:
                yield at, f"passes for `{_STROKES[text[at]]}`"


def _may_mix(word: str, scripts: set[str], host: bool) -> bool:
    if any(scripts <= together for together in _TOGETHER):
        return True
    if host:
        return False
    if len(scripts) == 2 and "LATIN" in scripts and scripts & _BESIDE_LATIN:
        return True
    return scripts == {"LATIN", "GREEK"} and all(
        script_of(one) != "GREEK" or unicodedata.normalize("NFKC", one) in _SIGNS for one in word
    )


def _whole(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Letters of a script none of whose letters here looks unlike a Latin one."""
    for script in ("CYRILLIC", "GREEK"):
        places = [at for at in range(start, end) if script_of(text[at]) == script]
        if places and all(text[at] in LOOKALIKE_LETTERS for at in places):
            for at in places:
                yield at, f"passes for `{LOOKALIKE_LETTERS[text[at]]}`"
