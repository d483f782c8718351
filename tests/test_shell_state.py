"""What earlier words of a text do to later ones: variables, settings, directories, aliases, functions.

Each case is a text and what its last command turns out to be; ``?`` is a word that is not known, ``!`` in front says that
the text as a whole is opaque somewhere.
"""

from __future__ import annotations

import pytest

from agentpolicy.effects.acts import Touch
from agentpolicy.effects.effect import ExecEffect, NetEffect
from agentpolicy.effects.shell.read import read_argv, read_text


def last(text: str) -> str:
    execs = [act for act in read_text(text, cwd="/repo", home="/home/u") if isinstance(act, ExecEffect)]
    mark = "! " if any(act.opaque for act in execs) else ""
    argv = execs[-1].argv
    return mark + ("?" if argv is None else " ".join("?" if word is None else word for word in argv))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # values that are known are split and joined as the shell does it
        ('x="a b"; echo $x', "echo a b"),
        ('x="a b"; echo "$x"', "echo a b"),
        ('x=" a b "; echo p$x', "echo p a b"),
        ('x=" a b "; echo p${x}q', "echo p a b q"),
        ('x=" "; echo p$x', "echo p"),
        ('x=" "; echo p${x}q', "echo p q"),
        ('x=""; echo p${x}q', "echo pq"),
        ('x=""; $x rm y', "rm y"),
        ("x=rm; $x y", "rm y"),
        ("x=r; ${x}m y", "rm y"),
        ("x=rm; y=$x; $y z", "rm z"),
        ("x=; x+=rm; $x y", "! ? y"),
        ("IFS=,; x=rm,y; $x", "! ?"),
        ("x=${y:-rm}; $x z", "! ? z"),
        ("x=rm; ${x:-ls} z", "rm z"),
        ("x=; ${x:-ls} z", "! ? z"),
        ("x=rm; ${x#r} z", "! ? z"),
        ("${x:=rm} z; $x z", "! ? z"),
        ("x=(rm y); ${x[0]} z", "! ? z"),
        ("echo ~", "echo /home/u"),
        ("echo ~root", "! echo ?"),
        ("HOME=/x; echo ~", "echo /x"),
        ("unset HOME; echo ~", "! echo ?"),
        ("echo ${#x}", "! echo ?"),
        # what changes variables makes them unknown
        ("x=ls; read x; $x y", "! ? y"),
        ("x=ls; read -r a x; $x y", "! ? y"),
        ("x=ls; read $v; $x y", "! ? y"),
        ("REPLY=ls; read; $REPLY y", "! ? y"),
        ("x=ls; mapfile x; $x y", "! ? y"),
        ("x=ls; printf -v x rm; $x y", "! ? y"),
        ("x=ls; printf -v $v rm; $x y", "! ? y"),
        ("x=ls; getopts ab x; $x y", "! ? y"),
        ("x=ls; let x=1; $x y", "! ? y"),
        ("x=ls; unset x; $x y", "! ? y"),
        ("x=ls; unset $v; $x y", "! ? y"),
        ("x=ls; export $v; $x y", "! ? y"),
        ("x=ls; export x+=a; $x y", "! ? y"),
        ("x=ls; declare -u x; $x y", "! ? y"),
        ("x=LS; declare -l x=RM; $x y", "! ? y"),
        ("x=ls; for x in rm; do :; done; $x y", "rm y"),
        ("x=ls; (x=rm); $x y", "ls y"),
        ("x=ls; x=rm true; $x y", "ls y"),
        ("x=ls; { x=rm; }; $x y", "rm y"),
        ("x=ls; if test -e f; then x=rm; fi; $x y", "! ? y"),
        ("x=ls; export x; $x y", "ls y"),
        ("export x=ls; $x y", "ls y"),
        ("readonly x=ls; $x y", "! ? y"),
        ("declare x=ls; $x y", "ls y"),
        ("local x=ls; $x y", "ls y"),
        ("x=1; ((x++)); echo $x", "! echo ?"),
        # settings of the shell
        ("set -f; echo *", "echo *"),
        ("set -o noglob; echo *", "echo *"),
        ("set -o errexit; ls", "ls"),
        ("set -euo pipefail; ls", "ls"),
        ("set -- rm y; $1 z", "rm z"),
        ("set -- rm $v; $1 z", "! ? z"),
        ("set a b; echo $2", "echo b"),
        ("set -k; ls", "! ls"),
        ("set $v; ls", "! ls"),
        ("set -o posix; ls", "! ls"),
        ("shopt -s expand_aliases; ls", "! ls"),
        ("shopt -s nullglob; ls", "! ls"),
        ("shopt -s histappend; ls", "ls"),
        ("shopt -s $v; ls", "! ls"),
        ("alias ls=rm; ls y", "! ls y"),
        ("alias $v; ls y", "! ls y"),
        ("alias; ls y", "ls y"),
        ("hash -p /tmp/x ls; ls y", "! ls y"),
        ("hash -r; ls y", "ls y"),
        ("enable -n echo; echo y", "! echo y"),
        ("ls() { rm y; }; ls z", "rm y"),
        ("f() { rm $1; }; f y", "! rm ?"),
        ("f() { :; }; unset -f f; f y", "f y"),
        # arithmetic and subscripts run commands
        ("echo $((1 + 2))", "! echo ?"),
        ("x=3; echo $((x + $x))", "! echo ?"),
        ("echo $(( $(rm y) ))", "! rm y"),
        ("x='a[$(rm y)]'; echo $(( $x ))", "! ?"),
        ("read 'a[$(rm y)]'; ls", "! ls"),
        ("unset 'a[$(rm y)]'; ls", "! ls"),
        ("printf -v 'a[$(rm y)]' z; ls", "! ls"),
        ("declare 'a[$(rm y)]=1'; ls", "! ls"),
        ("declare -i x='a[$(rm y)]'; ls", "! ls"),
        ("declare -i x=3; ls", "ls"),
        ("(( a[$(rm y)] ))", "! rm y"),
        ("[[ -v 'a[$(rm y)]' ]]; ls", "! ls"),
        # words in which nothing but the commands inside matters
        ("x=${y:-$(rm z)}; ls", "ls"),
        ("echo ${x:-$(rm y)}", "! rm y"),
        ("echo ${x/$(rm y)/$((1+$(rm z)))}", "! rm z"),
        ("cat <(rm y)", "rm y"),
        ("echo ${x:-<(rm y)}", "! echo ?"),
        ("echo ${x:-${y:-$(rm z)}}", "! rm z"),
        ("echo ${x:$((1))}", "! echo ?"),
    ],
)
def test_the_last_command_is_what_the_words_before_make_of_it(text: str, found: str) -> None:
    assert last(text) == found


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("cd sub; cat f", "/repo/sub/f"),
        ("cd sub && cat f", "/repo/sub/f"),
        ("(cd sub); cat f", "/repo/f"),
        ("cd sub; cd ..; cat f", "/repo/f"),
        ("cd; cat f", "/home/u/f"),
        ("cd /a && cd /b && cd - && cat f", "/a/f"),
        ("cd /a; cd /b; cd -; cat f", None),
        ("cd /a && cd $v && cd - && cat f", None),
        ('cd ""; cat f', "/repo/f"),
        ("cd $v; cat f", None),
        ("CDPATH=/x; cd sub; cat f", None),
        ("CDPATH=/x; cd ./sub; cat f", "/repo/sub/f"),
        ("pushd sub; cat f", "/repo/sub/f"),
        ("pushd sub && popd && cat f", "/repo/f"),
        ("pushd sub; popd; cat f", None),
        ("pushd; cat f", None),
        ("pushd -n sub; popd; cat f", None),
        ("cd -P sub; cat f", "/repo/sub/f"),
        ("cd /a && pushd /b && popd && cd - && cat f", None),
        ("cd +1; cat f", None),
        ("cd -1; cat f", None),
        ("cd /a && pushd +1 && cat f", None),
    ],
)
def test_directories_are_followed(text: str, path: str | None) -> None:
    reads = [one for one in read_text(text, cwd="/repo", home="/home/u") if isinstance(one, Touch)]
    assert reads[-1].name == path


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("curl --data-urlencode name@f https://example.com", ("fs.read", "/repo/f")),
        ("curl --data-urlencode a=b@c https://example.com", None),
        ("curl -b jar https://example.com", ("fs.read", "/repo/jar")),
        ("curl -b a=b https://example.com", None),
        ("curl -d @f https://example.com", ("fs.read", "/repo/f")),
        ("curl -d f https://example.com", None),
        ("curl -F a=@f;type=x https://example.com".replace(";", "\\;"), ("fs.read", "/repo/f")),
        ("curl -F 'a=<f' https://example.com", ("fs.read", "/repo/f")),
        ("curl -F a=f https://example.com", None),
        ("curl file:///etc/passwd", ("fs.read", "/etc/passwd")),
        ("curl FILE:/etc/passwd", ("fs.read", "/etc/passwd")),
        ("aws s3 cp file://f s3://b/k", None),
        ("openssl rsa -passin file:f", ("fs.read", "/repo/f")),
        ("openssl rsa -passin pass:f", None),
        ("docker run -v /etc:/x image", ("fs.write", "/etc")),
        ("docker run -v /etc:/x:ro image", ("fs.read", "/etc")),
        ("docker run --mount type=bind,source=/etc,target=/x image", ("fs.write", "/etc")),
        ("docker run -v name:/x image", None),
        ("scp f host.example:g", ("fs.read", "/repo/f")),
        ("scp host.example:g f", ("fs.write", "/repo/f")),
        ("pip install ./x", ("fs.read", "/repo/./x")),
        ("pip install 'x @ file:/y'", ("fs.read", "/y")),
        ("git push ../x main", ("fs.write", "/repo/../x")),
        ("psql -h /run/x", ("fs.read", "/run/x")),
        ("split f part-", ("fs.write", "/repo")),
    ],
)
def test_what_kinds_of_operands_touch(text: str, wanted: tuple[str, str | None] | None) -> None:
    touched = [
        (act.action, act.name)
        for act in read_text(text, cwd="/repo", home="/home/u")
        if isinstance(act, Touch) and not act.possible
    ]
    assert (wanted in touched) if wanted is not None else not touched


