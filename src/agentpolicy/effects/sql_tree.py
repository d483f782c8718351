"""One parsed SQL statement to what it does with which tables.

Whatever part of it is not known makes the statement one that may do anything. Names of common table expressions are no
tables, where no database could take them for one; their bodies are read like any other query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from sqlglot import Expr, exp

from agentpolicy.effects.sql_statements import STATEMENTS, Row, Scope, name_of, parts_of, table_name, target
from agentpolicy.effects.sql_text import Unread
from agentpolicy.effects.sql_words import (
    HARMLESS,
    OWN_SCHEMAS,
    PLAIN_ENGINES,
    QUERY_PARTS,
    REACHING,
    REACHING_STEMS,
    SCHEMA_PARTS,
    STATEMENT_WORDS,
)

_QUERIES: Final = (exp.Select, exp.SetOperation, exp.Subquery)
#: Common table expressions of one statement, at most.
MOST_NAMED: Final = 200
_KNOWN: Final = QUERY_PARTS | SCHEMA_PARTS
_Todo: TypeAlias = "list[tuple[Expr, Scope]]"


def read_statement(root: Expr) -> list[Row] | None:
    """What a statement does, in no particular order but the same each time; None where it is no statement at all.

    Raises:
        Unread: a part of it is not known, so that it may do anything.
    """
    if isinstance(root, (exp.Command, exp.Block)):
        raise Unread("a statement is not read")
    if not isinstance(root, tuple(STATEMENTS) + _QUERIES):
        return None
    rows = list(dict.fromkeys(_Reader().read(root)))
    return rows or [Row("sql.select")]


class _Reader:
    """Walks a statement without recursion; ``_todo`` holds the parts to come with the names visible to them."""

    def __init__(self) -> None:
        self._todo: _Todo = []
        self._named = 0

    def read(self, root: Expr) -> Iterator[Row]:
        self._todo.append((root, frozenset()))
        while self._todo:
            node, scope = self._todo.pop()
            yield from self._visit(node, scope)

    def _visit(self, node: Expr, scope: Scope) -> Iterator[Row]:
        scope = self._with(node, scope)
        statement = next((kind for kind in STATEMENTS if isinstance(node, kind)), None)
        if isinstance(node, exp.Drop) and isinstance(node.parent, exp.Alter):
            if node.args.get("cascade"):
                yield Row("sql.schema", unknown=True)
        elif statement is not None:
            yield from STATEMENTS[statement](node, scope)
            about = ("expressions",) if isinstance(node, exp.TruncateTable) else ()
            self._children(node, scope, but=("with_", "this", "tables", "securable", "whens", "cluster", *about))
            self._inner(node, scope)
            return
        if isinstance(node, exp.Into):
            if not isinstance(node.this, exp.Table):
                raise Unread("where `into` leads is not known")
            yield Row("sql.schema", target(node.this, scope))
            return
        if isinstance(node, exp.AlterRename):
            return
        _check(node)
        if isinstance(node, exp.Table):
            name = table_name(node)
            if name is not None and not (len(name) == 1 and name[0] in scope):
                yield Row("sql.select", name)
            if name is not None:
                self._children(node, scope, but=("this", "db", "catalog"))
                return
        self._children(node, scope, but=("with_",))

    def _inner(self, node: Expr, scope: Scope) -> None:
        """The parts of a statement behind the table that it is about."""
        if isinstance(node, exp.Merge):
            # Its own updates and inserts have no table of their own.
            for when in parts_of(node, exp.When):
                for part in when.iter_expressions():
                    if isinstance(part, (exp.Update, exp.Insert)):
                        self._children(part, scope, but=("this",))
                        self._push(part.this, scope)
                    else:
                        self._push(part, scope)
        about = node.this
        if isinstance(node, (exp.Drop, exp.TruncateTable, exp.Grant, exp.Revoke)) or about is None:
            return
        if isinstance(about, (exp.Schema, exp.Index, exp.Table)):
            _check(about)
            table = about.this if isinstance(about, exp.Schema) else about
            self._children(about, scope, but=("this", "db", "catalog", "table", "alias"))
            if isinstance(about, exp.Schema) and isinstance(table, exp.Table):
                self._children(table, scope, but=("this", "db", "catalog", "alias"))

    def _with(self, node: Expr, scope: Scope) -> Scope:
        """The names that a statement sees, those that its own ``WITH`` gives among them."""
        clause = node.args.get("with_")
        if clause is None:
            return scope
        _check(clause)
        for one in clause.expressions:
            alias = one.args.get("alias")
            name = None if alias is None or not isinstance(one, exp.CTE) else alias.this
            if not isinstance(name, exp.Identifier) or clause.args.get("search") is not None:
                raise Unread("a common table expression is not plain")
            self._named += 1
            if self._named > MOST_NAMED:
                raise Unread(f"there are more than {MOST_NAMED} common table expressions")
            inner = scope | {name_of(name)}
            # Without RECURSIVE its own name is itself for some databases and a table for others, which is the stricter.
            self._push(one.this, inner if clause.recursive else scope)
            scope = inner
        return scope

    def _children(self, node: Expr, scope: Scope, *, but: Iterable[str]) -> None:
        for key, value in reversed(node.args.items()):
            if key not in but:
                for one in reversed(value) if isinstance(value, list) else (value,):
                    self._push(one, scope)

    def _push(self, part: object, scope: Scope) -> None:
        if isinstance(part, Expr):
            self._todo.append((part, scope))


# --- parts ------------------------------------------------------------------------


def _check(node: Expr) -> None:
    """Refuse a part that is not known, or known to do more than to compute."""
    kind = type(node).__name__
    if isinstance(node, (exp.Anonymous, exp.AnonymousAggFunc)):
        name = str(node.this).lower()
        typed = exp.FUNCTION_BY_NAME.get(name.upper())
        if name not in HARMLESS and (typed is None or _reaches(typed.__name__)):
            raise Unread(f"what the function `{name[:60]}` does is not known")
    elif isinstance(node, exp.Dot):
        owner, called = node.this, node.expression
        if isinstance(called, exp.Func) and (str(owner.name).lower() not in OWN_SCHEMAS or owner.args.get("quoted")):
            raise Unread(f"what a function of `{str(owner.name)[:60]}` does is not known")
    elif isinstance(node, exp.Func):
        if _reaches(kind):
            raise Unread(f"the function `{node.sql_name().lower()}` reaches beyond tables")
    elif isinstance(node, exp.EngineProperty):
        if str(node.this.name).lower() not in PLAIN_ENGINES:
            raise Unread(f"where the engine `{str(node.this.name)[:60]}` keeps its rows is not known")
    elif kind not in _KNOWN:
        raise Unread(f"a part of the SQL is not known (`{kind}`)")
    elif isinstance(node, (exp.Alias, exp.TableAlias)):
        alias = node.args.get("alias") if isinstance(node, exp.Alias) else node.this
        if isinstance(alias, exp.Identifier) and not alias.quoted and str(alias.this).lower() in STATEMENT_WORDS:
            raise Unread(f"`{alias.this}` begins another statement for some databases")


def _reaches(kind: str) -> bool:
    return kind in REACHING or kind.startswith(REACHING_STEMS)
