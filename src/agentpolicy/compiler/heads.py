"""Where literal heads of patterns lead, and where programs are, asking the disk as little as the answer allows."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping

from agentpolicy.effects.host import Files

#: With more names than this in one directory, the directory is listed once instead of asking for each.
_MANY = 16


def lead(heads: Iterable[str], files: Files) -> dict[str, str]:
    """Maps each absolute path to where links lead it (to itself where it cannot be known).

    Below a name that is not there, and at a name that is there and is no link, nothing leads elsewhere.
    """
    wanted = list(heads)
    known: dict[str, str] = {"/": "/"}
    nothing: set[str] = set()
    by_parent: dict[str, list[str]] = {}
    for head in wanted:
        path = head
        while path not in known:
            known[path] = path
            parent = path.rpartition("/")[0] or "/"
            by_parent.setdefault(parent, []).append(path)
            path = parent
    # Shorter paths first, so that a directory is known before what is in it.
    for parent in sorted(by_parent, key=lambda path: path.count("/") if path != "/" else 0):
        children = by_parent[parent]
        if parent in nothing:
            nothing.update(children)
            continue
        plain = known[parent] == parent
        links = _links(parent) if plain and len(children) > _MANY else None
        for path in children:
            if links is None or path.rpartition("/")[2] in links:
                known[path] = files.resolve(path) or path
            if plain and known[path] == path and path in by_parent and not files.exists(path):
                nothing.add(path)
    return {head: known[head] for head in wanted}


def _links(directory: str) -> frozenset[str] | None:
    """Names in a directory that are links; None where it cannot be listed, or case may be folded."""
    if sys.platform in {"darwin", "win32"}:
        return None
    try:
        with os.scandir(directory) as entries:
            return frozenset(entry.name for entry in entries if entry.is_symlink())
    except FileNotFoundError:
        return frozenset()
    except OSError:
        return None


def find_programs(programs: Iterable[str], files: Files) -> dict[str, str | None]:
    """Where the host's PATH finds each program; None where it does not."""
    wanted = list(programs)
    there = files.listed_programs() if len(wanted) > _MANY else None
    return {name: files.which(name) if there is None or name in there else None for name in wanted}


def resolver(files: Files) -> Mapping[str, str]:
    """A mapping that resolves one head at a time, for compiling."""
    return _OneByOne(files)


class _OneByOne(dict[str, str]):
    def __init__(self, files: Files) -> None:
        super().__init__()
        self._files = files

    def __missing__(self, head: str) -> str:
        value = self[head] = self._files.resolve(head) or head
        return value
