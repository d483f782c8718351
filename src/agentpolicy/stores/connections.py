"""The connections of a SQLite store within one process."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable
from typing import Final
from weakref import WeakSet

from agentpolicy.stores.store import StoreError

#: Connections that wait for the next use; with more threads at work at once, the others are opened anew.
_KEPT: Final = 8
#: Seconds for which a fork waits for reads and writes that are under way in other threads.
_PATIENCE: Final = 15.0
#: Connections that came along through a fork. SQLite allows a child neither to use nor to close them.
_INHERITED: list[sqlite3.Connection] = []


class Connections:
    """Lends a connection to one thread at a time, and none to a process that did not open it.

    A fork waits until none is lent and closes those that wait (``os.register_at_fork``): SQLite copies what it holds
    for a connection at work, and a child could never get rid of it. A library in C that forks behind Python's back is
    found out by the number of the process.

    Args:
        connect: opens another one.
    """

    __slots__ = ("__weakref__", "_changed", "_closed", "_connect", "_forking", "_idle", "_lent", "_process", "writing")

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._closed = False
        self._idle: list[sqlite3.Connection] = []
        self.begin()
        with _LOCK:
            _ALL.add(self)

    def begin(self) -> None:
        """Begin in this process, in which nothing is lent and no thread waits. After a fork, in the child."""
        self._lent = 0
        self._forking = False
        self._changed = threading.Condition()
        #: Held by the thread that writes. Threads queue here; SQLite's own waiting is by sleeping and looking again.
        self.writing = threading.Lock()
        self._process = os.getpid()

    def enter(self) -> None:
        """To be called before each use: the store is open, and nothing of another process is left.

        Raises:
            StoreError: the store is closed.
        """
        if self._process != os.getpid():
            _INHERITED.extend(self._idle)
            self._idle = []
            self.begin()
        if self._closed:
            raise StoreError("the store is closed")

    def take(self) -> sqlite3.Connection:
        """A connection for the calling thread alone, until it is given back.

        Raises:
            sqlite3.Error: none could be opened.
            StoreError: the store is closed; or as the function that opens one.
        """
        with self._changed:
            while self._forking:
                self._changed.wait()
            if self._closed:
                raise StoreError("the store is closed")
            self._lent += 1
            if self._idle:
                return self._idle.pop()
        try:
            return self._connect()
        except BaseException:
            self._ended()
            raise

    def give(self, connection: sqlite3.Connection, *, sound: bool = True) -> None:
        """Hand it back. What is not ``sound`` is closed, and what it had not committed is undone."""
        with self._changed:
            keep = sound and not self._closed and len(self._idle) < _KEPT
            if keep:
                self._idle.append(connection)
        if not keep:
            discard(connection)
        self._ended()

    def close(self) -> None:
        """Close all, those in use when they are handed back."""
        if self._process == os.getpid():
            with self._changed:
                self._closed = True
                self._rest()
        self._closed = True

    def hold(self) -> None:
        """Before a fork: nothing is lent until ``go_on``, and nothing is open."""
        self._changed.acquire()
        self._forking = True
        self._changed.wait_for(lambda: not self._lent, _PATIENCE)
        self._rest()

    def go_on(self) -> None:
        """After a fork, in the parent."""
        self._forking = False
        self._changed.notify_all()
        self._changed.release()

    def _ended(self) -> None:
        with self._changed:
            self._lent -= 1
            if self._forking:
                self._changed.notify_all()

    def _rest(self) -> None:
        while self._idle:
            discard(self._idle.pop())


def discard(connection: sqlite3.Connection) -> None:
    """Close a connection, whatever state it is in. What it had not committed is undone."""
    with contextlib.suppress(sqlite3.Error):
        connection.close()


_ALL: WeakSet[Connections] = WeakSet()
#: Held while a store is made or the process forks.
_LOCK = threading.Lock()
_HELD: list[Connections] = []


def _before_fork() -> None:
    _LOCK.acquire()
    _HELD.extend(_ALL)
    for one in _HELD:
        one.hold()


def _after_fork(going_on: Callable[[Connections], None]) -> None:
    for one in _HELD:
        going_on(one)
    _HELD.clear()
    _LOCK.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: _after_fork(Connections.go_on),
        after_in_child=lambda: _after_fork(Connections.begin),
    )
