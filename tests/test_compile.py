"""Compiling: the source is deterministic, holds no constants, maps to policy lines; caches are never trusted blindly."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentpolicy import Engine, Policy, PolicyError, ToolCall
from agentpolicy.compiler import cache as cache_module
from agentpolicy.compiler.bind import Written
from agentpolicy.compiler.cache import Cache, default_directory
from agentpolicy.compiler.compile import compile_program
from agentpolicy.compiler.heads import lead
from agentpolicy.effects.paths import DiskFiles, MemoryFiles
from agentpolicy.engine.policy import bindings_on
from agentpolicy.language.load import load_program
from agentpolicy.language.parser import source_of
from agentpolicy.testing import engine_from_text, memory_host

POLICY = """policy p version "1"
param workspace: path
fact n: number = 1
allow a: fs.read "${workspace}/**" except "**/secret-thing/**"
deny b: fs.read "**/private" when n > 3 because "private-reason"
ask c: exec "deploy **" when agent.role == "ops" or not user.groups has "staff" because "who"
allow d: exec any when opaque and program == "run"
"""


def artifact(text: str = POLICY, workspace: str = "/some/workspace") -> dict[str, object]:
    return engine_from_text(text, params={"workspace": workspace}).policy.artifact


def test_the_same_policy_always_gives_the_same_source() -> None:
    code = (
        "from agentpolicy.testing import engine_from_text\n"
        f"print(engine_from_text({POLICY!r}, params={{'workspace': '/w'}}).policy.generated)\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_constants_are_passed_in_and_never_pasted() -> None:
    source = str(artifact()["layers"][0]["source"])  # type: ignore[index]
    for text in ("/some/workspace", "secret-thing", "private-reason", "ops", "staff"):
        assert text not in source
    hostile = 'policy p version "1"\nallow a: fs.read "/x\' + __import__(\'os\')/**"\ndeny b: fs.read any when path == "\\")\\nboom" because "x"\n'
    assert "__import__" not in str(engine_from_text(hostile).policy.artifact["layers"][0]["source"])


def test_lines_of_generated_source_map_to_policy_lines() -> None:
    layer = artifact()["layers"][0]  # type: ignore[index]
    source = layer["source"].split("\n")
    by_line = {number: source[line - 1] for line, number in layer["lines"].items()}
    assert "V[" in by_line[4]
    assert set(by_line) == {4, 5, 6, 7}


def test_everything_in_an_artifact_is_plain() -> None:
    found = artifact()
    assert marshal.loads(marshal.dumps(found)) == found


def test_params_are_checked() -> None:
    text = 'policy p version "1"\nparam path: path\nparam n: number = 1\nparam on: bool = true\nparam words: [text] = ["a"]\nparam host: host = "a.example"\nparam maybe: text?\nallow r: fs.read "${path}/**"\n'
    good = {"path": "/a/../b/", "n": 3, "on": False, "words": ["x"], "host": "h.example"}
    engine = engine_from_text(text, params=good)
    assert engine.decide(ToolCall.of("fs.read", "/b/x")).allowed
    assert engine_from_text(text, params={"path": Path("/b")}).decide(ToolCall.of("fs.read", "/b/x")).allowed
    bad = {
        "path": ["rel", "", "/", "//", "/x/*", "/{a}", 3, "/a\x00", "/\ud800", None],
        "n": ["1", True],
        "on": ["true", 1],
        "words": ["x", [object()]],
        "host": ["a/b", ".a", "..", ""],
    }
    for name, values in bad.items():
        for value in values:
            with pytest.raises(PolicyError) as caught:
                engine_from_text(text, params={**good, name: value})
            assert [one.code for one in caught.value.diagnostics] == ["AP404"], (name, value)
    with pytest.raises(PolicyError) as caught:
        engine_from_text(text, params={"pth": "/x"})
    assert [one.code for one in caught.value.diagnostics] == ["AP405", "AP403"] or [
        one.code for one in caught.value.diagnostics
    ] == ["AP403", "AP405"]


def test_written_values_read_as_their_declared_type() -> None:
    assert [Written("3").as_type("number"), Written("3.5").as_type("number"), Written("x").as_type("number")] == [
        3,
        3.5,
        "x",
    ]
    assert [Written("true").as_type("bool"), Written("yes").as_type("bool")] == [True, "yes"]
    assert Written("a, b").as_type("[text]") == ["a", "b"]
    assert Written("git push").as_type("argv") == ["git", "push"]
    assert Written("x").as_type("text") == "x"


def test_heads_of_patterns_mean_also_where_they_lead() -> None:
    host = memory_host(links={"/tmp": "/private/tmp", "/w": "/data/w"})
    text = 'policy p version "1"\nparam ws: path\nallow a: fs.write "/tmp/**", "${ws}/**"\n'
    engine = engine_from_text(text, params={"ws": "/w"}, host=host)
    for path in ("/tmp/x", "/private/tmp/x", "/w/x", "/data/w/x"):
        assert engine.decide(ToolCall.of("fs.write", path)).rule == "a"


def test_many_heads_are_resolved_by_listing_their_directory_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    names = [str(tmp_path / f"d{at}") for at in range(40)] + [str(tmp_path / "link" / "x"), str(tmp_path / "link")]
    led = lead(names, DiskFiles())
    real = os.path.realpath(tmp_path)
    assert led[str(tmp_path / "link" / "x")] == f"{real}/real/x"
    assert led[str(tmp_path / "d3")] == f"{real}/d3"
    assert lead(["/a/b", "/"], MemoryFiles({"/a": "/z"})) == {"/a/b": "/z/b", "/": "/"}
    unlisted = [f"/nowhere/at/all/{at}" for at in range(40)]
    assert lead(unlisted, DiskFiles()) == {name: name for name in unlisted}


# --- the cache ------------------------------------------------------------------


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "p.agp"
    file.write_text('policy p version "1"\nimport "lib.agp" as lib\nallow a: exec "ls **"\nallow b: fs.read lib.s\n')
    (tmp_path / "lib.agp").write_text('set s: path = "/x/**"\n')
    return file


def load(policy: Path, store: Cache) -> Policy:
    return Policy.load(policy, cache=store)


def kept(store: Cache) -> Path:
    (file,) = Path(store.directory).glob("*.policy")
    return file


def test_a_kept_policy_is_used_without_reading_it_again(
    policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Cache(str(tmp_path / "c"))
    first = load(policy, store)
    assert kept(store).stat().st_mode & 0o077 == 0
    monkeypatch.setattr("agentpolicy.engine.policy.load_program", lambda *_: pytest.fail("was parsed again"))
    second = load(policy, store)
    assert second.digest == first.digest
    assert second.generated == first.generated
    assert Engine(second).decide(ToolCall.of("exec", ["ls"])).rule == "a"


@pytest.mark.parametrize("name", ["p.agp", "lib.agp"])
def test_a_changed_file_makes_it_stale(policy: Path, tmp_path: Path, name: str) -> None:
    store = Cache(str(tmp_path / "c"))
    before = load(policy, store).digest
    file = tmp_path / name
    file.write_text(file.read_text() + "# more\n")
    assert load(policy, store).digest != before


def damage(file: Path, how: str) -> None:
    whole = file.read_bytes()
    if how == "cut":
        file.write_bytes(whole[: len(whole) // 2])
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "flipped":
        file.write_bytes(whole[:-10] + bytes([whole[-10] ^ 1]) + whole[-9:])
    elif how == "other version":
        file.write_bytes(whole.replace(b"cpython", b"cpythom", 1))
    elif how == "shared":
        file.chmod(0o666)
    elif how == "directory":
        file.unlink()
        file.mkdir()
    elif how == "nonsense":
        payload = marshal.dumps(["nonsense"])
        file.write_bytes(cache_module._header(payload) + payload)
    elif how == "broken":
        found = marshal.loads(whole[len(cache_module._header(b"")) :])
        found["layers"][0]["code"] = b"?"
        payload = marshal.dumps(found)
        file.write_bytes(cache_module._header(payload) + payload)
    elif how == "old format":
        found = marshal.loads(whole[len(cache_module._header(b"")) :])
        found["format"] = 0
        payload = marshal.dumps(found)
        file.write_bytes(cache_module._header(payload) + payload)


@pytest.mark.parametrize(
    "how", ["cut", "empty", "flipped", "other version", "shared", "directory", "nonsense", "broken", "old format"]
)
def test_a_damaged_cache_is_as_good_as_none(policy: Path, tmp_path: Path, how: str) -> None:
    store = Cache(str(tmp_path / "c"))
    before = load(policy, store)
    damage(kept(store), how)
    after = load(policy, store)
    assert after.digest == before.digest
    assert Engine(after).decide(ToolCall.of("exec", ["ls"])).rule == "a"
    assert Engine(after).decide(ToolCall.of("exec", ["rm"])).outcome == "deny"


def test_a_cache_that_others_may_write_is_not_used(policy: Path, tmp_path: Path) -> None:
    directory = tmp_path / "c"
    directory.mkdir()
    directory.chmod(0o777)
    store = Cache(str(directory))
    load(policy, store)
    assert list(directory.iterdir()) == []


def test_a_cache_that_cannot_be_written_changes_nothing(policy: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Cache(str(tmp_path / "file" / "c"))
    assert Engine(load(policy, store)).decide(ToolCall.of("exec", ["ls"])).rule == "a"


def test_a_write_that_breaks_leaves_nothing_behind(
    policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Cache(str(tmp_path / "c"))

    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("agentpolicy.compiler.cache.os.replace", broken)
    load(policy, store)
    assert list((tmp_path / "c").iterdir()) == []


def test_a_link_that_leads_elsewhere_makes_it_stale(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "a")
    file = tmp_path / "p.agp"
    file.write_text(f'policy p version "1"\nallow a: fs.write "{link}/**"\n')
    store = Cache(str(tmp_path / "c"))
    load(file, store)
    link.unlink()
    link.symlink_to(tmp_path / "b")
    engine = Engine(load(file, store))
    assert engine.decide(ToolCall.of("fs.write", str(link / "x"))).rule == "a"
    assert engine.decide(ToolCall.of("fs.write", str(tmp_path / "a" / "x"))).outcome == "deny"


def test_the_cache_lies_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENTPOLICY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x/cache")
    assert default_directory() == "/x/cache/agentpolicy"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/z")
    assert default_directory() == "/home/z/.cache/agentpolicy"


def test_a_large_policy_compiles_to_tables_that_answer(tmp_path: Path) -> None:
    lines = ['policy big version "1"', "default deny"]
    for at in range(300):
        lines.append(f'allow r{at}: fs.read "/srv/app{at}/**"')
        lines.append(f'deny d{at}: fs.read "/srv/app{at}/private/**" because "x"')
        lines.append(f'allow n{at}: net.get "*.h{at}.example", "h{at}.example"')
        lines.append(f'allow e{at}: exec "tool{at} run **", "tool{at} version"')
        lines.append(f'ask a{at}: exec "tool{at} drop **" because "x"')
        lines.append(f'allow t{at}: tool "srv{at}/*", "one{at}" when arg.x == 1')
        lines.append(f'ask f{at}: fs.read "**/name{at}", "**/*.ext{at}" because "x"')
    source = source_of("/big.agp", "\n".join(lines))
    program = load_program(["/big.agp"], lambda _: (source, "0"))
    host = memory_host()
    engine = Engine(Policy(compile_program(program, bindings_on({}, host))), host=host)
    expected = {
        ToolCall.of("fs.read", "/srv/app7/x"): "r7",
        ToolCall.of("fs.read", "/srv/app7/private/x"): "d7",
        ToolCall.of("fs.read", "/srv/app7/private"): "d7",
        ToolCall.of("fs.read", "/srv/app77/name9"): "f9",
        ToolCall.of("fs.read", "/elsewhere/x.ext5"): "f5",
        ToolCall.of("fs.read", "/srv/app"): "default",
        ToolCall.of("net.get", "https://a.b.h9.example/"): "n9",
        ToolCall.of("net.get", "https://h9.example/"): "n9",
        ToolCall.of("net.get", "https://h9.example:8443/"): "default",
        ToolCall.of("net.get", "https://xh9.example/"): "default",
        ToolCall.of("exec", ["tool3", "run", "x"]): "e3",
        ToolCall.of("exec", ["tool3", "version"]): "e3",
        ToolCall.of("exec", ["tool3", "version", "x"]): "default",
        ToolCall.of("exec", ["/opt/tool3", "drop"]): "a3",
        ToolCall.of("exec", ["tool3", "--force", "drop"]): "a3",
        ToolCall("srv4/x", {"x": 1}): "t4",
        ToolCall("one4", {"x": 1}): "t4",
        ToolCall("one4", {"x": 2}): "default",
    }
    for call, rule in expected.items():
        assert engine.decide(call).rule == rule, call
