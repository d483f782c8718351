"""Where a list of tools comes from: a JSON file, standard input, or Python that is parsed and never run."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from typing import BinaryIO, Final

from agentpolicy.checker.draft.functions import from_source
from agentpolicy.checker.draft.schemas import from_json
from agentpolicy.checker.draft.tool import Tools, UnreadableError

#: Bytes of a list of tools.
MOST_BYTES: Final = 64 * 1024 * 1024
_DOTTED: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*\Z")


def read_tools(where: str, server: str = "", stdin: BinaryIO | None = None) -> Tools:
    """The tools of a list.

    Args:
        where: a JSON file, a Python file, the dotted name of a Python module, or ``-`` for JSON on standard input.
        server: the MCP server that has them, put in front of their names.
        stdin: what ``-`` reads.

    Raises:
        UnreadableError: there is no such list, or it cannot be read.
    """
    if where == "-":
        return from_json(_bounded(stdin if stdin is not None else sys.stdin.buffer), server)
    file = where if os.path.exists(where) or not _DOTTED.match(where) else _module(where)
    if file is None:
        raise UnreadableError(f"there is neither a file nor a module {where!r}")
    if os.path.isdir(file):
        init = os.path.join(file, "__init__.py")
        if not os.path.isfile(init):
            raise UnreadableError(f"{where!r} is a directory")
        file = init
    try:
        with open(file, "rb") as opened:
            data = _bounded(opened)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file can have this name"
        raise UnreadableError(f"{where!r} cannot be read: {reason}") from None
    return from_source(data, server) if file.endswith((".py", ".pyi")) else from_json(data, server)


def _bounded(stream: BinaryIO) -> bytes:
    data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise UnreadableError(f"this is larger than {MOST_BYTES // 1024**2} MB")
    return data


def _module(name: str) -> str | None:
    """The file of a module, looked for where Python looks, without importing anything."""
    return next((file for file in _candidates(name.split(".")) if os.path.isfile(file)), None)


def _candidates(parts: list[str]) -> Iterable[str]:
    for directory in ("", *sys.path):
        base = os.path.join(directory or os.curdir, *parts)
        yield base + ".py"
        yield os.path.join(base, "__init__.py")
