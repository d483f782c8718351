"""SQL text to its effects: which tables it reads, changes and drops.

Which database will run the text is not known. It is read as several would, and what they do not agree about, or what
none of them reads, is opaque. The parser is sqlglot, which the extra ``sql`` brings; it is loaded when SQL is read.
"""

from __future__ import annotations

import importlib.util
import logging
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from agentpolicy.effects.effect import SqlEffect
from agentpolicy.effects.recent import Recent
from agentpolicy.effects.sql_names import Name, canonical_table, split_name
from agentpolicy.effects.sql_text import Unread, statements

if TYPE_CHECKING:
    from agentpolicy.effects.sql_statements import Row

ACTIONS: Final = ("sql.select", "sql.insert", "sql.update", "sql.delete", "sql.schema")
#: How to get the parser.
INSTALL: Final = "pip install 'agentpolicy-engine[sql]'"
#: The dialects that a text is read in: sqlglot's own, close to the standard, and those of widespread databases.
DIALECTS: Final = ("", "postgres", "mysql", "sqlite", "tsql", "duckdb")
#: Most effects of one text.
MOST_EFFECTS: Final = 1000
_REMEMBERED: Final = 8192

#: ``(action, table, opaque, possible, why)``
_Found = tuple[str, "str | None", bool, bool, "str | None"]
_seen: Recent[tuple[_Found, ...]] = Recent(256)
_reading = threading.local()


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
    return [
        SqlEffect(action, table, database, opaque=opaque, possible=possible, why=why)
        for action, table, opaque, possible, why in found
    ]


def table_effects(action: str, target: str) -> list[SqlEffect]:
    """The effects of ``action`` on a table that is named as SQL names it; opaque where that is no name."""
    try:
        found = _named(action, split_name(target))
        return [SqlEffect(action, table, possible=possible) for action, table, _, possible, _ in found]
    except Unread as error:
        return [SqlEffect(action, None, opaque=True, why=str(error))]


def _anything(why: str) -> tuple[_Found, ...]:
    return tuple([(action, None, True, False, why) for action in ACTIONS])


def _read(text: str) -> tuple[tuple[_Found, ...], bool]:
    """What is found in a text, and whether it would be found again."""
    try:
        found: dict[_Found, None] = {}
        listed = statements(text)
        if not listed:
            raise Unread("the text holds no statement that does anything")
        if not available():
            return _anything(f"SQL is not read without its parser: {INSTALL}"), False
        for statement in listed:
            found.update(dict.fromkeys(_rows_to_effects(_agreed(statement))))
            if len(found) > MOST_EFFECTS:
                raise Unread(f"the SQL has more than {MOST_EFFECTS} effects")
    except Unread as error:
        return _anything(str(error)), True
    except Exception as error:  # the parser is not ours: whatever breaks in it makes the text opaque
        return _anything(f"the SQL could not be parsed ({type(error).__name__})"), False
    if any(table for _, table, _, _, _ in found):
        found.pop(("sql.select", None, False, False, None), None)
    return tuple(found), True


def _agreed(statement: str) -> list[Row]:
    """What the dialects that can read a statement agree on.

    Raises:
        Unread: none can, one of them cannot tell what it does, or they disagree.
    """
    from agentpolicy.effects.sql_tree import read_statement

    agreed: list[Row] | None = None
    for dialect in DIALECTS:
        tree = _parsed(statement, dialect)
        rows = None if tree is None else read_statement(tree)
        if rows is None:
            continue
        if agreed is None:
            agreed = rows
        elif set(agreed) != set(rows):
            raise Unread("databases disagree about what the SQL does")
    if agreed is None:
        raise Unread("the SQL is not of a form that is read")
    return agreed


def _parsed(statement: str, dialect: str) -> Any:
    """One statement as a tree; None where it is no statement of the dialect."""
    from sqlglot import Dialect
    from sqlglot.errors import SqlglotError

    logger = logging.getLogger("sqlglot")
    if not any(isinstance(one, _Quiet) for one in logger.filters):
        logger.addFilter(_Quiet())
    reader = Dialect.get_or_raise(dialect or None)
    most = 500 + 2 * len(statement)
    parser = reader.parser(max_nodes=most)
    _reading.now = True
    try:
        trees = parser.parse(reader.tokenize(statement), statement)
    except SqlglotError:
        # The parser goes back and tries again, up to exponentially often: what it made in vain counts too.
        if parser._node_count > most:  # pyright: ignore[reportPrivateUsage]
            raise Unread("the SQL takes too many steps to read") from None
        return None
    finally:
        _reading.now = False
    return trees[0] if len(trees) == 1 else None


class _Quiet(logging.Filter):
    """Keeps what the parser would say of our texts, and the texts with it, out of the host's log."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(_reading, "now", False)


def _rows_to_effects(rows: Iterable[Row]) -> Iterable[_Found]:
    for row in rows:
        if row.unknown:
            yield (row.action, None, True, False, "which tables the statement changes besides is not written")
        elif row.parts is None:
            yield (row.action, None, False, False, None)
        else:
            yield from _named(row.action, row.parts)


def _named(action: str, parts: tuple[Name, ...]) -> Iterable[_Found]:
    """A table under its canonical name, and under the one that databases without case in names take it for."""
    table = canonical_table(parts)
    yield (action, table, False, False, None)
    if table != table.lower():
        yield (action, table.lower(), False, True, None)
