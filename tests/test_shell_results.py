"""What success of a whole call proves of the commands in it, with shells as oracle.

Texts run where ``t1`` to ``t4`` are programs that write down that they ran and end as they are told, once for every way in
which they can end. Whenever the text succeeds, what the reader says is ``implied`` must have run and succeeded; what it
says is ``sole`` must end as the text does.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentpolicy.effects.acts import Act, Touch, disprove
from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.effect import ExecEffect, FileEffect, NetEffect
from agentpolicy.effects.host import Host
from agentpolicy.effects.passing import passes
from agentpolicy.effects.paths import MemoryFiles
from agentpolicy.effects.shape import ToolShape
from agentpolicy.effects.shell.read import read_argv, read_text
from agentpolicy.effects.shell.results import proven
from agentpolicy.effects.shell.syntax import Sequence
from agentpolicy.effects.tools import direct, read_call

BASH = shutil.which("bash")
#: The shells that texts are put to: what holds must hold in each that may stand behind a tool.
SHELLS = [shell for shell in (BASH, shutil.which("dash"), shutil.which("zsh")) if shell is not None]
NAMES = ("t1", "t2", "t3", "t4")
FAILED = 3


def results(acts: list[Act]) -> tuple[list[str], list[str]]:
    """The programs that are implied, and those that are sole, each by its first word."""
    runs = [act for act in acts if isinstance(act, ExecEffect)]
    return [run.argv[0] or "?" for run in runs if run.implied and run.argv], [
        run.argv[0] or "?" for run in runs if run.sole and run.argv
    ]


def read(text: str) -> list[Act]:
    return read_text(text, cwd="/repo", home="/home/u")


# --- what is said, text by text -----------------------------------------------------------

#: A text, the programs whose success its success implies, and those of which it is the whole, by a star.
SAID = [
    # lists
    ("t1", "t1*", "one command"),
    ("t1 -q a/b.py::c", "t1*", "with words"),
    ("t1 && t2", "t1 t2", "both"),
    ("t1 && t2 && t3", "t1 t2 t3", "all"),
    ("t1; t2", "t2", "only the last counts"),
    ("t1\nt2\n", "t2", "the same, by lines"),
    ("t1 && t2; t3", "t3", "only the last list counts"),
    ("t1; t2 && t3", "t2 t3", "all of the last list"),
    ("t1 || t2", "", "either"),
    ("t1 || true", "", "proves nothing"),
    ("t1 && t2 || t3", "", "either the two or the other"),
    ("t1 || t2 && t3", "t3", "`&&` and `||` bind alike"),
    ("t1 | t2", "t2", "the last of a pipe"),
    ("t1 |& t2", "t2", "the last of a pipe"),
    ("t1 | > out", "", "bash does not wait for it"),
    ("t1 && t2 | t3 && t4", "t1 t3 t4", "pipes bind tighter than lists"),
    ("t1 &", "", "nobody waits for it"),
    ("t1 && t2 &", "", "the list runs behind"),
    ("t1 & t2", "t2", "the list ends in front of `&`"),
    ("t1; t2 &", "", "what ends the text is not waited for"),
    ("! t1", "", "its failure counts"),
    ("! ! t1", "", "strict"),
    ("! t1 && t2", "t2", "what follows counts as it is"),
    ("! t1 | t2", "", "the whole pipe is turned round"),
    # groups
    ("(t1)", "t1*", "a subshell ends as what is in it"),
    ("{ t1; }", "t1*", "a group too"),
    ("(t1; t2) && t3", "t2 t3", "as inside"),
    ("{ t1 || t2; } && t3", "t3", "as inside"),
    ("t1 | { t2 && t3; }", "t2 t3", "as inside"),
    ("(t1 &)", "", "as inside"),
    ("! (t1)", "", "turned round"),
    ("time t1", "t1*", "`time` ends as what it times"),
    ("time t1 | t2", "t2", "`time` times the pipe"),
    ("time ! t1", "", "turned round"),
    # compound commands
    ("if t1; then t2; fi", "", "a branch may not be taken"),
    ("if t1; then t2; fi && t3", "t3", "what follows counts"),
    ("while t1; do t2; done", "", "may run never"),
    ("until t1; do t2; done", "", "may run never"),
    ("for x in a b; do t1; done", "", "strict"),
    ("for x in a b; do t1; done; t2", "t2", "what follows counts"),
    ("case x in x) t1;; esac", "", "strict"),
    ("[[ -f x ]] && t1", "t1", "a test is a command"),
    ("(( 1 )) && t1", "t1", "arithmetic is a command"),
    ("[ -f x ] && t1", "[ t1", "the same as a program"),
    ("test -f x || t1", "", "either"),
    # words and assignments
    ("A=1 t1", "t1*", "assignments go before"),
    ("x=5; t1", "t1", "the assignment is a command of its own"),
    ('t1 "$(t2)"', "", "a word is not known, and the status of a substitution is lost"),
    ("x=$(t1)", "", "strict"),
    ("t1 <(t2)", "t1*", "nobody waits for what is substituted"),
    ("t1 *.py", "t1*", "the shell writes names in"),
    ("t1 $x", "", "a word may be anything"),
    # redirections
    ("t1 > out", "t1*", "a file is opened first"),
    ("t1 2>&1 | t2", "t2", "the last of the pipe"),
    ("t1 >/dev/null 2>&1", "t1*", "as it is"),
    ("t1 <<E && t2\nx\nE\n", "t1 t2", "a here-document is input"),
    ("t1 &> out", "", "a POSIX shell reads `t1 &`, then `> out`"),
    ("t1 && t2 &>> out && t3", "t3", "there, what stands in front runs behind"),
    ("t1 &> out | t2", "", "strict"),
    # what may decide the status by itself
    ("exit 0; t1", "", "ends the text"),
    ("t1; exit 0", "", "says what the status is"),
    ("t1; exit", "", "strict"),
    ("return 0; t1", "", "may end the text"),
    ("(exit 0); t1", "", "strict"),
    ("trap 'exit 0' EXIT; t1", "", "says what the status is"),
    ("trap : INT && t1", "", "strict"),
    ("command exit 0; t1", "", "behind a prefix"),
    ("command -p exit 0; t1", "", "behind a prefix with an option"),
    ("command -pp exit 0; t1", "", "behind a prefix with joined options"),
    ("builtin command -- exit 0; t1", "", "behind several"),
    ("\\exit 0; t1", "", "quoted"),
    ("e''xit 0; t1", "", "quoted in part"),
    ("$x; t1", "", "may be `exit`"),
    ("x=exit; $x; t1", "", "is `exit`"),
    ("command $x; t1", "", "may be `exit`"),
    ("$x/y; t1", "", "may be several words"),
    ('"$@/y"; t1', "", "may be several words"),
    ('"${x:-exit}"; t1', "", "strict"),
    ('"$HOME/bin/t2" && t1', "/home/u/bin/t2 t1", "is one word, and has a slash"),
    ("~/bin/t2 && t1", "/home/u/bin/t2 t1", "is one word, and has a slash"),
    ("eval t1", "", "strict"),
    ("eval 'exit 0'; t1", "", "ends the text"),
    (". ./x; t1", "", "may hold `exit`"),
    ("source .venv/bin/activate && t1", "", "may hold `exit`"),
    ("t1() { :; }; t1", "", "a function is no program"),
    ("t2() { :; }; t1", "", "strict"),
    ("f() { exit 0; }; f; t1", "", "ends the text"),
    ("cd() { return 0; }; cd x && t1", "", "strict"),
    ("alias t1=true\nt1", "", "may mean something else"),
    ("hash -p /bin/true t1; t1", "", "means something else"),
    ("BASH_CMDS[t1]=/bin/true; t1", "", "means something else"),
    ("enable -n test; t1", "", "strict"),
    ("shopt -s extdebug; t1", "", "changes the shell"),
    ("set -n; t1", "", "nothing runs any more"),
    ("set -o noexec; t1", "", "nothing runs any more"),
    ("set -- x; t1", "", "strict"),
    ("set -e; t1; t2", "t2", "fails more often, and no more is looked at"),
    ("set -euo pipefail\nt1 | t2\n", "t2", "fails more often"),
    ("mapfile -C 'exit 0;' -c 1 x < f; t1", "", "runs text of its own"),
    ("export -fu t1; t1", "", "zsh looks for a function"),
    ("export A=1 && t1", "export t1", "sets a variable"),
    ("cd x && t1 -q", "cd t1", "a builtin"),
    ("cd x; t1", "t1", "whether or not that succeeded"),
    ("exec t1", "exec* t1*", "the text becomes it"),
    ("cd x && exec t1", "cd exec t1", "the text becomes it"),
    ("exec t1; t2", "", "the rest is not reached"),
    ("exec t1 && t2", "", "the rest is not reached"),
    ("(exec t1); t2", "", "strict"),
    ("exec -a x t1", "exec*", "under another name"),
    ("exec > log; t1", "", "strict"),
    ("kill $$; t1", "t1", "ends the text in failure"),
    # wrappers
    ("command t1", "command* t1*", "the program of that name"),
    ("command -v t1", "command*", "runs nothing"),
    ("env CI=1 t1", "env* t1*", "becomes it"),
    ("env -u X -C /tmp t1", "env* t1*", "becomes it"),
    ("env -a x t1", "env*", "under another name"),
    ("env -S 't1 a'", "env*", "strict"),
    ("nice t1", "nice* t1*", "becomes it"),
    ("nice -n 5 t1", "nice* t1*", "becomes it"),
    ("nice -15 t1", "nice* t1*", "becomes it"),
    ("nohup t1", "nohup* t1*", "becomes it"),
    ("sudo -n -u x t1", "sudo* t1*", "waits, and ends as it does"),
    ("sudo -b t1", "sudo*", "does not wait"),
    ("sudo -k t1", "sudo*", "strict"),
    ("timeout 5 t1", "timeout* t1", "ends as it does, unless the time is over"),
    ("timeout -k 1 5 t1 a", "timeout* t1", "the same"),
    ("timeout --help 5 t1", "timeout*", "runs nothing"),
    ("./timeout 5 t1", "./timeout*", "some other program"),
    ("TIMEOUT 5 t1", "TIMEOUT*", "some other program where letters count"),
    ("stdbuf -oL t1", "stdbuf* t1*", "becomes it"),
    ("uv run t1 a", "uv* t1*", "waits, and ends as it does"),
    ("uv run --help t1", "uv*", "runs nothing"),
    ("poetry run t1", "poetry*", "may lose the status"),
    ("setsid t1", "setsid*", "may not wait"),
    ("xargs t1", "xargs*", "may run nothing"),
    ("t1 | xargs t2", "xargs", "may run nothing"),
    ("find . -exec t1 {} +", "find*", "may run nothing"),
    ("watch t1", "watch*", "has a status of its own"),
    ("flock x t1", "flock*", "has a status of its own"),
    ("docker run x t1", "docker*", "strict"),
    ("ssh h t1", "ssh* t1", "ends as it does, or fails"),
    ("ssh -f h t1", "ssh*", "does not wait"),
    ("ssh h 't1; t2'", "ssh* t2", "text on the other side"),
    ("timeout 5 env A=1 nice t1", "timeout* env nice t1", "one in the other"),
    ("timeout 5 xargs env t1", "timeout* xargs", "one in the other"),
    ("timeout $x t1", "", "a word may be an option"),
    ("timeout 5* t1", "timeout*", "a word may be an option"),
    ("timeout 5 t1 *.py", "timeout* t1", "words of the other"),
    # shells
    ("bash -c t1", "bash* t1*", "ends as the text does"),
    ("bash -lc 't1 && t2'", "bash* t1 t2", "as the text"),
    ("bash -c 't1; t2'", "bash* t2", "as the text"),
    ("bash -c 't1 || t2'", "bash*", "as the text"),
    ("bash -c 'exit 0; t1' && t2", "bash t2", "only that shell ends"),
    ("bash -c 't1' || t2", "", "either"),
    ("bash -euo pipefail -c t1", "bash* t1*", "fails more often"),
    ("bash -o noexec -c t1", "bash*", "runs nothing"),
    ("bash -nc t1", "bash*", "runs nothing"),
    ("bash -ic t1", "bash*", "strict"),
    ("bash +e -c t1", "bash*", "strict"),
    ("SHELLOPTS=noexec bash -c t1", "bash*", "runs nothing"),
    ("env BASH_ENV=x bash -c t1", "env* bash*", "runs a file first"),
    ("export BASH_ENV=x; bash -c t1", "bash", "runs a file first"),
    ("export $x; bash -c t1", "", "any variable may be set"),
    ("su -c t1", "su*", "strict"),
    ("bash x.sh", "bash*", "a file is not read"),
    ('bash -c "$x"', "", "what it runs is not known"),
    # what agents write
    ("pytest", "pytest*", "plain"),
    ("cd x && pytest -q", "cd pytest", "plain"),
    ("make lint && make test", "make make", "plain"),
    ("env CI=1 pytest", "env* pytest*", "plain"),
    ("timeout 60 pytest 2>&1 | tee log", "tee", "tee is the last"),
    ("pytest -q > out.txt", "pytest*", "plain"),
    ("pytest || true", "", "proves nothing"),
    ("pytest -q | tail -5", "tail", "tail is the last"),
    ("pytest; echo done", "echo", "echo is the last"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said", "why"), SAID)
def test_what_success_of_a_text_implies(text: str, said: str, why: str) -> None:
    implied, sole = results(read(text))
    assert implied == said.replace("*", "").split(), why
    assert sole == [one[:-1] for one in said.split() if one.endswith("*")], why


def test_nothing_is_implied_where_the_text_is_not_read_for_certain() -> None:
    for text in ("t1 && 'x", "t1 && ((t2) ); t3", "t1\r\n", "coproc t1", "t1 && t2 $[1]", "x=()t1 t2"):
        assert not any(act.implied for act in read(text)), text


def test_an_opaque_command_is_never_implied_and_neither_is_what_it_touches() -> None:
    exec_, *rest = read("cp --not-an-option a b && t1")
    assert isinstance(exec_, ExecEffect)
    assert exec_.opaque
    assert not exec_.implied
    assert not exec_.sole
    *touched, last = rest
    assert touched
    assert not any(act.implied for act in touched)
    assert last.implied


def test_what_is_taken_back_is_taken_back_from_a_copy() -> None:
    acts = read("env rm a")
    kept = list(acts)
    disprove(acts, 1)
    assert [act.implied for act in acts] == [True, False, False]
    assert [act.sole for act in acts if isinstance(act, ExecEffect)] == [True, False]
    assert all(act.implied for act in kept)


def test_a_text_without_commands_proves_nothing() -> None:
    assert proven(Sequence()) == (frozenset(), None)


def test_a_command_given_as_words_is_the_whole_call() -> None:
    def of(*argv: str) -> tuple[list[str], list[str]]:
        return results(read_argv(argv, cwd="/repo", home="/home/u"))

    assert of("pytest", "-q") == (["pytest"], ["pytest"])
    assert of("bash", "-lc", "cd x && pytest") == (["bash", "cd", "pytest"], ["bash"])
    assert of("bash", "-lc", "pytest || true") == (["bash"], ["bash"])
    assert of("xargs", "pytest") == (["xargs"], ["xargs"])
    assert of("") == ([], [])


def test_files_and_addresses_are_implied_where_their_command_is() -> None:
    def of(text: str) -> list[tuple[str | None, bool]]:
        return [
            (act.name if isinstance(act, Touch) else act.host, act.implied)
            for act in read(text)
            if isinstance(act, Touch | NetEffect)
        ]

    assert of("t1 > a") == [("/repo/a", True)]
    assert of("t1 > a; t2 > b") == [("/repo/a", False), ("/repo/b", True)]
    assert of("cp a b && t1") == [("/repo/a", True), ("/repo/b", True)]
    assert of("rm a || t1") == [("/repo/a", False)]
    assert of("{ t1 || t2; } > a") == [("/repo/a", True)]
    assert of("while t1; do t2 > b; done > a") == [("/repo/a", True), ("/repo/b", False)]
    assert of("! t1 > a") == [("/repo/a", False)]
    assert of("timeout 5 rm a") == [("/repo/a", True)]
    assert of("xargs rm a")[0] == ("/repo/a", False)
    assert of("curl https://a.example/") == [("a.example", True)]
    assert of("curl https://a.example/ | t1") == [("a.example", False)]
    assert of("t1 > /dev/tcp/a.example/80") == [("a.example", True)]
    assert of("t1 > /dev/tcp/a.example/80 || t2") == [("a.example", False)]
    assert of("nobody-knows-this x/y")[0] == ("/repo/x/y", False)  # only possible
    assert of("nobody-knows-this http://a.example/")[0] == ("a.example", False)


def test_the_same_words_are_told_apart_by_where_they_stand() -> None:
    for _ in range(2):  # the second time from memory
        assert [act.implied for act in read("rm a; rm a")] == [False, False, True, True]
        assert [act.sole for act in read("rm a") if isinstance(act, ExecEffect)] == [True]
        assert [act.sole for act in read("true && rm a") if isinstance(act, ExecEffect)] == [False, False]


# --- calls that are no shell text --------------------------------------------------------------

HOST = Host(cwd="/repo", home="/home/u", files=MemoryFiles({"/repo/link": "/etc"}))


def shape(kind: str, action: str) -> ToolShape:
    return ToolShape("t", {"x": (kind, True, None)}, ((action, "x", None),))


def test_what_a_tool_is_declared_to_do_is_implied_whatever_shell_text_said_before() -> None:
    url = "https://shared.example/x"
    for _ in range(2):
        for kind, action, value in [
            ("url", "net.get", url),
            ("path", "fs.write", "/repo/a"),
            ("path", "fs.read", "link"),
        ]:
            effect, tool = read_call(ToolCall("t", {"x": value}), shape(kind, action), HOST)
            assert (effect.implied, effect.sole, tool.implied, tool.sole) == (True, True, True, True)
        (effect,) = direct(ToolCall.of("sql.select", "a"), HOST)
        assert effect.implied
        (command, address) = direct(ToolCall.of("exec", f"curl {url} || t1"), HOST)[:2]
        assert (command.implied, address.implied, address.sole) == (False, False, False)
    *_, nested = read_call(ToolCall("t", {"x": f"https://a.example/?u={url}"}), shape("url", "net.get"), HOST)[:-1]
    assert (nested.possible, nested.implied, nested.sole) == (True, False, False)


def test_code_that_is_not_read_is_never_implied() -> None:
    effect, _ = read_call(ToolCall("t", {"x": "1"}), shape("code", "exec"), HOST)
    assert (effect.opaque, effect.implied, effect.sole) == (True, False, False)


def test_files_keep_what_was_said_of_their_command_when_they_are_looked_up() -> None:
    def of(text: str) -> list[tuple[str | None, bool, bool]]:
        found = direct(ToolCall.of("exec", text), HOST)
        return [(one.path, one.implied, one.sole) for one in found if isinstance(one, FileEffect)]

    for _ in range(2):
        assert of("t1 > a") == [("/repo/a", True, False)]
        assert of("t1 > a | t2") == [("/repo/a", False, False)]
        assert of("! t1 > a") == [("/repo/a", False, False)]
        assert of("t1 > $x") == [(None, False, False)]
    # whether the directory was changed is not known, so neither is which file it is
    assert {one[0] for one in of("cd x || cd y; rm a") if one[1:] == (False, False)} >= {"/repo/x/a", "/repo/y/a"}
    assert not any(one[1] for one in of("cd x || cd y; rm a"))
    assert of("cd x && rm a") == [("/repo/x/a", True, False)]


def test_variables_of_a_call_may_change_what_becomes_of_its_text() -> None:
    def of(**env: str) -> bool:
        return direct(ToolCall.of("exec", "t1", env=env), HOST)[0].implied

    assert of(A="1")
    assert not of(BASH_ENV="x")
    assert not of(SHELLOPTS="noexec")
    assert not of(**{"BASH_FUNC_t1%%": "() { :; }"})


def test_a_program_passes_a_status_on_only_under_options_that_are_known_to_change_nothing_about_that() -> None:
    assert passes("timeout", {"-k", "-s"}, [])
    assert passes("nice", {"-1", "-0"}, [])
    assert not passes("timeout", {"-1"}, [])
    assert not passes("timeout", {"--help"}, [])
    assert not passes("xargs", set(), [])
    assert not passes("bash", {"-o", "-c"}, ["noexec"])
    assert passes("bash", {"-o", "-c"}, ["pipefail"])


# --- what shells do ------------------------------------------------------------------------------


class Bench:
    """Where texts run: `bin` holds the programs, `in` is the directory."""

    def __init__(self, here: Path) -> None:
        self.here = here
        self.runs = 0
        self.held: set[str] = set()
        for name in ("bin", "in", "log"):
            (here / name).mkdir()
        for name in NAMES:
            program = here / "bin" / name
            program.write_text(
                f'#!/bin/sh\necho {name} >> "$RAN"\ncase " $FAIL " in *" {name} "*) exit {FAILED};; esac\n'
            )
            program.chmod(0o755)

    def run(self, shell: str, text: str, failing: tuple[str, ...]) -> tuple[int, list[str]]:
        """The status of a text, and the programs that ran before it was known."""
        self.runs += 1
        log = self.here / "log" / str(self.runs)  # its own: what is left in the background goes on
        environment = {
            "PATH": f"{self.here}/bin:/usr/bin:/bin", "HOME": str(self.here / "in"), "RAN": str(log),
            "FAIL": " ".join(failing),
        }  # fmt: skip
        done = subprocess.run(
            [shell, "-c", text], cwd=self.here / "in", env=environment, timeout=20, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return done.returncode, log.read_text().split() if log.exists() else []

    def hold(self, text: str) -> int:
        """Hold what is said of a text against what shells do; how many commands were said to be implied."""
        here = self.here / "in"
        acts = read_text(text, cwd=str(here), home=str(here))
        implied, sole = (sorted(set(names) & set(NAMES)) for names in results(acts))
        files = [act.name for act in acts if isinstance(act, Touch) and act.implied and act.action == "fs.write"]
        if not implied and not files:
            return 0
        used = [name for name in NAMES if name in text]
        for shell in SHELLS:
            for failing in ways(used):
                for path in here.iterdir():
                    path.unlink()
                status, ran = self.run(shell, text, failing)
                told = (shell, text, failing, status, ran)
                if status == 0:
                    assert all(name in ran and name not in failing for name in implied), told
                    assert all(name is not None and os.path.exists(name) for name in files), told
                for name in sole:
                    assert status == (FAILED if name in failing else 0) if name in ran else status != 0, told
        return len(implied)


def ways(names: list[str]) -> list[tuple[str, ...]]:
    """Every set of programs that may fail."""
    return [one for count in range(len(names) + 1) for one in itertools.combinations(names, count)]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("results"))


needs_bash = pytest.mark.skipif(BASH is None, reason="needs bash")
#: Programs that are not everywhere, or reach somewhere.
ABSENT = ("sudo", "uv", "ssh", "docker", "poetry", "flock", "watch", "su ", "stdbuf", "kill", "pytest", "make", "/t2")


@needs_bash
@pytest.mark.parametrize("text", [text for text, _, _ in SAID if not any(one in text for one in ABSENT)])
def test_shells_bear_out_what_is_said(bench: Bench, text: str) -> None:
    bench.hold(text)


@needs_bash
def test_shells_show_why_nothing_is_said(bench: Bench) -> None:
    """Of these texts nothing is implied, and for each there is a run that succeeds without all its programs."""
    assert BASH is not None
    for text in [
        "t1 || t2", "t1 && t2 || t3", "t1 &", "! t1", "if t1; then t2; fi", "exit 0; t1", "t1; exit 0", "x=exit; $x; t1",
        "trap 'exit 0' EXIT; t1", "t1() { :; }; t1", "set -n; t1", "mapfile -C 'exit 0;' -c 1 x < /etc/passwd; t1",
        "BASH_CMDS[t1]=/bin/true; t1", "env SHELLOPTS=noexec bash -c t1", "bash -nc t1",
        "timeout --help 5 t1", "find . -name nothing -exec t1 {} +", "hash -p /bin/true t1; t1",
        "shopt -s expand_aliases\nalias t1=true\nt1", "setsid -f t1", "xargs -r t1", "true || exec t1; true",
    ]:  # fmt: skip
        assert results(read(text))[0].count("t1") == 0, text
        used = [name for name in NAMES if name in text]
        runs = [(failing, *bench.run(BASH, text, failing)) for failing in ways(used)]
        assert any(
            status == 0 and any(name not in ran or name in failing for name in used) for failing, status, ran in runs
        ), text


#: Ways to make a text of others: those that say something, and those that take it back.
PLAIN = [
    *["%s && %s", "%s || %s", "%s; %s"] * 3, *["%s | %s", "%s\n%s", "( %s )", "{ %s; }"] * 2, "%s & %s", "! %s", "%s &",
    "bash -c '%s'", "sh -c '%s'", "time %s", "{ %s; } > f",
]  # fmt: skip
ODD = [
    "%s &", "%s |& %s", "if %s; then %s; fi", "if %s; then %s; else %s; fi", "while false; do %s; done",
    "while %s; do %s; break; done", "until %s; do break; done", "for i in a b; do %s; done", "for i in; do %s; done",
    "for i in a; do break; %s; done", "case x in x) %s;; esac", "case x in y) %s;; esac", "[[ -d / ]] && %s",
    "[[ -f / ]] || %s", "(( 0 )) || %s", "x=$( %s )", "echo $( %s )", "f() { %s; }; %s", "f() { %s; }; f", "%s; exit 0",
    "exit 0; %s", "%s; exit", "( exit 0 ); %s", "( %s; exit 0 )", "trap 'exit 0' EXIT; %s", "trap 'true' ERR; %s",
    "set -e; %s", "set -eo pipefail; %s", "set -n; %s", "set +e\n%s", "bash -ec '%s'",
    "bash -c '%s' || %s", "eval '%s'", "return 0; %s", "break; %s", "cd /; %s", "cd /nowhere && %s", "true && %s",
    "x=exit; $x; %s", "x=5; %s", "readonly x=1; x=2; %s", "echo $((1/0)); %s", "echo $((1/0))\n%s",
    "{ %s; } > /nowhere/f", "( %s ) &> f", "{ %s; } < /nowhere", "exec > f; %s", "exec %s", "exec true; %s",
    "command exit 0; %s", ". /dev/null; %s", "t1() { :; }; %s", "%s && wait", "wait; %s", "%s && kill -9 $$",
]  # fmt: skip
ENDS = [
    *["@"] * 24, "@ a b", "A=1 @", "env A=1 @", 'env -i PATH="$PATH" RAN="$RAN" FAIL="$FAIL" @', "timeout 9 @",
    "nice @", "nice -n 1 @", "nohup @", "command @", "command -v @", "builtin @", "exec @", "@ > f", "@ > /nowhere/f",
    "@ &> f", "@ 2>&1", "@ < /dev/null", "@ <<< x", "@ ${x?}", "@ $((1/0))", "@ $( exit 3 )", "@ <( exit 3 )", "xargs @",
    "xargs -r @", "time @", "bash -c @", "sh -c '@ ; true'", "timeout 9 env nice @", "true", "false", "UID=1 @", "$x @",
    "x=$( false ) @", "@ *", "find . -exec @ {} +",
]  # fmt: skip


class Piece(NamedTuple):
    """A text in the making: how much it holds."""

    text: str
    size: int


def grown(chance: st.DrawFn, left: int) -> Piece:
    """A text of at most so many programs."""
    ways = PLAIN if chance(st.integers(0, 4)) else ODD
    way = chance(st.sampled_from(ways)) if left > 1 and chance(st.integers(0, 5)) else None
    if way is None:
        return Piece(chance(st.sampled_from(ENDS)), 1)
    parts: list[str] = []
    size = 0
    for _ in range(way.count("%s")):
        part = grown(chance, max(1, left - size - 1)) if size < left else Piece(":", 0)
        parts.append(part.text)
        size += part.size
    if "'" in way and any("'" in part for part in parts):
        return grown(chance, left)
    return Piece(way % tuple(parts), size)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Shell text of up to four programs, each of which stands in it once."""
    text = grown(draw, len(NAMES)).text
    for name in NAMES:
        text = text.replace("@", name, 1)
    return text.replace("@", ":")


@needs_bash
@given(st.lists(texts(), min_size=6, max_size=6))
def test_shells_bear_out_what_is_said_of_any_text(bench: Bench, some: list[str]) -> None:
    for text in some:
        if text not in bench.held:
            bench.held.add(text)
            bench.hold(text)
