"""A file system that is only imagined, for tests and proofs: no question touches the disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os.path import normpath
from typing import Final

from agentpolicy.effects.folding import Where
from agentpolicy.effects.links import MISSING, Seen, follow

_NOWHERE: Final[Where] = (0, 0)


class MemoryFiles:
    """A file system that is only imagined; no question touches the disk.

    Args:
        links: name of each link and where it leads, absolute or relative to the link's directory.
        sizes: size in bytes of files that have one.
        programs: absolute name of each program that is found by its bare name.
        directories: absolute names of directories.
    """

    __slots__ = ("directories", "links", "programs", "sizes")

    def __init__(
        self,
        links: Mapping[str, str] | None = None,
        sizes: Mapping[str, int] | None = None,
        programs: Mapping[str, str] | None = None,
        directories: Iterable[str] = (),
    ) -> None:
        self.directories = frozenset(directories)
        self.links: dict[str, str] = dict(links or {})
        self.sizes: dict[str, int] = dict(sizes or {})
        self.programs: dict[str, str] = dict(programs or {})

    def resolve(self, path: str) -> str | None:
        """The name after following the given links; None on a loop, and of what only another process knows."""
        if self.links or "proc" in path or "dev" in path:
            return follow(path, self._look, _NOWHERE)
        plain = normpath(path)
        return plain[1:] if plain.startswith("//") else plain

    def _look(self, directory: str, part: str, here: str, trail: list[Where]) -> Seen:
        target = self.links.get(here)
        return here, target or (None if target is None else MISSING), _NOWHERE

    def size(self, path: str) -> int | None:
        """The given size of the file that the name leads to."""
        found = self.resolve(path)
        return None if found is None else self.sizes.get(found)

    def is_directory(self, path: str) -> bool | None:
        """True of the directories that were given, else None: what is there is not told."""
        return True if (path.rstrip("/") or "/") in self.directories else None

    def listing(self, path: str, most: int) -> list[str] | None:
        """None: what is there is not told."""
        return None

    def children(self, path: str, most: int) -> list[str] | None:
        """None: what is there is not told."""
        return None

    def exists(self, path: str) -> bool:
        """Always true: what is there is not told."""
        return True

    def listed_programs(self) -> frozenset[str] | None:
        """None: ``which`` is as quick."""
        return None

    def which(self, program: str) -> str | None:
        """The given file of a program."""
        return self.programs.get(program)