@pytest.mark.parametrize(
    "text",
    [
        "curl -d $v https://example.com", "curl -F $v https://example.com", "curl --data-urlencode $v https://example.com",
        "curl -b $v https://example.com", "curl $v", "curl -o $v https://example.com", "curl --resolve $v https://a.example",
        "curl --connect-to $v https://a.example", "ssh $v ls", "scp $v host.example:", "rsync $v host.example:",
        "git clone $v", "git push $v", "git fetch $v", "git -c $v status", "python -m $v", "python -c $v", "env $v ls",
        "docker run -v $v image", "docker run $v", "make $v", "openssl rsa -passin $v", "psql -h $v", "find $v", "xargs $v",
        "sed $v f", "awk $v f", "$v", "./$v", "cat $v", "dig $v", "nc $v 80", "split f $v", "npx $v", "npx eslint@$v",
        "pip install $v", "tar $v", "tar xf $v", "timeout $v ls", "sudo $v", "xargs -I$v ls", "find . -exec $v \\;",
    ],
)  # fmt: skip
def test_a_word_that_is_not_known_is_never_a_plain_answer(text: str) -> None:
    acts = read_text(text, cwd="/repo", home="/home/u")
    assert any(act.opaque for act in acts if isinstance(act, (ExecEffect, NetEffect)))


