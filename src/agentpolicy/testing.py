"""For tests of code that uses agentpolicy: a clock, a reviewer, a recorder, files in memory, and assertions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.host import Host
from agentpolicy.effects.paths import MemoryFiles
from agentpolicy.engine.decision import Decision
from agentpolicy.engine.engine import Engine
from agentpolicy.engine.policy import Policy
from agentpolicy.engine.review import ApprovalRequest
from agentpolicy.engine.session import Session

__all__ = [
    "FakeClock",
    "FakeReviewer",
    "MemoryFiles",
    "MemoryRecorder",
    "assert_allows",
    "assert_asks",
    "assert_denies",
    "engine_from_text",
    "memory_host",
]


class FakeClock:
    """A clock that moves only when told. Call it for the time in seconds since the epoch.

    It starts on Monday, 1 January 2024, 12:00 UTC where nothing else is said.
    """

    def __init__(self, now: float = 1704110400.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time, in seconds since the epoch."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move forward (or back, with a negative number)."""
        self.now += seconds


class FakeReviewer:
    """Answers every request the same way, or by a function of the request; keeps what it was asked."""

    def __init__(self, answer: bool | Callable[[ApprovalRequest], bool] = True) -> None:
        self._answer = answer
        self.requests: list[ApprovalRequest] = []

    def __call__(self, request: ApprovalRequest) -> bool:
        """The answer to a request, which is kept."""
        self.requests.append(request)
        return self._answer if isinstance(self._answer, bool) else self._answer(request)


class MemoryRecorder:
    """Keeps events in a list; ``fail`` makes it refuse."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.fail = False
        self._lock = threading.Lock()

    def record(self, event: dict[str, Any]) -> None:
        """Keep one event.

        Raises:
            OSError: ``fail`` is set.
        """
        if self.fail:
            raise OSError("told to fail")
        with self._lock:
            self.events.append(event)


def memory_host(
    *, cwd: str = "/", home: str = "/home/user", links: Mapping[str, str] | None = None, os_name: str = "linux"
) -> Host:
    """A host without a disk: nothing is a link but what ``links`` says, and no program is found."""
    return Host(cwd=cwd, home=home, files=MemoryFiles(links or {}), os_name=os_name)


def engine_from_text(
    text: str,
    *,
    params: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
    host: Host | None = None,
    **options: Any,
) -> Engine:
    """An engine on a policy given as text, on a host without a disk.

    Raises:
        PolicyError: the policy has errors.
    """
    host = host or memory_host()
    policy = Policy.from_text(text, params=params, files=files, host=host)
    options.setdefault("clock", FakeClock())
    return Engine(policy, host=host, **options)


def assert_allows(engine: Engine, call: ToolCall, *, by: str | None = None, session: Session | None = None) -> Decision:
    """Assert that a call is allowed, by a given rule where one is named."""
    return _assert("allow", engine, call, by, session)


def assert_asks(engine: Engine, call: ToolCall, *, by: str | None = None, session: Session | None = None) -> Decision:
    """Assert that a call is asked about."""
    return _assert("ask", engine, call, by, session)


def assert_denies(engine: Engine, call: ToolCall, *, by: str | None = None, session: Session | None = None) -> Decision:
    """Assert that a call is denied."""
    return _assert("deny", engine, call, by, session)


def _assert(outcome: str, engine: Engine, call: ToolCall, by: str | None, session: Session | None) -> Decision:
    decision = engine.decide(call, session)
    told = f"{call!r} is {decision.outcome} by {decision.rule}: {decision.reason}"
    assert decision.outcome == outcome, f"expected {outcome}, but {told}"
    if by is not None:
        assert by in _deciding(decision), f"expected it to be decided by {by}, but {told}"
    return decision


def _deciding(decision: Decision) -> Iterable[str]:
    return {
        decision.rule,
        *(one.rule for one in decision.verdicts if one.outcome == decision.outcome),
        *(one.rule for one in decision.asks),
    }
