"""What was recorded of one run of an agent, in the one form in which it is replayed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from attrs import Factory, field, frozen


@frozen
class Said:
    """Something that the user said. ``turn`` is the place of the message among all messages of the run."""

    text: str
    turn: int


@frozen
class Call:
    """A call that the agent made, and what came back.

    ``turn`` is the place of the message that asks for it: calls of one turn were chosen before any of them was
    answered. ``result`` is everything that the agent was shown of its end, the text of an error too; None where the
    record has no answer. ``failed`` says that it ended with an error.
    """

    tool: str
    args: Mapping[str, Any]
    turn: int
    result: str | None = None
    failed: bool = False


Step: TypeAlias = Said | Call


@frozen
class Run:
    """One run.

    ``goal`` names what an attacker wanted, None in an honest run; ``reached`` says whether they got it, ``solved``
    whether the user's task was done. ``injected`` are the attacker's texts, ``host`` what the host told the agent.
    ``asked`` is true of a run in which the user asks for an attacker's goal as a task: neither honest nor attacked.
    ``seconds`` is how long it took, where that is known; ``origin`` where it was read.
    """

    suite: str
    model: str
    task: str
    goal: str | None
    attack: str | None
    injected: tuple[str, ...]
    steps: tuple[Step, ...]
    solved: bool
    reached: bool
    origin: str
    host: str = ""
    asked: bool = False
    seconds: float | None = None
    calls: tuple[Call, ...] = field(init=False, default=Factory(lambda self: _calls(self.steps), takes_self=True))

    @property
    def id(self) -> str:
        """The run's name: suite, model, task, and the goal with the attack where there is one."""
        parts = [self.suite, self.model, self.task]
        if self.goal is not None:
            parts += [self.goal, self.attack or "none"]
        return "/".join(parts)

    @property
    def honest(self) -> bool:
        """Whether nobody attacked the run, and a user's task was asked for."""
        return self.goal is None and self.attack is None and not self.injected and not self.asked


def _calls(steps: Iterable[Step]) -> tuple[Call, ...]:
    return tuple(step for step in steps if isinstance(step, Call))


@frozen
class Unreadable:
    """A run, line or file that could not be read, and why."""

    origin: str
    why: str
