"""Paths of the corpus have exactly the names that they should have, and never a wrong one that counts as known."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agentpolicy.effects.paths import MemoryFiles, file_effect

CORPUS = Path(__file__).parent / "corpora" / "paths.jsonl"
CASES: list[dict[str, Any]] = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


def answer(case: dict[str, Any]) -> dict[str, Any]:
    given = case["input"]
    effect = file_effect(
        "fs.read",
        given["path"],
        cwd=given["cwd"],
        home=given["home"],
        expand_tilde=given.get("expand_tilde", True),
        files=MemoryFiles(given.get("links")),
    )
    assert effect.opaque is (effect.why is not None), "what is opaque says why, and nothing else does"
    return {"path": effect.path, "resolved": effect.resolved, "opaque": effect.opaque}


def test_the_corpus_is_large_and_every_case_says_why() -> None:
    assert len(CASES) >= 200
    assert len({case["id"] for case in CASES}) == len(CASES)
    assert all(case["why"] and set(case["expect"]) == {"path", "resolved", "opaque"} for case in CASES)
    kinds = Counter(case["id"].rpartition("-")[0] for case in CASES)
    assert min(kinds.values()) >= 10, kinds


def test_no_path_of_the_corpus_has_a_wrong_name_that_counts_as_known(capsys: pytest.CaptureFixture[str]) -> None:
    right, safe, unsafe, wrong = 0, 0, [], []
    for case in CASES:
        found = answer(case)
        right += found == case["expect"]
        safe += found == case["expect"] or found["opaque"]
        if found != case["expect"]:
            wrong.append((case["id"], case["why"], found, case["expect"]))
            if not found["opaque"]:
                unsafe.append(case["id"])
    with capsys.disabled():
        print(f"\npaths: strict {right}/{len(CASES)}, safe {safe}/{len(CASES)}, unsafe {len(unsafe)}")
    assert not unsafe, [one for one in wrong if one[0] in unsafe]
    assert not wrong, wrong


def test_a_path_that_is_not_opaque_stays_as_it_is_when_its_name_is_given() -> None:
    for case in CASES:
        found = answer(case)
        if not found["opaque"] and not case["input"].get("links"):
            again = {**case, "input": {**case["input"], "path": found["resolved"]}}
            assert answer(again)["resolved"] == found["resolved"], case["id"]
