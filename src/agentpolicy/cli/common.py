"""What commands share: policy options, calls from JSON, coloured output only on a terminal."""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NoReturn, TypeVar

import click
import orjson

from agentpolicy.compiler.bind import Written
from agentpolicy.effects.call import ToolCall
from agentpolicy.engine.engine import Engine
from agentpolicy.engine.errors import FactError
from agentpolicy.engine.situation import Agent, User
from agentpolicy.language.render import render_all
from agentpolicy.language.source import PolicyError

F = TypeVar("F", bound=Callable[..., Any])
#: A longer line of input is answered by an error.
MAX_LINE = 16 * 1024 * 1024
#: What a line of ``decide`` or ``effects`` may hold.
CALL_KEYS = frozenset(
    {
        "tool",
        "args",
        "action",
        "target",
        "cwd",
        "home",
        "env",
        "session",
        "facts",
        "time",
        "expand_tilde",
        "result",
        "returned",
    }
)


class BadLine(ValueError):
    """A line of input that is no call; the text says why."""


# --- options --------------------------------------------------------------------


def policy_options(*, required: bool = True) -> Callable[[F], F]:
    """``--policy``, ``--param``, ``--fact``, ``--agent`` and ``--user``."""

    def decorate(function: F) -> F:
        for option in reversed(
            (
                click.option(
                    "--policy", "policies", multiple=True, required=required, metavar="FILE",
                    help="A policy file or preset:NAME; several make layers.",
                ),
                click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A policy parameter."),
                click.option("--fact", "facts", multiple=True, metavar="NAME=VALUE", help="A fact of the session."),
                click.option("--agent", metavar="NAME", help="The agent: its name, or name=…,role=…"),
                click.option("--user", metavar="NAME", help="The user: their name, or name=…,groups=a+b"),
            )
        ):  # fmt: skip
            function = option(function)
        return function

    return decorate


def pairs(values: Sequence[str], option: str) -> dict[str, Written]:
    """``NAME=VALUE`` options as a map.

    Raises:
        click.UsageError: one has no ``=``, or a name is there twice.
    """
    found: dict[str, Written] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{option} takes NAME=VALUE, not {value!r}")
        if name in found:
            raise click.UsageError(f"{option} gives {name} twice")
        found[name] = Written(rest)
    return found


def agent_from(text: str | None) -> Agent:
    """``NAME`` or ``name=…,role=…``."""
    parts = _parts(text, {"name", "role"}, "--agent")
    return Agent(parts.get("name"), parts.get("role"))


def user_from(text: str | None) -> User:
    """``NAME`` or ``name=…,groups=a+b``."""
    parts = _parts(text, {"name", "groups"}, "--user")
    groups = parts.get("groups")
    return User(parts.get("name"), None if groups is None else [one for one in groups.split("+") if one])


def _parts(text: str | None, known: set[str], option: str) -> dict[str, str]:
    if text is None:
        return {}
    if "=" not in text:
        return {"name": text}
    found: dict[str, str] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        if name not in known or not value:
            raise click.UsageError(
                f"{option} takes a name, or {' and '.join(sorted(known))} as name=value, not {part!r}"
            )
        found[name] = value
    return found


def load_engine(
    policies: Sequence[str],
    params: Sequence[str],
    facts: Sequence[str],
    agent: str | None = None,
    user: str | None = None,
    **options: Any,
) -> Engine:
    """The engine that the options describe; on errors of the policy they are shown and the command ends with 2."""
    try:
        return Engine.load(
            list(policies),
            params=pairs(params, "--param"),
            facts=pairs(facts, "--fact"),
            agent=agent_from(agent),
            user=user_from(user),
            **options,
        )
    except PolicyError as error:
        fail(render_all(error.diagnostics, colour=colour(sys.stderr)))
    except FactError as error:
        fail(f"error: {error}")


def fail(text: str) -> NoReturn:
    """Show why nothing could be done, and end with 2."""
    click.echo(text, err=True)
    raise SystemExit(2)


# --- output ---------------------------------------------------------------------


def colour(stream: Any) -> bool:
    """Whether a stream is a terminal that wants colours."""
    return not os.environ.get("NO_COLOR") and hasattr(stream, "isatty") and stream.isatty()


