"""Looks for a counterexample of a proof among the kinds of effect that a policy tells apart."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import combinations_with_replacement, islice, product
from typing import TYPE_CHECKING, Literal

from attrs import evolve, field, frozen

from agentpolicy.checker.answers import Kind, Matched, is_loose, outcomes, strictest
from agentpolicy.checker.automata import TooLarge
from agentpolicy.checker.judging import MOST_JUDGED, Judge, proof_rule
from agentpolicy.checker.truths import TRUE, Conditions, Values, World, consistent
from agentpolicy.checker.unspent import met
from agentpolicy.checker.views import Text, Unlimited, View, Views
from agentpolicy.checker.witness import Case, Cases, written
from agentpolicy.compiler.bind import Bindings
from agentpolicy.compiler.verdict import Verdict
from agentpolicy.effects.effect import FileEffect
from agentpolicy.language import checked as c
from agentpolicy.language.check import walk_test
from agentpolicy.language.vocabulary import family

if TYPE_CHECKING:
    from agentpolicy.checker.reach import Reach, Reached, Step

#: Combinations of truth values of single tests that are gone through for one kind, at most.
MOST_COMBINATIONS = 729
#: Steps of working out what may be answered (one rule under one kind), at most.
MOST_STEPS = 1_500_000


@frozen
class ProofResult:
    """What a proof comes to.

    ``detail`` is for a person. ``counterexample`` is the effect as a test step writes it, ``rule`` and ``layer`` say
    who answered it, ``case`` has the effect with its situation; they are None where nothing was found. ``way`` is what
    has to happen before in the session.
    """

    outcome: Literal["holds", "fails", "cannot decide"]
    detail: str
    counterexample: str | None = None
    rule: str | None = None
    layer: str | None = None
    case: Case | None = field(default=None, repr=False)
    way: tuple[Step, ...] = field(default=(), repr=False)


@frozen
class Given:
    """What `given` binds: parameters, facts and context names."""

    params: Mapping[str, object]
    facts: Mapping[str, object]
    context: Mapping[str, object]


@frozen
class Question:
    """Which effects are looked for: those that a rule of a layer matches, answered in one of the wanted ways.

    ``unruled``: also those that no rule has to allow, unless one surely denies them. ``observed``: the rule is asked
    once an effect has ended.
    """

    rule: c.CheckedRule
    layer: c.Layer
    wanted: frozenset[str]
    unruled: bool = False
    observed: bool = False


def question_of(proof: c.CheckedProof, layer: c.Layer) -> Question:
    """What contradicts a proof."""
    wanted = {proof.effect} if proof.mode == "never" else {"allow", "ask", "deny"} - {proof.effect}
    return Question(proof_rule(proof), layer, frozenset(wanted))


def _conditions(program: c.Program, question: Question, action: str) -> Iterator[tuple[c.Layer, c.Test_]]:
    """The conditions that an answer may hang on, each with the layer that it stands in."""
    asking = [(layer, rule) for layer in program.layers for rule in layer.rules if action in rule.actions]
    for layer, rule in [(question.layer, question.rule), *asking]:
        node = met(rule)
        if node is not None:
            yield layer, node


def marks_read(program: c.Program, question: Question, action: str) -> frozenset[str]:
    """The marks that an answer may hang on, named with their layer's in front."""
    return frozenset(
        f"{layer.key}:{one.mark}"
        for layer, node in _conditions(program, question, action)
        for one in walk_test(node)
        if isinstance(one, c.HasMark)
    )


def undecided(why: str) -> ProofResult:
    """A result that says why nothing was decided."""
    return ProofResult("cannot decide", why)


