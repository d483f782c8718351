"""Runs the tests and proofs of policy files on the real engine, with no disk, network or clock behind it."""

from __future__ import annotations

import fnmatch
import os
import time
from collections.abc import Iterable, Iterator

from agentpolicy.checker.bench import Bench
from agentpolicy.checker.coverage import Coverage
from agentpolicy.checker.givens import BadGiven, Givens
from agentpolicy.checker.results import FileReport, Finding, Outcome, ProofReport, TestResult
from agentpolicy.checker.steps import call_of, check_step
from agentpolicy.compiler.compile import MEANINGS
from agentpolicy.effects.host import Host
from agentpolicy.effects.tools import BadCall
from agentpolicy.engine.errors import FactError
from agentpolicy.language import checked as c
from agentpolicy.language import tree as t
from agentpolicy.language.load import Reader, check_program
from agentpolicy.language.parser import parse, read_source
from agentpolicy.language.source import Diagnostic, PolicyError
from agentpolicy.language.vocabulary import DURATIONS
from agentpolicy.testing import memory_host

__all__ = ["FileReport", "ProofReport", "TestResult", "has_checks", "policy_files", "run_file", "run_paths"]

# --- files ------------------------------------------------------------------------


def policy_files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[str]:
    """The files that paths mean: a file is itself, a directory every ``.agp`` file in it, hidden ones left out.

    Each file comes once, in the order of its name.
    """
    seen: set[str] = set()
    for path in map(os.fspath, paths):
        for name in _inside(path) if os.path.isdir(path) else (path,):
            key = os.path.realpath(name)
            if key not in seen:
                seen.add(key)
                yield name


def _inside(directory: str) -> Iterator[str]:
    for here, inner, names in os.walk(directory):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield from (os.path.join(here, name) for name in sorted(names) if name.endswith(".agp"))


def run_paths(
    paths: Iterable[str | os.PathLike[str]],
    *,
    pattern: str | None = None,
    coverage: Coverage | None = None,
    read: Reader = read_source,
) -> tuple[FileReport, ...]:
    """Run everything that the files under some paths hold. See ``run_file``."""
    return tuple(run_file(path, pattern=pattern, coverage=coverage, read=read) for path in policy_files(paths))


def has_checks(path: str, *, read: Reader = read_source) -> bool:
    """Whether a file holds tests or proofs; true where it cannot be read, so that this does not go unseen."""
    try:
        source, _ = read(path)
        return any(isinstance(item, t.Test | t.Prove) for item in parse(source).items)
    except PolicyError:
        return True


def run_file(
    path: str, *, pattern: str | None = None, coverage: Coverage | None = None, read: Reader = read_source
) -> FileReport:
    """Run the tests and proofs of one file.

    Args:
        path: the policy file.
        pattern: only those whose title holds this text (any case), or matches it as a glob.
        coverage: is told of every rule that the tests reach.
        read: how files are read.

    Nothing is raised: what is wrong with the file stands in the report.
    """
    try:
        source, _ = read(path)
        items = [one for one in parse(source).items if isinstance(one, t.Test | t.Prove)]
    except PolicyError as error:
        return FileReport(path, diagnostics=error.diagnostics)
    if not items:
        return FileReport(path)
    program, findings = check_program([path], read)
    errors = tuple(one for one in findings.all if one.severity == "error" and not one.code.startswith("AP6"))
    if program is None or errors:
        tests = tuple(
            _cannot_run(c.Place(source, item.title.span), item.title.value, "the policy has errors")
            for item in items
            if isinstance(item, t.Test) and _chosen(item.title.value, pattern)
        )
        return FileReport(path, tests=tests, diagnostics=errors or findings.all)
    layer = program.layers[-1]
    if coverage is not None:
        coverage.begin(program)
    runner = _Runner(program, layer, coverage)
    return FileReport(
        path,
        tuple(runner.test(test) for test in layer.tests if _chosen(test.title.value, pattern)),
        tuple(runner.proof(proof) for proof in layer.proofs if _chosen(proof_title(proof), pattern)),
    )


def _chosen(title: str, pattern: str | None) -> bool:
    if not pattern:
        return True
    folded, wanted = title.casefold(), pattern.casefold()
    return wanted in folded or fnmatch.fnmatchcase(folded, wanted)


def proof_title(proof: c.CheckedProof) -> str:
    """A proof as it is written, on one line."""
    text = proof.place.source.text[proof.place.span.start : proof.place.span.end]
    return " ".join(text.split())


# --- tests and proofs ----------------------------------------------------------------


class _Runner:
    """Runs what one file holds; a policy is compiled once for each set of parameters."""

    def __init__(self, program: c.Program, layer: c.Layer, coverage: Coverage | None) -> None:
        self._program = program
        self._layer = layer
        self._coverage = coverage
        self._benches: dict[tuple[str, str], Bench] = {}

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
        if result.outcome == "holds":
            outcome, findings = "passed", ()
        elif result.outcome == "fails":
            message = "this proof fails" + (f": `{result.counterexample}`" if result.counterexample else "")
            outcome = "failed"
            findings = (Finding(Diagnostic("AP708", message, proof.place.source, proof.place.span, detail)),)
        else:
            outcome = "failed"
            message = "this proof cannot be decided, so it fails"
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
                case t.Said():
                    pass  # nothing reads it before there is provenance
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
            found = check_step(step, self._layer, bench, where)
            if self._coverage is not None:
                call = call_of(step, bench)
                try:
                    effects = bench.effects(call)
                except BadCall:
                    return found
                self._coverage.observe(self._program, bench.bindings, effects, bench.situation(call, where))
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

    def _refused(self, test: t.Test, givens: Givens, error: PolicyError) -> tuple[Finding, ...]:
        """Why there is no engine under what a test gives."""
        codes = {one.code for one in error.diagnostics}
        if "AP501" in codes:
            message = f"cannot run: {_missing(self._program)} are not there yet"
            notes = tuple(
                f"{one.source.name}:{one.source.line_column(one.span.start)[0]}: {one.message}"
                for one in error.diagnostics
            )
            return (Finding(self._diagnostic(test.title.span, message), notes),)
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


def _cannot_run(place: c.Place, title: str, why: str) -> TestResult:
    return TestResult(
        title, place, "error", (Finding(Diagnostic("AP705", f"cannot run: {why}", place.source, place.span)),)
    )


def _missing(program: c.Program) -> str:
    """The meanings that a program relies on and the engine lacks, as a sentence names them."""
    meanings = dict.fromkeys(MEANINGS[one.meaning] for layer in program.layers for one in layer.missing)
    return ", ".join(meanings)


def _broken(place: c.Place, error: Exception) -> Finding:
    message = f"the checker itself failed here ({type(error).__name__}): an error in agentpolicy, not in this file"
    return Finding(
        Diagnostic("AP710", message, place.source, place.span, "please report it with the policy"), (str(error),)
    )
