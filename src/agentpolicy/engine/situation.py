"""What rules may read besides the effect: facts, the agent, the user, the host, the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from agentpolicy.compiler.bind import Written
from agentpolicy.compiler.remembered import NOTHING, State
from agentpolicy.engine.errors import FactError
from agentpolicy.language.vocabulary import WEEKDAYS

Clock = Callable[[], float]
#: Name, type as written, default.
FactRow = tuple[str, str, Any]


class Agent:
    """Who acts. ``None`` means unknown, which no allow rule takes for a match."""

    __slots__ = ("name", "role")

    def __init__(self, name: str | None = None, role: str | None = None) -> None:
        self.name = name
        self.role = role


class User:
    """For whom the agent acts."""

    __slots__ = ("groups", "name")

    def __init__(self, name: str | None = None, groups: Iterable[str] | None = None) -> None:
        self.name = name
        self.groups = None if groups is None else tuple(groups)


class Situation:
    """One situation in which effects are judged. Names are those of the language, ``.`` read as ``_``.

    ``lacking`` is true where a declared fact was not supplied and has no default. ``local`` turns epoch seconds into a
    broken-down time; the host's zone where not given.
    """

    __slots__ = (
        "_clock", "_local", "agent_name", "agent_role", "facts", "host_os", "lacking", "session_id", "state",
        "user_groups", "user_name",
    )  # fmt: skip

    def __init__(
        self,
        facts: Mapping[str, Any],
        *,
        lacking: bool,
        agent: Agent,
        user: User,
        host_os: str,
        session_id: str | None,
        clock: Clock,
        local: Callable[[float], time.struct_time] = time.localtime,
    ) -> None:
        self.facts = facts
        self.lacking = lacking
        self.agent_name = agent.name
        self.agent_role = agent.role
        self.user_name = user.name
        self.user_groups = user.groups
        self.host_os = host_os
        self.session_id = session_id
        self.state: State = NOTHING
        self._clock = clock
        self._local = local

    def at(self, moment: float) -> Situation:
        """The same situation with the clock stopped, so that every rule of one decision sees one time."""
        other = object.__new__(Situation)
        for name in Situation.__slots__:
            setattr(other, name, getattr(self, name))
        other._clock = lambda: moment
        return other

    def with_facts(self, facts: Mapping[str, Any], lacking: bool) -> Situation:
        """The same situation with other facts."""
        other = self.at(0.0)
        other._clock = self._clock
        other.facts = facts
        other.lacking = lacking
        return other

    def remembering(self, state: State) -> Situation:
        """The same situation in which a session's memory may be read."""
        other = object.__new__(Situation)
        for name in Situation.__slots__:
            setattr(other, name, getattr(self, name))
        other.state = state
        return other

    @property
    def time_hour(self) -> int:
        """The hour, 0 to 23."""
        return self._local(self._clock()).tm_hour

    @property
    def time_weekday(self) -> str:
        """The weekday, ``mon`` to ``sun``."""
        return WEEKDAYS[self._local(self._clock()).tm_wday]


def check_facts(rows: Sequence[FactRow], given: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Facts with defaults filled in, and whether one is lacking.

    Raises:
        FactError: a fact that is not declared, or a value of the wrong type.
    """
    declared = {name: kind for name, kind, _ in rows}
    given = {
        name: value.as_type(declared[name].removesuffix("?"))
        if isinstance(value, Written) and name in declared
        else value
        for name, value in given.items()
    }
    for name, value in given.items():
        if name not in declared:
            raise FactError(f"the policy declares no fact `{name}`" + _declared(declared))
        if value is not None and not _fits(value, declared[name].removesuffix("?")):
            raise FactError(f"the fact `{name}` is a `{declared[name]}`, and {type(value).__name__} was given")
    facts: dict[str, Any] = {}
    lacking = False
    for name, kind, default in rows:
        value = given.get(name)
        if value is None:
            value = default
        if value is not None:
            facts[name] = tuple(value) if isinstance(value, list) else value
        elif not kind.endswith("?"):
            lacking = True
    return facts, lacking


def _declared(names: Iterable[str]) -> str:
    listed = ", ".join(f"`{name}`" for name in names)
    return f"; it declares {listed}" if listed else "; it declares none"


def _fits(value: Any, kind: str) -> bool:
    if kind.startswith("["):
        return isinstance(value, list | tuple) and all(_fits(item, kind[1:-1]) for item in value)
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool) and value == value
    if kind == "argv":
        return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    return isinstance(value, str)
