"""Places in source text, and the diagnostics that point at them."""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal, TypeAlias

from attrs import Factory, field, frozen

from agentpolicy.language.tree import NOWHERE, Span

Severity: TypeAlias = Literal["error", "warning"]


def _line_starts(text: str) -> list[int]:
    starts, at = [0], text.find("\n")
    while at >= 0:
        starts.append(at + 1)
        at = text.find("\n", at + 1)
    return starts


@frozen(eq=False)
class Source:
    """One policy text and the name it is shown by.

    Lines and columns count from 1; columns count characters.
    """

    name: str
    text: str
    _starts: list[int] = field(
        init=False, repr=False, default=Factory(lambda source: _line_starts(source.text), takes_self=True)
    )

    def line_column(self, offset: int) -> tuple[int, int]:
        """The line and column of a character offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of one line, without its line end."""
        start = self._starts[number - 1]
        end = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[start:end].removesuffix("\r")


@frozen
class Diagnostic:
    """One finding: a stable code, a lower-case message without full stop, its place and what to write instead."""

    code: str
    message: str
    source: Source
    span: Span = NOWHERE
    help: str | None = None
    severity: Severity = "error"


class PolicyError(Exception):
    """A policy that cannot be used; ``diagnostics`` holds every finding, errors and warnings.

    ``str()`` of it is the rendered findings.
    """

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        from agentpolicy.language.render import render_all

        return render_all(self.diagnostics)
