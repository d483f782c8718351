"""``agentpolicy explain``: why one call is answered as it is, and what would change that."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from agentpolicy.checker.bench import Circumstances
from agentpolicy.checker.explain import explain as explained
from agentpolicy.checker.history import Done, Said
from agentpolicy.cli.common import (
    MAX_LINE,
    BadLine,
    agent_from,
    call_from_json,
    colour,
    fail,
    json_line,
    lines_of,
    pairs,
    parsed,
    policy_options,
    user_from,
)
from agentpolicy.effects.tools import BadCall
from agentpolicy.engine.errors import FactError
from agentpolicy.engine.memory import UNSEEN
from agentpolicy.language.load import load_program
from agentpolicy.language.render import render_all
from agentpolicy.language.source import PolicyError


@click.command()
@policy_options()
@click.option(
    "--after",
    type=click.Path(exists=True, dir_okay=False),
    help="JSON lines of what was said and done before in the session, as `decide` reads them.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the explanation as JSON.")
@click.argument("call", required=False, metavar="[CALL]")
def explain(
    policies: tuple[str, ...],
    params: tuple[str, ...],
    facts: tuple[str, ...],
    agent: str | None,
    user: str | None,
    after: str | None,
    as_json: bool,
    call: str | None,
) -> None:
    """Explain the answer to one call, given as JSON or read from standard input.

    CALL is {"tool": NAME, "args": {…}} or {"action": KIND, "target": …}. It is judged in a new session, or in one in
    which everything of --after has happened. Ends with 1 if the call is denied.
    """
    try:
        text = sys.stdin.buffer.read(MAX_LINE + 1) if call is None else call.encode("utf-8", "surrogateescape")
        asked = call_from_json(parsed(text if len(text) <= MAX_LINE else None))
        before = [] if after is None else list(_history(after))
        found = explained(
            load_program(list(policies)),
            asked,
            params=pairs(params, "--param"),
            circumstances=Circumstances(facts=pairs(facts, "--fact"), agent=agent_from(agent), user=user_from(user)),
            before=before,
        )
    except BadLine as error:
        fail(f"error: {error}")
    except PolicyError as error:
        fail(render_all(error.diagnostics, colour=colour(sys.stderr)))
    except (BadCall, FactError, RuntimeError) as error:
        fail(f"error: {error}")
    if as_json:
        sys.stdout.buffer.write(json_line(found.as_json()))
    else:
        click.echo(found.text(colour=colour(sys.stdout)))
    raise SystemExit(1 if found.decision.outcome == "deny" else 0)


def _history(name: str) -> Iterator[Said | Done]:
    """What a file says was said and done.

    Raises:
        BadLine: a line is neither, or the file cannot be read.
    """
    try:
        with open(name, "rb") as file:
            for number, line in enumerate(lines_of(file), 1):
                try:
                    yield _happened(parsed(line))
                except BadLine as error:
                    raise BadLine(f"{name}:{number}: {error}") from error
    except OSError as error:
        raise BadLine(f"{name}: {error.strerror}") from error


def _happened(value: dict[str, Any]) -> Said | Done:
    value = {key: part for key, part in value.items() if key != "session"}
    if value.keys() == {"said"}:
        if not isinstance(value["said"], str):
            raise BadLine("'said' is text")
        return Said(value["said"])
    result, returned = value.pop("result", "ok"), value.pop("returned", UNSEEN)
    if result not in {"ok", "error", "not run", None}:
        raise BadLine('\'result\' is "ok", "error" or "not run", or null for a call that is still under way')
    return Done(call_from_json(value), result, returned)
