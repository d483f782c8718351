"""A tool's call becomes the effects that its declaration says, or is refused with a reason."""

from __future__ import annotations

import marshal
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect, NetEffect, ToolEffect
from agentpolicy.effects.host import Host
from agentpolicy.effects.paths import MemoryFiles
from agentpolicy.effects.tools import BadCall, ToolShape, direct, effects_of, join, read_call

HOST = Host(cwd="/repo", home="/home/ana", files=MemoryFiles({"/repo/link": "/etc"}, {"/repo/f": 9}))
BASH = ToolShape(
    "bash", {"command": ("shell", True, None), "cwd": ("path", False, "/repo")}, (("exec", "command", "cwd"),), True
)


def shape(kind: str, action: str | None = None, *, name: str = "t", only: bool = True, **more: Any) -> ToolShape:
    effects = () if action is None else ((action, "x", None),)
    return ToolShape(name, {"x": (kind, False, None), **more}, effects, only)


def read(shaped: ToolShape | None, args: Any, **where: Any) -> list[Effect]:
    return read_call(ToolCall(shaped.name if shaped else "t", args, **where), shaped, HOST)


def refused(shaped: ToolShape | None, args: Any, **where: Any) -> tuple[str, str]:
    with pytest.raises(BadCall) as caught:
        read(shaped, args, **where)
    assert str(caught.value) == caught.value.reason
    return caught.value.code, caught.value.reason


# --- effects --------------------------------------------------------------------


def test_shell_text_gives_its_command_and_then_the_tool() -> None:
    command, tool = read(BASH, {"command": "git status"})
    assert command == ExecEffect(("git", "status"), cwd="/repo")
    assert isinstance(tool, ToolEffect)
    assert (tool.name, tool.server, tool.answered) == ("bash", None, True)
    assert tool.args == {"command": "git status", "cwd": "/repo"}


def test_the_same_text_elsewhere_is_another_effect() -> None:
    def cwd(args: dict[str, Any], **where: Any) -> object:
        effect = read(BASH, args, **where)[0]
        assert isinstance(effect, ExecEffect)
        return effect.cwd

    assert cwd({"command": "ls ~"}) == "/repo"
    assert cwd({"command": "ls ~"}) == "/repo"
    assert cwd({"command": "ls ~", "cwd": "/tmp/../x"}) == "/x"
    assert cwd({"command": "ls ~", "cwd": "sub"}) == "/repo/sub"
    assert cwd({"command": "ls ~", "cwd": "sub"}, cwd="/other") == "/other/sub"
    assert cwd({"command": "ls ~", "cwd": "~"}, home="/h") == "/h"
    elsewhere = read(BASH, {"command": "ls ~"}, home="/h")[0]
    assert isinstance(elsewhere, ExecEffect)
    assert elsewhere.argv == ("ls", "/h")


def test_a_remembered_command_is_the_same_effect_and_old_ones_are_found_again() -> None:
    first = read(BASH, {"command": "echo remembered"})[0]
    assert read(BASH, {"command": "echo remembered"})[0] is first
    for index in range(1100):
        read(BASH, {"command": f"echo {index}"})
    assert read(BASH, {"command": "echo remembered"})[0] is first
    for index in range(5000):
        read(BASH, {"command": f"echo {index}"})
    again = read(BASH, {"command": "echo remembered"})[0]
    assert again is not first
    assert again == first


def test_words_in_a_list_are_one_command() -> None:
    for kind in ("argv", "[text]"):
        effect = read(shape(kind, "exec"), {"x": ["echo", "a b"]})[0]
        assert effect == ExecEffect(("echo", "a b"), cwd="/repo")


def test_code_is_an_opaque_command_named_after_the_tool() -> None:
    effect = read(shape("code", "exec", name="python"), {"x": "print(1)"}, env={"A_B": "1"})[0]
    assert isinstance(effect, ExecEffect)
    assert (effect.program, effect.argv, effect.opaque, effect.env) == ("python", None, True, {"A_B": "1"})
    assert effect.why == "`python` runs code, which is not read"


def test_each_path_of_a_list_is_one_effect() -> None:
    effects = read(shape("[path]", "fs.delete"), {"x": ["a", "/b", PurePosixPath("link/c")]})
    files = [one for one in effects if isinstance(one, FileEffect)]
    assert [(one.action, one.path, one.resolved) for one in files] == [
        ("fs.delete", "/repo/a", "/repo/a"),
        ("fs.delete", "/b", "/b"),
        ("fs.delete", "/repo/link/c", "/etc/c"),
    ]
    assert len(effects) == 4


