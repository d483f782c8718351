"""What ``agentpolicy demo`` shows: text for a person, or JSON lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import click

from agentpolicy.cli.common import colour, json_line, paint
from agentpolicy.cli.demo_stage import POLICY, Stage
from agentpolicy.effects.text import visible
from agentpolicy.engine.engine import Engine
from agentpolicy.engine.review import describe


class View:
    """What a run is shown on."""

    def begin(self, stage: Stage, engine: Engine, *, observe: bool) -> None:
        """The stage is ready."""

    def part(self, text: str) -> None:
        """Another part of the story begins."""

    def decided(self, event: dict[str, Any]) -> None:
        """A call was decided."""

    def failed(self, text: str) -> None:
        """A call was let go and broke."""

    def end(self, events: list[dict[str, Any]], checks: list[tuple[bool, str]], log: str, *, git: bool) -> None:
        """The run is over."""


class JsonView(View):
    """JSON lines: the decisions as they are recorded, then one summary."""

    def decided(self, event: dict[str, Any]) -> None:
        """One line for each call."""
        click.echo(json_line(event), nl=False)

    def end(self, events: list[dict[str, Any]], checks: list[tuple[bool, str]], log: str, *, git: bool) -> None:
        """One line for the whole."""
        summary = {
            "kind": "summary",
            "calls": len(events),
            **_counts(events),
            "checks": [{"check": text, "held": held} for held, text in checks],
            "git": git,
            "log": log,
        }
        click.echo(json_line(summary), nl=False)


def _counts(events: list[dict[str, Any]]) -> dict[str, int]:
    return {
        "released": sum(1 for event in events if event["released"]),
        "denied": sum(1 for event in events if event["outcome"] == "deny"),
        "asked": sum(1 for event in events if event["outcome"] == "ask"),
    }


class TextView(View):
    """Text for a person, coloured on a terminal."""

    def __init__(self) -> None:
        self._on = colour(sys.stdout)
        self._observe = False
        self._shorten: Callable[[str], str] = str

    def _echo(self, text: str = "") -> None:
        encoding = sys.stdout.encoding or "utf-8"
        click.echo(text.encode(encoding, "replace").decode(encoding), color=self._on)

    def begin(self, stage: Stage, engine: Engine, *, observe: bool) -> None:
        """Where everything is."""
        root = str(stage.root)
        self._observe = observe
        self._shorten = lambda text: text.replace(root + os.sep, "")
        self._echo(f"In {root} (temporary):")
        self._echo("  workspace/        where the agent works, with a secret in .env and a link `shared` to outside/")
        self._echo(f"  policy/demo.agp   the policy in force: {engine.policy.name} {engine.policy.version}")
        if stage.origin is not None:
            self._echo("  origin.git/       what a push would reach")
        else:
            self._echo("  (git is not installed: the commit and the push are left out)")
        self._echo(f"  {stage.server.url}   a web server of the demo's own")
        if observe:
            self._echo("\nNothing is enforced (--observe): answers are shown, and every call runs.")

    def part(self, text: str) -> None:
        """A heading."""
        self._echo()
        self._echo(paint(text, "bold", on=self._on))
        self._echo()

    def decided(self, event: dict[str, Any]) -> None:
        """Number, answer, tool, rule; then what the call would do, and why it was answered so."""
        answer = paint(f"{event['outcome']:<5}", event["outcome"], on=self._on)
        self._echo(
            f"{event['number']:>3}  {answer}  {event['tool']:<5}  by rule {paint(event['rule'], 'bold', on=self._on)}"
        )
        for effect in event["effects"]:
            self._echo(f"            effect   {self._shorten(describe(effect))}")
            if effect.get("opaque"):
                self._echo(f"            text     {self._shorten(visible(next(iter(event['asked'].values()))))}")
        self._echo(paint(f"            because  {event['reason']}", "dim", on=self._on))
        if event["question"] is not None:
            self._echo("            a person is asked:")
            for line in event["question"].splitlines():
                self._echo(f"              | {self._shorten(line)}")
            self._echo(
                "            and answers no: it is not run" if not event["released"] else "            and agrees"
            )

    def failed(self, text: str) -> None:
        """What the call raised."""
        self._echo(f"            it ran and failed: {self._shorten(text.splitlines()[-1] if text else '')}")

    def end(self, events: list[dict[str, Any]], checks: list[tuple[bool, str]], log: str, *, git: bool) -> None:
        """What happened, what was checked, and where to read on."""
        counts = _counts(events)
        self.part("What happened")
        would = " would have been" if self._observe else " was"
        self._echo(f"  The agent made {len(events)} calls, and {counts['released']} of them ran.")
        self._echo(f"  {counts['denied']}{would.replace(' was', ' were')} denied by the policy.")
        if counts["asked"]:
            self._echo(f"  {counts['asked']}{would} put to a person{'' if self._observe else ', who said no'}.")
        self.part("What was checked, on disk and on the server")
        for held, text in checks:
            mark = paint("holds ", "allow", on=self._on) if held else paint("FAILED", "deny", on=self._on)
            self._echo(f"  {mark}  {text}")
        self._echo()
        self._echo(f"The decision log: {log}")
        self._echo("The policy: " + str(POLICY))
