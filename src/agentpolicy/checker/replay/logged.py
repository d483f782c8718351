"""A line of the decision log to what was decided and the effects that it was decided for."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect, NetEffect, SqlEffect, ToolEffect
from agentpolicy.effects.schemes import OTHER_PORTS, SPECIAL_PORTS
from agentpolicy.language.vocabulary import ACTIONS, family

_PORTS = {**OTHER_PORTS, **SPECIAL_PORTS}
_OUTCOMES = ("allow", "ask", "deny")
#: What a shell may make many words of.
_WILD = frozenset("*?[{")


class BadEvent(ValueError):
    """An event of the log cannot be read; the text says why."""


@frozen
class Logged:
    """A decision as it was logged. ``moment`` is in seconds since the epoch, None where the log does not say.

    ``tool`` is None for an effect that was asked about by itself. Arguments are not logged.
    """

    origin: str
    tool: str | None
    outcome: str
    rule: str
    effects: tuple[Effect, ...]
    moment: float | None = None


def is_event(value: Mapping[str, Any]) -> bool:
    """Whether an object is an event of a log, and no run."""
    return isinstance(value.get("kind"), str) and "messages" not in value


def logged_from_json(value: Mapping[str, Any], origin: str) -> Logged | None:
    """The decision that an event holds, None for events of other kinds.

    Raises:
        BadEvent: it is a decision that lacks what one has.
    """
    if value["kind"] != "decision":
        return None
    outcome, rule, tool = value.get("outcome"), value.get("rule"), value.get("tool")
    effects = value.get("effects")
    if outcome not in _OUTCOMES or not isinstance(rule, str):
        raise BadEvent("the decision has no outcome or no rule")
    if not isinstance(effects, list) or not (tool is None or isinstance(tool, str)):
        raise BadEvent("the decision has no list of effects, or a tool whose name is no text")
    return Logged(origin, tool, outcome, rule, tuple(_effect(one) for one in effects), _moment(value.get("time")))


def _moment(value: Any) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        return datetime.datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _effect(value: Any) -> Effect:
    """An effect from the form that ``as_json`` gave it; what that leaves out is taken for unknown."""
    if not isinstance(value, dict) or value.get("action") not in ACTIONS:
        raise BadEvent("an effect has no action that is known")
    action: str = value["action"]
    opaque = value.get("opaque") is True
    possible = value.get("possible") is True
    match family(action):
        case "fs":
            path, resolved = _text(value, "path"), _text(value, "resolved")
            return FileEffect(action, path, resolved, many=value.get("many") is True, possible=possible)
        case "exec":
            return _command(value, opaque)
        case "net":
            scheme, port = _text(value, "scheme"), value.get("port")
            return NetEffect(
                action,
                scheme=scheme,
                host=_text(value, "host"),
                port=port if isinstance(port, int) else None,
                path=_text(value, "path"),
                private=value.get("private") if isinstance(value.get("private"), bool) else None,
                usual_port=scheme is not None and port is not None and _PORTS.get(scheme) == port,
                opaque=opaque,
                possible=possible,
            )
        case "sql":
            return SqlEffect(action, _text(value, "table"), _text(value, "database"), opaque=opaque)
        case _:
            name = _text(value, "name")
            if name is None:
                raise BadEvent("the effect on a tool does not name it")
            return ToolEffect(name, {})


def _command(value: Mapping[str, Any], opaque: bool) -> ExecEffect:
    argv, env, flags = value.get("argv"), value.get("env"), value.get("flags")
    if argv is not None and not (isinstance(argv, list) and all(one is None or isinstance(one, str) for one in argv)):
        raise BadEvent("`argv` is no list of words")
    if not isinstance(env, dict | None):
        raise BadEvent("`env` is no object")
    words = None if argv is None else tuple(argv)
    return ExecEffect(
        words,
        cwd=_text(value, "cwd"),
        env=env,
        elevated=value.get("elevated") is True,
        program=_text(value, "program"),
        opaque=opaque,
        # The log does not say which words are patterns: whatever may be one counts as one.
        loose=frozenset(
            at for at, word in enumerate(words or ()) if at > 0 and (word is None or not _WILD.isdisjoint(word))
        ),
        more=isinstance(flags, list) and flags[-1:] == [None] and None not in (words or ()),
        readonly=None,
    )


def _text(value: Mapping[str, Any], key: str) -> str | None:
    found = value.get(key)
    if found is not None and not isinstance(found, str):
        raise BadEvent(f"`{key}` is no text")
    return found
