"""Annotations in Python source as types of the language, read without running anything."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Final

from attrs import evolve, frozen

from agentpolicy.checker.draft.tool import Scalar
from agentpolicy.engine import markers

#: Quoted annotations and unions are followed this deep.
_DEEPEST: Final = 8
_PLAIN: Final[Mapping[str, str]] = {
    **dict.fromkeys(("str", "date", "datetime", "time", "UUID", "EmailStr", "SecretStr", "AnyStr"), "text"),
    **dict.fromkeys(("int", "float", "Decimal"), "number"),
    **dict.fromkeys(("Path", "PurePath", "PathLike", "FilePath", "DirectoryPath", "NewPath"), "path"),
    **dict.fromkeys(("HttpUrl", "AnyUrl", "AnyHttpUrl"), "url"),
    "bool": "bool",
}
_LISTS: Final = frozenset({"list", "List", "Sequence", "Iterable", "tuple", "Tuple", "set", "Set", "Collection"})
#: What a framework puts in, and the agent does not.
_INJECTED: Final = frozenset({"Context", "RunContext", "RunContextWrapper", "ToolContext", "ToolRuntime", "Request"})
_INJECTORS: Final = frozenset({"Depends", "Inject", "Provide", "InjectedState", "InjectedStore", "InjectedToolArg"})


@frozen
class Annotation:
    """What an annotation says: as ``Parameter`` has it, and whether a framework fills the parameter in."""

    type: str | None
    what: str = ""
    optional: bool = False
    choices: tuple[Scalar, ...] = ()
    format: str = ""
    action: str = ""
    injected: bool = False


_ANY: Final = Annotation(None, "values of any type")


def read_annotation(node: ast.expr | None, deep: int = _DEEPEST) -> Annotation:
    """The type that an annotation names; none where it is missing or is no plain value's."""
    if node is None or deep <= 0:
        return _ANY
    match node:
        case ast.Constant(value=None):
            return Annotation(None, optional=True)
        case ast.Constant(value=str(text)):
            try:
                return read_annotation(ast.parse(text, mode="eval").body, deep - 1)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return _ANY
        case ast.Name() | ast.Attribute():
            return _named(_last(node))
        case ast.BinOp(op=ast.BitOr()):
            return _union(_arms(node), deep)
        case ast.Subscript(value=outer, slice=inside):
            return _generic(_last(outer), inside.elts if isinstance(inside, ast.Tuple) else [inside], deep)
        case _:
            return _ANY


def _last(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _named(name: str) -> Annotation:
    if name in _INJECTED:
        return Annotation(None, injected=True)
    if name in {"dict", "Dict", "Mapping", "object", "list", "tuple", "set"}:
        return Annotation(None, "an object" if name in {"dict", "Dict", "Mapping"} else "values of any type")
    type_ = _PLAIN.get(name)
    return _ANY if type_ is None else Annotation(type_, format="email" if name == "EmailStr" else "")


def _arms(node: ast.expr) -> list[ast.expr]:
    """The alternatives of ``A | B | C``, found without recursion."""
    found: list[ast.expr] = []
    todo = [node]
    while todo:
        one = todo.pop()
        if isinstance(one, ast.BinOp) and isinstance(one.op, ast.BitOr):
            todo += [one.right, one.left]
        else:
            found.append(one)
    return found


def _union(arms: list[ast.expr], deep: int) -> Annotation:
    real = [one for one in arms if not (isinstance(one, ast.Constant) and one.value is None)]
    optional = len(real) < len(arms)
    read = [read_annotation(one, deep - 1) for one in real]
    kinds = {one.type for one in read}
    if kinds == {"text", "path"}:
        kinds = {"path"}
    if len(kinds) != 1 or not read:
        return Annotation(None, "values of several types", optional)
    first = next(one for one in read if one.type in kinds)
    return evolve(first, optional=optional or any(one.optional for one in read))


def _generic(outer: str, inside: list[ast.expr], deep: int) -> Annotation:
    if outer in _INJECTED:
        return Annotation(None, injected=True)
    if outer == "Optional" and inside:
        return evolve(read_annotation(inside[0], deep - 1), optional=True)
    if outer == "Union":
        return _union(inside, deep)
    if outer == "Annotated" and inside:
        return _annotated(inside, deep)
    if outer == "Literal":
        values = tuple(
            one.value for one in inside if isinstance(one, ast.Constant) and isinstance(one.value, str | int | bool)
        )
        kinds = {"bool" if isinstance(one, bool) else "text" if isinstance(one, str) else "number" for one in values}
        return Annotation(kinds.pop(), choices=values) if len(kinds) == 1 else _ANY
    if outer in _LISTS:
        kept = [one for one in inside if not (isinstance(one, ast.Constant) and one.value is Ellipsis)]
        kinds_ = {read_annotation(one, deep - 1).type for one in kept}
        inner = kinds_.pop() if len(kinds_) == 1 else None
        if inner is None or inner.startswith("["):
            return Annotation(None, "a list of other things than texts, numbers or truth values")
        return Annotation(f"[{inner}]")
    return Annotation(None, "an object" if outer in {"dict", "Dict", "Mapping"} else "values of any type")


def _annotated(inside: list[ast.expr], deep: int) -> Annotation:
    """``Annotated``: marks of this package give effects, injectors say that the agent does not fill it in."""
    found = read_annotation(inside[0], deep - 1)
    for note in inside[1:]:
        if isinstance(note, ast.Constant) and isinstance(note.value, str):
            continue
        name = _last(note.func if isinstance(note, ast.Call) else note)
        if name in _INJECTORS:
            return Annotation(None, injected=True)
        marker = getattr(markers, name, None)
        if isinstance(marker, markers.Marker) and found.type in {"text", "path", "[text]", "[path]"}:
            listed = found.type.startswith("[")
            found = evolve(found, type=f"[{marker.type}]" if listed else marker.type, action=marker.action)
    return found
