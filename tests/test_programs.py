"""What is known of programs: the tables are of their schema, the kept form is up to date, and each claim has its case."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from agentpolicy.effects.acts import Touch
from agentpolicy.effects.effect import ExecEffect, NetEffect
from agentpolicy.effects.programs import complete, entry_of, options_of, program_names
from agentpolicy.effects.shell.read import read_argv

ROOT = Path(__file__).parent.parent
CASES = sorted((ROOT / "tests/corpora/programs").glob("*.jsonl"))


def _builder() -> Any:
    spec = importlib.util.spec_from_file_location("programs_builder", ROOT / "grammar/programs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases() -> list[Any]:
    found: list[Any] = []
    for path in CASES:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found.append(pytest.param(json.loads(line), id=f"{path.stem}:{number}"))
    return found


def told(argv: list[str]) -> tuple[list[list[str]], ExecEffect]:
    """What a command does, in the form of the cases, and its own effect."""
    acts = read_argv(argv, cwd="/repo", home="/home/u")
    found: list[list[str]] = []
    for act in acts:
        if isinstance(act, ExecEffect):
            words = [word or "?" for word in act.argv or ("?",)]
            found.append(["exec", words[0].rpartition("/")[2], *words[1:]])
        elif isinstance(act, Touch):
            if not act.possible:
                name = "?" if act.name is None else act.name.replace("/./", "/").removesuffix("/.")
                found.append([act.action, name.rstrip("/") or "/", *(["many"] if act.many else [])])
        elif isinstance(act, NetEffect) and not act.possible:
            found.append([act.action, act.host or "?"])
    first = next(act for act in acts if isinstance(act, ExecEffect))
    return found, first


@pytest.mark.parametrize("case", cases())
def test_what_a_program_is_told_is_what_it_does(case: dict[str, Any]) -> None:
    found, own = told(case["argv"])
    for wanted in case.get("effects", []):
        assert any(one[: len(wanted)] == wanted for one in found), (wanted, found)
    for wanted in case.get("absent", []):
        assert not any(one[: len(wanted)] == wanted for one in found), (wanted, found)
    if "readonly" in case:
        assert (own.readonly is True) is case["readonly"], own.readonly
    if "opaque" in case:
        assert own.opaque is case["opaque"], own.why
    if "unknown" in case:  # something that it starts, if not itself
        acts = read_argv(case["argv"], cwd="/repo", home="/home/u")
        assert any(isinstance(act, ExecEffect) and act.opaque for act in acts) is case["unknown"]


def test_the_kept_tables_are_those_of_the_files() -> None:
    kept = (ROOT / "src/agentpolicy/effects/knowledge/knowledge.json").read_text(encoding="utf-8")
    assert kept == _builder().text(), "run `make programs`"


def test_every_kind_of_fault_in_a_table_is_found() -> None:
    check, entry = _builder().check, _builder().ENTRY
    faults = [
        {"unknown_key": 1}, {"readonly": "yes"}, {"operands": ["nonsense*"]}, {"values": {"-x": "nonsense"}},
        {"values": {"x": "read"}}, {"flags": "x"}, {"style": "odd"}, {"does": ["fly ."]}, {"forms": [{"also": []}]},
        {"sub": {"x": {"operands": ["nonsense"]}}}, {"keys": {"if": "nonsense"}},
    ]  # fmt: skip
    for fault in faults:
        assert check("here", fault, entry), fault
    assert not check("here", {"operands": ["read*"], "values": {"-o --out": "write"}, "flags": "-v"}, entry)


def test_other_names_lead_to_one_table() -> None:
    tables = complete({"a": {"also": ["b"], "open": True, "sub": {"x": {"also": ["y"]}}}})
    assert tables["b"] == "a"
    assert tables["a"]["sub"] == {"x": {}, "y": "x"}
    gsed = entry_of("gsed")
    assert gsed is not None
    assert gsed.name == "sed"
    assert entry_of("no such program") is None


def test_every_table_can_be_made_ready() -> None:
    todo = [entry_of(name) for name in program_names()]
    while todo:
        entry = todo.pop()
        assert entry is not None
        todo.extend(entry.subcommand(name) for name in entry.subcommands)


def test_options_in_front_of_a_subcommand_are_known_or_not() -> None:
    git = options_of("git")
    assert git.takes("-C") is True
    assert git.takes("--no-pager") is False
    assert git.takes("--git-dir=x") is False
    assert git.takes("--unheard-of") is None
    assert options_of("no such program").takes("-x") is None
