"""Shell text to what it would do: commands in their order, files, addresses, and what nobody can know."""

from __future__ import annotations

import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentpolicy.effects.acts import Touch
from agentpolicy.effects.effect import ExecEffect, NetEffect
from agentpolicy.effects.shell.read import read_argv, read_text
from agentpolicy.effects.shell.strict import read_strictly
from agentpolicy.effects.shell.syntax import Refused


def seen(text: str, cwd: str = "/repo") -> list[str]:
    """What a text does, a line each: commands by their words, `?` for a word that is not known, `!` before opaque ones."""
    found: list[str] = []
    for act in read_text(text, cwd=cwd, home="/home/u"):
        if isinstance(act, ExecEffect):
            words = "?" if act.argv is None else " ".join("?" if word is None else word for word in act.argv)
            found.append(("!" if act.opaque else "") + words)
        elif isinstance(act, Touch):
            found.append(
                f"{act.action[3:]} {act.name}{'/**' if act.many and act.glob is None else ''}{' perhaps' * act.possible}"
            )
        elif isinstance(act, NetEffect):
            found.append(f"{act.action} {act.host}{' perhaps' * act.possible}")
    return found


def commands(text: str) -> list[str]:
    return [one for one in seen(text) if not one.startswith(("read ", "write ", "delete ", "net."))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("git push origin main", ["git push origin main"]),
        ("a | b |& c; d && e || f & g", ["a", "b", "c", "d", "e", "f", "g"]),
        ("a\nb # c; d\ne", ["a", "b", "e"]),
        ("{ a; b; }; (c; d)", ["a", "b", "c", "d"]),
        ("if a; then b; elif c; then d; else e; fi", ["a", "b", "c", "d", "e"]),
        ("while a; do b; done; until c; do d; done", ["a", "b", "c", "d"]),
        ("case $(a) in x|y) b;; *) c;; esac", ["a", "b", "c"]),
        ("! a", ["a"]),
        ("time a | b", ["a", "b"]),
        ("[ -f x ] && a", ["[ -f x ]", "a"]),
        ("[[ -f x && $(a) == b ]] && c", ["a", "c"]),
        ("echo $(a $(b)) `c`", [*["!echo ? ?", "a ?", "b", "c"][:1], "!a ?", "b", "c"]),
        ("x=$(a) b", ["b", "a"]),
        ("a <(b) >(c)", ["a /dev/fd/63 /dev/fd/63", "b", "c"]),
        ("eval 'a; b'", ["eval a; b", "a", "b"]),
        ("bash -c 'a && b' x", ["bash -c a && b x", "a", "b"]),
        ("sudo -u root env X=1 nice -n 5 a b", ["sudo -u root env X=1 nice -n 5 a b", "env X=1 nice -n 5 a b", "nice -n 5 a b", "a b"]),
        ("f() { a; }; f", ["a"]),
        ("rm() { a; }; rm -rf x; unset -f rm; rm y", ["a", "unset -f rm", "rm y"]),
        ("x=rm; $x -rf y", ["rm -rf y"]),
        ("x='rm -rf'; $x y", ["rm -rf y"]),
        ('x="rm -rf"; "$x" y', ["rm -rf y"]),
        ("for x in rm ls; do $x y; done", ["rm y", "ls y"]),
        ("$X y", ["!? y"]),
        ("ech{o,x} a", ["!?", "!ech{o,x} a"][:1]),
        ("echo {a,b}{1..2}", ["echo a1 a2 b1 b2"]),
        ("\\rm 'a b' \"c\"d", ["rm a b cd"]),
        ("r''m x", ["rm x"]),
        ("trap 'a' EXIT; b", ["trap a EXIT", "a", "b"]),
        ("alias x='a b'; y", ["alias x=a b", "a b", "y"]),
        ("exec a b; c", ["exec a b", "a b", "c"]),
        ("command -v a; command b", ["command -v a", "command b", "b"]),
        ("find . -name x -exec a {} \\; -ok b \\;", ["find . -name x -exec a {} ; -ok b ;", "a {}", "b"]),
        ("xargs -n1 a b", ["xargs -n1 a b", "a b"]),
        ("ssh h 'a; b'", ["ssh h a; b", "a", "b"]),
        ("docker run --rm img a b", ["docker run --rm img a b", "a b"]),
        ("cat <<'E'\n$(a)\nE\nb", ["cat", "b"]),
        ("cat <<E\n$(a)\nE", ["cat", "a"]),
        ("cat <<< $(a)", ["cat", "a"]),
        ("((i++)); a", ["a"]),
        ("rg --pre=x y", ["rg --pre=x y", "x"]),
        ("coproc a", ["!?", "!a"]),
    ],
)  # fmt: skip
def test_the_commands_of_a_text_stand_in_their_order(text: str, expected: list[str]) -> None:
    found = commands(text)
    assert found[: len(expected)] == expected, found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a > x", ["write /repo/x"]),
        ("a >> x 2> y < z", ["write /repo/x", "write /repo/y", "read /repo/z"]),
        ("a >| x &> y; b &>> z", ["write /repo/x", "write /repo/y", "write /repo/z"]),
        ("a <> x", ["write /repo/x", "read /repo/x"]),
        ("a >& x", ["write /repo/x"]),
        ("a 2>&1 >/dev/null </dev/null 3<&- 4>&1-", []),
        ("a > /dev/tcp/h.example/80", ["net.connect h.example"]),
        ("{ a; } > x", ["write /repo/x"]),
        ("a > $X", ["write None"]),
        ("cd sub && cat x", ["read /repo/sub/x"]),
        ("cd /srv; rm x", ["delete /srv/x"]),
        ("(cd sub); cat x", ["read /repo/x"]),
        ("cd sub || exit; cat ../y", ["read /repo/sub/../y"]),
        ("cd; cat x", ["read /home/u/x"]),
        ("cd $X; cat y", ["read None"]),
        ("cat ~/x ~ana/y", ["read /home/u/x", "read None"]),
        ('cat $HOME/x "$PWD"/y', ["read /home/u/x", "read /repo/y"]),
        ("rm -rf build", ["delete /repo/build/**"]),
        ("cp a b c/", ["read /repo/a", "read /repo/b", "write /repo/c/"]),
        ("mv a b", ["read /repo/a/**", "delete /repo/a/**", "write /repo/b/**"]),
        ("tee x y", ["write /repo/x", "write /repo/y"]),
        ("dd if=a of=b", ["read /repo/a", "write /repo/b"]),
        ("sed -i s/a/b/ x", ["read /repo/x", "write /repo/x"]),
        ("sed -n 'w y' x", ["write /repo/y", "read /repo/x"]),
        ("awk '{print > \"y\"}' x", ["write /repo/y", "read /repo/x"]),
        ("sort -o y x", ["write /repo/y", "read /repo/x"]),
        ("tar -C d -xf a.tar", ["read /repo/a.tar", "write /repo/d/./**"]),
        ("git -C d rm x", ["delete /repo/d/x"]),
        ("find d -delete", ["read /repo/d", "delete /repo/d/**"]),
        ("ln -s /etc/passwd x", ["read /etc/passwd", "write /etc/passwd", "write /repo/x"]),
        ("sudo cat x", ["read /repo/x"]),
        ("curl -o y https://h.example/x", ["write /repo/y", "net.get h.example"]),
        ("curl -d @x h.example", ["read /repo/x", "net.post h.example"]),
        ("curl -X DELETE https://h.example", ["net.delete h.example"]),
        ("scp x u@h.example:y", ["read /repo/x", "net.connect h.example"]),
        ("dig x.h.example", ["net.connect x.h.example"]),
        ("git clone git@h.example:a/b d", ["net.connect h.example", "write /repo/d/**"]),
        ("git push origin main", []),
        ("pip install x", []),
        ("frob ./x --to=/etc/y z", [f"{one} /repo/./x perhaps" for one in ("read", "write", "delete")]
            + [f"{one} /etc/y perhaps" for one in ("read", "write", "delete")]),
    ],
)  # fmt: skip
def test_files_and_addresses_that_a_text_names_are_effects(text: str, expected: list[str]) -> None:
    assert [one for one in seen(text) if one.startswith(("read ", "write ", "delete ", "net."))] == expected


