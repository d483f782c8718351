"""The form in which texts are compared: escapes undone, characters folded, cut into words."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final
from urllib.parse import unquote

from agentpolicy.language.lookalikes import LOOKALIKE_LETTERS, LOOKALIKE_MARKS

#: How often escapes inside of escapes are undone.
ROUNDS: Final = 3

# Characters that show nothing: format controls, fillers, variation selectors, tags (Unicode,
# Default_Ignorable_Code_Point), and control characters other than white space.
_UNSEEN: Final = re.compile(
    "\x1b\\[[0-9;]{0,16}[A-Za-z]"
    "|[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
# Scripts that write no spaces between words: every character is a word of its own.
_SOLID: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u30ff\u3100-\u312f\u31a0-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_WORDS: Final = re.compile(f"[{_SOLID}]|[^\\W_{_SOLID}]+")
_SOLID_WORD: Final = re.compile(f"[{_SOLID}]").fullmatch
_ASCII_WORDS: Final = re.compile(r"[a-z0-9]+")
_OTHER_DIGIT: Final = re.compile(r"(?![0-9])\d")
_ESCAPE: Final = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))", re.DOTALL
)
_PAIRS: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_PERCENT: Final = re.compile("%[0-9A-Fa-f]{2}").search
_ENTITY: Final = re.compile("&#?[A-Za-z0-9]{1,31};").search
_QUOTED_PRINTABLE: Final = re.compile("=([0-9A-F]{2})|=\r?\n")
_PRINTABLE_SIGN: Final = re.compile("=(?:3D|20|2E|2C|40|[89A-F][0-9A-F])|=\r?\n").search
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "b": "\b", "0": "\x00"}
_LATIN: Final = dict(zip("ɑɡɩȷƖꞮıᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢłøđħŧ", "agijlIiabcdefghijklmnoprstuvwyzlodht", strict=True))
_LIKE: Final = str.maketrans({**LOOKALIKE_LETTERS, **LOOKALIKE_MARKS, **_LATIN})


def fold(text: str) -> str:
    """A text as it is compared: NFKC, case folded, what shows nothing left out, all digits ASCII."""
    if text.isascii():
        return text.lower() if text.isprintable() else _UNSEEN.sub("", text).lower()
    plain = _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).casefold()
    if not unicodedata.is_normalized("NFKC", plain):
        plain = unicodedata.normalize("NFKC", plain)
    return _OTHER_DIGIT.sub(_digit, plain)


def likeness(text: str) -> str:
    """A text as `fold` gives it, and letters and marks that look like ASCII ones replaced by those, accents left out.

    Two texts of one likeness are taken for each other by a reader and are not the same: this form serves to find what
    came from untrusted text, never to find what the user said.
    """
    if text.isascii():
        return fold(text)
    plain = unicodedata.normalize("NFKC", _UNSEEN.sub("", text)).translate(_LIKE)
    bare = "".join([one for one in unicodedata.normalize("NFD", plain) if not unicodedata.combining(one)])
    return fold(bare)


def words_of(folded: str) -> list[str]:
    """The words of a folded text: runs of letters and digits; each character where a script writes no spaces."""
    return (_ASCII_WORDS if folded.isascii() else _WORDS).findall(folded)


def solid(word: str) -> bool:
    """Whether a word is one character of a script that writes no spaces."""
    return _SOLID_WORD(word) is not None


def word_places(text: str) -> list[tuple[int, int, str]]:
    """The words of a text as it stands: where each begins and ends, and its folded form."""
    return [(found.start(), found.end(), fold(found.group())) for found in _WORDS.finditer(text)]


def squeezed(folded: str) -> str:
    """The letters and digits of a folded text alone."""
    return "".join(words_of(folded))


def unescape(text: str) -> str:
    """A text with its escapes undone: backslashes (JSON, C, shell), HTML entities, percent, quoted-printable.

    Escapes inside of escapes are undone `ROUNDS` times. What is no escape stays.
    """
    for _ in range(ROUNDS):
        before = text
        if "\\" in text:
            text = _PAIRS.sub(_joined, _ESCAPE.sub(_unescaped, text))
        if "&" in text and _ENTITY(text) is not None:
            text = html.unescape(text)
        if "%" in text and _PERCENT(text) is not None:
            text = unquote(text, errors="replace")
        if "=" in text and _PRINTABLE_SIGN(text) is not None:
            text = _printable(text)
        if text == before:
            break
    return text


def _digit(found: re.Match[str]) -> str:
    return str(unicodedata.digit(found.group()))


def _unescaped(found: re.Match[str]) -> str:
    number = found[1] or found[2] or found[3] or found[4]
    if number is not None:
        point = int(number, 16)
        return chr(point) if point <= 0x10FFFF else "\ufffd"
    return _CONTROLS.get(found[5], found[5])


def _joined(found: re.Match[str]) -> str:
    return found.group().encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _printable(text: str) -> str:
    # The escapes are bytes of UTF-8: they are undone as percent escapes are.
    percent = _QUOTED_PRINTABLE.sub(lambda one: "" if one[1] is None else f"%{one[1]}", text.replace("%", "%25"))
    return unquote(percent, errors="replace")
