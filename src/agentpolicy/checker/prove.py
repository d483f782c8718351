"""Answers ``prove``: holds, fails with a counterexample that was judged, or cannot be decided and why.

A policy cuts the effects of an action into finitely many kinds, those that the same patterns match. For each kind the
answers that the policy may give are worked out, conditions that nothing settles taken for anything. Where the answer
that a proof speaks of is not among them for any kind, the proof holds. Where it is, a concrete effect of that kind is
made and judged, by the compiled policy and by the reference; only an answer that both give is a counterexample.

What a session remembers is free at first: a mark may be set or not, a value may come from anywhere, and nothing is
spent of what is counted (one effect alone still goes over ``over 0``). Then a way is looked for from a new session to
the marks that a counterexample needs: effects that the policy lets through, one after the other. A mark that nothing
lets be set is never set; where it may be and no way was found, that is said and nothing is decided.

A parameter without a value is no hindrance where no rule for the proof's actions reads it.

How a proof's match is read: one that limits the agent (``never allow``, ``always deny``, ``always ask``) as an ask or
deny rule reads it, any other as an allow rule does. A proof speaks of tools that no ``does only`` line answers for,
and of situations in which every required fact was supplied.
"""

from __future__ import annotations

from collections.abc import Mapping

from agentpolicy.checker.judging import Judge, proof_rule
from agentpolicy.checker.reach import Reach
from agentpolicy.checker.relevant import cut_down
from agentpolicy.checker.search import Given, ProofResult, Search, marks_read, question_of, undecided
from agentpolicy.compiler.bind import Bindings, Bound, bind_params
from agentpolicy.compiler.heads import resolver
from agentpolicy.effects.host import Host
from agentpolicy.language import checked as c
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
    try:
        given = _given(program, proof)
        params = bind_params(program, given.params)
    except PolicyError as error:
        problems = "; ".join(dict.fromkeys(one.message for one in error.diagnostics))
        known = _without_what_is_missing(program, proof, layer, host)
        return known or undecided(f"{problems}: say it in `given (…)`")
    return _decide(program, proof, layer, host, given, params)


def _decide(
    program: c.Program, proof: c.CheckedProof, layer: c.Layer, host: Host, given: Given, params: Mapping[str, Bound]
) -> ProofResult:
    heads = resolver(host.files)
    bindings = Bindings(params, host.home, heads.__getitem__, host.files.which)
    judge = Judge(program, proof, layer, bindings, host)
    question = question_of(proof, layer)
    ways: dict[frozenset[str], Reach] = {}
    open_: ProofResult | None = None
    for action in proof.actions:
        asked = marks_read(program, question, action)
        if asked not in ways:
            ways[asked] = Reach(program, bindings, given, judge, asked)
        reach = ways[asked]
        result = Search(program, question, action, bindings, given, reach.marks).run(judge, reach)
        if result.outcome == "fails":
            return result
        if result.outcome == "cannot decide":
            open_ = open_ or result
    return open_ or ProofResult("holds", _claim(proof))


def _without_what_is_missing(
    program: c.Program, proof: c.CheckedProof, layer: c.Layer, host: Host
) -> ProofResult | None:
    """The result where no parameter that lacks a value can change it; None where one may."""
    try:
        given = _given(program, proof)
        declared = {name: one for layer in program.layers for name, one in layer.params.items()}
        missing = {name for name, one in declared.items() if one.default is None and name not in given.params}
        smaller = cut_down(program, proof, frozenset(missing))
        if smaller is None:
            return None
        at = next(at for at, one in enumerate(program.layers) if one is layer)
        result = _decide(smaller, proof, smaller.layers[at], host, given, bind_params(smaller, given.params))
    except PolicyError:
        return None
    return None if result.outcome == "cannot decide" else result


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


def _claim(proof: c.CheckedProof) -> str:
    of = " or ".join(
        f"`{action}`" for action in (proof.actions if len(proof.actions) < 4 else (family(proof.actions[0]),))
    )
    if proof.mode == "never":
        return f"no {of} that it speaks of can be answered `{proof.effect}`"
    return f"every {of} that it speaks of is answered `{proof.effect}`"
