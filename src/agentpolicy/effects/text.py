"""Characters that make a text look like something that it is not."""

from __future__ import annotations

import re
import unicodedata

# ``str.isprintable`` already refuses control, format, surrogate, private and unassigned characters and every space
# but U+0020. These are printable by their category and yet show as nothing (Unicode: Default_Ignorable_Code_Point,
# and the blank braille cell), or stand for something else (object replacement).
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufffc\U000e0100-\U000e01ef]"
)

_NAMES = {
    "\t": "a tab",
    "\n": "a line break",
    "\r": "a carriage return",
    "\x00": "a NUL character",
    "\x1b": "an escape character",
}
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def visible(text: str) -> str:
    """The text with every deceptive character written out: ``\\u{202e}`` for U+202E.

    What is written out: control and format characters (line breaks and tabs too), bidirectional controls, invisible
    and unassigned characters, spaces other than U+0020, private use, surrogates. The result is printable.
    """
    if text.isprintable() and (text.isascii() or _BLANK.search(text) is None):
        return text
    return "".join([f"\\u{{{ord(one):x}}}" if _deceives(one) else one for one in text])


def misleading(text: str) -> str | None:
    """A description of the first character that may mislead a reader, None where there is none."""
    if text.isprintable() and (text.isascii() or _BLANK.search(text) is None):
        return None
    return describe(next(one for one in text if _deceives(one)))


def describe(character: str) -> str:
    """One character in words: ``a line break``, ```\\u{202e}` (right-to-left override)``."""
    known = _NAMES.get(character)
    if known is not None:
        return known
    kind = "bidirectional control" if character in _BIDI else "control character"
    name = unicodedata.name(character, kind).lower()
    return f"`\\u{{{ord(character):x}}}` ({name})"


def well_formed(text: str) -> bool:
    """Whether the text can be written as UTF-8, which a lone surrogate prevents."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _deceives(character: str) -> bool:
    return not character.isprintable() or _BLANK.match(character) is not None


def misleading_program(word: str) -> str | None:
    """Why a program's name may not be what it looks like: any character beyond printable ASCII; None where it is
    plain.
    """
    if word.isascii() and word.isprintable():
        return None
    return f"the program `{visible(word)}` has a name with unusual characters"
