"""Well-known tools are read by their names where nobody declares them, and are known to an engine only if it is told."""

from __future__ import annotations

import os
from typing import Any

import orjson
import pytest

from agentpolicy import Engine, Policy, ToolCall
from agentpolicy.cli.effects import read
from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect, NetEffect
from agentpolicy.effects.host import Host
from agentpolicy.effects.known_tools import KINDS, KNOWN_TOOLS
from agentpolicy.effects.paths import MemoryFiles
from agentpolicy.effects.shape import ToolShape
from agentpolicy.effects.tools import BadCall, effects_of
from agentpolicy.language.vocabulary import TYPES

HOST = Host(cwd="/w", home="/home/u", files=MemoryFiles())


def effects(tool: str, args: dict[str, Any]) -> list[Effect]:
    return [one for one in effects_of(ToolCall(tool, args), KNOWN_TOOLS, HOST) if one.action != "tool"]


def refused(tool: str, args: dict[str, Any]) -> str:
    with pytest.raises(BadCall) as caught:
        effects(tool, args)
    return caught.value.reason


def shown(found: list[Effect]) -> list[tuple[str, object]]:
    keys = {"fs": "path", "exec": "argv", "net": "host", "sql": "table"}
    return [(one.action, one.as_json()[keys[one.family]]) for one in found]


@pytest.mark.parametrize(
    ("tool", "args", "wanted"),
    [
        ("bash", {"command": "git status"}, [("exec", ["git", "status"])]),
        ("Bash", {"command": "git status", "description": "x", "timeout": 3}, [("exec", ["git", "status"])]),
        ("shell", {"command": ["git", "status"], "workdir": "/w"}, [("exec", ["git", "status"])]),
        ("exec_command", {"cmd": "git status"}, [("exec", ["git", "status"])]),
        ("run-command", {"script": "git status"}, [("exec", ["git", "status"])]),
        ("Write", {"file_path": "a", "content": "x"}, [("fs.write", "/w/a")]),
        ("edit", {"path": "/a", "old_string": "x", "new_string": "y", "replace_all": True}, [("fs.write", "/a")]),
        ("create_file", {"filename": "a", "cwd": "/v"}, [("fs.write", "/v/a")]),
        ("replace_in_file", {"path": "a", "diff": "<<<<<<< SEARCH"}, [("fs.write", "/w/a")]),
        ("Read", {"file_path": "a", "offset": 1, "limit": 9}, [("fs.read", "/w/a")]),
        ("view", {"path": "a"}, [("fs.read", "/w/a")]),
        ("open", {"filename": "a"}, [("fs.read", "/w/a")]),
        ("read_multiple_files", {"paths": ["a", "b"]}, [("fs.read", "/w/a"), ("fs.read", "/w/b")]),
        ("delete_file", {"target_file": "a", "explanation": "x"}, [("fs.delete", "/w/a")]),
        ("str_replace_based_edit_tool", {"command": "view", "path": "/a", "view_range": [1, 2]}, [("fs.read", "/a")]),
        ("str_replace_based_edit_tool", {"command": "create", "path": "/a", "file_text": "x"}, [("fs.write", "/a")]),
        ("str_replace_based_edit_tool", {"command": "str_replace", "path": "/a"}, [("fs.write", "/a")]),
        ("str_replace_based_edit_tool", {"command": "insert", "path": "/a"}, [("fs.write", "/a")]),
        ("fetch", {"url": "https://a.example/"}, [("net.get", "a.example")]),
        ("curl", {"url": "https://a.example/", "method": "head"}, [("net.head", "a.example")]),
        ("http", {"url": "https://a.example/", "method": "POST", "body": "x"}, [("net.post", "a.example")]),
        ("fetch_webpage", {"urls": ["https://a.example/", "https://b.example"]}, [("net.get", "a.example"), ("net.get", "b.example")]),
        ("http_put", {"url": "https://a.example/", "data": "x"}, [("net.put", "a.example")]),
        ("download", {"url": "https://a.example/x", "destination": "x"}, [("net.get", "a.example"), ("fs.write", "/w/x")]),
        ("python", {"code": "1"}, [("exec", None)]),
        ("execute_code", {"code": "1", "language": "python"}, [("exec", None)]),
        ("apply_patch", {"input": "*** Begin Patch\n*** Delete File: a\n*** End Patch"}, [("fs.delete", "/w/a")]),
        ("apply_patch", {"patch": "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b", "workdir": "v"}, [("fs.write", "/w/v/x")]),
    ],
)  # fmt: skip
def test_a_well_known_tool_does_what_its_name_says(
    tool: str, args: dict[str, Any], wanted: list[tuple[str, object]]
) -> None:
    assert shown(effects(tool, args)) == wanted


