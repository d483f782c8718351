"""Which rules, marks, branches of conditions and alternatives of patterns the tests of policy files reached."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Literal, TypeAlias

from attrs import evolve, field, frozen

from agentpolicy.checker.nearly import counted, shown_pattern, written
from agentpolicy.compiler import reference
from agentpolicy.effects.effect import Effect
from agentpolicy.language import checked as c
from agentpolicy.language.check import walk_test
from agentpolicy.language.load import PRESETS
from agentpolicy.language.patterns import PARAMETER

Kind: TypeAlias = Literal["rule", "mark", "branch", "pattern"]
_NAMES: Mapping[Kind, str] = {
    "rule": "rules",
    "mark": "marks",
    "branch": "branches",
    "pattern": "pattern alternatives",
}
#: What is reached, by its place: file, offsets, and what of it.
_Key: TypeAlias = tuple[str, int, int, str]
#: Stands for a parameter while braces are looked for.
_STAND_IN = "\ue001"


@frozen
class Uncovered:
    """Something that no test reached. ``line`` counts from 1."""

    file: str
    line: int
    what: str
    kind: Kind


@frozen
class Totals:
    """How much there is of a kind, and how much of it was reached."""

    reached: int
    total: int

    @property
    def percent(self) -> float:
        """Reached, in hundredths; 100 where there is nothing to reach."""
        return 100.0 if not self.total else 100.0 * self.reached / self.total


@frozen
class _Goal:
    """Something that a test should reach. ``order`` sorts goals of one line."""

    key: _Key
    kind: Kind
    file: str
    line: int
    what: str
    order: int = field(default=0)


class Coverage:
    """Collects what tests reach, over any number of files. Outer layers and imported sets count where they stand."""

    def __init__(self) -> None:
        self._goals: dict[_Key, _Goal] = {}
        self._reached: set[_Key] = set()

    # --- collecting ------------------------------------------------------------------

    def begin(self, program: c.Program) -> None:
        """Take up what there is to reach in a program; presets that it stands on are left out."""
        for layer in program.layers:
            if _is_preset(layer.source.name) and layer is not program.layers[-1]:
                continue
            for rule in layer.rules:
                for goal in goals(rule):
                    self._goals.setdefault(goal.key, goal)
            for mark in layer.marks:
                for goal in goals(as_rule(mark), mark):
                    self._goals.setdefault(goal.key, goal)

    def observe(
        self,
        program: c.Program,
        bindings: reference.Bindings,
        effects: Sequence[Effect],
        situation: reference.Situation,
    ) -> None:
        """Take up what one call reaches, in the session as it was when the call was judged."""
        for effect in effects:
            situation.state.judging(effect)
            for layer in program.layers:
                for rule in layer.rules:
                    if effect.action in rule.actions:
                        self._observe(layer, rule, bindings, effect, situation)
            situation.state.count(effect)

    def observe_marks(
        self,
        program: c.Program,
        bindings: reference.Bindings,
        effects: Sequence[Effect],
        situation: reference.Situation,
    ) -> None:
        """Take up the lines that set and clear marks which a call reaches that was let through and has ended."""
        for effect in effects:
            situation.state.judging(effect)
            for layer in program.layers:
                for mark in layer.marks:
                    if effect.action in mark.actions:
                        self._observe(layer, as_rule(mark), bindings, effect, situation)

    def _observe(
        self,
        layer: c.Layer,
        rule: c.CheckedRule,
        bindings: reference.Bindings,
        effect: Effect,
        situation: reference.Situation,
    ) -> None:
        seen = _Seen()
        value = reference.match_rule(layer, rule, bindings, effect, situation, seen)
        if value:
            self._reached.add(_key(rule.place, "rule"))
        matched = {id(glob) for glob, found in seen.globs if found}
        for glob, excepted in patterns(rule):
            if id(glob) in matched:
                self._alternatives(layer, rule, glob, excepted, bindings, effect, situation)
        if rule.quotas and reference.match_rule(layer, evolve(rule, quotas=()), bindings, effect, situation):
            for at, quota in enumerate(rule.quotas):
                left = counted(layer, rule, at, effect, situation)
                if left is not None:
                    self._reached.add(_key(quota.place, f"quota {left}"))
        if rule.condition is None:
            return
        # What a condition comes to counts where its rule could have matched.
        bare = evolve(rule, condition=None, quotas=())
        there = value or reference.match_rule(layer, bare, bindings, effect, situation)
        if there is not False:
            for test, found in seen.tests:
                if found is not None:
                    self._reached.add(_key(test.place, _branch(test, found)))

    def _alternatives(
        self,
        layer: c.Layer,
        rule: c.CheckedRule,
        glob: c.Glob,
        excepted: bool,
        bindings: reference.Bindings,
        effect: Effect,
        situation: reference.Situation,
    ) -> None:
        self._reached.add(_key(glob.place, "pattern"))
        found = alternatives(glob.text)
        if not found:
            return
        # Exceptions are read as rules of the other kind read their patterns.
        turned = rule.effect if not excepted else "deny" if rule.effect == "allow" else "allow"
        for at, (_, text) in enumerate(found):
            one = evolve(glob, text=text)
            alone = evolve(rule, effect=turned, subject=(one,), excepts=(), condition=None, quotas=())
            if reference.match_rule(layer, alone, bindings, effect, situation):
                self._reached.add(_key(glob.place, f"alternative {at}"))

    # --- telling ---------------------------------------------------------------------

    @property
    def uncovered(self) -> tuple[Uncovered, ...]:
        """Everything that was not reached, by file and line."""
        missed = [goal for goal in self._goals.values() if goal.key not in self._reached]
        return tuple(
            Uncovered(goal.file, goal.line, goal.what, goal.kind)
            for goal in sorted(missed, key=lambda goal: (goal.file, goal.line, goal.key[1], goal.order))
        )

    def totals(self, kind: Kind | None = None) -> Totals:
        """How much was reached of a kind, or of everything."""
        wanted = [goal for goal in self._goals.values() if kind is None or goal.kind == kind]
        return Totals(sum(goal.key in self._reached for goal in wanted), len(wanted))

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "percent": round(self.totals().percent, 1),
            "totals": {
                kind: {"reached": self.totals(kind).reached, "total": self.totals(kind).total} for kind in _NAMES
            },
            "uncovered": [
                {"file": one.file, "line": one.line, "kind": one.kind, "what": one.what} for one in self.uncovered
            ],
        }

    def text(self) -> str:
        """The report for a person: what was not reached, by file and line, then the totals."""
        lines: list[str] = []
        file = None
        for one in self.uncovered:
            if one.file != file:
                file = one.file
                lines.append(file)
            lines.append(f"  {one.line:>4}  {one.what}")
        counted = ", ".join(
            f"{self.totals(kind).reached} of {self.totals(kind).total} {name}"
            for kind, name in _NAMES.items()
            if kind != "mark" or self.totals(kind).total
        )  # fmt: skip
        lines.append(f"reached {self.totals().percent:.0f}%: {counted}")
        return "\n".join(lines)


class _Seen:
    """Keeps what the reference evaluator tells of one rule and one effect."""

    def __init__(self) -> None:
        self.globs: list[tuple[c.Glob, bool | None]] = []
        self.tests: list[tuple[c.Test_, bool | None]] = []

    def on_rule(self, layer: c.Layer, rule: c.CheckedRule, value: bool | None) -> None:
        """The answer is returned as well."""

    def on_glob(self, glob: c.Glob, value: bool | None) -> None:
        """Keep what a pattern came to."""
        self.globs.append((glob, value))

    def on_test(self, test: c.Test_, value: bool | None) -> None:
        """Keep what a condition or a part of one came to."""
        self.tests.append((test, value))


# --- what there is to reach ----------------------------------------------------------


def as_rule(mark: c.CheckedMark) -> c.CheckedRule:
    """A line that sets or clears a mark as a rule of the same match, read as widely as it may be."""
    return c.CheckedRule(
        mark.name, "deny", 0, mark.actions, mark.subject, mark.excepts, mark.condition, None, mark.place
    )


def goals(rule: c.CheckedRule, mark: c.CheckedMark | None = None) -> Iterator[_Goal]:
    """Everything of a rule that tests should reach, or of a mark's line that was made one."""

    def goal(place: c.Place, what: str, kind: Kind, text: str, order: int = 0) -> _Goal:
        return _Goal(_key(place, what), kind, place.source.name, place.line, text, order)

    if mark is None:
        yield goal(rule.place, "rule", "rule", f"the rule `{rule.id}` never matched")
    else:
        line = f"`{'clear' if mark.clear else 'mark'} {mark.name}`"
        yield goal(rule.place, "rule", "mark", f"{line} never matched what was let through")
    for quota in rule.quotas:
        over = quota.kind == "over"
        spent, left = ("exceeded", "kept") if over else ("spent", "left with room")
        # No test sends or receives as many bytes as budgets are about.
        if quota.kind != "budget" or isinstance(quota.of, c.Attribute):
            yield goal(quota.place, f"quota {over}", "branch", f"`{written(quota.place)}` was never {spent}", 1)
        yield goal(quota.place, f"quota {not over}", "branch", f"`{written(quota.place)}` was never {left}", 1)
    if rule.condition is not None:
        for node in branching(rule.condition):
            for value in (True, False):
                text = f"`{written(node.place)}` was never {'true' if value else 'false'}"
                yield goal(node.place, _branch(node, value), "branch", text, 1)
    for glob, excepted in patterns(rule):
        what = "exception" if excepted else "pattern"
        found = alternatives(glob.text)
        if not found:
            yield goal(glob.place, "pattern", "pattern", f'the {what} "{shown_pattern(glob)}" never matched', 2)
        for at, (choice, _) in enumerate(found):
            text = f'the alternative `{choice}` of the {what} "{shown_pattern(glob)}" never matched'
            yield goal(glob.place, f"alternative {at}", "pattern", text, 3 + at)


