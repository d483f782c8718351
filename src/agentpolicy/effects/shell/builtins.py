"""Builtins that change the shell itself: what they do now, and what later commands then mean (POSIX.1-2017 XCU 2.14,
Bash manual 4).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from os.path import normpath
from typing import TYPE_CHECKING, Final

from agentpolicy.effects.acts import DEEPEST, Context, Place
from agentpolicy.effects.commands import read_command
from agentpolicy.effects.names import absolute_value
from agentpolicy.effects.paths import LONGEST
from agentpolicy.effects.shell.expand import calculate
from agentpolicy.effects.shell.state import State
from agentpolicy.effects.touching import touch
from agentpolicy.effects.values import Loose, Value, head_of

if TYPE_CHECKING:
    from agentpolicy.effects.shell.walk import Ends, Walk

#: Builtins whose operands name variables that they set.
CHANGING: Final = frozenset(
    [
        "export",
        "declare",
        "typeset",
        "local",
        "readonly",
        "read",
        "unset",
        "mapfile",
        "readarray",
        "getopts",
        "let",
        "printf",
    ]
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch
_TAKES: Final = {
    "read": "adinNptu",
    "mapfile": "dnOsucC",
    "readarray": "dnOsucC",
    "exec": "a",
    "printf": "v",
}
#: Settings of the shell under which text means something else.
_PLAIN_SETTINGS: Final = frozenset(
    ["errexit", "nounset", "pipefail", "xtrace", "verbose", "noclobber", "errtrace", "functrace", "ignoreeof"]
)
_HARMLESS_SHOPT: Final = frozenset(
    ["checkwinsize", "histappend", "cmdhist", "lithist", "autocd", "cdspell", "nocaseglob", "inherit_errexit"]
)


def _options(values: list[Value], takes: str = "") -> tuple[dict[str, Value | None], list[Value]]:
    """One-letter options with their values, and operands."""
    found: dict[str, Value | None] = {}
    at = 1
    while at < len(values):
        word = values[at]
        if not isinstance(word, str) or word[:1] not in ("-", "+") or len(word) < 2:
            break
        at += 1
        if word == "--":
            break
        for index, letter in enumerate(word[1:], 1):
            found[letter] = None
            if letter in takes:
                if index + 1 < len(word):
                    found[letter] = word[index + 1 :]
                elif at < len(values):
                    found[letter] = values[at]
                    at += 1
                break
    return found, values[at:]


def _named(state: State, word: Value) -> None:
    """A variable is named by a word: a subscript in it is arithmetic."""
    head = head_of(word)
    name, equals, _ = head.partition("=")
    known = isinstance(word, str)
    if ("[" in name and (not known or any(one in head for one in "$`"))) or not (known or equals):
        state.doubts.append("a subscript in the name of a variable can run other commands")
    elif "[" in name:
        state.calculated(head.partition("[")[2])


# --- directories --------------------------------------------------------------------------


def _cd(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    context.run(values, readonly=True)
    options, operands = _options(values)
    if not options.keys() <= set("LPe@"):  # `cd +1` and `cd -1`: shells differ
        operands = [Loose("a directory of a stack")]
    return _go(state, operands[0] if operands else state.variable("HOME"), "CDPATH" in context.env)


def _go(state: State, target: Value, steered: bool = False) -> Ends:
    before = state.place
    if target == "-":
        target = state.variables.get("OLDPWD", Loose("the directory before is not known"))
    if target == "":
        return state, state
    after = state.fork()
    steered = (steered or "CDPATH" in state.variables) and not head_of(target).startswith(("/", "."))
    if not isinstance(target, str) or before.away or steered or target[:1] in "+-":
        after.place = Place(None, away=before.away)
        after.variables["OLDPWD"] = Loose("the directory before is not known")
        return after, state
    name, _, instead, why = absolute_value(target, before, state.home)
    if name is None or why is not None or len(name) > LONGEST:
        after.place = Place(None)
        after.variables["OLDPWD"] = Loose("the directory before is not known")
        return after, state
    after.place = Place(normpath(name), tuple([(need, normpath(other)) for need, other in instead]), before=before)
    after.variables["OLDPWD"] = Loose("the directory before is not known")
    if before.path is not None and not before.instead:
        after.variables["OLDPWD"] = before.path
    return after, state


def _pushd(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    context.run(values, readonly=True)
    options, operands = _options(values)
    if "n" in options:
        after = state.fork()
        after.directories = (None,)
        return after, state
    if not operands or options:
        after = state.fork()
        after.place = Place(None)
        after.variables["OLDPWD"] = Loose("the directory before is not known")
        after.directories = (None,)
        return after, state
    ok, fail = _go(state, operands[0])
    assert ok is not None
    ok.directories = (*state.directories[-64:], state.place)
    return ok, fail


def _popd(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    context.run(values, readonly=True)
    after = state.fork()
    last = state.directories[-1] if state.directories and len(values) == 1 else None
    after.place = Place(None) if last is None else last
    after.variables["OLDPWD"] = Loose("the directory before is not known")
    after.directories = state.directories[:-1] if last is not None else (None,)
    return after, state


# --- variables -----------------------------------------------------------------------------


def _declare(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    effect = context.run(values, readonly=True)
    program = head_of(values[0])
    options, operands = _options(values)
    if "n" in options and program != "export":
        state.doubts.append("a name that stands for another variable")
    export = program == "export" or "x" in options
    for word in operands:
        _named(state, word)
        name, equals, _ = head_of(word).partition("=")
        name = name.rstrip("+")
        if _NAME(name) is None:
            if not isinstance(word, str):
                # any variable may be set
                state.forget(set(state.variables))
                state.env = {**state.env, "PATH": None}
            continue
        if "i" in options:
            state.counted |= {name}
        value: Value
        if equals:
            value = word.partition("=")[2] if isinstance(word, str) else Loose(f"`${name}` is not known")
            if isinstance(word, str) and word.partition("=")[0].endswith("+"):
                value = Loose(f"`${name}` is not known")
        else:
            value = state.variables.get(name, Loose(f"`${name}` is not known"))
            if not export and not options.keys() & {"r", "l", "u", "c"} and program != "readonly":
                continue
        if options.keys() & {"l", "u", "c"}:
            value = Loose(f"`${name}` changes its letters")
        if program == "readonly" or "r" in options:
            state.constants |= {name}
        state.assign(name, value, export=export)
    if effect.opaque:
        effect.readonly = None
    return state, state


def _unset(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    context.run(values, readonly=True)
    options, operands = _options(values)
    for word in operands:
        _named(state, word)
        if not isinstance(word, str):
            state.functions.clear()
            state.forget(set(state.variables))
            continue
        state.functions.pop(word, None)
        if "f" not in options and _NAME(word) is not None:
            state.assign(word, Loose(f"`${word}` is not set here"))
    return state, state


def _read(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    context.run(values, readonly=True)
    program = head_of(values[0])
    options, operands = _options(values, _TAKES[program])
    if "C" in options:
        state.doubts.append(f"`{program} -C` runs what it is given")
    array = options.get("a")
    names = [*operands, *([array] if array is not None and program == "read" else [])] or ["REPLY"]
    for word in names:
        _named(state, word)
        if isinstance(word, str) and _NAME(word) is not None:
            state.assign(word, Loose(f"`${word}` is read from input"))
        elif not isinstance(word, str):
            state.forget(set(state.variables))
    if program != "read":
        state.assign("MAPFILE", Loose("`$MAPFILE` is read from input"))
    return state, state


def _getopts(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    context.run(values, readonly=True)
    for word in (*values[2:3], "OPTARG", "OPTIND"):
        if isinstance(word, str) and _NAME(word) is not None:
            state.assign(word, Loose(f"`${word}` is not known"))
    return state, state


def _printf(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    context.run(values, readonly=True)
    options, _ = _options(values[:3], "v")
    name = options.get("v")
    if name is not None:
        _named(state, name)
        if isinstance(name, str) and _NAME(name) is not None:
            state.assign(name, Loose(f"`${name}` is not known"))
        elif not isinstance(name, str):
            state.forget(set(state.variables))
    return state, state


def _let(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    context.run(values, readonly=True)
    for word in values[1:]:
        if isinstance(word, str):
            calculate([("text", word)], state, [])
        else:
            state.doubts.append("arithmetic that is not known can run other commands")
    return state, state


# --- the shell itself ------------------------------------------------------------------------


def _set(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    context.run(values, readonly=True)
    at = 1
    while at < len(values):
        word = values[at]
        if not isinstance(word, str):
            state.doubts.append("settings of the shell that are not known")
            break
        if word in ("--", "-") or word[:1] not in "-+" or len(word) < 2:
            state.positional = tuple(values[at + 1 :] if word in ("--", "-") else values[at:])
            if any(isinstance(one, Loose) for one in state.positional):
                state.positional = None
            break
        on = word[0] == "-"
        for letter in word[1:]:
            if letter == "o" and at + 1 < len(values):
                at += 1
                name = values[at]
                if name == "errexit":
                    state.exits = on
                elif name == "noglob":
                    state.no_globs = on
                elif name not in _PLAIN_SETTINGS:
                    state.doubts.append("a setting under which the shell reads text in another way")
            elif letter == "e":
                state.exits = on
            elif letter == "f":
                state.no_globs = on
            elif letter not in "uxvhBCmbHTEo" and not (letter in "ak" and not on):
                state.doubts.append("a setting under which the shell reads text in another way")
        at += 1
    return state, state


def _shopt(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    context.run(values, readonly=True)
    options, operands = _options(values)
    if "s" in options or "u" in options:
        for word in operands:
            if not isinstance(word, str) or word not in _HARMLESS_SHOPT:
                state.doubts.append("a setting under which the shell reads text in another way")
    return state, state


def _alias(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    context.run(values, readonly=True)
    _, operands = _options(values)
    inner = context.inside()
    for word in operands:
        name, equals, text = head_of(word).partition("=")
        if equals:
            state.shadowed |= {name}
            if isinstance(word, str):
                inner.shell(text, inner)
            else:
                inner.unknown("what an alias stands for is not known")
        elif not isinstance(word, str):
            state.doubts.append("an alias that is not known")
    return state, state


def _shadow(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    """``hash -p``, ``enable``: names come to mean something else."""
    options, operands = _options(values)
    program = head_of(values[0])
    if program == "hash" and "p" not in options:
        context.run(values, readonly=True)
        return state, state
    context.run(values, why=f"`{program}` changes what later commands mean")
    for word in operands:
        if isinstance(word, str):
            state.shadowed |= {word}
    return state, state


def _trap(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    context.run(values, readonly=True)
    _, operands = _options(values)
    if len(operands) > 1:
        inner = context.inside()
        if isinstance(operands[0], str):
            if operands[0] not in ("", "-"):
                inner.shell(operands[0], inner)
        else:
            inner.unknown("what a trap runs is not known")
    return state, state


def _eval(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    context.run(values, wrapper=all(isinstance(word, str) for word in values))
    words = values[1:]
    if words[:1] == ["--"]:
        words = words[1:]
    if any(not isinstance(word, str) for word in words):
        context.unknown("the text that `eval` runs is not known")
        state.functions.clear()
        state.forget(set(state.variables))
        after = state.fork()
        after.place = Place(None, away=state.place.away)
        return after, state
    return walk.text(" ".join([str(word) for word in words]), context, state)


def _exec(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    options, operands = _options(values, "a")
    context.run(values, wrapper=bool(operands), readonly=not operands)
    if not operands:
        return state, state
    proven = context.implied and not options
    read_command(operands, context.inside(implied=proven, sole=proven and context.sole))
    return None, state


def _command(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    options, operands = _options(values)
    asks = "v" in options or "V" in options
    context.run(values, wrapper=bool(operands) and not asks, readonly=asks or not operands)
    if asks or not operands:
        return state, state
    return _started(walk, operands, context.inside(implied=context.implied, sole=context.sole), state)


def _started(walk: Walk, operands: list[Value], context: Context, state: State) -> Ends:
    program = operands[0]
    builtin = BUILTINS.get(program) if isinstance(program, str) else None
    if context.depth >= DEEPEST:
        context.unknown("commands start each other too deeply to be read")
        return state, state
    if builtin is not None:
        return builtin(walk, operands, context, state)
    read_command(operands, context)
    return state, state


def _prefix(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    """``builtin``, and what zsh takes in front of a command."""
    context.run(values, wrapper=len(values) > 1, readonly=len(values) == 1)
    if len(values) == 1:
        return state, state
    return _started(walk, values[1:], context.inside(implied=context.implied, sole=context.sole), state)


def _source(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    operands = values[2:] if values[1:2] == ["--"] else values[1:]
    script = operands[0] if operands else None
    if isinstance(script, str) and not script.startswith("/dev/"):
        context.run(values)
        touch("fs.read", script, context)
    else:
        context.run(values, why="what is run is not known")
    # it may set any variable
    state.forget(set(state.variables))
    return state, state


def _test(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    if "-v" in values or "-R" in values:
        for word in values[1:]:
            if isinstance(word, str) or word.glob is None:
                _named(state, word)
    read_command(values, context)
    return state, state


def _jobs(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    context.run(values, wrapper="-x" in values and len(values) > 2, readonly="-x" not in values)
    if "-x" in values and len(values) > 2:
        read_command(values[2:], context.inside())
    return state, state


def _shift(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    context.run(values, readonly=True)
    state.positional = None
    return state, state


def _completion(walk: Walk, values: list[Value], context: Context, state: State) -> Ends:
    options, _ = _options(values, "oACGFWXPSE")
    runs = {"C", "F", "W", "X"} & options.keys()
    context.run(values, why="a completion can run other commands" if runs else None, readonly=not runs)
    return state, state


Builtin = Callable[["Walk", list[Value], Context, State], "Ends"]
BUILTINS: Final[Mapping[str, Builtin]] = {
    "cd": _cd,
    "chdir": _cd,
    "pushd": _pushd,
    "popd": _popd,
    **dict.fromkeys(("export", "declare", "typeset", "local", "readonly"), _declare),
    "unset": _unset,
    **dict.fromkeys(("read", "mapfile", "readarray"), _read),
    "getopts": _getopts,
    "printf": _printf,
    "let": _let,
    "set": _set,
    "shopt": _shopt,
    "alias": _alias,
    "hash": _shadow,
    "enable": _shadow,
    "trap": _trap,
    "eval": _eval,
    "exec": _exec,
    "command": _command,
    **dict.fromkeys(("builtin", "noglob", "nocorrect", "-"), _prefix),
    "source": _source,
    ".": _source,
    "test": _test,
    "[": _test,
    "shift": _shift,
    "jobs": _jobs,
    **dict.fromkeys(("complete", "compgen", "compopt"), _completion),
}
