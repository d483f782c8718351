"""``agentpolicy effects``: calls in as JSON lines, what each would do out."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from agentpolicy.cli.common import BadLine, call_from_json, fail, lines_of, parsed, write_line
from agentpolicy.effects.host import Host
from agentpolicy.effects.known_tools import KNOWN_TOOLS
from agentpolicy.effects.tools import BadCall, ToolShape, effects_of


@click.command()
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="FILE",
    help="Brings tool declarations, in place of the built-in ones.",
)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the policy.")
def effects(policies: tuple[str, ...], params: tuple[str, ...]) -> None:
    """Read calls as JSON lines, write their canonical effects, one line each. Nothing is judged.

    Without a policy, tools are taken for what their names say: bash, edit, read, fetch, apply_patch and their like.
    """
    shapes: Mapping[str, ToolShape] = _declared(policies, params) if policies else KNOWN_TOOLS
    host = Host()
    bad = False
    for line in lines_of(sys.stdin.buffer):
        answer = read(line, shapes, host)
        bad = bad or "error" in answer
        write_line(sys.stdout.buffer, answer)
    raise SystemExit(1 if bad else 0)


def read(line: bytes | None, shapes: Mapping[str, ToolShape], host: Host) -> dict[str, Any]:
    """The effects of the call on one line; nothing is raised."""
    try:
        found = effects_of(call_from_json(parsed(line)), shapes, host)
    except BadLine as error:
        return {"error": str(error)}
    except BadCall as error:
        return {"error": error.reason}
    except Exception as error:
        return {"error": f"the line could not be read ({type(error).__name__})"}
    shown = [effect for effect in found if not getattr(effect, "answered", False)]
    return {"effects": [effect.as_json() for effect in shown], "opaque": any(effect.opaque for effect in shown)}


def _declared(policies: tuple[str, ...], params: tuple[str, ...]) -> Mapping[str, ToolShape]:
    """Tool declarations alone: a policy whose meanings are not all there yet serves too."""
    from agentpolicy.cli.common import colour, pairs
    from agentpolicy.compiler.bind import Bindings, bind_params
    from agentpolicy.compiler.compile import tool_rows
    from agentpolicy.engine.policy import joined
    from agentpolicy.language.load import load_program
    from agentpolicy.language.render import render_all
    from agentpolicy.language.source import PolicyError

    try:
        program = load_program(policies)
        host = Host()
        bound = bind_params(program, pairs(params, "--param"))
        return joined(tool_rows(program, Bindings(bound, host.home, lambda path: path, lambda name: None)))
    except PolicyError as error:
        fail(render_all(error.diagnostics, colour=colour(sys.stderr)))