def test_queries_are_read() -> None:
    pytest.importorskip("sqlglot")
    found = effects("run_sql", {"query": "select * from a", "db": "w"})
    assert [one.as_json() for one in found] == [
        {"action": "sql.select", "table": "a", "database": "w", "opaque": False}
    ]


@pytest.mark.parametrize(
    ("tool", "args", "why"),
    [
        ("bash", {"command": "ls", "env": {"PATH": "/x"}}, "`bash` declares no argument `env`"),
        ("bash", {"command": "ls", "stdin": "x"}, "`bash` declares no argument `stdin`"),
        ("shell", {"command": "ls", "shell": "/tmp/sh"}, "`shell` declares no argument `shell`"),
        ("bash", {"command": ["ls", 1]}, "argument `command` must be text, not a number"),
        ("bash", {"command": 7}, "argument `command` must be a list of texts, not a number"),
        ("bash", {"command": "ls", "cwd": "/a", "workdir": "/b"}, "the call names two places that it starts in"),
        ("fetch", {"url": "https://a.example/", "body": "x"}, "`fetch` needs the argument `method`, which says what it does"),
        ("fetch", {"url": "https://a.example/", "method": "PURGE"}, "`PURGE` is not a method of HTTP that is known"),
        ("fetch", {"url": "https://a.example/", "method": 7}, "`7` is not a method of HTTP that is known"),
        ("fetch", {"url": "https://a.example/", "proxy": "b"}, "`fetch` declares no argument `proxy`"),
        ("str_replace_editor", {"path": "/a"}, "what `str_replace_editor` does without a `command` that is known cannot be told"),
        ("str_replace_editor", {"path": "/a", "command": "run"}, "what `str_replace_editor` does without a `command` that is known cannot be told"),
        ("str_replace_editor", {"path": "/a", "command": ["view"]}, "what `str_replace_editor` does without a `command` that is known cannot be told"),
        ("write", {"path": "a", "diff": "--- b"}, "`write` declares no argument `diff`"),
    ],
)  # fmt: skip
def test_what_could_change_a_call_and_is_not_known_is_refused(tool: str, args: dict[str, Any], why: str) -> None:
    assert refused(tool, args) == why


def test_the_same_place_by_two_names_is_one_place() -> None:
    (command, *_) = effects("bash", {"command": "ls", "cwd": "/a", "workdir": "/a"})
    assert isinstance(command, ExecEffect)
    assert command.cwd == "/a"


def test_every_name_that_is_given_counts() -> None:
    assert shown(effects("write", {"path": "a", "file_path": "b"})) == [("fs.write", "/w/a"), ("fs.write", "/w/b")]


def test_a_patch_that_is_not_read_may_do_anything_to_any_file() -> None:
    found = effects("apply_patch", {"patch": "hello"})
    assert [(one.action, one.opaque) for one in found] == [("fs.read", True), ("fs.write", True), ("fs.delete", True)]
    assert all(isinstance(one, FileEffect) and one.path is None and one.why for one in found)


def test_code_is_an_opaque_command_whose_program_is_the_tool() -> None:
    (code,) = effects("Python", {"code": "1"})
    assert isinstance(code, ExecEffect)
    assert (code.program, code.argv, code.opaque) == ("Python", None, True)


