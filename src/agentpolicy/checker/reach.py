"""Which marks a session can come to have, and by what effects: a search from a new session, the shortest way first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any, Final

from attrs import evolve, field, frozen

from agentpolicy.checker.answers import concrete
from agentpolicy.checker.assumed import NOTHING_HEARD, Assumed, Heard, Marks
from agentpolicy.checker.coverage import as_rule
from agentpolicy.checker.judging import Judge
from agentpolicy.checker.search import Given, Question, Search, marks_read
from agentpolicy.checker.truths import Values
from agentpolicy.checker.witness import Case, written
from agentpolicy.compiler.bind import Bindings
from agentpolicy.compiler.runtime import MarkRow
from agentpolicy.effects.programs import base_name, program_entry
from agentpolicy.effects.shell.builtins import BUILTINS
from agentpolicy.engine.policy import Policy
from agentpolicy.language import checked as c
from agentpolicy.language.vocabulary import CONTEXT, family

#: Sessions with other marks that are gone through, at most.
MOST_SESSIONS: Final = 256
#: Effects that are tried for one line and action, and of those for one kind.
MOST_EFFECTS: Final = 96
MOST_OF_A_KIND: Final = 6
#: Marks whose combinations are still imagined where no way to them was found.
MOST_IMAGINED: Final = 4
#: What a mark may be that nothing sets for sure: no call under way and no unsure match is ruled out.
_NOT_SET: Final[Values] = frozenset({False, None})


@frozen
class Step:
    """One step of a way: an effect that is let through and how it ended, or time that passes (in seconds).

    ``text`` is the step as a test writes it.
    """

    text: str
    case: Case | None = None
    ended: str = "ok"
    seconds: int = 0

    def shown(self) -> list[str]:
        """The step for a person, behind what has to be heard before it."""
        return [*([] if self.case is None else self.case.heard.shown()), self.text]


@frozen
class Reached:
    """A session that can come to be: its marks (those that are not there are not set), and the way to it."""

    marks: Marks = field(factory=dict)
    way: tuple[Step, ...] = ()
    heard: Heard = NOTHING_HEARD


@frozen
class _Line:
    """A ``mark`` or ``clear`` line under one action."""

    layer: c.Layer
    mark: c.CheckedMark
    action: str

    @property
    def key(self) -> str:
        return f"{self.layer.key}:{self.mark.name}"

    @property
    def question(self) -> Question:
        """Which effects it is about that go ahead; its match read as widely as it may be."""
        wanted = frozenset({"allow", "ask"})
        return Question(as_rule(self.mark), self.layer, wanted, observed=True)


class Reach:
    """Looks for ways to marks, for one proof; ``asked`` are the marks that an answer hangs on.

    ``why`` says what cut the search short, where something did.
    """

    def __init__(
        self, program: c.Program, bindings: Bindings, given: Given, judge: Judge, asked: frozenset[str]
    ) -> None:
        self._program = program
        self._bindings = bindings
        self._given = given
        self._judge = judge
        lines = [
            _Line(layer, mark, action) for layer in program.layers for mark in layer.marks for action in mark.actions
        ]
        self._keys = _leading_to(asked, program, lines)
        self._lines = [line for line in lines if line.key in self._keys]
        self._known: dict[str, list[Reached]] = {}
        self.why = ""

    # --- what may be --------------------------------------------------------------------------

    @cached_property
    def marks(self) -> Mapping[str, Values]:
        """What the marks may be that nothing can set for sure."""
        unset = dict.fromkeys((line.key for line in self._lines), _NOT_SET)
        # Another agent of the session may have another name and role, at another time.
        given = evolve(self._given, context=_lasting(self._given.context))
        waiting = [line for line in self._lines if not line.mark.clear]
        while waiting:
            found = [line for line in waiting if line.key not in unset or self._search(line, given, unset).possible()]
            if not found:
                break
            for line in found:
                unset.pop(line.key, None)
            waiting = [line for line in waiting if line not in found]
        return unset

    def _search(self, line: _Line, given: Given, marks: Mapping[str, Values]) -> Search:
        question = evolve(line.question, unruled=self._unruled(line))
        return Search(self._program, question, line.action, self._bindings, given, marks)

    def _unruled(self, line: _Line) -> bool:
        """Whether effects of a line may go ahead although no rule allows them."""
        match family(line.action):
            case "tool":
                return any(tool.only for layer in self._program.layers for tool in layer.tools.values())
            case "exec":
                # What starts another command is judged by ask and deny rules alone.
                patterns = concrete(line.mark.subject or (), self._bindings)
                return not patterns or any(_may_start_another(pattern) for pattern in patterns)
            case _:
                return False

    # --- ways ---------------------------------------------------------------------------------

    def sessions(self, case: Case, marks: frozenset[str]) -> Iterable[Reached]:
        """Sessions of the same facts and agent as a case, told apart by some marks only, the shortest way first."""
        if not marks or not self._lines:
            return (Reached(),)
        facts, context = self._situation(case)
        name = repr((facts, context))
        if name not in self._known:
            self._known[name] = list(self._walk(facts, context))
        found: dict[tuple[bool | None, ...], Reached] = {}
        for one in self._known[name]:
            found.setdefault(tuple(one.marks.get(key, False) for key in sorted(marks)), one)
        return found.values()

    def imagined(self, marks: frozenset[str]) -> Iterator[Marks]:
        """Marks that sessions might have, reached or not."""
        free = sorted(key for key in marks if key not in self.marks)
        if free and len(free) <= MOST_IMAGINED:
            for values in product((True, False), repeat=len(free)):
                yield dict(zip(free, values, strict=True))

    def _situation(self, case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
        """The facts of a case, those that it lacks too, and who acts."""
        declared = [name for layer in self._program.layers for name in layer.facts]
        facts = {name: case.facts.get(name) for name in declared}
        context = {name: case.context.get(name) for name in CONTEXT if not name.startswith(("time.", "host."))}
        return facts, {**context, "host.os": case.context.get("host.os")}

    def _walk(self, facts: dict[str, Any], context: dict[str, Any]) -> Iterator[Reached]:
        policy = self._judge.policy
        if policy is None:
            return
        given = evolve(self._given, facts=facts, context=context)
        effects = [
            case
            for line in self._lines
            if line.key not in self.marks
            for case in self._search(line, given, self.marks).cases(MOST_OF_A_KIND, MOST_EFFECTS)
        ]
        effects = list({_identity(case): case for case in effects}.values())
        seen = {_frozen({})}
        waiting = deque([Reached()])
        while waiting:
            one = waiting.popleft()
            yield one
            for other in self._next(one, effects, policy):
                name = _frozen(other.marks)
                if name in seen:
                    continue
                if len(seen) >= MOST_SESSIONS or self._judge.left <= 0:
                    self.why = f" among {len(seen)} states of marks"
                    return
                seen.add(name)
                waiting.append(other)

    def _next(self, one: Reached, effects: Sequence[Case], policy: Policy) -> Iterator[Reached]:
        for case in effects:
            heard = one.heard.then(case.heard)
            for ended in ("ok", "error") if any(row.waits for row in policy.marks) else ("ok",):
                after = _after(policy, case, one.marks, heard, ended)
                marks = {key: value for key, value in after.items() if key in self._keys}
                if _frozen(marks) == _frozen(one.marks) or not self._judge.lets_through(case, one.marks, heard):
                    continue
                text = _text(case, ended)
                if text is not None:
                    yield Reached(marks, (*one.way, Step(text, case, ended)), heard)
        for key in one.marks:
            seconds = [row.seconds for row in policy.marks if row.key == key and not row.clear]
            if None not in seconds:
                gone = {name: value for name, value in one.marks.items() if name != key}
                longest = max(one for one in seconds if one is not None)
                yield Reached(gone, (*one.way, Step(f"`wait {longest}s`", seconds=longest)), one.heard)


def _leading_to(asked: frozenset[str], program: c.Program, lines: Sequence[_Line]) -> frozenset[str]:
    """Some marks, and those on which it hangs whether they are set."""
    found, waiting = set(asked), set(asked)
    while waiting:
        key = waiting.pop()
        for line in lines:
            if line.key == key:
                more = marks_read(program, line.question, line.action) - found
                found |= more
                waiting |= more
    return frozenset(found)


def _after(policy: Policy, case: Case, marks: Marks, heard: Heard, ended: str) -> Marks:
    """The marks after an effect, as the engine changes them: first what hangs on no other mark, then what does."""
    before = case.situation(Assumed(policy, marks, heard, case.context, ended))
    now = _changed(marks, [(row, row.value(case.effect, before)) for row in policy.marks if not row.hangs])
    then = case.situation(Assumed(policy, now, heard, case.context, ended))
    late = _changed(now, [(row, row.value(case.effect, then)) for row in policy.marks if row.hangs])
    return {key: value for key, value in late.items() if value is not False}


def _changed(marks: Marks, rows: Sequence[tuple[MarkRow, bool | None]]) -> dict[str, bool | None]:
    """Marks after what some lines make of them."""
    found = dict(marks)
    changes: dict[str, list[tuple[bool, bool]]] = {}
    for row, value in rows:
        if value is not False:
            changes.setdefault(row.key, []).append((not row.clear, value is True))
    for key, made in changes.items():
        found[key] = _together(found.get(key, False), made)
    return found


def _together(before: bool | None, changes: Sequence[tuple[bool, bool]]) -> bool | None:
    """What changes in an unknown order, sure or unsure, make of a mark."""
    values: set[bool | None] = {wanted for wanted, _ in changes}
    if not any(sure for _, sure in changes):
        values.add(before)
    return next(iter(values)) if len(values) == 1 else None


def _text(case: Case, ended: str) -> str | None:
    """An effect as a step of a test; None where it cannot be written."""
    shown = written(case.effect)
    if shown is None:
        return None
    unsure = " (opaque)" if case.effect.opaque else ""
    return f"`{shown}`{unsure}" if ended == "ok" else f'`{shown} (result: "{ended}")`{unsure}'


def _may_start_another(pattern: str) -> bool:
    """Whether a pattern may match a command that starts another one; a plain name that nobody knows never does."""
    first = pattern.partition(" ")[0]
    known = program_entry(base_name(first)) is not None or first in BUILTINS
    return not first or known or any(letter in first for letter in "*{}")


def _lasting(context: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in context.items() if not name.startswith(("agent.", "user.", "time."))}


def _frozen(marks: Marks) -> frozenset[tuple[str, bool | None]]:
    return frozenset((key, value) for key, value in marks.items() if value is not False)


def _identity(case: Case) -> str:
    return repr((case.effect, case.facts, case.context, case.heard))