class Search:
    """Looks for effects under one action.

    ``marks`` says what marks may be, by name with their layer's in front; those that are not there may be anything.
    """

    def __init__(
        self,
        program: c.Program,
        question: Question,
        action: str,
        bindings: Bindings,
        given: Given,
        marks: Mapping[str, Values],
    ) -> None:
        self._layers = program.layers
        self._question = question
        self._action = action
        self._bindings = bindings
        self._truths = Conditions(bindings, given.facts, given.context, marks)
        self._rules = [[rule for rule in layer.rules if action in rule.actions] for layer in program.layers]
        nodes = [node for _, node in _conditions(program, question, action)]
        self._cases = Cases(action, program.layers, nodes, bindings, self._truths, given.facts, given.context)
        self._marks = marks_read(program, question, action)
        self._views: Views | None = None
        self._left = MOST_STEPS

    def run(self, judge: Judge, reach: Reach) -> ProofResult:
        """What a proof comes to, for this action."""
        try:
            return self._settle(list(self._found()), judge, reach)
        except TooLarge as error:
            return undecided(f"the policy is too large for this proof about `{self._action}`: {error}")

    def possible(self) -> bool:
        """Whether there may be such an effect: False only where there is none."""
        try:
            return any(self._truly_possible(kind) for kind in self._found())
        except TooLarge:
            return True

    def cases(self, each: int, most: int) -> Iterator[Case]:
        """Effects that may be such: some of each kind."""
        try:
            kinds = [kind for kind in list(self._found()) if self._truly_possible(kind)]
        except TooLarge:
            return
        found = (case for kind in kinds for case in islice(self._cases.of(kind), each))
        yield from islice(found, most)

    def _found(self) -> Iterator[Kind]:
        """The kinds that may be such, each condition by itself.

        Raises:
            TooLarge: there are too many.
        """
        self._prepare(Unlimited())
        anything: View = Text(frozenset(), "")
        if not any(self._possible(kind, kind.world(self._action)) for kind in self._worlds(anything)):
            return
        self._views = Views(self._action, self._bindings.found)
        self._prepare(self._views)
        for kind in self._kinds():
            if self._possible(kind, kind.world(self._action)):
                yield kind

    def _prepare(self, views: Views | Unlimited) -> None:
        question = self._question
        truths = self._truths.of(question.layer, observed=question.observed)
        self._match = Matched(question.rule, self._action, self._bindings, views.subject, truths)
        if isinstance(views, Views) and question.rule.subject is not None:
            views.limit()
        self._matched = [
            [
                Matched(
                    rule, self._action, self._bindings, views.subject, self._truths.of(layer), is_loose(rule, layer)
                )
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
        if texts and not self._question.wanted.isdisjoint({"ask", "deny"}):
            if self._match.wide:
                yield from (Kind(pair) for pair in product(texts, views.texts(limited=False)))
            else:
                yield from (Kind(pair) for pair in combinations_with_replacement(texts, 2))
        yield from (Kind((one, None), opaque=True) for one in texts)
        yield Kind((None, None), opaque=True)

    def _denied(self, text: Text) -> bool:
        if "deny" in self._question.wanted:
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
        if self._question.unruled and not any(
            one.rule.effect == "deny" and one.values(kind, world) == TRUE
            for matched in self._matched
            for one in matched
        ):
            return True
        answers = [
            outcomes(layer, self._action, kind, [(one.rule.effect, one.values(kind, world)) for one in matched])
            for layer, matched in zip(self._layers, self._matched, strict=True)
        ]
        return not self._question.wanted.isdisjoint(strictest(answers))

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
                assigned = (dict(zip(tests, way, strict=True)) for way in ways)
                return any(self._possible(kind, evolve(world, assigned=one)) for one in assigned if consistent(one))
        return True

    # --- counterexamples --------------------------------------------------------------------------

    def _settle(self, kinds: Sequence[Kind], judge: Judge, reach: Reach) -> ProofResult:
        stood: Kind | None = None
        lacking: str | None = None
        for kind in kinds:
            if not self._truly_possible(kind):
                continue
            stood = stood or kind
            for case in self._cases.of(kind):
                if judge.left <= 0 or judge.policy is None:
                    break
                for session in reach.sessions(case, self._marks):
                    verdict = judge.counterexample(case, session.marks, session.heard.then(case.heard))
                    if verdict is not None:
                        return self._fails(case, verdict, session)
                lacking = lacking or self._lacking(case, judge, reach)
            if judge.refused is not None:
                return undecided("; ".join(one.message for one in judge.refused.diagnostics))
            if judge.left <= 0:
                return undecided(
                    f"no counterexample among {MOST_JUDGED} effects, and none could be ruled out"
                    + (lacking or self._hangs(stood))
                )
        if stood is None:
            return ProofResult("holds", "")
        return undecided(f"no counterexample was found, and none could be ruled out{lacking or self._hangs(stood)}")

    def _lacking(self, case: Case, judge: Judge, reach: Reach) -> str | None:
        """The marks that would make an effect a counterexample, where no way to them was found."""
        for marks in reach.imagined(self._marks):
            verdict = judge.counterexample(case, marks, case.heard)
            if verdict is not None:
                needed = " and ".join(
                    f"{'has' if marks[key] else 'has not'} `{key.partition(':')[2]}`" for key in sorted(marks)
                )
                what = written(case.effect)
                shown = "an effect" if what is None else f"`{what}`"
                return (
                    f": {shown} would be answered `{verdict.outcome}` once the session {needed}, "
                    f"and no way there was found{reach.why}"
                )
        return None

    def _hangs(self, kind: Kind) -> str:
        """The conditions that stood in the way."""
        world = kind.world(self._action)
        ids = [
            f"`{one.rule.id}`"
            for matched in self._matched
            for one in matched
            if (one.rule.condition is not None or one.rule.quotas or one.loose) and len(one.values(kind, world)) > 1
        ]
        if any(True for _ in self._match.open_tests(world)):
            ids.append("the proof itself")
        return f": it hangs on the condition of {', '.join(ids)}" if ids else ""

    def _fails(self, case: Case, verdict: Verdict, session: Reached) -> ProofResult:
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
        before = [*(text for step in session.way for text in step.shown()), *case.heard.shown()]
        said += f" after {', '.join(before)}" if before else ""
        return ProofResult(
            "fails",
            f"{what} is answered `{verdict.outcome}` by {who}{where}{said}",
            shown,
            verdict.rule,
            verdict.layer,
            case,
            session.way,
        )


def _count(tests: Mapping[Hashable, Values]) -> int:
    count = 1
    for values in tests.values():
        count *= len(values)
        if count > MOST_COMBINATIONS:
            break
    return count
