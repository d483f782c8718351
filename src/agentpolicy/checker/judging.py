"""Judges concrete cases by the compiled policy and by the reference: only what both answer contradicts a proof."""

from __future__ import annotations

from attrs import evolve

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

    def counterexample(self, case: Case) -> Verdict | None:
        """The answer that contradicts the proof; None where there is none."""
        if self._compiled is None:
            try:
                self._compiled = (
                    Policy(compile_program(self._match, self._bindings)),
                    Policy(compile_program(self._program, self._bindings)),
                )
            except PolicyError as error:
                self.refused = error
                return None
        self.left -= 1
        match, policy = self._compiled
        situation = case.situation
        matched = match.judge(case.effect, situation)
        if matched is None or matched.outcome != self.rule.effect or matched.rule != self.rule.id or matched.unsure:
            return None
        found = policy.judge(case.effect, situation)
        if found is None or (found.outcome == self._wanted) != self._never:
            return None
        seen = reference.Situation(facts=case.facts, context=case.context)
        if reference.judge(self._program, self._oracle, case.effect, seen).outcome != found.outcome:
            return None
        if reference.judge(self._match, self._oracle, case.effect, seen).outcome != self.rule.effect:
            return None
        return found


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
