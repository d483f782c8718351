"""Shell text is read where it is a plain list of words, and opaque everywhere else."""

from __future__ import annotations

import shutil
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentpolicy.effects.effect import ExecEffect
from agentpolicy.effects.shell import LONGEST_TEXT, exec_effect, read_shell, split_words

HOME = "/home/ana"


def one(text: str, home: str = HOME) -> ExecEffect:
    (effect,) = read_shell(text, cwd="/repo", home=home)
    assert isinstance(effect, ExecEffect)
    return effect


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("git status", ["git", "status"]),
        ("  git\t status \n", ["git", "status"]),
        ("git commit -m 'a b' --no-verify", ["git", "commit", "-m", "a b", "--no-verify"]),
        ('echo "a b" "" \'\'', ["echo", "a b", "", ""]),
        ("echo a\\ b \\$x \\'", ["echo", "a b", "$x", "'"]),
        ("echo '$x `y` * ? [a] {b,c} ! | & ; # ~'", ["echo", "$x `y` * ? [a] {b,c} ! | & ; # ~"]),
        ("echo a'b'\"c\"d", ["echo", "abcd"]),
        ("echo --x=1 A=b a#b a]", ["echo", "--x=1", "A=b", "a#b", "a]"]),
        ("git show HEAD^ HEAD~1 a@{0\\}", None),
        ("git show HEAD^ HEAD~1", ["git", "show", "HEAD^", "HEAD~1"]),
        ("ls ~ ~/x '~' \\~ a~", ["ls", HOME, HOME + "/x", "~", "~", "a~"]),
        ("~/bin/x", [HOME + "/bin/x"]),
        ("echo é 漢字", ["echo", "é", "漢字"]),
        ("a:b c:d 50% +x %1", ["a:b", "c:d", "50%", "+x", "%1"]),
    ],
)
def test_plain_words_are_read_as_a_shell_reads_them(text: str, argv: list[str] | None) -> None:
    effect = one(text)
    assert effect.argv == (None if argv is None else tuple(argv))
    assert effect.opaque is (argv is None)
    assert effect.cwd == "/repo"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the command is empty"),
        (" \n", "the command is empty"),
        ("'' a", "the command is empty"),
        ("a | b", "`|` joins commands, which is not read yet"),
        ("a && b", "`&` joins commands or puts one into the background, which is not read yet"),
        ("a; b", "`;` joins commands, which is not read yet"),
        ("a\nb", "a line break starts another command, which is not read yet"),
        ("a 'x\ny'", "a line break inside quotes is not read yet"),
        ("a > b", "`>` redirects output, which is not read yet"),
        ("a 2>&1", "`>` redirects output, which is not read yet"),
        ("a < b", "`<` redirects input, which is not read yet"),
        ("(a)", "`(` starts a subshell, which is not read yet"),
        ("a )", "`)` ends a subshell, which is not read yet"),
        ("a $b", "`$` expands a variable or a command, which is not read yet"),
        ("a `b`", "``` runs a command inside this one, which is not read yet"),
        ('a "$b"', "`$` inside double quotes expands a variable or a command, which is not read yet"),
        ('a "x\\y"', "`\\` inside double quotes escapes a character, which is not read there yet"),
        ('a "x!"', "`!` inside double quotes negates a command or recalls an earlier one, which is not read yet"),
        ("a *.py", "`*` stands for file names, which is not read yet"),
        ("a b?", "`?` stands for file names, which is not read yet"),
        ("[ a ]", "`[` stands for file names, which is not read yet"),
        ("a {b,c}", "`{` stands for several words, which is not read yet"),
        ("a }", "`}` stands for several words, which is not read yet"),
        ("! a", "`!` negates a command or recalls an earlier one, which is not read yet"),
        ("a # b", "`#` starts a comment, which is not read yet"),
        ("A=b c", "`A=b` sets a variable in front of a command, which is not read yet"),
        ("A+=b c", "`A+=b` sets a variable in front of a command, which is not read yet"),
        ("A='b' c", "`A=` sets a variable in front of a command, which is not read yet"),
        ("ls ~bob/x", "`~bob/x` stands for a directory that is not known"),
        ("ls ~'/x'", "`~` stands for a directory that is not known"),
        ("export A=~/x", "`A=~/x` may stand for a home directory"),
        ("export A=/x:~/y", "`A=/x:~/y` may stand for a home directory"),
        ("ls =git", "`=` in front of a name stands for a program's path in zsh, which is not read yet"),
        ("^a^b", "`^` in front of a command recalls an earlier one, which is not read yet"),
        ("%1", "`%1` names a job of the shell, which is not read yet"),
        ("if a", "`if` is a word of the shell's own grammar, which is not read yet"),
        ("time a", "`time` is a word of the shell's own grammar, which is not read yet"),
        ("a 'b", "`'` opens a quotation that never ends"),
        ('a "b', '`"` opens a quotation that never ends'),
        ("a \\", "`\\` ends the text"),
        ("a \\b", "`\\` in front of this character is not read yet"),
        ("a \\\nb", "`\\` in front of this character is not read yet"),
        ("a\rb", "the text holds a carriage return"),
        ("a\0b", "the text holds a NUL character"),
        ("a \x1b[1m", "the text holds an escape character"),
        ("a \u202eb", "the text holds `\\u{202e}` (right-to-left override)"),
        ("a\u00a0b", "the text holds `\\u{a0}` (no-break space)"),
        ("g\u0456t status", "the program `g\u0456t` has a name with unusual characters"),
        ("'g\u0456t' status", "the program `g\u0456t` has a name with unusual characters"),
        ("a" * (LONGEST_TEXT + 1), f"the text is longer than {LONGEST_TEXT} characters"),
        ("'" + "a" * LONGEST_TEXT + "'", f"the text is longer than {LONGEST_TEXT} characters"),
    ],
)
def test_everything_else_is_one_opaque_command_that_says_why(text: str, why: str) -> None:
    effect = one(text)
    assert effect.opaque
    assert effect.why == why


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("sudo rm x", "`sudo` starts another command with more rights"),
        ("/usr/bin/SUDO rm x", "`/usr/bin/SUDO` starts another command with more rights"),
        ("env A=b git push", "`env` starts another command"),
        ("timeout 5 rm x", "`timeout` starts another command"),
        ("xargs rm", "`xargs` starts another command"),
        ("ssh host rm x", "`ssh` runs commands on another machine"),
        ("bash -c 'rm x'", "`bash` runs shell text"),
        ("bash-5.2 x.sh", "`bash-5.2` runs shell text"),
        ("eval x", "`eval` starts another command"),
        (". x", "`.` starts another command"),
        ("alias git=rm", "`alias` changes what later commands mean"),
        ("awk '{print}' f", "`awk` runs code given to it as text"),
        ("vim x", "`vim` can run commands from inside"),
        ("find . -name x -exec rm", "`find -exec` makes it act"),
        ("find . -delete", "`find -delete` makes it act"),
        ("tar -xIrm f", "`tar -I` makes it act"),
        ("tar --to-comm=rm f", "`tar --to-command` makes it act"),
        ("git -c core.pager=rm log", "`git -c` can make git run any command"),
        ("git -C x --exec-path=y log", "`git --exec-path` can make git run any command"),
        ("git -C x bisect run rm", "`git bisect run` starts another command"),
        ("git rebase -x rm main", "`git rebase -x` starts another command"),
        ("docker --context c exec box rm", "`docker exec` starts another command"),
        ("docker --debug run box", "`docker run` starts another command"),
        ("kubectl -n x exec pod rm", "`kubectl exec` starts another command"),
        ("uv run rm", "`uv run` starts another command"),
        ("npm --unknown value exec rm", "`npm exec` starts another command"),
        ("python -c x", "`python -c` runs code"),
        ("python3.12 -W ignore -Ic x", "`python3.12 -c` runs code"),
        ("perl -ne x", "`perl -e` runs code"),
        ("node --eval=x", "`node --eval` runs code"),
    ],
)
def test_a_command_that_starts_another_is_opaque_but_shows_its_words(text: str, part: str) -> None:
    effect = one(text)
    assert effect.opaque
    assert effect.why is not None
    assert effect.why.startswith(part)
    assert effect.argv is not None
    assert effect.program == effect.argv[0]
    assert effect.elevated is ("sudo" in text.lower())
    assert exec_effect(list(effect.argv), cwd="/repo", home=HOME) == [effect]


