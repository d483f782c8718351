"""``agentpolicy test``: the tests and proofs inside policy files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click
import orjson

from agentpolicy.checker.coverage import Coverage
from agentpolicy.checker.testing import FileReport, Outcome, policy_files, run_file, totals
from agentpolicy.cli.common import colour, paint
from agentpolicy.language.render import as_json, render_all


@click.command()
@click.option("-k", "pattern", metavar="TEXT", help="Only tests and proofs whose title holds this text.")
@click.option("--coverage", "with_coverage", is_flag=True, help="Tell what no test reached, by line.")
@click.option("--json", "json_", is_flag=True, help="Print the report as JSON.")
@click.option("--junit", "junit_file", type=click.Path(dir_okay=False), help="Write a JUnit report.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
def test(pattern: str | None, with_coverage: bool, json_: bool, junit_file: str | None, paths: tuple[str, ...]) -> None:
    """Run the tests and proofs inside policy files; directories are searched for *.agp."""
    coverage = Coverage() if with_coverage else None
    reports = [run_file(path, pattern=pattern, coverage=coverage) for path in policy_files(paths)]
    if junit_file is not None:
        from agentpolicy.checker.junit import junit

        with open(junit_file, "wb") as file:
            file.write(junit(reports))
    if json_:
        click.echo(orjson.dumps(_report(reports, coverage)).decode())
    else:
        _text(reports, coverage)
    count = totals(reports)
    unreadable = any(
        one.code in ("AP401", "AP408") and not one.source.text for report in reports for one in report.broken
    )
    if unreadable or not reports:
        if not reports and not json_:
            click.echo("no policy files there", err=True)
        raise SystemExit(2)
    raise SystemExit(0 if all(report.passed for report in reports) and count["broken"] == 0 else 1)


def _text(reports: Sequence[FileReport], coverage: Coverage | None) -> None:
    on = colour(sys.stdout)
    for report in reports:
        if not report.outcomes and not report.broken:
            continue
        click.echo(paint(report.path, "bold", on=on))
        if report.broken:
            click.echo(render_all(report.broken, colour=on))
        for one in report.outcomes:
            click.echo(_line(one, on))
            if one.diagnostics:
                click.echo(_indented(render_all(one.diagnostics, colour=on)))
    count = totals(reports)
    told = [f"{count['passed']} passed"]
    told += [f"{count[key]} {word}" for key, word in (("failed", "failed"), ("errors", "could not run")) if count[key]]
    if count["broken"]:
        told.append(f"{count['broken']} file{'s' if count['broken'] != 1 else ''} with errors")
    good = all(report.passed for report in reports)
    if coverage is not None:
        for gap in coverage.uncovered():
            click.echo(f"{gap.file}:{gap.line}: {gap.what}")
        told.append(f"coverage {coverage.percent:.1f} % ({coverage.reached} of {coverage.wanted})")
    click.echo(paint(", ".join(told), "allow" if good else "deny", on=on))


def _line(one: Outcome, on: bool) -> str:
    word, sign = {"passed": ("ok", "✓"), "failed": ("FAIL", "✗"), "error": ("ERROR", "!")}[one.state]
    style = "allow" if one.state == "passed" else "deny"
    shown = paint(sign, style, on=True) if on else f"{word:5}"
    return f"  {shown} {one.title}"


def _indented(text: str) -> str:
    return "\n".join("      " + line if line else line for line in text.split("\n"))


def _report(reports: Sequence[FileReport], coverage: Coverage | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "files": [
            {
                "file": report.path,
                "errors": [as_json(one) for one in report.broken],
                "results": [
                    {
                        "kind": one.kind,
                        "title": one.title,
                        "line": one.place.line,
                        "state": one.state,
                        "seconds": round(one.seconds, 6),
                        "findings": [as_json(found) for found in one.diagnostics],
                    }
                    for one in report.outcomes
                ],
            }
            for report in reports
        ],
        **totals(reports),
    }
    if coverage is not None:
        told["coverage"] = {
            "percent": round(coverage.percent, 2),
            "reached": coverage.reached,
            "wanted": coverage.wanted,
            "missing": [
                {"file": gap.file, "line": gap.line, "kind": gap.kind, "what": gap.what} for gap in coverage.uncovered()
            ],
        }
    return told
