"""The built wheel alone: what it holds, and that it works without the sources."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import agentpolicy
from agentpolicy import Engine, ToolCall

HERE = Path(agentpolicy.__file__).parent
COMMAND = Path(sys.executable).with_name("agentpolicy")


def run(*args: str, input: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(COMMAND), *args], input=input, capture_output=True, text=True, check=False)


def test_it_is_the_installed_package() -> None:
    assert "site-packages" in HERE.parts


@pytest.mark.parametrize(
    "name", ["py.typed", "language/agentpolicy.lark", "language/tables.json", "presets/read-only.agp"]
)
def test_it_holds(name: str) -> None:
    assert (HERE / name).stat().st_size >= 0


def test_a_policy_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTPOLICY_CACHE", str(tmp_path / "cache"))
    policy = tmp_path / "p.agp"
    policy.write_text('policy p version "1"\nallow ls: exec "ls **"\ndeny rm: exec "rm **" because "gone is gone"\n')
    for _ in range(2):
        engine = Engine.load(policy)
        assert engine.decide(ToolCall.of("exec", "ls -l")).rule == "ls"
        assert engine.decide(ToolCall.of("exec", "rm x")).rule == "rm"
    line = json.dumps({"action": "exec", "target": "rm x"})
    result = run("decide", "--policy", str(policy), input=line + "\n")
    assert result.returncode == 1
    assert json.loads(result.stdout)["rule"] == "rm"


def test_presets_load_and_pass_their_tests(tmp_path: Path) -> None:
    line = json.dumps({"action": "fs.write", "target": "/w/x"})
    result = run("decide", "--policy", "preset:read-only", "--param", f"workspace={tmp_path}", input=line)
    assert json.loads(result.stdout)["outcome"] == "deny"
    assert run("test", str(HERE / "presets")).returncode == 0


def test_the_demo_runs() -> None:
    result = run("demo")
    assert result.returncode == 0, result.stdout + result.stderr
