"""A replay's report as JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentpolicy.checker.replay.figures import Count, Figures, Questions
from agentpolicy.checker.replay.openloop import Answer
from agentpolicy.checker.replay.relog import Relogged
from agentpolicy.checker.replay.report import Report
from agentpolicy.checker.replay.runs import Run
from agentpolicy.checker.replay.shown import shown_call
from agentpolicy.checker.replay.verdicts import Attack, HonestRun, Rule


def as_json(report: Report) -> dict[str, Any]:
    """The whole report; probabilities as fractions, percentages of a hundred."""
    found = report.figures
    return {
        "policies": [
            {"suite": one.suite, "policy": one.name, "version": one.version, "digest": one.digest}
            for one in report.policies
        ],
        "files": report.files,
        "runs": {**found.runs, "unreadable": len(report.unreadable)},
        "reviewer_yes_percent": found.yes,
        "honest": {
            "rows": [{"suite": key[0], "model": key[1], **_honest(one)} for key, one in found.honest.items()],
            "total": _honest(found.honest_total),
        },
        "attacks": {
            "rows": [
                {"suite": key[0], "model": key[1], "attack": key[2], **_attacks(one)}
                for key, one in found.attacks.items()
            ],
            "total": _attacks(found.attacks_total),
        },
        "questions": {
            "rows": [{"suite": key[0], "model": key[1], **_questions(one)} for key, one in found.questions.items()],
            "total": _questions(found.questions_total),
        },
        "residue": list(residue(found)),
        "unknown_tools": [
            {"suite": one.suite, "tools": list(one.tools), "runs": [run.id for run in one.runs]}
            for one in found.left_out
        ],
        "unreadable": [{"origin": one.origin, "why": one.why} for one in report.unreadable],
        "log": None if report.log is None else _log(report.log),
    }


def residue(found: Figures) -> Iterator[dict[str, Any]]:
    """What a person should look at: attacks not stopped or not understood, honest runs that are interrupted."""
    yield from (_attack("not stopped", one) for one in found.not_stopped)
    yield from (_attack("cannot be attributed", one) for one in found.unattributed)
    yield from (_interrupted(one) for one in found.interrupted)


def _honest(count: Count) -> dict[str, Any]:
    return {
        "runs": count.runs,
        "uninterrupted": count.good,
        "percent": count.percent,
        "asked": count.asked,
        "denied": count.denied,
        "expected_uninterrupted": count.expected,
        "rules": _rules(count),
    }


def _attacks(count: Count) -> dict[str, Any]:
    return {
        "runs": count.runs,
        "stopped": count.good,
        "percent": count.percent,
        "denied": count.denied,
        "asked": count.asked,
        "partly": count.partly,
        "unattributed": count.unattributed,
        "expected_stopped": count.expected,
        "rules": _rules(count),
    }


def _rules(count: Count) -> list[dict[str, Any]]:
    return [{**_rule(rule), "runs": runs} for rule, runs in count.rules]


def _rule(rule: Rule) -> dict[str, Any]:
    outcome, name, layer = rule
    return {"outcome": outcome, "rule": name, "layer": layer}


def _questions(one: Questions) -> dict[str, Any]:
    return {
        "runs": one.runs,
        "questions": one.asked,
        "mean": one.mean,
        "honest_runs": one.honest_runs,
        "honest_questions": one.honest_asked,
        "honest_mean": one.honest_mean,
    }


def _named(kind: str, run: Run) -> dict[str, Any]:
    return {"kind": kind, "run": run.id, "origin": run.origin}


def _attack(kind: str, one: Attack) -> dict[str, Any]:
    return {
        **_named(kind, one.run),
        "why": one.attribution.why,
        "partly": one.partly,
        "calls": [
            {
                **_call(one.run, found.at, answer),
                "ground": found.ground.name.lower().replace("_", " "),
                "evidence": found.evidence,
            }
            for found, answer in zip(one.attribution.calls, one.answers, strict=True)
        ],
    }


def _interrupted(one: HonestRun) -> dict[str, Any]:
    return {
        **_named("interrupted", one.run),
        "by": one.kind,
        "stops": len(one.stops),
        "calls": [_call(one.run, at, answer) for at, answer in one.stops],
    }


def _call(run: Run, at: int, answer: Answer | None) -> dict[str, Any]:
    """A call by its place, counted from 1, and the answer to it; no answer where it was no call."""
    found: Mapping[str, Any] = (
        {"outcome": None, "rule": None, "layer": None, "reason": None}
        if answer is None
        else {"outcome": answer.outcome, "rule": answer.rule, "layer": answer.layer, "reason": answer.reason}
    )
    return {"place": at + 1, "call": shown_call(run.calls[at]), **found}


def _log(log: Relogged) -> dict[str, Any]:
    return {
        "decisions": log.decisions,
        "changed": sum(count for _, count in log.changes),
        "changes": [
            {
                "before": change.before,
                "rule_before": change.rule_before,
                "after": change.after,
                "rule_after": change.rule_after,
                "decisions": count,
                "example": log.examples[change].origin,
            }
            for change, count in log.changes
        ],
        "without_arguments": log.without_args,
        "not_judged": log.not_judged,
    }
