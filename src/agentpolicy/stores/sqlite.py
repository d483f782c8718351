"""Session state in a SQLite file, which outlives the process and is shared by the processes of one machine."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from agentpolicy.stores.connections import Connections
from agentpolicy.stores.sqlite_file import SqliteFile, busy
from agentpolicy.stores.store import Change, StoreError, check_changes, encoded, kept_for

Result = TypeVar("Result")

#: Seconds between two looks at whether others are done.
_PAUSE: Final = 0.001
#: One write in so many sweeps out what has expired, and so many keys at most.
_SWEEPS: Final = 32
_SWEPT: Final = 512


class SqliteStore:
    """Keeps state in one file. A write that was answered is on the disk, even if the power goes then.

    A key that expired, as any process sees it, is deleted before it is reported missing: a clock that is set back does
    not bring it back. What is written while the clock is wrong lives as long by that clock; set back, it lives longer.
    Versions count on, whatever the clock says. They are never below the microseconds since 1970 either, so that not
    even a file that was put back from a copy gives out a version twice.

    Args:
        path: the file; it and its directory are made where they are missing, for their owner alone.
        timeout: seconds to wait where others write. A thread may wait for others of its process and then as long again
            for other processes.
        clock: seconds since 1970.

    Raises:
        StoreError: the file cannot be used, or is not a store's: see ``SqliteFile``.
        ValueError: ``path`` is no name of a file.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, timeout: float = 5.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._timeout = timeout
        self._file = SqliteFile(path, timeout)
        self._connections = Connections(self._file.connect)
        weakref.finalize(self, self._connections.close)

    def read(self, keys: Sequence[str]) -> list[tuple[int, bytes | None]]:
        """As ``Store.read``."""
        names = [encoded(key) for key in keys]
        now = self._clock()
        found: list[tuple[int, bytes | None]] = []
        expired: list[tuple[bytes, int]] = []
        for name, (version, value, expires) in zip(names, self._run(lambda one: self._look(one, names)), strict=True):
            if expires is not None and expires <= now:
                expired.append((name, version))
                found.append((0, None))
            else:
                found.append((version, value))
        if expired:
            self._write(lambda one: _forget(one, expired))
        return found

    def write(self, changes: Sequence[Change]) -> bool:
        """As ``Store.write``."""
        check_changes(changes)
        return self._write(lambda one: self._apply(one, changes))

    def close(self) -> None:
        """As ``Store.close``. What other threads are about ends first, in its own time."""
        self._connections.close()

    def paths(self) -> tuple[str, ...]:
        """The database and the files that SQLite puts beside it."""
        return self._file.paths()

    def _run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Does ``work`` on a connection, which is kept for the next only if nothing went wrong."""
        self._connections.enter()
        self._file.check_in_place()
        try:
            connection = self._connections.take()
            sound = False
            try:
                result = self._patiently(connection, work)
                sound = True
            finally:
                self._connections.give(connection, sound=sound)
        except sqlite3.Error as error:
            raise self._file.failure(error) from error
        return result

    def _patiently(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Does ``work``, from its beginning, until others leave the file alone or the time is over.

        SQLite's own waiting sleeps for up to a tenth of a second between two looks. Beside a process that writes all
        the time it would hardly ever look at the right moment.
        """
        deadline = None
        while True:
            try:
                return work(connection)
            except sqlite3.OperationalError as error:
                now = time.monotonic()
                deadline = now + self._timeout if deadline is None else deadline
                if not busy(error) or now >= deadline:
                    raise
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            time.sleep(_PAUSE)

    def _write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        self._connections.enter()
        writing = self._connections.writing
        if not writing.acquire(timeout=self._timeout):
            raise StoreError(f"the store `{self._file.path}` stays locked by other threads")
        try:
            return self._run(work)
        finally:
            writing.release()

    def _look(
        self, connection: sqlite3.Connection, names: Sequence[bytes]
    ) -> list[tuple[int, bytes | None, float | None]]:
        """Version, value and expiry of each key in one snapshot."""
        if len(names) > 1:
            connection.execute("BEGIN")
        found: list[tuple[int, bytes | None, float | None]] = []
        for name in names:
            row = connection.execute("SELECT version, value, expires FROM entries WHERE key = ?", (name,)).fetchone()
            if row is None:
                row = (0, None, None)
            elif not (isinstance(row[0], int) and isinstance(row[1], bytes)):
                raise self._file.damaged()
            found.append(row)
        if len(names) > 1:
            connection.execute("COMMIT")
        return found

    def _apply(self, connection: sqlite3.Connection, changes: Sequence[Change]) -> bool:
        connection.execute("BEGIN IMMEDIATE")
        # After the wait for the lock: others that wrote meanwhile wrote earlier.
        now = self._clock()
        rows: list[tuple[bytes, Change]] = []
        for change in changes:
            name = encoded(change.key)
            rows.append((name, change))
            row = connection.execute("SELECT version, expires FROM entries WHERE key = ?", (name,)).fetchone()
            current = 0 if row is None or (row[1] is not None and row[1] <= now) else row[0]
            if current != change.version:
                connection.execute("ROLLBACK")
                return False
        version = self._next(connection, now)
        for name, (_, _, value, ttl) in rows:
            if value is None:
                connection.execute("DELETE FROM entries WHERE key = ?", (name,))
                continue
            kept = kept_for(ttl)
            connection.execute(
                "INSERT OR REPLACE INTO entries (key, version, expires, value) VALUES (?, ?, ?, ?)",
                (name, version, None if kept is None else now + kept, value),
            )
        if version % _SWEEPS == 0:
            connection.execute(
                "DELETE FROM entries WHERE key IN (SELECT key FROM entries WHERE expires <= ? LIMIT ?)", (now, _SWEPT)
            )
        connection.execute("COMMIT")
        return True

    def _next(self, connection: sqlite3.Connection, now: float) -> int:
        """Draws a version, inside the transaction that uses it."""
        row = connection.execute("SELECT last FROM counter").fetchone()
        if row is None or not isinstance(row[0], int):
            raise self._file.damaged()
        version = max(row[0] + 1, int(now * 1e6))
        connection.execute("UPDATE counter SET last = ?", (version,))
        return version


def _forget(connection: sqlite3.Connection, expired: Sequence[tuple[bytes, int]]) -> None:
    """Deletes what was seen expired, unless somebody wrote it anew since."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("DELETE FROM entries WHERE key = ? AND version = ?", expired)
    connection.execute("COMMIT")
