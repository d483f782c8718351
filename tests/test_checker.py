"""What people run on policies: tests and proofs in files, coverage, explanations, reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from agentpolicy.cli import main

POLICY = """policy p version "1" language 1
param workspace: path
fact branch: text = "main"
default deny because "closed"
tool bash(command: shell, cwd: path = "${workspace}") does only exec command in cwd
allow look: fs.read "${workspace}/**", "/usr/{lib,share}/**"
deny secret: fs.read "**/.env" because "secrets"
allow mine: exec "git push **" unless branch == "main"
ask push: exec "git push **" because "it leaves"
allow late: exec "late" when time.hour >= 18 or agent.role == "night"
"""


def run(*args: str, input: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args], input=input)


def policy(tmp_path: Path, tests: str, text: str = POLICY) -> str:
    file = tmp_path / "p.agp"
    file.write_text(text + tests)
    return str(file)


def report(*args: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run("test", "--json", *args).output)
    return told


PASSING = """
test "reading" {
    given (workspace = "/w")
    fs.read "/w/a" -> allow by look
    fs.read "/w/.env" -> deny by secret
    bash(command: "git push") -> ask by push
    given (agent.role = "night")
    exec "late" -> allow by late
    given (agent.role = "day")
    exec "late" -> deny by default
    wait 7h
    exec "late" -> allow by late
}
prove never allow fs.read "**/.env" given (workspace = "/w")
"""


def test_what_holds_passes(tmp_path: Path) -> None:
    result = run("test", policy(tmp_path, PASSING))
    assert result.exit_code == 0, result.output
    assert "2 passed" in result.output
    assert "\x1b" not in result.output


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ('fs.read "/w/a" -> deny', "allow"),
        ('fs.read "/etc/x"', "deny"),
        ('fs.read "/w/.env" -> deny by look', "secret"),
        ('exec "git push" -> ask by default', "push"),
        ('bash(comand: "x") -> allow', "comand"),
        ("nope(x: 1) -> allow", "nope"),
    ],
)
def test_an_expectation_that_does_not_come_fails_at_its_step(tmp_path: Path, step: str, told: str) -> None:
    path = policy(tmp_path, f'test "t" {{\n    given (workspace = "/w")\n    {step}\n}}\n')
    result = run("test", path)
    assert result.exit_code == 1
    assert told in result.output
    assert "p.agp:13" in result.output


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('fs.read "/w/a"', "workspace"),
        ('given (workspace = "rel") fs.read "/w/a"', "relative"),
        ('given (workspace = "/w") approve "ana"', "approvals"),
        ('given (workspace = "/w", time.hour = 30) fs.read "/w/a"', "hour"),
    ],
)
def test_a_test_that_cannot_run_is_never_a_pass(tmp_path: Path, body: str, told: str) -> None:
    result = run("test", policy(tmp_path, f'test "t" {{ {body} }}\n'))
    assert result.exit_code == 1
    assert told in result.output
    assert "passed" not in result.output.splitlines()[-1] or "0 passed" in result.output


def test_a_policy_that_does_not_load_runs_no_test(tmp_path: Path) -> None:
    text = POLICY + "mark m on exec any\ntelemetry { level info }\nsandbox { memory 1GB }\n"
    result = run("test", policy(tmp_path, 'test "t" { given (workspace = "/w") fs.read "/w/a" }\n', text))
    assert result.exit_code == 1
    assert "telemetry" in result.output
    assert "sandbox" in result.output
    assert "mark" not in result.output


def test_false_and_undecided_proofs_fail(tmp_path: Path) -> None:
    proofs = 'prove never allow fs.read "/usr/**" given (workspace = "/w")\nprove never allow fs.read any\n'
    result = run("test", policy(tmp_path, proofs))
    assert result.exit_code == 1
    assert 'fs.read "/usr/lib' in result.output
    assert "cannot decide" in result.output


def test_tests_are_chosen_by_their_title(tmp_path: Path) -> None:
    two = (
        'test "one" { given (workspace = "/w") fs.read "/w/a" }\ntest "two" { given (workspace = "/w") fs.read "/x" }\n'
    )
    path = policy(tmp_path, two)
    assert run("test", "-k", "one", path).exit_code == 0
    assert run("test", "-k", "two", path).exit_code == 1


def test_coverage_names_what_no_test_reached_by_line(tmp_path: Path) -> None:
    result = run("test", "--coverage", policy(tmp_path, PASSING))
    assert result.exit_code == 0
    for part in ("`lib` of the pattern", "the rule `mine` never matched", '`branch == "main"` was never false'):
        assert part in result.output
    told = report("--coverage", policy(tmp_path, PASSING))["coverage"]
    assert told["uncovered"]
    assert {6, 8} <= {gap["line"] for gap in told["uncovered"]}


def test_reports_in_json_and_junit(tmp_path: Path) -> None:
    path = policy(tmp_path, PASSING + 'test "bad \\u0009 one" { given (workspace = "/w") fs.read "/x" }\n')
    junit = tmp_path / "report.xml"
    assert run("test", "--junit", str(junit), path).exit_code == 1
    root = ElementTree.fromstring(junit.read_bytes())
    cases = root.findall(".//testcase")
    assert len(cases) == 3
    assert len(root.findall(".//failure")) == 1
    told = report(path)
    assert json.dumps(told)


def test_missing_and_broken_files_are_told(tmp_path: Path) -> None:
    assert run("test", str(tmp_path / "nowhere.agp")).exit_code == 2
    broken = tmp_path / "b.agp"
    broken.write_text("allow\n")
    result = run("test", str(tmp_path))
    assert result.exit_code in (1, 2)
    assert "AP10" in result.output


# --- explain ------------------------------------------------------------------------


def explain(tmp_path: Path, call: dict[str, Any], *options: str) -> Result:
    return run("explain", "--policy", policy(tmp_path, ""), "--param", "workspace=/w", *options, input=json.dumps(call))


def test_an_explanation_says_why_and_what_would_change_it(tmp_path: Path) -> None:
    result = explain(tmp_path, {"tool": "bash", "args": {"command": "git push origin"}})
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[0].startswith("ask by push")
    assert "matches    ask push (line 9)" in result.output
    assert "what if" in result.output
    denied = explain(tmp_path, {"action": "fs.write", "target": "/w/x"})
    assert denied.exit_code == 1
    assert "deny by default" in denied.output
    assert 'fs.write "/w/x"' in denied.output


def test_the_suggested_rule_would_allow_exactly_that(tmp_path: Path) -> None:
    told = json.loads(explain(tmp_path, {"action": "exec", "target": ["make", "all"]}, "--json").output)
    rules = [line for line in json.dumps(told).split('"') if "exec" in line and line.startswith("allow")]
    assert rules or "make all" in json.dumps(told)


def test_a_flipped_condition_is_found(tmp_path: Path) -> None:
    result = explain(tmp_path, {"action": "exec", "target": ["late"], "time": "2024-01-01T12:00:00"})
    assert "time.hour" in result.output
    assert "allow by late" in result.output


@pytest.mark.parametrize("call", ["nonsense", "{}", '{"tool": 3}', '{"action": "exec"}'])
def test_a_call_that_is_none_ends_with_two(tmp_path: Path, call: str) -> None:
    result = run("explain", "--policy", policy(tmp_path, ""), "--param", "workspace=/w", input=call)
    assert result.exit_code == 2


def test_opaque_and_bad_calls_are_explained(tmp_path: Path) -> None:
    opaque = explain(tmp_path, {"tool": "bash", "args": {"command": "ls | $(x)"}})
    assert "the output of a command is not known" in opaque.output
    bad = explain(tmp_path, {"tool": "bash", "args": {"comand": "ls"}})
    assert bad.exit_code == 1
    assert "command" in bad.output


# --- pytest ---------------------------------------------------------------------------


def test_pytest_collects_tests_and_proofs(pytester: pytest.Pytester) -> None:
    pytester.makefile(
        ".agp", good=POLICY + PASSING, bad=POLICY + 'test "wrong" { given (workspace = "/w") fs.read "/x" }\n'
    )
    pytester.makefile(".agp", library='set s: path = "/x"\n')
    result = pytester.runpytest("-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:asyncio")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*wrong*"])
    assert "Traceback" not in result.stdout.str()


# --- what sessions remember -----------------------------------------------------------------------

SESSION = str(Path(__file__).parent / "policies" / "session.agp")
EARLIER: list[dict[str, Any]] = [
    {"said": "please pay GB29NWBK60161331926819 the rent"},
    {"tool": "inbox", "args": {}, "returned": ["our new account is US133000000121212121212, thanks"]},
    {"action": "net.get", "target": "https://pkg.example/a", "returned": "x"},
    {"action": "net.get", "target": "https://pkg.example/b", "result": "error", "returned": "x"},
    {"action": "net.get", "target": "https://elsewhere.example/", "returned": "never"},
]


def explained(tmp_path: Path, call: dict[str, Any], *earlier: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    file = tmp_path / "earlier.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in earlier))
    words = ["explain", "--policy", SESSION, "--param", "workspace=/repo", "--after", str(file), json.dumps(call)]
    told: dict[str, Any] = json.loads(run(*words, "--json").output)
    return run(*words).output, told


def test_every_part_of_a_policy_with_memory_is_reached(tmp_path: Path) -> None:
    told = json.loads(run("test", "--coverage", "--json", SESSION).output)
    assert told["coverage"]["uncovered"] == []
    assert told["coverage"]["totals"]["mark"] == {"reached": 3, "total": 3}


def test_coverage_names_marks_and_counts_that_no_test_reached(tmp_path: Path) -> None:
    text = """policy p version "1"
