"""What a store of session state does, whatever it keeps the state in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

#: Characters of a key.
LONGEST_KEY: Final = 4096
#: Bytes of a value. All that is in one write must fit into one message to a server.
LARGEST_VALUE: Final = 64 * 1024 * 1024
#: Seconds. What is to be kept for longer is kept for good.
FOR_GOOD: Final = 100 * 366 * 86400.0


class StoreError(Exception):
    """The store could not answer: locked, full disk, lost connection, damaged, closed. The message says which."""


class Change(NamedTuple):
    """What a key is to hold, given what it held when it was read.

    Args:
        key: up to 4096 characters without NUL.
        version: the version that was read; 0 where nothing was there.
        value: the new value, up to 64 MiB; None deletes the key.
        ttl: seconds from now after which the key may go away, and not earlier; None: never.
    """

    key: str
    version: int
    value: bytes | None
    ttl: float | None = None


class Store(Protocol):
    """Keys with values and versions, shared by threads and, where the store can, by processes.

    A version is a positive number that no later value of the key gets again, not even after the key was deleted: who
    read a version and writes against it knows that nothing happened in between.
    """

    def read(self, keys: Sequence[str]) -> list[tuple[int, bytes | None]]:
        """Version and value of each key, all as of one moment; (0, None) where nothing is there.

        Raises:
            StoreError: the store could not answer.
            ValueError: a key is too long or holds NUL.
        """
        ...

    def write(self, changes: Sequence[Change]) -> bool:
        """Make all changes at once, or none: False where the version of any key is no longer the one given.

        Raises:
            StoreError: nothing was changed, or it is not known whether all of it was. Never a part.
            ValueError: a change cannot be meant: a bad key, a key twice, a negative time to live, a huge value.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections. Every later read and write raises StoreError; closing twice is nothing."""
        ...

    def paths(self) -> tuple[str, ...]:
        """Files of the store's own, absolute, which no guarded call may touch."""
        ...


def check_key(key: str) -> None:
    """Refuses what is no key, with ValueError."""
    if len(key) > LONGEST_KEY:
        raise ValueError(f"a key has {len(key)} characters, more than {LONGEST_KEY}")
    if "\0" in key:
        raise ValueError("a key holds NUL")


def encoded(key: str) -> bytes:
    """A key as bytes, each key its own: lone surrogates, which UTF-8 cannot say, have bytes too.

    Raises:
        ValueError: it is no key.
    """
    check_key(key)
    return key.encode("utf-8", "surrogatepass")


def check_changes(changes: Sequence[Change]) -> None:
    """Refuses changes that cannot be meant, with ValueError, before anything is done about any of them."""
    for key, version, value, ttl in changes:
        check_key(key)
        if version < 0:
            raise ValueError(f"version {version} is negative")
        if value is not None and not isinstance(value, bytes):
            raise ValueError(f"a value is {type(value).__name__}, not bytes")
        if value is not None and len(value) > LARGEST_VALUE:
            raise ValueError(f"a value has {len(value)} bytes, more than {LARGEST_VALUE}")
        # Written so that a number that is none is refused too.
        if ttl is not None and not ttl >= 0:
            raise ValueError(f"time to live {ttl} is not 0 or more seconds")
    if len(changes) > 1 and len({change.key for change in changes}) < len(changes):
        raise ValueError("a key is changed twice in one write")


def kept_for(ttl: float | None) -> float | None:
    """Seconds for which a value is kept, None for good. No store needs to know numbers of any size."""
    return None if ttl is None or ttl >= FOR_GOOD else ttl
