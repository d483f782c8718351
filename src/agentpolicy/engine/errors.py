"""What the engine raises towards the code that runs tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentpolicy.engine.decision import Decision


class NotAllowed(Exception):
    """A call that may not run; ``decision`` says why. The text is written for the agent that made the call."""

    def __init__(self, message: str, decision: Decision) -> None:
        super().__init__(message)
        self.decision = decision


class Denied(NotAllowed):
    """The policy, or a person, refused the call."""


class ApprovalRequired(NotAllowed):
    """A person has to agree before the call may run, and nobody was there to ask."""


class FactError(ValueError):
    """A fact that the policy does not declare, or of the wrong type."""
