"""Names of files are canonical, and led to where the kernel would lead them."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import time
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
    assert files.which("a\ud800") is None


# --- names that mean something else in each process -------------------------------


def leads(path: str) -> str | None:
    return DiskFiles().resolve(path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_our_own_directory_and_descriptors_are_not_taken_for_those_of_the_process_that_will_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f").write_text("x")
    with open(tmp_path / "f") as opened:
        for name in (
            "/proc/self/cwd/f",
            f"/proc/self/fd/{opened.fileno()}",
            f"/proc/{os.getpid()}/fd/{opened.fileno()}",
            f"/proc/{os.getpid()}/cwd/f",
            f"/proc/{os.getpid()}/task/{os.getpid()}/cwd",
            f"/dev/fd/{opened.fileno()}",
            "/dev/stdin",
            "/proc/self/environ",
            "/proc/thread-self/cwd",
            "/proc/net/tcp",
        ):
            assert leads(name) is None, name
            effect = file_effect("fs.read", name, files=DiskFiles(), **HERE)  # type: ignore[arg-type]
            assert (effect.path, effect.opaque) == (name, True)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_links_to_names_of_the_process_are_seen_through(tmp_path: Path) -> None:
    root = Path(os.path.realpath(tmp_path))
    (root / "cwd").symlink_to("/proc/self/cwd")
    (root / "fd").symlink_to("/dev/fd")
    (root / "root").symlink_to("/proc/self/root")
    (root / "proc").symlink_to("/proc")
    assert leads(f"{root}/cwd/x") is None
    assert leads(f"{root}/fd/0") is None
    assert leads(f"{root}/proc/self/cwd") is None
    assert leads(f"{root}/root/etc/new") == "/etc/new"
    assert leads(f"{root}/proc/cpuinfo") == "/proc/cpuinfo"


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_a_magic_link_is_known_by_its_size_where_proc_is_mounted_elsewhere(tmp_path: Path) -> None:
    class Elsewhere:
        """The file system, as it looks where it is mounted once more below `/host`."""

        scandir = staticmethod(os.scandir)

        def lstat(self, path: str) -> os.stat_result:
            return os.lstat(self._there(path))

        def readlink(self, path: str) -> str:
            return os.readlink(self._there(path))

        def _there(self, path: str) -> str:
            return path.removeprefix("/host") or "/"

    files = DiskFiles(Elsewhere())
    own = os.getpid()
    assert files.resolve(f"/host/proc/{own}/status") == f"/host/proc/{own}/status"
    for name in ("cwd/x", "root/etc", "exe", "fd/0"):
        assert files.resolve(f"/host/proc/{own}/{name}") is None, name
    assert files.resolve("/host/proc/self/status") is None


def test_devices_have_plain_names() -> None:
    for name in ("/dev/null", "/dev/tty"):
        effect = file_effect("fs.write", name, files=DiskFiles(), **HERE)  # type: ignore[arg-type]
        assert (effect.path, effect.resolved, effect.opaque) == (name, name, False)


def test_where_names_are_not_built_from_slashes_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentpolicy.effects.disk._POSIX", False)
    assert leads("/etc") is None


# --- names that mislead -----------------------------------------------------------


def test_a_name_that_may_not_be_what_it_looks_like_is_opaque_and_both_its_names_are_judged() -> None:
    files = MemoryFiles({"/repo/l": "/etc/p\u0430sswd"})
    effect = file_effect("fs.read", "a\u202eb", files=files, **HERE)  # type: ignore[arg-type]
    assert (effect.path, effect.resolved) == ("/repo/a\u202eb", "/repo/a\u202eb")
    assert (effect.opaque, effect.single) == (True, False)
    assert effect.why == "the path `/repo/a\\u{202e}b` holds `\\u{202e}` (right-to-left override)"
    led = file_effect("fs.read", "l", files=files, **HERE)  # type: ignore[arg-type]
    assert (led.path, led.resolved, led.opaque) == ("/repo/l", "/etc/p\u0430sswd", True)
    honest = file_effect("fs.read", "почта/münchen.txt", files=files, **HERE)  # type: ignore[arg-type]
    assert (honest.opaque, honest.single) == (False, True)


# --- what is in a directory -------------------------------------------------------


def test_a_directory_is_told_from_a_file_through_links(tree: str) -> None:
    files = DiskFiles()
    assert files.is_directory(tree + "/a") is True
    assert files.is_directory(tree + "/l") is True
    assert files.is_directory(tree + "/c/f") is False
    assert files.is_directory(tree + "/nothing") is False
    assert files.is_directory(tree + "/c/f/below") is False
    assert files.is_directory(tree + "/loop") is None
    assert files.is_directory("/a\0b") is None


def test_a_listing_is_everything_below_and_follows_no_link(tree: str) -> None:
    files = DiskFiles()
    below = files.listing(tree, 100)
    assert below is not None
    assert sorted(name.removeprefix(tree + "/") for name in below) == sorted(
        ["a", "a/b", "a/b/abs", "a/up", "c", "c/chain", "c/f", "c/gone", "dots", "l", "loop"]
    )
    assert files.listing(tree, 11) is not None
    assert files.listing(tree, 10) is None
    assert files.listing(tree + "/nothing", 9) == []
    assert files.listing(tree + "/c/f", 9) == []
    assert files.listing(tree + "/loop", 9) is None
    assert files.listing("/a\0b", 9) is None


def test_children_are_the_bare_names_in_one_directory(tree: str) -> None:
    files = DiskFiles()
    assert sorted(files.children(tree + "/c", 9) or []) == ["chain", "f", "gone"]
    assert files.children(tree + "/c", 3) is not None
    assert files.children(tree + "/c", 2) is None
    assert files.children(tree + "/nothing", 9) == []
    assert files.children(tree + "/c/f", 9) == []
    assert files.children(tree + "/loop", 9) is None
    assert files.children("/a\0b", 9) is None


def test_what_is_in_memory_is_not_told(tree: str) -> None:
    files = MemoryFiles(directories=["/d", "/"])
    assert (files.is_directory("/d"), files.is_directory("/d/"), files.is_directory("/")) == (True, True, True)
    assert files.is_directory("/e") is None
    assert files.listing("/d", 9) is None
    assert files.children("/d", 9) is None
    assert files.exists("/e")
    assert files.listed_programs() is None


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs a user whom a directory can refuse")
def test_a_directory_that_may_not_be_read_is_not_told_as_empty(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0)
    try:
        assert DiskFiles().children(str(closed), 9) is None
        assert DiskFiles().listing(str(tmp_path), 9) is None
    finally:
        closed.chmod(0o700)


def test_a_refused_look_into_a_directory_is_not_told_as_empty(tree: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "no", path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert DiskFiles().children(tree, 9) is None
    assert DiskFiles().listing(tree, 9) is None


# --- size and time ----------------------------------------------------------------


def test_no_name_takes_long() -> None:
    start = time.perf_counter()
    files = MemoryFiles({"/x": "/y" * 2000 + "/../" * 2000, "/y": "x/" * 5000, "/z": "z/.." * 100_000})
    for path in (
        "/" + "a" * 1_000_000,
        "/a" * 2047,
        "/a/.." * 800,
        "/x" * 2000,
        "/y",
        "/z/../z",
        "~/" + "../" * 1300,
        "file:///" + "%2e%2e/" * 500_000,
        "file:///" + "%" * 1_000_000,
        "\\" * 1_000_000,
        "é" * 1_000_000,
        "\ud800" * 1_000_000,
    ):
        file_effect("fs.read", path, files=files, **HERE)  # type: ignore[arg-type]
        file_effect("fs.read", path, files=DiskFiles(), **HERE)  # type: ignore[arg-type]
    assert files.resolve("/a" * 500_000) is None
    assert files.resolve("/y") is None
    assert time.perf_counter() - start < 5


# --- oracles ----------------------------------------------------------------------

_PARTS = st.sampled_from(["a", "b", "c", "d", ".", "..", ""])
_NAMES = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map("/".join)
_TARGETS = st.tuples(st.booleans(), st.lists(_PARTS, min_size=1, max_size=5))


@given(
    directories=st.lists(_NAMES, max_size=4),
    links=st.lists(st.tuples(_NAMES, _TARGETS), max_size=6),
    paths=st.lists(st.lists(_PARTS, max_size=8), min_size=1, max_size=4),
)
def test_any_name_in_any_tree_leads_where_realpath_and_the_kernel_say(
    directories: list[str], links: list[tuple[str, tuple[bool, list[str]]]], paths: list[list[str]]
) -> None:
    with tempfile.TemporaryDirectory() as made:
        top = os.path.realpath(made)
        root = top + "/x" * 16  # so deep that nothing leads out
        os.makedirs(root)
        for directory in directories:
            os.makedirs(f"{root}/{directory}", exist_ok=True)
        told: dict[str, str] = {}
        for link, (absolute, parts) in links:
            target = "/".join([root if absolute else ".", *parts])
            if os.path.commonpath([top, os.path.realpath(os.path.dirname(f"{root}/{link}"))]) != top:
                continue
            try:
                os.symlink(target, f"{root}/{link}")
            except OSError:
                continue
            told[os.path.realpath(os.path.dirname(f"{root}/{link}")) + "/" + os.path.basename(link)] = target
        disk, memory = DiskFiles(), MemoryFiles(told)
        for parts in paths:
            path = "/".join([root, *parts])
            found = disk.resolve(path)
            assert memory.resolve(path) == found
            if found is None:
                with pytest.raises(OSError) as refused:
                    os.path.realpath(path, strict=True)
                assert refused.value.errno in (errno.ELOOP, errno.ENOENT)
                continue
            assert found == os.path.realpath(path)
            if sys.platform == "linux":
                try:
                    descriptor = os.open(path, os.O_PATH)
                except OSError:
                    continue
                try:
                    assert found == os.readlink(f"/proc/self/fd/{descriptor}")
                finally:
                    os.close(descriptor)


_ANY = st.text(max_size=40) | st.text(alphabet="/.~ab\\:é\u0301\0 %\ud800\udcfffile", max_size=40)


@given(path=_ANY, cwd=_ANY | st.just("/w"), home=_ANY | st.just("/h"), expand=st.booleans(), target=_ANY)
def test_nothing_raises_for_any_text(path: str, cwd: str, home: str, expand: bool, target: str) -> None:
    for files in (DiskFiles(), MemoryFiles(), MemoryFiles({"/w/a": target, "/a": target})):
        effect = file_effect("fs.read", path, cwd=cwd, home=home, expand_tilde=expand, files=files, want_size=True)
        assert effect.opaque is (effect.why is not None)
        for name in (effect.path, effect.resolved):
            if name is not None:
                assert name[:1] == "/"
                assert "\0" not in name
                assert not {"", ".", ".."} & set(name.split("/")[1:]) or name == "/"
                assert unicodedata.is_normalized("NFC", name)
                name.encode()
        files.exists(path)
        files.is_directory(path)
        files.which(path)
        if effect.path is None:
            assert effect.opaque


def test_a_link_to_a_name_that_is_not_text_leads_nowhere_known() -> None:
    effect = file_effect("fs.read", "/l", files=MemoryFiles({"/l": "/\udcff"}), **HERE)  # type: ignore[arg-type]
    assert (effect.path, effect.resolved, effect.opaque) == ("/l", None, True)


def test_half_a_character_in_a_file_address_has_no_name() -> None:
    assert canonical("file:/%aa\udc9e", cwd="/", home="/h", expand_tilde=True) is None
