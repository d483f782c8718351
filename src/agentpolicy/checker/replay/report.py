"""What a replay found, as one value: figures of runs, changes in decision logs, and what could not be read."""

from __future__ import annotations

from attrs import frozen

from agentpolicy.checker.replay.figures import Figures
from agentpolicy.checker.replay.relog import Relogged
from agentpolicy.checker.replay.runs import Unreadable


@frozen
class PolicyUsed:
    """A policy that answered: for one suite, or for every suite that has none of its own (None)."""

    suite: str | None
    name: str
    version: str
    digest: str


@frozen
class Report:
    """Everything that a replay found. ``files`` is how many were read, ``log`` is None where no decisions were."""

    policies: tuple[PolicyUsed, ...]
    files: int
    figures: Figures
    log: Relogged | None = None
    unreadable: tuple[Unreadable, ...] = ()
