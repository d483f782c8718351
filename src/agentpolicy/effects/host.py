"""The machine on which calls would run, as canonicalisation sees it."""

from __future__ import annotations

import os
import sys
from typing import Protocol


class Files(Protocol):
    """A view of a file system. Everything that follows links goes through it."""

    def resolve(self, path: str) -> str | None:
        """The name of an absolute path after following every link; missing parts stay as they are.

        None where it cannot be known (a loop of links, a path that the system refuses).
        """

    def size(self, path: str) -> int | None:
        """Size in bytes of a regular file, None where unknown."""

    def is_directory(self, path: str) -> bool | None:
        """Whether an absolute name leads to a directory, None where that cannot be told."""

    def listing(self, path: str, most: int) -> list[str] | None:
        """The absolute names of everything below a directory, at any depth, links not followed.

        None where that cannot be told, or there are more than ``most``; nothing where nothing is there.
        """

    def children(self, path: str, most: int) -> list[str] | None:
        """The bare names directly in a directory.

        None where that cannot be told, or there are more than ``most``; nothing where no directory is there.
        """

    def exists(self, path: str) -> bool:
        """Whether anything is at an absolute path; true where it cannot be known."""
        raise NotImplementedError

    def listed_programs(self) -> frozenset[str] | None:
        """Every name that ``which`` may find; None where they cannot be listed, or case may be folded."""

    def which(self, program: str) -> str | None:
        """Absolute name of a program found on the host's PATH, None where there is none."""


class Host:
    """Where calls start when they do not say: directory, home, file system, system name.

    Args:
        cwd: absolute directory; None means the process's own at each call.
        home: absolute home directory; None means the process's own.
        files: a view of the file system; the real one where None.
        os_name: ``linux``, ``macos`` or ``windows``.
    """

    __slots__ = ("files", "home", "os_name", "_cwd")

    def __init__(
        self,
        *,
        cwd: str | None = None,
        home: str | None = None,
        files: Files | None = None,
        os_name: str | None = None,
    ) -> None:
        from agentpolicy.effects.paths import DiskFiles

        self._cwd = cwd
        self.home = os.path.expanduser("~") if home is None else home
        self.files: Files = DiskFiles() if files is None else files
        self.os_name = os_name or {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux")

    @property
    def cwd(self) -> str:
        """The directory in which relative paths start."""
        return os.getcwd() if self._cwd is None else self._cwd

    @property
    def moving(self) -> bool:
        """Whether that is the process's own, which may change."""
        return self._cwd is None
