"""Names of files are canonical, and led to where the kernel would lead them."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentpolicy.effects.paths import LONGEST, DiskFiles, MemoryFiles, canonical, file_effect

HERE = {"cwd": "/repo", "home": "/home/ana", "expand_tilde": True}


def name(path: str, **changed: object) -> str | None:
    return canonical(path, **{**HERE, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("//", "/"),
        ("//etc//passwd", "/etc/passwd"),
        ("///etc/passwd/", "/etc/passwd"),
        ("/etc/../x", "/x"),
        ("/../../x", "/x"),
        ("a/./b/", "/repo/a/b"),
        ("../a", "/a"),
        (".", "/repo"),
        ("..", "/"),
        ("~", "/home/ana"),
        ("~/x", "/home/ana/x"),
        ("~/../bob", "/home/bob"),
        ("a~", "/repo/a~"),
        ("a/~/b", "/repo/a/~/b"),
        ("/e\u0301", "/\u00e9"),
        ("back\\slash", "/repo/back\\slash"),
        ("a:b", "/repo/a:b"),
        ("C:x", "/repo/C:x"),
        ("file:///etc/hosts", "/etc/hosts"),
        ("FILE:/etc/hosts", "/etc/hosts"),
        ("file://localhost/a%20b", "/a b"),
        ("file:///a/%2e%2e/b", "/b"),
        ("file:///caf%C3%A9", "/café"),
        ("files:x", "/repo/files:x"),
        (" ", "/repo/ "),
        ("-rf", "/repo/-rf"),
    ],
)
def test_a_path_has_one_absolute_name(path: str, expected: str) -> None:
    assert name(path) == expected


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "the path is empty"),
        ("/a\0b", "the path holds a NUL character"),
        ("/a\udc80", "`/a\\u{dc80}` has no absolute name"),
        ("~bob/x", "`~bob/x` may lie in another user's home directory"),
        ("~+", "`~+` may lie in another user's home directory"),
        ("C:\\Windows", "`C:\\Windows` is a Windows path"),
        ("c:/Windows", "`c:/Windows` is a Windows path"),
        ("Z:", "`Z:` is a Windows path"),
        ("\\\\server\\share", "`\\\\server\\share` is a Windows path"),
        ("file://server/x", "`file://server/x` is not a plain local file address"),
        ("file://localhost", "`file://localhost` is not a plain local file address"),
        ("file:x", "`file:x` is not a plain local file address"),
        ("file:///a%2fb", "`file:///a%2fb` is not a plain local file address"),
        ("file:///a%00", "`file:///a%00` is not a plain local file address"),
        ("file:///a%zz", "`file:///a%zz` is not a plain local file address"),
        ("file:///a%ff", "`file:///a%ff` is not a plain local file address"),
        ("file:///a?b", "`file:///a?b` is not a plain local file address"),
        ("file:///a#b", "`file:///a#b` is not a plain local file address"),
        ("/" + "a" * LONGEST, "the path is longer than 4096 bytes"),
        ("/" + "é" * (LONGEST // 2), "the path is longer than 4096 bytes"),
    ],
)
def test_a_name_that_cannot_be_known_is_opaque_and_says_why(path: str, why: str) -> None:
    assert name(path) is None
    effect = file_effect("fs.read", path, files=MemoryFiles(), **HERE)  # type: ignore[arg-type]
    assert effect.opaque
    assert (effect.path, effect.resolved, effect.single) == (None, None, False)
    assert effect.why == why


def test_a_tilde_is_a_letter_where_it_is_not_expanded() -> None:
    assert name("~", expand_tilde=False) == "/repo/~"
    assert name("~bob/x", expand_tilde=False) == "/repo/~bob/x"


def test_a_relative_home_or_directory_gives_no_name() -> None:
    assert name("~/x", home="home") is None
    assert name("x", cwd="repo") is None


@given(st.text(alphabet="/.~ab\\:é\u0301\0 %", max_size=20), st.booleans())
def test_canonical_names_stay_as_they_are(path: str, expand: bool) -> None:
    once = name(path, expand_tilde=expand)
    if once is not None:
        assert name(once) == once
        assert once[0] == "/"
        assert "//" not in once
        assert not {".", ".."} & set(once.split("/"))
        assert unicodedata.is_normalized("NFC", once)


# --- links ----------------------------------------------------------------------


def test_given_links_are_followed_in_memory() -> None:
    files = MemoryFiles({"/a": "/b", "/b": "c", "/c/up": "..", "/loop": "/pool", "/pool": "loop", "/self": "self/x"})
    assert files.resolve("/a/x") == "/c/x"
    assert files.resolve("/c/up/y") == "/y"
    assert files.resolve("/a/../z") == "/z"
    assert files.resolve("/loop/x") is None
    assert files.resolve("/self") is None
    assert files.resolve("/none/./x/") == "/none/x"
    assert files.resolve("/") == "/"
    assert MemoryFiles().resolve("//x/../y/") == "/y"


def test_memory_knows_only_the_sizes_and_programs_it_was_given() -> None:
    files = MemoryFiles({"/l": "/f", "/x": "/x"}, {"/f": 7}, {"git": "/usr/bin/git"})
    assert (files.size("/l"), files.size("/g"), files.size("/x")) == (7, None, None)
    assert (files.which("git"), files.which("rm")) == ("/usr/bin/git", None)


def test_dots_go_up_from_where_a_link_led_not_from_the_link() -> None:
    files = MemoryFiles({"/repo/link": "/etc/ssl"})
    effect = file_effect("fs.read", "/repo/link/../passwd", files=files, **HERE)  # type: ignore[arg-type]
    assert effect.path == "/repo/passwd"
    assert effect.resolved == "/etc/passwd"
    assert not effect.single
    assert not effect.opaque


def test_a_loop_makes_the_effect_opaque_but_keeps_its_name() -> None:
    files = MemoryFiles({"/repo/a": "a"})
    effect = file_effect("fs.write", "a", files=files, **HERE)  # type: ignore[arg-type]
    assert (effect.path, effect.resolved, effect.opaque) == ("/repo/a", None, True)
    assert effect.why == "where `a` leads cannot be known"


def test_a_name_without_links_is_one_string_under_both_names() -> None:
    effect = file_effect("fs.read", "x/y", files=MemoryFiles(), **HERE)  # type: ignore[arg-type]
    assert effect.single
    assert effect.path is effect.resolved


def test_both_names_are_nfc_though_links_are_followed_as_given() -> None:
    files = MemoryFiles({"/repo/e\u0301": "/o\u0308"})
    effect = file_effect("fs.read", "e\u0301/x", files=files, **HERE)  # type: ignore[arg-type]
    assert (effect.path, effect.resolved) == ("/repo/\u00e9/x", "/\u00f6/x")
    assert file_effect("fs.read", "o\u0308", files=files, **HERE).single  # type: ignore[arg-type]


def test_size_is_asked_for_only_when_wanted(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    where = {"cwd": os.path.realpath(tmp_path), "home": "/", "expand_tilde": True, "files": DiskFiles()}
    assert file_effect("fs.read", "f", want_size=True, **where).size == 5  # type: ignore[arg-type]
    assert file_effect("fs.read", "f", **where).size is None  # type: ignore[arg-type]
    assert file_effect("fs.read", ".", want_size=True, **where).size is None  # type: ignore[arg-type]
    assert file_effect("fs.read", "g", want_size=True, **where).size is None  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = Path(os.path.realpath(tmp_path_factory.mktemp("tree")))
    (root / "a" / "b").mkdir(parents=True)
    (root / "c").mkdir()
    (root / "c" / "f").write_text("x")
    for link, target in {
        "l": "a/b",
        "a/up": "..",
        "a/b/abs": str(root / "c"),
        "c/chain": "../l",
        "c/gone": "nowhere/at/all",
        "dots": "./a/../c//.",
    }.items():
        (root / link).symlink_to(target)
    (root / "loop").symlink_to("loop")
    return str(root)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(
        st.sampled_from(["a", "b", "c", "f", "l", "up", "abs", "chain", "gone", "dots", "..", ".", "", "new"]),
        max_size=8,
    )
)
def test_links_on_disk_lead_where_realpath_says(tree: str, parts: list[str]) -> None:
    path = "/".join([tree, *parts])
    assert DiskFiles().resolve(path) == os.path.realpath(path)


def test_what_the_system_refuses_is_not_known(tree: str) -> None:
    files = DiskFiles()
    assert files.resolve(tree + "/loop/x") is None
    assert files.resolve(tree + "/" + "n" * 300) is None
    assert files.resolve(tree + "/a\0b") is None
    assert files.size(tree + "/loop") is None
    assert files.size("/a\0b") is None
    assert files.resolve(tree + "/c/f/below") == tree + "/c/f/below"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs a user whom a directory can refuse")
def test_what_lies_behind_a_closed_directory_is_not_known(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0)
    try:
        assert DiskFiles().resolve(str(closed / "x")) is None
    finally:
        closed.chmod(0o700)


def test_a_refused_look_hides_where_a_name_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "no", path)

    monkeypatch.setattr(os, "lstat", refuse)
    assert DiskFiles().resolve("/x/y") is None


def test_programs_are_found_only_in_absolute_entries_of_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    (tmp_path / "plain").write_text("")
    monkeypatch.chdir(tmp_path)
    files = DiskFiles()
    monkeypatch.setenv("PATH", f":.:{os.curdir}:")
    assert files.which("tool") is None
    monkeypatch.setenv("PATH", f"bin::/nowhere:{tmp_path}/")
    assert files.which("tool") == str(tool)
    assert files.which("plain") is None
    assert files.which("./tool") is None
    assert files.which("") is None
    assert files.which("a\0b") is None


def test_a_link_to_a_name_that_is_not_text_leads_nowhere_known() -> None:
    effect = file_effect("fs.read", "/l", files=MemoryFiles({"/l": "/\udcff"}), **HERE)  # type: ignore[arg-type]
    assert (effect.path, effect.resolved, effect.opaque) == ("/l", None, True)


def test_half_a_character_in_a_file_address_has_no_name() -> None:
    assert canonical("file:/%aa\udc9e", cwd="/", home="/h", expand_tilde=True) is None
