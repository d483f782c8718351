"""One run of an agent, and how code finds the one that it runs in."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Self

from agentpolicy.effects.call import ToolCall
from agentpolicy.engine.decision import Decision
from agentpolicy.engine.situation import Agent, Situation, User

if TYPE_CHECKING:
    from agentpolicy.engine.engine import Engine
    from agentpolicy.engine.policy import Policy

_current: ContextVar[Session | None] = ContextVar("agentpolicy_session", default=None)


def current() -> Session | None:
    """The session of this context."""
    return _current.get()


class Session:
    """What one agent run is: who acts, for whom, under which facts. Made by ``Engine.session``.

    Raises:
        FactError: a fact that the policy does not declare, or of the wrong type.
    """

    def __init__(self, engine: Engine, id: str, user: User, agent: Agent, facts: Mapping[str, Any]) -> None:
        self.engine = engine
        self.id = id
        self.user = user
        self.agent = agent
        self.facts = dict(facts)
        self.lock = threading.RLock()
        self.ended = False
        self._tokens: list[Token[Session | None]] = []
        self._bound = (engine.policy, engine.situation(engine.policy, self.facts, agent, user, id))

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

    def observe(self, decision: Decision, result: Any = None, *, error: BaseException | None = None) -> None:
        """Say how an authorized call ended: with a result, or with an error."""
        self.engine.settle(decision, "ok" if error is None else "error")

    def end(self) -> None:
        """End the session: no further call is let go in it."""
        self.ended = True

    def __enter__(self) -> Self:
        self._tokens.append(_current.set(self))
        return self

    def __exit__(self, *exc: object) -> None:
        _current.reset(self._tokens.pop())
        if not self._tokens:
            self.end()

    def __repr__(self) -> str:
        return f"<Session {self.id}>"
