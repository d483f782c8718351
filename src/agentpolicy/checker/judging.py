"""Judges concrete cases by the compiled policy and by the reference: only what both answer contradicts a proof."""

from __future__ import annotations

from attrs import evolve

from agentpolicy.checker.assumed import Assumed, Heard, Marks
from agentpolicy.checker.witness import Case
from agentpolicy.compiler import reference
from agentpolicy.compiler.bind import Bindings
from agentpolicy.compiler.compile import compile_program
from agentpolicy.compiler.verdict import Verdict
from agentpolicy.effects.host import Host
from agentpolicy.engine.policy import Policy
from agentpolicy.language import checked as c
from agentpolicy.language.source import PolicyError

#: Effects that are judged, at most.
MOST_JUDGED = 20_000


class Judge:
    """Judges cases for one proof.

    ``refused`` is why the policy cannot be compiled, where it cannot; ``left`` how many cases may still be judged.
    """

    def __init__(
        self, program: c.Program, proof: c.CheckedProof, layer: c.Layer, bindings: Bindings, host: Host
    ) -> None:
        self.rule = proof_rule(proof)
        default = c.DefaultDecl("", "none", None, proof.place)
        alone = evolve(layer, rules=(self.rule,), defaults={"": default}, tests=(), proofs=(), missing=())
        self._match = evolve(program, layers=(alone,))
        self._program = program
        self._bindings = bindings
        self._oracle = reference.Bindings(
            params=bindings.params,
            home=host.home,
            resolve=lambda path: host.files.resolve(path) or path,
            which=host.files.which,
        )
        self._wanted = proof.effect
        self._never = proof.mode == "never"
        self._compiled: tuple[Policy, Policy] | None = None
        self.refused: PolicyError | None = None
        self.left = MOST_JUDGED

    @property
    def policy(self) -> Policy | None:
        """The compiled policy; None where it cannot be compiled."""
        compiled = self._both()
        return None if compiled is None else compiled[1]

    def counterexample(self, case: Case, marks: Marks, heard: Heard) -> Verdict | None:
        """The answer that contradicts the proof, in a session of these marks that has heard this; None for none."""
        compiled = self._both()
        if compiled is None:
            return None
        self.left -= 1
        match, policy = compiled
        state = Assumed(policy, marks, heard, case.context)
        situation, seen = case.situation(state), case.seen(state)
        matched = match.judge(case.effect, situation)
        if matched is None or matched.outcome != self.rule.effect or matched.rule != self.rule.id or matched.unsure:
            return None
        found = policy.judge(case.effect, situation)
        if found is None or (found.outcome == self._wanted) != self._never:
            return None
        if reference.judge(self._program, self._oracle, case.effect, seen).outcome != found.outcome:
            return None
        if reference.judge(self._match, self._oracle, case.effect, seen).outcome != self.rule.effect:
            return None
        return found

    def lets_through(self, case: Case, marks: Marks, heard: Heard) -> bool:
        """Whether an effect goes ahead in such a session: at once, or when people agree to it."""
        compiled = self._both()
        if compiled is None:
            return False
        self.left -= 1
        state = Assumed(compiled[1], marks, heard, case.context)
        found = compiled[1].judge(case.effect, case.situation(state))
        if found is None or found.outcome == "deny":
            return False
        return reference.judge(self._program, self._oracle, case.effect, case.seen(state)).outcome == found.outcome

    def _both(self) -> tuple[Policy, Policy] | None:
        """The proof's match and the policy, compiled."""
        if self._compiled is None and self.refused is None:
            try:
                self._compiled = (
                    Policy(compile_program(self._match, self._bindings)),
                    Policy(compile_program(self._program, self._bindings)),
                )
            except PolicyError as error:
                self.refused = error
        return self._compiled


def proof_rule(proof: c.CheckedProof) -> c.CheckedRule:
    """A proof's match as the rule that it is read as."""
    limits = proof.effect == "allow" if proof.mode == "never" else proof.effect != "allow"
    return c.CheckedRule(
        "proof",
        "deny" if limits else "allow",
        0,
        proof.actions,
        proof.subject,
        proof.excepts,
        proof.condition,
        None,
        proof.place,
    )
