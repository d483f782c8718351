"""Runs the tests and proofs inside policy files, on the real engine, without disk, network or clock."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen

from agentpolicy.checker.coverage import Coverage
from agentpolicy.compiler import reference
from agentpolicy.compiler.bind import Bindings, bind_params
from agentpolicy.compiler.compile import compile_program, refuse_unready
from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.effect import Effect
from agentpolicy.effects.host import Host
from agentpolicy.engine.decision import Decision
from agentpolicy.engine.engine import Engine
from agentpolicy.engine.errors import FactError
from agentpolicy.engine.policy import Policy
from agentpolicy.engine.review import describe
from agentpolicy.engine.session import Session
from agentpolicy.engine.situation import Agent, User
from agentpolicy.language import checked as c
from agentpolicy.language import tree as t
from agentpolicy.language.load import check_program
from agentpolicy.language.scope import literal, unit_value
from agentpolicy.language.source import Diagnostic, PolicyError
from agentpolicy.language.vocabulary import CONTEXT, WEEKDAYS
from agentpolicy.testing import FakeClock, memory_host

#: Monday, 1 January 2024, 00:00 UTC: tests begin at noon of it where they say nothing else.
_MONDAY = 1704067200.0
HOME = "/home/user"
State = Literal["passed", "failed", "error"]


@frozen
class Outcome:
    """How one test or proof ended. ``diagnostics`` say why it did not pass; ``seconds`` is how long it took."""

    kind: Literal["test", "proof"]
    title: str
    place: c.Place
    state: State
    diagnostics: tuple[Diagnostic, ...] = ()
    seconds: float = 0.0


@frozen
class FileReport:
    """All tests and proofs of one file; ``broken`` where the file could not be read or checked at all."""

    path: str
    outcomes: tuple[Outcome, ...]
    broken: tuple[Diagnostic, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether everything in the file passed."""
        return not self.broken and all(one.state == "passed" for one in self.outcomes)


def policy_files(paths: Iterable[str]) -> Iterator[str]:
    """The policy files that paths mean: files themselves, and every ``*.agp`` below directories, sorted."""
    for path in paths:
        if Path(path).is_dir():
            yield from sorted(str(one) for one in Path(path).rglob("*.agp") if one.is_file())
        else:
            yield path


def run_file(path: str, *, pattern: str | None = None, coverage: Coverage | None = None) -> FileReport:
    """Run what a file holds.

    Args:
        path: the policy file.
        pattern: only tests and proofs whose title holds this text, case ignored.
        coverage: told of everything that the tests reach.
    """
    program, findings = check_program([path])
    errors = tuple(one for one in findings.all if one.severity == "error" and not one.code.startswith("AP6"))
    if program is None or errors:
        return FileReport(path, (), errors or findings.all)
    layer = program.layers[-1]
    if coverage is not None:
        coverage.add(program)
    outcomes: list[Outcome] = []
    for test in layer.tests:
        if _wanted(test.title.value, pattern):
            outcomes.append(_timed(lambda test=test: _run_test(program, layer, test, coverage)))
    for proof in layer.proofs:
        if _wanted(proof_title(proof), pattern):
            outcomes.append(_timed(lambda proof=proof: _run_proof(program, layer, proof)))
    return FileReport(path, tuple(outcomes))


def _wanted(title: str, pattern: str | None) -> bool:
    return pattern is None or pattern.lower() in title.lower()


def _timed(run: Any) -> Outcome:
    from attrs import evolve

    start = time.perf_counter()
    outcome: Outcome = run()
    return evolve(outcome, seconds=time.perf_counter() - start)


def proof_title(proof: c.CheckedProof) -> str:
    """The claim as it is written, on one line."""
    text = proof.place.source.text[proof.place.span.start : proof.place.span.end]
    return " ".join(text.split())


# --- tests ------------------------------------------------------------------------


def _run_test(program: c.Program, layer: c.Layer, test: t.Test, coverage: Coverage | None) -> Outcome:
    place = c.Place(layer.source, test.title.span)
    try:
        refuse_unready(program)
    except PolicyError as error:
        meanings = "; ".join(dict.fromkeys(one.message for one in error.diagnostics))
        told = Diagnostic("AP705", f"the test cannot run: {meanings}", layer.source, test.title.span)
        return Outcome("test", test.title.value, place, "error", (told,))
    runner = _Runner(program, layer, coverage)
    for step in test.steps:
        try:
            found = runner.step(step)
        except _CannotRun as error:
            told = Diagnostic("AP705", f"the test cannot run: {error}", layer.source, step.span, error.help)
            return Outcome("test", test.title.value, place, "error", (told,))
        if found is not None:
            return Outcome("test", test.title.value, place, "failed", (found,))
    return Outcome("test", test.title.value, place, "passed")


