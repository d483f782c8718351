"""The log of decisions: one line each, readable by its owner, and a call stops when its line cannot be written."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from agentpolicy import Denied, Engine, JsonLines, ToolCall
from agentpolicy.testing import FakeClock, FakeReviewer, engine_from_text

POLICY = """policy p version "1"
allow ls: exec "ls **"
ask rm: exec "rm **" because "gone"
allow gone: fs.delete any
allow t: tool note
tool note(text: text)
"""


def engine(path: Path, **options: object) -> Engine:
    return engine_from_text(POLICY, recorder=JsonLines(path, **options), clock=FakeClock(0.0))  # type: ignore[arg-type]


def test_a_line_tells_outcome_rule_effects_and_digest_without_arguments(tmp_path: Path) -> None:
    log = tmp_path / "deep" / "log.jsonl"
    e = engine(log)
    with e.session(id="s1"):
        decision = e.authorize(ToolCall("note", {"text": "very private words"}), e.current_session())
    (line,) = log.read_text().splitlines()
    told = json.loads(line)
    assert told["kind"] == "decision"
    assert told["time"] == "1970-01-01T00:00:00.000+00:00"
    assert (told["session"], told["tool"], told["outcome"], told["rule"]) == ("s1", "note", "allow", "t")
    assert told["digest"] == decision.digest
    assert told["policy"] == e.policy.digest
    assert told["effects"] == [{"action": "tool", "name": "note", "server": None, "outcome": "allow", "rule": "t"}]
    assert "private" not in line
    assert log.stat().st_mode & 0o777 == 0o600


def test_lines_of_many_threads_do_not_mix(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    e = engine(log, sync=True)
    threads = [
        threading.Thread(target=lambda: [e.authorize(ToolCall.of("exec", ["ls"])) for _ in range(25)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [json.loads(line)["id"] for line in log.read_text().splitlines()]
    assert len(ids) == len(set(ids)) == 200


def test_a_log_is_appended_to(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    for _ in range(2):
        e = engine(log)
        e.authorize(ToolCall.of("exec", ["ls"]))
        e.recorder.close()  # type: ignore[union-attr]
    assert len(log.read_text().splitlines()) == 2


def test_a_closed_log_stops_calls(tmp_path: Path) -> None:
    e = engine(tmp_path / "log.jsonl")
    recorder = e.recorder
    assert isinstance(recorder, JsonLines)
    recorder.close()
    recorder.close()
    with pytest.raises(Denied, match="could not be recorded"):
        e.authorize(ToolCall.of("exec", ["ls"]))


def test_a_short_write_is_finished_and_a_failed_one_does_not_spoil_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log.jsonl"
    e = engine(log)
    real = os.write
    monkeypatch.setattr("agentpolicy.engine.record.os.write", lambda handle, data: real(handle, bytes(data)[:7]))
    e.authorize(ToolCall.of("exec", ["ls"]))
    assert len(log.read_text().splitlines()) == 1

    calls = iter([5, 0])
    monkeypatch.setattr(
        "agentpolicy.engine.record.os.write",
        lambda handle, data: (count := next(calls)) and real(handle, bytes(data)[:count]),
    )
    with pytest.raises(Denied, match="could not be recorded"):
        e.authorize(ToolCall.of("exec", ["ls"]))
    monkeypatch.setattr("agentpolicy.engine.record.os.write", real)
    e.authorize(ToolCall.of("exec", ["ls"]))
    first, torn, last = log.read_text().splitlines()
    assert json.loads(first)["rule"] == json.loads(last)["rule"] == "ls"
    with pytest.raises(json.JSONDecodeError):
        json.loads(torn)


def test_an_approval_is_recorded(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    e = engine(log)
    e.reviewer = FakeReviewer()
    e.authorize(ToolCall.of("exec", ["rm", "x"]))
    told = json.loads(log.read_text())
    assert (told["outcome"], told["approved"], told["released"]) == ("ask", True, True)
