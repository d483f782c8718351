"""A program on a bench: every call is answered by the engine and by the reference evaluator, and the two compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve, field, frozen

from agentpolicy.compiler import reference
from agentpolicy.compiler.bind import Bindings, Bound, bind_params
from agentpolicy.compiler.compile import compile_program
from agentpolicy.compiler.heads import resolver
from agentpolicy.compiler.verdict import Verdict
from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.effect import Effect, ExecEffect, ToolEffect
from agentpolicy.effects.host import Host
from agentpolicy.effects.tools import effects_of
from agentpolicy.engine.decision import Decision
from agentpolicy.engine.engine import Engine
from agentpolicy.engine.policy import Policy
from agentpolicy.engine.situation import Agent, Clock, Situation, User, check_facts
from agentpolicy.engine.turn import Turn
from agentpolicy.language import checked as c
from agentpolicy.language.check import operands, walk_test
from agentpolicy.language.vocabulary import WEEKDAYS
from agentpolicy.stores import MemoryStore, Store

#: Built-in answers that the reference evaluator gives too; the others are given before any rule is asked.
_JUDGED_BUILTINS = frozenset({"builtin:missing-fact", "builtin:no-effect"})


@frozen
class Circumstances:
    """In what a call is judged: who acts for whom, under which facts, when. ``local`` turns seconds into a date."""

    facts: Mapping[str, Any] = field(factory=dict)
    agent: Agent = field(factory=Agent, eq=False)
    user: User = field(factory=User, eq=False)
    session_id: str = "session"
    store: Store = field(factory=MemoryStore, eq=False)
    clock: Clock = time.time
    local: Callable[[float], time.struct_time] = time.localtime


@frozen
class Answered:
    """One call with both answers.

    ``effects`` are all effects of the call, those included of which nothing is said because others answer for them.
    ``answers`` stand in parallel; there are none where the call was refused before any rule was asked. ``deciding``
    are the ids of all rules that decided. ``difference`` says how engine and reference disagree: an error in this
    library, never in a policy.
    """

    decision: Decision
    effects: tuple[Effect, ...]
    answers: tuple[reference.Answer, ...]
    situation: reference.Situation
    deciding: frozenset[str]
    difference: str | None


class Bench:
    """One program under one set of parameters.

    Args:
        program: the checked program.
        params: values of its parameters.
        host: the machine that patterns and paths mean.
        protect: whether the policy's own files are out of reach, as they are for real.

    Raises:
        PolicyError: a parameter is missing or bad, or the engine refuses the policy.
    """

    def __init__(self, program: c.Program, params: Mapping[str, object], *, host: Host, protect: bool = False) -> None:
        self.program = program
        self.host = host
        self.params: dict[str, Bound] = bind_params(program, params)
        heads = resolver(host.files)
        self.compiled = Bindings(self.params, host.home, heads.__getitem__, host.files.which)
        self.bindings = reference.Bindings(
            params=self.params,
            home=host.home,
            resolve=lambda path: host.files.resolve(path) or path,
            which=host.files.which,
        )
        shown = program if protect else evolve(program, sources=())
        self.policy = Policy(compile_program(shown, self.compiled))

    def answer(self, call: ToolCall, where: Circumstances) -> Answered:
        """The answer to a call.

        Raises:
            FactError: a fact that the policy does not declare, or of the wrong type.
        """
        decision = self._engine(where).session(id=where.session_id).decide(call)
        situation = self.situation(call, where, decision)
        if decision.rule.startswith("builtin:") and decision.rule not in _JUDGED_BUILTINS:
            broken = decision.reason if decision.rule == "builtin:internal-error" else None
            return Answered(decision, tuple(decision.effects), (), situation, frozenset({decision.rule}), broken)
        effects = self.effects(call)
        whole, answers = reference.judge_call(self.program, self.bindings, effects, anew(situation))
        deciding = self._deciding(decision, effects, anew(situation))
        return Answered(decision, effects, answers, situation, deciding, _difference(decision, whole))

    def done(self, decision: Decision, where: Circumstances, result: str | None, shown: object) -> None:
        """Count an allowed call as let through and done.

        Args:
            decision: the answer to it.
            where: who acts, under which facts, when.
            result: how it ended, ``ok`` or ``error``; None where it is still under way.
            shown: what it gave back, or ``memory.UNSEEN``.
        """
        turn = decision.situation.state
        if isinstance(turn, Turn):
            origin = self.origin_of(decision.call)
            turn.again().let_through(decision.id, origin=origin, awaited=True, approved=False)
            if result is not None:
                self._engine(where).settle(decision, result, shown)

    def origin_of(self, call: ToolCall) -> str:
        """Where what a call gives back comes from: ``trusted``, ``untrusted`` or a label."""
        shape = self.policy.tools.get(call.tool)
        return "untrusted" if shape is None or shape.returns is None else shape.returns

    def said(self, text: str, where: Circumstances) -> None:
        """Say what the user said."""
        self._engine(where).session(id=where.session_id).said(text)

    def _engine(self, where: Circumstances) -> _Engine:
        return _Engine(self.policy, where, self.host)

    def effects(self, call: ToolCall) -> tuple[Effect, ...]:
        """All effects of a call.

        Raises:
            BadCall: the call cannot be read.
        """
        return tuple(effects_of(call, self.policy.tools, self.host, want_size=self.policy.reads_size))

    def situation(
        self, call: ToolCall, where: Circumstances, decision: Decision | None = None, ended: str | None = None
    ) -> reference.Situation:
        """What rules may read, for the reference evaluator.

        Args:
            call: the call that is judged.
            where: who acts, under which facts, when.
            decision: the answer to it, in whose session rules are asked.
            ended: how the call ended, where that is known: ``ok`` or ``error``.

        Raises:
            FactError: as for ``answer``.
        """
        facts, _ = check_facts(self.policy.facts, where.facts)
        if call.facts is not None:
            try:
                facts, _ = check_facts(self.policy.facts, {**where.facts, **call.facts})
            except Exception:  # the decision says so already
                facts = dict(facts)
        date = where.local(where.clock() if call.time is None else call.time)
        context = {
            "agent.name": where.agent.name,
            "agent.role": where.agent.role,
            "user.name": where.user.name,
            "user.groups": where.user.groups,
            "host.os": self.host.os_name,
            "session.id": where.session_id,
            "time.hour": date.tm_hour,
            "time.weekday": WEEKDAYS[date.tm_wday],
        }
        known = {name: value for name, value in context.items() if value is not None}
        turn = None if decision is None else decision.situation.state
        if decision is None or not isinstance(turn, Turn):
            return reference.Situation(facts, known)
        again = turn.again()
        again.ended = ended
        return reference.Situation(facts, known, again)

    def rule(self, verdict: Verdict) -> c.CheckedRule | None:
        """The rule that a verdict names; None for defaults and built-in answers."""
        if verdict.layer_index < len(self.program.layers):
            for rule in self.program.layers[verdict.layer_index].rules:
                if rule.id == verdict.rule and rule.place.line == verdict.line:
                    return rule
        return None

    def _deciding(
        self, decision: Decision, effects: tuple[Effect, ...], situation: reference.Situation
    ) -> frozenset[str]:
        found = {decision.rule}
        for effect in effects:
            situation.state.judging(effect)
            for layer in self.program.layers:
                answer = layer_answer(self.program, layer, self.bindings, effect, situation)
                if answer is None or answer.outcome != decision.outcome:
                    continue
                found.add(answer.rule)
                if answer.rule == "default" or answer.rule.startswith("builtin:"):
                    continue
                values = {
                    rule.id: reference.match_rule(layer, rule, self.bindings, effect, situation)
                    for rule in layer.rules
                    if counts(rule, effect)
                }
                for rule in layer.rules:
                    value = values.get(rule.id, False)
                    if value and rule.effect == answer.outcome:
                        found.add(rule.id)
                    if value is None and rule.effect != "allow" and values.get(answer.rule) is None:
                        found.add(rule.id)
            situation.state.count(effect)
        return frozenset(found)


class _Engine(Engine):
    """An engine that reads its clock in the circumstances' zone."""

    def __init__(self, policy: Policy, where: Circumstances, host: Host) -> None:
        self._local = where.local
        super().__init__(
            policy,
            facts=where.facts,
            agent=where.agent,
            user=where.user,
            clock=where.clock,
            host=host,
            store=where.store,
        )

    def situation(
        self, policy: Policy, facts: Mapping[str, Any], agent: Agent, user: User, session_id: str | None
    ) -> Situation:
        """As for every engine, but for the zone."""
        known, lacking = check_facts(policy.facts, facts)
        return Situation(
            known,
            lacking=lacking,
            agent=agent,
            user=user,
            host_os=self.host.os_name,
            session_id=session_id,
            clock=self.clock,
            local=self._local,
        )


