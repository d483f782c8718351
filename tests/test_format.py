"""One canonical layout: the same tree, every comment, the same again."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentpolicy.language.format import format_text
from agentpolicy.language.layout import WIDTH
from agentpolicy.language.parser import parse_text
from agentpolicy.language.source import PolicyError, Source

EXAMPLE = (Path(__file__).parent / "example" / "coding-agent.agp").read_text("utf-8")


def formatted(text: str) -> str:
    return format_text(Source("x", text))


def assert_sound(text: str) -> str:
    once = formatted(text)
    assert parse_text(once) == parse_text(text)
    assert formatted(once) == once
    return once


def comments(text: str) -> list[str]:
    return [line.rstrip() for line in re.findall(r'(?:"(?:[^"\\\n]|\\.)*")|(#[^\n]*)', text) if line]


def test_the_example_of_the_language_page_keeps_its_tree_and_comments() -> None:
    once = assert_sound(EXAMPLE)
    assert comments(once) == comments(EXAMPLE)
    assert max(len(line) for line in once.splitlines()) <= WIDTH + len(
        "  # brings names (sets, defines, tools, approvals), never rules"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("\n\n# only\n\n", "# only\n"),
        ("allow  a :exec\n'x'".replace("'", '"'), 'allow a: exec "x"\n'),
        ('deny a: exec any\n  because "x"', 'deny a: exec any because "x"\n'),
        ('tool "m/n"( a:[ text ]?=[ "x",1 ] )does only net url returns b', 'tool "m/n"(a: [text]? = ["x", 1]) does only net url returns b\n'),
        ("define x=(a or not(b.c==-1))and d", "define x = (a or not (b.c == -1)) and d\n"),
        ("telemetry{}", "telemetry {\n}\n"),
        ("sandbox { memory 4GB  timeout 2m -> deny }", "sandbox {\n    memory 4GB\n    timeout 2m -> deny\n}\n"),
        ("approval a{from @b,@c not self}", "approval a {\n    from @b, @c\n    not self\n}\n"),
        ('test "t"{f(a:1)(result:"ok")->deny by x exec "y"(result:"ok") "a/b"()}', 'test "t" {\n    f(a: 1) (result: "ok") -> deny by x\n    exec "y" (result: "ok")\n    "a/b"()\n}\n'),
        ('prove never allow net any given(w="/x")', 'prove never allow net any given (w = "/x")\n'),
        ('policy a version "1" language 1 default deny default ask for net', 'policy a version "1" language 1\ndefault deny\ndefault ask for net\n'),
        ("default deny\r\n\r\n\r\n\r\ndefault ask\r\n", "default deny\n\ndefault ask\n"),
        (r'extends "\u0041\u00E9\u200B\$\u0024\"' + '\t"', r'extends "A\u00e9\u200b\$\$\"\t"' + "\n"),
        ("digest_is_no_keyword: exec any".replace("digest_is_no_keyword", "allow d"), "allow d: exec any\n"),
        ('telemetry { digest "s/p".text, exec.env sample allow 10% }', 'telemetry {\n    digest "s/p".text, exec.env\n    sample allow 10%\n}\n'),
    ],
)  # fmt: skip
def test_each_kind_of_sentence_has_one_layout(text: str, expected: str) -> None:
    assert assert_sound(text) == expected


def test_a_long_rule_has_a_line_for_each_clause() -> None:
    text = 'ask push: exec "git push **" when agent.role == "developer" via maintainers because "a push leaves this machine for good"'
    assert assert_sound(text) == dedent("""\
        ask push: exec "git push **" when agent.role == "developer"
            via maintainers
            because "a push leaves this machine for good"
    """)


def test_long_lists_and_conditions_are_broken_where_they_may_be() -> None:
    patterns = ", ".join(f'"/some/directory/{name}/**"' for name in "abcdef")
    text = (
        f"deny a: fs.read {patterns} except {patterns} when {' and '.join(['some_attribute == other.attribute'] * 3)}"
    )
    assert assert_sound(text) == dedent("""\
        deny a: fs.read "/some/directory/a/**", "/some/directory/b/**", "/some/directory/c/**",
                "/some/directory/d/**", "/some/directory/e/**", "/some/directory/f/**"
            except "/some/directory/a/**", "/some/directory/b/**", "/some/directory/c/**",
                "/some/directory/d/**", "/some/directory/e/**", "/some/directory/f/**"
            when some_attribute == other.attribute and some_attribute == other.attribute
                and some_attribute == other.attribute
    """)


def test_long_declarations_are_broken_too() -> None:
    parameters = ", ".join(f"parameter_{name}: text" for name in "abcdef")
    text = f'tool send({parameters}) does fs.read parameter_a returns untrusted default deny for fs, exec, net, sql because "{"x" * 70}"'
    assert assert_sound(text) == dedent(f"""\
        tool send(parameter_a: text, parameter_b: text, parameter_c: text, parameter_d: text,
                parameter_e: text, parameter_f: text)
            does fs.read parameter_a
            returns untrusted
        default deny for fs, exec, net, sql
            because "{"x" * 70}"
    """)


def test_a_long_step_puts_its_answer_on_a_line() -> None:
    text = f'test "t" {{ fs.write "/{"x" * 90}" -> deny by outside }} prove never allow fs.write "/{"y" * 60}" given (workspace = "/repo")'
    assert assert_sound(text) == dedent(f"""\
        test "t" {{
            fs.write "/{"x" * 90}"
                -> deny by outside
        }}
        prove never allow fs.write "/{"y" * 60}"
            given (workspace = "/repo")
    """)


def test_text_that_cannot_be_broken_stays_whole() -> None:
    assert assert_sound(f'deny a: exec any because "{"x" * 200}"') == f'deny a: exec any\n    because "{"x" * 200}"\n'


def test_comments_stay_where_they_were() -> None:
    text = dedent("""\
        # top   \n

          # two
        allow a: exec "x", # first
          # above
            "y" when b # behind
              # above the clause
              because "c"   # at the end
            # after


        sandbox { # open

           # inside

           memory 2GB# memory
           # last

        } # closed
        # eof""")
    assert assert_sound(text) == dedent("""\
        # top

        # two
        allow a: exec "x",  # first
                # above
                "y" when b  # behind
            # above the clause
            because "c"  # at the end
        # after

        sandbox {  # open
            # inside

            memory 2GB  # memory
            # last
        }  # closed
        # eof
    """)


