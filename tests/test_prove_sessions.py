"""Proofs about what sessions remember, held against sessions of the engine itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from agentpolicy.checker.assumed import Heard
from agentpolicy.checker.bench import Bench, Circumstances
from agentpolicy.checker.prove import ProofResult, proof_rule, prove
from agentpolicy.compiler import reference
from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect, NetEffect, ToolEffect
from agentpolicy.effects.host import Host
from agentpolicy.effects.paths import MemoryFiles
from agentpolicy.engine.policy import text_reader
from agentpolicy.language import checked as c
from agentpolicy.language.load import load_program

HOST = Host(cwd="/w", home="/home/u", files=MemoryFiles({}), os_name="linux")
START = 1.7e9
MATCHES = ('fs.read "/a"', 'fs.read "/b"', 'fs.write "/a"', 'exec "x"', 'exec "y z"', "tool pay", 'net.get "n.example"')
CALLS = (
    ToolCall.of("fs.read", "/a"), ToolCall.of("fs.read", "/b"), ToolCall.of("fs.write", "/a"), ToolCall.of("exec", "x"),
    ToolCall.of("exec", "y z"), ToolCall.of("net.get", "https://n.example/"), ToolCall("pay", {}),
    ToolCall("pay", {"to": "x@y.example"}), ToolCall("pay", {"to": "u@v.example"}), ToolCall("pay", {"to": "word"}),
)  # fmt: skip
MARKED = (
    "session has m",
    "session has n",
    "not session has m",
    "session has m or session has n",
    "has-a and session has n",
)
ENDED = (
    'result == "ok"',
    'result == "error"',
    'session has m and result == "ok"',
    'session has n or result == "error"',
)


def policy_text(draw: Callable[..., Any]) -> str:
    """A policy with marks, limits and origins, and one proof."""

    def match(*more: str) -> str:
        found: str = draw(st.sampled_from(MATCHES))
        if draw(st.integers(0, 3)) == 0:
            found = found.partition(" ")[0] + " any"
        asked: str = draw(st.sampled_from(("", "", *MARKED, "has-a", *more)))
        if asked == "from":
            origin = draw(st.sampled_from(("user", "untrusted", "nowhere")))
            asked = f"to from {origin}" if found == "tool pay" else ""
        return f"{found} {draw(st.sampled_from(('when', 'when', 'unless')))} {asked}" if asked else found

    lines = ['policy p version "1"', "tool pay(to: text?)", "fact has-a: bool"]
    lines.append(f"default {draw(st.sampled_from(('deny', 'deny', 'allow', 'ask')))}")
    lines += ["mark m on fs.delete any", "mark n on fs.delete any"]
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(("mark", "mark", "mark for 5m", "clear")))
        word, _, lasting = kind.partition(" ")
        lines.append(f"{word} {draw(st.sampled_from('mn'))} on {match(*ENDED)} {lasting}")
    for at in range(draw(st.integers(1, 5))):
        effect = draw(st.sampled_from(("allow", "allow", "allow", "deny", "ask")))
        clause = draw(st.sampled_from(("", "", "limit 2 per 1h" if effect == "allow" else "over 1 per 1h")))
        lines.append(f'{effect} r{at}: {match("from", "from")} because "r" {clause}')
    lines.append(f"prove never allow {match('from')}")
    return "\n".join(lines)


def proved(text: str) -> tuple[Bench, c.Program, ProofResult]:
    """A policy on a bench, its proof's match read as a policy, and the result."""
    program = load_program(["/p/p.agp"], text_reader("/p/p.agp", text, {}))
    layer = program.layers[-1]
    match = evolve(layer, rules=(proof_rule(layer.proofs[0]),))
    return Bench(program, {}, host=HOST), evolve(program, layers=(match,)), prove(program, layer.proofs[0], layer, HOST)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
def test_no_session_contradicts_a_proof_that_holds(data: st.DataObject) -> None:
    draw = data.draw
    text = policy_text(draw)
    bench, match, result = proved(text)
    event(result.outcome)
    if result.outcome != "holds":
        return
    (layer,) = match.layers
    where = Circumstances(facts={"has-a": draw(st.booleans())}, clock=lambda: START)
    for call in draw(st.lists(st.sampled_from(CALLS), min_size=1, max_size=10)):
        if draw(st.integers(0, 5)) == 0:
            bench.said("x@y.example", where)
        answered = bench.answer(call, where)
        assert answered.difference is None, (text, answered.difference)
        (effect,) = answered.effects
        meant = reference.match_rule(layer, layer.rules[0], bench.bindings, effect, answered.situation)
        assert not (meant and answered.decision.allowed), (text, call)
        if answered.decision.outcome != "deny" and draw(st.integers(0, 4)):
            bench.done(answered.decision, where, draw(st.sampled_from(("ok", "ok", "error", None))), "see u@v.example")
        if draw(st.integers(0, 6)) == 0:
            where = later(where, 400)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
def test_the_way_of_a_counterexample_can_be_gone(data: st.DataObject) -> None:
    text = policy_text(data.draw)
    bench, _, result = proved(text)
    event(result.outcome)
    if result.outcome != "fails" or result.case is None:
        return
    event(f"{len(result.way)} steps")
    if result.way and (" limit " in text or " over " in text):
        return  # going a way spends, and proofs take nothing for spent
    where = Circumstances(facts=dict(result.case.facts), clock=lambda: START)
    for step in result.way:
        if step.case is None:
            where = later(where, step.seconds)
            continue
        call = call_of(step.case.effect)
        if call is None or not hear(bench, step.case.heard, where):
            return
        decision = bench.answer(call, where).decision
        assert decision.outcome != "deny", (text, result, call)
        bench.done(decision, where, step.ended, "")
    call = call_of(result.case.effect)
    if call is None or not hear(bench, result.case.heard, where):
        return
    answered = bench.answer(call, where)
    assert answered.difference is None
    assert (answered.decision.outcome, answered.decision.rule) == ("allow", result.rule), (text, result)


def later(where: Circumstances, seconds: int) -> Circumstances:
    """The same, some time later."""
    moment = where.clock() + seconds
    return evolve(where, clock=lambda: moment)


def call_of(effect: Effect) -> ToolCall | None:
    """A call with an effect; None where no call is sure to have it."""
    if effect.opaque:
        return None
    match effect:
        case FileEffect(path=str(path)) if effect.single:
            return ToolCall.of(effect.action, path)
        case ExecEffect(argv=tuple(argv)) if not effect.guarded:
            return ToolCall.of("exec", [word or "" for word in argv])
        case NetEffect(host=str(host)):
            port = "" if effect.usual_port or effect.port is None else f":{effect.port}"
            return ToolCall.of(effect.action, f"{effect.scheme}://{host}{port}{effect.path}")
        case ToolEffect():
            return ToolCall(effect.name, dict(effect.args)) if effect.name == "pay" else None
        case _:
            return None


def hear(bench: Bench, heard: Heard, where: Circumstances) -> bool:
    """Let the session hear what was heard; False where that takes a tool that this policy may not have."""
    for origin, told in heard.texts:
        if origin != "user":
            return False
        bench.said(str(told), where)
    return not heard.unobserved
