"""Texts made from a grammar, so that what they run is known: nothing that runs is ever missed."""

from __future__ import annotations

import os
import shlex
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentpolicy import ToolCall
from agentpolicy.effects.effect import ExecEffect
from agentpolicy.effects.shell.read import read_text
from agentpolicy.testing import engine_from_text

EXAMPLES = 5000 if os.environ.get("AGENTPOLICY_TESTS") == "thorough" else 400
DENIED = "destroy-all"
POLICY = f"""
policy p version "1"
default allow
allow opq: exec any when opaque and (elevated or not elevated) and (env has "x" or not env has "x")
allow up:  exec any when elevated or not elevated
allow env: exec any when env has "x" or not env has "x"
deny  it:  exec "{DENIED} **" because "denied"
deny  opaque: exec any when opaque because "not known"
"""
ENGINE = engine_from_text(POLICY)

plain = st.sampled_from(
    ["ls", "echo a", "git status", "grep x", "true", "cd sub", "frob --x y", "cat < in", "printf %s x"]
)
denied = st.sampled_from([
    DENIED, f"{DENIED} x", f"/opt/bin/{DENIED} -r y", f"'{DENIED}' x", f"\\{DENIED}", "destroy'-'all x", f'"{DENIED}" "$HOME"',
    "destroy\\-all > out", f"> out {DENIED}", f"X=1 {DENIED}", f"2>&1 {DENIED} a b", f"{DENIED} *", f"{DENIED} $(true)",
])  # fmt: skip


def quoted(text: str) -> str:
    return shlex.quote(text)


def wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Everything that runs a text in it."""
    one = inner
    return st.one_of(
        st.tuples(plain, st.sampled_from([" | ", " && ", " || ", "; ", " & ", "\n", " |& "]), one).map("".join),
        st.tuples(one, st.sampled_from([" | ", " && ", " || ", "; ", "\n"]), plain).map("".join),
        one.map(lambda text: f"( {text} )"),
        one.map(lambda text: "{ " + text + "\n}"),
        one.map(lambda text: f"if true; then {text}\nfi"),
        one.map(lambda text: f"if {text}\nthen true; fi"),
        one.map(lambda text: f"if false; then true; else {text}\nfi"),
        one.map(lambda text: f"while true; do {text}\nbreak; done"),
        one.map(lambda text: f"until {text}\ndo true; done"),
        one.map(lambda text: f"for i in 1 2; do {text}\ndone"),
        one.map(lambda text: f"case x in x) {text}\n;; esac"),
        one.map(lambda text: f"f() {{ {text}\n}}; f"),
        one.map(lambda text: f"echo $( {text}\n)"),
        one.map(lambda text: f'echo "a $( {text}\n)"'),
        one.map(lambda text: f"x=$( {text}\n) true"),
        one.map(lambda text: f"export X=$( {text}\n)"),
        one.map(lambda text: f"cat <( {text}\n)"),
        one.map(lambda text: f"echo ${{x:-$( {text}\n)}}"),
        one.map(lambda text: f"cat <<END\n$( {text}\n)\nEND"),
        one.map(lambda text: f"cat <<< $( {text}\n)"),
        one.map(lambda text: f"[[ -n $( {text}\n) ]]"),
        one.map(lambda text: f"true > $( {text}\n)"),
        one.map(lambda text: f"eval {quoted(text)}"),
        one.map(lambda text: f"bash -c {quoted(text)}"),
        one.map(lambda text: f"sudo -u root bash -c {quoted(text)}"),
        one.map(lambda text: f"env X=1 sh -c {quoted(text)}"),
        one.map(lambda text: f"timeout 5 nice bash -lc {quoted(text)}"),
        one.map(lambda text: f"xargs -n1 sh -c {quoted(text)}"),
        one.map(lambda text: f"find . -exec sh -c {quoted(text)} \\;"),
        one.map(lambda text: f"ssh host {quoted(text)}"),
        one.map(lambda text: f"trap {quoted(text)} EXIT"),
        one.map(lambda text: f"alias y={quoted(text)}"),
        one.map(lambda text: f"git rebase -x {quoted(text)}"),
        one.map(lambda text: f"su -c {quoted(text)}"),
        one.map(lambda text: f"watch {quoted(text)}"),
        one.map(lambda text: f"docker run img sh -c {quoted(text)}"),
        one.map(lambda text: f"# comment\n{text}"),
        one.map(lambda text: f"true \\\n; {text}"),
    )


texts = st.recursive(denied, wrapped, max_leaves=4)


@given(texts)
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_program_in_any_place_where_it_runs_is_seen_or_the_text_is_opaque(text: str) -> None:
    effects = [act for act in read_text(text, cwd="/repo", home="/home/u") if isinstance(act, ExecEffect)]
    seen = any(act.program is not None and act.program.rpartition("/")[2] == DENIED for act in effects)
    assert seen or any(act.opaque for act in effects), effects


@given(texts)
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_text_that_runs_a_denied_program_is_never_allowed(text: str) -> None:
    decision = ENGINE.decide(ToolCall.of("exec", text, cwd="/"))
    assert decision.outcome == "deny", decision


@given(st.recursive(plain, wrapped, max_leaves=4))
@settings(max_examples=EXAMPLES, deadline=None)
def test_more_text_never_makes_an_answer_laxer(text: str) -> None:
    def outcome(one: str) -> Any:
        return ["deny", "ask", "allow"].index(ENGINE.decide(ToolCall.of("exec", one, cwd="/")).outcome)

    assert outcome(f"{text}\n{DENIED}") <= outcome(text)