def test_what_does_not_parse_is_not_formatted() -> None:
    with pytest.raises(PolicyError):
        formatted("allow")


# --- properties -------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b-c", "path", "long_name_that_takes_room", "out"])
WORDS = NAMES | st.sampled_from(["allow", "from", "or", "when", "because", "none", "tool"])
STRINGS = st.sampled_from(
    ['"x"', '"/usr/**"', r'"\"\\\n"', r'"\u0041\u200b\$"', '"é # no comment"', '"' + "long " * 12 + '"', '"\t"']
)
NUMBERS = st.sampled_from(["0", "-1", "2.5", "10"])
UNITS = st.sampled_from(["15m", "2GB", "1h"])
EFFECTS = st.sampled_from(["allow", "ask", "deny"])
REFS = st.builds(lambda head, rest: ".".join([head, *rest]), NAMES, st.lists(WORDS, max_size=2))
ACTIONS = st.sampled_from(["fs.read", "exec", "net", "tool"])


def joined(parts: st.SearchStrategy[str], low: int = 1, high: int = 4) -> st.SearchStrategy[str]:
    return st.lists(parts, min_size=low, max_size=high).map(" , ".join)


def maybe(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.just("") | part


def say(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda values: template.format(*values))


VALUES = st.recursive(
    STRINGS | NUMBERS | UNITS | st.just("true"), lambda inner: say("[ {} ]", joined(inner, 0)), max_leaves=4
)
CONDITIONS = st.recursive(
    say("{} {} {}", REFS, st.sampled_from(["==", "!=", "<"]), VALUES | REFS)
    | say("{} {} {}", REFS, st.sampled_from(["in", "not in", "has any", "has only"]), REFS)
    | say("{} {} {}", REFS, st.sampled_from(["like", "not like"]), STRINGS)
    | say("{} from {}", REFS, NAMES)
    | REFS,
    lambda inner: say("( {} and {} )", inner, inner) | say("( {} or {} )", inner, inner) | say("not {}", inner),
    max_leaves=5,
)
PATTERNS = joined(STRINGS | REFS)
MATCHES = say(
    "{} {} {} {}",
    joined(ACTIONS, 1, 2),
    st.just("any") | PATTERNS,
    maybe(say("except {}", PATTERNS)),
    maybe(say("{} {}", st.sampled_from(["when", "unless"]), CONDITIONS)),
)
CLAUSES = (
    say("because {}", STRINGS)
    | say("limit {} per {} per {}", st.just("5"), UNITS, REFS)
    | say("budget {} per {} out", UNITS, NAMES)
    | say("over {} of {} per {}", NUMBERS, REFS, UNITS)
    | say("redact {}", joined(REFS))
)
TYPES = st.sampled_from(["text", "[path]", "tool?", "[text]?"])
PARAMETERS = joined(say("{} : {} {}", WORDS, TYPES, maybe(say("= {}", VALUES))), 0)
STEPS = (
    say(
        "{} ( {} ) {} {}",
        NAMES | STRINGS,
        joined(say("{} : {}", WORDS, VALUES), 0),
        maybe(st.just('( result : "ok" )')),
        maybe(say("-> {} by {}", EFFECTS, WORDS)),
    )
    | say("exec {} {} returns {}", STRINGS, maybe(st.just('( result : "ok" )')), STRINGS)
    | say("given ( {} = {} )", REFS, VALUES)
    | say("wait {}", UNITS)
    | say("approve {}", joined(STRINGS))
    | say("user says {}", STRINGS)
)
SETTINGS = say(
    "{} {}",
    st.sampled_from(["env", "from", "log"]),
    joined(NAMES | UNITS | st.sampled_from(["@g", "10 per 1h", "ask 5%"])),
) | st.sampled_from(["not self", "reason required", "timeout 5m -> deny"])
ITEMS = (
    say("{} {} : {} {}", EFFECTS, WORDS, MATCHES, st.lists(CLAUSES, max_size=3).map(" ".join))
    | say("define {} = {}", NAMES, CONDITIONS)
    | say("set {} : text = {}", NAMES, PATTERNS)
    | say("param {} : {} = {}", WORDS, TYPES, VALUES)
    | say("tool {} ( {} ) {} {}", NAMES | STRINGS, PARAMETERS, maybe(say("does only exec {} in {}", WORDS, WORDS)), maybe(st.just("returns trusted")))
    | say("default {} for {} because {}", EFFECTS, joined(ACTIONS), STRINGS)
    | say("mark {} on {} for {}", NAMES, MATCHES, UNITS)
    | say("test {} {{ {} }}", STRINGS, st.lists(STEPS, max_size=4).map(" ".join))
    | say("approval {} {{ {} }}", NAMES, st.lists(SETTINGS, max_size=4).map(" ".join))
    | say("prove never allow {} given ( a = {} )", MATCHES, VALUES)
)  # fmt: skip
BLANKS = st.sampled_from([" "] * 12 + ["\n", "\n\n\n", "\t", "  # comment\n", "\n  # own line\n", "\r\n"])


@given(st.lists(ITEMS, max_size=5), st.data())
def test_any_policy_keeps_its_tree_and_comments_in_a_layout_that_stays(items: list[str], data: st.DataObject) -> None:
    text = ""
    for piece in re.split(r'("(?:[^"\\]|\\.)*"|\s+)', "\n".join(items)):
        text += data.draw(BLANKS) if piece.isspace() else piece
    once = assert_sound(text)
    assert comments(once) == comments(text)
    assert once == "" or (once.endswith("\n") and not once.endswith("\n\n"))
    assert "\n\n\n" not in once
    assert not re.search(r"[ \t\r]$", once, re.MULTILINE)