def test_relative_paths_lie_in_the_declared_place() -> None:
    placed = ToolShape("t", {"x": ("path", True, None), "d": ("path", False, None)}, (("fs.read", "x", "d"),))
    for args, where, expected in (
        ({"x": "f"}, {}, "/repo/f"),
        ({"x": "f", "d": "sub"}, {}, "/repo/sub/f"),
        ({"x": "f", "d": "~/sub"}, {}, "/home/ana/sub/f"),
        ({"x": "f", "d": "/d/./"}, {"cwd": "/c"}, "/d/f"),
        ({"x": "f"}, {"cwd": "/c"}, "/c/f"),
        ({"x": "/f", "d": None}, {"cwd": "/c"}, "/f"),
        ({"x": "~/f"}, {"home": "/h"}, "/h/f"),
        ({"x": "~/f"}, {"expand_tilde": False}, "/repo/~/f"),
    ):
        effect = read(placed, args, **where)[0]  # type: ignore[arg-type]
        assert isinstance(effect, FileEffect)
        assert effect.path == expected


def test_sizes_are_read_when_wanted() -> None:
    call = ToolCall("t", {"x": "f"})
    sized = read_call(call, shape("path", "fs.read"), HOST, want_size=True)[0]
    assert isinstance(sized, FileEffect)
    assert sized.size == 9
    (single,) = effects_of(ToolCall.of("fs.read", "f"), {}, HOST, want_size=True)
    assert isinstance(single, FileEffect)
    assert single.size == 9


def test_addresses_and_hosts_become_requests() -> None:
    for _ in range(2):
        effect = read(shape("url", "net.get"), {"x": "https://a.example/x"})[0]
        assert isinstance(effect, NetEffect)
        assert (effect.action, effect.host, effect.path) == ("net.get", "a.example", "/x")
    effects = read(shape("[url]", "net.head"), {"x": ["https://a.example", "https://b.example"]})
    assert [one.host for one in effects if isinstance(one, NetEffect)] == ["a.example", "b.example"]
    effects = read(shape("[host]", "net.connect"), {"x": ["a.example:1", "10.0.0.1"]})
    assert [(one.host, one.port, one.private) for one in effects if isinstance(one, NetEffect)] == [
        ("a.example", 1, False),
        ("10.0.0.1", None, True),
    ]
    alone = read(shape("host", "net.get"), {"x": "a.example"})[0]
    assert isinstance(alone, NetEffect)
    assert (alone.host, alone.opaque) == ("a.example", False)


def test_the_method_names_the_kind_of_request() -> None:
    http = shape("url", "net", method=("text", False, "get"))
    assert read(http, {"x": "https://a.example"})[0].action == "net.get"
    assert read(http, {"x": "https://a.example", "method": "Delete"})[0].action == "net.delete"
    assert refused(http, {"x": "https://a.example", "method": "TRACE"}) == (
        "bad-method",
        "`TRACE` is not a method of HTTP that is known",
    )
    assert refused(shape("url", "net"), {"x": "https://a.example"}) == (
        "bad-method",
        "`t` needs the argument `method`, which says what it does",
    )
    number = shape("url", "net", method=("number", False, None))
    assert refused(number, {"x": "https://a.example", "method": 1})[0] == "bad-method"


def test_an_optional_argument_that_is_absent_does_nothing() -> None:
    for args in ({}, {"x": None}):
        (tool,) = read(shape("path", "fs.read"), args)
        assert isinstance(tool, ToolEffect)
        assert (tool.args, tool.answered) == ({}, True)


def test_only_answers_for_the_tool_where_effects_are_declared() -> None:
    for shaped, answered in (
        (shape("path", "fs.read"), True),
        (shape("path", "fs.read", only=False), False),
        (shape("path"), False),
    ):
        tool = read(shaped, {"x": "f"})[-1]
        assert isinstance(tool, ToolEffect)
        assert tool.answered is answered


def test_a_tool_that_nobody_declared_is_judged_by_its_name_and_arguments() -> None:
    (tool,) = effects_of(ToolCall("github/merge", {"n": 1, "none": None, "deep": [{"a": [True, 1.5, None]}]}), {}, HOST)
    assert isinstance(tool, ToolEffect)
    assert (tool.name, tool.server, tool.answered) == ("github/merge", "github", False)
    assert tool.args == {"n": 1, "deep": [{"a": [True, 1.5, None]}]}
    assert effects_of(ToolCall("t", {"x": "f"}), {"t": shape("path", "fs.read")}, HOST)[0].action == "fs.read"


