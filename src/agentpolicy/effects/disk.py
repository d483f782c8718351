"""The file system of this machine, read at each question."""

from __future__ import annotations

import os
import sys
from os import fsencode, major
from stat import S_IFLNK, S_ISDIR, S_ISREG
from typing import Final

from agentpolicy.effects.folding import Folding, System, Where, folded
from agentpolicy.effects.links import MISSING, MISSING_FOLDED, Seen, follow
from agentpolicy.effects.text import well_formed

_TYPE_BITS: Final = 0o170000
#: Whether names are built as POSIX says; elsewhere nothing is known of where one leads.
_POSIX: Final = os.sep == "/"
_LINUX: Final = sys.platform == "linux"


class DiskFiles:
    """The file system of this machine. What is there is asked for at each question, and nothing of it is remembered.

    Args:
        system: the calls that names are looked up with, the real ones unless a test has others.
    """

    __slots__ = ("_folding", "_root", "_system")

    def __init__(self, system: System = os) -> None:
        self._system = system
        self._folding = Folding(system)
        self._root: Where | None = None

    def resolve(self, path: str) -> str | None:
        """The name after following every link as the kernel would (path_resolution(7)); missing parts stay.

        ``..`` goes up from where a link led, not from the link. Where a directory folds the case of names, each part is
        spelled as its entry is, and a part that is missing in lower case. None on a loop, on a name that is too long,
        on what only the process that uses it knows (``/proc/self/cwd``, ``/dev/fd/3``), and where a directory may not
        be searched, because what lies behind it is then unknown.
        """
        if not _POSIX:
            return None
        try:
            root = self._root
            if root is None:
                found = self._system.lstat("/")
                root = self._root = found.st_dev, found.st_ino
            return follow(path, self._look, root)
        except (OSError, ValueError):
            return None

    def _look(self, directory: str, part: str, here: str, trail: list[Where]) -> Seen:
        try:
            found = self._system.lstat(here)
        except (FileNotFoundError, NotADirectoryError):
            where = trail[-1]
            if self._folding.plain(where) or not self._folding.folds_new(directory, trail):
                return here, MISSING, where
            return f"{directory}/{folded(part)}", MISSING_FOLDED, where
        where = trail[-1]
        if not self._folding.plain(where):
            here = f"{directory}/{self._folding.spelled(directory, part, where, found)}"
        if found.st_mode & _TYPE_BITS != S_IFLNK:
            return here, None, (found.st_dev, found.st_ino)
        target = self._system.readlink(here)
        if not target or (_LINUX and major(found.st_dev) == 0 and found.st_size != len(fsencode(target))):
            # The size of a link is the length of what it holds (POSIX, sys/stat.h); a magic link holds nothing, and
            # its text is only a description (symlink(7)). /proc may be mounted elsewhere too.
            raise OSError("a magic link")
        return here, target, where

    def size(self, path: str) -> int | None:
        """Size in bytes of the regular file that the name leads to, None where there is none."""
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            return None
        return found.st_size if S_ISREG(found.st_mode) else None

    def is_directory(self, path: str) -> bool | None:
        """Whether the name leads to a directory; None where the system does not say."""
        try:
            return S_ISDIR(os.stat(path).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except (OSError, ValueError):
            return None

    def listing(self, path: str, most: int) -> list[str] | None:
        """Everything below a directory, read now; None where a part cannot be read, or there is more than ``most``."""
        found: list[str] = []
        todo = [path]
        while todo:
            try:
                with os.scandir(todo.pop()) as entries:
                    for entry in entries:
                        if len(found) >= most:
                            return None
                        found.append(entry.path)
                        if entry.is_dir(follow_symlinks=False):
                            todo.append(entry.path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, ValueError):
                return None
        return found

    def children(self, path: str, most: int) -> list[str] | None:
        """The names directly in a directory, read now; None where it cannot be read, or holds more than ``most``."""
        found: list[str] = []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if len(found) >= most:
                        return None
                    found.append(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError):
            return None
        return found

    def exists(self, path: str) -> bool:
        """Whether anything, a link too, is at the name."""
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except (OSError, ValueError):
            return True
        return True

    def listed_programs(self) -> frozenset[str] | None:
        """Every name in the directories of PATH; None where one cannot be listed, or case may be folded."""
        if sys.platform in {"darwin", "win32"}:
            return None
        found: set[str] = set()
        for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
            if directory.startswith("/"):
                try:
                    found.update(os.listdir(directory))
                except (FileNotFoundError, NotADirectoryError):
                    continue
                except OSError:
                    return None
        return frozenset(found)

    def which(self, program: str) -> str | None:
        """The file that PATH gives for a program's bare name; relative and empty entries of PATH are passed over."""
        if not program or "/" in program or "\0" in program or not well_formed(program):
            return None
        for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
            if directory.startswith("/"):
                candidate = directory.rstrip("/") + "/" + program
                if os.access(candidate, os.X_OK) and os.path.isfile(candidate):
                    return candidate
        return None
