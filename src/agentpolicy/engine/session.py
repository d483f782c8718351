"""One run of an agent, and how code finds the one that it runs in."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Self

from agentpolicy.effects.call import ToolCall
from agentpolicy.engine.decision import Decision
from agentpolicy.engine.memory import UNSEEN, Memory
from agentpolicy.engine.situation import Agent, Situation, User

if TYPE_CHECKING:
    from agentpolicy.engine.engine import Engine
    from agentpolicy.engine.policy import Policy

_current: ContextVar[Session | None] = ContextVar("agentpolicy_session", default=None)


def current() -> Session | None:
    """The session of this context."""
    return _current.get()


class Session:
    """What one agent run is: who acts, for whom, under which facts, and what it has done. Made by ``Engine.session``.

    Raises:
        FactError: a fact that the policy does not declare, or of the wrong type.
    """

    def __init__(
        self,
        engine: Engine,
        id: str,
        user: User,
        agent: Agent,
        facts: Mapping[str, Any],
        parent: Session | None = None,
        *,
        lasting: bool = False,
    ) -> None:
        self.engine = engine
        self.id = id
        #: whether what is kept of it outlives this object
        self._lasting = lasting
        self.user = user
        self.agent = agent
        self.facts = dict(facts)
        self.parent = parent
        self.lock: threading.RLock = threading.RLock() if parent is None else parent.lock
        self.memory: Memory = Memory(engine.store, id, engine.steady) if parent is None else parent.memory
        self._ended = False
        self._tokens: list[Token[Session | None]] = []
        self._bound = (engine.policy, engine.situation(engine.policy, self.facts, agent, user, id))

    @property
    def ended(self) -> bool:
        """Whether the session, or the one that it belongs to, was ended."""
        return self._ended or (self.parent is not None and self.parent.ended)

    def situation(self, policy: Policy) -> Situation:
        """What rules may read in this session.

        Raises:
            FactError: the facts do not fit the policy, after it was swapped.
        """
        known, situation = self._bound
        if known is not policy:
            situation = self.engine.situation(policy, self.facts, self.agent, self.user, self.id)
            self._bound = (policy, situation)
        return situation

    def decide(self, call: ToolCall) -> Decision:
        """``Engine.decide`` in this session."""
        return self.engine.decide(call, self)

    def authorize(self, call: ToolCall) -> Decision:
        """``Engine.authorize`` in this session.

        Raises:
            Denied: as there.
            ApprovalRequired: as there.
        """
        return self.engine.authorize(call, self)

    async def aauthorize(self, call: ToolCall) -> Decision:
        """``Engine.aauthorize`` in this session.

        Raises:
            Denied: as there.
            ApprovalRequired: as there.
        """
        return await self.engine.aauthorize(call, self)

    def said(self, text: str) -> None:
        """Say what the user said: every value in it is the user's from here on.

        Give the words of the person, never a message that a tool, a file or another agent wrote.

        Raises:
            StateError: the store cannot keep it; what the user said then counts as said by nobody.
        """
        if not self.ended:
            self.memory.hear("user", text, self.engine.policy)

    def observe(self, decision: Decision, result: Any = UNSEEN, *, error: BaseException | str | None = None) -> None:
        """Say how an authorized call ended: with a result, or with an error.

        The result is what the agent gets to see: text, bytes, or any nesting of JSON-like values. Where neither is
        given, nobody knows what the agent saw, and from here on only the user's and the policy's values are trusted.

        Raises:
            ValueError: the call was judged in another session.
        """
        self._mine(decision)
        if error is not None:
            self.engine.settle(decision, "error", error if result is UNSEEN else [result, error])
        else:
            self.engine.settle(decision, ending_of(result), result)

    def cancel(self, decision: Decision) -> None:
        """Say that an authorized call did not run: what it was charged is given back.

        Raises:
            ValueError: the call was judged in another session.
        """
        self._mine(decision)
        self.engine.settle(decision, "not run")

    def _mine(self, decision: Decision) -> None:
        if decision.session != self.id:
            raise ValueError("this call was judged in another session")

    def child(self, *, agent: Agent | str, facts: Mapping[str, Any] | None = None) -> Session:
        """The session of a sub-agent: it may do what both it and this session may.

        Marks, provenance, limits and budgets are one for both.

        Raises:
            FactError: a fact that the policy does not declare, or of the wrong type.
        """
        one = Agent(agent) if isinstance(agent, str) else agent
        return Session(self.engine, self.id, self.user, one, {**self.facts, **(facts or {})}, self)

    def end(self) -> None:
        """End the session: no further call is let go in it, and what was kept of it goes away."""
        with self.lock:
            if not self._ended:
                self._ended = True
                if self.parent is None:
                    self.memory.forget()

    def __enter__(self) -> Self:
        self._tokens.append(_current.set(self))
        return self

    def __exit__(self, *exc: object) -> None:
        _current.reset(self._tokens.pop())
        if not self._tokens:
            if self._lasting:
                self._ended = True
            else:
                self.end()

    def __repr__(self) -> str:
        return f"<Session {self.id}>"


def ending_of(result: Any) -> str:
    """How a call ended by its result: ``ok``, ``error``, or ``unknown``.

    Known are exit statuses (``returncode``, ``exit_code``, ``exitCode``, as attribute or in a map) and ``isError`` of
    MCP. A status that is no number is not known, and neither is the end of what was not shown or cannot be asked.
    """
    if result is UNSEEN:
        return "unknown"
    try:
        for name in ("returncode", "exit_code", "exitCode", "isError", "is_error"):
            there = name in result if isinstance(result, Mapping) else hasattr(result, name)
            value = (result[name] if isinstance(result, Mapping) else getattr(result, name)) if there else 0
            if type(value) not in {int, bool}:
                return "unknown"
            if value:
                return "error"
    except Exception:
        return "unknown"
    return "ok"
