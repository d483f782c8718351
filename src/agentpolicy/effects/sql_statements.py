"""What each kind of SQL statement does with the tables that it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from sqlglot import Expr, exp

from agentpolicy.effects.sql_names import Name, checked_part
from agentpolicy.effects.sql_text import Unread
from agentpolicy.effects.sql_words import FILE_ENDINGS, MODIFIERS

#: The names of common table expressions that a part of a statement sees.
Scope: TypeAlias = "frozenset[Name]"


class Row(NamedTuple):
    """One thing that a statement does. ``parts`` name the table, None where it has none or ``unknown`` says so."""

    action: str
    parts: tuple[Name, ...] | None = None
    unknown: bool = False


def name_of(identifier: exp.Identifier) -> Name:
    """A name as it is written, and whether it is quoted."""
    return str(identifier.this), bool(identifier.quoted)


def table_name(table: exp.Table) -> tuple[Name, ...] | None:
    """The parts of a table's name; None where it is a function that gives rows.

    Raises:
        Unread: its name is not written in the SQL, or could be read in two ways.
    """
    last = table.this
    if isinstance(last, exp.Func) and not table.args.get("db"):
        return None
    if table.args.get("catalog") is not None and not str(table.db):
        raise Unread("the name of a table lacks its middle part")
    parts: list[Name] = []
    for key in ("catalog", "db", "this"):
        part = table.args.get(key)
        if part is None or part == "":
            continue
        if not isinstance(part, exp.Identifier):
            raise Unread("the name of a table is not written in the SQL")
        parts.append(checked_part(*name_of(part)))
    if len(parts) == 1 and not parts[0][1] and parts[0][0].lower() in MODIFIERS:
        raise Unread(f"`{parts[0][0]}` is no name of a table for some databases")
    if len(parts) > 1 and parts[-1][0].lower() in FILE_ENDINGS:
        raise Unread("the name of a table may be that of a file")
    return tuple(parts)


def target(table: object, scope: Scope) -> tuple[Name, ...]:
    """The table that a statement changes."""
    if isinstance(table, exp.Schema):
        table = table.this
    if not isinstance(table, exp.Table):
        raise Unread("what the statement changes is no plain table")
    name = table_name(table)
    if not name:
        raise Unread("what the statement changes is no plain table")
    # For some databases this changes the table behind it.
    if len(name) == 1 and any(name[0][0].lower() == one.lower() for one, _ in scope):
        raise Unread("a common table expression is changed through its name")
    return name


def parts_of(node: Expr, *kinds: type[Expr]) -> Iterator[Expr]:
    """Every part of these kinds, at any depth."""
    return (one for one in node.walk() if isinstance(one, kinds))


def _insert(node: Expr, scope: Scope) -> Iterator[Row]:
    name = target(node.this, scope)
    args = node.args
    if args.get("is_function") or any(args.get(one) for one in ("stored", "settings", "source", "partition")):
        raise Unread("an insert of this form is not read")
    yield Row("sql.insert", name)
    if args.get("overwrite") or args.get("where") or str(args.get("alternative") or "").upper() == "REPLACE":
        yield Row("sql.delete", name)
    conflict = args.get("conflict")
    if conflict is not None and "NOTHING" not in str(conflict.args.get("action")).upper():
        yield Row("sql.update", name)
    yield from _returning(node, [name])


def _update(node: Expr, scope: Scope) -> Iterator[Row]:
    name = target(node.this, scope)
    joined = [target(one, scope) for one in beside(node.this, "joins")]
    aliases = _aliases([node.args.get("from_"), *beside(node, "joins")])
    changed = [name, *joined, *_behind(name, aliases)]
    for one in changed:
        yield Row("sql.update", one)
    if joined:
        for one in [name, *joined]:
            yield Row("sql.select", one)
    yield from _returning(node, changed)


def _delete(node: Expr, scope: Scope) -> Iterator[Row]:
    name = target(node.this, scope)
    others = [*beside(node.this, "joins"), *beside(node, "using"), *beside(node, "joins")]
    aliases = _aliases([node.this, *others])
    listed = [target(one, scope) for one in node.args.get("tables") or ()]
    changed: list[tuple[Name, ...]] = []
    for one in listed or [name]:
        behind = _behind(one, aliases)
        changed += behind if listed and behind else [one, *behind]
    for one in changed:
        yield Row("sql.delete", one)
    if listed or beside(node.this, "joins"):
        yield Row("sql.select", name)
    yield from _returning(node, changed)


def _merge(node: Expr, scope: Scope) -> Iterator[Row]:
    name = target(node.this, scope)
    for when in parts_of(node, exp.When):
        then = when.args.get("then")
        said = "" if isinstance(then, (exp.Update, exp.Insert)) else str(then).upper()
        if isinstance(then, exp.Update):
            yield Row("sql.update", name)
        elif isinstance(then, exp.Insert):
            yield Row("sql.insert", name)
        elif "NOTHING" not in said:
            yield Row("sql.delete", name)
    yield from _returning(node, [name])


def _create(node: Expr, scope: Scope) -> Iterator[Row]:
    kind, about = str(node.args.get("kind")).upper(), node.this
    if kind == "INDEX" and isinstance(about, exp.Index):
        yield Row("sql.schema", target(about.args.get("table"), scope))
    elif kind in {"TABLE", "VIEW", "SCHEMA", "DATABASE"}:
        yield Row("sql.schema", target(about, frozenset()))
    else:
        raise Unread(f"what creating a {kind.lower()} does is not known")
    if node.args.get("clone") is not None or node.args.get("begin"):
        raise Unread("a statement of this form is not read")


def _drop(node: Expr, scope: Scope) -> Iterator[Row]:
    kind = str(node.args.get("kind")).upper()
    tables = node.args.get("tables") or ([node.this] if isinstance(node.this, exp.Table) else [])
    if kind in {"TABLE", "VIEW", "SCHEMA", "DATABASE"} and tables:
        for table in tables:
            yield Row("sql.schema", target(table, frozenset()))
    on = node.args.get("cluster")
    if kind == "INDEX" and isinstance(on, exp.OnProperty):
        yield Row("sql.schema", target(on.this, frozenset()))
    elif kind not in {"TABLE", "VIEW"} or node.args.get("cascade") or not tables:
        yield Row("sql.schema", unknown=True)  # what else goes is not written


def _alter(node: Expr, scope: Scope) -> Iterator[Row]:
    if str(node.args.get("kind")).upper() not in {"TABLE", "VIEW"}:
        raise Unread("what the statement changes is no table")
    yield Row("sql.schema", target(node.this, scope))
    for one in parts_of(node, exp.AlterRename):
        yield Row("sql.schema", target(one.this, scope))
    if node.args.get("cascade"):
        yield Row("sql.schema", unknown=True)


def _truncate(node: Expr, scope: Scope) -> Iterator[Row]:
    for table in node.expressions:
        yield Row("sql.delete", target(table, scope))
    if node.args.get("is_database") or str(node.args.get("option") or "").upper() == "CASCADE" or not node.expressions:
        yield Row("sql.delete", unknown=True)


def _grant(node: Expr, scope: Scope) -> Iterator[Row]:
    kind = str(node.args.get("kind") or "TABLE").upper()
    securable = node.args.get("securable")
    known = kind in {"TABLE", "VIEW"} and isinstance(securable, exp.Table)
    yield Row("sql.schema", target(securable, scope)) if known else Row("sql.schema", unknown=True)


def _comment(node: Expr, scope: Scope) -> Iterator[Row]:
    known = str(node.args.get("kind")).upper() in {"TABLE", "VIEW"}
    yield Row("sql.schema", target(node.this, scope)) if known else Row("sql.schema", unknown=True)


def _returning(node: Expr, names: Iterable[tuple[Name, ...]]) -> Iterator[Row]:
    """What gives rows back reads them."""
    clause = node.args.get("returning")
    if clause is not None:
        if clause.args.get("into"):
            raise Unread("where the rows go that a statement gives back is not read")
        for name in names:
            yield Row("sql.select", name)


def beside(node: object, key: str) -> list[Expr]:
    """The tables of joins or of ``USING``."""
    value = node.args.get(key) if isinstance(node, Expr) else None
    listed = value if isinstance(value, list) else [value] if isinstance(value, Expr) else []
    return [one.this if isinstance(one, exp.Join) else one for one in listed]


def _aliases(parts: Iterable[object]) -> Mapping[str, list[tuple[Name, ...] | None]]:
    """What a bare name may stand for among tables, by their aliases and last names; None for what is no table."""
    found: dict[str, list[tuple[Name, ...] | None]] = {}
    todo = [part.this if isinstance(part, exp.From) else part for part in parts]
    while todo:
        part = todo.pop()
        if isinstance(part, Expr):
            todo += beside(part, "joins")
            name = table_name(part) if isinstance(part, exp.Table) else None
            for one in {str(part.alias).lower(), name[-1][0].lower() if name else ""} - {""}:
                found.setdefault(one, []).append(name)
    return found


def _behind(name: tuple[Name, ...], aliases: Mapping[str, list[tuple[Name, ...] | None]]) -> list[tuple[Name, ...]]:
    """The other tables that a bare name may be an alias of."""
    found: list[tuple[Name, ...]] = []
    for one in aliases.get(name[0][0].lower(), ()) if len(name) == 1 else ():
        if one is None:
            raise Unread("what the statement changes stands behind an alias")
        if one != name:
            found.append(one)
    return found


#: What each kind does with its own tables; the parts behind them are for others to read.
STATEMENTS: Final[Mapping[type[Expr], Callable[[Expr, Scope], Iterator[Row]]]] = {
    exp.Insert: _insert,
    exp.Update: _update,
    exp.Delete: _delete,
    exp.Merge: _merge,
    exp.Create: _create,
    exp.Drop: _drop,
    exp.Alter: _alter,
    exp.TruncateTable: _truncate,
    exp.Grant: _grant,
    exp.Revoke: _grant,
    exp.Comment: _comment,
}