def test_a_bare_call_does_nothing_that_can_be_judged() -> None:
    assert effects("bash", {"restart": True}) == []
    engine = Engine(Policy.from_text("allow all: exec any\ndefault allow"), host=HOST)
    engine.declare(KNOWN_TOOLS["bash"])
    assert engine.decide(ToolCall("bash", {"restart": True})).rule == "builtin:no-effect"


@pytest.mark.parametrize("name", ["github/bash", "mcp__x__bash", "", "bash ", "unknown", 7, None, ("bash",)])
def test_other_names_are_just_names(name: Any) -> None:
    assert KNOWN_TOOLS.get(name) is None
    assert name not in KNOWN_TOOLS


def test_an_engine_knows_no_tool_that_nobody_declared() -> None:
    engine = Engine(Policy.from_text('allow look: exec "ls **"\nallow see: fs.read any'), host=HOST)
    call = ToolCall("bash", {"command": "ls"})
    assert engine.decide(call).rule == "builtin:unknown-tool"
    engine.declare(KNOWN_TOOLS["bash"])
    assert engine.decide(call).rule == "look"
    assert engine.decide(ToolCall("bash", {"command": "rm x"})).outcome == "deny"
    assert engine.decide(ToolCall("shell", {"command": "ls"})).rule == "builtin:unknown-tool"


def test_a_policy_s_own_word_stands_where_the_types_differ() -> None:
    text = 'tool bash(command: shell) does only exec command\nallow look: exec "ls **"'
    engine = Engine(Policy.from_text(text), host=HOST)
    with pytest.raises(ValueError, match="parameter `command` of tool `bash`"):
        engine.declare(KNOWN_TOOLS["bash"])
    assert engine.shape("bash") == ToolShape(
        "bash", {"command": ("shell", True, None)}, (("exec", "command", None),), True
    )


def test_the_types_that_only_shapes_have_are_no_words_of_the_language() -> None:
    assert not {"patch", "command"} & {*TYPES}


def test_every_row_makes_a_shape_whose_effects_answer_for_it() -> None:
    names = [name for kind in KINDS for name in kind.names.split()]
    assert len(names) == len(set(names)) == len(KNOWN_TOOLS)
    assert list(KNOWN_TOOLS) == names
    for name in names:
        shape = KNOWN_TOOLS[name]
        assert name == name.lower()
        assert shape.answered
        assert not any(required for _, required, _ in shape.parameters.values())
        assert ToolShape.from_row(shape.row()) == shape


def line(**call: Any) -> dict[str, Any]:
    return read(orjson.dumps(call), KNOWN_TOOLS, HOST)


def test_the_effects_of_a_well_known_tool_need_no_policy() -> None:
    answer = line(tool="Edit", args={"file_path": "/a", "old_string": "x", "new_string": "y"})
    assert answer == {
        "effects": [{"action": "fs.write", "path": "/a", "resolved": "/a", "many": False, "opaque": False}],
        "opaque": False,
    }
    assert line(tool="github/create_issue", args={}) == {
        "effects": [{"action": "tool", "name": "github/create_issue", "server": "github"}],
        "opaque": False,
    }
    assert line(tool="bash", args={"command": "ls", "env": {}}) == {"error": "`bash` declares no argument `env`"}


def test_a_method_is_read_as_http_writes_it() -> None:
    (found,) = effects("http_request", {"url": "https://a.example/x", "method": "patch", "json": {"a": 1}})
    assert isinstance(found, NetEffect)
    assert (found.action, found.path) == ("net.patch", "/x")


def test_known_tools_are_not_loaded_on_the_way_of_a_call() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from agentpolicy import Engine, Policy, ToolCall; "
        "e = Engine(Policy.from_text('default allow')); e.decide(ToolCall.of('exec', 'ls')); "
        "print([m for m in sys.modules if 'known_tools' in m or 'sqlglot' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout.strip() == "[]"
