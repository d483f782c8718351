"""Both readers of shell text, held against each other (DESIGN.md, "Trust").

The strict reader alone may lead to an allow. Where it refuses, or the loose one sees commands in other places, what the
loose one found is reported as opaque, with one command of which nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy

from agentpolicy.effects.acts import Act, Context, Place
from agentpolicy.effects.commands import read_command
from agentpolicy.effects.effect import ExecEffect
from agentpolicy.effects.shell.loose import Found, read_loosely
from agentpolicy.effects.shell.results import proven, steered
from agentpolicy.effects.shell.state import State
from agentpolicy.effects.shell.strict import read_strictly
from agentpolicy.effects.shell.syntax import (
    Arithmetic,
    Case,
    Chain,
    Function,
    Group,
    If,
    Loop,
    Node,
    Pipeline,
    Refused,
    Simple,
    Test,
)
from agentpolicy.effects.shell.syntax import Sequence as Commands
from agentpolicy.effects.shell.walk import Ends, Walk
from agentpolicy.effects.values import Loose, Value

#: Longest shell text that is read, in characters.
LONGEST_TEXT = 1_000_000
#: Most shell text that is read in all for one call, nested text counted each time, in characters.
MOST_TEXT = 4_000_000


def read_text(text: str, *, cwd: str | None, home: str, env: Mapping[str, str] | None = None) -> list[Act]:
    """What running shell text does. Never raises; what cannot be known is opaque."""
    acts: list[Act] = []
    budget = [MOST_TEXT]

    def shell(inner: str, context: Context) -> None:
        state = State(context.place, home, dict(context.env))
        _read(inner, context, state, budget)

    context = Context(acts, Place(cwd), home, shell, env=dict(env or {}), implied=True, sole=True)
    state = State(context.place, home, dict(env or {}))
    _read(text, context, state, budget)
    return acts


def read_argv(argv: Sequence[str], *, cwd: str | None, home: str, env: Mapping[str, str] | None = None) -> list[Act]:
    """What running one command does, its words given."""
    acts: list[Act] = []
    budget = [MOST_TEXT]

    def shell(inner: str, context: Context) -> None:
        _read(inner, context, State(context.place, home, dict(context.env)), budget)

    context = Context(acts, Place(cwd), home, shell, env=dict(env or {}), implied=True, sole=True)
    if not argv or not argv[0]:
        context.unknown("the command is empty")
    elif any("\0" in word for word in argv):
        context.unknown("a word holds a NUL character")
    elif sum(map(len, argv)) > LONGEST_TEXT:
        context.unknown(f"the command is longer than {LONGEST_TEXT} characters")
    else:
        read_command(list(argv), context)
    return acts


def _read(text: str, context: Context, state: State, budget: list[int]) -> Ends:
    """Read a text in a state, gathering under a context."""
    budget[0] -= len(text)
    if len(text) > LONGEST_TEXT or budget[0] < 0:
        context.unknown(f"the text is longer than {LONGEST_TEXT} characters")
        return state, state
    if context.depth > 24:
        context.unknown("shell text is nested too deeply to be read")
        return state, state
    try:
        commands, rich = read_strictly(text)
    except Refused as refused:
        _opaquely(text, refused.why, context)
        return state, state
    if rich:
        found = read_loosely(text, words=False)
        places = _places(commands)
        if found.broken or not _agree(text, places, found):
            why = "two readers of the text do not agree about what it runs"
            walked = len(context.acts)
            context.implied = context.sole = False
            _follow(commands, context, state, budget)
            _taint(context.acts, walked, why)
            _opaquely(text, why, context)
            return state, state
    return _follow(commands, context, state, budget)


def _follow(commands: Commands, context: Context, state: State, budget: list[int]) -> Ends:
    if not commands.items:
        return state, state
    walk = Walk(context)
    if context.implied and not steered(context.env):
        walk.implied, only = proven(commands)
        walk.sole = only if context.sole else None

    def again(text: str, inner: Context, now: State) -> Ends:
        deeper = inner.inside()
        return _read(text, deeper, now, budget)

    walk.text = again
    return walk.run(commands, state)


def _taint(acts: list[Act], first: int, why: str) -> None:
    """Make commands opaque: what they were read from is not read the same by everybody."""
    for at in range(first, len(acts)):
        act = acts[at]
        if isinstance(act, ExecEffect) and not act.opaque:
            # effects of commands are shared
            act = acts[at] = copy(act)
            act.opaque = act.unsettled = True
            act.wrapper = False
            act.readonly = None
            act.why = why


def _opaquely(text: str, why: str, context: Context) -> None:
    """Report what the loose reader finds, and one command of which nothing is known."""
    context.unknown(why)
    first = len(context.acts)
    try:
        found = read_loosely(text, words=True)
    except Exception:  # the grammar is somebody else's: whatever it does, the text stays opaque
        return
    for words in found.commands[:5000]:
        values: list[Value] = [Loose("a word that is not known", many=True) if word is None else word for word in words]
        while values and values[0] in ("coproc", "time", "!"):
            values.pop(0)
        if values:
            read_command(values, context.inside(place=Place(context.place.path, away=context.place.away)))
    for action, target in found.targets[:5000]:
        if target:
            Walk(context).touch(action, target, State(context.place, context.home, {}))
    _taint(context.acts, first, why)


def _agree(text: str, places: set[int], found: Found) -> bool:
    if -1 in places:
        # commands inside text that had to be unescaped have no place of their own
        places = places - {-1}
        if text.isascii():
            return places <= found.places
    if text.isascii():
        return places == found.places
    offsets = {len(text[:at].encode("utf-8", "surrogatepass")) for at in places} if len(places) < 50 else None
    if offsets is None:
        total = 0
        offsets = set()
        wanted = places
        for at, letter in enumerate(text):
            if at in wanted:
                offsets.add(total)
            total += len(letter.encode("utf-8", "surrogatepass"))
    return offsets == found.places


def _places(node: Node) -> set[int]:
    """Where the first words of all commands stand, substitutions included."""
    found: set[int] = set()
    todo: list[object] = [node]
    while todo:
        one = todo.pop()
        if isinstance(one, list):
            todo.extend(one)
            continue
        if isinstance(one, tuple):
            # a part of a word
            todo.extend(piece for piece in one[1:] if isinstance(piece, list | Node))
            continue
        if not isinstance(one, Node):
            continue
        for redirect in one.redirects:
            todo.append(redirect.target)
            if redirect.body is not None:
                todo.append(redirect.body)
        if isinstance(one, Simple):
            if one.words:
                found.add(one.at)
            todo.extend(one.words)
            for _, _, value, items in one.assignments:
                todo.append(value)
                todo.extend(items)
        elif isinstance(one, Commands):
            todo.extend(inner for inner, _ in one.items)
        elif isinstance(one, Pipeline):
            todo.extend(one.parts)
        elif isinstance(one, Chain):
            todo.append(one.first)
            todo.extend(inner for _, inner in one.rest)
        elif isinstance(one, Group | Function):
            todo.append(one.body)
        elif isinstance(one, If):
            for condition, body in one.arms:
                todo.extend((condition, body))
            todo.append(one.other)
        elif isinstance(one, Loop):
            todo.extend((one.condition, one.body, one.words))
        elif isinstance(one, Case):
            todo.append(one.word)
            for patterns, body in one.arms:
                todo.extend((patterns, body))
        elif isinstance(one, Test):
            todo.append(one.words)
        elif isinstance(one, Arithmetic):
            todo.append(one.parts)
    return found
