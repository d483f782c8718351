"""Runs the tests and proofs of one checked policy, each on an engine without disk, network or clock."""

from __future__ import annotations

import time

from agentpolicy.checker.bench import Bench, Circumstances
from agentpolicy.checker.coverage import Coverage
from agentpolicy.checker.givens import BadGiven, Givens, arguments
from agentpolicy.checker.results import Finding, Outcome, ProofReport, Result, TestResult
from agentpolicy.checker.steps import call_of, check_step
from agentpolicy.compiler.compile import MEANINGS
from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.host import Host
from agentpolicy.effects.tools import BadCall
from agentpolicy.engine.decision import Decision
from agentpolicy.engine.errors import FactError
from agentpolicy.language import checked as c
from agentpolicy.language import tree as t
from agentpolicy.language.source import Diagnostic, PolicyError
from agentpolicy.language.vocabulary import DURATIONS
from agentpolicy.testing import memory_host


class Runner:
    """What one policy file holds, ready to run: tests and proofs in the order in which they stand.

    A policy is compiled once for each set of parameters that tests give.
    """

    def __init__(self, program: c.Program, layer: c.Layer, coverage: Coverage | None) -> None:
        self._program = program
        self._layer = layer
        self._coverage = coverage
        self._benches: dict[tuple[str, str], Bench] = {}
        checks: list[t.Test | c.CheckedProof] = [*layer.tests, *layer.proofs]
        self._checks = sorted(
            checks, key=lambda one: one.span.start if isinstance(one, t.Test) else one.place.span.start
        )

    @property
    def titles(self) -> tuple[str, ...]:
        """The titles of tests, and proofs as they are written."""
        return tuple(one.title.value if isinstance(one, t.Test) else proof_title(one) for one in self._checks)

    def line(self, index: int) -> int:
        """The line of a test or proof, counted from 1."""
        one = self._checks[index]
        return (c.Place(self._layer.source, one.span) if isinstance(one, t.Test) else one.place).line

    def run(self, index: int) -> Result:
        """Run one test or proof; nothing is raised."""
        one = self._checks[index]
        return self.test(one) if isinstance(one, t.Test) else self.proof(one)

    def test(self, test: t.Test) -> TestResult:
        """Run one test."""
        place = c.Place(self._layer.source, test.title.span)
        began = time.perf_counter()
        try:
            outcome, findings = self._steps(test)
        except Exception as error:
            outcome, findings = "error", (_broken(place, error),)
        return TestResult(test.title.value, place, outcome, findings, time.perf_counter() - began)

    def proof(self, proof: c.CheckedProof) -> ProofReport:
        """Run one proof."""
        from agentpolicy.checker.prove import prove

        title, began = proof_title(proof), time.perf_counter()
        outcome: Outcome
        try:
            result = prove(self._program, proof, self._layer, memory_host())
        except Exception as error:
            found = (_broken(proof.place, error),)
            return ProofReport(title, proof.place, "error", "", found, time.perf_counter() - began)
        detail = result.detail
        findings: tuple[Finding, ...]
        if result.outcome == "holds":
            outcome, findings = "passed", ()
        elif result.outcome == "fails":
            message = "this proof fails" + (f": `{result.counterexample}`" if result.counterexample else "")
            outcome = "failed"
            findings = (Finding(Diagnostic("AP708", message, proof.place.source, proof.place.span, detail)),)
        else:
            outcome = "failed"
            message = "cannot decide this proof, so it fails"
            findings = (Finding(Diagnostic("AP709", message, proof.place.source, proof.place.span, detail)),)
        return ProofReport(title, proof.place, outcome, detail, findings, time.perf_counter() - began)

    def _steps(self, test: t.Test) -> tuple[Outcome, tuple[Finding, ...]]:
        givens = Givens(self._program, self._layer)
        bench: Bench | None = None
        failed: list[Finding] = []
        for step in test.steps:
            match step:
                case t.Given():
                    try:
                        givens.take(step)
                    except BadGiven as error:
                        return "error", (Finding(error.diagnostic),)
                    bench = None
                case t.Wait(duration=duration):
                    givens.wait(duration.amount * DURATIONS[duration.unit])
                case t.Said(text=text):
                    if bench is None:
                        try:
                            bench = self._bench(givens)
                        except PolicyError as error:
                            return "error", self._refused(test, givens, error)
                    bench.said(bench.compiled.text(text.value), givens.circumstances())
                case t.Approve():
                    return "error", (self._stop(step.span, "cannot run: approvals are not there yet"),)
                case t.Step():
                    if bench is None:
                        try:
                            bench = self._bench(givens)
                        except PolicyError as error:
                            return "error", self._refused(test, givens, error)
                    found = self._step(step, givens, bench)
                    if found and found[0].diagnostic.code not in {"AP703", "AP704"}:
                        return "error", found
                    failed += found
        return ("failed", tuple(failed)) if failed else ("passed", ())

    def _step(self, step: t.Step, givens: Givens, bench: Bench) -> tuple[Finding, ...]:
        where = givens.circumstances()
        givens.asked = True
        try:
            found, decision = check_step(step, self._layer, bench, where)
            result = str(arguments(step.facts).get("result", "ok"))
            if self._coverage is not None:
                try:
                    self._observe(self._coverage, call_of(step, bench), bench, where, decision, result)
                except BadCall:
                    return found
            if decision.allowed:
                shown = "" if step.returns is None else bench.compiled.text(step.returns.value)
                bench.done(decision, where, result, shown)
        except FactError as error:
            return (self._stop(step.span, f"cannot run: {error}"),)
        return found

    def _bench(self, givens: Givens) -> Bench:
        key = (repr(sorted(givens.params.items())), givens.os_name)
        bench = self._benches.get(key)
        if bench is None:
            host = memory_host()
            host = Host(cwd=host.cwd, home=host.home, files=host.files, os_name=givens.os_name)
            bench = self._benches[key] = Bench(self._program, givens.params, host=host)
        return bench

    def _observe(
        self,
        coverage: Coverage,
        call: ToolCall,
        bench: Bench,
        where: Circumstances,
        decision: Decision,
        result: str,
    ) -> None:
        """Take up what a step reaches.

        Raises:
            BadCall: the call cannot be read.
        """
        effects = bench.effects(call)
        coverage.observe(self._program, bench.bindings, effects, bench.situation(call, where, decision))
        if decision.allowed:
            situation = bench.situation(call, where, decision, ended=result)
            coverage.observe_marks(self._program, bench.bindings, effects, situation)

    def _refused(self, test: t.Test, givens: Givens, error: PolicyError) -> tuple[Finding, ...]:
        """Why there is no engine under what a test gives."""
        codes = {one.code for one in error.diagnostics}
        if "AP501" in codes:
            message = f"cannot run: {_missing(self._program)} are not there yet"
            return (
                Finding(self._diagnostic(test.title.span, message, "`agentpolicy check` shows where they are used")),
            )
        lacking = [
            decl.name
            for layer in self._program.layers
            for decl in layer.params.values()
            if decl.default is None and not decl.type.endswith("?") and decl.name not in givens.params
        ]
        found: list[Finding] = []
        if lacking:
            names = ", ".join(f"`{name}`" for name in dict.fromkeys(lacking))
            several = "parameters" if len(set(lacking)) > 1 else "parameter"
            listed = ", ".join(f"{name} = …" for name in dict.fromkeys(lacking))
            diagnostic = self._diagnostic(
                test.title.span, f"cannot run: no `given` names the {several} {names}", f"write `given ({listed})`"
            )
            found.append(Finding(diagnostic))
        for one in error.diagnostics:
            if one.code == "AP403":
                continue
            binding = next((known for name, known in givens.param_bindings.items() if f"`{name}`" in one.message), None)
            if binding is not None:
                one = Diagnostic("AP706", one.message, self._layer.source, binding.span, one.help)
            found.append(Finding(one))
        return tuple(found)

    def _stop(self, span: t.Span, message: str) -> Finding:
        return Finding(self._diagnostic(span, message))

    def _diagnostic(self, span: t.Span, message: str, help: str | None = None) -> Diagnostic:
        return Diagnostic("AP705", message, self._layer.source, span, help)


def proof_title(proof: c.CheckedProof) -> str:
    """A proof as it is written, on one line."""
    text = proof.place.source.text[proof.place.span.start : proof.place.span.end]
    return " ".join(text.split())


def _missing(program: c.Program) -> str:
    """The meanings that a program relies on and the engine lacks, as a sentence names them."""
    meanings = [MEANINGS[one.meaning].partition(" (")[0] for layer in program.layers for one in layer.missing]
    return ", ".join(dict.fromkeys(meanings))


def _broken(place: c.Place, error: Exception) -> Finding:
    message = f"the checker itself failed here ({type(error).__name__}): an error in agentpolicy, not in this file"
    return Finding(
        Diagnostic("AP710", message, place.source, place.span, "please report it with the policy"), (str(error),)
    )
