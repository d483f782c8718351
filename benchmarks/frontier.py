"""``python -m benchmarks.frontier RUNS SUITE=POLICY…``: what each rule stops, and what it costs.

Recorded runs go through the policies as they are, and through each without one of its ask and deny rules.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_RULE = re.compile(r"^(?:ask|deny)\s+([\w-]+):")


def without(text: str, rule: str) -> str:
    """A policy without one of its rules, and without its tests."""
    lines: list[str] = []
    skipping = False
    for line in text.splitlines():
        if line.startswith("test "):
            break
        if line[:1] not in {" ", "\t", ""}:
            found = _RULE.match(line)
            skipping = found is not None and found.group(1) == rule
        if not skipping:
            lines.append(line)
    return "\n".join(lines) + "\n"


def replay(runs: str, policies: dict[str, str]) -> dict[str, Any]:
    """The report of ``agentpolicy replay``, each suite under its policy's text."""
    with tempfile.TemporaryDirectory() as directory:
        options: list[str] = []
        for suite, text in policies.items():
            file = Path(directory) / f"{suite}.agp"
            file.write_text(text, encoding="utf-8")
            options += ["--policy-for", f"{suite}={file}"]
        command = [str(Path(sys.executable).with_name("agentpolicy")), "replay", "--json", *options]
        done = subprocess.run(
            [*command, "--policy", "preset:assistant", runs], capture_output=True, text=True, check=True
        )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(runs: str, *named: str) -> None:
    """Print one line for the policies, and one for each rule that is left out."""
    texts = {suite: Path(file).read_text(encoding="utf-8") for suite, _, file in (one.partition("=") for one in named)}
    whole = {suite: without(text, "") for suite, text in texts.items()}
    print("| without | stopped | of these denied | uninterrupted | questions a run |")
    print("| --- | --- | --- | --- | --- |")
    show("nothing", replay(runs, whole))
    for suite, text in texts.items():
        for rule in [found.group(1) for line in text.splitlines() if (found := _RULE.match(line))]:
            show(f"`{rule}` ({suite})", replay(runs, {**whole, suite: without(text, rule)}))


def show(name: str, report: dict[str, Any]) -> None:
    """One line of the table."""
    attacks, honest, questions = (report[one]["total"] for one in ("attacks", "honest", "questions"))
    denied = 100 * attacks["denied"] / attacks["runs"]
    print(
        f"| {name} | {attacks['percent']:.1f} % | {denied:.1f} % | {honest['percent']:.1f} % "
        f"| {questions['mean']:.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
