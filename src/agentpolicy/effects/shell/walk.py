"""Follows the commands of a text in the order in which they run, and gathers what they do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from agentpolicy.effects.acts import MOST_ACTS, Context, Place, Touch, of_command
from agentpolicy.effects.commands import read_command
from agentpolicy.effects.effect import ExecEffect, NetEffect
from agentpolicy.effects.names import absolute_value
from agentpolicy.effects.shell.builtins import BUILTINS, CHANGING
from agentpolicy.effects.shell.expand import Inner, calculate, fields, single
from agentpolicy.effects.shell.state import State, merged
from agentpolicy.effects.shell.strict import duplicates_descriptor
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
    Sequence,
    Simple,
    Test,
    Word,
)
from agentpolicy.effects.specials import names_printed
from agentpolicy.effects.touching import is_nothing
from agentpolicy.effects.urls import host_effect
from agentpolicy.effects.values import Loose, Value, hides_commands

#: How a command ends: the state where it succeeded, the state where it failed; None where that way does not go on.
Ends = tuple[State | None, State | None]

#: Most values of a `for` loop that are followed one by one.
MOST_ROUNDS: Final = 16
#: Programs that hand on some of the lines that they read, none changed.
_PASSING: Final = frozenset({"sort", "head", "tail", "uniq"})
_ENDING: Final = frozenset({"exit", "return", "logout"})
_SOCKET = re.compile(r"/dev/(?:tcp|udp)/([^/]+)/([^/]+)").fullmatch
_COMPARING: Final = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-v"})


class Walk:
    """Follows commands under one context."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.rounds = 256
        #: the commands that succeeded if the text did, and the one whose status is the text's
        self.implied: frozenset[Node] = frozenset()
        self.sole: Node | None = None
        #: reads text in a state, for `eval`
        self.text: Callable[[str, Context, State], Ends] = _unread

    def run(self, node: Node, state: State) -> Ends:
        """Follow a command; its redirections hold for all of it."""
        if len(self.context.acts) > MOST_ACTS:
            return state, state
        if isinstance(node, Simple):
            return self._simple(node, state)
        inner: Inner = []
        self._redirects(node, state, inner)
        self._inner(inner, state)
        ends: Ends = _WALKS[type(node)](self, node, state)  # type: ignore[operator]
        self._doubts(state)
        return ends

    # --- lists ----------------------------------------------------------------------------

    def sequence(self, node: Sequence, state: State) -> Ends:
        """Commands one after the other."""
        ok: State | None = state
        fail: State | None = state
        now = state
        ends = False
        for one, background in node.items:
            if background:
                self.run(one, now.fork())
                ok = fail = now
                continue
            ok, fail = self.run(one, now)
            after = ok if now.exits else merged(fail, ok)
            if after is None:
                # What follows is not reached; it is read all the same.
                ends = True
                now = now.fork()
            else:
                now = after
                if ok is fail:
                    ok = fail = now
        if ends:
            return None, None
        return ok, fail

    def chain(self, node: Chain, state: State) -> Ends:
        """Commands joined by ``&&`` and ``||``: each runs in what the one before may have left."""
        ok, fail = self.run(node.first, state)
        for operator, one in node.rest:
            if operator == "&&":
                if ok is None:
                    self.run(one, state.fork())
                    continue
                before = ok.place
                ok, also = self.run(one, ok if _steady(one) else ok.fork())
                if ok is not None and ok.place is not before and fail is not None:
                    # what stands before may have failed, and then no directory was changed
                    ok.place = Place(ok.place.path, ok.place.instead, ok.place.away)
                fail = merged(fail, also)
            else:
                if fail is None:
                    self.run(one, state.fork())
                    continue
                good, fail = self.run(one, fail if _steady(one) else fail.fork())
                ok = merged(good, ok)
        return ok, fail

    def pipeline(self, node: Pipeline, state: State) -> Ends:
        """Commands joined by pipes, each in a shell of its own."""
        last = state
        piped: Loose | None = None
        for one in node.parts:
            last = state if _steady(one) else state.fork()
            last.piped = piped
            before = len(self.context.acts)
            self.run(one, last)
            last.piped = None
            piped = self._printed(one, before, piped)
        # Some shells run the last command of a pipe in themselves.
        if last is not state and (last.variables != state.variables or last.env is not state.env):
            state.forget({name for name, value in last.variables.items() if state.variables.get(name) is not value})
        return state, state

    def _printed(self, node: Node, before: int, piped: Loose | None) -> Loose | None:
        """The names that a command of a pipe hands on, where they are known."""
        act = self.context.acts[before] if before < len(self.context.acts) else None
        if not isinstance(node, Simple) or not isinstance(act, ExecEffect) or act.argv is None or act.opaque:
            return None
        words: list[Value] = [word for word in act.argv if word is not None]
        if act.program == "find":
            return names_printed(words)
        return piped if act.program in _PASSING and len(act.argv) <= 8 and not act.more else None

    def group(self, node: Group, state: State) -> Ends:
        """A group, or a subshell whose changes are forgotten."""
        if node.subshell:
            self.sequence(node.body, state.fork())
            return state, state
        return self.sequence(node.body, state)

    def conditional(self, node: If, state: State) -> Ends:
        """``if``: every arm, then what any of them may have left."""
        now: State | None = state
        out: State | None = None
        for condition, body in node.arms:
            base = state if now is None else now
            ok, fail = self.sequence(condition, base.fork())
            one, other = self.sequence(body, (ok or base).fork())
            if ok is not None:
                out = merged(out, merged(other, one))
            now = fail
        if node.other is not None:
            one, other = self.sequence(node.other, (now or state).fork())
            now = None if now is None else merged(other, one)
        after = merged(out, now)
        return after, after

    def loop(self, node: Loop, state: State) -> Ends:
        """A loop: what its body changes is unknown from the start."""
        if node.words is not None and node.name is not None:
            return self._for(node, node.words, node.name, state)
        names, moves = _changes([node.body] if node.condition is None else [node.condition, node.body])
        state.forget(names)
        if moves:
            state.place = Place(None, away=state.place.away)
        if node.name is not None:
            state.assign(node.name, Loose(f"`${node.name}` is not known"))
        body = state
        if node.condition is not None:
            ok, _ = self.run(node.condition, state)
            body = ok or state
        one, other = self.sequence(node.body, body.fork())
        after = merged(state, merged(other, one))
        return after, after

    def _for(self, node: Loop, words: list[Word], name: str, state: State) -> Ends:
        inner: Inner = []
        values: list[Value] = []
        for word in words:
            values.extend(fields(word, state, inner))
        self._inner(inner, state)
        names, moves = _changes([node.body])
        known = all(isinstance(value, str) or (value.glob is not None and not value.many) for value in values)
        if known and 0 < len(values) <= min(MOST_ROUNDS, self.rounds):
            self.rounds -= len(values)
            now = state
            state.forget(names)
            for value in values:
                if not isinstance(value, str):
                    value = Loose(value.why, head=value.head, glob=value.glob)
                now.assign(name, value)
                one, other = self.sequence(node.body, now.fork())
                now = merged(now, merged(other, one)) or now
                now.forget(names - {name})
            return now, now
        state.forget(names)
        if moves:
            state.place = Place(None, away=state.place.away)
        state.assign(name, Loose(f"`${name}` takes several values"))
        one, other = self.sequence(node.body, state.fork())
        after = merged(state, merged(other, one))
        return after, after

    def case(self, node: Case, state: State) -> Ends:
        """``case``: every arm."""
        inner: Inner = []
        single(node.word, state, inner)
        out: State | None = state
        for patterns, _ in node.arms:
            for pattern in patterns:
                single(pattern, state, inner)
        self._inner(inner, state)
        for _, body in node.arms:
            one, other = self.sequence(body, state.fork())
            out = merged(out, merged(other, one))
        return out, out

    def definition(self, node: Function, state: State) -> Ends:
        """A function: what its body does is gathered where it is defined."""
        names, moves = _changes([node.body])
        within = state.fork()
        within.positional = None
        within.forget(names)
        self.run(node.body, within)
        state.functions[node.name] = (frozenset(names), moves)
        if node.name in CHANGING or node.name in BUILTINS:
            state.shadowed |= {node.name}
        return state, state

    def comparison(self, node: Test, state: State) -> Ends:
        """``[[ … ]]``, which can evaluate arithmetic."""
        inner: Inner = []
        values = [single(word, state, inner) for word in node.words]
        if any(value in _COMPARING for value in values if isinstance(value, str)):
            for word, value in zip(node.words, values, strict=True):
                if isinstance(value, str):
                    state.calculated(value)
                    if any(one in value for one in "$`[") and len(value) > 1 and value != "[[":
                        state.doubts.append("a comparison of numbers can run other commands")
                elif (
                    not value.number and value.glob is None and (not value.why.startswith("`$") or _holds(word, state))
                ):
                    state.doubts.append("a comparison of numbers that are not known can run other commands")
        self._inner(inner, state)
        self._doubts(state)
        return state, state

    def arithmetic(self, node: Arithmetic, state: State) -> Ends:
        """``(( … ))``, which can run commands in subscripts."""
        inner: Inner = []
        calculate(node.parts, state, inner)
        self._inner(inner, state)
        self._doubts(state)
        return state, state

    # --- simple commands ------------------------------------------------------------------------

    def _simple(self, node: Simple, state: State) -> Ends:
        inner: Inner = []
        values: list[Value] = []
        for word in node.words:
            if isinstance(word, str):
                values.append(word)
            else:
                values.extend(fields(word, state, inner))
        if values and not inner and not node.assignments and not node.redirects:
            plain = self._command(values, self._context(state, node), state)
            if state.doubts:
                self._doubts(state)
            return plain
        assigned: dict[str, Value] = {}
        for name, partial, value, items in node.assignments:
            for item in items:
                single(item, state, inner)
            now: Value = Loose(f"a part of `{name}` is not known")
            if value is not None:
                found = single(value, state, inner)
                if not partial:
                    now = found
            assigned[name] = now
        ends: Ends = (state, state)
        if not node.words:
            for name, now in assigned.items():
                state.assign(name, now)
            self._redirects(node, state, inner)
        else:
            context = self._context(state, node)
            if assigned:
                for name, now in assigned.items():
                    if isinstance(now, str) and hides_commands(now):
                        state.doubts.append(f"the value of `{name}` runs other commands wherever it is calculated")
                extra = {name: value if isinstance(value, str) else None for name, value in assigned.items()}
                context.env = {**context.env, **extra}
            if not values:
                # every word may have become nothing, or the command may be the first word's value
                context.unknown("the command is empty")
            else:
                ends = self._command(values, context, state)
            self._redirects(node, state, inner)
        self._doubts(state)
        if inner:
            self._inner(inner, state)
        return ends

    def _context(self, state: State, node: Node | None = None) -> Context:
        base = self.context
        found = Context(
            base.acts, state.place, state.home, base.shell, env=state.env, elevated=base.elevated, depth=base.depth
        )
        found.piped = state.piped
        if node in self.implied:
            found.implied = True
            found.sole = node is self.sole
        return found

    def _command(self, values: list[Value], context: Context, state: State) -> Ends:
        program = values[0]
        if isinstance(program, str):
            function = state.functions.get(program)
            if function is not None:
                names, moves = function
                state.forget(set(names))
                if moves:
                    state.place = Place(None, away=state.place.away)
                return state, state
            if program in state.shadowed:
                context.run(values, why=f"`{program}` means something else here")
                return state, state
            builtin = BUILTINS.get(program)
            if builtin is not None:
                return builtin(self, values, context, state)
            read_command(values, context)
            if program in _ENDING:
                return None, None
            return state, state
        read_command(values, context)
        return state, state

    def _doubts(self, state: State) -> None:
        """What may run without being seen becomes a command of which nothing is known."""
        if state.doubts:
            self._context(state).unknown(state.doubts[0])
            state.doubts.clear()

    def _inner(self, inner: Inner, state: State) -> None:
        """Follow the commands in a command's words, each in a shell of its own."""
        for commands in inner:
            self.sequence(commands, state.fork())

    # --- redirections ------------------------------------------------------------------------------

    def _redirects(self, node: Node, state: State, inner: Inner) -> None:
        implied = node in self.implied
        for redirect in node.redirects:
            operator = redirect.operator
            if redirect.body is not None:
                single(redirect.body, state, inner)
                continue
            if operator == "<<<":
                single(redirect.target, state, inner)
                continue
            if duplicates_descriptor(redirect):
                continue
            target = single(redirect.target, state, inner)
            if not isinstance(redirect.target, str):
                # an unquoted pattern stands for a file where it fits exactly one
                many = fields(redirect.target, state, []) if isinstance(target, str) else [target]
                if len(many) == 1 and isinstance(many[0], Loose):
                    target = many[0]
            if operator == "<&":
                if not isinstance(target, str) and not target.number:
                    continue  # another descriptor, or an error
                continue
            self.touch("fs.read" if operator == "<" else "fs.write", target, state, implied)
            if operator == "<>":
                self.touch("fs.read", target, state, implied)

    def touch(self, action: str, target: Value, state: State, implied: bool = False) -> None:
        """Add the file, or the socket, that a redirection names."""
        context = self.context
        if isinstance(target, str):
            if is_nothing(target):
                return
            socket = _SOCKET(target)
            if socket is not None:
                reached = host_effect("net.connect", f"{socket.group(1)}:{socket.group(2)}")
                context.acts.append(of_command(reached, implied))
                return
        elif target.head.startswith(("/dev/tcp/", "/dev/udp/")):
            context.acts.append(of_command(NetEffect("net.connect", opaque=True, why=target.why), implied))
            return
        if state.place.away:
            return
        name, glob, instead, why = absolute_value(target, state.place, state.home)
        context.acts.append(
            Touch(
                action, name, many=glob is not None, glob=glob, hidden=False, instead=instead, implied=implied, why=why
            )
        )


def _steady(node: Node) -> bool:
    """Whether a command leaves the shell as it is."""
    if isinstance(node, Pipeline):
        return True
    if not isinstance(node, Simple) or node.assignments or not node.words:
        return False
    program = node.words[0]
    return isinstance(program, str) and program not in BUILTINS and program not in _ENDING


def _holds(word: Word, state: State) -> bool:
    """Whether a word takes its value from a variable that the text sets, or from what a function is given."""
    return not isinstance(word, str) and any(
        part[0] == "variable"
        and (part[1] in state.variables or (state.positional is None and part[1] in "123456789@*"))
        for part in word
    )


def _unread(text: str, context: Context, state: State) -> Ends:
    context.unknown("the text is not read here")
    return state, state


def _changes(nodes: list[Node]) -> tuple[set[str], bool]:
    """The variables that commands may set, and whether they may leave their directory."""
    names: set[str] = set()
    moves = False
    todo: list[Node | None] = list(nodes)
    while todo:
        node = todo.pop()
        if isinstance(node, Simple):
            names.update(name for name, _, _, _ in node.assignments)
            words = [word if isinstance(word, str) else None for word in node.words]
            program = words[0] if words else ""
            if program is None or program in ("cd", "pushd", "popd", "eval", "source", ".", "builtin", "command"):
                moves = moves or program is None or program in ("cd", "pushd", "popd", "eval") or "cd" in words
            if program in CHANGING:
                for word in words[1:]:
                    if word is not None:
                        names.add(word.partition("=")[0].rstrip("+"))
        elif isinstance(node, Pipeline):
            todo.extend(node.parts)
        elif isinstance(node, Chain):
            todo.append(node.first)
            todo.extend(one for _, one in node.rest)
        elif isinstance(node, Sequence):
            todo.extend(one for one, _ in node.items)
        elif isinstance(node, Group):
            if node.subshell:
                continue
            todo.append(node.body)
        elif isinstance(node, If):
            for condition, body in node.arms:
                todo.extend((condition, body))
            todo.append(node.other)
        elif isinstance(node, Loop):
            todo.extend((node.condition, node.body))
            if node.name is not None:
                names.add(node.name)
        elif isinstance(node, Case):
            todo.extend(body for _, body in node.arms)
        elif isinstance(node, Arithmetic):
            for part in node.parts:
                if part[0] == "text":
                    names.update(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", part[1]))
    return {name for name in names if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)}, moves


_WALKS: Final = {
    Sequence: Walk.sequence,
    Chain: Walk.chain,
    Pipeline: Walk.pipeline,
    Group: Walk.group,
    If: Walk.conditional,
    Loop: Walk.loop,
    Case: Walk.case,
    Function: Walk.definition,
    Test: Walk.comparison,
    Arithmetic: Walk.arithmetic,
}
