"""Names of tables: their parts, and the one form in which they are judged."""

from __future__ import annotations

import re
from typing import TypeAlias

from agentpolicy.effects.sql_text import Unread
from agentpolicy.effects.text import misleading

#: A part of a name as it is written, and whether it is quoted.
Name: TypeAlias = "tuple[str, bool]"
#: Longest name, in characters.
LONGEST_NAME = 1024
# Possessive: what was taken is never given back, so matching is linear.
_PART = re.compile(r'"((?:[^"]|"")++)"|`([^`]++)`|\[([^\]]++)\]|([^\s."`\[\]\';]++)')


def checked_part(text: str, quoted: bool) -> Name:
    """One part of a table's name.

    Raises:
        Unread: it could be read in two ways.
    """
    if not text or misleading(text) is not None:
        raise Unread("a part of a table's name is empty or holds what cannot be seen")
    if "." in text or "*" in text:
        raise Unread("a part of a table's name holds a dot or a star")
    if not quoted and not text.isascii():
        raise Unread("databases disagree about the case of a table's name")
    return text, quoted


def canonical_table(parts: tuple[Name, ...]) -> str:
    """The parts joined by dots, those in lower case that are not quoted (ISO/IEC 9075-2, 5.2, folds to upper case)."""
    return ".".join([text if quoted else text.lower() for text, quoted in parts])


def split_name(text: str) -> tuple[Name, ...]:
    """The parts of a name such as ``sales.orders`` or ``"Sales".orders``.

    Raises:
        Unread: it is no name of a table.
    """
    parts: list[Name] = []
    at = 0
    while len(text) <= LONGEST_NAME:
        found = _PART.match(text, at)
        if found is None:
            break
        double, *others = found.groups()
        quoted = found.group(4) is None
        written = double.replace('""', '"') if double is not None else next(one for one in others if one is not None)
        parts.append(checked_part(written, quoted))
        at = found.end()
        if at == len(text):
            return tuple(parts)
        if text[at] != ".":
            break
        at += 1
    raise Unread("the target is no name of a table")
