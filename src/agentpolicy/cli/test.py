"""``agentpolicy test``: the tests and proofs inside policy files."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import click

from agentpolicy.checker.coverage import Coverage
from agentpolicy.checker.junit import junit
from agentpolicy.checker.results import FileReport, Result
from agentpolicy.checker.testing import policy_files, run_file
from agentpolicy.cli.common import colour, fail, json_line, paint
from agentpolicy.language.render import as_json, render_all

_SIGNS = {"passed": ("✓", "ok", "allow"), "failed": ("✗", "FAIL", "deny"), "error": ("✗", "ERROR", "deny")}


@click.command()
@click.option("-k", "pattern", metavar="TEXT", help="Only tests and proofs whose title holds TEXT, or matches it.")
@click.option("--coverage", "measure", is_flag=True, help="Show rules, branches and patterns that no test reached.")
@click.option("--json", "as_json_", is_flag=True, help="Write the report as JSON.")
@click.option("--junit", "junit_file", metavar="FILE", help="Write a JUnit XML report to FILE too.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
def test(pattern: str | None, measure: bool, as_json_: bool, junit_file: str | None, paths: tuple[str, ...]) -> None:
    """Run the tests and proofs in policy files, and in every .agp file of directories."""
    for path in paths:
        if not os.path.exists(path):
            fail(f"error: there is no file or directory {path!r}")
    coverage = Coverage() if measure else None
    began = time.perf_counter()
    reports: list[FileReport] = []
    for path in policy_files(paths):
        report = run_file(path, pattern=pattern, coverage=coverage)
        reports.append(report)
        if not as_json_:
            _show(report, on=colour(sys.stdout))
    seconds = time.perf_counter() - began
    if as_json_:
        sys.stdout.buffer.write(json_line(report_json(reports, coverage, seconds)))
    else:
        if coverage is not None:
            click.echo(coverage.text())
            click.echo()
        _summary(reports, seconds, on=colour(sys.stdout))
    if junit_file is not None:
        try:
            with open(junit_file, "wb") as file:
                file.write(junit(reports))
        except OSError as error:
            fail(f"error: {junit_file} cannot be written: {error.strerror}")
    if any(report.unreadable for report in reports):
        raise SystemExit(2)
    raise SystemExit(0 if all(report.passed for report in reports) else 1)


def _show(report: FileReport, *, on: bool) -> None:
    click.echo(paint(report.path, "bold", on=on))
    if report.diagnostics:
        click.echo(_indented(render_all(report.diagnostics, colour=on)))
    elif not report.results:
        click.echo(paint("  no tests", "dim", on=on))
    for result in report.results:
        sign, word, style = _SIGNS[result.outcome]
        click.echo(f"  {paint(sign if on else word, style, on=on)} {_title(result)}")
        # What is wrong with a whole file was shown above.
        for finding in () if report.diagnostics else result.findings:
            click.echo(_indented(finding.text(on)))
    click.echo()


def _title(result: Result) -> str:
    return result.title if result.kind == "test" or result.title.startswith("prove") else f"prove {result.title}"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.split("\n"))


def _summary(reports: Sequence[FileReport], seconds: float, *, on: bool) -> None:
    results = [result for report in reports for result in report.results]
    counted = {outcome: sum(one.outcome == outcome for one in results) for outcome in ("passed", "failed", "error")}
    broken = sum(bool(report.diagnostics) for report in reports)
    parts = [f"{counted['passed']} passed"]
    if counted["failed"]:
        parts.append(f"{counted['failed']} failed")
    if counted["error"]:
        parts.append(f"{counted['error']} could not be run")
    if broken:
        parts.append(f"{broken} file{'s' if broken != 1 else ''} with errors")
    files = f"{len(reports)} file{'s' if len(reports) != 1 else ''}"
    bad = any(not report.passed for report in reports)
    click.echo(paint(f"{', '.join(parts)} in {files} ({seconds:.2f} s)", "deny" if bad else "allow", on=on))


def report_json(reports: Sequence[FileReport], coverage: Coverage | None, seconds: float) -> dict[str, Any]:
    """Reports as JSON values; times are in seconds."""
    results = [result for report in reports for result in report.results]
    found: dict[str, Any] = {
        "files": [
            {
                "file": report.path,
                "errors": [as_json(one) for one in report.diagnostics],
                "results": [_result_json(result) for result in report.results],
            }
            for report in reports
        ],
        "passed": sum(one.outcome == "passed" for one in results),
        "failed": sum(one.outcome == "failed" for one in results),
        "errors": sum(one.outcome == "error" for one in results),
        "seconds": round(seconds, 6),
    }
    if coverage is not None:
        found["coverage"] = coverage.as_json()
    return found


def _result_json(result: Result) -> dict[str, Any]:
    return {
        "kind": result.kind,
        "title": result.title,
        "line": result.place.line,
        "outcome": result.outcome,
        "seconds": round(result.duration, 6),
        "findings": [{**as_json(one.diagnostic), "notes": list(one.notes)} for one in result.findings],
    }
