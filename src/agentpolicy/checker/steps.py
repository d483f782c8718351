"""One step of a test: the call that it makes, and whether the answer is the one that it expects."""

from __future__ import annotations

from agentpolicy.checker.bench import Answered, Bench, Circumstances, anew
from agentpolicy.checker.givens import arguments, value_of
from agentpolicy.checker.nearly import weigh, where
from agentpolicy.checker.results import Finding
from agentpolicy.compiler.verdict import Verdict
from agentpolicy.effects.call import ToolCall
from agentpolicy.engine.decision import Decision
from agentpolicy.engine.review import describe
from agentpolicy.language import checked as c
from agentpolicy.language import tree as t
from agentpolicy.language.source import Diagnostic

#: Effects of one call that a finding lists.
MOST_EFFECTS = 8


def call_of(step: t.Step, bench: Bench) -> ToolCall:
    """The call that a step makes. ``${param}`` in its texts is filled in, as everywhere in a policy."""
    fill = bench.compiled.text
    facts = {name: value for name, value in arguments(step.facts, fill).items() if name != "result"} or None
    match step.act:
        case t.Call(tool=tool, args=args):
            name = tool.text if isinstance(tool, t.Name) else fill(tool.value)
            return ToolCall(name, arguments(args, fill), facts=facts)
        case t.EffectAct(action=action, target=target):
            return ToolCall.of(action.text, str(value_of(target, fill)), facts=facts)


def check_step(
    step: t.Step, layer: c.Layer, bench: Bench, circumstances: Circumstances
) -> tuple[tuple[Finding, ...], Decision]:
    """What is wrong with the answer to a step (nothing where it is as expected), and the answer.

    Raises:
        FactError: a fact that the policy does not declare, or of the wrong type.
    """
    answered = bench.answer(call_of(step, bench), circumstances)
    decision = answered.decision
    if answered.difference is not None:
        finding = (
            Finding(
                Diagnostic(
                    "AP710",
                    "engine and reference evaluator do not agree on this step: an error in agentpolicy, not here",
                    layer.source,
                    step.span,
                    "please report it with the policy",
                ),
                (answered.difference, *_effects(answered, bench, layer)),
            ),
        )
        return finding, decision
    expect = step.expect
    wanted = "allow" if expect is None else expect.outcome
    by = None if expect is None or expect.by is None else expect.by.text
    if decision.outcome != wanted:
        came = f"`{decision.outcome}` came, {_by(decision.verdict, bench, layer)}"
        written = "" if expect is not None else " (a step without `->` has to be allowed)"
        message = f"expected `{wanted}`{written}, but {came}"
        help = None if by is None else _why_not(by, answered, bench, layer)
        span = step.span
    elif by is not None and expect is not None and expect.by is not None and by not in answered.deciding:
        message = f"`{decision.outcome}` came as expected, but {_by(decision.verdict, bench, layer)}, not by `{by}`"
        help = _why_not(by, answered, bench, layer)
        span = expect.by.span
    else:
        return (), decision
    diagnostic = Diagnostic("AP703" if decision.outcome != wanted else "AP704", message, layer.source, span, help)
    return (Finding(diagnostic, _effects(answered, bench, layer)),), decision


def _by(verdict: Verdict, bench: Bench, layer: c.Layer) -> str:
    if verdict.rule.startswith("builtin:"):
        return f"by the built-in answer `{verdict.rule.removeprefix('builtin:')}`"
    rule = bench.rule(verdict)
    if rule is not None:
        sure = ", which may match" if verdict.unsure else ""
        return f"by the rule `{rule.id}` on {where(rule.place, layer.source.name)}{sure}"
    if verdict.line:
        source = bench.program.layers[verdict.layer_index].source
        place = f"line {verdict.line}" + ("" if source.name == layer.source.name else f" of {verdict.layer}")
        return f"by the default on {place}"
    return "by default, since no rule decides it"


def _effects(answered: Answered, bench: Bench, layer: c.Layer) -> tuple[str, ...]:
    decision = answered.decision
    found = [
        f"{describe(effect.as_json())}  [{verdict.outcome} {_by(verdict, bench, layer)}]"
        + (f", {effect.why}" if effect.why else "")
        for effect, verdict in zip(decision.effects[:MOST_EFFECTS], decision.verdicts, strict=False)
    ]
    if len(decision.effects) > MOST_EFFECTS:
        found.append(f"and {len(decision.effects) - MOST_EFFECTS} more effects")
    if decision.reason:
        found.append(f"because {decision.reason}")
    return tuple(found)


def _why_not(by: str, answered: Answered, bench: Bench, layer: c.Layer) -> str | None:
    """Why the rule that was expected did not decide."""
    if by == "default":
        return None
    for one in reversed(bench.program.layers):
        for rule in one.rules:
            if rule.id != by:
                continue
            at = where(rule.place, layer.source.name)
            if all(effect.action not in rule.actions for effect in answered.effects):
                actions = ", ".join(f"`{action}`" for action in rule.actions)
                return f"`{by}` on {at} is about {actions}, and the call has no such effect"
            situation = anew(answered.situation)
            for effect in answered.effects:
                situation.state.judging(effect)
                if effect.action in rule.actions:
                    weighed = weigh(one, rule, bench.bindings, effect, situation)
                    if weighed.parts:
                        return f"`{by}` on {at} does not match: " + "; ".join(part.text for part in weighed.parts)
                situation.state.count(effect)
            return f"`{by}` on {at} matches, and something stricter decides"
    return None
