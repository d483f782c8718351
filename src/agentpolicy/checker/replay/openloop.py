"""A recorded run put to a policy: every call in its order, each let through as it was recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping

from attrs import field, frozen

from agentpolicy.checker.replay.runs import Call, Run, Said
from agentpolicy.effects.call import ToolCall
from agentpolicy.engine.decision import Decision
from agentpolicy.engine.engine import Engine
from agentpolicy.engine.session import Session

#: Makes the engine of one run, on a clock: no run may see what another one has spent.
EngineMaker = Callable[[Callable[[], float]], Engine]
#: Seconds that a call takes where the record does not say how long the run took.
USUAL_SECONDS = 1.0
#: Built-in answers to what is no call of the tool that it names. A tool answers such a call with an error.
MALFORMED = frozenset(
    f"builtin:{code}"
    for code in (
        "missing-argument", "undeclared-argument", "wrong-type", "bad-text", "not-json", "too-large", "too-deep",
        "bad-name", "bad-method",
    )
)  # fmt: skip
UNKNOWN_TOOL = "builtin:unknown-tool"


@frozen
class Answer:
    """What the policy answers to one call: outcome, rule, reason, and the layer that decided."""

    outcome: str
    rule: str
    reason: str | None = None
    layer: str | None = None

    @property
    def stops(self) -> bool:
        """Whether the call would not have run as it is."""
        return self.outcome != "allow"


@frozen
class Replayed:
    """A run with the answer to each of its calls.

    An answer is None where there was no call: the agent named a tool that does not exist, or called one in a way that
    both the tool and the policy refuse. ``unknown`` are the tools that the policy does not know and that do exist.
    """

    run: Run
    answers: tuple[Answer | None, ...]
    unknown: tuple[str, ...] = ()

    @property
    def questions(self) -> int:
        """How often a person would have been asked."""
        return sum(one is not None and one.outcome == "ask" for one in self.answers)

    @property
    def stops(self) -> tuple[tuple[int, Answer], ...]:
        """The places of the calls that would not have run as they are, with the answers."""
        return tuple((at, one) for at, one in enumerate(self.answers) if one is not None and one.stops)


@frozen
class Tools:
    """Which tools there are in each suite: those that once answered without an error."""

    _known: Mapping[str, Collection[str]] = field(factory=dict)

    @classmethod
    def of(cls, runs: Iterable[Run]) -> Tools:
        """The tools that runs show."""
        known: dict[str, set[str]] = {}
        for run in runs:
            known.setdefault(run.suite, set()).update(call.tool for call in run.calls if _answered(call))
        return cls(known)

    def exists(self, suite: str, tool: str) -> bool:
        """Whether a tool of that name ever answered in a suite."""
        return tool in self._known.get(suite, ())


def replay(run: Run, make: EngineMaker, tools: Tools) -> Replayed:
    """Put every call of a run to the policy. A question goes down as one, and the run goes on as it was recorded.

    What the user said, what was let through and what came back is told to the session as it happened. What the host
    told the agent is nobody's word there, and what the agent says is no source.
    """
    clock = _Clock(run)
    session = make(clock).session(id="replay")
    answers: list[Answer | None] = []
    unknown: dict[str, None] = {}
    for step in run.steps:
        if isinstance(step, Said):
            session.said(step.text)
            continue
        decision = _decide(step, session)
        clock.tick()
        missing = decision.rule == UNKNOWN_TOOL
        if missing and tools.exists(run.suite, step.tool):
            unknown.setdefault(step.tool)
        elif missing or (step.failed and decision.rule in MALFORMED):
            answers.append(None)
            continue
        answers.append(Answer(decision.outcome, decision.rule, decision.reason, decision.layer))
    session.end()
    return Replayed(run, tuple(answers), tuple(unknown))


def _decide(call: Call, session: Session) -> Decision:
    asked = ToolCall(call.tool, call.args)
    if call.failed or session.engine.shape(call.tool) is None:
        decision = session.decide(asked)
        if decision.rule == UNKNOWN_TOOL or decision.rule in MALFORMED:
            # The call never reached a tool; letting it through would make the session trust nothing any more.
            return decision
    decision = session.authorize(asked)
    if call.result is not None:
        if call.failed:
            session.observe(decision, error=call.result)
        else:
            session.observe(decision, call.result)
    return decision


def _answered(call: Call) -> bool:
    return call.result is not None and not call.failed


class _Clock:
    """A clock that goes on with each call, as long as calls took on the average of the run."""

    def __init__(self, run: Run) -> None:
        self._now = time.time()
        self._step = USUAL_SECONDS if run.seconds is None else run.seconds / max(1, len(run.calls))

    def __call__(self) -> float:
        return self._now

    def tick(self) -> None:
        self._now += self._step
