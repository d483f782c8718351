"""Effects show what is known of them, and hide nothing of what is not."""

from __future__ import annotations

import pytest

from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect, NetEffect, ToolEffect, flags_of
from agentpolicy.effects.host import Host
from agentpolicy.effects.paths import DiskFiles
from agentpolicy.effects.recent import Recent


def test_effects_are_printed_with_null_for_what_is_unknown() -> None:
    assert FileEffect("fs.read", "/a", None).as_json() == {
        "action": "fs.read",
        "path": "/a",
        "resolved": None,
        "many": False,
        "opaque": True,
    }
    assert ExecEffect(None, why="x").as_json() == {
        "action": "exec",
        "program": None,
        "argv": None,
        "cwd": None,
        "flags": None,
        "env": {},
        "elevated": False,
        "opaque": True,
    }
    assert NetEffect("net.connect").as_json()["method"] is None
    assert NetEffect("net.post", host="a.example").as_json() == {
        "action": "net.post",
        "scheme": None,
        "host": "a.example",
        "port": None,
        "path": None,
        "method": "POST",
        "private": None,
        "opaque": False,
    }
    assert ToolEffect("s/t", {}).as_json() == {"action": "tool", "name": "s/t", "server": "s"}


def test_a_command_may_be_opaque_though_its_words_are_known() -> None:
    effect = ExecEffect(("sudo", "-n", "rm"), elevated=True, opaque=True, why="x")
    assert (effect.opaque, effect.program, effect.flags, effect.guarded) == (True, "sudo", ("-n",), True)


@pytest.mark.parametrize(
    ("env", "guarded"),
    [
        ({}, False),
        ({"LANG": "C", "LC_ALL": "C"}, False),
        ({"PATH": "/x"}, True),
        ({"TERM": "x", "LD_PRELOAD": "y"}, True),
    ],
)
def test_variables_that_can_change_what_runs_guard_the_command(env: dict[str, str], guarded: bool) -> None:
    assert ExecEffect(("a",), env=env).guarded is guarded


def test_flags_are_split_and_cut() -> None:
    assert flags_of(("git", "push", "-fu", "--x=1", "-o=2", "-", "", "--", "-z")) == ("-f", "-u", "--x", "-o")


def test_effects_are_equal_by_what_they_show() -> None:
    assert FileEffect("fs.read", "/a", "/a") == FileEffect("fs.read", "/a", "/a")
    assert FileEffect("fs.read", "/a", "/a") != FileEffect("fs.write", "/a", "/a")
    assert FileEffect("fs.read", "/a", "/a") != ToolEffect("a", {})
    assert len({ExecEffect(("a",)), ExecEffect(("a",))}) == 1
    assert repr(ToolEffect("a", {})) == "ToolEffect({'action': 'tool', 'name': 'a', 'server': None})"
    with pytest.raises(NotImplementedError):
        Effect().as_json()


def test_a_host_starts_where_the_process_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert Host().cwd == "/"
    assert Host(cwd="/x").cwd == "/x"
    assert isinstance(Host().files, DiskFiles)
    assert Host(os_name="macos").os_name == "macos"


def test_only_what_was_used_lately_is_remembered() -> None:
    recent: Recent[int] = Recent(2)
    for index, key in enumerate("abc"):
        recent.keep(key, index)
    assert recent.get("a") == 0  # from the old generation into the young one
    recent.keep("d", 3)
    assert recent.get("b") is None
    assert recent.get("a") == 0
    assert len(recent.young) + len(recent.old) <= 4
