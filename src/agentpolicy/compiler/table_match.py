"""Patterns of tables as functions of a table's canonical name.

Ask and deny rules know a name in letters of any case, because many databases do; allow rules as it stands. What a name
does not say, the schema that it stands for or a schema that is the default, may be what the other one says: ask and
deny rules then cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import ascii_lowercase, ascii_uppercase

from agentpolicy.language.globs import match_parts

_FOLD = str.maketrans(ascii_uppercase, ascii_lowercase)


def fold(text: str) -> str:
    """A name with its letters A to Z in lower case."""
    return text.translate(_FOLD)


def is_every_table(pattern: str) -> bool:
    """Whether a pattern matches whatever the SQL is about, even no table at all."""
    return set(pattern.split(".")) == {"**"}


def table_value(pattern: str, wide: bool) -> Callable[[str], bool]:
    """Whether a text is matched as the name of a table."""
    parts = (fold(pattern) if wide else pattern).split(".")
    return lambda value: match_parts(parts, (fold(value) if wide else value).split("."))


def table_test(pattern: str, wide: bool) -> Callable[[str], bool | None]:
    """Whether a table's name is matched; None where it may stand for a table that is."""
    whole = table_value(pattern, wide)
    if not wide:
        return whole
    parts = fold(pattern).split(".")

    def test(value: str) -> bool | None:
        return True if whole(value) else None if _may_be(parts, fold(value).split(".")) else False

    return test


def names_last_part(parts: Sequence[str]) -> bool:
    """Whether a pattern says something of the last part, the table's own name."""
    return parts[-1].strip("*") != ""


def _may_be(parts: Sequence[str], name: Sequence[str]) -> bool:
    if not names_last_part(parts):
        return False
    return any(match_parts(parts[at:], name) for at in range(1, len(parts))) or any(
        match_parts(parts, name[at:]) for at in range(1, len(name))
    )
