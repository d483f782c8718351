"""Explains one answer: effect by effect and layer by layer, what nearly matched, and what would change it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from agentpolicy.checker.bench import Answered, Bench, Circumstances, anew, counts, layer_answer
from agentpolicy.checker.changes import Change, changes
from agentpolicy.checker.history import Done, Said, Text, replay
from agentpolicy.checker.nearly import PartKind, Weighed, shown_pattern, weigh
from agentpolicy.checker.remembering import MarkExplained, PassageExplained, marks_of, passages_of
from agentpolicy.checker.suggest import patterns_of
from agentpolicy.compiler import reference
from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.effect import Effect
from agentpolicy.effects.host import Host
from agentpolicy.engine.decision import Decision
from agentpolicy.engine.review import describe
from agentpolicy.language import checked as c
from agentpolicy.language.vocabulary import family

#: Rules that nearly matched, of one layer and effect, that are told at most.
MOST_NEAR = 5
_NEARNESS: Mapping[PartKind | None, int] = {
    "opaque": 0, "condition": 1, "exception": 1, "rights": 1, "count": 1, "answered": 2, None: 3, "pattern": 4,
}  # fmt: skip


@frozen
class LayerExplained:
    """What one layer answers to one effect. ``outcome`` is None where it has no opinion.

    ``matched`` are the rules that match, ``unsure`` the ask and deny rules that may, ``near`` those that do not but
    nearly do. ``default`` is the default that applies where no rule decides: its text and line, or what holds where
    none is written.
    """

    layer: c.Layer
    outcome: str | None
    rule: str | None
    reason: str | None
    matched: tuple[Weighed, ...]
    unsure: tuple[Weighed, ...]
    near: tuple[Weighed, ...]
    default: str
    by_default: bool

    def as_json(self) -> dict[str, Any]:
        """The layer's answer as JSON values."""
        return {
            "layer": self.layer.name,
            "file": self.layer.source.name,
            "outcome": self.outcome,
            "rule": self.rule,
            "reason": self.reason,
            "matched": [_rule_json(one) for one in self.matched],
            "unsure": [_rule_json(one) for one in self.unsure],
            "near": [_rule_json(one) for one in self.near],
            "default": self.default,
        }


@frozen
class EffectExplained:
    """One effect and what is answered to it; ``outcome`` is None where others answer for it.

    ``passages`` are where values stand whose origin a rule asks for, in what the session has seen.
    """

    effect: Effect
    outcome: str | None
    rule: str | None
    layer: str | None
    layers: tuple[LayerExplained, ...]
    passages: tuple[PassageExplained, ...] = ()

    @property
    def text(self) -> str:
        """The effect in a line."""
        return describe(self.effect.as_json())

    def as_json(self) -> dict[str, Any]:
        """The effect, its answer and the layers' answers as JSON values."""
        return {
            **self.effect.as_json(),
            "why": self.effect.why,
            "outcome": self.outcome,
            "rule": self.rule,
            "layers": [layer.as_json() for layer in self.layers],
            "passages": [one.as_json() for one in self.passages],
        }