@pytest.mark.parametrize(
    "text",
    """
    git commit -c HEAD; python x.py -c y; python -m pytest -c f; find . -name x; docker ps; docker logs run; npm test
    uv sync; tar xf a.tar; git log --follow -p; node x.js -e; git -C d status; make -C d all; perl -w x.pl -e
    """.strip()
    .replace("\n", ";")
    .split(";"),
)
def test_a_command_that_starts_no_other_is_known(text: str) -> None:
    assert (one(text).opaque, one(text).why) == (False, None)


def test_words_given_as_a_list_are_no_shell_text() -> None:
    (effect,) = exec_effect(["echo", "$x | y", "a\nb"], cwd="/repo", home=HOME, env={"A": "b"})
    assert isinstance(effect, ExecEffect)
    assert (effect.argv, effect.opaque, effect.env) == (("echo", "$x | y", "a\nb"), False, {"A": "b"})
    assert exec_effect("echo x", cwd="/repo", home=HOME) == read_shell("echo x", cwd="/repo", home=HOME)


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        ([], "the command is empty"),
        ([""], "the command is empty"),
        (["a", "b\0c"], "a word holds a NUL character"),
        (["a", "b" * LONGEST_TEXT], f"the command is longer than {LONGEST_TEXT} characters"),
        (["g\u0456t"], "the program `g\u0456t` has a name with unusual characters"),
        (["a\u202eb"], "the program `a\\u{202e}b` has a name with unusual characters"),
    ],
)
def test_a_list_that_is_no_command_is_opaque(argv: list[str], why: str) -> None:
    (effect,) = exec_effect(argv, cwd=None, home=HOME)
    assert (effect.opaque, effect.why) == (True, why)


