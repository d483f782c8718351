"""Every record to the report: runs replayed, goals attributed, logged decisions judged again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from attrs import frozen

from agentpolicy.checker.replay.attribution import Attributor
from agentpolicy.checker.replay.figures import USUAL_YES, figures
from agentpolicy.checker.replay.logged import Logged
from agentpolicy.checker.replay.openloop import EngineMaker, Tools, replay
from agentpolicy.checker.replay.reading import Record
from agentpolicy.checker.replay.relog import relog
from agentpolicy.checker.replay.report import PolicyUsed, Report
from agentpolicy.checker.replay.runs import Run, Unreadable

#: Is told what is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


class NoPolicy(Exception):
    """No policy was given for what was recorded; ``suite`` is None where it was a decision log."""

    def __init__(self, suite: str | None) -> None:
        super().__init__(f"no policy for the suite {suite!r}" if suite else "no policy for the decision log")
        self.suite = suite


@frozen
class Policies:
    """What makes the engines: one for each suite that has a policy of its own, and one for everything else."""

    usual: EngineMaker | None
    suites: Mapping[str, EngineMaker]

    def of(self, suite: str | None) -> EngineMaker:
        """What makes engines for a suite, or for decision logs (None).

        Raises:
            NoPolicy: there is none.
        """
        found = self.usual if suite is None else self.suites.get(suite, self.usual)
        if found is None:
            raise NoPolicy(suite)
        return found

    def used(self) -> tuple[PolicyUsed, ...]:
        """The policies that the engines have."""
        makers = [(None, self.usual), *self.suites.items()]
        engines = [(suite, make(lambda: 0.0)) for suite, make in makers if make is not None]
        return tuple(
            PolicyUsed(suite, one.policy.name, one.policy.version, one.policy.digest) for suite, one in engines
        )


def replay_all(
    records: Iterable[Record],
    policies: Policies,
    *,
    files: int,
    yes: float = USUAL_YES,
    progress: Progress = lambda what, done, total: None,
) -> Report:
    """Put everything that was recorded to its policy. ``yes``: as for ``figures``.

    Raises:
        NoPolicy: a suite, or a decision log, has none.
    """
    runs: list[Run] = []
    decisions: list[Logged] = []
    unreadable: list[Unreadable] = []
    for one in records:
        match one:
            case Run():
                runs.append(one)
            case Logged():
                decisions.append(one)
            case Unreadable():
                unreadable.append(one)
    for suite in dict.fromkeys(run.suite for run in runs):
        policies.of(suite)
    tools = Tools.of(runs)
    replayed = []
    for done, run in enumerate(runs):
        progress("replaying runs", done, len(runs))
        replayed.append(replay(run, policies.of(run.suite), tools))
    progress("telling attacks apart", len(runs), len(runs))
    found = figures(replayed, Attributor(runs), yes)
    log = relog(decisions, policies.of(None)(lambda: 0.0)) if decisions else None
    return Report(policies.used(), files, found, log, tuple(unreadable))
