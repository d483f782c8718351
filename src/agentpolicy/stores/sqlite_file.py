"""The file of a SQLite store: made, recognised, opened; refused where it is anything else."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from pathlib import Path
from typing import Final

from agentpolicy.stores.connections import discard
from agentpolicy.stores.store import StoreError

#: "agps" in the header of the file says whose it is.
_APPLICATION: Final = 0x61677073
_SCHEMA: Final = 1
_TABLES: Final = (
    # The value comes last: what is compared is read without walking through it.
    "CREATE TABLE entries (key BLOB PRIMARY KEY NOT NULL, version INTEGER NOT NULL, expires REAL, value BLOB NOT NULL)",
    "CREATE INDEX entries_expires ON entries (expires) WHERE expires IS NOT NULL",
    "CREATE TABLE counter (last INTEGER NOT NULL)",
)
_CONNECTION: Final = (
    # A commit returns when it is on the disk. Less would be faster, and lose the last marks with the power.
    "PRAGMA synchronous=FULL",
    # macOS calls it done when the drive has it in its own memory, unless told otherwise. Nothing elsewhere.
    "PRAGMA fullfsync=1",
    "PRAGMA checkpoint_fullfsync=1",
    # A page that cannot be right is found when it is read.
    "PRAGMA cell_size_check=1",
    "PRAGMA trusted_schema=0",
    "PRAGMA temp_store=MEMORY",
    # Bytes. The log beside the file shrinks again after large values.
    "PRAGMA journal_size_limit=8388608",
)
_SUFFIXES: Final = ("", "-wal", "-shm", "-journal")
#: Seconds between two looks at what another process is about to finish.
_PAUSE: Final = 0.01
#: Held while a file is made and examined. Closing any descriptor of a file drops the locks that this process holds on
#: it (POSIX, fcntl), so none may be closed beside a connection that is being opened.
_OPENING = threading.Lock()

_SAYS: Final = {
    sqlite3.SQLITE_BUSY: "stays locked by somebody else",
    sqlite3.SQLITE_LOCKED: "stays locked by somebody else",
    sqlite3.SQLITE_FULL: "has no room left on its disk",
    sqlite3.SQLITE_READONLY: "may not be written",
    sqlite3.SQLITE_PERM: "may not be opened",
    sqlite3.SQLITE_AUTH: "may not be opened",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_CORRUPT: "is damaged",
    sqlite3.SQLITE_NOTADB: "is not a SQLite database, or is damaged",
    sqlite3.SQLITE_IOERR: "met an error of its disk",
    sqlite3.SQLITE_NOMEM: "was left without memory",
}


class SqliteFile:
    """One file, known by its place and by being the same file as when the store was opened.

    Args:
        path: the file. It is made where it is missing, for its owner alone, and so is its directory.
        timeout: seconds to wait for others that hold the file locked.

    Raises:
        StoreError: the file is a link, has another name, belongs to another user, may be written by everybody, is a
            database of something else or of another version of this store, or cannot be made or read.
        ValueError: ``path`` is no name of a file.
    """

    __slots__ = ("_identity", "_timeout", "path")

    def __init__(self, path: str | os.PathLike[str], timeout: float) -> None:
        name = os.fspath(path)
        if not os.path.basename(name) or name == ":memory:":
            raise ValueError(f"`{name}` is no name of a file")
        directory = os.path.dirname(os.path.abspath(name))
        self._timeout = timeout
        self.path = os.path.join(os.path.realpath(directory), os.path.basename(name))
        with _OPENING:
            try:
                os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
                self._make()
                self._identity = self._trusted()
                self._recognise()
                self._furnish()
            except sqlite3.Error as error:
                raise self.failure(error) from error
            except OSError as error:
                raise StoreError(f"the store `{self.path}` cannot be made or read: {error.strerror}") from error

    def paths(self) -> tuple[str, ...]:
        """The database and what SQLite puts beside it."""
        return tuple(self.path + suffix for suffix in _SUFFIXES)

    def connect(self) -> sqlite3.Connection:
        """A connection that one thread at a time may use. It waits for nobody: ``busy`` tells that others are at it.

        Raises:
            sqlite3.Error: SQLite cannot open the file.
            StoreError: another file is at its place.
        """
        connection = self._open("mode=rw")
        try:
            for line in _CONNECTION:
                connection.execute(line)
            connection.execute("PRAGMA busy_timeout=0")
            self.check_in_place()
        except BaseException:
            discard(connection)
            raise
        return connection

    def check_in_place(self) -> None:
        """Refuses to go on with a file that others no longer find: it was deleted, moved or replaced.

        Raises:
            StoreError: it is not the file that was opened.
        """
        try:
            found = os.lstat(self.path)
        except OSError as error:
            raise StoreError(f"the store `{self.path}` is not there any more: {error.strerror}") from error
        if (found.st_dev, found.st_ino) != self._identity:
            raise StoreError(f"the store `{self.path}` was replaced by another file")

    def failure(self, error: sqlite3.Error) -> StoreError:
        """What SQLite says, in plain words."""
        code = getattr(error, "sqlite_errorcode", None)
        says = _SAYS.get(code & 0xFF) if isinstance(code, int) else None
        return StoreError(f"the store `{self.path}` {says or 'failed'}: {error}")

    def damaged(self) -> StoreError:
        """For what SQLite can read and this store never wrote."""
        return StoreError(f"the store `{self.path}` is damaged: it holds what no store has written")

    def _open(self, how: str) -> sqlite3.Connection:
        # The name goes in as an address, so that a file that went away is not made anew, and under these names only.
        return sqlite3.connect(
            f"{Path(self.path).as_uri()}?{how}",
            uri=True, timeout=self._timeout, isolation_level=None, check_same_thread=False,
        )  # fmt: skip

    def _make(self) -> None:
        """Makes an empty file, readable by its owner alone, and makes sure that its name survives a loss of power."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        try:
            os.close(os.open(self.path, flags, 0o600))
        except FileExistsError:
            return
        if hasattr(os, "O_DIRECTORY"):
            directory = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def _trusted(self) -> tuple[int, int]:
        """Device and inode of the file, after a look at it, at its companions and at its directory."""
        directory = os.stat(os.path.dirname(self.path))
        if os.name == "posix" and directory.st_mode & stat.S_IWOTH and not directory.st_mode & stat.S_ISVTX:
            raise StoreError(f"the directory of the store `{self.path}` may be written by everybody")
        for companion in self.paths()[1:]:
            if os.path.lexists(companion):
                self._plain(companion)
        found = self._plain(self.path)
        return found.st_dev, found.st_ino

    def _plain(self, path: str) -> os.stat_result:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode):
            raise StoreError(f"`{path}` is a link, or something else that is no file")
        if found.st_nlink > 1:
            raise StoreError(f"`{path}` has another name too")
        if os.name == "posix":
            if os.geteuid() not in (0, found.st_uid):
                raise StoreError(f"`{path}` belongs to another user")
            if found.st_mode & stat.S_IWOTH:
                raise StoreError(f"`{path}` may be written by everybody")
        return found

    def _recognise(self) -> None:
        """Looks at the header alone, which changes nothing, neither in the file nor beside it."""
        deadline = time.monotonic() + self._timeout
        while os.lstat(self.path).st_size:
            connection = self._open("immutable=1")
            try:
                self._expect_ours(connection)
                return
            except (sqlite3.Error, StoreError):
                # Perhaps it is being made at this moment.
                if not os.path.lexists(self.path + "-journal") or time.monotonic() > deadline:
                    raise
            finally:
                discard(connection)
            time.sleep(_PAUSE)

    def _expect_ours(self, connection: sqlite3.Connection) -> None:
        if _number(connection, "application_id") != _APPLICATION:
            raise StoreError(f"`{self.path}` is a database of something else")
        if _number(connection, "user_version") != _SCHEMA:
            raise StoreError(f"the store `{self.path}` was made by another version of agentpolicy")

    def _furnish(self) -> None:
        """Makes the tables where there are none, and holds those that are there against the ones expected."""
        connection = self._open("mode=rw")
        try:
            self.check_in_place()
            for line in _CONNECTION:
                connection.execute(line)
            if _number(connection, "application_id") != _APPLICATION:
                connection.execute("BEGIN EXCLUSIVE")
                # Another process may have been first.
                if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    for table in _TABLES:
                        connection.execute(table)
                    connection.execute("INSERT INTO counter VALUES (0)")
                    connection.execute(f"PRAGMA application_id={_APPLICATION}")
                    connection.execute(f"PRAGMA user_version={_SCHEMA}")
                connection.execute("COMMIT")
            self._expect_ours(connection)
            tables = {text for (text,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
            if tables != set(_TABLES):
                raise self.damaged()
            self._log_ahead(connection)
        finally:
            discard(connection)

    def _log_ahead(self, connection: sqlite3.Connection) -> None:
        """Turns on the write-ahead log. SQLite does not wait by itself for others that are about the same."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] == "wal":
                    return
                raise StoreError(f"the store `{self.path}` is on a file system without shared memory")
            except sqlite3.OperationalError as error:
                if not busy(error) or time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE)


def busy(error: sqlite3.Error) -> bool:
    """Whether nothing was done because somebody else has the file locked."""
    # What Python's module says by itself bears no code.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


if hasattr(os, "register_at_fork"):
    # No child is left with a lock that a thread of its parent held, nor with half of a connection.
    os.register_at_fork(before=_OPENING.acquire, after_in_parent=_OPENING.release, after_in_child=_OPENING.release)
