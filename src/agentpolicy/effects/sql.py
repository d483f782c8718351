"""SQL text to its effects: which tables it reads, changes and drops.

Which database will run the text is not known. It is read as several would, and what they do not agree about, or what
none of them reads, is opaque. The parser is sqlglot, which the extra ``sql`` brings; it is loaded when SQL is read.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Final

from agentpolicy.effects.effect import SqlEffect
from agentpolicy.effects.recent import Recent
from agentpolicy.effects.sql_names import canonical_table, split_name
from agentpolicy.effects.sql_text import Unread, statements

if TYPE_CHECKING:
    from agentpolicy.effects.sql_statements import Row

ACTIONS: Final = ("sql.select", "sql.insert", "sql.update", "sql.delete", "sql.schema")
#: How to get the parser.
INSTALL: Final = "pip install 'agentpolicy-engine[sql]'"
#: Most effects of one text.
MOST_EFFECTS: Final = 1000
_REMEMBERED: Final = 8192

#: ``(action, table, opaque, why)``
_Found = tuple[str, "str | None", bool, "str | None"]
_seen: Recent[tuple[_Found, ...]] = Recent(256)


def available() -> bool:
    """Whether the parser is installed."""
    return importlib.util.find_spec("sqlglot") is not None


def sql_effects(text: str, database: str | None = None) -> list[SqlEffect]:
    """The effects of SQL text, each table once for each action; opaque ones of every action where it cannot be read.

    Effects are those of ISO/IEC 9075 statements as the dialects of ``DIALECTS`` write them.
    """
    found = _seen.get(text)
    if found is None:
        found, keep = _read(text)
        if keep and len(text) <= _REMEMBERED:
            _seen.keep(text, found)
    return [SqlEffect(action, table, database, opaque=opaque, why=why) for action, table, opaque, why in found]


def table_effect(action: str, target: str) -> SqlEffect:
    """The effect of ``action`` on a table that is named as SQL names it; opaque where that is no name."""
    try:
        return SqlEffect(action, canonical_table(split_name(target)))
    except Unread as error:
        return SqlEffect(action, None, opaque=True, why=str(error))


def _anything(why: str) -> tuple[_Found, ...]:
    return tuple([(action, None, True, why) for action in ACTIONS])


def _read(text: str) -> tuple[tuple[_Found, ...], bool]:
    """What is found in a text, and whether it would be found again."""
    try:
        found: dict[_Found, None] = {}
        listed = statements(text)
        if not listed:
            raise Unread("the text holds no statement that does anything")
        if not available():
            return _anything(f"SQL is not read without its parser: {INSTALL}"), False
        from agentpolicy.effects.sql_parse import agreed

        for statement in listed:
            found.update(dict.fromkeys(map(_found, agreed(statement))))
            if len(found) > MOST_EFFECTS:
                raise Unread(f"the SQL has more than {MOST_EFFECTS} effects")
    except Unread as error:
        return _anything(str(error)), True
    except Exception as error:  # the parser is not ours: whatever breaks in it makes the text opaque
        return _anything(f"the SQL could not be parsed ({type(error).__name__})"), False
    if any(table for _, table, _, _ in found):
        found.pop(("sql.select", None, False, None), None)
    return tuple(found), True


def _found(row: Row) -> _Found:
    if row.unknown:
        return row.action, None, True, "which tables the statement changes besides is not written"
    return row.action, None if row.parts is None else canonical_table(row.parts), False, None
