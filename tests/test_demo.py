"""The demo runs, shows what is decided, checks what came of it, and tells where the log lies."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agentpolicy import Engine, PolicyError
from agentpolicy.cli import main
from agentpolicy.cli.demo import demo
from agentpolicy.cli.demo_stage import POLICY, SECRET, Server, Stage, snapshot

HONEST = {"inspect", "look", "change", "tests", "commit", "pages"}


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "t"))


def as_json(*options: str) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    result = CliRunner().invoke(demo, ["--json", *options])
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return result.exit_code, lines[:-1], lines[-1]


def test_the_run_holds_and_every_call_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "log" / "decisions.jsonl"
    code, calls, summary = as_json("--log", str(log))
    assert code == 0, summary
    assert all(one["held"] for one in summary["checks"])
    assert [call["number"] for call in calls] == list(range(1, len(calls) + 1))
    assert {call["rule"] for call in calls if call["outcome"] == "allow"} <= HONEST
    refused = {call["rule"] for call in calls if not call["released"]}
    assert {"secret", "sending", "internal", "outside", "destroy", "builtin:own-files", "default"} <= refused
    assert all(call["reason"] for call in calls)
    assert summary["calls"] == len(calls) == summary["released"] + summary["denied"] + summary["asked"]
    assert summary["log"] == str(log)


def test_the_log_holds_every_decision_and_no_argument(tmp_path: Path) -> None:
    log = tmp_path / "decisions.jsonl"
    _, calls, _ = as_json("--log", str(log))
    events = [json.loads(line) for line in log.read_text().splitlines()]
    decided = [event for event in events if event["kind"] == "decision"]
    assert [event["id"] for event in decided] == [call["id"] for call in calls]
    assert {event["id"] for event in events if event["kind"] == "outcome"} == {
        call["id"] for call in calls if call["released"]
    }
    written = log.read_text()
    for content in (SECRET, "Hello", "default allow", "4000 0000", "args", "content"):
        assert content not in written
    assert log.stat().st_mode & 0o077 == 0


def test_what_the_policy_would_have_stopped_happens_where_nothing_is_enforced() -> None:
    code, calls, summary = as_json("--observe")
    assert code == 1
    assert all(call["released"] for call in calls)
    failed = {one["check"] for one in summary["checks"] if not one["held"]}
    assert "the key in .env never arrived" in failed
    assert "the policy file is unchanged, byte by byte" in failed
    assert "the workspace is as it was before the instruction, file by file" in failed


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_push_is_put_to_a_person_who_refuses() -> None:
    _, calls, summary = as_json()
    [push] = [call for call in calls if call["rule"] == "push"]
    assert (push["outcome"], push["released"], push["approved"]) == ("ask", False, False)
    assert "git push origin main" in push["question"]
    assert summary["asked"] == 1


def test_without_git_that_part_is_left_out_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    find = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **more: None if name == "git" else find(name, **more))
    result = CliRunner().invoke(demo, [])
    assert result.exit_code == 0, result.stdout
    assert "git is not installed" in result.stdout
    assert "git push" not in result.stdout
    assert "FAILED" not in result.stdout


def test_the_text_is_clean_in_a_pipe_and_nothing_temporary_is_left_but_the_log(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path), "HOME": str(tmp_path), "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-c", "from agentpolicy.cli import main; main()", "demo"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "deny   read   by rule secret" in done.stdout
    assert "because  secrets are not for the agent" in done.stdout
    [line] = [line for line in done.stdout.splitlines() if line.startswith("The decision log: ")]
    log = Path(line.removeprefix("The decision log: "))
    assert log.is_file()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("agentpolicy-")] == [log.parent.name]


def test_a_log_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(demo, ["--log", str(tmp_path / "file" / "log.jsonl")])
    assert result.exit_code == 2
    assert "the log cannot be written" in result.output


def test_a_snapshot_sees_every_kind_of_change(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").symlink_to("a")
    before = snapshot(tmp_path)
    assert snapshot(tmp_path) == before
    (tmp_path / "a").write_text("2")
    assert snapshot(tmp_path) != before
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").unlink()
    (tmp_path / "b").symlink_to("c")
    assert snapshot(tmp_path) != before


def test_the_stage_goes_whatever_happens() -> None:
    stage = Stage()
    with pytest.raises(RuntimeError, match="curtain"):
        _play(stage)
    assert not stage.root.exists()


def _play(stage: Stage) -> None:
    with stage:
        assert (stage.workspace / ".env").is_file()
        raise RuntimeError("curtain")


def test_a_stage_that_cannot_be_set_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(server: Server) -> None:
        raise OSError("no threads")

    monkeypatch.setattr(Server, "start", broken)
    with pytest.raises(OSError, match="no threads"), Stage():
        pass
    assert list((tmp_path / "t").iterdir()) == []


def test_the_policy_is_shipped_beside_the_command() -> None:
    assert POLICY.is_file()
    assert POLICY.read_text().startswith("# What the agent of `agentpolicy demo` may do.")


@pytest.mark.parametrize("port", [80.5, 0, 65536, -1])
def test_a_port_that_is_none_is_refused_when_the_policy_is_bound(port: float) -> None:
    with pytest.raises(PolicyError) as caught:
        Engine.load(POLICY, params={"workspace": "/work", "port": port}, cache=False)
    found = caught.value.diagnostics[0]
    assert found.code == "AP404"
    assert f"`{port}` is no port" in found.message
    assert found.help == "a port is 1 to 65535, or `*`"


def test_the_tests_in_the_policy_hold() -> None:
    result = CliRunner().invoke(main, ["test", str(POLICY)])
    assert result.exit_code == 0, result.output