def anew(situation: reference.Situation) -> reference.Situation:
    """The same situation in which no effect of the call was counted yet."""
    turn = situation.state
    return evolve(situation, state=turn.again()) if isinstance(turn, Turn) else situation


def counts(rule: c.CheckedRule, effect: Effect) -> bool:
    """Whether a rule may speak of an effect, whatever it matches.

    A rule that allows does not speak of a tool that its effects answer for, nor of a command with rights or variables
    of its own unless it reads them.
    """
    if effect.action not in rule.actions:
        return False
    if rule.effect != "allow":
        return True
    if isinstance(effect, ToolEffect) and effect.answered:
        return False
    return not (isinstance(effect, ExecEffect) and effect.guarded) or reads_rights(rule)


def reads_rights(rule: c.CheckedRule) -> bool:
    """Whether the condition of a rule reads ``elevated`` or ``env``."""
    if rule.condition is None:
        return False
    return any(
        isinstance(one, c.Attribute) and one.name in {"elevated", "env"}
        for node in walk_test(rule.condition)
        for one in operands(node)
    )


def layer_answer(
    program: c.Program, layer: c.Layer, bindings: reference.Bindings, effect: Effect, situation: reference.Situation
) -> reference.Answer | None:
    """What one layer answers by itself; None where it has no opinion."""
    answer = reference.judge(evolve(program, layers=(layer,)), bindings, effect, situation)
    return None if answer.layer is None else answer


def _difference(decision: Decision, answer: reference.Answer) -> str | None:
    engine = (decision.outcome, decision.rule, decision.reason, decision.layer)
    oracle = (answer.outcome, answer.rule, answer.reason, answer.layer)
    if engine == oracle:
        return None
    return (
        f"the compiled policy answers `{engine[0]}` by `{engine[1]}` ({engine[2]}), "
        f"the reference `{oracle[0]}` by `{oracle[1]}` ({oracle[2]})"
    )
