"""Deceptive characters are named and shown."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentpolicy.effects.text import (
    confusable,
    misleading,
    misleading_path,
    misleading_program,
    visible,
    well_formed,
)


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
    assert confusable(shown) is None
    assert shown.isprintable()
    assert (shown == text) is (misleading(text) is None and confusable(text) is None)
    assert visible(shown) == shown


def test_half_a_character_is_not_well_formed() -> None:
    assert well_formed("a")
    assert well_formed("é😀")
    assert not well_formed("a\udc80")


# --- characters that pass for others ------------------------------------------------------

HONEST = [
    *("plain", "münchen", "naïve café", "Straße", "ışık", "Ærøskøbing", "e\u0301te\u0301", "Łódź"),
    *("почта", "файл2024.txt", "отчет о продажах", "GitHub-аккаунт", "Ελλάδα", "日本語ノート.txt", "例え", "한국어"),
    *(
        "報告（最終）",
        "ملف١.txt",
        "אבג.txt",
        "हिन्दी",
        "ไทย",
        "ไฟล์A",
        "Δt.csv",
        "5µm",
        "λx",
        "m²",
        "Q3…",
        "№5",
        "½",
        "™",
    ),
    *("📦.txt", "don’t", "a – b", "→", "русский/English", "ტექსტი", "обʼєкт", "ﾊﾝｶｸ", "\U00013000"),
]
DECEPTIVE = [
    ("\u0430pple", "`\\u{430}` (cyrillic small letter a), which passes for `a`"),
    ("app\u0142e\u0435", "`\\u{435}` (cyrillic small letter ie), which passes for `e`"),
    ("\u0440\u0430\u0443", "`\\u{440}` (cyrillic small letter er), which passes for `p`"),
    ("\u039d\u0391\u03a4\u039f", "`\\u{39d}` (greek capital letter nu), which passes for `N`"),
    ("x\u0436", "`\\u{436}` (cyrillic small letter zhe), which stands in a word that mixes cyrillic and latin letters"),
    ("\u03b1bc", "`\\u{3b1}` (greek small letter alpha), which stands in a word that mixes greek and latin letters"),
    (
        "\u0436\u03bb",
        "`\\u{436}` (cyrillic small letter zhe), which stands in a word that mixes cyrillic and greek letters",
    ),
    ("a\u0561", "`\\u{561}` (armenian small letter ayb), which stands in a word that mixes armenian and latin letters"),
    ("\u13e2\u13aa", "`\\u{13e2}` (cherokee letter tlv), which is of a script whose letters pass for latin ones"),
    ("a\u13a0", "`\\u{13a0}` (cherokee letter a), which is of a script whose letters pass for latin ones"),
    ("\uff52\uff4d", "`\\u{ff52}` (fullwidth latin small letter r), which passes for `r`"),
    ("\U0001d42bm", "`\\u{1d42b}` (mathematical bold small r), which passes for `r`"),
    ("\u217cs", "`\\u{217c}` (small roman numeral fifty), which passes for `l`"),
    ("\u212a", "`\\u{212a}` (kelvin sign), which passes for `K`"),
    ("\u017fsh", "`\\u{17f}` (latin small letter long s), which passes for `s`"),
    ("\ufb01le", "`\\u{fb01}` (latin small ligature fi), which passes for `fi`"),
    ("\u0261it", "`\\u{261}` (latin small letter script g), which passes for `g`"),
    ("a\u2044b", "`\\u{2044}` (fraction slash), which passes for `/`"),
    ("a\uff0fb", "`\\u{ff0f}` (fullwidth solidus), which passes for `/`"),
    ("\u2024\u2024", "`\\u{2024}` (one dot leader), which passes for `.`"),
    ("\u2025", "`\\u{2025}` (two dot leader), which passes for `..`"),
    ("a\u2011b", "`\\u{2011}` (non-breaking hyphen), which passes for `-`"),
]


@pytest.mark.parametrize("text", HONEST)
def test_text_in_scripts_of_its_own_passes_for_nothing_else(text: str) -> None:
    assert confusable(text) is None
    assert misleading_path(f"/home/x/{text}") is None
    assert visible(text) == text


@pytest.mark.parametrize(("text", "told"), DECEPTIVE)
def test_what_passes_for_ascii_is_described_and_shown(text: str, told: str) -> None:
    assert confusable(text) == told
    shown = visible(text)
    assert shown.isascii() or "\u0142" in shown
    assert misleading_path(f"/repo/{text}") == f"the path `/repo/{shown}` holds {told}"
    program = misleading_program(text)
    assert program is not None
    assert program.startswith(f"the program `{shown}` has a name with unusual characters: ")


def test_each_part_of_a_path_stands_for_itself() -> None:
    honest, copy = "/home/олег", "\u0441\u043e\u0440\u0443"
    assert misleading_path(f"{honest}/отчет") is None
    assert misleading_path(f"{honest}/отчет {copy}") is None
    assert misleading_path(f"{honest}/{copy}.py") is not None


@pytest.mark.parametrize("name", ["ls", "/usr/bin/git", "скрипт.sh", "例え", "/home/müller/bin/tool", "हिन्दी", ""])
def test_a_program_with_an_honest_name_is_plain(name: str) -> None:
    assert misleading_program(name) is None


@pytest.mark.parametrize(
    "name", ["\u013as", "g\u0131t", "/bin/l\u0301s", "x\u0338", "gi\u0163", "ls\u200b", "l\ns", "\u0433it"]
)
def test_a_program_whose_name_is_nearly_another_is_told(name: str) -> None:
    assert misleading_program(name) is not None


def test_characters_that_show_nothing_are_told_in_paths() -> None:
    assert (
        misleading_path("/repo/.g\u200cit/x")
        == "the path `/repo/.g\\u{200c}it/x` holds `\\u{200c}` (zero width non-joiner)"
    )
    assert misleading_path("/repo/a\nb") == "the path `/repo/a\\u{a}b` holds a line break"
    assert misleading_path("/repo/a.txt") is None


@pytest.mark.parametrize(
    "host", ["münchen.de", "例え.jp", "почта.рф", "хор.почта.рф", "ελλάδα.gr", "한국.kr", "hello世界.com", "ノート.jp"]
)
def test_hosts_in_one_script_are_honest(host: str) -> None:
    assert confusable(host, host=True) is None


@pytest.mark.parametrize(
    "host",
    [
        *(
            "\u0430pple.com",
            "\u0440\u0430\u0443.com",
            "почта-mail.рф",
            "\u03bbx.com",
            "ไทยA.com",
            "a\u30cepath.jp",
            "a\u4e00b.jp",
        ),
        *("a\u3002b", "a\uff61b", "\u24b6.com", "a\u00b2.com", "\u0262oogle.com", "c\u2044d.com"),
    ],
)
def test_hosts_are_held_to_a_stricter_rule(host: str) -> None:
    assert confusable(host, host=True) is not None


def test_long_texts_are_read_in_linear_time() -> None:
    started = time.perf_counter()
    for text in ("\u0430" * 200_000, "a\u0430 " * 100_000, "é/" * 100_000, "日" * 200_000):
        visible(text)
        misleading_path(text)
        confusable(text, host=True)
    assert time.perf_counter() - started < 20
