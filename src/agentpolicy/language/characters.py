"""Finds characters that make a policy read differently from what it says: invisible, look-alike, not normalised."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from agentpolicy.language.lookalikes import FILLERS, LOOKALIKE_LETTERS, LOOKALIKE_MARKS, MIXING_SCRIPTS
from agentpolicy.language.problems import Problems

#: Marks that may stand on one letter: more of them are a way to hide text.
MAX_COMBINING = 3

_KINDS = {
    "Cc": "a control character",
    "Cf": "an invisible character",
    "Cs": "half of a character",
    "Co": "a private character",
    "Cn": "not a character",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
    "Me": "an enclosing mark",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: What may hold characters beyond ASCII: quoted text, and comments to the end of their line.
_TEXTS = re.compile(r'"[^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*"?|#[^\n]*')
_BEYOND = re.compile(r"[^\x00-\x7f]")
_WORDS = re.compile(r"[^\W\d_]+(?:[^\W_]|[\u0300-\u036f])*")


@lru_cache(4096)
def is_forbidden(char: str) -> bool:
    """Whether a character may stand nowhere in a policy, quoted text and comments included (lone CR aside)."""
    return char not in "\t\n\r" and _what(char) is not None


def describe(char: str) -> str:
    """The character by code point and name, such as ``U+200B ZERO WIDTH SPACE``."""
    name = unicodedata.name(char, "")
    return f"U+{ord(char):04X} {name}".rstrip()


def check_characters(text: str, problems: Problems) -> None:
    """Report every character that may not stand where it stands, in the order of the text."""
    if text.isascii():
        for found in _CONTROL.finditer(text):
            _forbidden(found[0], found.start(), problems)
        return
    beyond = {char for char in set(text) if char > "\x7f"}
    refused = [char for char in beyond if is_forbidden(char)]
    anywhere = re.compile(f"{_CONTROL.pattern}|[{re.escape(''.join(sorted(refused)))}]") if refused else _CONTROL
    for found in anywhere.finditer(text):
        _forbidden(found[0], found.start(), problems)
    for part in _TEXTS.finditer(text):
        if not part[0].isascii():
            _check_text(part[0], part.start(), problems)


def _what(char: str) -> str | None:
    category = unicodedata.category(char)
    if category == "Zs" and char != " ":
        return "a space that is none"
    if "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
        return "a variation selector"
    return "an invisible character" if char in FILLERS else _KINDS.get(category)


def _forbidden(char: str, at: int, problems: Problems) -> None:
    if problems.full:
        problems.count_one()
        return
    what = "a bidirectional control" if char in _BIDI else _what(char)
    if char == "\r":
        help = "end lines with LF or CRLF"
    elif char == "\x00":
        help = "take it out: it is in no path, command or text"
    elif unicodedata.category(char) == "Zs":
        help = f"write a plain space; in quoted text, write `{_escape(char)}` if it is meant"
    elif unicodedata.category(char) in {"Cs", "Co"}:
        help = "take it out"
    else:
        help = f"take it out; in quoted text, write `{_escape(char)}` if it is meant"
    problems.add("AP111", f"{describe(char)} is {what}", at, at + 1, help)


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) <= 0xFFFF else "its name in words"


def _check_text(part: str, start: int, problems: Problems) -> None:
    """Look at one quoted text or comment that holds characters beyond ASCII."""
    quoted = part.startswith('"')
    if not unicodedata.is_normalized("NFC", part):
        at = start + _first_change(part)
        char = part[at - start]
        help = "save the text in Unicode normal form C" + (", or write the character as `\\uXXXX`" if quoted else "")
        message = f"{describe(char)} is not in normal form: another spelling looks the same"
        problems.add("AP113", message, at, at + 1, help)
        return
    run = 0
    for found in _BEYOND.finditer(part):
        char, at = found[0], start + found.start()
        if is_forbidden(char):
            continue
        if _is_mark(char):
            before = part[found.start() - 1]
            run = run + 1 if _is_mark(before) else 1
            if run > MAX_COMBINING or before.isascii() or not (before.isalpha() or _is_mark(before)):
                message = f"{describe(char)} stands on a character that it does not belong to"
                problems.add("AP113", message, at, at + 1, _advice(char, quoted))
            continue
        like = looks_like(char, quoted)
        if like is not None:
            help = f"write `{like}`; {_advice(char, quoted)}"
            problems.add("AP112", f"{describe(char)} looks like `{like}`", at, at + 1, help)
    _check_words(part, start, quoted, problems)


def _is_mark(char: str) -> bool:
    return unicodedata.category(char) in {"Mn", "Mc"}


def _advice(char: str, quoted: bool) -> str:
    return f"in quoted text, write `{_escape(char)}` if it is meant" if quoted else "leave it out"


def _first_change(part: str) -> int:
    """Where the first character stands that the normal form would change."""
    for at, char in enumerate(part):
        if char > "\x7f" and not unicodedata.is_normalized("NFC", part[max(0, at - MAX_COMBINING) : at + 1]):
            return at
    return next(at for at, char in enumerate(part) if char > "\x7f")


@lru_cache(4096)
def looks_like(char: str, quoted: bool) -> str | None:
    """The ASCII character that this one is in another width or font, or in quoted text stands in for."""
    if unicodedata.decomposition(char).startswith(("<wide>", "<narrow>", "<font>")):
        plain = unicodedata.normalize("NFKC", char)
        return plain if plain.isascii() else None
    return LOOKALIKE_MARKS.get(char) if quoted else None


@lru_cache(8192)
def _script(char: str) -> str:
    """The script of a letter, as its Unicode name says; empty for what all scripts share."""
    if not char.isalpha():
        return ""
    first = unicodedata.name(char, "").partition(" ")[0]
    return "" if first in {"MICRO", "FEMININE", "MASCULINE", "MODIFIER"} else first


def _check_words(part: str, start: int, quoted: bool, problems: Problems) -> None:
    """Words that mix letters of scripts which look alike, and foreign letters that all look like Latin ones."""
    imitations: list[re.Match[str]] = []
    honest = False
    for word in _WORDS.finditer(part):
        letters = word[0]
        if letters.isascii() or any(looks_like(char, quoted) for char in letters if char > "\x7f"):
            continue
        scripts = {_script(char) for char in letters} - {""}
        if len(scripts) > 1 and not scripts <= MIXING_SCRIPTS:
            odd = next(char for char in letters if _script(char) not in {"", "LATIN"})
            names = " and ".join(sorted(script.title() for script in scripts))
            message = f"`{letters[:40]}` mixes {names} letters: {describe(odd)}"
            help = _advice(odd, quoted) if quoted else "write the word in one script"
            problems.add("AP112", message, start + word.start(), start + word.end(), help)
        elif scripts & {"CYRILLIC", "GREEK"}:
            if all(char in LOOKALIKE_LETTERS for char in letters if char.isalpha()):
                imitations.append(word)
            else:
                honest = True
    if quoted and not honest:
        # Text that is really Russian or Greek holds letters that Latin has not.
        for word in imitations:
            plain = "".join(LOOKALIKE_LETTERS.get(char, char) for char in word[0])
            message = f"{describe(word[0][0])} and what follows look like `{plain}`"
            help = f"write `{plain}`, or `{_escape(word[0][0])}` and so on if it is meant"
            problems.add("AP112", message, start + word.start(), start + word.end(), help)
