"""One SQL statement parsed as several databases would read it, and what they agree on. Loads sqlglot."""

from __future__ import annotations

import logging
import threading
from typing import Final

from sqlglot import Dialect, Expr
from sqlglot.errors import SqlglotError

from agentpolicy.effects.sql_statements import Row
from agentpolicy.effects.sql_text import Unread
from agentpolicy.effects.sql_tree import read_statement

#: The dialects that a text is read in: sqlglot's own, close to the standard, and those of widespread databases.
DIALECTS: Final = ("", "postgres", "mysql", "sqlite", "tsql", "duckdb")
_reading = threading.local()


def agreed(statement: str) -> list[Row]:
    """What the dialects that can read a statement agree on.

    Raises:
        Unread: none can, one of them cannot tell what it does, or they disagree.
    """
    found: list[Row] | None = None
    for dialect in DIALECTS:
        tree = _parsed(statement, dialect)
        rows = None if tree is None else read_statement(tree)
        if rows is None:
            continue
        if found is None:
            found = rows
        elif set(found) != set(rows):
            raise Unread("databases disagree about what the SQL does")
    if found is None:
        raise Unread("the SQL is not of a form that is read")
    return found


def _parsed(statement: str, dialect: str) -> Expr | None:
    """One statement as a tree; None where it is no statement of the dialect."""
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


logging.getLogger("sqlglot").addFilter(_Quiet())
