"""What running the tests and proofs of policy files comes to."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from attrs import frozen

from agentpolicy.language.checked import Place
from agentpolicy.language.render import render, visible
from agentpolicy.language.source import Diagnostic

Outcome: TypeAlias = Literal["passed", "failed", "error"]


@frozen
class Finding:
    """Why a test or proof did not pass: where, and under ``notes`` what was seen, one thing a line."""

    diagnostic: Diagnostic
    notes: tuple[str, ...] = ()

    def text(self, colour: bool = False) -> str:
        """The finding as a person reads it, without a line end."""
        return "\n".join([render(self.diagnostic, colour), *(f"    {visible(note)}" for note in self.notes)])


@frozen
class TestResult:
    """One test. ``duration`` is in seconds; an ``error`` is a test that could not be run."""

    __test__: ClassVar[bool] = False  # pytest takes classes of this name for tests

    title: str
    place: Place
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    duration: float = 0.0
    kind: ClassVar[str] = "test"

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """The findings without their notes."""
        return tuple(one.diagnostic for one in self.findings)


@frozen
class ProofReport:
    """One proof. ``title`` is the proof as it is written; ``detail`` says why it holds or does not."""

    title: str
    place: Place
    outcome: Outcome
    detail: str = ""
    findings: tuple[Finding, ...] = ()
    duration: float = 0.0
    kind: ClassVar[str] = "proof"

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """The findings without their notes."""
        return tuple(one.diagnostic for one in self.findings)


Result: TypeAlias = TestResult | ProofReport


@frozen
class FileReport:
    """One file. ``diagnostics`` are the errors for which none of its tests could be run."""

    path: str
    tests: tuple[TestResult, ...] = ()
    proofs: tuple[ProofReport, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def results(self) -> tuple[Result, ...]:
        """Tests and proofs in the order in which they stand in the file."""
        return tuple(sorted((*self.tests, *self.proofs), key=lambda one: one.place.span.start))

    @property
    def unreadable(self) -> bool:
        """Whether there was no file that could be read as text."""
        return any(one.code == "AP401" and not one.source.text for one in self.diagnostics)

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong; true of a file without tests."""
        return not self.diagnostics and all(one.outcome == "passed" for one in self.results)
