"""Diagnostics as a person and as a program reads them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentpolicy.language.render import WIDTH, as_json, render, render_all, suggest
from agentpolicy.language.source import Diagnostic, PolicyError, Severity, Source
from agentpolicy.language.tree import NOWHERE, Span


def finding(text: str, start: int, end: int, help: str | None = None, severity: Severity = "error") -> Diagnostic:
    return Diagnostic("AP203", "there is no action `fs.wrte`", Source("a.agp", text), Span(start, end), help, severity)


def underlined(text: str, start: int, end: int) -> tuple[str, str]:
    """The shown line and what stands under it, without the margin."""
    lines = render(finding(text, start, end)).splitlines()
    margin = lines[3].index("|") + 2
    return lines[3][margin:], lines[4][margin:]


def test_a_diagnostic_looks_as_compilers_show_it() -> None:
    text = "default deny\nallow a: fs.wrte any\n"
    assert render(finding(text, 22, 29, help="did you mean `fs.write`?")) == (
        "error[AP203]: there is no action `fs.wrte`\n"
        " --> a.agp:2:10\n"
        "  |\n"
        "2 | allow a: fs.wrte any\n"
        "  |          ^^^^^^^\n"
        "  = help: did you mean `fs.write`?"
    )


def test_the_margin_grows_with_the_line_number() -> None:
    lines = render(finding("\n" * 99 + "abc", 99, 100)).splitlines()
    assert lines[2:] == ["    |", "100 | abc", "    | ^"]


def test_a_place_in_no_text_shows_only_the_file() -> None:
    one = Diagnostic("AP401", "there is no file `x`", Source("x", ""), NOWHERE, "check the path")
    assert render(one) == "error[AP401]: there is no file `x`\n --> x\n = help: check the path"


def test_colours_are_put_on_only_when_asked_for() -> None:
    one = finding("abc", 0, 1, severity="warning", help="x")
    plain = render(one)
    coloured = render(one, colour=True)
    assert "\x1b" not in plain
    assert "\x1b[33m" in coloured
    for code in ("31", "33", "34", "36", "1", "0"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == plain


@pytest.mark.parametrize(
    ("text", "start", "end", "shown", "marks"),
    [
        ("\tab", 1, 2, "    ab", "    ^"),
        ("a\tb\tc", 4, 5, "a   b   c", "        ^"),
        ("日本 x", 3, 4, "日本 x", "     ^"),
        ("日本", 0, 1, "日本", "^^"),
        ("q\u0323x", 2, 3, "q\u0323x", " ^"),
        ("a\u200bb", 1, 2, "a\\u{200b}b", " ^^^^^^^^"),
        ("a\x1b[31mb", 1, 2, "a\\u{1b}[31mb", " ^^^^^^"),
        ("abc\r\nd", 3, 4, "abc", "   ^"),
        ("abc", 3, 3, "abc", "   ^"),
        ("abc\ndef", 1, 7, "abc", " ^^"),
    ],
)
def test_the_marks_stand_under_the_place(text: str, start: int, end: int, shown: str, marks: str) -> None:
    assert underlined(text, start, end) == (shown, marks)


def test_a_very_long_line_is_cut_around_the_place() -> None:
    shown, marks = underlined("a" * 5000 + "XY" + "b" * 5000, 5000, 5002)
    assert (shown[0], shown[-1]) == ("…", "…")
    assert shown[marks.index("^") : marks.index("^") + 2] == "XY"
    assert len(shown) <= WIDTH + 2


def test_the_start_of_a_long_line_is_not_cut() -> None:
    shown, marks = underlined("X" + "b" * 5000, 0, 1)
    assert (shown[0], shown[-1], marks) == ("X", "…", "^")


def test_names_and_messages_cannot_hide_anything() -> None:
    one = Diagnostic("AP401", "no `a\u202eb`", Source("x\x1b\udc80", ""), NOWHERE, "a\nb")
    assert render(one) == "error[AP401]: no `a\\u{202e}b`\n --> x\\u{1b}\\u{dc80}\n = help: a\\u{a}b"


def test_all_diagnostics_stand_apart_and_are_what_the_error_says() -> None:
    both = (finding("abc", 0, 1), finding("abc", 1, 2))
    assert render_all(both) == render(both[0]) + "\n\n" + render(both[1])
    assert str(PolicyError(both)) == render_all(both)


def test_programs_get_the_place_in_numbers() -> None:
    one = finding("a\nbcd\ne", 3, 7, help="h")
    assert json.loads(json.dumps(as_json(one))) == {
        "code": "AP203",
        "severity": "error",
        "message": "there is no action `fs.wrte`",
        "help": "h",
        "file": "a.agp",
        "line": 2,
        "column": 2,
        "end_line": 3,
        "end_column": 2,
    }


@pytest.mark.parametrize(
    ("word", "names", "near"),
    [
        ("becuase", ["because", "budget"], "because"),
        ("Allow", ["allow", "ask"], "allow"),
        ("fs.wrte", ["fs.read", "fs.write"], "fs.write"),
        ("zebra", ["allow", "ask"], None),
        ("allow", ["allow"], None),
        ("a" * 65, ["a" * 64], None),
        ("x", [], None),
    ],
)
def test_a_misspelt_word_finds_the_name_that_was_meant(word: str, names: list[str], near: str | None) -> None:
    assert suggest(word, names) == near


@given(st.text(), st.integers(0, 50), st.integers(0, 50))
def test_any_place_in_any_text_can_be_shown(text: str, start: int, length: int) -> None:
    shown = render(finding(text, min(start, len(text)), start + length))
    assert all(char.isprintable() or char in "\n " for char in shown if char.isascii())