# --- refusals -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("text", 1, "argument `x` must be text, not a number"),
        ("path", 1.5, "argument `x` must be a path, not a number"),
        ("path", b"x", "argument `x` must be a path, not a `bytes`"),
        ("url", ["a"], "argument `x` must be text, not a list"),
        ("number", True, "argument `x` must be a number, not a truth value"),
        ("number", "1", "argument `x` must be a number, not text"),
        ("number", float("nan"), "argument `x` is not a finite number"),
        ("number", float("inf"), "argument `x` is not a finite number"),
        ("number", 10**400, "argument `x` is too large a number"),
        ("bool", 1, "argument `x` must be true or false, not a number"),
        ("[path]", "a", "argument `x` must be a list of paths, not text"),
        ("[path]", ["a", 1], "argument `x` must be a path, not a number"),
        ("[number]", [None], "argument `x` must be a number, not null"),
        ("argv", "a", "argument `x` must be a list of texts, not text"),
        ("argv", ["a", {}], "argument `x` must be text, not a map"),
    ],
)
def test_a_value_of_another_type_is_refused(kind: str, value: object, reason: str) -> None:
    assert refused(shape(kind), {"x": value}) == ("wrong-type", reason)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", "é"),
        ("number", 3),
        ("number", -2.5),
        ("bool", False),
        ("any", {"a": [1, "b", None, True]}),
        ("[bool]", [True, False]),
        ("[any]", [1, "a"]),
        ("[text]", []),
    ],
)
def test_a_value_of_its_type_is_taken_as_it_is(kind: str, value: object) -> None:
    tool = read(shape(kind), {"x": value})[-1]
    assert isinstance(tool, ToolEffect)
    assert tool.args == {"x": value}


class Sly(str):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


class Broken(os.PathLike[str]):
    def __fspath__(self) -> str:
        raise RuntimeError("no")


class Bytes(os.PathLike[bytes]):
    def __fspath__(self) -> bytes:
        return b"/x"


