"""The decorator: what it takes, what it keeps, when it refuses to decorate, and that nothing runs that was refused."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, TypedDict

import pytest

from agentpolicy import (
    ApprovalRequired,
    Connects,
    Deletes,
    Denied,
    Engine,
    Gets,
    Posts,
    Reads,
    Shell,
    Writes,
    guard,
)
from agentpolicy.testing import FakeReviewer, MemoryRecorder, engine_from_text

POLICY = """policy p version "1"
default deny because "closed"
tool bash(command: shell, cwd: path = "/w") does only exec command in cwd
tool put(path: path, mode: number = 1) does only fs.write path
allow echo: exec "echo **" when cwd == "/w"
ask push: exec "git push **" because "it leaves"
allow write: fs.write "/w/**"
allow read: fs.read "/w/**"
allow get: net.get, net.connect "a.example"
allow post: net.post "a.example"
allow named: tool "srv/lookup", note, keep when arg.text != "secret"
tool note(text: text)
tool keep(text: text, tags: [text] = [])
"""


@pytest.fixture
def recorder() -> MemoryRecorder:
    return MemoryRecorder()


@pytest.fixture
def engine(recorder: MemoryRecorder) -> Engine:
    return engine_from_text(POLICY, recorder=recorder)


def test_a_refused_function_does_not_run(engine: Engine) -> None:
    ran: list[str] = []

    @guard(engine)
    def bash(command: Annotated[str, Shell], cwd: str = "/w") -> str:
        """Run a command."""
        ran.append(command)
        return command.upper()

    assert bash("echo hi") == "ECHO HI"
    with pytest.raises(Denied, match="closed"):
        bash("rm x")
    with pytest.raises(ApprovalRequired, match="it leaves"):
        bash("git push")
    with pytest.raises(Denied):
        bash("echo hi", cwd="/etc")
    assert ran == ["echo hi"]
    assert bash.__doc__ == "Run a command."
    assert bash.__name__ == "bash"
    assert list(inspect.signature(bash).parameters) == ["command", "cwd"]
    with pytest.raises(TypeError):
        bash()  # type: ignore[call-arg]


def test_an_async_function_waits_for_an_async_reviewer(engine: Engine) -> None:
    async def review(request: object) -> bool:
        return True

    engine.reviewer = review

    @guard(engine)
    async def bash(command: Annotated[str, Shell], cwd: str = "/w") -> str:
        return command

    assert inspect.iscoroutinefunction(bash)
    assert asyncio.run(bash("git push")) == "git push"
    with pytest.raises(Denied):
        asyncio.run(bash("rm x"))


def test_generators_run_only_when_allowed(engine: Engine, recorder: MemoryRecorder) -> None:
    @guard(engine, name="cat")
    def cat(path: Annotated[str, Reads]) -> Iterator[int]:
        yield 1
        yield 2

    @guard(engine, name="acat")
    async def acat(path: Annotated[str, Reads]) -> AsyncIterator[int]:
        yield 1
        if path.endswith("broken"):
            raise OSError

    async def collect(path: str) -> list[int]:
        return [item async for item in acat(path)]

    assert list(cat("/w/x")) == [1, 2]
    with pytest.raises(Denied):
        next(cat("/etc/x"))
    assert asyncio.run(collect("/w/x")) == [1]
    with pytest.raises(Denied):
        asyncio.run(collect("/etc/x"))
    with pytest.raises(OSError):
        asyncio.run(collect("/w/broken"))
    started = cat("/w/x")
    next(started)
    started.close()  # type: ignore[attr-defined]
    outcomes = [event["result"] for event in recorder.events if event["kind"] == "outcome"]
    # of one that was left early nobody knows how it would have ended
    assert outcomes == ["ok", "ok", "error", "unknown"]


def test_the_outcome_of_a_call_is_recorded_with_it(engine: Engine, recorder: MemoryRecorder) -> None:
    @guard(engine)
    def note(text: str) -> None:
        if text == "bad":
            raise RuntimeError

    with engine.session(id="s"):
        note("hello")
        with pytest.raises(RuntimeError):
            note("bad")
    first, ok, second, error = recorder.events
    assert (ok["kind"], ok["result"], ok["id"], ok["session"]) == ("outcome", "ok", first["id"], "s")
    assert (error["result"], error["id"]) == ("error", second["id"])


def test_an_async_error_is_recorded(engine: Engine, recorder: MemoryRecorder) -> None:
    @guard(engine, name="note")
    async def note(text: str) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        asyncio.run(note("x"))
    assert recorder.events[-1]["result"] == "error"


def test_a_generator_that_breaks_is_recorded(engine: Engine, recorder: MemoryRecorder) -> None:
    @guard(engine, name="gen")
    def gen(path: Annotated[str, Reads]) -> Iterator[int]:
        yield 1
        raise RuntimeError

    with pytest.raises(RuntimeError):
        list(gen("/w/x"))
    assert recorder.events[-1]["result"] == "error"


def test_every_mark_gives_its_effect(engine: Engine) -> None:
    marks = {
        Reads: "fs.read",
        Writes: "fs.write",
        Deletes: "fs.delete",
        Gets: "net.get",
        Posts: "net.post",
        Connects: "net.connect",
        Shell: "exec",
    }
    for mark, action in marks.items():
        name = f"tool_{mark.name.lower()}"

        def function(target: str) -> None: ...

        function.__annotations__["target"] = Annotated[str, mark]
        guard(engine, name=name)(function)
        shape = engine.shape(name)
        assert shape is not None
        assert [effect[0] for effect in shape.effects] == [action]
        assert shape.only
        assert repr(mark) == mark.name


def test_lists_and_path_objects_are_understood(engine: Engine) -> None:
    @guard(engine)
    def save(paths: Annotated[list[str], Writes], where: Annotated[Path, Reads], also: Optional[str] = None) -> int:  # noqa: UP045
        return len(paths)

    assert save(["/w/a", "/w/b"], Path("/w/c")) == 2
    with pytest.raises(Denied):
        save(["/w/a", "/etc/b"], Path("/w/c"))
    with pytest.raises(Denied):
        save(["/w/a"], Path("/etc/c"))


def test_methods_and_classes_are_guarded(engine: Engine) -> None:
    class One:
        @guard(engine, name="read_one")
        def read(self, path: Annotated[str, Reads]) -> str:
            return path

    @guard(engine)
    class Tools:
        def fetch(self, url: Annotated[str, Gets]) -> str:
            return url

        @classmethod
        def post(cls, url: Annotated[str, Posts]) -> str:
            return cls.__name__ + url

        @staticmethod
        def load(path: Annotated[str, Reads]) -> str:
            return path

        def _private(self) -> str:
            return "untouched"

        kind = "tools"

    assert One().read("/w/x") == "/w/x"
    with pytest.raises(Denied):
        One().read("/etc/x")
    tools = Tools()
    assert tools.fetch("https://a.example/x").endswith("x")
    assert Tools.post("https://a.example/") == "Toolshttps://a.example/"
    assert tools.load("/w/x") == "/w/x"
    assert tools._private() == "untouched"
    for refused in (
        lambda: tools.fetch("https://b.example/"),
        lambda: tools.load("/x"),
        lambda: Tools.post("ftp://b/"),
    ):
        with pytest.raises(Denied):
            refused()
    with pytest.raises(TypeError, match="no public methods"):

        @guard(engine)
        class Empty:
            pass


def test_static_and_class_methods_may_carry_the_decorator_themselves(engine: Engine) -> None:
    class Tools:
        @guard(engine, name="sread")
        @staticmethod
        def read(path: Annotated[str, Reads]) -> str:
            return path

        @guard(engine, name="cread")
        @classmethod
        def cread(cls, path: Annotated[str, Reads]) -> str:
            return path

    assert Tools.read("/w/x") == "/w/x"
    assert Tools.cread("/w/x") == "/w/x"
    with pytest.raises(Denied):
        Tools.read("/x")


def test_none_is_given_the_default_that_was_judged(engine: Engine) -> None:
    seen: list[Any] = []

    @guard(engine)
    def bash(command: Annotated[str, Shell], cwd: str | None = None) -> None:
        seen.append(cwd)

    @guard(engine)
    def keep(text: str, tags: list[str] | None = None) -> None:
        seen.append(tags)

    bash("echo")
    keep("x")
    assert seen == ["/w", []] or seen == ["/w", None]


def test_a_tool_that_only_a_rule_names_is_guarded_with_its_arguments(engine: Engine) -> None:
    @guard(engine, name="srv/lookup")
    def lookup(text: str, **more: int) -> str:
        return text

    assert lookup("x", a=1) == "x"
    with pytest.raises(Denied):
        lookup("secret")


def test_what_is_no_part_of_the_call_can_be_left_out(engine: Engine) -> None:
    class Context:
        pass

    @guard(engine, name="note", ignore=["ctx"])
    def note(ctx: Context, text: str) -> str:
        return text

    assert note(Context(), "x") == "x"
    with pytest.raises(TypeError, match=r"ignore=\['ctx'\]"):

        @guard(engine, name="other")
        def other(ctx: Context, path: Annotated[str, Reads]) -> None: ...


class Connection:
    pass


class Name(str):
    __slots__ = ()


class Table(dict[str, int]):
    pass


class Row(TypedDict):
    a: int


def test_json_like_parameters_of_every_kind_are_accepted(engine: Engine) -> None:
    @guard(engine, name="note")
    def note(text: Literal["a", "b"]) -> None: ...

    @guard(engine, name="wide")
    def wide(
        path: Annotated[str, Reads], row: Row, any_: Any, maybe: int | None, mixed: int | str, mapped: dict[str, int], free, items: list[dict[str, int]], *rest: str,
        **more: Any,
    ) -> str:  # fmt: skip
        return "ran"

    note("a")
    assert wide("/w/x", {"a": 1}, None, None, 3, {"a": 1}, "x", [{"a": 1}], "y", z=1) == "ran"
    with pytest.raises(Denied):
        wide("/w/x", {"a": 1}, object(), None, 3, {"a": 1}, "x", [])


def fails(engine: Engine, function: Any, match: str, **options: Any) -> None:
    with pytest.raises(TypeError, match=match):
        guard(engine, **options)(function)


def test_decoration_fails_where_nothing_says_what_a_function_does(engine: Engine) -> None:
    def unknown(x: str) -> None: ...

    fails(engine, unknown, "nothing says what `unknown` does")
    fails(engine, 3, "only functions and classes")
    fails(engine, lambda x: x, "nothing says what")


def test_decoration_fails_where_policy_and_signature_disagree(engine: Engine) -> None:
    def bash(cmd: str, cwd: str) -> None: ...

    def put(path: str) -> None: ...

    def note(text: str, more: str) -> None: ...

    def keep(text: Annotated[str, Shell], tags: list[str]) -> None: ...

    fails(engine, bash, "has a parameter `command`, and the function has none")
    fails(engine, put, "has a parameter `mode`, and the function has none")
    fails(engine, note, "the function `note` has a parameter `more`")
    fails(engine, keep, "annotation says `shell`")


def test_decoration_fails_where_a_mark_does_not_fit(engine: Engine) -> None:
    def two(path: Annotated[str, Reads, Writes]) -> None: ...

    def number(path: Annotated[int, Reads]) -> None: ...

    def table(path: Annotated[dict[str, str], Reads]) -> None: ...

    def late(path: "Annotated[Nowhere, Reads]") -> None: ...  # noqa: UP037, F821 # type: ignore[name-defined]

    fails(engine, two, "more than one mark")
    fails(engine, number, "stands on text")
    fails(engine, table, "stands on text")
    fails(engine, late, "cannot be read here")


def test_types_of_every_kind_are_read(engine: Engine) -> None:
    @guard(engine, name="kinds")
    def kinds(
        path: Annotated[str, Reads],
        flag: bool,
        ratio: float,
        pairs: list[tuple[int, str]],
        numbers: Sequence[int],
        mixed: Literal["a", 1],
        nested: list[Annotated[str, "note"]],
        spread: tuple[str, ...],
        either: str | Path,
        text: Name,
        table: Table,
        plain: list,  # type: ignore[type-arg]
        start: tuple[int, ...] = (1, 2),
        other: object = object,
        cwd: str = "/w",
    ) -> None: ...

    shape = engine.shape("kinds")
    assert shape is not None
    told = {name: kind for name, (kind, _, _) in shape.parameters.items()}
    assert told == {
        "path": "path", "flag": "bool", "ratio": "number", "pairs": "any", "numbers": "[number]", "mixed": "any",
        "nested": "[text]", "spread": "[text]", "either": "path", "text": "text", "table": "any", "plain": "any",
        "start": "[number]", "other": "any", "cwd": "path",
    }  # fmt: skip
    assert shape.parameters["start"][2] == (1, 2)
    assert shape.parameters["other"][2] is None
    assert shape.effects == (("fs.read", "path", "cwd"),)


def test_a_parameter_that_no_policy_can_judge_is_refused_at_decoration(engine: Engine) -> None:
    def query(path: Annotated[str, Reads], connection: Connection) -> None: ...

    fails(engine, query, "no policy can judge the parameter `connection` of type `Connection`")


def test_an_outcome_that_cannot_be_recorded_is_counted(engine: Engine, recorder: MemoryRecorder) -> None:
    @guard(engine)
    def note(text: str) -> str:
        recorder.fail = True
        return "ran"

    assert note("x") == "ran"
    assert engine.lost == 1
    with pytest.raises(Denied, match="could not be recorded"):
        note("x")


def test_a_policy_line_and_an_annotation_add_up(engine: Engine) -> None:
    @guard(engine)
    def put(path: Annotated[str, Reads], mode: int = 1) -> None: ...

    shape = engine.shape("put")
    assert shape is not None
    assert {effect[0] for effect in shape.effects} == {"fs.write", "fs.read"}


def test_what_is_judged_is_what_runs(engine: Engine) -> None:
    class Shifty:
        def __init__(self) -> None:
            self.asked = 0

        def __fspath__(self) -> str:
            self.asked += 1
            return "/w/x" if self.asked == 1 else "/etc/x"

    seen: list[Any] = []

    @guard(engine, name="shifty")
    def shifty(path: Annotated[PathLike[str], Reads], more: Annotated[list[str], Reads]) -> None:
        seen.extend((path, more))

    given = ["/w/a"]
    shifty(Shifty(), given)
    given.append("/etc/b")
    assert seen == ["/w/x", ["/w/a"]]


def test_path_like_annotations_are_paths(engine: Engine) -> None:
    @guard(engine, name="pl")
    def pl(path: Annotated[PathLike[str], Reads]) -> str:
        return "ok"

    assert pl(Path("/w/x")) == "ok"


def test_a_reviewer_lets_a_guarded_call_go(engine: Engine) -> None:
    engine.reviewer = FakeReviewer()

    @guard(engine)
    def bash(command: Annotated[str, Shell], cwd: str = "/w") -> str:
        return "pushed"

    assert bash("git push origin main") == "pushed"


def test_in_observe_mode_everything_runs() -> None:
    recorder = MemoryRecorder()
    engine = engine_from_text(POLICY, recorder=recorder, mode="observe")

    @guard(engine)
    def bash(command: Annotated[str, Shell], cwd: str = "/w") -> str:
        return "ran"

    assert bash("rm -r /") == "ran"
    assert recorder.events[0]["outcome"] == "deny"
