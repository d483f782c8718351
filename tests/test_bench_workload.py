"""The benchmark's hand-written functions and the policies that they stand for answer alike."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from agentpolicy.compiler import emit
from agentpolicy.engine.policy import Policy

ROOT = Path(__file__).parent.parent


@pytest.fixture
def workload(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.workload")


@pytest.fixture
def handwritten(workload: Any) -> Any:
    return sys.modules.get("benchmarks.handwritten") or importlib.import_module("benchmarks.handwritten")


def outcomes(policy: Policy, questions: Any) -> list[str]:
    verdicts = [policy.judge(effect, situation) for effect, situation in questions]
    assert None not in verdicts
    return [verdict.outcome for verdict in verdicts if verdict is not None]


def test_ten_rules_answer_as_the_function_written_for_them(workload: Any, handwritten: Any) -> None:
    questions = workload.small_questions()
    expected = [handwritten.small(effect, situation) for effect, situation in questions]
    assert outcomes(Policy.from_text(workload.SMALL), questions) == expected
    assert set(expected) == {"allow", "ask", "deny"}


@pytest.mark.parametrize("inline", [True, False])
def test_ten_generated_rules_answer_as_the_walk_of_dicts(
    workload: Any, handwritten: Any, inline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emit, "INLINE_MAX", 10**6 if inline else -1)
    rules = workload.rules(10)
    questions = workload.questions(rules)
    decide = handwritten.large(rules)
    expected = [decide(effect, situation) for effect, situation in questions]
    assert outcomes(Policy.from_text(workload.text(rules)), questions) == expected


def test_a_thousand_rules_answer_as_the_walk_of_dicts(workload: Any, handwritten: Any) -> None:
    rules = workload.rules(1000)
    questions = workload.questions(rules)
    decide = handwritten.large(rules)
    expected = [decide(effect, situation) for effect, situation in questions]
    assert outcomes(Policy.from_text(workload.text(rules)), questions) == expected
    assert min(expected.count(one) for one in ("allow", "ask", "deny")) > 100


def test_the_workload_is_the_same_every_time(workload: Any) -> None:
    rules = workload.rules(100)
    assert rules == workload.rules(100)
    assert [effect for effect, _ in workload.questions(rules, 50)] == [
        effect for effect, _ in workload.questions(rules, 50)
    ]
    repeating = workload.hot(workload.questions(rules))
    assert len({id(question) for question in repeating}) <= 50