class Map(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        if key != "x":
            raise KeyError(key)
        return "f"

    def __iter__(self) -> Iterator[str]:
        return iter(["x"])

    def __len__(self) -> int:
        return 1


def test_odd_objects_are_made_plain_or_refused() -> None:
    tool = read(shape("text"), {"x": Sly("a")})[-1]
    assert isinstance(tool, ToolEffect)
    assert type(tool.args["x"]) is str
    assert read(shape("path", "fs.read"), {"x": Path("/x")})[0] == FileEffect("fs.read", "/x", "/x")
    assert read(shape("path", "fs.read"), Map())[0] == FileEffect("fs.read", "/repo/f", "/repo/f")
    assert refused(shape("path"), {"x": Broken()}) == ("wrong-type", "argument `x` is not a path")
    assert refused(shape("path"), {"x": Bytes()}) == ("wrong-type", "argument `x` must be a path, not a `bytes`")
    assert refused(shape("text"), {"x": Path("/x")})[0] == "wrong-type"


def test_missing_and_undeclared_arguments_are_refused() -> None:
    assert refused(BASH, {}) == ("missing-argument", "`bash` needs the argument `command`")
    assert refused(BASH, {"command": None})[0] == "missing-argument"
    assert refused(BASH, {"command": "ls", "a\u202e": 1}) == (
        "undeclared-argument",
        "`bash` declares no argument `a\\u{202e}`",
    )
    assert refused(BASH, {"command": "ls", "shell": None})[0] == "undeclared-argument"
    assert refused(BASH, {"command": "ls", 1: 2}) == ("undeclared-argument", "an argument's name is not text")
    assert refused(None, {1: 2}) == ("undeclared-argument", "an argument's name is not text")
    for args in (7, "x", [1]):
        assert refused(BASH, args) == ("not-json", "the arguments are not a map from names to values")
        assert refused(None, args)[0] == "not-json"


def test_texts_that_cannot_be_written_are_refused() -> None:
    half = "argument `x` holds half a character (a lone surrogate)"
    for kind in ("text", "path", "shell", "any"):
        assert refused(shape(kind), {"x": "a\ud800"}) == ("bad-text", half)
    assert refused(shape("any"), {"x": {"k\ud800": 1}}) == ("bad-text", half)
    assert refused(None, {"x": ["\ud800"]}) == ("bad-text", half)
    assert refused(None, {"\ud800": 1})[0] == "bad-text"
    for path in ("/a\0", "/é\0"):
        assert refused(shape("path"), {"x": path}) == ("bad-text", "argument `x` is a path that holds a NUL character")


def test_values_that_are_not_json_are_refused() -> None:
    assert refused(None, {"x": {1: 2}}) == ("not-json", "argument `x` has a map whose keys are not all text")
    assert refused(None, {"x": [b"a"]}) == ("not-json", "argument `x` holds a `bytes`, which is not JSON-like")
    assert refused(None, {"x": [float("nan")]})[0] == "wrong-type"
    assert refused(None, {"x": object()})[0] == "not-json"


def test_depth_and_number_of_values_have_a_cap() -> None:
    deep: list[Any] = []
    for _ in range(63):
        deep = [deep]
    assert read(None, {"x": deep})
    assert refused(None, {"x": [deep, [deep]]}) == ("too-deep", "argument `x` is nested deeper than 64")
    turning: list[Any] = []
    turning.append(turning)
    assert refused(None, {"x": turning})[0] == "too-deep"
    assert refused(None, {"x": [[0] * 60_000, [0] * 60_000]}) == (
        "too-large",
        "argument `x` has more than 100000 values",
    )
    assert refused(None, {"x": {str(n): n for n in range(100_001)}})[0] == "too-large"
    assert refused(shape("[number]"), {"x": [0] * 100_001})[0] == "too-large"
    bomb: list[Any] = [0] * 10
    for _ in range(30):
        bomb = [bomb] * 10
    assert refused(None, {"x": bomb})[0] == "too-large"


def test_a_directory_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(BASH, {"command": "ls"}, cwd="rel") == ("bad-directory", "the directory `rel` is not absolute")
    assert refused(BASH, {"command": "ls"}, cwd=3)[0] == "bad-directory"
    assert refused(BASH, {"command": "ls"}, cwd="/a\0") == (
        "bad-directory",
        "the directory `/a\\u{0}` cannot be known",
    )
    assert refused(BASH, {"command": "ls", "cwd": "~bob"}) == ("bad-directory", "the directory `~bob` cannot be known")
    for home in ("rel", "/a\0", "/\ud800", 3):
        assert refused(BASH, {"command": "ls"}, home=home)[0] == "bad-directory"

    def gone() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(os, "getcwd", gone)
    with pytest.raises(BadCall, match="the directory that the call starts in is gone"):
        read_call(ToolCall("t", {"x": "f"}), shape("path", "fs.read"), Host(home="/h", files=MemoryFiles()))


# --- environment ------------------------------------------------------------------


def test_variables_that_the_host_has_just_so_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAME", "1")
    monkeypatch.setenv("OTHER", "1")
    effect = read(BASH, {"command": "ls ~"}, env={"SAME": "1", "OTHER": "2", "HOME": "/else"})[0]
    assert isinstance(effect, ExecEffect)
    assert effect.env == {"OTHER": "2", "HOME": "/else"}
    assert effect.guarded
    assert effect.argv == ("ls", "/else")
    same = read(BASH, {"command": "ls ~"}, env={"SAME": "1"})[0]
    assert isinstance(same, ExecEffect)
    assert (same.env, same.argv) == ({}, ("ls", "/home/ana"))


@pytest.mark.parametrize(
    "env", [{"": "a"}, {"A=B": "a"}, {"A": 1}, {1: "a"}, {"A": "a\0"}, {"A\0": ""}, {"A": "\ud800"}, [1]]
)
def test_an_environment_that_no_process_can_have_is_refused(env: Any) -> None:
    assert refused(BASH, {"command": "ls"}, env=env)[0] == "bad-environment"
    with pytest.raises(BadCall):
        direct(ToolCall.of("exec", ["ls"], env=env), HOST)


# --- single actions ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "target", "expected"),
    [
        ("exec", "git status", ExecEffect(("git", "status"), cwd="/repo")),
        ("exec", ["echo", "a b"], ExecEffect(("echo", "a b"), cwd="/repo")),
        ("fs.read", "link/x", FileEffect("fs.read", "/repo/link/x", "/etc/x")),
        ("fs.delete", "~", FileEffect("fs.delete", "/home/ana", "/home/ana")),
        ("net.get", "/x", NetEffect("net.get")),
        ("tool", "github/merge", ToolEffect("github/merge", {})),
    ],
)
def test_a_single_action_is_one_effect(action: str, target: Any, expected: Effect) -> None:
    assert effects_of(ToolCall.of(action, target), {}, HOST) == [expected]


