"""Keyed hashes of forms, in which sightings are kept: whoever reads the store learns no text from them."""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

#: Bytes of one fingerprint.
WIDTH: Final = 8


class Hasher:
    """The keyed hash of one store: BLAKE2b (RFC 7693) of eight bytes."""

    __slots__ = ("_fresh",)

    def __init__(self, key: bytes) -> None:
        if not key:
            raise ValueError("provenance needs a key: the fingerprints of a store are hashed with its secret")
        if len(key) > hashlib.blake2b.MAX_KEY_SIZE:
            key = hashlib.blake2b(key).digest()
        self._fresh = hashlib.blake2b(digest_size=WIDTH, key=key)

    def of(self, form: str) -> int:
        """The fingerprint of one form, never zero."""
        state = self._fresh.copy()
        state.update(form.encode("utf-8", "surrogatepass"))
        return int.from_bytes(state.digest(), "little") or 1

    def all_of(self, forms: Iterable[str]) -> bytes:
        """The fingerprints of forms, packed: unsigned, little-endian, sorted, each once."""
        fresh = self._fresh
        found: set[bytes] = set()
        for form in forms:
            state = fresh.copy()
            state.update(form.encode("utf-8", "surrogatepass"))
            found.add(state.digest())
        numbers = array("Q", b"".join(found))
        if sys.byteorder == "big":
            numbers.byteswap()
        return packed(numbers)


def packed(numbers: Iterable[int]) -> bytes:
    """Fingerprints as bytes: unsigned, little-endian, sorted, without zero."""
    row = array("Q", sorted(one or 1 for one in numbers))
    if sys.byteorder == "big":
        row.byteswap()
    return row.tobytes()


def unpacked(raw: bytes) -> array[int]:
    """Fingerprints from their bytes.

    Raises:
        ValueError: the length is no multiple of eight.
    """
    row = array("Q")
    row.frombytes(raw)
    if sys.byteorder == "big":
        row.byteswap()
    return row


@lru_cache(16)
def hasher(key: bytes) -> Hasher:
    """The hasher of a key."""
    return Hasher(key)
