"""What a policy answers to one effect: made once for each rule, shared by all decisions."""

from __future__ import annotations

#: Outcomes by severity: the strictest first.
OUTCOMES = ("deny", "ask", "allow")
DENY, ASK, ALLOW = range(3)


class Verdict:
    """One layer's answer to one effect.

    ``rule`` is the rule's id (``default`` for a default, ``builtin:…`` for what needs no rule), ``order`` its place
    among what the layer may answer, for choosing which of several equal answers is reported. ``line`` is the rule's
    line in the layer's file, 0 where there is none. ``unsure`` is true where a rule could not be told to match or not.
    """

    __slots__ = ("layer", "layer_index", "line", "order", "outcome", "reason", "rule", "severity", "unsure")

    def __init__(
        self,
        severity: int,
        rule: str,
        reason: str | None,
        layer: str | None,
        *,
        layer_index: int = 0,
        order: int = 0,
        line: int = 0,
        unsure: bool = False,
    ) -> None:
        self.severity = severity
        self.outcome = OUTCOMES[severity]
        self.rule = rule
        self.reason = reason
        self.layer = layer
        self.layer_index = layer_index
        self.order = order
        self.line = line
        self.unsure = unsure

    def __repr__(self) -> str:
        return f"Verdict({self.outcome} by {self.rule}, layer {self.layer!r})"
