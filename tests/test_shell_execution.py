"""Bash as oracle: what it runs of a text is among what the reader says, or the reader says that it does not know.

Texts run where ``PATH`` holds nothing but programs that write down their words. The generated ones are made of builtins
without functions, so that nothing starts itself, and of redirections that stay in a directory of their own.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentpolicy.effects.effect import ExecEffect
from agentpolicy.effects.shell.read import read_text

BASH = shutil.which("bash")
CORPUS = Path(__file__).parent / "corpora" / "executed.jsonl"
TEXTS: list[str] = [json.loads(line)["text"] for line in CORPUS.read_text(encoding="utf-8").splitlines()]
pytestmark = pytest.mark.skipif(BASH is None, reason="needs bash")

PIECES = [
    "rm z", "rm z", "rm z", "$(", "$(", ")", ")", "<(", ">(", "${y:-", "${x:+", "${x#", "${x%", "}", "}", '"', '"', "'",
    "'", "\\", "\n", " ", " ", " ", ";", "; ", "&&", "||", "|", "{ ", "; }", "(", "))", "$((", "((", "[[ ", " ]]",
    "case x in x) ", ";; esac", "for i in a b; do ", "; done", "if :; then ", "; fi", "while :; do break; ", "x=", "x+=",
    "$x", "${x}", "$i", "eval ", ": ", "echo ", "<<E\n", "E\n", "\nE\n", "<<'E'\n", "<<-E\n\t", "<<<", "#", " #",
    'trap "', '" EXIT', "command ", "builtin ", "declare ", "export ", "read x <<< ", "printf -v x ", "a[", "a[0", "x[",
    "x[1", "],", "]", "=", "==", " -eq ", "=~ ", "let ", "test -v ", "[ -v ", "set -- ", "$1 ", '"$@"', "$*", "$'",
    "\\x72m", "{rm,z}", "r\\m z", "r''m z", "~", "!", "! ", "time ", "unset ", "alias ls=", "ls ", "ls a",
    "shopt -s expand_aliases\n", "${x@P}", "${#x}", "${!x}", "${x[", "mapfile -C ", "`", "`", "else ", ">", ">>", "2>&1",
    " 3< ", ">&", "&>", "1", "0", "+", "-", "*", "?", ":", "^", ",", "+=(", "=(a ", "x=(", "PATH=", "IFS=z", "\t", "\\\n",
    "{a,", "{1..3}", "|&", "<>", ">|", ";;&", "[", "$", '$"', "hash ", "type ", "cat f", "é", "typeset ", "readonly ",
    'x="rm z"; ', "x=rm; ", "x='$(rm z)'; ", "x='a[$(rm z)]'; ", "x=y; ",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with programs that write down their words, one line each as JSON."""
    here = tmp_path_factory.mktemp("executed")
    (here / "bin").mkdir()
    for name in ("rm", "ls", "cat"):
        program = here / "bin" / name
        words = '"${0##*/}" "$@"'
        # one write, so that lines of programs that run at once do not mix
        program.write_text(f"#!{BASH}\nprintf -v line '%s\\x1f' {words}\nprintf '%s\\x1e' \"$line\" >> \"$EXECUTED\"\n")
        program.chmod(0o755)
    (here / "in").mkdir()
    return here


def executed(text: str, place: Path) -> list[list[str]]:
    """The words of every program that ran."""
    assert BASH is not None
    log = place / "log"
    log.write_bytes(b"")
    inside = place / "in"
    environment = {"PATH": str(place / "bin"), "HOME": str(inside), "EXECUTED": str(log)}
    process = subprocess.Popen(
        [BASH, "--norc", "--noprofile", "-c", text], cwd=inside, env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever was left in the background
        process.wait()
    lines = log.read_bytes().decode("utf-8", "surrogateescape").split("\x1e")
    return [line.split("\x1f")[:-1] for line in lines if line]


def told(text: str, place: Path) -> list[tuple[str | None, ...]] | None:
    """The commands that the reader finds, None where it says that it does not know them all."""
    here = str(place / "in")
    found: list[tuple[str | None, ...]] = []
    for act in read_text(text, cwd=here, home=here):
        if isinstance(act, ExecEffect):
            if act.opaque or act.argv is None or act.argv[0] is None or act.more or act.loose:
                return None
            found.append(act.argv)
    return found


def agrees(run: list[str], found: list[tuple[str | None, ...]]) -> bool:
    return any(
        (argv[0] or "").rpartition("/")[2] == run[0]
        and len(argv) == len(run)
        and all(word is None or word == seen for word, seen in zip(argv[1:], run[1:], strict=True))
        for argv in found
    )


@pytest.mark.parametrize("text", TEXTS)
def test_what_bash_runs_of_a_text_was_told(text: str, place: Path) -> None:
    found = told(text, place)
    if found is not None:
        for run in executed(text, place):
            assert agrees(run, found), (run, found)


def test_bash_runs_something_of_most_texts(place: Path) -> None:
    assert sum(bool(executed(text, place)) for text in TEXTS[::3]) > len(TEXTS[::3]) // 2


@given(st.integers(0, sys.maxsize))
def test_what_bash_runs_of_any_text_was_told(place: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(30):
        text = "".join(chance.choice(PIECES) for _ in range(chance.randint(2, 12)))
        found = told(text, place)
        if found is not None:
            for run in executed(text, place):
                assert agrees(run, found), (text, run, found)
