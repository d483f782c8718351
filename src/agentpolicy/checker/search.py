"""Looks for a counterexample of a proof among the kinds of effect that a policy tells apart."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import combinations_with_replacement, product
from typing import Literal

from attrs import evolve, frozen

from agentpolicy.checker.answers import Kind, Matched, is_loose, outcomes, strictest
from agentpolicy.checker.automata import TooLarge
from agentpolicy.checker.judging import MOST_JUDGED, Judge
from agentpolicy.checker.truths import TRUE, Conditions, Values, World
from agentpolicy.checker.views import Text, Unlimited, View, Views
from agentpolicy.checker.witness import Case, Cases, written
from agentpolicy.compiler.bind import Bindings
from agentpolicy.compiler.verdict import Verdict
from agentpolicy.effects.effect import FileEffect
from agentpolicy.language import checked as c
from agentpolicy.language.vocabulary import family

#: Combinations of truth values of single tests that are gone through for one kind, at most.
MOST_COMBINATIONS = 729
#: Steps of working out what may be answered (one rule under one kind), at most.
MOST_STEPS = 1_500_000


@frozen
class ProofResult:
    """What a proof comes to.

    ``detail`` is for a person. ``counterexample`` is the effect as a test step writes it, ``rule`` and ``layer`` say
    who answered it; all three are None where nothing was found.
    """

    outcome: Literal["holds", "fails", "cannot decide"]
    detail: str
    counterexample: str | None = None
    rule: str | None = None
    layer: str | None = None


@frozen
class Given:
    """What `given` binds: parameters, facts and context names."""

    params: Mapping[str, object]
    facts: Mapping[str, object]
    context: Mapping[str, object]


def undecided(why: str) -> ProofResult:
    """A result that says why nothing was decided."""
    return ProofResult("cannot decide", why)


class Search:
    """Looks for a counterexample under one action."""

    def __init__(
        self, program: c.Program, proof: c.CheckedProof, action: str, bindings: Bindings, given: Given, judge: Judge
    ) -> None:
        self._layers = program.layers
        self._proof = proof
        self._action = action
        self._bindings = bindings
        self._judge = judge
        self._truths = Conditions(bindings, given.facts, given.context)
        self._rules = [[rule for rule in layer.rules if action in rule.actions] for layer in program.layers]
        nodes = [rule.condition for rules in self._rules for rule in rules if rule.condition is not None]
        if proof.condition is not None:
            nodes.insert(0, proof.condition)
        self._cases = Cases(action, program.layers, nodes, bindings, self._truths, given.facts, given.context)
        self._wanted = (
            frozenset({proof.effect}) if proof.mode == "never" else frozenset({"allow", "ask", "deny"} - {proof.effect})
        )
        self._views: Views | None = None
        self._left = MOST_STEPS

    def run(self) -> ProofResult:
        """The result for this action."""
        self._prepare(Unlimited())
        anything: View = Text(frozenset(), "")
        if not any(self._possible(kind, kind.world(self._action)) for kind in self._worlds(anything)):
            return ProofResult("holds", "")
        try:
            self._views = Views(self._action, self._bindings.found)
            self._prepare(self._views)
            found = [kind for kind in self._kinds() if self._possible(kind, kind.world(self._action))]
            return self._settle(found)
        except TooLarge as error:
            return undecided(f"the policy is too large for this proof about `{self._action}`: {error}")

    def _prepare(self, views: Views | Unlimited) -> None:
        self._match = Matched(self._judge.rule, self._action, self._bindings, views.subject, self._truths)
        if isinstance(views, Views) and self._proof.subject is not None:
            views.limit()
        self._matched = [
            [
                Matched(rule, self._action, self._bindings, views.subject, self._truths, is_loose(rule, layer))
                for rule in rules
            ]
            for layer, rules in zip(self._layers, self._rules, strict=True)
        ]

    # --- kinds ----------------------------------------------------------------------------------

    def _worlds(self, view: View) -> Iterator[Kind]:
        match family(self._action):
            case "exec":
                for opaque, guarded in product((False, True), repeat=2):
                    yield Kind((view,), opaque, guarded)
            case "net":
                yield Kind((view,))
                yield Kind((view,), opaque=True)
            case "fs":
                yield Kind((view,))
                yield Kind((view, view))
                yield Kind((view, None), opaque=True)
                yield Kind((None, None), opaque=True)
            case "sql":
                yield Kind((view,))
                yield Kind((None,), opaque=True)
            case _:
                yield Kind((view,))

    def _kinds(self) -> Iterator[Kind]:
        assert self._views is not None
        for kind in self._all_kinds(self._views):
            if self._left <= 0:
                raise TooLarge(f"more than {MOST_STEPS} steps")
            yield kind

    def _all_kinds(self, views: Views) -> Iterator[Kind]:
        match family(self._action):
            case "net":
                for opaque in (False, True):
                    for net in views.nets(opaque, self._cases.ports, self._cases.reads("scheme")):
                        yield Kind((net,), opaque)
            case "fs":
                yield from self._files(views)
            case "exec":
                texts = views.texts()
                for opaque, guarded in product((False, True), repeat=2):
                    yield from (Kind((one,), opaque, guarded) for one in texts)
                    if opaque:
                        yield Kind((None,), opaque, guarded)
            case "sql":
                yield from (Kind((one,)) for one in views.texts())
                yield Kind((None,))  # SQL that names no table
                yield Kind((None,), opaque=True)
            case _:
                yield from (Kind((one,)) for one in views.texts())

    def _files(self, views: Views) -> Iterator[Kind]:
        """Files of one name, of two names, and of names that are not known."""
        texts = views.texts()
        yield from (Kind((one,)) for one in texts)
        # Whoever has a name that a deny rule matches is denied, whatever its other name.
        texts = [one for one in texts if not self._denied(one)]
        # A file of two names is allowed only if it would be under each of them alone.
        if texts and not self._wanted.isdisjoint({"ask", "deny"}):
            if self._match.wide:
                yield from (Kind(pair) for pair in product(texts, views.texts(limited=False)))
            else:
                yield from (Kind(pair) for pair in combinations_with_replacement(texts, 2))
        yield from (Kind((one, None), opaque=True) for one in texts)
        yield Kind((None, None), opaque=True)

    def _denied(self, text: Text) -> bool:
        if "deny" in self._wanted:
            return False
        kinds = (Kind((text, text)), Kind((text, None), opaque=True))
        return all(
            any(
                one.rule.effect == "deny" and one.values(kind, kind.world(self._action)) == TRUE
                for matched in self._matched
                for one in matched
            )
            for kind in kinds
        )

    # --- what may be ----------------------------------------------------------------------------

    def _possible(self, kind: Kind, world: World) -> bool:
        self._left -= 1 + sum(map(len, self._matched))
        if True not in self._match.values(kind, world):
            return False
        answers = [
            outcomes(layer, self._action, kind, [(one.rule.effect, one.values(kind, world)) for one in matched])
            for layer, matched in zip(self._layers, self._matched, strict=True)
        ]
        return not self._wanted.isdisjoint(strictest(answers))

    def _truly_possible(self, kind: Kind) -> bool:
        """The same with the tests that several conditions share taken for one thing."""
        world = kind.world(self._action)
        shared: dict[Hashable, Values] = dict(self._match.open_tests(world))
        everything = {**shared}
        for matched in self._matched:
            for one in matched:
                everything.update(one.open_tests(world))
        for tests in (everything, shared):
            if self._left > 0 and _count(tests) <= MOST_COMBINATIONS:
                ways = product(*(sorted(values, key=str) for values in tests.values()))
                return any(
                    self._possible(kind, evolve(world, assigned=dict(zip(tests, way, strict=True)))) for way in ways
                )
        return True

    # --- counterexamples --------------------------------------------------------------------------

    def _settle(self, kinds: Sequence[Kind]) -> ProofResult:
        stood: Kind | None = None
        for kind in kinds:
            if not self._truly_possible(kind):
                continue
            stood = stood or kind
            for case in self._cases.of(kind):
                if self._judge.left <= 0 or self._judge.refused is not None:
                    break
                verdict = self._judge.counterexample(case)
                if verdict is not None:
                    return self._fails(case, verdict)
            if self._judge.refused is not None:
                return undecided("; ".join(one.message for one in self._judge.refused.diagnostics))
            if self._judge.left <= 0:
                return undecided(
                    f"no counterexample among {MOST_JUDGED} effects, and none could be ruled out{self._hangs(stood)}"
                )
        if stood is None:
            return ProofResult("holds", "")
        return undecided(f"no counterexample was found, and none could be ruled out{self._hangs(stood)}")

    def _hangs(self, kind: Kind) -> str:
        """The conditions that stood in the way."""
        world = kind.world(self._action)
        ids = [
            f"`{one.rule.id}`"
            for matched in self._matched
            for one in matched
            if (one.rule.condition is not None or one.loose) and len(one.values(kind, world)) > 1
        ]
        if any(True for _ in self._match.open_tests(world)):
            ids.append("the proof itself")
        return f": it hangs on the condition of {', '.join(ids)}" if ids else ""

    def _fails(self, case: Case, verdict: Verdict) -> ProofResult:
        shown = written(case.effect)
        who = "the default" if verdict.rule == "default" else f"`{verdict.rule}`"
        where = f" in layer `{verdict.layer}`" if len(self._layers) > 1 and verdict.layer is not None else ""
        what = f"`{shown}`" if shown is not None else f"an `{self._action}` whose target is not known"
        if case.effect.opaque and shown is not None:
            what += " (opaque)"
        if isinstance(case.effect, FileEffect) and not case.effect.opaque and not case.effect.single:
            what += f", which leads to `{case.effect.resolved}`,"
        situation = self._cases.shown(case)
        said = f" given ({situation})" if situation else ""
        return ProofResult(
            "fails", f"{what} is answered `{verdict.outcome}` by {who}{where}{said}", shown, verdict.rule, verdict.layer
        )


def _count(tests: Mapping[Hashable, Values]) -> int:
    count = 1
    for values in tests.values():
        count *= len(values)
        if count > MOST_COMBINATIONS:
            break
    return count