def branching(condition: c.Test_) -> Iterator[c.Test_]:
    """The parts of a condition that are true or false by themselves: single tests, and what joins them."""
    return (node for node in walk_test(condition) if not isinstance(node, c.Negation) and not _empty(node))


def patterns(rule: c.CheckedRule) -> Iterator[tuple[c.Glob, bool]]:
    """The written patterns of a rule, and whether each is an exception."""
    yield from ((glob, False) for glob in rule.subject or ())
    yield from ((glob, True) for glob in rule.excepts)


def alternatives(text: str) -> list[tuple[str, str]]:
    """The alternatives in the braces of a pattern: each as it is written, and the pattern with that one alone.

    ``git {status,diff} **`` gives ``("status", "git status **")`` and ``("diff", "git diff **")``. Of braces inside
    braces the inner alternatives count.
    """
    params = PARAMETER.findall(text)
    plain = PARAMETER.sub(_STAND_IN, text)
    if "{" not in plain:
        return []

    def restored(part: str, before: str) -> str:
        for name in params[before.count(_STAND_IN) :]:
            part = part.replace(_STAND_IN, "${" + name + "}", 1)
        return part

    found: list[tuple[str, str]] = []
    todo = [("", plain, "")]
    while todo:
        head, rest, tail = todo.pop(0)
        for start, end, choices in _groups(rest):
            at = start + 1
            for choice in choices:
                before, after = head + rest[:start], rest[end:] + tail
                if "{" in choice:
                    todo.append((before, choice, after))
                else:
                    found.append((restored(choice, head + rest[:at]), restored(before + choice + after, "")))
                at += len(choice) + 1
    return found


def _groups(text: str) -> Iterator[tuple[int, int, list[str]]]:
    """The outermost braces of a text: where each begins and ends, and its alternatives."""
    depth = start = begin = 0
    choices: list[str] = []
    for at, letter in enumerate(text):
        if letter == "{":
            depth += 1
            if depth == 1:
                start, begin, choices = at, at + 1, []
        elif letter == "," and depth == 1:
            choices.append(text[begin:at])
            begin = at + 1
        elif letter == "}":
            depth -= 1
            if depth == 0:
                yield start, at + 1, [*choices, text[begin:at]]


def _branch(test: c.Test_, value: bool) -> str:
    return f"{type(test).__name__} {value}"


def _empty(node: c.Test_) -> bool:
    return isinstance(node, c.All | c.Some) and not node.terms


def _key(place: c.Place, what: str) -> _Key:
    return os.path.realpath(place.source.name), place.span.start, place.span.end, what


def _is_preset(name: str) -> bool:
    return PurePath(os.path.realpath(name)).is_relative_to(os.path.realpath(PRESETS))
