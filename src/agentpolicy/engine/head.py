"""What is kept of a session besides its texts: one small document, written whole at each change.

The document is plain JSON, so that it may lie in any store. Values are never changed in place: a change is made on a
copy, which replaces the original only when the store has taken it.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

__all__ = ["BROKEN", "MOST_OPEN", "Head", "Mark"]

#: Calls let through and not yet observed that are told apart; what more of them may have changed stays unknown.
MOST_OPEN: Final = 256
#: Values that a person approved which are kept for each parameter of each tool.
MOST_APPROVED: Final = 512
BROKEN: Final = "what is kept of the session cannot be read"

#: (1 set, 0 unknown; when it goes, in seconds since the epoch, or None; the call that set it)
Mark = tuple[int, "float | None", str]


class Head:
    """The state of one session.

    ``marks`` by name, those that are not there are not set. ``open`` has what calls that were let through and not
    observed may change: ``was`` the marks as they were, ``may`` what those may become that wait for the result,
    ``counts`` what was charged, ``seen`` the origin of the result, ``awaited`` whether the result is sure to be
    observed before the agent sees it. ``lost``: a result was never shown. ``texts`` and ``base`` say which texts were
    seen. ``time`` is the latest moment that any call was judged at.
    """

    __slots__ = ("approved", "base", "ended", "lost", "marks", "open", "texts", "time", "version")

    def __init__(self) -> None:
        self.version = 0
        self.marks: dict[str, Mark] = {}
        self.open: dict[str, dict[str, Any]] = {}
        self.approved: dict[str, list[int]] = {}
        self.lost = False
        self.ended = False
        self.texts = 0
        self.base = 0
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
        try:
            found = orjson.loads(value)
            head.marks = {name: (mark[0], mark[1], mark[2]) for name, mark in found["marks"].items()}
            head.open = found["open"]
            head.approved = found["approved"]
            head.lost = found["lost"]
            head.ended = found["ended"]
            head.texts = found["texts"]
            head.base = found["base"]
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
        other.lost, other.ended = self.lost, self.ended
        other.texts, other.base, other.time = self.texts, self.base, self.time
        return other

    def dump(self) -> bytes:
        """The document as a store keeps it."""
        return orjson.dumps(
            {
                "marks": self.marks,
                "open": self.open,
                "approved": self.approved,
                "lost": self.lost,
                "ended": self.ended,
                "texts": self.texts,
                "base": self.base,
                "time": self.time,
            }
        )

    # --- marks ------------------------------------------------------------------------

    def mark(self, name: str, now: float, *, back: bool = False) -> bool | None:
        """Whether a mark is set at a moment; ``back`` says that the clock cannot be trusted for how long it lasts."""
        settled = self.settled(name, now, back=back)
        for one in self.open.values():
            if one["was"].get(name, settled) != settled or any(may != settled for may in one["may"].get(name, ())):
                return None
        return settled

    def settled(self, name: str, now: float, *, back: bool = False) -> bool | None:
        """The same, whatever calls under way may change."""
        mark = self.marks.get(name)
        if mark is None:
            return False
        state, until, _ = mark
        if until is not None and not back and now >= until:
            return False
        return True if state and not (back and until is not None) else None

    def begin(self, call_id: str, entry: dict[str, Any]) -> None:
        """Note a call that was let through."""
        self.open[call_id] = entry
        while len(self.open) > MOST_OPEN:
            oldest = next(iter(self.open))
            gone = self.open.pop(oldest)
            self.lost = self.lost or gone["seen"] != "trusted"
            for name in (*gone["was"], *gone["may"]):
                self.marks[name] = (0, None, oldest)

    def approve(self, place: str, fingerprints: list[int]) -> None:
        """Note values that a person approved for one parameter of one tool."""
        known = self.approved.setdefault(place, [])
        known.extend(one for one in fingerprints if one not in known)
        del known[:-MOST_APPROVED]
