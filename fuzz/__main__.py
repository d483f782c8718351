"""``python -m fuzz TARGET``: coverage-guided fuzzing of the readers with atheris. Targets: shell, url, path, argv.

Any exception that a reader lets out is a finding; so is text that the strict reader accepts and ``bash -n`` refuses.
Crashes are written to ``build/fuzz``; each that is mended is kept as a test.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports():
    from agentpolicy.effects.effect import ExecEffect
    from agentpolicy.effects.paths import DiskFiles, canonical, file_effect
    from agentpolicy.effects.shell.read import read_argv, read_text
    from agentpolicy.effects.shell.strict import read_strictly
    from agentpolicy.effects.shell.syntax import Refused
    from agentpolicy.effects.urls import host_effect, net_effect

_count = 0


def shell(data: bytes) -> None:
    """Shell text: always an answer, and what the strict reader accepts is text for bash."""
    global _count
    text = data.decode("utf-8", "replace")
    acts = read_text(text, cwd="/repo", home="/home/u")
    for act in acts:
        if isinstance(act, ExecEffect) and act.argv is None and not act.opaque:
            raise AssertionError("a command without words is not opaque")
    _count += 1
    if _count % 200 or "\0" in text:
        return
    try:
        commands, _ = read_strictly(text)
    except Refused:
        return
    if commands.items and subprocess.run(["bash", "-n", "-c", "--", text], capture_output=True, check=False).returncode:
        raise AssertionError("accepted, and bash refuses it")


def argv(data: bytes) -> None:
    """Words of one command."""
    words = [word for word in data.decode("utf-8", "replace").split("\n") if "\0" not in word]
    read_argv(words, cwd="/repo", home="/home/u")


def url(data: bytes) -> None:
    """Addresses and hosts."""
    text = data.decode("utf-8", "surrogateescape")
    net_effect("net.get", text)
    host_effect("net.connect", text)


def path(data: bytes) -> None:
    """Names of files."""
    text = data.decode("utf-8", "surrogateescape")
    name = canonical(text, cwd="/repo", home="/home/u", expand_tilde=True)
    if name is not None and (not name.startswith("/") or "/../" in name + "/"):
        raise AssertionError("a canonical name is not absolute and folded")
    file_effect("fs.read", text, cwd="/repo", home="/home/u", expand_tilde=True, files=DiskFiles())


TARGETS: dict[str, Callable[[bytes], Any]] = {"shell": shell, "argv": argv, "url": url, "path": path}

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    Path("build/fuzz").mkdir(parents=True, exist_ok=True)
    atheris.Setup([*sys.argv, "-artifact_prefix=build/fuzz/"], target)
    atheris.Fuzz()