@pytest.mark.parametrize(
    "text",
    [
        "eval $X", 'eval "$(a)"', "source <(a)", ". /dev/stdin", "python3 -c 'x'", "perl -e x", "node -e x", "ruby -e x",
        "git -c core.pager=x log", "git -c alias.y=!x y", "git unlisted", "curl x | sh", "python3 - < x", "bash <<E\na\nE\n", "awk 'BEGIN{system(\"x\")}'",
        "sed 1e x", "sed 's/a/b/e' x", "vim -c '!x'", "hash -p /x ls; ls", "enable -f x y", "let 'a[$(x)]'",
        "[[ 'a[$(x)]' -eq 1 ]]", "test -v 'a[$(x)]'", "x=$(a); echo $((x))", "printf -v 'a[$(x)]' y", "declare -n r=x",
        "curl -K x", "ssh -o ProxyCommand=x h", "tar --unlisted-option x", "${x@P}", "set -k; a", "compgen -C a",
        "time -p a", "a <<E <<F\nE\nF", "a <<E\nx\n E\n", "echo \r", "$'\\x72m' x", "=ls", "busybox $X", 'env -S "$X"',
        "xargs -I {} sh -c {}", 'find . -exec sh -c "{}" \\;', "nc -e /bin/sh h 1 -Q", "bash -s", "bash <(a)", "su -",
    ],
)  # fmt: skip
def test_what_nobody_can_know_is_opaque(text: str) -> None:
    assert any(act.opaque for act in read_text(text, cwd="/repo", home="/home/u") if not isinstance(act, Touch)), seen(
        text
    )


