"""Collects what is found wrong with a policy, so that one run shows everything."""

from __future__ import annotations

from collections.abc import Iterable

from agentpolicy.language.checked import Place
from agentpolicy.language.source import Diagnostic, PolicyError, Severity

#: Findings past this number are counted, not kept.
MAX_FINDINGS = 1000


class Findings:
    """Diagnostics in the order in which they were found, each place and code once."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, int, int, int, str]] = set()
        self._found: list[Diagnostic] = []
        self.left_out = 0

    def add(
        self, code: str, message: str, place: Place, *, help: str | None = None, severity: Severity = "error"
    ) -> None:
        """Keep one finding."""
        key = (code, id(place.source), place.span.start, place.span.end, message)
        if key in self._seen:
            return
        if len(self._found) >= MAX_FINDINGS:
            self.left_out += 1
            return
        self._seen.add(key)
        self._found.append(Diagnostic(code, message, place.source, place.span, help, severity))

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Keep findings that another stage made."""
        for one in diagnostics:
            self.add(one.code, one.message, Place(one.source, one.span), help=one.help, severity=one.severity)

    @property
    def all(self) -> tuple[Diagnostic, ...]:
        """Everything found, in source order within each file."""
        order: dict[int, int] = {}
        for one in self._found:
            order.setdefault(id(one.source), len(order))
        return tuple(sorted(self._found, key=lambda one: (order[id(one.source)], one.span.start)))

    def stop_on_errors(self) -> None:
        """Raise what was found if any of it keeps a policy from loading (lint findings, ``AP6…``, do not).

        Raises:
            PolicyError: holding all findings.
        """
        if any(one.severity == "error" and not one.code.startswith("AP6") for one in self._found):
            raise PolicyError(self.all)