@frozen
class Explanation:
    """Why a call is answered as it is. ``changes`` would each give another answer.

    ``marks`` are those of the session that are set, and those that rules about the call ask for.
    """

    decision: Decision
    effects: tuple[EffectExplained, ...]
    changes: tuple[Change, ...]
    marks: tuple[MarkExplained, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The explanation as JSON values."""
        decision = self.decision
        return {
            "outcome": decision.outcome,
            "rule": decision.rule,
            "reason": decision.reason,
            "layer": decision.layer,
            "line": decision.verdict.line or None,
            "effects": [effect.as_json() for effect in self.effects],
            "marks": [mark.as_json() for mark in self.marks],
            "changes": [change.as_json() for change in self.changes],
        }

    def text(self, colour: bool = False) -> str:
        """The explanation for a person, without a line end; colours are ANSI sequences."""
        from agentpolicy.checker.explain_text import explanation_text

        return explanation_text(self, colour)


def explain(
    program: c.Program,
    call: ToolCall,
    *,
    params: Mapping[str, object] | None = None,
    circumstances: Circumstances | None = None,
    host: Host | None = None,
    before: Iterable[Said | Done] = (),
) -> Explanation:
    """Explain the answer to one call, in a new session or after what happened in it.

    Args:
        program: the checked policy.
        call: the call. Nothing is run.
        params: values of the policy's parameters.
        circumstances: who acts, for whom, under which facts, when.
        host: the machine that patterns and paths mean; this one where None.
        before: what was said and done before in the session.

    Raises:
        PolicyError: a parameter is missing or bad, or the engine refuses the policy.
        FactError: a fact that the policy does not declare, or of the wrong type.
        RuntimeError: the engine and the reference evaluator do not agree, an error in this library.
    """
    bench = Bench(program, params or {}, host=host or Host(), protect=True)
    where = circumstances or Circumstances()
    seen = replay(bench, where, before)
    answered = bench.answer(call, where)
    if answered.difference is not None:
        raise RuntimeError(f"the engine cannot be explained: {answered.difference}")
    marks = marks_of(bench, answered.effects, answered.situation)
    effects = tuple(_effects(bench, answered, seen))
    near = [one for effect in effects for layer in effect.layers for one in layer.near]
    return Explanation(answered.decision, effects, changes(bench, answered, near), marks)


def _effects(bench: Bench, answered: Answered, seen: Sequence[Text]) -> Iterator[EffectExplained]:
    """Each effect in the session as the earlier ones of the call leave it."""
    situation = anew(answered.situation)
    for at, effect in enumerate(answered.effects):
        situation.state.judging(effect)
        yield _effect(bench, answered, at, situation, seen)
        situation.state.count(effect)


def _effect(
    bench: Bench, answered: Answered, at: int, situation: reference.Situation, seen: Sequence[Text]
) -> EffectExplained:
    effect = answered.effects[at]
    if not answered.answers:
        rule = answered.decision.rule
        return EffectExplained(effect, answered.decision.outcome, rule, None, ())
    answer = answered.answers[at]
    layers = tuple(_layer(bench, layer, effect, situation) for layer in bench.program.layers)
    passages = passages_of(bench, effect, situation, seen)
    if answer.rule == "answered":
        return EffectExplained(effect, None, None, None, layers, passages)
    return EffectExplained(effect, answer.outcome, answer.rule, answer.layer, layers, passages)


def _layer(bench: Bench, layer: c.Layer, effect: Effect, situation: reference.Situation) -> LayerExplained:
    answer = layer_answer(bench.program, layer, bench.bindings, effect, situation)
    weighed = [
        weigh(layer, rule, bench.bindings, effect, situation) for rule in layer.rules if effect.action in rule.actions
    ]
    matched = tuple(one for one in weighed if one.value)
    unsure = tuple(one for one in weighed if one.value is None and one.rule.effect != "allow")
    rest = [one for one in weighed if not one.value and one not in unsure]
    default, _ = default_of(layer, effect.action)
    return LayerExplained(
        layer,
        None if answer is None else answer.outcome,
        None if answer is None else answer.rule,
        None if answer is None else answer.reason,
        matched,
        unsure,
        nearest(rest, effect, None if answer is None else answer.outcome),
        default,
        answer is None or answer.rule == "default",
    )


def nearest(weighed: list[Weighed], effect: Effect, outcome: str | None) -> tuple[Weighed, ...]:
    """The rules that came closest to matching, and of a kind that would have changed the answer."""
    names = patterns_of(effect) or (describe(effect.as_json()).partition(" ")[2],)
    of_interest = [
        one for one in weighed if (one.rule.effect != outcome and counts(one.rule, effect)) or one.only == "rights"
    ]

    def distance(one: Weighed) -> tuple[int, int, int]:
        globs = one.rule.subject or ()
        common = max((_common(shown_pattern(glob), name) for glob in globs for name in names), default=0)
        return _NEARNESS[one.only], -common, one.rule.index

    return tuple(sorted(of_interest, key=distance)[:MOST_NEAR])


def _common(left: str, right: str) -> int:
    """How many characters two texts begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def default_of(layer: c.Layer, action: str) -> tuple[str, c.DefaultDecl | None]:
    """The default of a layer for an action, as a person reads it, and where it is declared."""
    for scope in (action, family(action), ""):
        found = layer.defaults.get(scope)
        if found is not None:
            of = f" for {scope}" if scope else ""
            return f"default {found.outcome}{of} (line {found.place.line})", found
    return "no default is written, so deny", None


def _rule_json(one: Weighed) -> dict[str, Any]:
    return {
        "rule": one.rule.id,
        "effect": one.rule.effect,
        "line": one.rule.place.line,
        "value": {True: "true", False: "false", None: "unknown"}[one.value],
        "notes": list(one.notes),
        "parts": [{"kind": part.kind, "text": part.text, "line": part.place.line} for part in one.parts],
    }