def test_the_environment_stays_with_an_opaque_command() -> None:
    (effect,) = read_shell("a | b", cwd=None, home=HOME, env={"A": "b"})
    assert isinstance(effect, ExecEffect)
    assert (effect.env, effect.guarded) == ({"A": "b"}, True)


def test_home_is_asked_each_time_and_may_be_the_root() -> None:
    assert one("ls ~/x", "/a").argv == ("ls", "/a/x")
    assert one("ls ~/x ~", "/").argv == ("ls", "/x", "/")


def test_long_texts_are_read_in_linear_time() -> None:
    started = time.perf_counter()
    for text in ("a " * 400_000, "'a' " * 200_000, "\\ " * 400_000, "=~" * 400_000, '"' * 999_999, "é" * 900_000):
        split_words(text)
    assert time.perf_counter() - started < 20


# --- the shell itself as judge ------------------------------------------------------

BASH = shutil.which("bash")
PIECES = st.sampled_from([*"ab '\"\\$~/=:#!*{},[]^%-é@|;\t", "  ", "'x y'", '"p q"', "~/", "A=", "\\ ", "\\'", "''"])


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=8).map("".join), min_size=100, max_size=100))
def test_what_is_accepted_reads_the_same_in_bash(texts: list[str]) -> None:
    accepted = []
    for text in texts:
        words = one("printf " + text, "/h o").argv
        if words is not None and len(words) > 1:
            accepted.append((text, words[1:]))
    if not accepted:
        return
    script = "".join(f"printf '%s\\0' {text}\nprintf '\\1\\0'\n" for text, _ in accepted)
    assert BASH is not None
    ran = subprocess.run(
        [BASH, "--norc", "-c", script], capture_output=True, env={"HOME": "/h o", "LC_ALL": "C.UTF-8"}, check=True
    )
    answers = ran.stdout.decode().split("\1\0")
    assert ran.stderr == b""
    for (text, words), answer in zip(accepted, answers, strict=False):
        assert answer == "".join(word + "\0" for word in words), text


@given(st.text(max_size=60))
def test_any_text_gives_exactly_one_effect(text: str) -> None:
    effect = one(text)
    assert effect.opaque is (effect.why is not None)
    assert effect.argv is not None or effect.opaque
