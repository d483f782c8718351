"""Opens the file that an effect was judged for, and none that came into its place since."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import Final
from unicodedata import normalize

from agentpolicy.effects.effect import FileEffect
from agentpolicy.effects.folding import folded
from agentpolicy.effects.text import visible

#: How often a name may come and go while it is opened for creation.
_TRIES: Final = 4


def _flag(name: str) -> int:
    return int(getattr(os, name, 0))


# Going through a directory takes no more than the right to search it, where the system has a flag for that.
_ENTER: Final = (
    (_flag("O_PATH") or _flag("O_SEARCH") or os.O_RDONLY)
    | _flag("O_DIRECTORY")
    | _flag("O_NOFOLLOW")
    | _flag("O_CLOEXEC")
)
# A pipe that was put in the file's place must not hold the tool up, nor a terminal become its own.
_CAREFUL: Final = _flag("O_NOFOLLOW") | _flag("O_CLOEXEC") | _flag("O_NONBLOCK") | _flag("O_NOCTTY")
_ACCESS: Final = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
_CHANGES: Final = os.O_CREAT | os.O_EXCL | os.O_TRUNC
# Flags that open something else than the file under its name.
_OTHER: Final = _flag("O_PATH") | (_flag("O_TMPFILE") & ~_flag("O_DIRECTORY"))


class ChangedSinceChecked(PermissionError):
    """What is at the name now is not what the effect was judged for: the call has to be judged again."""


def open_checked(
    effect: FileEffect,
    flags: int = os.O_RDONLY,
    mode: int = 0o666,
    *,
    dir_fd: int | None = None,
    hard_links: bool = True,
) -> int:
    """A descriptor of the file under the effect's ``resolved`` name, reached without following any link.

    The name is walked directory by directory from the root (POSIX, openat), so that a link put anywhere on the way
    since
    the effect was judged ends the walk. Where the system tells it, the name that it has for what was opened is compared
    too. Only regular files and directories are opened. Truncation happens after all checks. What is new is made with
    ``O_CREAT | O_EXCL`` in the checked directory.

    Args:
        effect: an effect on one file whose names are known.
        flags: as of ``os.open``: read only for ``fs.read``, write only for ``fs.write`` (to do both takes two effects).
        mode: permissions of a new file, less the umask.
        dir_fd: descriptor of a directory that stands for the root, for tools that see the file system from elsewhere.
        hard_links: whether a file that has other names too may be opened; those names were not judged.

    Raises:
        ChangedSinceChecked: a link, or another file, is where the effect's file was.
        PermissionError: it is neither file nor directory, or has other names; and whatever the system refuses.
        ValueError: the effect does not stand for one known file, or ``flags`` ask for more than was judged.
        OSError: as ``os.open``: nothing is there, something is there already (``O_EXCL``), no such system call.
    """
    _agree(effect, flags)
    parent, name = parent_checked(effect, dir_fd=dir_fd)
    try:
        descriptor = _open_last(effect, parent, name, flags, mode)
    finally:
        os.close(parent)
    try:
        _finish(effect, descriptor, flags, hard_links=hard_links, named=dir_fd is None)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def parent_checked(effect: FileEffect, *, dir_fd: int | None = None) -> tuple[int, str]:
    """A descriptor of the directory in which the effect's file lies, and the file's name there.

    What is not opening is done with them: ``os.unlink(name, dir_fd=parent)``, ``os.mkdir``, ``os.rename``. None of
    these
    follows a link under ``name`` itself. The descriptor may only be good for such calls (``O_PATH``); closing it is the
    caller's part.

    Raises:
        ChangedSinceChecked: a link is where a directory was.
        ValueError: the effect does not stand for one known file.
        OSError: as ``os.open``.
    """
    resolved = _known(effect)
    if os.open not in os.supports_dir_fd or not _flag("O_NOFOLLOW"):
        raise OSError(errno.ENOTSUP, "this system does not open files relative to a directory")
    parts = [part for part in resolved.split("/") if part]
    if "." in parts or ".." in parts:
        raise ValueError("the effect's name is not canonical")
    name = parts.pop() if parts else "."
    current = os.open("/" if dir_fd is None else ".", _ENTER, dir_fd=dir_fd)
    try:
        for part in parts:
            inner = _enter(effect, current, part)
            os.close(current)
            current = inner
        if dir_fd is None:
            _compare(effect, current, "/" + "/".join(parts))
    except BaseException:
        os.close(current)
        raise
    return current, name


def _known(effect: FileEffect) -> str:
    resolved = effect.resolved
    if resolved is None or effect.many or effect.possible or "\0" in resolved or resolved[:1] != "/":
        raise ValueError("the effect does not stand for one known file")
    return resolved


def _agree(effect: FileEffect, flags: int) -> None:
    """Refuses what the effect was not judged for."""
    if flags & _OTHER:
        raise ValueError("the flags open something else than the file")
    access = flags & _ACCESS
    if effect.action == "fs.read":
        fine = access == os.O_RDONLY and not flags & _CHANGES
    else:
        fine = effect.action == "fs.write" and access == os.O_WRONLY
    if not fine:
        raise ValueError(f"the flags ask for more than `{effect.action}`, which is what was judged")


def _enter(effect: FileEffect, directory: int, part: str) -> int:
    for spelling in _spellings(directory, part):
        try:
            return os.open(spelling, _ENTER, dir_fd=directory)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR) and not _is_plain_file(directory, spelling):
                raise _changed(effect, f"`{visible(part)}` is a link now") from error
            raise
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), effect.resolved)


def _open_last(effect: FileEffect, parent: int, name: str, flags: int, mode: int) -> int:
    plain = flags & ~_CHANGES | _CAREFUL
    creates = bool(flags & os.O_CREAT)
    for _ in range(_TRIES):
        if not (creates and flags & os.O_EXCL):
            for spelling in _spellings(parent, name):
                try:
                    return _open_existing(effect, parent, spelling, plain)
                except FileNotFoundError:
                    continue
            if not creates:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), effect.resolved)
        for new in _new_names(effect, name):
            try:
                return os.open(new, plain | os.O_CREAT | os.O_EXCL, mode, dir_fd=parent)
            except FileExistsError:
                continue
        if flags & os.O_EXCL:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), effect.resolved)
    raise _changed(effect, "something comes and goes under its name")


def _open_existing(effect: FileEffect, parent: int, name: str, flags: int) -> int:
    # Opening a device can do something already, so what is there is looked at first, and once more when it is open.
    before = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if S_ISLNK(before.st_mode):
        raise _changed(effect, "it is a link now")
    if not (S_ISREG(before.st_mode) or S_ISDIR(before.st_mode)):
        raise PermissionError(errno.EPERM, "neither a file nor a directory", effect.resolved)
    try:
        descriptor = os.open(name, flags, dir_fd=parent)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _changed(effect, "it is a link now") from error
        raise
    after = os.fstat(descriptor)
    if (before.st_dev, before.st_ino) != (after.st_dev, after.st_ino):
        os.close(descriptor)
        raise _changed(effect, "it was replaced while it was opened")
    return descriptor


def _finish(effect: FileEffect, descriptor: int, flags: int, *, hard_links: bool, named: bool) -> None:
    found = os.fstat(descriptor)
    if not hard_links and S_ISREG(found.st_mode) and found.st_nlink > 1:
        raise PermissionError(errno.EPERM, "it has other names, which were not judged", effect.resolved)
    if named:
        _compare(effect, descriptor, _known(effect))
    if flags & os.O_TRUNC:
        os.ftruncate(descriptor, 0)
    if not flags & _flag("O_NONBLOCK"):
        os.set_blocking(descriptor, True)


def _compare(effect: FileEffect, descriptor: int, name: str) -> None:
    """Holds the kernel's own name of what is open against the name that was judged (Linux, proc(5): ``/proc/pid/fd``).

    The walk has proved the name already; this finds directories that were moved away under it meanwhile.
    """
    try:
        found = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return  # no such file system here: the walk has to do
    # A directory that folds case may answer with a spelling that somebody else used.
    if found != name and normalize("NFC", found) != name and folded(found) != folded(name):
        raise _changed(effect, f"it was moved to `{visible(found)}`")


def _spellings(directory: int, name: str) -> Iterator[str]:
    """The name, then the one entry whose normal form it is: effects have their names in NFC, directories in any."""
    yield name
    if name.isascii():
        return
    readable = os.open(".", os.O_RDONLY | _flag("O_DIRECTORY") | _flag("O_CLOEXEC"), dir_fd=directory)
    try:
        found = [entry for entry in os.listdir(readable) if entry != name and normalize("NFC", entry) == name]
    finally:
        os.close(readable)
    if len(found) == 1:
        yield found[0]


def _new_names(effect: FileEffect, name: str) -> Iterator[str]:
    """Spellings for a new file: as the call has it, where only folding makes a difference to the resolved name."""
    if effect.path is not None and effect.path != effect.resolved and folded(effect.path) == folded(_known(effect)):
        given = effect.path.rpartition("/")[2]
        if given != name:
            yield given
    yield name


def _is_plain_file(directory: int, name: str) -> bool:
    """Whether something other than a directory or a link is there; what was a link a moment ago may be one already."""
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    except OSError:
        return False
    return not S_ISLNK(found) and not S_ISDIR(found)


def _changed(effect: FileEffect, why: str) -> ChangedSinceChecked:
    return ChangedSinceChecked(
        errno.EPERM, f"`{visible(effect.resolved or '')}` is not what was judged any more: {why}"
    )
