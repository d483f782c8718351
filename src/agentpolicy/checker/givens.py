"""What a test has been given so far, and the circumstances that follow."""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agentpolicy.checker.bench import Circumstances
from agentpolicy.engine.situation import Agent, User
from agentpolicy.language import checked as c
from agentpolicy.language import tree as t
from agentpolicy.language.patterns import DOLLAR
from agentpolicy.language.scope import literal
from agentpolicy.language.source import Diagnostic
from agentpolicy.language.vocabulary import OS_NAMES, WEEKDAYS
from agentpolicy.stores import MemoryStore

#: Where the clock of a test stands at first: Monday, 1 January 2024, 12:00 UTC.
START = calendar.timegm((2024, 1, 1, 12, 0, 0))
_HOUR, _DAY = 3600, 86400


class BadGiven(Exception):
    """A ``given`` that cannot be; ``diagnostic`` says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


class Givens:
    """Collects the ``given`` steps of one test and its clock; nothing outside is touched."""

    def __init__(self, program: c.Program, layer: c.Layer) -> None:
        self._layer = layer
        self._param_names = {name for one in program.layers for name in one.params}
        self._fact_names = {name for one in program.layers for name in one.facts}
        self.params: dict[str, Any] = {}
        self.param_bindings: dict[str, t.Binding] = {}
        self.facts: dict[str, Any] = {}
        self._context: dict[str, Any] = {}
        self._now: float = START
        self._store = MemoryStore()
        self.asked = False

    @property
    def os_name(self) -> str:
        """The host's system."""
        return str(self._context.get("host.os", "linux"))

    def take(self, given: t.Given) -> bool:
        """Add a ``given`` to the former ones; whether it changed parameters.

        Raises:
            BadGiven: a value that can never be.
        """
        before = dict(self.params)
        moved: dict[str, t.Binding] = {}
        for binding in given.bindings:
            name, value = binding.ref.text, value_of(binding.value)
            if name in self._param_names:
                self.params[name] = value
                self.param_bindings[name] = binding
            if name in self._fact_names:
                self.facts[name] = value
            if name in {"time.hour", "time.weekday"}:
                moved[name] = binding
            elif name == "host.os" and value not in OS_NAMES:
                raise self._bad(binding, f"`host.os` is never `{value}`", "it is " + ", ".join(OS_NAMES))
            elif "." in name:
                self._context[name] = value
        if moved:
            self._move(moved)
        return self.params != before

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    def circumstances(self) -> Circumstances:
        """In what the next call is judged. The zone is UTC."""
        now = self._now
        read = self._context.get
        return Circumstances(
            facts=dict(self.facts),
            agent=Agent(read("agent.name"), read("agent.role")),
            user=User(read("user.name"), read("user.groups")),
            session_id=read("session.id", "test"),
            store=self._store,
            clock=lambda: now,
            local=time.gmtime,
        )

    def _move(self, moved: Mapping[str, t.Binding]) -> None:
        """Put the clock at an hour and a weekday; once a call was judged it only goes forward."""
        date = time.gmtime(self._now)
        hour, weekday = date.tm_hour, date.tm_wday
        step = _DAY
        if "time.hour" in moved:
            value = value_of(moved["time.hour"].value)
            if not isinstance(value, int) or not 0 <= value <= 23:
                raise self._bad(moved["time.hour"], f"`time.hour` is never `{value}`", "it is a whole number, 0 to 23")
            hour = value
        if "time.weekday" in moved:
            value = value_of(moved["time.weekday"].value)
            if value not in WEEKDAYS:
                raise self._bad(
                    moved["time.weekday"], f"`time.weekday` is never `{value}`", "it is one of " + ", ".join(WEEKDAYS)
                )
            weekday = WEEKDAYS.index(value)
            step = 7 * _DAY
        minutes = self._now % _HOUR if "time.hour" not in moved else 0
        midnight = self._now - self._now % _DAY
        found = midnight + (weekday - date.tm_wday) % 7 * _DAY + hour * _HOUR + minutes
        if self.asked and found < self._now:
            found += step
        self._now = found

    def _bad(self, binding: t.Binding, message: str, help: str) -> BadGiven:
        return BadGiven(Diagnostic("AP706", message, self._layer.source, binding.span, help))


def plain_text(text: str) -> str:
    """A text as it is meant: ``\\$`` is a dollar sign."""
    return text.replace(DOLLAR, "$")


def value_of(value: t.Value, fill: Callable[[str], str] = plain_text) -> Any:
    """The plain value that is written in a test; ``fill`` makes texts of written ones."""
    if isinstance(value, t.ListValue):
        return [value_of(item, fill) for item in value.items]
    found = literal(value)
    return fill(found) if isinstance(found, str) else found


def arguments(named: Iterable[t.Named], fill: Callable[[str], str] = plain_text) -> dict[str, Any]:
    """Named values as a map."""
    return {one.name.text: value_of(one.value, fill) for one in named}