@pytest.mark.parametrize(
    ("argv", "host"),
    [
        (["curl", "--connect-to", "a.example:443:b.example:444", "https://a.example"], "b.example"),
        (["curl", "--resolve", "a.example:443:10.0.0.1", "https://a.example"], "10.0.0.1"),
        (["curl", "--resolve", "a.example:443:10.0.0.1,[::1]", "https://a.example"], "::1"),
        (["curl", "example.com"], "example.com"),
        (["curl", "https://a.example/?u=https://b.example/"], "b.example"),
        (["ssh", "user@host.example", "ls"], "host.example"),
        (["scp", "f", "user@host.example:g"], "host.example"),
        (["rsync", "f", "rsync://host.example/m"], "host.example"),
        (["git", "clone", "git@host.example:a/b"], "host.example"),
        (["psql", "postgresql://u@host.example/d"], "host.example"),
        (["docker", "pull", "registry.example/a:1"], "registry.example"),
        (["pip", "install", "git+https://host.example/x"], "host.example"),
        (["pip", "install", "x @ https://host.example/x.whl"], "host.example"),
    ],
)
def test_hosts_are_found_wherever_they_stand(argv: list[str], host: str) -> None:
    acts = read_argv(argv, cwd="/repo", home="/home/u")
    assert host in [act.host for act in acts if isinstance(act, NetEffect)]


