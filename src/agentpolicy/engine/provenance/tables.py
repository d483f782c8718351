"""Sets of fingerprints in little memory: an exact one, and a filter of fixed size that errs towards having seen."""

from __future__ import annotations

from array import array
from typing import Final

from agentpolicy.engine.provenance.fingerprints import packed

#: Slots of the smallest table, eight bytes each.
SMALLEST: Final = 256
#: Words of the filter, eight bytes each.
FILTER_WORDS: Final = 65_536


class Table:
    """A set of fingerprints with open addressing. They are keyed hashes: nobody can make them collide."""

    __slots__ = ("count", "slots")

    def __init__(self) -> None:
        self.slots = array("Q", bytes(8 * SMALLEST))
        self.count = 0

    def __contains__(self, fingerprint: int) -> bool:
        slots = self.slots
        mask = len(slots) - 1
        at = fingerprint & mask
        while found := slots[at]:
            if found == fingerprint:
                return True
            at = (at + 1) & mask
        return False

    @property
    def full(self) -> bool:
        """Whether it has to grow before one is added."""
        return self.count * 4 >= len(self.slots) * 3

    def add(self, fingerprint: int) -> None:
        """Add one. The table must not be full."""
        slots = self.slots
        mask = len(slots) - 1
        at = fingerprint & mask
        while found := slots[at]:
            if found == fingerprint:
                return
            at = (at + 1) & mask
        slots[at] = fingerprint
        self.count += 1

    def grow(self) -> None:
        """Double the slots."""
        # Filled before it takes the old one's place: whoever looks meanwhile finds all that was there.
        larger = Table()
        larger.slots = array("Q", bytes(16 * len(self.slots)))
        for one in self.slots:
            if one:
                larger.add(one)
        self.slots = larger.slots

    def dump(self) -> bytes:
        """All of them, packed."""
        return packed(one for one in self.slots if one)


class Filter:
    """A Bloom filter of fixed size, four bits in one word each: it never forgets, and errs towards having seen."""

    __slots__ = ("words",)

    def __init__(self) -> None:
        self.words = array("Q", bytes(8 * FILTER_WORDS))

    def __contains__(self, fingerprint: int) -> bool:
        bits = _bits(fingerprint)
        return self.words[fingerprint >> 48] & bits == bits

    def add(self, fingerprint: int) -> None:
        """Add one."""
        self.words[fingerprint >> 48] |= _bits(fingerprint)


def _bits(fingerprint: int) -> int:
    return (
        1 << (fingerprint & 63)
        | 1 << (fingerprint >> 6 & 63)
        | 1 << (fingerprint >> 12 & 63)
        | 1 << (fingerprint >> 18 & 63)
    )


def fill(table: Table, fingerprints: array[int], most: int) -> bool:
    """Add fingerprints to a table of ``most`` slots at most; False where it could not hold all of them."""
    for one in fingerprints:
        if table.full:
            if len(table.slots) * 2 > most:
                return False
            table.grow()
        table.add(one)
    return True


def to_filter(table: Table) -> Filter:
    """A filter that holds what a table does."""
    held = Filter()
    for one in table.slots:
        if one:
            held.add(one)
    return held
