"""From a function's signature to the declaration of a tool."""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping
from os import PathLike
from pathlib import Path, PurePath
from typing import Annotated, Any, Union, get_args, get_origin

from agentpolicy.effects.tools import ToolShape
from agentpolicy.engine.markers import Marker

_PLAIN: Mapping[Any, str] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "bool",
    Path: "path",
    PurePath: "path",
    PathLike: "path",
}
_JSON: tuple[Any, ...] = (dict, list, tuple, Mapping, Any, object, None, type(None), bytes)


def shape_of(function: Callable[..., Any], name: str, ignore: Collection[str], bound: bool) -> ToolShape:
    """The declaration of a guarded function: its parameters, and the effects that annotations give it.

    A parameter called ``cwd`` is the directory of commands and relative paths. Annotated effects answer for the tool.

    Args:
        function: the function as written.
        name: the tool's name.
        ignore: parameters that are no part of the call (a framework's context, a connection).
        bound: whether the first parameter is the instance or class.

    Raises:
        TypeError: an annotation cannot be read, a mark stands on a type that it does not fit, or a parameter is of a
            type that no policy can judge.
    """
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1 if bound else 0 :]
    rows: dict[str, tuple[str, bool, Any]] = {}
    effects: list[tuple[str, str, str | None]] = []
    place = "cwd" if any(one.name == "cwd" for one in parameters) and "cwd" not in ignore else None
    for parameter in parameters:
        if parameter.name in ignore:
            continue
        kind, marker, optional = _read(function, parameter)
        default = None if parameter.default is inspect.Parameter.empty else parameter.default
        variadic = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            kind = f"[{kind}]" if not kind.startswith("[") and kind != "any" else "any"
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            kind = "any"
        if parameter.name == "cwd" and kind == "text":
            kind = "path"
        # Python itself sees to it that an argument is there; None is a value like any other where any is welcome.
        required = parameter.default is inspect.Parameter.empty and not optional and not variadic and kind != "any"
        rows[parameter.name] = (kind, required, None if required else _default(default))
        if marker is not None:
            effects.append(
                (
                    marker.action,
                    parameter.name,
                    place if marker.type in {"shell", "path"} and parameter.name != "cwd" else None,
                )
            )
    return ToolShape(name, rows, tuple(effects), bool(effects), None)


def _default(value: Any) -> Any:
    """A default as a declaration keeps it; what is no plain value is left to the function itself."""
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, str | int | float | bool) for item in value):
        return tuple(value)
    return None


def _read(function: Callable[..., Any], parameter: inspect.Parameter) -> tuple[str, Marker | None, bool]:
    """The language's type, the mark, and whether None may be given."""
    annotation = _evaluated(function, parameter)
    marker: Marker | None = None
    if get_origin(annotation) is Annotated:
        inner, *notes = get_args(annotation)
        marks = [note for note in notes if isinstance(note, Marker)]
        if len(marks) > 1:
            raise TypeError(f"the parameter `{parameter.name}` has more than one mark: {marks}")
        marker = marks[0] if marks else None
        annotation = inner
    optional = False
    if get_origin(annotation) in (Union, types.UnionType):
        arms = [arm for arm in get_args(annotation) if arm is not type(None)]
        optional = len(arms) < len(get_args(annotation))
        kinds = {_kind(arm, parameter.name) for arm in arms}
        kind = kinds.pop() if len(kinds) == 1 else "path" if kinds == {"text", "path"} else "any"
    else:
        kind = _kind(annotation, parameter.name)
    if marker is None:
        return kind, None, optional
    listed = kind in {"[text]", "[path]"} and marker.type != "shell"
    if not listed and kind not in {"text", "path", "any"}:
        raise TypeError(f"{marker} stands on text, and the parameter `{parameter.name}` is `{annotation}`")
    if kind == "any" and annotation is not inspect.Parameter.empty and annotation is not Any:
        raise TypeError(f"{marker} stands on text, and the parameter `{parameter.name}` is `{annotation}`")
    return (f"[{marker.type}]" if listed else marker.type), marker, optional


def _evaluated(function: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    annotation = parameter.annotation
    if not isinstance(annotation, str):
        return annotation
    inner = inspect.unwrap(function)
    names = dict(getattr(inner, "__globals__", {}))
    closure = inspect.getclosurevars(inner).nonlocals if inspect.isfunction(inner) else {}
    try:
        holder = type("holder", (), {"__annotations__": {"it": annotation}})
        return typing.get_type_hints(holder, {**names, **closure}, include_extras=True)["it"]
    except Exception as error:
        raise TypeError(
            f"the annotation `{annotation}` of `{parameter.name}` cannot be read here ({error}); if the parameter "
            f"is no part of what the agent asks for, leave it out with guard(engine, ignore=[{parameter.name!r}])"
        ) from error


def _kind(annotation: Any, name: str) -> str:
    if annotation is inspect.Parameter.empty:
        return "any"
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kind(get_args(annotation)[0], name)
    if origin is typing.Literal:
        kinds = {_PLAIN.get(type(value), "any") for value in get_args(annotation)}
        return kinds.pop() if len(kinds) == 1 else "any"
    if origin in (list, tuple) or origin in (
        collections.abc.Sequence,
        collections.abc.Iterable,
    ):
        inner = {_kind(one, name) for one in get_args(annotation) if one is not Ellipsis}
        kind = inner.pop() if len(inner) == 1 else "any"
        return f"[{kind}]" if kind in {"text", "number", "bool", "path"} else "any"
    if origin is PathLike:
        return "path"
    if annotation in _JSON or origin in (dict, Union, types.UnionType, collections.abc.Mapping):
        return "any"
    if isinstance(annotation, type) and issubclass(annotation, str):
        return "text"
    if isinstance(annotation, type) and (typing.is_typeddict(annotation) or issubclass(annotation, dict)):
        return "any"
    if isinstance(annotation, typing.TypeVar):
        return "any"
    shown = getattr(annotation, "__name__", annotation)
    raise TypeError(
        f"no policy can judge the parameter `{name}` of type `{shown}`; if it is no part of what the agent asks for, "
        f"leave it out with guard(engine, ignore=[{name!r}])"
    )
