"""Trying a change: the reference evaluator's answer to a call under another policy or in another situation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from attrs import evolve, frozen

from agentpolicy.checker.bench import Answered, Bench, anew
from agentpolicy.compiler import reference
from agentpolicy.language import checked as c

ChangeKind: TypeAlias = Literal["situation", "condition", "count", "rule", "pattern", "exception", "opaque", "without"]


@frozen
class Change:
    """A change of the call, of its circumstances or of the policy, and the answer that it would give.

    ``lines`` are rules to write, ``line`` the line in ``file`` that the change is about.
    """

    kind: ChangeKind
    text: str
    outcome: str
    rule: str
    file: str | None = None
    line: int | None = None
    lines: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The change as JSON values."""
        return {
            "kind": self.kind,
            "text": self.text,
            "outcome": self.outcome,
            "rule": self.rule,
            "file": self.file,
            "line": self.line,
            "lines": list(self.lines),
        }


class Trial:
    """One call that was answered, to be answered again under changes.

    ``rules`` are those about the call's actions, ``before`` is the outcome that there was.
    """

    def __init__(self, bench: Bench, answered: Answered) -> None:
        self.bench = bench
        self.program = bench.program
        self.answered = answered
        self.effects = answered.effects
        self.situation = answered.situation
        self.before = answered.decision.outcome
        actions = {effect.action for effect in self.effects}
        self.rules = [
            (layer, rule)
            for layer in self.program.layers
            for rule in layer.rules
            if not actions.isdisjoint(rule.actions)
        ]

    def answer(
        self, *, program: c.Program | None = None, situation: reference.Situation | None = None
    ) -> reference.Answer:
        """The answer under a change."""
        answer, _ = reference.judge_call(
            program or self.program, self.bench.bindings, self.effects, anew(situation or self.situation)
        )
        return answer

    def other(
        self, *, program: c.Program | None = None, situation: reference.Situation | None = None
    ) -> reference.Answer | None:
        """The answer under a change; None where its outcome is the one that there was."""
        answer = self.answer(program=program, situation=situation)
        return None if answer.outcome == self.before else answer

    def mapped(self, change: Callable[[c.Layer, c.CheckedRule], c.CheckedRule]) -> c.Program:
        """The program with every rule changed."""
        layers = tuple(
            evolve(layer, rules=tuple(change(layer, rule) for rule in layer.rules)) for layer in self.program.layers
        )
        return evolve(self.program, layers=layers)
