"""Edges of reading commands: too deep, too many, words half known, directories of programs that cannot be listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentpolicy.effects.acts import Touch
from agentpolicy.effects.disk import DiskFiles
from agentpolicy.effects.effect import ExecEffect
from agentpolicy.effects.shell.read import read_argv, read_text


def touched(text: str) -> list[tuple[str, str | None]]:
    acts = read_text(text, cwd="/repo", home="/home/u")
    return [(act.action, act.name) for act in acts if isinstance(act, Touch) and not act.possible]


def opaque(text: str) -> bool:
    return any(one.opaque for one in read_text(text, cwd="/repo", home="/home/u") if isinstance(one, ExecEffect))


def test_programs_are_listed_from_the_directories_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").write_text("")
    (tmp_path / "file").write_text("")
    places = [str(tmp_path / "bin"), str(tmp_path / "missing"), str(tmp_path / "file"), "relative", ""]
    monkeypatch.setenv("PATH", ":".join(places))
    monkeypatch.setattr("sys.platform", "linux")
    assert DiskFiles().listed_programs() == {"tool"}
    monkeypatch.setenv("PATH", str(tmp_path / ("x" * 300)))  # a name that no system lists
    assert DiskFiles().listed_programs() is None
    monkeypatch.setattr("sys.platform", "darwin")  # case is folded there
    assert DiskFiles().listed_programs() is None


def test_commands_that_start_each_other_without_end_are_opaque() -> None:
    acts = read_argv(["env"] * 500 + ["rm", "x"], cwd="/repo", home="/home/u")
    assert any(act.opaque for act in acts if isinstance(act, ExecEffect))
    assert opaque("nice " * 500 + "rm x")


def test_more_effects_than_are_kept_are_opaque() -> None:
    assert ("fs.read", "/etc/shadow") in touched("cat " + "f " * 200_000 + "/etc/shadow")
    assert opaque("unheard-of " + "f " * 200_000)
    assert ("fs.delete", "/repo/x") in touched("cat f;" * 20_000 + "rm x")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("aws ec2 run-instances --user-data file://u", ("fs.read", "/repo/u")),
        ("aws s3 cp f s3://bucket/key", ("fs.read", "/repo/f")),
        ("aws s3 cp s3://bucket/key f", ("fs.write", "/repo/f")),
        ("rsync --delete f /target", ("fs.write", "/target")),
        ("rsync f host.example:g", ("fs.read", "/repo/f")),
        ("openssl enc -in f -out g", ("fs.write", "/repo/g")),
        ("ln -s f g", ("fs.write", "/repo/g")),
        ("cp a/.. b", ("fs.write", "/repo/b")),
        ("curl --output-dir out -O https://example.com/f", ("fs.write", "/repo/out/f")),
        ("curl --output-dir out -o g https://example.com/f", ("fs.write", "/repo/out/g")),
        ("pip install --target=out ./x", ("fs.read", "/repo/./x")),
        ("make -C sub -f other.mk", ("fs.read", "/repo/sub/other.mk")),
        ("tar -C sub -xf f.tar", ("fs.read", "/repo/f.tar")),
    ],
)
def test_files_are_found_in_operands_of_every_kind(text: str, wanted: tuple[str, str]) -> None:
    assert wanted in touched(text)


@pytest.mark.parametrize(
    "text",
    [
        "env BASH_FUNC_f%%=x ls", 'env "A$v" ls', "env $v", "x=$(rm y) $x", "python -m timeit 'x'", "git $v", "git -C $v $w",
        "git --no$v status", "tar --fi$v", "tar -x$v", "make -j$v -f $w", "sed -n$v", "docker run --name$v image x",
        "rsync -e $v f g", "env -S $v",      "kubectl exec $v -- $w",
          "tar --unheard-of=x",  "find $v -exec $w {} +", "sort --comp$v f",
    ],
)  # fmt: skip
def test_a_command_line_that_is_half_known_is_not_plain(text: str) -> None:
    acts = read_text(text, cwd="/repo", home="/home/u")
    assert opaque(text) or any(isinstance(act, ExecEffect) and (act.argv is None or None in act.argv) for act in acts)


@pytest.mark.parametrize(
    "text",
    [
        "x=${y:-<(rm z)}", "x=${y:->(rm z)} ls", "echo ${y:+<(rm z)} ls", "echo ${x:-$((1+$(rm y)))}",
        "x=${y:-<(rm z)} ls", "echo ${x[$(rm y)]}", "echo ${x:$(rm y):2}",
        "echo $(( ${x:-$(rm y)} ))", "echo $(( 1 + $(( $(rm y) )) ))", "x=$((1 + $(rm y)))", "echo {a,$(rm y)}",
        'echo "${x:-"$(rm y)"}"', "cat <<E\n${x:-$(rm y)}\nE", "cat <<< $(rm y)", "case $(rm y) in a) ;; esac",
        "for x in $(rm y); do :; done", "[[ $(rm y) == a ]]", "echo `rm y`", "x=(a $(rm y))", "x[$(rm y)]=1",
    ],
)  # fmt: skip
def test_a_substitution_is_seen_wherever_it_is_expanded(text: str) -> None:
    execs = [act for act in read_text(text, cwd="/repo", home="/home/u") if isinstance(act, ExecEffect)]
    assert any(act.argv is not None and act.argv[0] == "rm" for act in execs) or opaque(text)
