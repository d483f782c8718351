"""Logged decisions put to another policy: which answers would be others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from attrs import field, frozen

from agentpolicy.checker.replay.logged import Logged
from agentpolicy.compiler.verdict import Verdict
from agentpolicy.effects.effect import Effect, ToolEffect
from agentpolicy.engine.engine import Engine
from agentpolicy.engine.situation import Situation

#: Built-in answers that come of rules and effects; others were given before there was an effect to judge.
_JUDGED = frozenset({"builtin:missing-fact", "builtin:no-effect"})


@frozen
class Change:
    """A decision that would be another one: from which outcome and rule to which."""

    before: str
    rule_before: str
    after: str
    rule_after: str


@frozen
class Relogged:
    """What a decision log comes to under another policy.

    ``changes`` counts decisions by change, ``examples`` has one decision for each. ``without_args`` were judged without
    the arguments that their tool was called with; ``not_judged`` were answered before there was an effect.
    """

    decisions: int = 0
    changes: tuple[tuple[Change, int], ...] = ()
    examples: dict[Change, Logged] = field(factory=dict)
    without_args: int = 0
    not_judged: int = 0


def relog(decisions: Iterable[Logged], engine: Engine) -> Relogged:
    """Judge every logged effect under an engine's policy, each decision by itself.

    What a session had done is not in the log: rules that read marks, limits or origins count as unknown.
    """
    changes: Counter[Change] = Counter()
    examples: dict[Change, Logged] = {}
    situation = engine.session(id="replay").situation(engine.policy)
    count = without_args = not_judged = 0
    for one in decisions:
        count += 1
        if one.rule.startswith("builtin:") and one.rule not in _JUDGED:
            not_judged += 1
            continue
        verdict, lacking = _judge(one, engine, situation)
        without_args += lacking
        if verdict is None:
            not_judged += 1
        elif verdict.outcome != one.outcome:
            change = Change(one.outcome, one.rule, verdict.outcome, verdict.rule)
            changes[change] += 1
            examples.setdefault(change, one)
    ordered = sorted(
        changes.items(), key=lambda found: (-found[1], found[0].before, found[0].after, found[0].rule_after)
    )
    return Relogged(count, tuple(ordered), examples, without_args, not_judged)


def _judge(logged: Logged, engine: Engine, situation: Situation) -> tuple[Verdict | None, bool]:
    """The strictest answer to a decision's effects, and whether a tool was judged without its arguments."""
    policy = engine.policy
    if policy.reads_time and logged.moment is not None:
        situation = situation.at(logged.moment)
    verdicts: list[Verdict] = []
    lacking = False
    for effect in _effects(logged, engine):
        verdict = policy.judge(effect, situation)
        if verdict is not None:
            verdicts.append(verdict)
            lacking = lacking or isinstance(effect, ToolEffect)
    best = min(verdicts, key=lambda one: (one.severity, one.layer_index, one.order), default=None)
    return best, lacking


def _effects(logged: Logged, engine: Engine) -> Iterable[Effect]:
    """A decision's effects, the tool's own call too, which the log leaves out where other effects answered for it."""
    tools = [effect for effect in logged.effects if isinstance(effect, ToolEffect)]
    yield from (effect for effect in logged.effects if not isinstance(effect, ToolEffect))
    names = dict.fromkeys([effect.name for effect in tools] + ([] if logged.tool is None else [logged.tool]))
    for name in names:
        shape = engine.shape(name)
        if tools or shape is not None or engine.policy.names_tool(name):
            yield ToolEffect(name, {}, shape is not None and shape.answered)
