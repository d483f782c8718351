"""``agentpolicy fmt``: one canonical layout."""

from __future__ import annotations

import os
import sys
import tempfile

import click

from agentpolicy.cli.common import colour
from agentpolicy.language.format import format_text
from agentpolicy.language.reading import decode, read_source, source_of
from agentpolicy.language.render import render_all
from agentpolicy.language.source import PolicyError


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; end with 1 if a file is laid out otherwise.")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
def fmt(check: bool, files: tuple[str, ...]) -> None:
    """Lay policy files out in the one canonical way, in place. `-` is standard input, written to standard output."""
    worst = 0
    for name in files:
        try:
            worst = max(worst, _one(name, check))
        except PolicyError as error:
            click.echo(render_all(error.diagnostics, colour=colour(sys.stderr)), err=True)
            worst = 2
        except OSError as error:
            click.echo(f"error: {name} cannot be written: {error.strerror}", err=True)
            worst = 2
    raise SystemExit(worst)


def _one(name: str, check: bool) -> int:
    if name == "-":
        source = source_of("<stdin>", decode(sys.stdin.buffer.read(), "<stdin>"))
        text = format_text(source)
        if not check:
            sys.stdout.write(text)
            return 0
        return 1 if text != source.text else 0
    source, _ = read_source(name)
    text = format_text(source)
    with open(name, "rb") as file:
        before = file.read()
    if before == text.encode():
        return 0
    if check:
        click.echo(f"{name} would be laid out otherwise")
        return 1
    _replace(name, text)
    click.echo(f"{name} laid out", err=True)
    return 0


def _replace(name: str, text: str) -> None:
    """Write the file whole or not at all, keeping its mode; a link stays a link."""
    target = os.path.realpath(name)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".agentpolicy-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, os.stat(target).st_mode & 0o7777)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