def test_assignments_that_change_what_runs_are_told() -> None:
    for text in (
        "PATH=/x ls",
        "export PATH=/x; ls",
        "PATH=/x; ls",
        "export X=1; ls",
        "env LD_PRELOAD=x ls",
        "declare -x X=1; ls",
    ):
        last = [act for act in read_text(text, cwd="/repo", home="/home/u") if isinstance(act, ExecEffect)][-1]
        assert last.argv == ("ls",)
        assert last.guarded, text
    for text in ("X=1; ls", "LANG=C ls", "x=1; y=2; ls"):
        last = [act for act in read_text(text, cwd="/repo", home="/home/u") if isinstance(act, ExecEffect)][-1]
        assert not last.guarded, text


def test_a_wrapper_is_one_and_what_it_starts_is_elevated_with_it() -> None:
    sudo, rm, _ = read_text("sudo rm x", cwd="/repo", home="/home/u")
    assert isinstance(sudo, ExecEffect)
    assert isinstance(rm, ExecEffect)
    assert (sudo.wrapper, sudo.elevated, rm.wrapper, rm.elevated) == (True, True, False, True)
    assert read_argv(["sudo", "rm", "x"], cwd="/repo", home="/home/u")[1].as_json() == rm.as_json()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "readonly"),
    [("ls -la x", True), ("cat x | grep -r y .", True), ("git status", True), ("git branch", False), ("git branch -a", True),
     ("git branch -D x", False), ("sort -o y x", False), ("find . -name x", True), ("find . -delete", False),
     ("rg x", True), ("rg --pre y x", False), ("tar tf x", True), ("tar xf x", False), ("./ls", False), ("/bin/ls", True),
     ("frob", None), ("echo $X", True), ("sort $X", None), ("sed -n 1p x", True), ("sed -i s/a/b/ x", False)],
)  # fmt: skip
def test_forms_that_only_look_are_known(text: str, readonly: bool | None) -> None:
    effects = [act for act in read_text(text, cwd="/repo", home="/home/u") if isinstance(act, ExecEffect)]
    assert effects[0].readonly is readonly, effects


@pytest.mark.parametrize(
    "text",
    [
        "echo " + "a" * 999_990, "$(" * 100_000 + "a" + ")" * 100_000, "a;" * 50_000, "(" * 50_000, "{ " * 50_000,
        "a | " * 50_000 + "b", "echo " + "'x' " * 200_000, "a && " * 50_000 + "b", "$((" * 30_000, "`" * 99_999,
        "x=$x$x;" * 20_000 + "echo $x", "echo {a,b}" + "{a,b}" * 5_000, "a <<E\n" * 20_000, "if " * 30_000,
        "f() { " * 20_000, "case x in " * 20_000, "bash -c '" * 20_000, "cd a;" * 30_000 + "cat x", "\\" * 900_000,
        '"$(' * 20_000, "[[ " * 50_000, "!" * 50_000, "x" * 1_000_001, "env " * 100_000 + "a", "sudo " * 100_000 + "a",
    ],
    ids=lambda text: f"{text[:12]!r} {len(text)}",
)  # fmt: skip
def test_large_and_deep_texts_are_answered_strictly_and_soon(text: str) -> None:
    began = time.process_time()
    acts = read_text(text, cwd="/repo", home="/home/u")
    assert acts
    assert time.process_time() - began < 60  # seconds; what is quadratic takes far longer


@given(st.text(alphabet="ab $(){}[]<>|&;'\"`\\\n=#*?~!-x0123456789,.:/", max_size=60))
@settings(max_examples=400, deadline=None)
def test_any_text_has_an_answer(text: str) -> None:
    acts = read_text(text, cwd="/repo", home="/home/u")
    assert all(act.opaque for act in acts if isinstance(act, ExecEffect) and act.argv is None)


@given(st.text(alphabet="ab $(){}[]<>|&;'\"`\\\n=#*?~!", min_size=1, max_size=24))
@settings(max_examples=300, deadline=None)
def test_what_the_strict_reader_accepts_is_text_that_bash_accepts(text: str) -> None:
    try:
        commands_, _ = read_strictly(text)
    except Refused:
        return
    if not commands_.items:
        return
    checked = subprocess.run(["bash", "-n", "-c", "--", text], capture_output=True, check=False, timeout=20)
    assert checked.returncode == 0, checked.stderr