allow read: fs.read any limit 2 per 1m
mark seen on fs.read "/a"
clear seen on fs.read "/b"
ask many: fs.read any over 5 per 1h because "?"
deny no: fs.read "/c" when path from untrusted because "no"
test "t" { fs.read "/a" fs.read "/a" fs.read "/c" -> deny by default }
"""
    told = json.loads(run("test", "--coverage", "--json", policy(tmp_path, "", text)).output)
    missed = {one["what"] for one in told["coverage"]["uncovered"]}
    assert "`clear seen` never matched what was let through" in missed
    assert "`mark seen` never matched what was let through" not in missed
    assert not any("limit 2 per 1m" in one for one in missed)
    assert "`over 5 per 1h` was never exceeded" in missed
    assert "`path from untrusted` was never true" in missed
    assert "`path from untrusted` was never false" not in missed


def test_an_explanation_says_where_a_value_came_from(tmp_path: Path) -> None:
    call: dict[str, Any] = {"tool": "transfer", "args": {"to": "US133000000121212121212", "amount": 10, "note": "rent"}}
    text, told = explained(tmp_path, call, *EARLIER)
    assert (told["outcome"], told["rule"]) == ("ask", "payee")
    assert "`us133000000121212121212` came from untrusted text" in text
    assert "to stands in text that is not trusted: our new account is US133000000121212121212, thanks" in text
    call["args"]["to"] = "GB29NWBK60161331926819"
    text, told = explained(tmp_path, call, *EARLIER)
    assert (told["outcome"], told["rule"]) == ("allow", "pay")
    assert "to stands in what the user said: please pay GB29NWBK60161331926819 the rent" in text
    text, told = explained(tmp_path, call)
    assert (told["outcome"], told["rule"]) == ("ask", "payee")
    assert "was seen nowhere" in text
    assert "`to from user` being true" in text


def test_an_explanation_says_how_much_is_spent(tmp_path: Path) -> None:
    call = {"action": "net.get", "target": "https://pkg.example/c"}
    text, told = explained(tmp_path, call, *EARLIER)
    assert (told["outcome"], told["rule"]) == ("deny", "default")
    assert "`limit 2 per 1m` is spent: 2 of 2 in the last minute" in text
    assert "allow by fetch: `limit 2 per 1m` and `budget 1MB per session` of `fetch` not being spent" in text
    text, told = explained(tmp_path, call)
    assert (told["outcome"], told["rule"]) == ("allow", "fetch")
    assert "`limit 2 per 1m` has room: 0 of 2 in the last minute, and this adds 1" in text
    pay: dict[str, Any] = {"tool": "transfer", "args": {"to": "GB29NWBK60161331926819", "amount": 900, "note": "rent"}}
    text, told = explained(tmp_path, pay, EARLIER[0], pay)
    assert (told["outcome"], told["rule"]) == ("ask", "much")
    assert "`over 1000 of amount per 1d` is exceeded: 900 of 1000 in the last day, and this adds 900" in text


def test_an_explanation_says_which_marks_are_set_and_who_asks_for_them(tmp_path: Path) -> None:
    call = {"action": "net.get", "target": "https://pkg.example/c"}
    read = {"action": "fs.read", "target": "/repo/.env"}
    text, told = explained(tmp_path, call, read)
    assert (told["outcome"], told["rule"]) == ("deny", "egress")
    assert told["marks"] == [
        {"mark": "secret", "layer": "session", "value": "true", "set_by": [18], "cleared_by": [], "read_by": ["egress"]}
    ]
    assert "mark secret is set (set by line 18; read by `egress`)" in text
    assert "allow by fetch: `session has secret` being false (is true: line 18 sets it)" in text
    text, told = explained(tmp_path, call)
    assert told["marks"][0]["value"] == "false"
    assert "deny by egress: `session has secret` being true (is false: line 18 would set it)" in text
    text, told = explained(
        tmp_path, {"action": "exec", "target": "git push"}, {"action": "exec", "target": "pytest", "result": None}
    )
    assert told["marks"][0]["value"] == "unknown"
    assert "what may do so is still under way" in text


def test_a_failing_step_says_what_the_session_lacked(tmp_path: Path) -> None:
    text = Path(SESSION).read_text(encoding="utf-8").partition('\ntest "')[0] + "\n"
    steps = """test "t" {
    given (workspace = "/repo")
    net.get "https://pkg.example/a"
    net.get "https://pkg.example/a"
    net.get "https://pkg.example/a" -> allow by fetch
}
"""
    result = run("test", policy(tmp_path, steps, text))
    assert result.exit_code == 1
    steps = steps.replace("-> allow by fetch", "-> deny by egress")
    assert "`session has secret` is false: line 18 would set it" in run("test", policy(tmp_path, steps, text)).output


@pytest.mark.parametrize(
    ("line", "told"),
    [("[]", ":1:"), ('{"said": 3}', "'said' is text"), ('{"tool": "inbox", "result": "maybe"}', "'result' is")],
)
def test_a_bad_line_of_what_happened_before_is_told(tmp_path: Path, line: str, told: str) -> None:
    file = tmp_path / "earlier.jsonl"
    file.write_text(line)
    words = ["--policy", SESSION, "--param", "workspace=/repo", "--after", str(file), '{"tool": "inbox"}']
    result = run("explain", *words)
    assert result.exit_code == 2
    assert told in result.output