class _CannotRun(Exception):
    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.help = help


@frozen
class _World:
    """What a test has been given so far."""

    params: dict[str, Any] = field(factory=dict)
    facts: dict[str, Any] = field(factory=dict)
    context: dict[str, Any] = field(factory=dict)


class _Runner:
    """One test under way."""

    def __init__(self, program: c.Program, layer: c.Layer, coverage: Coverage | None) -> None:
        self._program = program
        self._layer = layer
        self._coverage = coverage
        self._world = _World()
        self._clock = FakeClock(_MONDAY + 12 * 3600)
        self._host = memory_host(home=HOME)
        self._started: tuple[Engine, Session, reference.Bindings] | None = None

    def step(self, step: t.TestStep) -> Diagnostic | None:
        """Run one step: what went wrong, or None."""
        match step:
            case t.Given():
                self._give(step)
            case t.Wait(duration=duration):
                self._clock.advance(unit_value(duration) or 0)
            case t.Said():
                pass  # no rule that loads reads what was said, until provenance is there
            case t.Approve():
                raise _CannotRun("approvals are not there yet")
            case t.Step():
                return self._act(step)
        return None

    def _give(self, given: t.Given) -> None:
        params = {name for layer in self._program.layers for name in layer.params}
        for binding in given.bindings:
            name, value = binding.ref.text, literal(binding.value)
            if name in CONTEXT:
                self._world.context[name] = value
            elif name in params:
                self._world.params[name] = value
            else:
                self._world.facts[name] = value
        hour = self._world.context.get("time.hour", 12)
        weekday = self._world.context.get("time.weekday", "mon")
        if any(binding.ref.parts[0] == "time" for binding in given.bindings):
            if not isinstance(hour, int) or not 0 <= hour < 24 or weekday not in WEEKDAYS:
                raise _CannotRun("there is no such time", "hours are 0 to 23, weekdays mon to sun")
            self._clock.now = _MONDAY + 86400 * WEEKDAYS.index(weekday) + 3600 * hour
        self._started = None

    def _start(self) -> tuple[Engine, Session, reference.Bindings]:
        if self._started is not None:
            return self._started
        context = self._world.context
        host = Host(cwd="/", home=HOME, files=self._host.files, os_name=context.get("host.os", "linux"))
        try:
            params = bind_params(self._program, self._world.params)
        except PolicyError as error:
            first = error.diagnostics[0]
            raise _CannotRun(first.message, "write `given (NAME = VALUE)` as the first step") from None
        which = host.files.which
        policy = Policy(
            compile_program(self._program, Bindings(params, HOME, lambda path: host.files.resolve(path), which))
        )
        groups = context.get("user.groups")
        try:
            engine = Engine(policy, clock=self._clock, host=host, local=time.gmtime)
            session = engine.session(
                id=context.get("session.id", "test"),
                agent=Agent(context.get("agent.name"), context.get("agent.role")),
                user=User(context.get("user.name"), groups),
                facts=self._world.facts,
            )
        except FactError as error:
            raise _CannotRun(str(error)) from None
        oracle = reference.Bindings(params, HOME, lambda path: host.files.resolve(path) or path, which)
        self._started = (engine, session, oracle)
        return self._started

    def _act(self, step: t.Step) -> Diagnostic | None:
        engine, session, oracle = self._start()
        call = self._call(step.act, oracle)
        decision = engine.decide(call, session)
        situation = self._situation(engine, session)
        self._check(engine, decision, situation, oracle)
        wanted = "allow" if step.expect is None else step.expect.outcome
        by = None if step.expect is None or step.expect.by is None else step.expect.by.text
        deciding = self._deciding(decision, situation, oracle)
        if decision.outcome == wanted and (by is None or by in deciding):
            return None
        expected = wanted + (f" by `{by}`" if by else "")
        line = f" on line {decision.verdict.line}" if decision.verdict.line else ""
        came = f"{decision.outcome} by `{decision.rule}`{line}"
        help = "; ".join(describe(effect.as_json()) for effect in decision.effects)
        if decision.reason:
            help = f"{decision.reason} ({help})" if help else decision.reason
        return Diagnostic(
            "AP703", f"expected {expected}, and it is {came}", self._layer.source, step.span, help or None
        )

    def _call(self, act: t.Call | t.EffectAct, oracle: reference.Bindings) -> ToolCall:
        if isinstance(act, t.EffectAct):
            return ToolCall.of(act.action.text, _filled(act.target.value, oracle.params))
        name = act.tool.text if isinstance(act.tool, t.Name) else act.tool.value
        args = {named.name.text: _plain(named.value, oracle.params) for named in act.args}
        return ToolCall(name, args)

    def _situation(self, engine: Engine, session: Session) -> reference.Situation:
        known = session.situation(engine.policy)
        names = {name: getattr(known, name.replace(".", "_")) for name in CONTEXT}
        return reference.Situation(
            facts=known.facts, context={name: value for name, value in names.items() if value is not None}
        )

    def _check(
        self, engine: Engine, decision: Decision, situation: reference.Situation, oracle: reference.Bindings
    ) -> None:
        """Every answer is held against the reference evaluator; coverage is taken from it on the way."""
        for effect, verdict in zip(decision.effects, decision.verdicts, strict=True):
            if verdict.rule.startswith("builtin:") and verdict.rule != "builtin:missing-fact":
                continue
            answer = reference.judge(self._program, oracle, effect, situation, self._coverage)
            if (answer.outcome, answer.rule) != (verdict.outcome, verdict.rule):
                raise AssertionError(
                    f"the compiled policy says {verdict.outcome} by {verdict.rule}, the reference {answer.outcome} by "
                    f"{answer.rule}, of {effect!r}: please report this"
                )

    def _deciding(
        self, decision: Decision, situation: reference.Situation, oracle: reference.Bindings
    ) -> frozenset[str]:
        """Every rule that ``by`` may name: all that match with the outcome's strictness."""
        found = {decision.rule} | {one.rule for one in decision.asks}
        for effect, verdict in zip(decision.effects, decision.verdicts, strict=True):
            if verdict.outcome == decision.outcome:
                found.add(verdict.rule)
                found |= set(_matching(self._program, oracle, effect, situation, decision.outcome))
        return frozenset(found)


