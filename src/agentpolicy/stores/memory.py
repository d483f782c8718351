"""Session state in the memory of one process."""

from __future__ import annotations

import heapq
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final
from weakref import WeakSet

from agentpolicy.stores.store import Change, StoreError, check_changes, check_key, kept_for

#: Version and value as they are read, and the moment when they go away.
_Entry = tuple[tuple[int, bytes | None], float | None]

_NOTHING: Final[_Entry] = ((0, None), None)
#: Expired keys that one write sweeps out at most, besides as many as it writes: none is slow, and none falls behind.
_SWEPT: Final = 64


class MemoryStore:
    """Keeps state until the process ends. The state of a forked child is its own from then on.

    One lock guards everything, in builds with a global interpreter lock and without. What a read holds it for is a
    look into a dict.

    Args:
        clock: seconds that never run backwards.
    """

    __slots__ = ("__weakref__", "_clock", "_closed", "_due", "_entries", "_last", "_lock")

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._closed = False
        self._entries: dict[str, _Entry] = {}
        self._last = 0
        #: When which version of which key goes away, the next first. What was overwritten since stays for a while.
        self._due: list[tuple[float, int, str]] = []
        self._lock = threading.Lock()
        _ALL.add(self)

    def read(self, keys: Sequence[str]) -> list[tuple[int, bytes | None]]:
        """As ``Store.read``."""
        found: list[tuple[int, bytes | None]] = []
        now: float | None = None
        with self._lock:
            entries = self._entries
            for key in keys:
                pair, expires = entries.get(key) or self._absent(key)
                if expires is not None:
                    if now is None:
                        now = self._clock()
                    if expires <= now:
                        # Gone for good, even if this clock should run backwards after all.
                        del entries[key]
                        pair = _NOTHING[0]
                found.append(pair)
        if not found:
            self._absent("")
        return found

    def write(self, changes: Sequence[Change]) -> bool:
        """As ``Store.write``."""
        check_changes(changes)
        with self._lock:
            if self._closed:
                raise StoreError("the store is closed")
            now = self._clock()
            entries = self._entries
            for key, version, _, _ in changes:
                (current, _), expires = entries.get(key, _NOTHING)
                if (0 if expires is not None and expires <= now else current) != version:
                    return False
            self._last += 1
            fresh: dict[str, _Entry] = {}
            for key, _, value, ttl in changes:
                kept = kept_for(ttl)
                fresh[key] = _NOTHING if value is None else ((self._last, value), None if kept is None else now + kept)
            # The one step at which all is done: an interrupt, or a fork in another thread, comes before or after.
            entries.update(fresh)
            for key, entry in fresh.items():
                if entry is _NOTHING:
                    del entries[key]
                elif entry[1] is not None:
                    heapq.heappush(self._due, (entry[1], self._last, key))
            self._sweep(now, _SWEPT + len(fresh))
        return True

    def close(self) -> None:
        """As ``Store.close``. What was kept is forgotten."""
        with self._lock:
            self._closed = True
            self._entries = {}
            self._due = []

    def paths(self) -> tuple[str, ...]:
        """No files."""
        return ()

    def _absent(self, key: str) -> _Entry:
        # Only where nothing was found: a key that is there is a key, and a closed store holds none.
        if self._closed:
            raise StoreError("the store is closed")
        check_key(key)
        return _NOTHING

    def _sweep(self, now: float, most: int) -> None:
        """Forgets some of what has expired."""
        due, entries = self._due, self._entries
        for _ in range(most):
            if not due or due[0][0] > now:
                break
            _, version, key = heapq.heappop(due)
            if entries.get(key, _NOTHING)[0][0] == version:
                del entries[key]
        # Keys that are written over and over leave their old moments behind. Counting anew takes as long as there are
        # keys, and comes only after as many writes.
        if len(due) > 2 * len(entries) + _SWEPT:
            self._due = [(expires, pair[0], key) for key, (pair, expires) in entries.items() if expires is not None]
            heapq.heapify(self._due)


_ALL: WeakSet[MemoryStore] = WeakSet()


def _unlock_in_child() -> None:
    """Gives each store a new lock: the thread that held the old one was not forked."""
    for store in _ALL:
        store._lock = threading.Lock()  # pyright: ignore[reportPrivateUsage]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)
