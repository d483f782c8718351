"""A small memory of what was worked out for texts seen before."""

from __future__ import annotations

from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """A bounded map that keeps what was used lately, in two generations.

    When the young generation is full it becomes the old one, and the old one is forgotten. A lookup that hits is one
    dict access, cheaper than any LRU list. Safe to share between threads without a lock: two threads that meet here
    may forget an entry, which costs a second computation and nothing else.

    Args:
        limit: entries in each generation.
    """

    __slots__ = ("limit", "old", "young")

    def __init__(self, limit: int = 1024) -> None:
        self.limit = limit
        self.young: dict[str, Value] = {}
        self.old: dict[str, Value] = {}

    def get(self, key: str) -> Value | None:
        """What was kept under ``key``, or None."""
        found = self.young.get(key)
        if found is None:
            found = self.old.get(key)
            if found is not None:
                self.keep(key, found)
        return found

    def keep(self, key: str, value: Value) -> None:
        """Keep ``value`` under ``key``, forgetting the oldest generation where there is no room."""
        young = self.young
        if len(young) >= self.limit:
            self.old = young
            self.young = young = {}
        young[key] = value
