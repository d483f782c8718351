"""The names of files as patches write them."""

from __future__ import annotations

from typing import Final

NULL: Final = "/dev/null"
#: Letters that git puts in front of names (`diff.mnemonicPrefix`), two different ones for one file.
SIDES: Final = frozenset("abciow")
_ESCAPES: Final = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}


class Unreadable(Exception):
    """The text is no patch, or one that could be read in two ways."""


def plain(name: str) -> str:
    """A name that is written as it is; blanks at its ends are trimmed by some programs.

    Raises:
        Unreadable: it is empty, has blanks at an end, or holds a control character.
    """
    if not name or name != name.strip() or any(letter < " " or letter == "\x7f" for letter in name):
        raise Unreadable
    return name


def name_of(text: str) -> tuple[str, str]:
    """The name on a ``---`` or ``+++`` line, and what stands behind its tab: a date, or nothing.

    Raises:
        Unreadable: programs do not agree where the name ends.
    """
    if text.startswith('"'):
        end = text.rfind('"') + 1
        quoted, rest = text[:end], text[end:]
        if rest and rest[0] != "\t":
            raise Unreadable
        return _no_runs(unquoted(quoted)), rest
    name, tab, date = text.partition("\t")
    if " " in name and not tab:
        raise Unreadable  # a blank ends the name for some programs
    return _no_runs(plain(name)), date


def _no_runs(name: str) -> str:
    if "//" in name:
        raise Unreadable  # a run of slashes counts as one for some programs, as several for others
    return name


def unsided(name: str) -> list[str]:
    """A name without a side: as it stands, and without its first directory."""
    head, slash, rest = name.partition("/")
    return [name] if not slash or head == "." else [name, rest]


def sided(side: str, raw: str) -> str:
    """A name, quoted or not, with a side in front: as it stands on a ``diff --git`` line."""
    return f'"{side}/{raw[1:]}' if raw.startswith('"') else f"{side}/{raw}"


def twice(header: str) -> str:
    """The name that stands twice on a ``diff --git`` line, with two different sides.

    Raises:
        Unreadable: there is no such name.
    """
    middle = len(header) // 2
    if header[middle : middle + 1] != " ":
        raise Unreadable
    left, right = (
        unquoted(one) if one.startswith('"') else plain(one) for one in (header[:middle], header[middle + 1 :])
    )
    if left[1:] != right[1:] or left[1:2] != "/" or left[0] == right[0] or not SIDES.issuperset((left[0], right[0])):
        raise Unreadable
    if not left[2:]:
        raise Unreadable
    return _no_runs(left[2:])


def unquoted(text: str) -> str:
    """A name in double quotes with C's escapes (ISO C, 6.4.4.4), UTF-8 inside: how git and GNU diff write odd names.

    Raises:
        Unreadable: the quotes or an escape are not right, it is no UTF-8, empty, or holds a NUL.
    """
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        raise Unreadable
    found = bytearray()
    at, end = 1, len(text) - 1
    while at < end:
        letter = text[at]
        if letter == '"':
            raise Unreadable
        if letter != "\\":
            found += letter.encode("utf-8", "surrogatepass")
            at += 1
            continue
        escape = text[at + 1 : min(at + 4, end)]
        if escape[:1] in _ESCAPES:
            found.append(_ESCAPES[escape[0]])
            at += 2
        elif len(escape) == 3 and escape[0] in "0123" and all(one in "01234567" for one in escape):
            found.append(int(escape, 8))
            at += 4
        else:
            raise Unreadable
    try:
        name = found.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable from None
    if not name or "\0" in name:
        raise Unreadable
    return name
