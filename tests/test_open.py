"""What is opened is the file that was judged, whatever is put in its place in between."""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentpolicy.effects.effect import FileEffect
from agentpolicy.effects.paths import DiskFiles, file_effect
from agentpolicy.engine import open as opening
from agentpolicy.engine.errors import Denied
from agentpolicy.engine.open import ChangedSinceChecked, open_checked, parent_checked

WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

pytestmark = pytest.mark.skipif(os.open not in os.supports_dir_fd, reason="needs openat")


def judged(action: str, path: str | Path) -> FileEffect:
    return file_effect(action, str(path), cwd="/", home="/", expand_tilde=False, files=DiskFiles())


def content(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def write(effect: FileEffect, text: str, flags: int = WRITE) -> None:
    with os.fdopen(open_checked(effect, flags), "w") as file:
        file.write(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = Path(os.path.realpath(tmp_path))
    (root / "work" / "sub").mkdir(parents=True)
    (root / "secret").mkdir()
    (root / "work" / "sub" / "f").write_text("harmless")
    (root / "secret" / "f").write_text("secret")
    return root


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Any:
    def opened() -> int:
        return len(os.listdir("/proc/self/fd"))

    if sys.platform != "linux":
        yield
        return
    before = opened()
    yield
    assert opened() <= before, "a descriptor was left open"


def test_a_file_that_is_as_it_was_judged_is_read(root: Path) -> None:
    assert content(open_checked(judged("fs.read", root / "work/sub/f"))) == b"harmless"


def test_a_file_is_written_made_and_appended_to(root: Path) -> None:
    write(judged("fs.write", root / "work/sub/f"), "new")
    assert (root / "work/sub/f").read_text() == "new"
    write(judged("fs.write", root / "work/sub/made"), "made")
    assert (root / "work/sub/made").read_text() == "made"
    write(judged("fs.write", root / "work/sub/made"), " more", os.O_WRONLY | os.O_APPEND)
    assert (root / "work/sub/made").read_text() == "made more"
    with open(
        root / "work/x", "w", opener=lambda _, flags: open_checked(judged("fs.write", root / "work/x"), flags)
    ) as x:
        x.write("through open()")
    assert (root / "work/x").read_text() == "through open()"


def test_the_file_that_a_judged_link_led_to_is_opened(root: Path) -> None:
    (root / "work/l").symlink_to("sub")
    effect = judged("fs.read", root / "work/l/f")
    assert content(open_checked(effect)) == b"harmless"
    (root / "work/dangling").symlink_to("sub/made")
    write(judged("fs.write", root / "work/dangling"), "made")
    assert (root / "work/sub/made").read_text() == "made"


def link_file(root: Path) -> None:
    (root / "work/sub/f").unlink(missing_ok=True)
    (root / "work/sub/f").symlink_to(root / "secret/f")


def link_directory(root: Path) -> None:
    (root / "work/sub").rename(root / "work/old")
    (root / "work/sub").symlink_to(root / "secret")


def link_relative_directory(root: Path) -> None:
    (root / "work/sub").rename(root / "work/old")
    (root / "work/sub").symlink_to("../secret")


def link_high_directory(root: Path) -> None:
    (root / "secret/sub").mkdir()
    (root / "secret/f").rename(root / "secret/sub/f")
    (root / "work").rename(root / "old")
    (root / "work").symlink_to("secret")


def link_to_itself(root: Path) -> None:
    (root / "work/sub/f").unlink(missing_ok=True)
    (root / "work/sub/f").symlink_to("f")


def dangle(root: Path) -> None:
    (root / "work/sub/f").unlink(missing_ok=True)
    (root / "work/sub/f").symlink_to(root / "secret/made")


SWAPS = [link_file, link_directory, link_relative_directory, link_high_directory, link_to_itself, dangle]


def secrets(root: Path) -> set[str]:
    return {f"{path.name}={path.read_text()}" for path in (root / "secret").rglob("*") if path.is_file()}


@pytest.mark.parametrize("swap", SWAPS)
def test_a_link_that_came_after_the_check_is_not_read_through(root: Path, swap: Callable[[Path], None]) -> None:
    effect = judged("fs.read", root / "work/sub/f")
    swap(root)
    with pytest.raises(ChangedSinceChecked) as refused:
        open_checked(effect)
    assert "is not what was judged any more" in str(refused.value)
    assert refused.value.errno == errno.EPERM


@pytest.mark.parametrize("swap", SWAPS)
@pytest.mark.parametrize("flags", [WRITE, os.O_WRONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_TRUNC])
def test_nor_written_through(root: Path, swap: Callable[[Path], None], flags: int) -> None:
    effect = judged("fs.write", root / "work/sub/f")
    swap(root)
    with pytest.raises(ChangedSinceChecked):
        open_checked(effect, flags)
    assert secrets(root) == {"f=secret"}


@pytest.mark.parametrize("swap", SWAPS)
@pytest.mark.parametrize("flags", [WRITE, WRITE | os.O_EXCL])
def test_nothing_new_is_made_through_a_link_that_came_after_the_check(
    root: Path, swap: Callable[[Path], None], flags: int
) -> None:
    (root / "work/sub/f").unlink()
    effect = judged("fs.write", root / "work/sub/f")
    swap(root)
    with pytest.raises((ChangedSinceChecked, FileExistsError)):
        open_checked(effect, flags)
    assert secrets(root) == {"f=secret"}


def test_what_was_swapped_back_and_forth_is_refused_or_right_each_time(root: Path) -> None:
    """A thread that swaps a directory for a link as fast as it can never gets the secret opened."""
    reading, writing = judged("fs.read", root / "work/sub/f"), judged("fs.write", root / "work/sub/f")
    making = judged("fs.write", root / "work/sub/new")
    (root / "work/link").symlink_to("../secret")
    stop = threading.Event()

    def swap() -> None:
        sub, kept, link = root / "work/sub", root / "work/kept", root / "work/link"
        while not stop.is_set():
            sub.rename(kept)
            link.rename(sub)
            sub.rename(link)
            kept.rename(sub)

    racer = threading.Thread(target=swap)
    racer.start()
    outcomes = {"opened": 0, "refused": 0}
    try:
        end = time.monotonic() + 1
        while time.monotonic() < end:
            for effect, flags in ((reading, os.O_RDONLY), (writing, os.O_WRONLY), (making, WRITE)):
                try:
                    descriptor = open_checked(effect, flags)
                except (ChangedSinceChecked, FileNotFoundError):
                    outcomes["refused"] += 1
                    continue
                with os.fdopen(descriptor, "rb" if effect is reading else "wb") as file:
                    if effect is reading:
                        assert file.read() != b"secret"
                    else:
                        file.write(b"harmless")
                outcomes["opened"] += 1
    finally:
        stop.set()
        racer.join()
    assert secrets(root) == {"f=secret"}
    assert min(outcomes.values()) > 0, outcomes


def test_a_file_in_a_directory_that_is_moved_away_meanwhile_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.platform != "linux":
        return
    effect = judged("fs.read", root / "work/sub/f")
    stat_name = os.stat

    def moves(name: Any, **where: Any) -> os.stat_result:
        if name == "f" and (root / "work/sub").exists():
            (root / "work/sub").rename(root / "secret/moved")
        return stat_name(name, **where)

    monkeypatch.setattr(os, "stat", moves)
    with pytest.raises(ChangedSinceChecked, match="it was moved to"):
        open_checked(effect)


def test_a_file_that_is_replaced_between_the_look_and_the_opening_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect = judged("fs.read", root / "work/sub/f")
    stat_name = os.stat

    def replaces(name: Any, **where: Any) -> os.stat_result:
        found = stat_name(name, **where)
        if name == "f":
            os.replace(root / "secret/f", root / "work/sub/f")
        return found

    monkeypatch.setattr(os, "stat", replaces)
    with pytest.raises(ChangedSinceChecked, match="it was replaced"):
        open_checked(effect)


def test_a_link_that_comes_between_the_look_and_the_opening_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect = judged("fs.write", root / "work/sub/f")
    stat_name = os.stat

    def links(name: Any, **where: Any) -> os.stat_result:
        found = stat_name(name, **where)
        if name == "f":
            link_file(root)
        return found

    monkeypatch.setattr(os, "stat", links)
    with pytest.raises(ChangedSinceChecked, match="it is a link now"):
        open_checked(effect, os.O_WRONLY | os.O_TRUNC)
    assert secrets(root) == {"f=secret"}


def test_a_name_that_comes_and_goes_is_given_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    effect = judged("fs.write", root / "work/sub/f")

    def nothing(*_: Any) -> int:
        raise FileNotFoundError(errno.ENOENT, "gone")

    monkeypatch.setattr(opening, "_open_existing", nothing)
    with pytest.raises(ChangedSinceChecked, match="comes and goes"):
        open_checked(effect, WRITE)
    assert (root / "work/sub/f").read_text() == "harmless"


def test_what_is_gone_or_there_already_is_told_as_open_tells_it(root: Path) -> None:
    (root / "work/sub/f").unlink()
    with pytest.raises(FileNotFoundError):
        open_checked(judged("fs.read", root / "work/sub/f"))
    with pytest.raises(FileNotFoundError):
        open_checked(judged("fs.write", root / "work/sub/f"), os.O_WRONLY)
    with pytest.raises(FileNotFoundError):
        open_checked(judged("fs.write", root / "work/none/f"), WRITE)
    (root / "work/sub/f").write_text("back")
    with pytest.raises(FileExistsError):
        open_checked(judged("fs.write", root / "work/sub/f"), WRITE | os.O_EXCL)
    with pytest.raises(NotADirectoryError):
        open_checked(judged("fs.read", root / "work/sub/f/below"))
    with pytest.raises(IsADirectoryError):
        open_checked(judged("fs.write", root / "work/sub"), WRITE)
    assert (root / "work/sub/f").read_text() == "back"


def test_a_pipe_or_a_device_is_not_opened_and_holds_nothing_up(root: Path) -> None:
    effect = judged("fs.read", root / "work/sub/f")
    (root / "work/sub/f").unlink()
    os.mkfifo(root / "work/sub/f")
    with pytest.raises(PermissionError, match="neither a file nor a directory"):
        open_checked(effect)
    with pytest.raises(PermissionError, match="neither a file nor a directory"):
        open_checked(judged("fs.write", "/dev/null"), os.O_WRONLY)


def test_what_is_opened_waits_as_files_do_unless_it_was_told_otherwise(root: Path) -> None:
    effect = judged("fs.read", root / "work/sub/f")
    for flags, waits in ((os.O_RDONLY, True), (os.O_RDONLY | os.O_NONBLOCK, False)):
        descriptor = open_checked(effect, flags)
        assert os.get_blocking(descriptor) is waits
        assert not os.get_inheritable(descriptor)
        os.close(descriptor)


def test_directories_are_opened_for_reading_the_root_too(root: Path) -> None:
    for path in (root / "work", Path("/")):
        descriptor = open_checked(judged("fs.read", path), os.O_RDONLY | os.O_DIRECTORY)
        assert os.path.samestat(os.fstat(descriptor), os.stat(path))
        os.close(descriptor)


def test_a_file_with_other_names_is_refused_where_that_is_asked_for(root: Path) -> None:
    os.link(root / "secret/f", root / "work/hard")
    effect = judged("fs.read", root / "work/hard")
    assert content(open_checked(effect)) == b"secret"
    with pytest.raises(PermissionError, match="other names"):
        open_checked(effect, hard_links=False)
    truncating = judged("fs.write", root / "work/hard")
    with pytest.raises(PermissionError, match="other names"):
        open_checked(truncating, WRITE, hard_links=False)
    assert secrets(root) == {"f=secret"}
    assert content(open_checked(judged("fs.read", root / "work/sub/f"), hard_links=False)) == b"harmless"


def test_permissions_of_what_is_new_are_those_asked_for(root: Path) -> None:
    os.close(open_checked(judged("fs.write", root / "work/new"), WRITE, 0o600))
    assert stat.S_IMODE((root / "work/new").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("action", "flags"),
    [
        ("fs.read", os.O_WRONLY),
        ("fs.read", os.O_RDWR),
        ("fs.read", os.O_RDONLY | os.O_TRUNC),
        ("fs.read", os.O_RDONLY | os.O_CREAT),
        ("fs.write", os.O_RDONLY),
        ("fs.write", os.O_RDWR),
        ("fs.delete", os.O_RDONLY),
        ("fs.delete", os.O_WRONLY),
        ("fs.read", getattr(os, "O_PATH", os.O_WRONLY)),
        ("fs.write", os.O_WRONLY | getattr(os, "O_TMPFILE", os.O_RDWR)),
    ],
)
def test_nothing_is_opened_for_more_than_was_judged(root: Path, action: str, flags: int) -> None:
    with pytest.raises(ValueError, match="the flags"):
        open_checked(judged(action, root / "work/sub/f"), flags)
    assert (root / "work/sub/f").read_text() == "harmless"


@pytest.mark.parametrize(
    "effect",
    [
        FileEffect("fs.read", None, None),
        FileEffect("fs.read", "/a", None),
        FileEffect("fs.read", "/a", "/a", many=True),
        FileEffect("fs.read", "/a", "/a", possible=True),
        FileEffect("fs.read", "/a", "/a\0b"),
        FileEffect("fs.read", "a", "a"),
        FileEffect("fs.read", "/a/../b", "/a/../b"),
        FileEffect("fs.read", "/a/.", "/a/."),
    ],
)
def test_an_effect_that_does_not_stand_for_one_known_file_opens_nothing(effect: FileEffect) -> None:
    with pytest.raises(ValueError):
        open_checked(effect)
    with pytest.raises(ValueError):
        parent_checked(effect)


def test_a_file_whose_name_is_in_another_normal_form_is_the_one_that_was_judged(root: Path) -> None:
    (root / "work/cafe\u0301").mkdir()
    (root / "work/cafe\u0301/e\u0301").write_text("decomposed")
    effect = judged("fs.read", root / "work/cafe\u0301/e\u0301")
    assert effect.resolved == f"{root}/work/caf\u00e9/\u00e9"
    assert content(open_checked(effect)) == b"decomposed"
    (root / "work/cafe\u0301/\u00e9").write_text("composed")
    assert content(open_checked(effect)) == b"composed"
    with pytest.raises(FileNotFoundError):
        open_checked(judged("fs.read", root / "work/cafe\u0301/o\u0308"))


def test_what_is_new_in_a_directory_that_folds_is_spelled_as_the_call_has_it(root: Path) -> None:
    effect = FileEffect("fs.write", f"{root}/work/README", f"{root}/work/readme")
    write(effect, "x")
    assert sorted(os.listdir(root / "work")) == ["README", "sub"]
    (root / "work/Other").symlink_to("other")
    write(judged("fs.write", root / "work/Other"), "x")
    assert (root / "work/other").read_text() == "x"
    assert (root / "work/Other").is_symlink()


def test_deleting_reaches_the_checked_directory_and_follows_nothing(root: Path) -> None:
    effect = judged("fs.delete", root / "work/sub/f")
    parent, name = parent_checked(effect)
    os.unlink(name, dir_fd=parent)
    os.close(parent)
    assert not (root / "work/sub/f").exists()
    link_directory(root)
    with pytest.raises(ChangedSinceChecked):
        parent_checked(effect)
    assert secrets(root) == {"f=secret"}


def test_another_root_may_be_given(root: Path) -> None:
    (root / "jail/etc").mkdir(parents=True)
    (root / "jail/etc/hosts").write_text("jailed")
    (root / "jail/out").symlink_to("/etc")
    jail = os.open(root / "jail", os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert content(open_checked(FileEffect("fs.read", "/etc/hosts", "/etc/hosts"), dir_fd=jail)) == b"jailed"
        with pytest.raises(ChangedSinceChecked):
            open_checked(FileEffect("fs.read", "/out/hosts", "/out/hosts"), dir_fd=jail)
    finally:
        os.close(jail)


def test_without_the_kernels_own_names_the_walk_has_to_do(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_proc(path: str) -> str:
        raise FileNotFoundError(errno.ENOENT, "no", path)

    effect = judged("fs.read", root / "work/sub/f")
    monkeypatch.setattr(os, "readlink", no_proc)
    assert content(open_checked(effect)) == b"harmless"
    link_directory(root)
    with pytest.raises(ChangedSinceChecked):
        open_checked(effect)


def test_a_system_that_cannot_open_below_a_directory_opens_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    effect = judged("fs.read", root / "work/sub/f")
    monkeypatch.setattr(os, "supports_dir_fd", frozenset())
    with pytest.raises(OSError) as refused:
        open_checked(effect)
    assert refused.value.errno == errno.ENOTSUP


def test_what_the_page_on_paths_shows_is_true(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parent.parent / "docs" / "paths.md").read_text(encoding="utf-8")
    shown = page.partition("```python\n")[2].partition("```")[0]
    assert "open_checked" in shown
    names: dict[str, Any] = {}
    exec(compile(shown.replace("/tmp/**", f"{root}/work/**"), "docs/paths.md", "exec"), names)
    names["append"](f"{root}/work/sub/f", ", more")
    assert (root / "work/sub/f").read_text() == "harmless, more"
    with pytest.raises(Denied):
        names["append"](f"{root}/secret/f", ", more")
    authorize = names["engine"].authorize

    def authorized_too_early(call: Any) -> Any:
        decision = authorize(call)
        link_directory(root)
        return decision

    monkeypatch.setattr(type(names["engine"]), "authorize", lambda _, call: authorized_too_early(call))
    with pytest.raises(ChangedSinceChecked):
        names["append"](f"{root}/work/sub/f", ", more")
    assert secrets(root) == {"f=secret"}
