"""``agentpolicy check``: everything that is wrong with policy files, at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click
import orjson

from agentpolicy.cli.common import colour, paint
from agentpolicy.compiler.compile import refuse_unready
from agentpolicy.language.load import check_program
from agentpolicy.language.render import as_json, render_all
from agentpolicy.language.source import Diagnostic, PolicyError

#: What is found when a file cannot be read as text at all.
_UNREADABLE = frozenset({"AP120", "AP121", "AP122", "AP408"})


@click.command()
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "sarif", "github"]), default="text", show_default=True
)
@click.option("--json", "as_json_", is_flag=True, help="The same as --format json.")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
def check(form: str, as_json_: bool, files: tuple[str, ...]) -> None:
    """Check policy files: syntax, names, types, lint. Meanings that the engine lacks are told as warnings."""
    found: list[Diagnostic] = []
    unreadable = False
    left_out = 0
    for name in files:
        program, findings = check_program([name])
        found += findings.all
        left_out += findings.left_out
        unreadable = unreadable or any(one.code in _UNREADABLE or _missing(one, name) for one in findings.all)
        if program is not None and not any(_blocks(one) for one in findings.all):
            try:
                refuse_unready(program)
            except PolicyError as error:
                found += (
                    Diagnostic(one.code, one.message, one.source, one.span, one.help, "warning")
                    for one in error.diagnostics
                )
    found = list(dict.fromkeys(found))
    errors = sum(one.severity == "error" for one in found)
    match "json" if as_json_ else form:
        case "json":
            click.echo(
                orjson.dumps(
                    {"findings": [as_json(one) for one in found], "errors": errors, "left_out": left_out}
                ).decode()
            )
        case "sarif":
            click.echo(orjson.dumps(sarif(found), option=orjson.OPT_INDENT_2).decode())
        case "github":
            for one in found:
                click.echo(github(one))
        case _:
            _text(found, errors, left_out, files)
    raise SystemExit(2 if unreadable else 1 if errors else 0)


def _missing(one: Diagnostic, name: str) -> bool:
    """Whether the file itself is not there, rather than one that it names."""
    return one.code == "AP401" and one.source.text in ("", name)


def _blocks(one: Diagnostic) -> bool:
    return one.severity == "error" and not one.code.startswith("AP6")


def _text(found: Sequence[Diagnostic], errors: int, left_out: int, files: tuple[str, ...]) -> None:
    on = colour(sys.stdout)
    if found:
        click.echo(render_all(tuple(found), colour=on))
        click.echo()
    warnings = len(found) - errors
    told = f"{len(files)} file{'s' if len(files) != 1 else ''}: {errors} error{'s' if errors != 1 else ''}"
    if warnings:
        told += f", {warnings} warning{'s' if warnings != 1 else ''}"
    if left_out:
        told += f", and {left_out} more that are not shown"
    click.echo(paint(told, "deny" if errors else "allow", on=on))


def github(one: Diagnostic) -> str:
    """A finding as a workflow command of GitHub Actions."""
    place = as_json(one)
    text = one.message if one.help is None else f"{one.message}; {one.help}"
    names = {"file": "file", "line": "line", "col": "column", "endLine": "end_line", "endColumn": "end_column"}
    where = ",".join(f"{name}={_property(str(place[key]))}" for name, key in names.items())
    return f"::{one.severity} {where},title={one.code}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def sarif(found: Sequence[Diagnostic]) -> dict[str, Any]:
    """Findings as a SARIF 2.1.0 log."""
    codes = sorted({one.code for one in found})
    results = []
    for one in found:
        place = as_json(one)
        region = {
            "startLine": place["line"],
            "startColumn": place["column"],
            "endLine": place["end_line"],
            "endColumn": place["end_column"],
        }
        results.append(
            {
                "ruleId": one.code,
                "ruleIndex": codes.index(one.code),
                "level": one.severity,
                "message": {"text": one.message if one.help is None else f"{one.message}; {one.help}"},
                "locations": [
                    {
                        "physicalLocation": {
                            "artifactLocation": {"uri": str(place["file"]).replace(os.sep, "/")},
                            "region": region,
                        }
                    }
                ],
            }
        )
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "agentpolicy", "rules": [{"id": code} for code in codes]}},
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }
