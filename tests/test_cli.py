"""The command line: JSON lines in and out, exit codes, and output that is clean in a pipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agentpolicy.cli import COMMANDS, main

POLICY = """policy p version "1.2" language 1
param workspace: path
fact branch: text = "dev"
fact n: number = 0
default deny because "closed"
tool bash(command: shell, cwd: path = "${workspace}") does only exec command in cwd
tool edit(path: path, content: text) does only fs.write path
allow write: fs.write "${workspace}/**"
allow ls: exec "ls **"
allow role: exec "role" when agent.role == "ci" and user.groups has "ops" and n == 2
ask push: exec "git push **" because "it leaves"
deny main: exec "make **" when branch == "main" because "not on main"
allow mk: exec "make **"
allow night: exec "night" when time.hour == 3
"""


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENTPOLICY_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "p.agp"
    file.write_text(POLICY)
    return file


def run(*args: str, input: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args], input=input)


def decide(policy: Path, *lines: Any, options: tuple[str, ...] = ()) -> tuple[int, list[dict[str, Any]]]:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    result = run("decide", "--policy", str(policy), "--param", "workspace=/w", *options, input=text)
    return result.exit_code, [json.loads(line) for line in result.output.splitlines()]


def test_each_line_gets_its_decision(policy: Path) -> None:
    code, answers = decide(
        policy,
        {"tool": "bash", "args": {"command": "ls -l"}},
        {"tool": "bash", "args": {"command": "git push"}},
        {"action": "fs.write", "target": "/w/x"},
        {"action": "exec", "target": ["ls"]},
        {"action": "exec", "target": "ls"},
    )
    assert code == 0
    assert [(one["outcome"], one["rule"]) for one in answers] == [
        ("allow", "ls"),
        ("ask", "push"),
        ("allow", "write"),
        ("allow", "ls"),
        ("allow", "ls"),
    ]
    assert answers[1]["approvals"] == [{"rule": "push", "layer": "p", "reason": "it leaves"}]


BAD = [
    "nonsense",
    "[1, 2]",
    '{"tool": 3}',
    '{"tool": "bash", "args": [1]}',
    '{"tool": "bash", "action": "exec"}',
    '{"action": "exec"}',
    '{"action": "exec", "target": 3}',
    '{"action": "fs.raed", "target": "/x"}',
    '{"tool": "bash", "args": {"command": "ls"}, "cwd": 3}',
    '{"tool": "bash", "args": {"command": "ls"}, "env": {"A": 1}}',
    '{"tool": "bash", "args": {"command": "ls"}, "time": "noon"}',
    '{"tool": "bash", "args": {"command": "ls"}, "time": true}',
    '{"tool": "bash", "args": {"command": "ls"}, "time": 1e300}',
    '{"tool": "bash", "args": {"command": "ls"}, "facts": 3}',
    '{"tool": "bash", "args": {"command": "ls"}, "facts": {"nope": 3}}',
    '{"tool": "bash", "args": {"command": "ls"}, "expand_tilde": 1}',
    '{"tool": "bash", "args": {"command": "ls"}, "sesion": "x"}',
    '{"tool": "bash", "args": {"command": "ls"}, "session": 3}',
    '{"tool": "bash", "args": {"command": "ls \\u0000"}}',
    '{"tool": "edit", "args": {"path": "/w/\\ud800", "content": ""}}',
    '{"said": 3}',
    '{"approve": ["ana"]}',
    "{" * 100_000,
    '{"tool": "bash", "args": ' + '{"a":' * 2000 + "1" + "}" * 2000 + "}",
]


@pytest.mark.parametrize("line", BAD, ids=[line[:40] for line in BAD])
def test_a_bad_line_is_refused_and_the_rest_go_on(policy: Path, line: str) -> None:
    code, answers = decide(policy, line, {"tool": "bash", "args": {"command": "ls"}})
    assert code == 1
    assert [one["outcome"] for one in answers] == ["deny", "allow"]
    assert answers[0].get("error") or answers[0]["reason"]


def test_a_line_that_is_no_utf8_or_too_long_is_refused(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentpolicy.cli.common.MAX_LINE", 200)
    good = b'{"action": "exec", "target": ["ls"]}\n'
    lines = b"\xff\xfe\n" + b'{"tool": "' + b"x" * 1000 + b'"}\n\n' + good
    result = run("decide", "--policy", str(policy), "--param", "workspace=/w", input=lines)
    answers = [json.loads(line) for line in result.output.splitlines()]
    assert [one["outcome"] for one in answers] == ["deny", "deny", "allow"]
    assert "longer than" in answers[1]["error"]


def test_what_was_said_is_acknowledged_line_for_line(policy: Path) -> None:
    code, answers = decide(
        policy, {"said": "push it"}, {"action": "exec", "target": ["ls"], "session": "a", "result": "ok"}
    )
    assert code == 0
    assert answers[0] == {"said": True}
    assert answers[1]["outcome"] == "allow"


def test_options_bind_facts_agent_and_user(policy: Path) -> None:
    line = {"action": "exec", "target": ["role"]}
    who = ("--agent", "name=x,role=ci", "--user", "name=ana,groups=ops+dev", "--fact", "n=2")
    assert decide(policy, line, options=who)[1][0]["rule"] == "role"
    assert decide(policy, line, options=("--agent", "ci"))[1][0]["outcome"] == "deny"
    assert (
        decide(policy, {"action": "exec", "target": ["make"]}, options=("--fact", "branch=main"))[1][0]["rule"]
        == "main"
    )
    assert decide(policy, {"action": "exec", "target": ["make"], "facts": {"branch": "main"}})[1][0]["rule"] == "main"


def test_a_line_may_bring_its_time(policy: Path) -> None:
    lines = [{"action": "exec", "target": ["night"], "time": f"2024-01-01T{hour:02}:00:00"} for hour in (3, 4)]
    assert [one["outcome"] for one in decide(policy, *lines)[1]] == ["allow", "deny"]


def test_sessions_are_bounded(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentpolicy.cli.decide.MAX_SESSIONS", 2)
    lines = [{"action": "exec", "target": ["ls"], "session": f"s{at % 4}"} for at in range(9)]
    assert {one["outcome"] for one in decide(policy, *lines)[1]} == {"allow"}


@pytest.mark.parametrize(
    "args",
    [
        ("decide",),
        ("decide", "--policy", "nowhere.agp"),
        ("decide", "--policy", "preset:nowhere"),
        ("decide", "--policy", "{policy}"),
        ("decide", "--policy", "{policy}", "--param", "workspace"),
        ("decide", "--policy", "{policy}", "--param", "workspace=/w", "--param", "workspace=/x"),
        ("decide", "--policy", "{policy}", "--param", "workspace=rel"),
        ("decide", "--policy", "{policy}", "--param", "workspace=/w", "--param", "x=1"),
        ("decide", "--policy", "{policy}", "--param", "workspace=/w", "--fact", "x=1"),
        ("decide", "--policy", "{policy}", "--param", "workspace=/w", "--fact", "n=x"),
        ("decide", "--policy", "{policy}", "--param", "workspace=/w", "--agent", "nme=x"),
        ("compile", "--policy", "nowhere.agp"),
        ("effects", "--policy", "nowhere.agp"),
        ("check", "nowhere.agp"),
        ("fmt", "nowhere.agp"),
        ("check",),
        ("nothing",),
    ],
)
def test_usage_and_unreadable_input_end_with_two(policy: Path, args: tuple[str, ...]) -> None:
    result = run(*(arg.replace("{policy}", str(policy)) for arg in args), input="")
    assert result.exit_code == 2, result.output
    assert result.output


def test_effects_need_no_policy(policy: Path) -> None:
    lines = '{"action": "net.get", "target": "https://a.example/x"}\n{"tool": "t", "args": {}}\nbad\n{"action": "fs.x", "target": "/"}\n'
    result = run("effects", input=lines)
    answers = [json.loads(line) for line in result.output.splitlines()]
    assert result.exit_code == 1
    assert answers[0]["effects"][0] == {
        "action": "net.get", "scheme": "https", "host": "a.example", "port": 443, "path": "/x", "method": "GET",
        "private": False, "opaque": False,
    }  # fmt: skip
    assert answers[0]["opaque"] is False
    assert answers[1]["effects"] == [{"action": "tool", "name": "t", "server": None}]
    assert [list(one) for one in answers[2:]] == [["error"], ["error"]]


def test_a_policy_brings_tools_to_effects_even_if_it_does_not_load_yet(policy: Path) -> None:
    policy.write_text(POLICY + "sandbox { memory 2GB }\n")
    line = '{"tool": "bash", "args": {"command": "ls | $(x)"}}\n'
    result = run("effects", "--policy", str(policy), "--param", "workspace=/w", input=line)
    (answer,) = [json.loads(one) for one in result.output.splitlines()]
    assert answer["opaque"] is True
    assert [(one["action"], one["program"]) for one in answer["effects"]] == [
        ("exec", "ls"),
        ("exec", None),
        ("exec", "x"),
    ]
    assert run("decide", "--policy", str(policy), "--param", "workspace=/w", input=line).exit_code == 2


def test_check_reports_in_every_form(policy: Path, tmp_path: Path) -> None:
    assert run("check", str(policy)).output == "1 file: 0 errors\n"
    bad = tmp_path / "bad.agp"
    bad.write_text('policy b version "1"\nallow x: fs.raed "/x"\nask y: exec any\nset z: path = "/z"\n')
    text = run("check", str(bad))
    assert text.exit_code == 1
    assert "error[AP203]: there is no action `fs.raed`" in text.output
    assert "\x1b" not in text.output
    assert "2 errors, 1 warning" in text.output
    told = json.loads(run("check", "--json", str(bad)).output)
    assert [one["code"] for one in told["findings"]] == ["AP203", "AP601", "AP602"]
    assert (told["findings"][0]["line"], told["findings"][0]["column"]) == (2, 10)
    log = json.loads(run("check", "--format", "sarif", str(bad)).output)
    assert log["version"] == "2.1.0"
    assert [one["ruleId"] for one in log["runs"][0]["results"]] == ["AP203", "AP601", "AP602"]
    lines = run("check", "--format", "github", str(bad)).output.splitlines()
    assert lines[0].startswith("::error file=")
    assert "line=2,col=10" in lines[0]


def test_check_tells_of_meanings_that_are_not_there_yet(policy: Path) -> None:
    policy.write_text(POLICY + "sandbox { memory 2GB }\n")
    result = run("check", str(policy))
    assert result.exit_code == 0
    assert "warning[AP501]" in result.output


def test_fmt_writes_in_place_or_only_checks(tmp_path: Path) -> None:
    file = tmp_path / "f.agp"
    file.write_text('policy   f version "1"\n\n\n\nallow  x:   exec    "ls"   # listing\n')
    file.chmod(0o640)
    assert run("fmt", "--check", str(file)).exit_code == 1
    assert run("fmt", str(file)).exit_code == 0
    assert file.read_text() == 'policy f version "1"\n\nallow x: exec "ls"  # listing\n'
    assert file.stat().st_mode & 0o777 == 0o640
    assert run("fmt", "--check", str(file)).exit_code == 0
    assert run("fmt", str(file)).output == ""
    piped = run("fmt", "-", input='policy   f version "1"\n')
    assert piped.output == 'policy f version "1"\n'
    assert run("fmt", "--check", "-", input='policy   f version "1"\n').exit_code == 1
    file.write_text("allow")
    assert run("fmt", str(file)).exit_code == 2
    assert file.read_text() == "allow"


def test_compile_keeps_and_shows(policy: Path, tmp_path: Path) -> None:
    args = ("compile", "--policy", str(policy), "--param", "workspace=/w")
    assert "p 1.2: 1 layer, 7 rules, sha256:" in run(*args).output
    assert list((tmp_path / "cache").iterdir())
    shown = run(*args, "--show").output
    assert "def decide_exec(e, s):" in shown
    assert "/w" not in shown.split("# constants")[0]
    assert json.loads(run(*args, "--json").output)["layers"][0]["rules"] == 7


def test_every_command_has_help() -> None:
    listed = run("--help").output
    for name in COMMANDS:
        assert name in listed
        assert run(name, "--help").exit_code == 0
    assert "0.1.0" in run("--version").output
