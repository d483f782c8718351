"""The parser: text to tree, and every syntax error with its place."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentpolicy.language import tree as t
from agentpolicy.language.parser import parse, parse_text
from agentpolicy.language.source import Diagnostic, PolicyError, Source
from agentpolicy.language.tables import load_tables

ROOT = Path(__file__).parent.parent
EXAMPLE = (ROOT / "tests" / "example" / "coding-agent.agp").read_text("utf-8")


def errors(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(PolicyError) as caught:
        parse_text(text)
    return caught.value.diagnostics


def the_error(text: str) -> tuple[str, str, str, str | None]:
    """Code, message, underlined text and help of the only error."""
    (one,) = errors(text)
    return one.code, one.message, text[one.span.start : one.span.end], one.help


def item(text: str) -> Any:
    (only,) = parse_text(text).items
    return only


def condition(text: str) -> t.Expr:
    return item(f"define x = {text}").expr  # type: ignore[no-any-return]


def nodes(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, tuple):
            waiting.extend(one)
        elif attrs.has(type(one)) and not isinstance(one, t.Span):
            yield one
            waiting.extend(getattr(one, field.name) for field in attrs.fields(type(one)))


def tried(source: Source) -> t.File | PolicyError:
    try:
        return parse(source)
    except PolicyError as error:
        return error


# --- what is written becomes the tree -------------------------------------------


def test_the_example_of_the_language_page_parses() -> None:
    file = parse_text(EXAMPLE)
    assert file.header == t.Header(t.Name("coding-agent"), t.Text("1.4"), 1)
    assert len(file.items) == 40
    assert {item.id.text for item in file.items if isinstance(item, t.Rule)} >= {
        "force-push",
        "untested",
        "payee",
        "push",
    }


def test_every_node_of_the_example_knows_its_place() -> None:
    for node in nodes(parse_text(EXAMPLE)):
        written = EXAMPLE[node.span.start : node.span.end]
        match node:
            case t.Text():
                assert written.startswith('"')
                assert written.endswith('"')
            case t.Ref() | t.Name():
                assert written == node.text
            case t.Rule():
                assert written.startswith(node.effect)
            case t.Block():
                assert written.startswith(node.kind)
                assert written.endswith("}")
            case t.Unit():
                assert written == f"{node.amount}{node.unit}"


def test_an_empty_text_is_an_empty_file() -> None:
    assert parse_text("") == t.File(None, ())
    assert parse_text(" \n# only a comment") == t.File(None, ())


def test_line_ends_of_windows_and_tabs_are_blanks() -> None:
    assert parse_text('allow a:\r\n\texec "x" # c\r\n') == parse_text('allow a: exec "x"')


def test_a_rule_holds_its_match_and_clauses() -> None:
    rule = item(
        'ask a: fs.read, fs.write "/x", s.y except "/z" unless b via c because "d" log info redact path, "m/n".o'
    )
    assert rule.match == t.Match(
        (t.Ref(("fs", "read")), t.Ref(("fs", "write"))),
        (t.Text("/x"), t.Ref(("s", "y"))),
        (t.Text("/z"),),
        t.Condition(True, t.Truth(t.Ref(("b",)))),
    )
    assert rule.clauses == (
        t.Via(t.Name("c")),
        t.Because(t.Text("d")),
        t.Log(t.Name("info")),
        t.Redact((t.FieldRef("path", False, ()), t.FieldRef("m/n", True, ("o",)))),
    )


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("limit 5 per 10m", t.Limit(t.Number(5), t.Unit(10, "m"))),
        ("limit 5 per 10m per host", t.Limit(t.Number(5), t.Unit(10, "m"), t.Ref(("host",)))),
        ("budget 2GB per session", t.Budget(t.Unit(2, "GB"), None, t.Name("session"))),
        ("budget 2GB per 1d out per host", t.Budget(t.Unit(2, "GB"), None, t.Unit(1, "d"), "out", t.Ref(("host",)))),
        ("budget 2GB in per session", t.Budget(t.Unit(2, "GB"), None, t.Name("session"), "in")),
        ("over 1000 of amount per 1d", t.Over(t.Number(1000), t.Ref(("amount",)), t.Unit(1, "d"))),
        ("over 5 per session", t.Over(t.Number(5), None, t.Name("session"))),
    ],
)
def test_limits_and_budgets_read_as_they_are_said(text: str, clause: t.Clause) -> None:
    assert item(f"allow a: net any {text}").clauses == (clause,)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a == 1", t.Compare(t.Ref(("a",)), "==", t.Number(1))),
        ("a.b <= -2.5", t.Compare(t.Ref(("a", "b")), "<=", t.Number(-2.5))),
        ("a != b.c", t.Compare(t.Ref(("a",)), "!=", t.Ref(("b", "c")))),
        ("a == []", t.Compare(t.Ref(("a",)), "==", t.ListValue(()))),
        ("a == true", t.Compare(t.Ref(("a",)), "==", t.Bool(True))),
        ('a in ["x", 2]', t.In(t.Ref(("a",)), t.ListValue((t.Text("x"), t.Number(2))))),
        ("a not in s", t.In(t.Ref(("a",)), t.Ref(("s",)), True)),
        ('a not like "x*"', t.Like(t.Ref(("a",)), t.Text("x*"), True)),
        ("session has m", t.Has(t.Ref(("session",)), "one", t.Ref(("m",)))),
        ("a has any s", t.Has(t.Ref(("a",)), "any", t.Ref(("s",)))),
        ('a has only ["x"]', t.Has(t.Ref(("a",)), "only", t.ListValue((t.Text("x"),)))),
        ("arg.from from untrusted", t.From(t.Ref(("arg", "from")), t.Name("untrusted"))),
        ("a from policy", t.From(t.Ref(("a",)), t.Name("policy"))),
        ("not not a", t.Not(t.Not(t.Truth(t.Ref(("a",)))))),
    ],
)
def test_conditions_read_as_they_are_said(text: str, expected: t.Expr) -> None:
    assert condition(text) == expected


def test_and_binds_closer_than_or_and_brackets_bind_closest() -> None:
    a, b, c = (t.Truth(t.Ref((name,))) for name in "abc")
    assert condition("a or b and c") == t.Or((a, t.And((b, c))))
    assert condition("(a or b) and c") == t.And((t.Or((a, b)), c))
    assert condition("a and (b and c)") == t.And((a, t.And((b, c))))
    assert condition("not a and b") == t.And((t.Not(a), b))


def test_tools_declare_parameters_effects_and_labels() -> None:
    tool = item('tool "m/n"(from: [text]?, limit: number = -1) does only net url, exec a in b returns untrusted')
    assert tool.called == t.Text("m/n")
    assert tool.parameters == (
        t.Param(t.Name("from"), t.TypeRef("text", True, True)),
        t.Param(t.Name("limit"), t.TypeRef("number"), t.Number(-1)),
    )
    assert tool.only
    assert tool.does == (
        t.Doing(t.Ref(("net",)), t.Ref(("url",))),
        t.Doing(t.Ref(("exec",)), t.Ref(("a",)), t.Ref(("b",))),
    )
    assert tool.returns == t.Name("untrusted")
    assert item("tool f()") == t.Tool(t.Name("f"), ())


def test_declarations_read_as_they_are_said() -> None:
    assert item('param p: text? = "x"') == t.Param(t.Name("p"), t.TypeRef("text", False, True), t.Text("x"))
    assert item("fact f: [text]") == t.Fact(t.Name("f"), t.TypeRef("text", True))
    assert item('set s: tool = "a", b') == t.SetDecl(t.Name("s"), t.TypeRef("tool"), (t.Text("a"), t.Ref(("b",))))
    assert item("default none") == t.Default("none")
    assert item('default ask for net, tool because "x"') == t.Default(
        "ask", (t.Ref(("net",)), t.Ref(("tool",))), t.Text("x")
    )
    assert item('import "a.agp" as b') == t.Import(t.Text("a.agp"), t.Name("b"))
    assert item('extends "a.agp"') == t.Extends(t.Text("a.agp"))


def test_marks_may_last_and_are_cleared() -> None:
    match = t.Match((t.Ref(("fs", "read")),), None)
    assert item("mark m on fs.read any for 5m") == t.Mark(False, t.Name("m"), match, t.Unit(5, "m"))
    assert item("clear m on fs.read any") == t.Mark(True, t.Name("m"), match)


def test_blocks_hold_every_setting_of_the_language_page() -> None:
    approval = item(
        "approval a { from @b, @c quorum 2 not self reason required cool-down 3 per 1h canaries 5% "
        "timeout 5m -> deny scope once }"
    )
    assert approval.name == t.Name("a")
    assert [setting.words for setting in approval.settings] == [
        ("from",), ("quorum",), ("not", "self"), ("reason", "required"), ("cool-down",), ("canaries",), ("timeout",), ("scope",)
    ]  # fmt: skip
    assert approval.settings[0].values == (t.SettingValue(t.Group("b")), t.SettingValue(t.Group("c")))
    assert approval.settings[3].values == ()
    assert approval.settings[4].values == (t.SettingValue(t.Number(3), per=t.Unit(1, "h")),)
    assert approval.settings[5].values == (t.SettingValue(t.Percent(5)),)
    assert approval.settings[6].values == (t.SettingValue(t.Unit(5, "m"), then="deny"),)

    telemetry = item('telemetry { sample allow 10%, ask 100% digest "s/p".text, exec.env audit required level info }')
    assert telemetry.settings[0].values == (
        t.SettingValue(t.Percent(10), outcome="allow"),
        t.SettingValue(t.Percent(100), outcome="ask"),
    )
    assert telemetry.settings[1].values == (
        t.SettingValue(t.FieldRef("s/p", True, ("text",))),
        t.SettingValue(t.Ref(("exec", "env"))),
    )
    assert telemetry.settings[2] == t.Setting(("audit", "required"))

    sandbox = item('sandbox { degrade x, y mask "~/.ssh/**" network none }')
    assert [len(setting.values) for setting in sandbox.settings] == [2, 1, 1]
    assert sandbox.settings[2].values == (t.SettingValue(t.Ref(("none",))),)


def test_test_steps_read_as_they_are_said() -> None:
    test = item(
        'test "t" { given (w = "/x", agent.role = "ci") user says "hi" "a/b"(from: 1) returns "r" -> allow by default '
        'exec "x" (result: "ok") tool "y" -> deny by or approve "ana", "ben" wait 5m f() }'
    )
    given, said, call, effect, tool, approve, wait, plain = test.steps
    assert given == t.Given((t.Binding(t.Ref(("w",)), t.Text("/x")), t.Binding(t.Ref(("agent", "role")), t.Text("ci"))))
    assert said == t.Said(t.Name("user"), t.Text("hi"))
    assert call == t.Step(
        t.Call(t.Text("a/b"), (t.Named(t.Name("from"), t.Number(1)),)),
        (),
        t.Text("r"),
        t.Expect("allow", t.Name("default")),
    )
    assert effect == t.Step(t.EffectAct(t.Ref(("exec",)), t.Text("x")), (t.Named(t.Name("result"), t.Text("ok")),))
    assert tool == t.Step(t.EffectAct(t.Ref(("tool",)), t.Text("y")), expect=t.Expect("deny", t.Name("or")))
    assert approve == t.Approve((t.Text("ana"), t.Text("ben")))
    assert wait == t.Wait(t.Unit(5, "m"))
    assert plain == t.Step(t.Call(t.Name("f"), ()))


def test_proofs_read_as_they_are_said() -> None:
    proof = item('prove never allow net any when a given (w = "/x")')
    assert (proof.mode.text, proof.effect, proof.given) == (
        "never", "allow", t.Given((t.Binding(t.Ref(("w",)), t.Text("/x")),)),
    )  # fmt: skip


def test_every_keyword_may_be_a_rule_id_a_parameter_and_follow_a_dot() -> None:
    for word in load_tables().keywords:
        assert item(f"allow {word}: tool f when arg.{word} == 1").id == t.Name(word)
        assert item(f"tool f({word}: text) does exec {word}").parameters[0].name == t.Name(word)
        assert item(f'test "t" {{ f({word}: 1) -> deny by {word} }}').steps[0].expect.by == t.Name(word)


def test_escapes_say_what_they_mean() -> None:
    assert item(r'extends "\"\\\n\t\u00e9"').path.value == '"\\\n\té'


def test_an_escaped_dollar_is_never_an_interpolation() -> None:
    assert item(r'extends "\${a} ${b} \u0024{c}"').path.value == "\ue000{a} ${b} \ue000{c}"


def test_trees_are_equal_wherever_they_stand() -> None:
    assert parse_text('allow a: exec "x"') == parse_text('\n\n  allow  a :exec"x"')


def test_a_hundred_thousand_blanks_and_ten_thousand_rules_take_little_time() -> None:
    rules = "\n".join(
        f'deny r{i}: fs.read "/a/{i}/**", "/b/{i}" when name == "x{i}" because "rule {i}"' for i in range(10_000)
    )
    load_tables()
    start = time.process_time()
    assert len(parse_text(rules + " " * 100_000).items) == 10_000
    assert time.process_time() - start < 5


def test_threads_parse_at_once_without_sharing_anything() -> None:
    results: list[t.File] = []
    threads = [threading.Thread(target=lambda: results.append(parse_text(EXAMPLE))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [parse_text(EXAMPLE)] * 4


def test_lark_is_not_loaded_before_text_is_parsed() -> None:
    code = "import sys, agentpolicy.language.parser; sys.exit('lark' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT / "src")


def test_the_tables_in_place_are_those_of_the_grammar() -> None:
    done = subprocess.run(
        [sys.executable, "grammar/build.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "tables are up to date\n")


def test_every_keyword_of_the_grammar_is_a_word() -> None:
    saved = json.loads((ROOT / "src/agentpolicy/language/tables.json").read_text("utf-8"))
    words = {
        symbol["name"]
        for rule in saved["memo"].values()
        if rule["__type__"] == "Rule" and rule["origin"]["name"] == "word"
        for symbol in rule["expansion"]
    }
    assert words == {*load_tables().keywords.values(), "NAME"}


# --- errors: code, message, underlined text, help --------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'allow fs.read "/x"',
            ("AP102", "this rule has no id before `fs`", "fs", "name it, such as `allow my-rule: fs`: logs, tests and reasons use the id"),
        ),
        ("alow a: exec any", ("AP101", "expected a rule or another item, found `alow`", "alow", "did you mean `allow`?")),
        ("default alow", ("AP101", "expected an answer (`allow`, `ask` or `deny`) or `none`, found `alow`", "alow", "did you mean `allow`?")),
        ("x", ("AP101", "expected a rule or another item, found `x`", "x", None)),
        ("define x = a = 1", ("AP107", "expected `==`, found `=`", "=", "write `==`")),
        ("define x == a", ("AP107", "expected `=`, found `==`", "==", "write `=`")),
        ('test "t" { given (x: 1) }', ("AP107", "expected `=`, found `:`", ":", "write `=`")),
        ('test "t" { f(x = 1) }', ("AP107", "expected `:`, found `=`", "=", "write `:`")),
        ("define x = a && b", ("AP107", "`&&` is not an operator", "&&", "write `and`")),
        ("define x = a || b", ("AP107", "`||` is not an operator", "||", "write `or`")),
        ("define x = !a", ("AP107", "`!` is not an operator", "!", "write `not`")),
        ("extends 'x'", ("AP107", "text is quoted with `\"`, not with `'`", "'x'", 'write straight double quotes, `"`')),
        ("// x", ("AP107", "`//` does not start a comment", "//", "write `#`")),
        ("default deny;", ("AP107", "`;` means nothing here", ";", "nothing ends with `;`: leave it out")),
        ('allow a: exec "x" "y"', ("AP101", 'a comma is missing before `"y"`', '"y"', "write `,` between them")),
        ("allow a: exec x y", ("AP101", "a comma is missing before `y`", "y", "write `,` between them")),
        ('extends "x', ("AP103", "the quoted text is not closed", '"', 'write `"` where it ends, on the same line')),
        (r'extends "\ud800"', ("AP104", r"`\ud800` is half of a character", r"\ud800", "write the character itself if it lies above U+FFFF")),
        (r'extends "\ue000"', ("AP104", r"`\ue000` is for private use and means nothing", r"\ue000", r"leave it out; a dollar sign is written `\$`")),
        (r'extends "\u0000"', ("AP104", r"`\u0000` is NUL, which no path or text holds", r"\u0000", "leave it out")),
        (r"""extends "\'" """, ("AP104", r"`\'` is no escape", r"\'", "write `'` as it is")),
        ("tool f(a: text", ("AP105", "`(` is not closed", "(", "write `)` where it ends")),
        ("sandbox {\n\nallow a: exec any", ("AP105", "`{` is not closed", "{", "write `}` where it ends")),
        ("mark m on exec any for 15minutes", ("AP106", "`minutes` is no unit", "15minutes", "write `15m`")),
        ("sandbox { memory 2gb }", ("AP106", "`gb` is no unit", "2gb", "write `2GB`")),
        ("sandbox { memory 2x }", ("AP106", "`x` is no unit", "2x", "units are s, m, h, d and B, KB, MB, GB, TB")),
        ("mark m on exec any for 1h30m", ("AP106", "`1h30m` is no number", "1h30m", "a number is digits, and a unit is one word behind them, such as `15m` or `200MB`")),
        ("sandbox { memory 1.5GB }", ("AP106", "`1.5GB` is no number", "1.5GB", "a number with a unit is whole: write it in a smaller unit, such as `1500MB`")),
        ("approval a { canaries 0.5% }", ("AP106", "`0.5%` is no number", "0.5%", "a share is a whole number, such as `10%`")),
        ("define x = a == 1_000", ("AP106", "`1_000` is no number", "1_000", "a number is digits, and a unit is one word behind them, such as `15m` or `200MB`")),
        ("define x = a == " + "9" * 16, ("AP106", "a number has 15 digits at most", "9" * 16, "write a smaller one")),
        ("define x = a == 0." + "9" * 16, ("AP106", "a number has 15 digits at most", "0." + "9" * 16, "write a smaller one")),
        ("define x = " + "(" * 65, ("AP108", "brackets and `not` nest more than 64 deep", "(", "name parts of the condition with `define`")),
        ("define x = " + "not " * 65 + "a", ("AP108", "brackets and `not` nest more than 64 deep", "not", "name parts of the condition with `define`")),
        ("set test: path = s", ("AP101", "expected a name, found `test`", "test", "`test` is a keyword: choose another name")),
        ("param x: 3", ("AP101", "expected a type such as `path` or `[text]`, found `3`", "3", None)),
        ("fact x: [3]", ("AP101", "expected a type such as `path`, found `3`", "3", None)),
        ('allow "x": exec any', ("AP101", 'expected a rule id, found `"x"`', '"x"', None)),
        ('deny a: "x"', ("AP101", 'expected an action such as `fs.read`, found `"x"`', '"x"', None)),
        ('allow a: exec "x",', ("AP101", "expected a name or quoted text, found the end of the file", "", "go on behind the comma, or leave it out")),
        ("tool f(a: text,)", ("AP101", "expected a word, found `)`", ")", "go on behind the comma, or leave it out")),
        ("allow a: exec any limit 5", ("AP101", "expected `per`, found the end of the file", "", None)),
        ("allow a: exec any budget 5MB up per 1d", ("AP101", "expected `in`, `out` or `per`, found `up`", "up", None)),
        ("allow a: net any budget 5MB in per 1d out", ("AP101", "a budget says `in` or `out` once", "budget 5MB in per 1d out", "leave one of them out")),
        ('default deny policy a version "1"', ("AP101", "the header stands first in a file, and once", "policy", "move `policy …` to the top of the file")),
        ("extends " + "a" * 50, ("AP101", f"expected quoted text, found `{'a' * 40}…`", "a" * 50, None)),
        ('define x = "' + "a" * 50 + '"', ("AP101", "expected a name, `(` or `not`, found quoted text", '"' + "a" * 50 + '"', None)),
        ("define x = a ==", ("AP101", "expected a value or a name, found the end of the file", "", None)),
    ],
)  # fmt: skip
def test_an_error_says_what_is_wrong_where_and_what_to_write(
    text: str, expected: tuple[str, str, str, str | None]
) -> None:
    assert the_error(text) == expected


def test_when_behind_the_clauses_is_told_where_it_belongs() -> None:
    _, message, place, help = the_error('deny a: exec any because "x" when y')
    assert message.startswith("expected `because`, `budget`")
    assert message.endswith("or the next item, found `when`")
    assert (place, help) == ("when", "`when` stands before clauses such as `because` and `limit`, once")


def test_every_broken_item_is_reported() -> None:
    text = 'allow a: exec any any\n  because "x"\ndeny b: exec any\ndeny exec "x"\n\tset x\nsandbox { 5 }\ndefault\n'
    found = errors(text)
    assert [(one.code, one.source.line_column(one.span.start)[0]) for one in found] == [
        ("AP101", 1), ("AP102", 4), ("AP101", 6), ("AP101", 6), ("AP101", 7 + 1),
    ]  # fmt: skip


def test_mended_words_let_the_rest_of_the_item_be_read() -> None:
    found = errors('alow a: exec "x" becuase "y" limit 5 pr 1h')
    assert [one.help for one in found] == ["did you mean `allow`?", "did you mean `because`?", "did you mean `per`?"]


def test_an_item_at_the_start_of_a_line_ends_a_bracket_that_was_left_open() -> None:
    found = errors('test "t" {\n  f(\n\nallow a: exec any\ndeny exec any')
    assert [(one.code, one.message) for one in found] == [
        ("AP105", "`(` is not closed"),
        ("AP102", "this rule has no id before `exec`"),
    ]


def test_a_lone_quote_in_front_of_nothing_is_an_error() -> None:
    assert errors("'")[0].code == "AP107"


def test_ten_thousand_errors_are_bounded() -> None:
    found = errors("allow exec any\n" * 10_000)
    assert len(found) == 201
    assert (found[-1].code, found[-1].message) == ("AP109", "9800 more errors in this file not shown")


def test_hopeless_text_is_not_read_to_the_end() -> None:
    assert errors(";" * 1_000_000)[-1].message == "at least 49800 more errors in this file not shown"


def test_two_hundred_and_one_errors_say_that_one_is_left() -> None:
    assert errors("allow exec any\n" * 201)[-1].message == "1 more error in this file not shown"


@pytest.mark.parametrize(
    "text", ["(" * 200_000, "define x = " + "not " * 200_000, '"' + "\\" * 200_001, "[{(" * 70_000]
)
def test_no_depth_of_nesting_breaks_the_parser(text: str) -> None:
    assert errors(text)


@given(st.data())
def test_any_text_gives_a_tree_or_errors_that_lie_inside_it(data: st.DataObject) -> None:
    pieces = st.sampled_from([*EXAMPLE.split(), "\n", "\n\n", "(", "{", "}", '"', "\\", "\u200b", "é", "\r", "1a2b"])
    words = data.draw(st.lists(pieces | st.text(max_size=3), max_size=30))
    text = " ".join(words)
    outcome = tried(Source("x", text))
    if isinstance(outcome, PolicyError):
        assert str(outcome)
        assert all(0 <= one.span.start <= one.span.end <= len(text) for one in outcome.diagnostics)
    else:
        assert all(0 <= node.span.start <= node.span.end <= len(text) for node in nodes(outcome))


@given(st.integers(0, len(EXAMPLE) - 1), st.sampled_from(["", "x", '"', "(", "}", "\n", "\x00", ","]))
def test_a_policy_that_is_cut_or_changed_anywhere_gives_a_tree_or_errors(at: int, put: str) -> None:
    for text in (EXAMPLE[:at], EXAMPLE[:at] + put + EXAMPLE[at + 1 :]):
        outcome = tried(Source("x", text))
        assert not isinstance(outcome, PolicyError) or outcome.diagnostics


def test_every_bad_escape_of_a_text_is_reported() -> None:
    found = errors(r'extends "\n\d\u12"')
    escapes = r"escapes are `\"` `\\` `\n` `\t` `\$` and `\u` with four hexadecimal digits"
    assert [(one.message, one.help) for one in found] == [
        (r"`\d` is no escape", r"write `\\d` for a backslash; " + escapes),
        (r"`\u12` is no escape", escapes),
    ]
