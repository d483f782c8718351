"""From JSON Schema to types of the language."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from agentpolicy.checker.draft.names import plain
from agentpolicy.checker.draft.tool import MOST_READ, Default, Parameter, Scalar

#: References that are followed, one behind the other, and alternatives that are looked at.
_DEEPEST: Final = 8
_MOST: Final = 64
_LONGEST_DEFAULT: Final = 200

_PLAIN: Final[Mapping[str, str]] = {"string": "text", "number": "number", "integer": "number", "boolean": "bool"}


def parameter(name: str, schema: Any, required: bool, root: Mapping[str, Any]) -> Parameter:
    """A property as a parameter. A value that may be null may be left out.

    Args:
        name: the property's name.
        schema: its schema, whatever was found there.
        required: whether the object's schema asks for it.
        root: the whole schema, into which references lead.
    """
    whole = _followed(schema, root)
    type_, optional, inner = _type(whole, root, _DEEPEST)
    default = default_of(whole.get("default"), type_)
    about = whole.get("description", inner.get("description"))
    choices = inner.get("enum")
    format_ = inner.get("format")
    return Parameter(
        name,
        type_,
        "" if type_ is not None else _what(whole),
        required and not optional,
        default,
        about[:MOST_READ] if isinstance(about, str) else "",
        tuple([one for one in choices[:_MOST] if _is_scalar(one)]) if isinstance(choices, list) else (),
        format_ if isinstance(format_, str) else "",
    )


def _followed(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a reference leads to; an empty one where it leads nowhere."""
    for _ in range(_DEEPEST):
        if not isinstance(schema, Mapping):
            return {}
        wrapped = schema.get("allOf")
        target = schema.get("$ref")
        if isinstance(target, str):
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            found = _pointed(target, root)
            schema = {**found, **beside} if isinstance(found, Mapping) else {}
        elif isinstance(wrapped, list) and len(wrapped) == 1 and isinstance(wrapped[0], Mapping):
            schema = {**wrapped[0], **{key: value for key, value in schema.items() if key != "allOf"}}
        else:
            return schema
    return {}


def _pointed(target: str, root: Mapping[str, Any]) -> Any:
    """What a pointer inside the same document, ``#/$defs/X``, leads to (RFC 6901)."""
    if not target.startswith("#/"):
        return None
    found: Any = root
    for part in target[2:].split("/", _DEEPEST):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part.replace("~1", "/").replace("~0", "~"))
    return found


def _type(schema: Mapping[str, Any], root: Mapping[str, Any], deep: int) -> tuple[str | None, bool, Mapping[str, Any]]:
    """The language's type, whether null is welcome, and the schema of the values that are not null."""
    optional = schema.get("nullable") is True
    arms = schema.get("anyOf", schema.get("oneOf"))
    if isinstance(arms, list):
        if deep <= 0 or len(arms) > _MOST:
            return None, optional, {}
        read = [_type(_followed(arm, root), root, deep - 1) for arm in arms if not _is_null(arm)]
        optional = optional or len(read) < len(arms) or any(null for _, null, _ in read)
        kinds = {kind for kind, _, _ in read}
        kind = kinds.pop() if len(kinds) == 1 else None
        return kind, optional, read[0][2] if len(read) == 1 else {}
    names = schema.get("type")
    if isinstance(names, list):
        optional = optional or "null" in names
        left = {_PLAIN.get(one, one) for one in names if isinstance(one, str) and one != "null"}
        if len(left) != 1:
            return None, optional, schema
        names = next(iter(one for one in names if one != "null"))
    if names == "array":
        items = schema.get("items")
        inner = None if items is None or deep <= 0 else _type(_followed(items, root), root, deep - 1)[0]
        return (None if inner is None or inner.startswith("[") else f"[{inner}]"), optional, schema
    if isinstance(names, str):
        return _PLAIN.get(names), optional, schema
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if isinstance(values, list) and values:
        optional = optional or any(one is None for one in values[:_MOST])
        kinds = {_type_of(one) for one in values[:_MOST] if one is not None}
        if len(kinds) == 1:
            return kinds.pop(), optional, schema
    return None, optional, schema


def _type_of(value: Any) -> str | None:
    if isinstance(value, bool):
        return "bool"
    return "text" if isinstance(value, str) else "number" if isinstance(value, int | float) else None


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and (schema.get("type") == "null" or schema.get("enum") == [None])


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def _what(schema: Mapping[str, Any]) -> str:
    """A type that the language lacks, in words."""
    if "anyOf" in schema or "oneOf" in schema or isinstance(schema.get("type"), list):
        return "values of several types"
    match schema.get("type"):
        case "object":
            return "an object"
        case "array":
            return "a list of other things than texts, numbers or truth values"
        case _:
            return "values of any type"


def default_of(value: Any, type_: str | None) -> Default:
    """The value of a parameter that is left out; None where a policy cannot write it, or it is of another type."""
    if type_ is None or value is None:
        return None
    if type_.startswith("["):
        if not isinstance(value, list | tuple) or len(value) > _MOST:
            return None
        inner = [_scalar(one, type_[1:-1]) for one in value]
        found = [one for one in inner if one is not None]
        return tuple(found) if len(found) == len(inner) else None
    return _scalar(value, type_)


def _scalar(value: Any, type_: str) -> Scalar | None:
    match value:
        case bool():
            return value if type_ == "bool" else None
        case str():
            fits = type_ not in {"number", "bool"} and len(value) <= _LONGEST_DEFAULT and plain(value)
            return value if fits else None
        case int():
            return value if type_ == "number" and abs(value) < 10**15 else None
        case float():
            fits = type_ == "number" and math.isfinite(value) and abs(value) < 10**9 and round(value, 6) == value
            return value if fits and "e" not in repr(value) else None
        case _:
            return None