@pytest.mark.parametrize(
    ("action", "target", "code"),
    [
        ("fs.chmod", "/x", "unknown-action"),
        ("net", "https://a.example", "unknown-action"),
        ("", "x", "unknown-action"),
        ("sql.query", "t", "unknown-action"),
        ("exec", 7, "wrong-type"),
        ("exec", ["a", 7], "wrong-type"),
        ("exec", "a\ud800", "bad-text"),
        ("fs.read", ["a"], "wrong-type"),
        ("fs.read", "a\0", "bad-text"),
        ("fs.read", None, "wrong-type"),
        ("tool", "", "bad-name"),
    ],
)
def test_a_single_action_that_cannot_be_read_is_refused(action: str, target: Any, code: str) -> None:
    with pytest.raises(BadCall) as caught:
        effects_of(ToolCall.of(action, target), {}, HOST)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["", 7, None, ["t"], "t\ud800"])
def test_a_tool_without_a_proper_name_is_refused(name: Any) -> None:
    with pytest.raises(BadCall) as caught:
        effects_of(ToolCall(name, {}), {}, HOST)
    assert caught.value.code in {"bad-name", "bad-text"}


def test_what_a_shape_says_and_nobody_reads_is_refused() -> None:
    assert refused(shape("text", "fs.chmod"), {"x": "1"}) == ("not-yet", "what `fs.chmod` of `t` does is not read yet")


# --- shapes -----------------------------------------------------------------------


def test_a_shape_survives_as_a_row_of_plain_values() -> None:
    assert ToolShape.from_row(marshal.loads(marshal.dumps(BASH.row()))) == BASH
    assert hash(ToolShape.from_row(BASH.row())) == hash(BASH)
    assert repr(BASH).startswith("ToolShape.from_row(('bash'")
    assert BASH != 1


def test_an_effect_of_an_unknown_parameter_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"`fs\.read` of tool `t` speaks of `y`, which is no parameter of it"):
        ToolShape("t", {"x": ("path", True, None)}, (("fs.read", "x", "y"),))


def test_two_declarations_join_to_one_as_strict_as_both() -> None:
    outer = ToolShape("t", {"x": ("path", False, "/d")}, (("fs.read", "x", None),), True, "trusted")
    inner = ToolShape(
        "t",
        {"x": ("path", True, None), "y": ("text", False, None)},
        (("fs.read", "x", None), ("fs.write", "x", None)),
        False,
    )
    both = join(outer, inner)
    assert both.parameters == {"x": ("path", True, "/d"), "y": ("text", False, None)}
    assert both.effects == (("fs.read", "x", None), ("fs.write", "x", None))
    assert (both.only, both.returns) == (False, "untrusted")
    assert join(inner, outer).parameters["x"] == ("path", True, "/d")
    assert join(outer, outer) == outer


def test_different_types_in_two_layers_cannot_join() -> None:
    with pytest.raises(ValueError, match="parameter `x` of tool `t` is `path` in one layer and `text` in another"):
        join(shape("path"), shape("text"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.sampled_from(["text", "path", "shell", "url", "number", "bool", "any", "argv", "[path]", "[url]"]))
def test_any_argument_is_read_or_refused(value: object, kind: str) -> None:
    action = {
        "shell": "exec",
        "argv": "exec",
        "url": "net.get",
        "[url]": "net.post",
        "path": "fs.read",
        "[path]": "fs.write",
    }.get(kind)
    refusal = None
    effects: list[Effect] = []
    try:
        effects = read(shape(kind, action), {"x": value})
    except BadCall as error:
        refusal = error.code
    if refusal is not None:
        assert refusal in {"wrong-type", "bad-text"}
        return
    assert isinstance(effects[-1], ToolEffect)
    assert all(one.opaque is (one.why is not None) for one in effects)


def test_a_call_shows_what_it_asks() -> None:
    assert ToolCall("t").args == {}
    assert repr(ToolCall.of("fs.read", "/x")) == "ToolCall.of('fs.read', '/x')"
    assert repr(ToolCall("t", {"a": 1})) == "ToolCall('t', {'a': 1})"
