"""What is kept of a session besides its texts: one small document, written whole at each change.

The document is plain JSON, so that it may lie in any store. Values are never changed in place: a change is made on a
copy, which replaces the original only when the store has taken it.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

__all__ = ["BROKEN", "ENDED", "KEEP", "MOST_OPEN", "Head", "Mark"]

#: Calls that may be under way at once: let go, and nobody has said how they ended.
MOST_OPEN: Final = 256
#: Values that a person approved which are kept for each parameter of each tool.
MOST_APPROVED: Final = 512
#: What stands where a session was that has ended.
ENDED: Final = b"ended"
BROKEN: Final = "what is kept of the session cannot be read"
#: What a mark may become besides set (True) and cleared (False): what it was.
KEEP: Final = "keep"

#: (1 set, 0 unknown; until when that is sure; until when it is there at all), in seconds since the epoch or None
Mark = tuple[int, "float | None", "float | None"]


class Head:
    """The state of one session.

    ``marks`` by name, those that are not there are not set. ``open`` has the calls under way: ``changes`` what each may
    make of marks, ``counts`` what was charged, ``bytes`` what is charged for what comes back, ``seen`` the origin of
    the result, ``awaited`` whether the result is sure to be observed before the agent sees it. ``lost``: a result was
    never shown. ``texts`` and ``base`` say which texts were seen, ``loose`` how many bytes lie beside the base.
    ``time`` is the latest moment that any call was judged at.
    """

    __slots__ = ("approved", "base", "loose", "lost", "marks", "open", "texts", "time", "version")

    def __init__(self) -> None:
        self.version = 0
        self.marks: dict[str, Mark] = {}
        self.open: dict[str, dict[str, Any]] = {}
        self.approved: dict[str, list[int]] = {}
        self.lost = False
        self.texts = 0
        self.base = 0
        self.loose = 0
        self.time = 0.0

    @classmethod
    def read(cls, version: int, value: bytes | None) -> Head:
        """The document that a store holds; an empty one where it holds nothing.

        Raises:
            ValueError: it is not one.
        """
        head = cls()
        head.version = version
        if value is None:
            return head
        if value == ENDED:
            raise ValueError("the session has ended")
        try:
            found = orjson.loads(value)
            head.marks = {name: (mark[0], mark[1], mark[2]) for name, mark in found["marks"].items()}
            head.open = found["open"]
            head.approved = found["approved"]
            head.lost = found["lost"]
            head.texts = found["texts"]
            head.base = found["base"]
            head.loose = found["loose"]
            head.time = found["time"]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError(BROKEN) from error
        return head

    def copy(self) -> Head:
        """A copy that may be changed."""
        other = Head()
        other.version = self.version
        other.marks = dict(self.marks)
        other.open = dict(self.open)
        other.approved = {name: list(found) for name, found in self.approved.items()}
        other.lost = self.lost
        other.texts, other.base, other.loose, other.time = self.texts, self.base, self.loose, self.time
        return other

    def dump(self) -> bytes:
        """The document as a store keeps it."""
        return orjson.dumps(
            {
                "marks": self.marks,
                "open": self.open,
                "approved": self.approved,
                "lost": self.lost,
                "texts": self.texts,
                "base": self.base,
                "loose": self.loose,
                "time": self.time,
            }
        )

    def mark(self, name: str, now: float, *, back: bool = False) -> bool | None:
        """Whether a mark is set at a moment: unknown while a call is under way that may make something else of it.

        ``back`` says that the clock cannot be trusted for how long marks last.
        """
        settled = self.settled(name, now, back=back)
        for one in self.open.values():
            for value in one["changes"].get(name, ()):
                if value != KEEP and value is not settled:
                    return None
        return settled

    def settled(self, name: str, now: float, *, back: bool = False) -> bool | None:
        """The same, whatever calls under way may change."""
        mark = self.marks.get(name)
        if mark is None:
            return False
        state, sure, until = mark
        if until is not None:
            if back:
                return None
            if now >= until:
                return False
        return True if state and (sure is None or now < sure) else None

    def approve(self, place: str, fingerprints: list[int]) -> None:
        """Note values that a person approved for one parameter of one tool."""
        known = self.approved.setdefault(place, [])
        known.extend(one for one in fingerprints if one not in known)
        del known[:-MOST_APPROVED]
