"""``agentpolicy compile``: compile a policy, keep it in the cache, show what was generated."""

from __future__ import annotations

import sys

import click
import orjson

from agentpolicy.cli.common import colour, fail, pairs
from agentpolicy.compiler.cache import Cache
from agentpolicy.engine.policy import Policy
from agentpolicy.language.render import render_all
from agentpolicy.language.source import PolicyError


@click.command()
@click.option(
    "--policy",
    "policies",
    multiple=True,
    required=True,
    metavar="FILE",
    help="A policy file or preset:NAME; several make layers.",
)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the policy.")
@click.option("--show", is_flag=True, help="Print the generated Python source.")
@click.option("--json", "as_json", is_flag=True, help="Print what was compiled as JSON.")
def compile(policies: tuple[str, ...], params: tuple[str, ...], show: bool, as_json: bool) -> None:
    """Compile a policy and keep it in the cache, so that loading it is quick."""
    try:
        policy = Policy.load(list(policies), params=pairs(params, "--param"), cache=Cache())
    except PolicyError as error:
        fail(render_all(error.diagnostics, colour=colour(sys.stderr)))
    layers = policy.artifact["layers"]
    if show:
        click.echo(policy.generated)
    elif as_json:
        click.echo(
            orjson.dumps(
                {
                    "policy": policy.name,
                    "version": policy.version,
                    "digest": policy.digest,
                    "layers": [
                        {"name": layer["name"], "file": layer["file"], "rules": len(layer["rows"])} for layer in layers
                    ],
                    "cache": Cache().directory,
                }
            ).decode()
        )
    else:
        rules = sum(len(layer["rows"]) for layer in layers)
        click.echo(
            f"{policy.name} {policy.version}: {_count(len(layers), 'layer')}, {_count(rules, 'rule')}, {policy.digest}"
        )
        click.echo(f"kept in {Cache().directory}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
