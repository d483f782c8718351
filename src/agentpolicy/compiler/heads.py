"""Where many literal heads of patterns lead, asking the disk as little as the answer allows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from agentpolicy.effects.host import Files

#: With more heads than this in one directory, the directory is listed once instead of asking for each.
_MANY = 16


def lead(heads: Iterable[str], files: Files) -> dict[str, str]:
    """Maps each absolute path to where links lead it (to itself where it cannot be known).

    A name that is not in its directory, or is there and is no link, leads where its directory leads.
    """
    wanted = list(heads)
    known: dict[str, str] = {"/": "/"}
    # Shorter paths first, so that a directory is known before what is in it.
    everything = {part for head in wanted for part in _ancestors(head)}
    by_parent: dict[str, list[str]] = {}
    for path in everything:
        by_parent.setdefault(os.path.dirname(path), []).append(path)
    for parent in sorted(by_parent, key=lambda path: path.count("/") if path != "/" else 0):
        children = by_parent[parent]
        links = _links(parent) if len(children) > _MANY and known.get(parent, parent) == parent else None
        for path in children:
            if path == "/":
                continue
            if links is not None and os.path.basename(path) not in links:
                known[path] = path
            else:
                known[path] = files.resolve(path) or path
    return {head: known[head] for head in wanted}


def _ancestors(path: str) -> list[str]:
    found = []
    while path != "/" and path:
        found.append(path)
        path = os.path.dirname(path)
    return found


def _links(directory: str) -> frozenset[str] | None:
    """Names in a directory that are links; None where the directory cannot be listed or folds case."""
    try:
        with os.scandir(directory) as entries:
            return frozenset(entry.name for entry in entries if entry.is_symlink())
    except FileNotFoundError:
        return frozenset()
    except OSError:
        return None


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
