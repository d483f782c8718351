"""Deceptive characters are named and shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentpolicy.effects.text import misleading, visible, well_formed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("git status", "git status"),
        ("naïve café 漢字", "naïve café 漢字"),
        ("rm \u202e fdp.exe", "rm \\u{202e} fdp.exe"),
        ("a\x1b[2Kb", "a\\u{1b}[2Kb"),
        ("a\nb\tc\r", "a\\u{a}b\\u{9}c\\u{d}"),
        ("a\u200bb\ufeff", "a\\u{200b}b\\u{feff}"),
        ("a\u3164b\u2800\ufe0f", "a\\u{3164}b\\u{2800}\\u{fe0f}"),
        ("a\u00a0b", "a\\u{a0}b"),
        ("\ud800\ue000\uffff", "\\u{d800}\\u{e000}\\u{ffff}"),
        ("tag\U000e0041", "tag\\u{e0041}"),
    ],
)
def test_deceptive_characters_are_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("plain", None),
        ("plain é", None),
        ("a\nb", "a line break"),
        ("a\tb", "a tab"),
        ("a\rb", "a carriage return"),
        ("a\x00b", "a NUL character"),
        ("a\x1bb", "an escape character"),
        ("a\x07b", "`\\u{7}` (control character)"),
        ("a\u202eb", "`\\u{202e}` (right-to-left override)"),
        ("x\u200bb", "`\\u{200b}` (zero width space)"),
        ("x\u3164", "`\\u{3164}` (hangul filler)"),
        ("é\u00a0b", "`\\u{a0}` (no-break space)"),
    ],
)
def test_the_first_misleading_character_is_named(text: str, named: str | None) -> None:
    assert misleading(text) == named


@given(st.text())
def test_what_is_shown_never_misleads(text: str) -> None:
    shown = visible(text)
    assert misleading(shown) is None
    assert shown.isprintable()
    assert (shown == text) is (misleading(text) is None)


def test_half_a_character_is_not_well_formed() -> None:
    assert well_formed("a")
    assert well_formed("é😀")
    assert not well_formed("a\udc80")
