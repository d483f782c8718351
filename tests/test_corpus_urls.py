"""The corpus of addresses: what is read is right, and what may be wrong is opaque."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentpolicy.effects.effect import NetEffect
from agentpolicy.effects.remotes import nested_urls
from agentpolicy.effects.urls import host_effect, net_effect

CASES: list[dict[str, Any]] = [
    json.loads(line) for line in (Path(__file__).parent / "corpora/urls.jsonl").read_text(encoding="utf-8").splitlines()
]


def read(case: dict[str, Any]) -> NetEffect:
    given = case["input"]
    return net_effect("net.get", given["url"]) if "url" in given else host_effect("net.connect", given["host"])


def readings(case: dict[str, Any]) -> list[dict[str, Any]]:
    """What may be read: the expected parts, and each of the others that are accepted."""
    expect = {key: value for key, value in case["expect"].items() if key not in {"accept", "nested"}}
    return [expect, *({**expect, **other} for other in case["expect"].get("accept", ()))]


def right(case: dict[str, Any]) -> bool:
    found = read(case).as_json()
    same = any(all(found[key] == value for key, value in one.items()) for one in readings(case))
    nested = case["expect"].get("nested")
    return same and (nested is None or nested_urls(case["input"]["url"]) == nested)


def unsafe(case: dict[str, Any]) -> bool:
    """Wrong without saying that it is not sure, or said to be public although it is, or may be, private."""
    found = read(case)
    public = any(one["private"] is False for one in readings(case))
    return (not found.opaque and not right(case)) or (found.private is False and not public)


def test_the_corpus_is_large_and_each_case_says_why() -> None:
    assert len(CASES) >= 200
    assert len({case["id"] for case in CASES}) == len(CASES)
    assert len({json.dumps(case["input"]) for case in CASES}) == len(CASES)
    assert all(case["why"] for case in CASES)


def test_no_address_is_read_in_an_unsafe_way(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [case["id"] for case in CASES if not right(case)]
    harmful = [case["id"] for case in CASES if unsafe(case)]
    with capsys.disabled():
        print(f"\naddresses: strict {len(CASES) - len(wrong)}, safe {len(CASES) - len(harmful)} of {len(CASES)}")
    assert harmful == []
    assert wrong == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_what_is_opaque_says_why_and_what_is_not_is_whole(case: dict[str, Any]) -> None:
    found = read(case)
    assert found.opaque is (found.why is not None)
    assert found.opaque or (found.host is not None and found.private is not None)
