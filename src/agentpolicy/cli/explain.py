"""``agentpolicy explain``: why one call is answered as it is, and what would change that."""

from __future__ import annotations

import sys

import click

from agentpolicy.checker.bench import Circumstances
from agentpolicy.checker.explain import explain as explained
from agentpolicy.cli.common import (
    MAX_LINE,
    BadLine,
    agent_from,
    call_from_json,
    colour,
    fail,
    json_line,
    pairs,
    parsed,
    policy_options,
    user_from,
)
from agentpolicy.effects.tools import BadCall
from agentpolicy.engine.errors import FactError
from agentpolicy.language.load import load_program
from agentpolicy.language.render import render_all
from agentpolicy.language.source import PolicyError


@click.command()
@policy_options()
@click.option("--json", "as_json", is_flag=True, help="Write the explanation as JSON.")
@click.argument("call", required=False, metavar="[CALL]")
def explain(
    policies: tuple[str, ...],
    params: tuple[str, ...],
    facts: tuple[str, ...],
    agent: str | None,
    user: str | None,
    as_json: bool,
    call: str | None,
) -> None:
    """Explain the answer to one call, given as JSON or read from standard input.

    CALL is {"tool": NAME, "args": {…}} or {"action": KIND, "target": …}. Ends with 1 if the call is denied.
    """
    try:
        text = sys.stdin.buffer.read(MAX_LINE + 1) if call is None else call.encode("utf-8", "surrogateescape")
        asked = call_from_json(parsed(text if len(text) <= MAX_LINE else None))
        found = explained(
            load_program(list(policies)),
            asked,
            params=pairs(params, "--param"),
            circumstances=Circumstances(facts=pairs(facts, "--fact"), agent=agent_from(agent), user=user_from(user)),
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
