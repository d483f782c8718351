"""The command line: ``agentpolicy COMMAND``, each command in a file of its own, imported when it is used."""

from __future__ import annotations

import importlib

import click

#: Commands in the order in which help lists them; each is the attribute of its name in the module of its name.
COMMANDS = {
    "init": "init",
    "check": "check",
    "test": "test",
    "fmt": "fmt",
    "decide": "decide",
    "effects": "effects",
    "explain": "explain",
    "replay": "replay",
    "compile": "compile",
    "demo": "demo",
}


class _Lazy(click.Group):
    """A group that imports a command only when it runs or is listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"agentpolicy.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="agentpolicy-engine", prog_name="agentpolicy")
def main() -> None:
    """Decide what an AI agent may do, by a policy file.

    Exit codes: 0 fine, 1 findings (an error in a policy, a failed test, a denied call), 2 usage or unreadable input.
    """
