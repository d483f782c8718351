"""The examples and presets hold what they promise: they check, are laid out, pass their own tests, and run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agentpolicy.cli import main

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
POLICIES = [*sorted(EXAMPLES.glob("*.agp")), *sorted((ROOT / "src/agentpolicy/presets").glob("*.agp"))]


def run(*args: str, input: str = "") -> Result:
    return CliRunner().invoke(main, [*args], input=input)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
@pytest.mark.parametrize("command", [("check",), ("fmt", "--check"), ("test",)], ids=lambda words: words[0])
def test_every_policy_that_is_shown_holds(policy: Path, command: tuple[str, ...]) -> None:
    result = run(*command, str(policy))
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
def test_every_rule_and_pattern_that_is_shown_is_reached_by_the_tests_beside_it(policy: Path) -> None:
    result = run("test", "--coverage", "--json", str(policy))
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["coverage"]["uncovered"] == []


def test_the_recorded_calls_are_answered_as_the_policy_says() -> None:
    calls = (EXAMPLES / "calls.jsonl").read_text("utf-8")
    result = run("decide", "--policy", str(EXAMPLES / "first-policy.agp"), "--param", "workspace=/repo", input=calls)
    assert result.exit_code == 1
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["outcome"], one["rule"]) for one in answers] == [
        ("allow", "inspect"),
        ("allow", "change"),
        ("allow", "checks"),
        ("allow", "manuals"),
        ("allow", "manuals"),
        ("deny", "secret"),
        ("deny", "default"),
        ("ask", "push"),
        ("deny", "force"),
        ("ask", "removal"),
        ("deny", "default"),
        ("deny", "hooks"),
        ("deny", "internal"),
    ]


def test_the_guarded_tools_run_what_is_allowed_and_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "guarded_tools.py")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ask push a push leaves this machine\nwrote ")
    assert "notes.md" in done.stdout
    assert "`bash` is not allowed: no rule allows this (rule default)" in done.stdout
    assert "`bash` was not run: the reviewer refused (push: a push leaves this machine)" in done.stdout
