"""``agentpolicy replay``: recorded runs put to a policy, and what that would have stopped."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click

from agentpolicy.checker.replay.figures import USUAL_YES, Figures
from agentpolicy.checker.replay.openloop import EngineMaker
from agentpolicy.checker.replay.reading import Record, files, read
from agentpolicy.checker.replay.replaying import NoPolicy, Policies, replay_all
from agentpolicy.checker.replay.report_json import as_json, residue
from agentpolicy.checker.replay.report_text import as_text
from agentpolicy.cli.common import colour, fail, json_line, load_engine, paint, pairs, policy_options
from agentpolicy.effects.text import visible
from agentpolicy.engine.engine import Engine

#: Entries of each list that are shown where nothing else is said.
USUAL_LIMIT = 20


@click.command()
@policy_options(required=False)
@click.option(
    "--policy-for",
    "suite_policies",
    multiple=True,
    metavar="SUITE=FILE",
    help="The policy of one suite, in place of --policy; several for one suite make layers.",
)
@click.option(
    "--reviewer-yes",
    type=click.FloatRange(0, 100),
    default=USUAL_YES,
    show_default=True,
    metavar="PCT",
    help="How many of a hundred questions a tired reviewer answers by yes.",
)
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=USUAL_LIMIT,
    show_default=True,
    metavar="N",
    help="Entries of each list that are shown; 0 shows all.",
)
@click.option(
    "--residue", "residue_file", metavar="FILE", help="Write every entry of the lists to FILE, one JSON line each."
)
@click.option("--fail-under-stopped", type=float, metavar="PCT", help="End with 1 if fewer attacks are stopped.")
@click.option(
    "--fail-under-uninterrupted", type=float, metavar="PCT", help="End with 1 if fewer honest runs come through."
)
@click.option(
    "--fail-over-questions",
    type=float,
    metavar="N",
    help="End with 1 if there are more questions per run, over all runs or over the honest ones.",
)
@click.option("--json", "as_json_", is_flag=True, help="Write the whole report as JSON.")
@click.argument("paths", nargs=-1, required=True, metavar="FILE…")
def replay(
    policies: tuple[str, ...],
    params: tuple[str, ...],
    facts: tuple[str, ...],
    agent: str | None,
    user: str | None,
    suite_policies: tuple[str, ...],
    reviewer_yes: float,
    limit: int,
    residue_file: str | None,
    fail_under_stopped: float | None,
    fail_under_uninterrupted: float | None,
    fail_over_questions: float | None,
    as_json_: bool,
    paths: tuple[str, ...],
) -> None:
    """Put recorded runs to a policy: what it would have stopped, asked about and let through.

    FILE is a file or directory of AgentDojo's run objects, or a decision log of ours; gzipped or not. Ends with 1 if a
    --fail option says so, with 2 if something could not be read.
    """

    def maker(names: Sequence[str]) -> EngineMaker:
        loaded = load_engine(names, params, facts, agent, user)
        known = pairs(facts, "--fact")

        def make(clock: Callable[[], float]) -> Engine:
            # An engine for each run: none sees what another one has spent.
            return Engine(
                loaded.policy,
                facts=known,
                agent=loaded.agent,
                user=loaded.user,
                mode="observe",
                clock=clock,
                host=loaded.host,
            )

        return make

    if not policies and not suite_policies:
        raise click.UsageError("give --policy, or --policy-for SUITE=FILE")
    made = Policies(
        maker(policies) if policies else None,
        {suite: maker(names) for suite, names in _by_suite(suite_policies).items()},
    )
    try:
        found = files(paths)
    except OSError as error:
        fail(f"error: {visible(str(error.filename))}: {error.strerror}")
    if not found:
        fail("error: there are no records: directories are searched for .json, .jsonl and the same with .gz")
    line = _Line()
    try:
        report = replay_all(_records(found, line), made, files=len(found), yes=reviewer_yes, progress=line.show)
    except NoPolicy as error:
        line.clear()
        where = "--policy FILE" if error.suite is None else f"--policy FILE or --policy-for {visible(error.suite)}=FILE"
        fail(f"error: {visible(str(error))}: give {where}")
    line.clear()
    if as_json_:
        sys.stdout.buffer.write(json_line(as_json(report)))
    else:
        on = colour(sys.stdout)
        click.echo(as_text(report, limit=limit or None, paint=lambda text, style: paint(text, style, on=on)))
    if residue_file is not None:
        _write(residue_file, residue(report.figures))
    failures = [*_failures(report.figures, fail_under_stopped, fail_under_uninterrupted, fail_over_questions)]
    for failure in failures:
        click.echo(f"failed: {failure}", err=True)
    if report.unreadable:
        raise SystemExit(2)
    raise SystemExit(1 if failures else 0)


def _by_suite(values: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for value in values:
        suite, equals, name = value.partition("=")
        if not (suite and equals and name):
            raise click.UsageError(f"--policy-for takes SUITE=FILE, not {value!r}")
        found.setdefault(suite, []).append(name)
    return found


def _records(names: Sequence[str], line: _Line) -> Iterator[Record]:
    for done, name in enumerate(names):
        line.show("reading files", done, len(names))
        yield from read(name)


def _write(name: str, entries: Iterator[dict[str, Any]]) -> None:
    try:
        with open(name, "wb") as file:
            file.writelines(json_line(entry) for entry in entries)
    except OSError as error:
        fail(f"error: {name} cannot be written: {error.strerror}")


def _failures(
    found: Figures, stopped: float | None, uninterrupted: float | None, questions: float | None
) -> Iterator[str]:
    """What the --fail options find; where there is nothing to measure, they fail."""
    if found.left_out and not (stopped is uninterrupted is questions is None):
        yield f"{found.runs['left_out']} runs call tools that the policy does not know"
    for name, bound, count in (
        ("attacks stopped", stopped, found.attacks_total),
        ("honest runs uninterrupted", uninterrupted, found.honest_total),
    ):
        if bound is None:
            continue
        if count.percent is None:
            yield f"{name}: there is nothing to measure"
        elif count.percent < bound:
            yield f"{name}: {count.percent:.2f} %, less than {bound:g} %"
    for name, mean in (("run", found.questions_total.mean), ("honest run", found.questions_total.honest_mean)):
        if questions is not None and mean is not None and mean > questions:
            yield f"questions per {name}: {mean:.3f}, more than {questions:g}"
    if questions is not None and found.questions_total.mean is None:
        yield "questions per run: there is nothing to measure"


class _Line:
    """One line of progress on standard error, only on a terminal."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._shown = ""

    def show(self, what: str, done: int, total: int) -> None:
        """Say how far a step is."""
        text = f"{what}: {100 * done // max(1, total)} %"
        if self._on and text != self._shown:
            self._shown = text
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._on and self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
