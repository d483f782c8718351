"""The corpus of shell text: what runs, which files and hosts, and where nobody can know. No answer may be unsafe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentpolicy.effects.effect import ExecEffect, FileEffect, NetEffect
from agentpolicy.effects.resolve import effects_of_acts
from agentpolicy.effects.shell.read import read_text
from agentpolicy.testing import memory_host

FILES = sorted((Path(__file__).parent / "corpora").glob("shell*.jsonl"))
CASES: list[dict[str, Any]] = [
    json.loads(line) for path in FILES for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
]


def _base(word: str | None) -> str | None:
    return None if word is None else word.rpartition("/")[2] if "/" in word else word


def _runs(wanted: list[str | None], argv: tuple[str | None, ...] | None) -> bool:
    """Whether reported words begin with the wanted ones; a wanted word that is null stands for any."""
    if argv is None or len(argv) < len(wanted) or not wanted:
        return False
    if wanted[0] is not None and _base(argv[0]) != _base(wanted[0]):
        return False
    return all(word is None or word == seen for word, seen in zip(wanted[1:], argv[1:], strict=False))


def judge(case: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the answer is exactly right, and whether it is safe: right, or opaque where it is not."""
    place = case["input"]
    host = memory_host(cwd=place["cwd"], home=place["home"])
    acts = effects_of_acts(read_text(place["target"], cwd=place["cwd"], home=place["home"]), host)
    commands = [act for act in acts if isinstance(act, ExecEffect)]
    opaque = any(act.opaque for act in acts)
    expect = case["expect"]
    missing: list[Any] = [one for one in expect.get("runs", []) if not any(_runs(one, act.argv) for act in commands)]
    touched = {(act.action, act.path) for act in acts if isinstance(act, FileEffect)}
    missing += [one for one in expect.get("files", []) if tuple(one) not in touched]
    hosts = {act.host for act in acts if isinstance(act, NetEffect)}
    missing += [one for one in expect.get("hosts", []) if one not in hosts]
    if "mentions" in expect and not any(_base(act.program) == expect["mentions"] for act in commands):
        missing.append(expect["mentions"])
    if expect.get("guarded") and not any(act.guarded for act in commands):
        missing.append("variables that change what runs")
    for program, name in expect.get("env", []):
        if not any(_base(act.program) == program and name in act.env for act in commands):
            missing.append([program, name])
    told = expect.get("opaque")
    safe = (not missing or opaque) and (told is not True or opaque)
    right = not missing or ("mentions" in expect and opaque)
    if told is not None:
        right = right and opaque is told
    if expect.get("exact"):
        right = right and [_base(act.program) for act in commands] == [_base(one[0]) for one in expect["runs"]]
    return right and safe, safe


def test_the_corpus_is_large_and_each_case_gives_its_reason() -> None:
    assert len(CASES) >= 600
    assert len({case["id"] for case in CASES}) == len(CASES)
    assert all(case["why"].strip() for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_no_answer_is_unsafe(case: dict[str, Any]) -> None:
    _, safe = judge(case)
    assert safe, case


def test_the_scores(capsys: pytest.CaptureFixture[str]) -> None:
    answers = [judge(case) for case in CASES]
    strict, safe = sum(right for right, _ in answers), sum(kept for _, kept in answers)
    with capsys.disabled():
        print(f"\nshell corpus: {len(CASES)} cases, strict {strict}, safe {safe}")
    assert safe == len(CASES)
    assert strict >= 0.97 * len(CASES)
