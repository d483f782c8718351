"""Arguments of a tool call, held against what they should be."""

from __future__ import annotations

import math
import os
from typing import Any, Final

from agentpolicy.effects.shape import TEXTUAL, ToolShape
from agentpolicy.effects.text import visible, well_formed

#: Deepest nesting of an argument, and most values in all of a call's arguments.
DEEPEST: Final = 64
MOST_VALUES: Final = 100_000


class BadCall(Exception):
    """A call that is refused before any rule is asked.

    ``code`` is a stable word (``missing-argument``, ``undeclared-argument``, ``wrong-type``, ``bad-text``,
    ``not-json``, ``too-deep``, ``too-large``, ``bad-name``, ``bad-method``, ``bad-directory``, ``bad-environment``,
    ``unknown-action``, ``not-yet``); ``reason`` a sentence for whoever made the call.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def bind(args: Any, shape: ToolShape) -> dict[str, Any]:
    """The declared arguments by name, defaults filled in, those that are absent or None left out.

    Raises:
        BadCall: an argument is missing, undeclared, of the wrong type or not JSON-like.
    """
    if type(args) is not dict:
        args = _as_dict(args)
    values: dict[str, Any] = {}
    seen = 0
    for name, kind, textual, required, default in shape.plan:
        value = args.get(name)
        if value is not None:
            seen += 1
            if textual and type(value) is str and value.isascii() and (kind != "path" or "\0" not in value):
                values[name] = value
            else:
                values[name] = _checked(name, kind, value)
        elif required:
            raise BadCall("missing-argument", f"`{shape.name}` needs the argument `{name}`")
        else:
            if default is not None:
                values[name] = default
            if name in args:
                seen += 1
    if seen != len(args):
        for name in args:
            if not isinstance(name, str):
                raise BadCall("undeclared-argument", "an argument's name is not text")
            if name not in shape.parameters:
                raise BadCall("undeclared-argument", f"`{shape.name}` declares no argument `{visible(name)}`")
    return values


def bind_any(args: Any) -> dict[str, Any]:
    """The arguments of a tool that nobody declared: any that are JSON-like.

    Raises:
        BadCall: an argument is not JSON-like, or its name is not text.
    """
    if type(args) is not dict:
        args = _as_dict(args)
    values: dict[str, Any] = {}
    for name, value in args.items():
        if not isinstance(name, str):
            raise BadCall("undeclared-argument", "an argument's name is not text")
        if not well_formed(name):
            raise BadCall("bad-text", f"the argument name `{visible(name)}` holds half a character")
        if value is not None:
            check_json(name, value)
            values[name] = value
    return values


def _as_dict(args: Any) -> dict[Any, Any]:
    try:
        return dict(args)
    except Exception as error:
        raise BadCall("not-json", "the arguments are not a map from names to values") from error


def _checked(name: str, kind: str, value: Any) -> Any:
    """The value where it is of the type ``kind``; plain text for paths given as path objects."""
    if kind in TEXTUAL:
        return _text(name, kind, value)
    if kind == "number":
        return _number(name, value)
    if kind == "bool":
        if type(value) is not bool:
            raise _wrong(name, "true or false", value)
        return value
    if kind == "any":
        check_json(name, value)
        return value
    if kind == "command":
        kind = "shell" if isinstance(value, str) else "argv"
        return _text(name, kind, value) if kind == "shell" else _checked(name, kind, value)
    inner = "text" if kind == "argv" else kind[1:-1]
    if not isinstance(value, (list, tuple)):
        raise _wrong(name, f"a list of {_SAID.get(inner, inner)}", value)
    if len(value) > MOST_VALUES:
        raise BadCall("too-large", f"argument `{name}` has more than {MOST_VALUES} values")
    return [_checked(name, inner, one) for one in value]


_SAID: Final = {"text": "texts", "number": "numbers", "bool": "truth values", "path": "paths", "any": "values"}


def _text(name: str, kind: str, value: Any) -> str:
    if kind == "path" and not isinstance(value, str) and isinstance(value, os.PathLike):
        try:
            value = os.fspath(value)
        except Exception as error:
            raise BadCall("wrong-type", f"argument `{name}` is not a path") from error
    if not isinstance(value, str):
        raise _wrong(name, "a path" if kind == "path" else "text", value)
    plain = str.__str__(value)  # a subclass may say it equals what it does not
    if not well_formed(plain):
        raise BadCall("bad-text", f"argument `{name}` holds half a character (a lone surrogate)")
    if kind == "path" and "\0" in plain:
        raise BadCall("bad-text", f"argument `{name}` is a path that holds a NUL character")
    return plain


def _number(name: str, value: Any) -> Any:
    if type(value) is int:
        if value.bit_length() > 1023:
            raise BadCall("wrong-type", f"argument `{name}` is too large a number")
        return value
    if type(value) is not float:
        raise _wrong(name, "a number", value)
    if not math.isfinite(value):
        raise BadCall("wrong-type", f"argument `{name}` is not a finite number")
    return value


def _wrong(name: str, wanted: str, value: Any) -> BadCall:
    return BadCall("wrong-type", f"argument `{name}` must be {wanted}, not {_kind(value)}")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, str):
        return "text"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, dict):
        return "a map"
    return f"a `{type(value).__name__}`"


def check_json(name: str, value: Any) -> None:
    """Raise ``BadCall`` where a value is not text, a finite number, a truth value, None, or a list or map of such."""
    level = [value]
    count = 0
    for _ in range(DEEPEST + 1):
        deeper: list[Any] = []
        for one in level:
            kind = type(one)
            if kind is str:
                if not well_formed(one):
                    raise BadCall("bad-text", f"argument `{name}` holds half a character (a lone surrogate)")
            elif kind is int or kind is float:
                _number(name, one)
            elif kind is bool or one is None:
                continue
            elif kind is list or kind is tuple:
                count += len(one)
                if count > MOST_VALUES:
                    break
                deeper.extend(one)
            elif kind is dict:
                count += len(one)
                if count > MOST_VALUES:
                    break
                for key in one:
                    if type(key) is not str:
                        raise BadCall("not-json", f"argument `{name}` has a map whose keys are not all text")
                deeper.extend(one)
                deeper.extend(one.values())
            else:
                raise BadCall("not-json", f"argument `{name}` holds {_kind(one)}, which is not JSON-like")
        if count > MOST_VALUES:
            raise BadCall("too-large", f"argument `{name}` has more than {MOST_VALUES} values")
        if not deeper:
            return
        level = deeper
    raise BadCall("too-deep", f"argument `{name}` is nested deeper than {DEEPEST}")
