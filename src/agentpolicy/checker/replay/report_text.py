"""A replay's report laid out for a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from agentpolicy.checker.replay.figures import Count, Figures, LeftOut
from agentpolicy.checker.replay.openloop import Answer
from agentpolicy.checker.replay.relog import Relogged
from agentpolicy.checker.replay.report import Report
from agentpolicy.checker.replay.runs import Run, Unreadable
from agentpolicy.checker.replay.shown import short, shown_call
from agentpolicy.checker.replay.table import table
from agentpolicy.checker.replay.verdicts import Attack, HonestRun
from agentpolicy.effects.text import visible

#: Colours a text in a style: ``bold`` or ``dim``.
Paint = Callable[[str, str], str]
#: Characters of a name, and of a reason, that are shown.
NAME, REASON = 60, 120


def as_text(report: Report, *, limit: int | None = None, paint: Paint = lambda text, style: text) -> str:
    """The report without a line end. At most ``limit`` entries of each list are shown, all where it is None."""
    return "\n\n".join("\n".join(part) for part in _Layout(limit, paint).parts(report))


class _Layout:
    def __init__(self, limit: int | None, paint: Paint) -> None:
        self._limit = limit
        self._paint = paint

    def parts(self, report: Report) -> Iterator[list[str]]:
        found = report.figures
        yield [*_head(report)]
        if found.honest_total.runs:
            yield [self._title("honest runs that solved their task"), *_honest(found)]
        if found.attacks_total.runs:
            yield [self._title("attacks that reached their goal"), *_attacks(found)]
        if found.questions_total.runs:
            yield [self._title("questions per run"), *_questions(found)]
        if report.log is not None:
            yield [self._title("decision log"), *_log(report.log)]
        lists: list[tuple[str, list[list[str]]]] = [
            ("attacks that are not stopped", [_attack(one) for one in found.not_stopped]),
            (
                "attacks that cannot be attributed, counted as not stopped",
                [_unknown(one) for one in found.unattributed],
            ),
            ("honest runs that are interrupted", [_interrupted(one) for one in found.interrupted]),
            *((_unknown_tools(one), [[_named(run)] for run in one.runs]) for one in found.left_out),
            ("unreadable", [[_unreadable(one)] for one in report.unreadable]),
        ]
        yield from (self._list(title, entries) for title, entries in lists if entries)

    def _title(self, text: str) -> str:
        return self._paint(text, "bold")

    def _list(self, title: str, entries: Sequence[Sequence[str]]) -> list[str]:
        shown = entries if self._limit is None else entries[: self._limit]
        lines = [f"  {line}" for entry in shown for line in entry]
        if len(shown) < len(entries):
            lines.append(self._paint(f"  … and {len(entries) - len(shown)} more", "dim"))
        return [self._title(f"{title}: {len(entries)}"), *lines]


# --- figures ------------------------------------------------------------------------


def _head(report: Report) -> Iterator[str]:
    for one in report.policies:
        where = "" if one.suite is None else f" for {_name(one.suite)}"
        yield f"policy {one.name} {one.version}{where} ({one.digest[:19]}…)"
    runs = report.figures.runs
    if runs["read"] or report.log is None:
        parts = [f"{runs['honest']} honest", f"{runs['attacked']} attacked"]
        if runs["goals_as_tasks"]:
            parts.append(f"{runs['goals_as_tasks']} of an attacker's goal as a task, not counted below")
        if runs["left_out"]:
            parts.append(f"{runs['left_out']} left out, because the policy does not know their tools")
        yield f"{_count(runs['read'], 'run')} in {_count(report.files, 'file')}: {', '.join(parts)}"
    if report.unreadable:
        yield f"{len(report.unreadable)} unreadable"


def _honest(found: Figures) -> list[str]:
    def cells(key: Sequence[str], one: Count) -> list[str]:
        numbers = (one.runs, one.good, _percent(one), one.asked, one.denied)
        return [*key, *map(str, numbers), *_expected(one)]

    head = ["suite", "model", "runs", "uninterrupted", "%", "asked", "denied", f"at {found.yes:g} % yes", "%"]
    rows = [cells([_name(part) for part in key], one) for key, one in found.honest.items()]
    rows.append(cells(["all", ""], found.honest_total))
    return [*table(head, rows, names=2), *_rules("interrupted by", found.honest_total)]


def _attacks(found: Figures) -> list[str]:
    def cells(key: Sequence[str], one: Count) -> list[str]:
        numbers = (one.runs, one.good, _percent(one), one.denied, one.asked, one.partly, one.unattributed)
        return [*key, *map(str, numbers), *_expected(one)]

    head = [
        "suite", "model", "attack", "runs", "stopped", "%", "denied", "asked", "in part", "unattributed",
        f"at {found.yes:g} % yes", "%",
    ]  # fmt: skip
    rows = [cells([_name(part) for part in key], one) for key, one in found.attacks.items()]
    rows.append(cells(["all", "", ""], found.attacks_total))
    return [*table(head, rows, names=3), *_rules("stopped by", found.attacks_total)]


def _rules(title: str, count: Count) -> Iterator[str]:
    if count.rules:
        yield f"  {title}"
        rows = [[outcome, rule, layer or "", str(runs)] for (outcome, rule, layer), runs in count.rules]
        yield from (f"  {line}" for line in table(["answer", "rule", "layer", "runs"], rows, names=3))


def _questions(found: Figures) -> list[str]:
    rows = [
        [*(_name(part) for part in key), _mean(one.mean), _mean(one.honest_mean)]
        for key, one in found.questions.items()
    ]
    total = found.questions_total
    rows.append(["all", "", _mean(total.mean), _mean(total.honest_mean)])
    return table(["suite", "model", "all runs", "honest runs"], rows, names=2)


def _log(log: Relogged) -> Iterator[str]:
    changed = sum(count for _, count in log.changes)
    yield f"  {_count(log.decisions, 'decision')}, {changed} would be answered differently"
    if log.without_args:
        yield f"  {log.without_args} on tools, whose arguments no log holds: conditions on them are unknown"
    if log.not_judged:
        yield f"  {log.not_judged} answered by what is built in, not judged again"
    if log.changes:
        rows = [
            [
                f"{change.before} → {change.after}",
                change.rule_before,
                change.rule_after,
                str(count),
                visible(log.examples[change].origin),
            ]
            for change, count in log.changes
        ]
        yield from table(["change", "was by", "is by", "decisions", "for example"], rows, names=3)


# --- entries of lists ------------------------------------------------------------------


def _attack(one: Attack) -> list[str]:
    calls = [
        f"  {_answer(answer)}  {found.at + 1}. {shown_call(one.run.calls[found.at])}"
        for found, answer in zip(one.attribution.calls, one.answers, strict=True)
    ]
    return [_named(one.run) + (" (stopped in part)" if one.partly else ""), *calls]


def _unknown(one: Attack) -> list[str]:
    return [_named(one.run), f"  {one.attribution.why}"]


def _interrupted(one: HonestRun) -> list[str]:
    at, first = one.stops[0]
    more = f" (the first of {len(one.stops)})" if len(one.stops) > 1 else ""
    because = f": {short(first.reason, REASON)}" if first.reason else ""
    return [
        _named(one.run),
        f"  {at + 1}. {shown_call(one.run.calls[at])}",
        f"  {_answer(first)}{because}{more}",
    ]


def _unknown_tools(one: LeftOut) -> str:
    tools = ", ".join(_name(tool) for tool in one.tools)
    return f"runs of {_name(one.suite)} left out, as the policy does not know: {tools}"


def _unreadable(one: Unreadable) -> str:
    return f"{visible(one.origin)}: {short(one.why, REASON)}"


def _answer(answer: Answer | None) -> str:
    if answer is None:
        return "no call"
    return answer.outcome if answer.rule == "default" else f"{answer.outcome} by {answer.rule}"


def _named(run: Run) -> str:
    return visible(run.id)


def _name(text: str) -> str:
    return short(text, NAME)


def _percent(count: Count) -> str:
    return "" if count.percent is None else f"{count.percent:.1f}"


def _expected(count: Count) -> tuple[str, str]:
    return f"{count.expected:.1f}", "" if not count.runs else f"{100 * count.expected / count.runs:.1f}"


def _mean(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
