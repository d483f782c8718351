"""The place of a text where a value stands, for explanations."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from agentpolicy.engine.provenance.encodings import SHORTEST_SEEN, decoded_runs
from agentpolicy.engine.provenance.identifiers import identifiers
from agentpolicy.engine.provenance.normal import squeezed, unescape, word_places

#: Characters of a passage.
WINDOW: Final = 120
#: Characters from which on a form is itself wherever it stands.
_LONG: Final = 8


def passage(value: object, text: str) -> str | None:
    """About `WINDOW` characters of a text around the first place that holds an identifier of a value.

    Identifiers are looked for whole, then by their parts: in the text as it stands, then with its escapes undone, then
    in what its base64 and hex runs say. None where none is found.
    """
    readings = [_Reading(one) for one in _readings(text)]
    level = identifiers(value)
    while level:
        for reading in readings:
            for one in level:
                place = None if one.common else reading.find(one.form)
                if place is not None:
                    return _window(reading.text, *place)
        level = [part for one in level for part in one.parts]
    return None


class _Reading:
    """One reading of a text, its words joined, and where each of them stands."""

    __slots__ = ("_joined", "_places", "_starts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._places = word_places(text)
        self._joined = "".join([word for _, _, word in self._places])
        self._starts: list[int] = []
        at = 0
        for _, _, word in self._places:
            self._starts.append(at)
            at += len(word)

    def find(self, form: str) -> tuple[int, int] | None:
        """Where the letters and digits of a form begin and end, None where they do not stand there."""
        wanted = squeezed(form)
        where = self._joined.find(wanted) if wanted else -1
        while where >= 0:
            first = bisect_right(self._starts, where) - 1
            last = bisect_right(self._starts, where + len(wanted) - 1) - 1
            # A short word inside of another one is another word.
            if len(wanted) >= _LONG or (
                self._starts[first] == where and where + len(wanted) == self._starts[last] + len(self._places[last][2])
            ):
                return self._places[first][0], self._places[last][1]
            where = self._joined.find(wanted, where + len(wanted))
        return None


def _readings(text: str) -> Iterator[str]:
    yield text
    plain = unescape(text)
    if plain != text:
        yield plain
    for _, said in decoded_runs(plain, SHORTEST_SEEN):
        yield said


def _window(text: str, begin: int, end: int) -> str:
    """The text around a place, cut at blanks where that costs little, on one line."""
    spare = max(WINDOW - (end - begin), 0)
    left = max(begin - spare // 2, 0)
    right = min(max(left + WINDOW, begin + min(end - begin, WINDOW)), len(text))
    if left > 0:
        blank = text.find(" ", left, begin)
        left = blank + 1 if 0 <= blank < left + 16 else left
    if right < len(text):
        blank = text.rfind(" ", end, right)
        right = blank if blank > right - 16 else right
    shown = " ".join(text[left:right].split())
    return f"{'…' if left > 0 else ''}{shown}{'…' if right < len(text) else ''}"
