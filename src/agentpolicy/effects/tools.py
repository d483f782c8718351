"""A tool call to its effects."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from agentpolicy.effects.acts import Act, Touch
from agentpolicy.effects.arguments import BadCall, bind, bind_any
from agentpolicy.effects.call import USUAL, ToolCall
from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect, ToolEffect
from agentpolicy.effects.host import Host
from agentpolicy.effects.patches import patched_files
from agentpolicy.effects.paths import canonical, file_effect
from agentpolicy.effects.recent import Recent
from agentpolicy.effects.remotes import nested_effects
from agentpolicy.effects.resolve import effects_of_acts
from agentpolicy.effects.shape import ToolShape, join
from agentpolicy.effects.shell.read import read_argv, read_text
from agentpolicy.effects.sql import ACTIONS, sql_effects, table_effect
from agentpolicy.effects.text import visible, well_formed
from agentpolicy.effects.urls import host_effect, net_effect, seen_urls

__all__ = ["BadCall", "ToolShape", "direct", "effects_of", "join", "read_call"]

_FILES: Final = frozenset({"fs.read", "fs.write", "fs.delete"})
_METHODS: Final = {one: f"net.{one}" for one in ("get", "head", "post", "put", "patch", "delete", "options")}
_NETS: Final = frozenset({"net.connect", *_METHODS.values()})
_SQLS: Final = frozenset({"sql", "sql.query", *ACTIONS})
#: What editing tools with a parameter ``command`` do to their file.
_EDITS: Final = {
    "view": "fs.read",
    **dict.fromkeys(("create", "str_replace", "insert", "undo_edit"), "fs.write"),
    "delete": "fs.delete",
}
#: Longest shell text whose command is remembered whole, in characters.
_REMEMBERED: Final = 2048
#: Most effects of a text that are remembered.
_MOST_REMEMBERED: Final = 256
_MOST_ENV: Final = 10_000

# What commands do by their text, with the directory and home that they were read under, and whether files are among it.
_commands: Recent[tuple[str, str, list[Act], bool]] = Recent()


def effects_of(call: ToolCall, shapes: Mapping[str, ToolShape], host: Host, *, want_size: bool = False) -> list[Effect]:
    """The effects of a call, whether it names a tool or a single action.

    ``want_size`` asks for the sizes of files that are named. Effects may be shared between calls; do not change them.

    Raises:
        BadCall: the call cannot be read; it must be denied.
    """
    if call.action is not None:
        return direct(call, host, want_size=want_size)
    try:
        shape = shapes.get(call.tool)
    except TypeError:
        shape = None
    return read_call(call, shape, host, want_size=want_size)


def read_call(call: ToolCall, shape: ToolShape | None, host: Host, *, want_size: bool = False) -> list[Effect]:
    """The effects of a tool's call: those of its declaration in their order, then the call of the tool itself.

    Without a shape there is the tool's call alone, with any arguments.

    Raises:
        BadCall: an argument is missing, undeclared, of the wrong type or not JSON-like, or a directory is unusable.
    """
    if shape is None:
        return [ToolEffect(_tool_name(call.tool), bind_any(call.args))]
    values = bind(call.args, shape)
    effects: list[Effect] = []
    for action, parameter, place, kind in shape.steps:
        value = values.get(parameter)
        if value is None:
            continue  # an optional argument that was not given does nothing
        where = None if place is None else values.get(place) if isinstance(place, str) else _place(values, place)
        if action == "exec":
            # Nothing but the text, the directory and the home say what it is. What is remembered has a canonical
            # directory, so one that equals it needs no further look.
            if kind == "shell" and call.terms is USUAL:
                seen = _commands.young.get(value)
                if seen is not None and seen[1] == host.home and seen[0] == (host.cwd if where is None else where):
                    effects += effects_of_acts(seen[2], host, want_size=want_size) if seen[3] else seen[2]  # type: ignore[arg-type]
                    continue
            effects.extend(_exec(call, shape.name, kind, value, where, host, want_size))
        elif action in _FILES:
            _add_files(effects, action, call, value, where, host, want_size)
        elif action in _NETS:
            recent = seen_urls.get(action)
            seen_url = recent.young.get(value) if recent is not None and kind == "url" else None
            if seen_url is not None and "%" not in value and ":" not in value[6:]:  # none stands inside it
                effects.append(seen_url)
            else:
                _add_net(effects, action, kind, value)
        elif action == "net":
            _add_net(effects, _method(shape, values), kind, value)
        elif action in _SQLS:
            for text in (value,) if isinstance(value, str) else value:
                effects.extend(sql_effects(text, where if isinstance(where, str) else None))
        elif action == "http":
            sent = any(one in values for one in ("body", "data", "json", "payload"))
            method = _method(shape, values if sent or "method" in values else {"method": "get"})
            _add_net(effects, method, kind, value)
        elif action == "fs" and kind == "patch":
            _add_patch(effects, call, value, where, host, want_size)
        elif action == "fs":
            _add_files(effects, _edit(shape, values), call, value, where, host, want_size)
        else:
            raise BadCall("not-yet", f"what `{action}` of `{shape.name}` does is not read yet")
    if not shape.quiet:
        effects.append(ToolEffect(shape.name, values, shape.answered))
    return effects


def direct(call: ToolCall, host: Host, *, want_size: bool = False) -> list[Effect]:
    """The effects of ``ToolCall.of(action, target)``.

    Raises:
        BadCall: the action is unknown, or the target is not of its kind.
    """
    action, target = call.action, call.target
    if action == "exec":
        if isinstance(target, str):
            text = _plain("target", target)
            return _shell(call, text, None, host, want_size)
        if not isinstance(target, (list, tuple)):
            raise BadCall("wrong-type", "the target of `exec` must be shell text or a list of words")
        argv = [_plain("target", one) for one in target]
        return _argv(call, argv, None, host, want_size)
    if action in _FILES or action in _NETS or action == "tool":
        text = _plain("target", target)
        effects: list[Effect] = []
        if action in _FILES:
            if "\0" in text:
                raise BadCall("bad-text", "the path holds a NUL character")
            _add_files(effects, action, call, text, None, host, want_size)
        elif action == "tool":
            effects.append(ToolEffect(_tool_name(text), bind_any(call.args)))
        else:
            _add_net(effects, action, "url", text)
        return effects
    if action in ACTIONS:
        return [table_effect(action, _plain("target", target))]
    raise BadCall("unknown-action", f"there is no action `{visible(str(action))}`")


# --- effects of one argument ------------------------------------------------------


def _exec(
    call: ToolCall, tool: str, kind: str, value: Any, place: str | None, host: Host, want_size: bool
) -> list[Effect]:
    if kind == "code":
        where = _directory(call, host, place)
        why = f"`{tool}` runs code, which is not read"
        return [ExecEffect(None, cwd=where, env=_environment(call), program=tool, why=why)]
    if isinstance(value, str):
        return _shell(call, value, place, host, want_size)
    return _argv(call, value, place, host, want_size)


def _argv(call: ToolCall, argv: list[str], place: str | None, host: Host, want_size: bool) -> list[Effect]:
    acts = read_argv(argv, cwd=_directory(call, host, place), home=_home(call, host), env=_environment(call))
    return effects_of_acts(acts, host, want_size=want_size)


def _shell(call: ToolCall, text: str, place: str | None, host: Host, want_size: bool) -> list[Effect]:
    cwd = _directory(call, host, place)
    home = _home(call, host)
    if call.env:
        env = _environment(call)
        # The shell itself reads `~` from HOME.
        acts = read_text(text, cwd=cwd, home=(env or {}).get("HOME", home), env=env)
        return effects_of_acts(acts, host, want_size=want_size)
    seen = _commands.get(text)
    if seen is not None and seen[0] == cwd and seen[1] == home:
        acts = seen[2]
    else:
        acts = read_text(text, cwd=cwd, home=home)
        if len(text) <= _REMEMBERED and len(acts) <= _MOST_REMEMBERED:
            _commands.keep(text, (cwd, home, acts, any(isinstance(act, Touch) for act in acts)))
    return effects_of_acts(acts, host, want_size=want_size)


def _add_files(
    effects: list[Effect], action: str, call: ToolCall, value: Any, place: str | None, host: Host, want_size: bool
) -> None:
    home = host.home if call.home is None else _home(call, host)
    for path in (value,) if isinstance(value, str) else value:
        absolute = path[:1] == "/" and place is None and call.cwd is None
        effects.append(
            file_effect(
                action,
                path,
                cwd="/" if absolute else _directory(call, host, place),
                home=home,
                expand_tilde=call.expand_tilde,
                files=host.files,
                want_size=want_size,
            )
        )


def _add_patch(
    effects: list[Effect], call: ToolCall, text: str, place: str | None, host: Host, want_size: bool
) -> None:
    changes = patched_files(text)
    if changes is None:
        why = "the patch is not of a form that is read, or could be read in two ways"
        effects.extend([FileEffect(action, None, None, why=why) for action in ("fs.read", "fs.write", "fs.delete")])
        return
    for action, path in changes:
        _add_files(effects, action, call, path, place, host, want_size)


def _edit(shape: ToolShape, values: Mapping[str, Any]) -> str:
    command = values.get("command")
    action = _EDITS.get(command) if isinstance(command, str) else None
    if action is None:
        raise BadCall("bad-method", f"what `{shape.name}` does without a `command` that is known cannot be told")
    return action


def _add_net(effects: list[Effect], action: str, kind: str, value: Any) -> None:
    """Add the addresses of an argument, and what whoever answers one may be asked to reach in turn."""
    named_by_host = kind in ("host", "[host]")
    for one in (value,) if type(value) is str else value:
        if named_by_host:
            effects.append(host_effect(action, one))
            continue
        effects.append(net_effect(action, one))
        effects += nested_effects(one)


def _method(shape: ToolShape, values: Mapping[str, Any]) -> str:
    method = values.get("method")
    if method is None:
        raise BadCall("bad-method", f"`{shape.name}` needs the argument `method`, which says what it does")
    action = _METHODS.get(method.lower()) if isinstance(method, str) else None
    if action is None:
        raise BadCall("bad-method", f"`{visible(str(method))}` is not a method of HTTP that is known")
    return action


# --- where a call starts ------------------------------------------------------------


def _place(values: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """What the one of several parameters says that is given."""
    given = list(dict.fromkeys([values[one] for one in names if one in values]))
    if len(given) > 1:
        raise BadCall("bad-directory", "the call names two places that it starts in")
    return given[0] if given else None


def _directory(call: ToolCall, host: Host, place: str | None = None) -> str:
    """The canonical directory in which a call, or the effect with a place of its own, starts."""
    given = call.cwd
    if given is None:
        try:
            given = host.cwd
        except OSError as error:
            raise BadCall("bad-directory", "the directory that the call starts in is gone") from error
    home = _home(call, host)
    if not isinstance(given, str) or given[:1] != "/":
        raise BadCall("bad-directory", f"the directory `{visible(str(given))}` is not absolute")
    start = canonical(given, cwd="/", home=home, expand_tilde=False)
    if start is None:
        raise BadCall("bad-directory", f"the directory `{visible(given)}` cannot be known")
    if place is not None:
        start = canonical(place, cwd=start, home=home, expand_tilde=call.expand_tilde)
        if start is None:
            raise BadCall("bad-directory", f"the directory `{visible(place)}` cannot be known")
    return start


def _home(call: ToolCall, host: Host) -> str:
    home = call.home
    if home is None:
        return host.home
    if not isinstance(home, str) or home[:1] != "/" or "\0" in home or not well_formed(home):
        raise BadCall("bad-directory", f"the home directory `{visible(str(home))}` is not absolute")
    return home


def _environment(call: ToolCall) -> dict[str, str] | None:
    """The variables that a call sets, less those that the host has just so; None where there are none."""
    if not call.env:
        return None
    if not isinstance(call.env, Mapping) or len(call.env) > _MOST_ENV:
        raise BadCall("bad-environment", "the call's environment is not a map of variables")
    found: dict[str, str] = {}
    for name, value in call.env.items():
        if not isinstance(name, str) or not isinstance(value, str) or not name or "=" in name:
            raise BadCall("bad-environment", "the call's environment is not a map from names to texts")
        if "\0" in name or "\0" in value or not well_formed(name) or not well_formed(value):
            raise BadCall("bad-environment", f"the variable `{visible(name)}` holds what no variable can")
        if os.environ.get(name) != value:
            found[name] = value
    return found or None


def _tool_name(name: Any) -> str:
    plain = _plain("tool", name)
    if not plain:
        raise BadCall("bad-name", "the call names no tool")
    return plain


def _plain(what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadCall("bad-name" if what == "tool" else "wrong-type", f"the {what} of the call is not text")
    plain = str.__str__(value)
    if not well_formed(plain):
        raise BadCall("bad-text", f"the {what} of the call holds half a character (a lone surrogate)")
    return plain
