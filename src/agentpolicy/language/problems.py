"""Gathers what is wrong with one text, in bounded memory and time however much it is."""

from __future__ import annotations

from agentpolicy.language.source import Diagnostic, PolicyError, Source
from agentpolicy.language.tree import Span

#: Errors of one file that are shown; the rest are counted.
MAX_SHOWN = 200
#: Errors of one file that are counted; then nobody looks for more.
MAX_COUNTED = 50_000


class GiveUpError(Exception):
    """So much is wrong that looking on helps nobody."""


class Problems:
    """The first errors of a text, and how many there are."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: list[Diagnostic] = []
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether further errors are only counted, so that nobody needs to word them."""
        return len(self._found) >= MAX_SHOWN

    def add(self, code: str, message: str, start: int, end: int, help: str | None = None) -> None:
        """Report an error at the half-open range of character offsets.

        Raises:
            GiveUpError: there are 50 000 of them.
        """
        self.count_one()
        if not self.full:
            self._found.append(Diagnostic(code, message, self._source, Span(start, end), help))

    def count_one(self) -> None:
        """Count an error that is not shown.

        Raises:
            GiveUpError: there are 50 000 of them.
        """
        self.count += 1
        if self.count >= MAX_COUNTED:
            raise GiveUpError

    def stop(self, *others: Problems) -> None:
        """Raise what was found here and by the others, in the order of the text.

        Raises:
            PolicyError: if anything was found; past 200 errors, one more says how many are not shown.
        """
        everything = (self, *others)
        count = sum(one.count for one in everything)
        if not count:
            return
        found = sorted((one for each in everything for one in each._found), key=lambda one: one.span.start)
        shown = found[:MAX_SHOWN]
        left = count - len(shown)
        if left:
            at_least = "at least " if any(one.count >= MAX_COUNTED for one in everything) else ""
            message = f"{at_least}{left} more {'error' if left == 1 else 'errors'} in this file not shown"
            end = Span(len(self._source.text), len(self._source.text))
            shown.append(Diagnostic("AP109", message, self._source, end, "mend the first ones and check again"))
        raise PolicyError(tuple(shown))