def _matching(
    program: c.Program, oracle: reference.Bindings, effect: Effect, situation: reference.Situation, outcome: str
) -> Iterator[str]:
    for layer in program.layers:
        for rule in layer.rules:
            if rule.effect == outcome and reference.match_rule(layer, rule, oracle, effect, situation):
                yield rule.id


def _filled(text: str, params: Mapping[str, Any]) -> str:
    return Bindings(params, HOME, lambda path: path, lambda name: None).text(text)


def _plain(value: t.Value, params: Mapping[str, Any]) -> Any:
    if isinstance(value, t.ListValue):
        return [_plain(item, params) for item in value.items]
    plain = literal(value)
    return _filled(plain, params) if isinstance(plain, str) else plain


# --- proofs -----------------------------------------------------------------------


def _run_proof(program: c.Program, layer: c.Layer, proof: c.CheckedProof) -> Outcome:
    from agentpolicy.checker.prove import prove

    title = proof_title(proof)
    result = prove(program, proof, layer, memory_host(home=HOME))
    if result.outcome == "holds":
        return Outcome("proof", title, proof.place, "passed")
    message = f"cannot decide: {result.detail}" if result.outcome == "cannot decide" else result.detail
    help = None if result.counterexample is None else f"for example: {result.counterexample}"
    code = "AP704" if result.outcome == "fails" else "AP706"
    told = Diagnostic(code, message, layer.source, proof.place.span, help)
    return Outcome("proof", title, proof.place, "failed", (told,))


def totals(reports: Sequence[FileReport]) -> dict[str, int]:
    """How many tests and proofs passed, failed or could not run, and how many files are broken."""
    states = [one.state for report in reports for one in report.outcomes]
    return {
        "passed": states.count("passed"),
        "failed": states.count("failed"),
        "errors": states.count("error"),
        "broken": sum(1 for report in reports if report.broken),
    }
