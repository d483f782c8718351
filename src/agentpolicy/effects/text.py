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
    and unassigned characters, spaces other than U+0020, private use, surrogates, and characters that pass for ASCII
    ones or stand in a word of another script (`confusable`). The result is printable.
    """
    if text.isascii() and text.isprintable():
        return text
    shown = text
    if not text.isascii():
        from agentpolicy.effects.confusables import passing

        told = {at for at, _ in passing(text)}
        if told:
            shown = "".join([_escaped(one) if at in told else one for at, one in enumerate(text)])
    if shown.isprintable() and _BLANK.search(shown) is None:
        return shown
    return "".join([_escaped(one) if _deceives(one) else one for one in shown])


def misleading(text: str) -> str | None:
    """A description of the first character that may mislead a reader, None where there is none."""
    if text.isprintable() and (text.isascii() or _BLANK.search(text) is None):
        return None
    return describe(next(one for one in text if _deceives(one)))


def confusable(text: str, *, host: bool = False) -> str | None:
    """A description of the first character that passes for another one, None where there is none.

    Which do: those that look like an ASCII character or become one that matters under NFKC (wide and mathematical
    letters, the fraction slash), letters of another script than the rest of their word, and words in Cyrillic or
    Greek of which every letter looks like a Latin one (a simplified UTS 39, 4 and 5). Text in one script of its own
    (``почта``, ``例え``, ``münchen``) passes for nothing else. ``host`` is stricter, as UTS 39 advises for identifiers.
    """
    if text.isascii():
        return None
    from agentpolicy.effects.confusables import passing

    found = min(passing(text, host=host), default=None)
    return None if found is None else f"{describe(text[found[0]])}, which {found[1]}"


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


def _escaped(character: str) -> str:
    return f"\\u{{{ord(character):x}}}"


def misleading_program(word: str) -> str | None:
    """Why a program's name may not be what it looks like; None where it is plain.

    A name in a script of its own is plain, one in Latin letters only where they are ASCII: ``ĺs`` is not ``ls``, and a
    mark on a letter is easily overlooked. Directories in front of the name may hold such letters.
    """
    if word.isascii() and word.isprintable():
        return None
    odd = misleading(word) or confusable(word)
    if odd is None:
        from agentpolicy.effects.confusables import latin_beyond_ascii

        letter = latin_beyond_ascii(word.rpartition("/")[2])
        odd = None if letter is None else describe(letter)
    return None if odd is None else f"the program `{visible(word)}` has a name with unusual characters: {odd}"


def misleading_path(path: str) -> str | None:
    """Why the name of a file may not be what it looks like; None where it is plain.

    Names in any one script are plain, with accents too. Each part of a path stands for itself: a word in Cyrillic
    letters that all look like Latin ones misleads, whatever the directories above it are called.
    """
    if path.isascii() and path.isprintable():
        return None
    odd = misleading(path) or confusable(path)
    return None if odd is None else f"the path `{visible(path)}` holds {odd}"