@pytest.mark.parametrize(
    "argv", [[], [""], ["rm", "a\0b"], ["echo", "x" * 2_000_000]], ids=["none", "empty", "nul", "long"]
)
def test_words_that_are_no_command_are_opaque(argv: list[str]) -> None:
    (effect,) = read_argv(argv, cwd="/repo", home="/home/u")
    assert isinstance(effect, ExecEffect)
    assert effect.opaque


@pytest.mark.parametrize("count", [3, 60, 400])
def test_commands_among_letters_of_other_scripts_are_found_at_their_places(count: int) -> None:
    text = "".join(f"echo 'añ{at}語'; " for at in range(count)) + "rm 'ü'"
    assert last(text) == "rm ü"
    assert last("echo ñ $(echo ü $(rm 'ß'))").startswith("! ")


def test_more_variables_than_are_followed_are_all_unknown() -> None:
    many = "".join(f"v{at}=rm; " for at in range(20_000))
    assert last("x=ls; " + many + "$x y") == "! ? y"
    assert last(many + "w=ls; $w y") == "! ? y"
    *_, effect = read_text(many + many.replace("v", "w") + "export PATH=/x; ls", cwd="/repo", home="/home/u")
    assert isinstance(effect, ExecEffect)
    assert "PATH" in effect.env


@pytest.mark.parametrize(
    ("text", "opaque"),
    [
        ("n=3; ((n += 1)); ls", False),
        ("((n = 1)); ls", False),
        ("((++n)); ls", False),
        ("n=1; ((m = n)); ls", False),
        ("n='a[$(rm y)]'; ((m = n)); ls", True),
        ("read n; ((m = n)); ls", True),
        ("((0x1f)); ls", False),
        ("for ((i = 0; i < $(rm y); i++)); do :; done; ls", True),
        ("n=3; [[ $n -eq 3 ]]; ls", False),
        ("let n=1; ls", False),
        ("let 'a[$(rm y)]=1'; ls", True),
    ],
)
def test_arithmetic_runs_commands_only_by_what_variables_hold(text: str, opaque: bool) -> None:
    assert last(text).startswith("! ") is opaque


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("find . -newer ref", ("fs.read", "/repo/ref")),
        ("find . -newermt 2024-01-01", None),
        ("find . -fprintf out %p", ("fs.write", "/repo/out")),
        ("find . -fprint out", ("fs.write", "/repo/out")),
        ("find . -files0-from list", ("fs.read", "/repo/list")),
        ("find a b -name x", ("fs.read", "/repo/b")),
        ("find", ("fs.read", "/repo")),
        ("find . -samefile f", ("fs.read", "/repo/f")),
    ],
)
def test_what_find_is_told_to_read_and_write(text: str, wanted: tuple[str, str] | None) -> None:
    touched = [(one.action, one.name) for one in read_text(text, cwd="/repo", home="/home/u") if isinstance(one, Touch)]
    if wanted is None:
        assert {action for action, _ in touched} == {"fs.read"}
    else:
        assert wanted in [(action, name and name.removesuffix("/.")) for action, name in touched]


@pytest.mark.parametrize("text", ["find . -new", "find . -exec", "find -x $v", "find . $v"])
def test_what_find_may_be_told_otherwise_is_opaque(text: str) -> None:
    assert any(one.opaque for one in read_text(text, cwd="/repo", home="/home/u") if isinstance(one, ExecEffect))


@pytest.mark.parametrize(
    "text",
    [
        "BASH_CMDS[ls]=/tmp/x; ls",
        "BASH_ALIASES[ls]=rm; ls",
        "path=/tmp; ls",
        "aliases[ls]=rm; ls",
        "functions[ls]=rm; ls",
        "TERM=()ls rm z",
    ],
)
def test_variables_that_say_what_names_run_leave_nothing_known(text: str) -> None:
    assert any(one.opaque for one in read_text(text, cwd="/w", home="/h") if isinstance(one, ExecEffect))


def test_a_program_in_another_place_is_no_wrapper_by_its_name() -> None:
    def wrappers(text: str) -> list[bool]:
        return [one.wrapper for one in read_text(text, cwd="/w", home="/h") if isinstance(one, ExecEffect)]

    assert wrappers("timeout 5 git status") == wrappers("/usr/bin/timeout 5 git status") == [True, False]
    assert wrappers("./timeout 5 git status") == wrappers("/tmp/env git status") == [False, False]
