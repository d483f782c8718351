"""``agentpolicy init``: a first policy for a set of tools."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections import Counter

import click

from agentpolicy.checker.draft.names import is_bare
from agentpolicy.checker.draft.names import shown as shown_name
from agentpolicy.checker.draft.sources import read_tools
from agentpolicy.checker.draft.tool import UnreadableError
from agentpolicy.checker.draft.write import Draft, draft
from agentpolicy.cli.common import fail, json_line
from agentpolicy.language.render import render_all
from agentpolicy.language.source import PolicyError

_SERVER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")


@click.command()
@click.option(
    "--tools", "where", required=True, metavar="LIST",
    help="A JSON list of tools (MCP, OpenAI, Anthropic), a Python file or module (parsed, never run), or - for JSON on "
    "standard input.",
)  # fmt: skip
@click.option("--server", default="", metavar="NAME", help="The MCP server that has the tools: they are NAME/tool.")
@click.option("--out", metavar="FILE", help="Write the policy to FILE instead of standard output.")
@click.option("--name", metavar="NAME", help="What the policy is called; by default as the list or the server.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@click.option("--json", "as_json", is_flag=True, help="Write what was guessed of each tool as JSON.")
def init(where: str, server: str, out: str | None, name: str | None, force: bool, as_json: bool) -> None:
    """Write a first policy for a set of tools, for a person to correct.

    Every tool is declared and put under rules by what its name and parameters say; comments say why. With --json the
    guesses go to standard output, and the policy only to --out. Ends with 1 if a tool had to be left out.
    """
    if server and not _SERVER.match(server):
        raise click.UsageError("--server takes letters, digits, `_`, `.` and `-`")
    if name is not None and not is_bare(name):
        raise click.UsageError(f"--name takes letters, digits, `_` and single `-`, and no keyword, not {name!r}")
    if force and out is None:
        raise click.UsageError("--force goes with --out")
    if out is not None and not force and os.path.lexists(out):
        fail(f"error: {out} is there already; --force replaces it")
    try:
        found = draft(read_tools(where, server), name or _name(server or where))
    except UnreadableError as error:
        fail(f"error: {error}")
    except PolicyError as error:
        fail(
            "error: the draft does not check, which is an error in agentpolicy and not in the list:\n"
            + render_all(error.diagnostics[:3])
        )
    if out is not None:
        try:
            _write(out, found.text, force)
        except FileExistsError:
            fail(f"error: {out} is there already; --force replaces it")
        except (OSError, ValueError) as error:
            fail(f"error: {out} cannot be written: {getattr(error, 'strerror', None) or error}")
    if as_json:
        sys.stdout.buffer.write(json_line(found.as_json()))
        sys.stdout.buffer.flush()
    elif out is None:
        click.echo(found.text, nl=False)
    _tell(found, out)
    raise SystemExit(1 if found.left_out else 0)


def _name(text: str) -> str:
    """A policy's name from that of a list or server."""
    stem = os.path.basename(text).partition(".")[0] if os.sep in text or text.endswith((".json", ".py")) else text
    name = "-".join(re.findall(r"[A-Za-z0-9_]+", stem))[:60].strip("-")
    return name if is_bare(name) else "tools"


def _write(file: str, text: str, force: bool) -> None:
    """Write the file whole or not at all; without ``force`` only where nothing is."""
    if not force:
        with open(file, "x", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
        return
    target = os.path.realpath(file)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".agentpolicy-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
        os.chmod(temporary, os.stat(target).st_mode & 0o7777 if os.path.exists(target) else 0o644)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _tell(found: Draft, out: str | None) -> None:
    """What was made, and what to do next."""
    kinds = Counter(one.kind for one in found.guesses)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    unsure = sum(one.confidence == "low" for one in found.guesses)
    click.echo(f"{len(found.guesses)} tools: {listed or 'none'}; {unsure} of low confidence", err=True)
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    for name, why in found.left_out[:20]:
        click.echo(f"left out, and so denied: {shown_name(name)}, because {why}", err=True)
    if len(found.left_out) > 20:
        click.echo(f"left out, and so denied: {len(found.left_out) - 20} more", err=True)
    if out is not None:
        click.echo(f"{out} written; correct it, then run `agentpolicy check` and `agentpolicy test` on it", err=True)
