"""Which directories fold the case of names, and how an entry of one is really spelled.

Whether a directory folds is found out by asking for an entry under the other case, and remembered by the directory's
device and inode: on some file systems it is a property of the single directory. The spelling is never remembered.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final, Protocol, TypeAlias
from unicodedata import normalize

#: Device and inode of a directory.
Where: TypeAlias = tuple[int, int]

#: Most entries that are read to find how one is spelled.
MOST_ENTRIES: Final = 100_000
#: Entries that are tried before a directory counts as one whose names have no case.
_TRIED: Final = 32
#: Directories that are remembered.
_REMEMBERED: Final = 8192


class System(Protocol):
    """The system calls that names are looked up with; the module ``os`` is one."""

    def lstat(self, path: str, /) -> os.stat_result:
        """As ``os.lstat``."""
        raise NotImplementedError

    def readlink(self, path: str, /) -> str:
        """As ``os.readlink``."""
        raise NotImplementedError

    def scandir(self, path: str, /) -> Any:
        """As ``os.scandir``."""
        raise NotImplementedError


def folded(name: str) -> str:
    """The one spelling of names that differ in nothing but case and normal form."""
    return normalize("NFC", normalize("NFD", name).casefold())


def other_case(name: str) -> str | None:
    """The name with its letters in the other case, None where it has no letters of two cases.

    Letters beyond ASCII are folded by fewer file systems and in more ways: they count only where there are no others.
    """
    other = "".join([letter.swapcase() if letter.isascii() else letter for letter in name])
    if other == name:
        other = "".join([letter.swapcase() if len(letter.swapcase()) == 1 else letter for letter in name])
    return None if other == name else other


class Folding:
    """What is known of directories, for one view of a file system. Safe to share between threads."""

    __slots__ = ("_folds", "_system")

    def __init__(self, system: System = os) -> None:
        self._system = system
        self._folds: dict[Where, bool] = {}

    def plain(self, where: Where) -> bool:
        """Whether the directory is known to tell names apart by their case."""
        return self._folds.get(where) is False

    def spelled(self, directory: str, part: str, where: Where, found: os.stat_result) -> str:
        """The name of an entry that is there, as the directory spells it.

        Raises:
            OSError: the system refuses a look, or it cannot be told which entry is meant.
        """
        folds = self._folds.get(where)
        if folds is None:
            folds = self._try(directory, part, found)
            if folds is not None:
                self._remember(where, folds)
        return self._true_name(directory, part, found) if folds else part

    def folds_new(self, directory: str, trail: list[Where]) -> bool:
        """Whether a directory folds a name that is not there yet; true where that cannot be told."""
        where = trail[-1]
        folds = self._folds.get(where)
        if folds is None:
            folds = self._try_entries(directory)
            if folds is not None:
                self._remember(where, folds)
        if folds is None:
            # Nothing in it tells. New directories are as the one that they were made in.
            return len(trail) < 2 or trail[-2][0] != where[0] or not self.plain(trail[-2])
        return folds

    def _remember(self, where: Where, folds: bool) -> None:
        if len(self._folds) >= _REMEMBERED:
            self._folds = {}
        self._folds[where] = folds

    def _try(self, directory: str, part: str, found: os.stat_result) -> bool | None:
        """Whether an entry is found under another case too; None where its name has none, or it is gone meanwhile."""
        other = other_case(part)
        if other is None:
            return None
        try:
            twin = self._system.lstat(f"{directory}/{other}")
        except (FileNotFoundError, NotADirectoryError):
            try:
                still = self._system.lstat(f"{directory}/{part}")
            except (FileNotFoundError, NotADirectoryError):
                return None
            return False if _same(still, found) else None
        if not _same(twin, found):
            return False
        # One file under both names: folded, or two hard links.
        names = {name for name, _ in self._entries(directory)}
        return not (part in names and other in names)

    def _try_entries(self, directory: str) -> bool | None:
        try:
            for tried, (name, _) in enumerate(self._entries(directory)):
                if tried >= _TRIED:
                    break
                if other_case(name) is None:
                    continue
                folds = self._try(directory, name, self._system.lstat(f"{directory}/{name}"))
                if folds is not None:
                    return folds
        except NotADirectoryError:
            return False  # below a file there is nothing to fold
        except OSError:
            return None
        return None

    def _true_name(self, directory: str, part: str, found: os.stat_result) -> str:
        same_file: list[str] = []
        same_text: list[str] = []
        key = folded(part)
        for name, inode in self._entries(directory):
            if name == part:
                return part
            if inode == found.st_ino:
                same_file.append(name)
            if folded(name) == key:
                same_text.append(name)
        # The inode finds what is folded in ways of its own (short names, ignored characters); of hard links the text
        # tells which is meant, and where another file system is mounted the text alone.
        if len(same_file) > 1 or not same_file:
            same_file = [name for name in same_text if not same_file or name in same_file]
        if len(same_file) != 1:
            raise OSError(f"no single entry of {directory} is meant")
        return same_file[0]

    def _entries(self, directory: str) -> Iterator[tuple[str, int]]:
        with self._system.scandir(directory or "/") as entries:
            for count, entry in enumerate(entries):
                if count >= MOST_ENTRIES:
                    raise OSError(f"{directory} has too many entries")
                yield entry.name, entry.inode()


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
