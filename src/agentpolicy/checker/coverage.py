"""Which rules, branches and pattern alternatives no test has reached."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from agentpolicy.compiler.reference import Truth
from agentpolicy.language import checked as c
from agentpolicy.language.check import walk_test

Key = tuple[str, int, int]


@frozen
class Uncovered:
    """One thing that no test reached: ``kind`` is ``rule``, ``pattern``, ``true`` or ``false``."""

    file: str
    line: int
    kind: str
    what: str


class Coverage:
    """Collects what tests reach, told by the reference evaluator; see ``agentpolicy.compiler.reference.Trace``."""

    def __init__(self) -> None:
        self._wanted: dict[tuple[str, Key], tuple[c.Place, str]] = {}
        self._reached: set[tuple[str, Key]] = set()

    def add(self, program: c.Program) -> None:
        """Count everything of a program's innermost layer as wanted."""
        layer = program.layers[-1]
        for rule in layer.rules:
            self._want("rule", rule.place, f"the rule `{rule.id}` never matched")
            for glob in (*(rule.subject or ()), *rule.excepts):
                self._want("pattern", glob.place, f"the pattern `{glob.text}` never matched")
            for test in [] if rule.condition is None else walk_test(rule.condition):
                if isinstance(test, c.All | c.Some | c.Negation):
                    continue
                told = " ".join(test.place.source.text[test.place.span.start : test.place.span.end].split())
                self._want("true", test.place, f"`{told}` was never true")
                self._want("false", test.place, f"`{told}` was never false")

    def _want(self, kind: str, place: c.Place, what: str) -> None:
        self._wanted.setdefault((kind, _key(place)), (place, what))

    # --- what the reference evaluator tells ------------------------------------------

    def on_rule(self, layer: c.Layer, rule: c.CheckedRule, value: Truth) -> None:
        """A rule was weighed."""
        if value:
            self._reached.add(("rule", _key(rule.place)))

    def on_glob(self, glob: c.Glob, value: Truth) -> None:
        """A pattern was held against a name."""
        if value:
            self._reached.add(("pattern", _key(glob.place)))

    def on_test(self, test: c.Test_, value: Truth) -> None:
        """A condition was evaluated."""
        if value is not None:
            self._reached.add(("true" if value else "false", _key(test.place)))

    # --- what came of it ----------------------------------------------------------------

    def uncovered(self) -> Iterator[Uncovered]:
        """What no test reached, by file and line."""
        left = [
            (place, kind, what)
            for (kind, key), (place, what) in self._wanted.items()
            if (kind, key) not in self._reached
        ]
        for place, kind, what in sorted(left, key=lambda one: (one[0].source.name, one[0].span.start, one[1])):
            yield Uncovered(place.source.name, place.line, kind, what)

    @property
    def wanted(self) -> int:
        """How many things tests could reach."""
        return len(self._wanted)

    @property
    def reached(self) -> int:
        """How many of them they reached."""
        return len(self._wanted.keys() & self._reached)

    @property
    def percent(self) -> float:
        """The share that was reached."""
        return 100.0 * self.reached / self.wanted if self.wanted else 100.0


def _key(place: c.Place) -> Key:
    return place.source.name, place.span.start, place.span.end