def paint(text: str, style: str, *, on: bool) -> str:
    """Text in one of the colours that outcomes have: ``allow``, ``ask``, ``deny``, ``dim``, ``bold``."""
    if not on:
        return text
    return click.style(text, **_STYLES[style])


_STYLES: Mapping[str, dict[str, Any]] = {
    "allow": {"fg": "green"},
    "ask": {"fg": "yellow"},
    "deny": {"fg": "red"},
    "dim": {"dim": True},
    "bold": {"bold": True},
}


def json_line(value: Any) -> bytes:
    """One JSON object and a line end; text that UTF-8 cannot hold is escaped."""
    try:
        return orjson.dumps(value) + b"\n"
    except TypeError:
        import json

        return json.dumps(value, ensure_ascii=True, default=str).encode() + b"\n"


def write_line(out: BinaryIO, value: Any) -> None:
    """Write one JSON line at once, so that a program at the other end of the pipe can go on."""
    out.write(json_line(value))
    out.flush()


# --- calls from JSON ------------------------------------------------------------


def lines_of(stream: BinaryIO) -> Iterator[bytes | None]:
    """The lines of a stream that are not blank; None for one that is too long, the rest of which is skipped."""
    while True:
        line = stream.readline(MAX_LINE + 1)
        if not line:
            return
        if len(line) > MAX_LINE:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE)
            yield None
        elif line.strip():
            yield line


def parsed(line: bytes | None) -> dict[str, Any]:
    """A line as a JSON object.

    Raises:
        BadLine: it is too long, no JSON, or no object.
    """
    if line is None:
        raise BadLine(f"the line is longer than {MAX_LINE} bytes")
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadLine(f"the line is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadLine("the line is no JSON object")
    return value


def call_from_json(value: Mapping[str, Any]) -> ToolCall:
    """The call that a JSON object describes.

    Raises:
        BadLine: a key is unknown or missing, or a value is of the wrong type.
    """
    for key in value:
        if key not in CALL_KEYS:
            raise BadLine(f"a call has no {key!r}")
    where: dict[str, Any] = {}
    for key in ("cwd", "home"):
        if value.get(key) is not None:
            where[key] = _typed(value, key, str, "text")
    if value.get("env") is not None:
        env = _typed(value, "env", dict, "an object")
        if not all(isinstance(name, str) and isinstance(text, str) for name, text in env.items()):
            raise BadLine("'env' maps names to text")
        where["env"] = env
    if value.get("facts") is not None:
        where["facts"] = _typed(value, "facts", dict, "an object")
    if value.get("time") is not None:
        where["time"] = moment(value["time"])
    if value.get("expand_tilde") is not None:
        where["expand_tilde"] = _typed(value, "expand_tilde", bool, "true or false")
    if "tool" in value:
        if "action" in value or "target" in value:
            raise BadLine("a call has a 'tool' with 'args', or an 'action' with a 'target', not both")
        args = value.get("args")
        return ToolCall(
            _typed(value, "tool", str, "text"),
            {} if args is None else _typed(value, "args", dict, "an object"),
            **where,
        )
    if "action" not in value or "target" not in value:
        raise BadLine("a call has a 'tool' with 'args', or an 'action' with a 'target'")
    target = value["target"]
    if not isinstance(target, str) and not (isinstance(target, list) and all(isinstance(word, str) for word in target)):
        raise BadLine("'target' is text, or a list of words for exec")
    return ToolCall.of(_typed(value, "action", str, "text"), target, **where)


def _typed(value: Mapping[str, Any], key: str, kind: type, name: str) -> Any:
    if not isinstance(value[key], kind):
        raise BadLine(f"{key!r} is {name}")
    return value[key]


def moment(value: Any) -> float:
    """Seconds since the epoch, from a number or an ISO 8601 text (in the host's zone where it names none).

    Raises:
        BadLine: it is neither.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str):
        try:
            seconds = datetime.datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError, OSError):
            raise BadLine(f"'time' is no ISO 8601 time: {value[:40]!r}") from None
    else:
        raise BadLine("'time' is a number of seconds or an ISO 8601 text")
    if not -62135596800 <= seconds <= 253402300799:
        raise BadLine("'time' is out of range")
    return seconds
