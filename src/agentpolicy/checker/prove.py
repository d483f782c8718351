"""Answers ``prove``: holds, fails with a counterexample that was judged, or cannot be decided and why.

A policy cuts the effects of an action into finitely many kinds, those that the same patterns match. For each kind the
answers that the policy may give are worked out, conditions that nothing settles taken for anything. Where the answer
that a proof speaks of is not among them for any kind, the proof holds. Where it is, a concrete effect of that kind is
made and judged, by the compiled policy and by the reference; only an answer that both give is a counterexample.

How a proof's match is read: one that limits the agent (``never allow``, ``always deny``, ``always ask``) as an ask or
deny rule reads it, any other as an allow rule does. A proof speaks of tools that no ``does only`` line answers for,
and of situations in which every required fact was supplied.
"""

from __future__ import annotations

from agentpolicy.checker.judging import Judge, proof_rule
from agentpolicy.checker.search import Given, ProofResult, Search, undecided
from agentpolicy.compiler.bind import Bindings, bind_params
from agentpolicy.compiler.compile import MEANINGS
from agentpolicy.compiler.heads import resolver
from agentpolicy.effects.host import Host
from agentpolicy.language import checked as c
from agentpolicy.language.check import walk_test
from agentpolicy.language.patterns import DOLLAR
from agentpolicy.language.scope import literal
from agentpolicy.language.source import PolicyError
from agentpolicy.language.vocabulary import CONTEXT, family

__all__ = ["ProofResult", "proof_rule", "prove"]


def prove(program: c.Program, proof: c.CheckedProof, layer: c.Layer, host: Host) -> ProofResult:
    """Decide one proof.

    Args:
        program: all layers of the policy.
        proof: the proof.
        layer: the layer whose file it stands in.
        host: the machine whose home, links and PATH the patterns mean.
    """
    missing = _missing(proof)
    if missing is not None:
        return undecided(f"it speaks of {missing}, which the engine does not have yet")
    try:
        given = _given(program, proof)
        params = bind_params(program, given.params)
    except PolicyError as error:
        problems = "; ".join(dict.fromkeys(one.message for one in error.diagnostics))
        return undecided(f"{problems}: say it in `given (…)`")
    heads = resolver(host.files)
    bindings = Bindings(params, host.home, heads.__getitem__, host.files.which)
    judge = Judge(program, proof, layer, bindings, host)
    open_: ProofResult | None = None
    for action in proof.actions:
        result = Search(program, proof, action, bindings, given, judge).run()
        if result.outcome == "fails":
            return result
        if result.outcome == "cannot decide":
            open_ = open_ or result
    return open_ or ProofResult("holds", _claim(proof))


def _given(program: c.Program, proof: c.CheckedProof) -> Given:
    params: dict[str, object] = {}
    facts: dict[str, object] = {}
    context: dict[str, object] = {}
    for binding in proof.tree.given.bindings if proof.tree.given is not None else ():
        name = binding.ref.text
        value = literal(binding.value)
        if isinstance(value, str):
            value = value.replace(DOLLAR, "$")
        # A name that is none of these was refused when the policy was read.
        for known, into in (
            ({name for layer in program.layers for name in layer.params}, params),
            ({name for layer in program.layers for name in layer.facts}, facts),
            (CONTEXT, context),
        ):
            if name in known:
                into[name] = value
    return Given(params, facts, context)


def _missing(proof: c.CheckedProof) -> str | None:
    if proof.condition is not None:
        for node in walk_test(proof.condition):
            if isinstance(node, c.Unready):
                return MEANINGS.get(node.meaning, node.meaning)
    return None


def _claim(proof: c.CheckedProof) -> str:
    of = " or ".join(
        f"`{action}`" for action in (proof.actions if len(proof.actions) < 4 else (family(proof.actions[0]),))
    )
    if proof.mode == "never":
        return f"no {of} that it speaks of can be answered `{proof.effect}`"
    return f"every {of} that it speaks of is answered `{proof.effect}`"
