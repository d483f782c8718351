"""Policy files that are no good text, and characters that read differently from what they say."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentpolicy.language.parser import missing_file, parse, parse_text, read_source, source_of
from agentpolicy.language.reading import MAX_BYTES, decode
from agentpolicy.language.source import Diagnostic, PolicyError


def refused(path: Path, data: bytes | None = None) -> Diagnostic:
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(PolicyError) as caught:
        read_source(str(path), "p.agp")
    (one,) = caught.value.diagnostics
    return one


def characters(text: str) -> list[tuple[str, str, str, str | None]]:
    with pytest.raises(PolicyError) as caught:
        parse_text(text)
    return [(one.code, one.message, text[one.span.start : one.span.end], one.help) for one in caught.value.diagnostics]


# --- files ----------------------------------------------------------------------


def test_a_file_is_read_with_the_digest_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.agp"
    data = "# é\r\ndefault deny\r\n".encode()
    path.write_bytes(data)
    source, digest = read_source(str(path))
    assert (source.name, source.text) == (str(path), "# é\r\ndefault deny\r\n")
    assert digest == hashlib.sha256(data).hexdigest()
    assert len(parse(source).items) == 1


def test_a_byte_order_mark_is_dropped_and_places_count_from_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "a.agp"
    path.write_bytes(b"\xef\xbb\xbfdefault deny")
    source, _ = read_source(str(path))
    assert source.text == "default deny"
    assert parse(source).items[0].span.start == 0
    assert source_of("x", "\ufeffdefault deny").text == "default deny"


def test_an_empty_file_is_a_policy_that_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.agp"
    path.write_bytes(b"")
    assert parse(read_source(str(path))[0]).items == ()


@pytest.mark.parametrize(
    ("data", "code", "message", "help"),
    [
        (b"a\nb\xff", "AP120", "the byte 0xff is not UTF-8 (line 2)", "save the file as UTF-8"),
        ("# é".encode("latin-1"), "AP120", "the byte 0xe9 is not UTF-8 (line 1)", "save the file as UTF-8"),
        (b"a\xed\xa0\x80", "AP120", "the byte 0xed is not UTF-8 (line 1)", "save the file as UTF-8"),
        ("default deny".encode("utf-16"), "AP120", "the file is UTF-16, not UTF-8", "save it as UTF-8"),
        ("default deny".encode("utf-16-le"), "AP121", "the file holds NUL, it is not text (line 1)", "save it as UTF-8"),
        ("default deny".encode("utf-16-be"), "AP121", "the file holds NUL, it is not text (line 1)", "save it as UTF-8"),
        (b"\x7fELF\n\n\x00\xff", "AP121", "the file holds NUL, it is not text (line 3)", "name a policy file"),
        (b"\xff\x00", "AP120", "the byte 0xff is not UTF-8 (line 1)", "save the file as UTF-8"),
    ],
)  # fmt: skip
def test_what_is_no_utf_8_text_is_refused_at_its_byte(
    tmp_path: Path, data: bytes, code: str, message: str, help: str
) -> None:
    one = refused(tmp_path / "a", data)
    assert (one.code, one.message, one.help) == (code, message, help)


def test_the_place_of_a_bad_byte_is_shown() -> None:
    with pytest.raises(PolicyError) as caught:
        decode(b"ab\ncd\xff\n", "p.agp")
    assert " --> p.agp:2:3\n" in str(caught.value)
    assert "2 | cd\N{REPLACEMENT CHARACTER}\n  |   ^" in str(caught.value)


def test_a_huge_file_is_refused_without_being_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    monkeypatch.setattr("agentpolicy.language.reading.MAX_BYTES", 1000)
    one = refused(path)
    assert (one.code, one.help) == ("AP122", "split it with `import` or `extends`")
    assert MAX_BYTES == 32_000_000


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    one = refused(tmp_path / "a")
    assert (one.code, one.message, one.help) == ("AP401", "there is no file `p.agp`", "check the path")
    assert missing_file("p.agp").diagnostics[0].message == one.message


def test_a_directory_is_no_policy(tmp_path: Path) -> None:
    one = refused(tmp_path)
    assert (one.code, one.message) == ("AP408", "`p.agp` is a directory")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    one = refused(tmp_path / "a")
    assert (one.code, one.message) == ("AP408", "`p.agp` is no regular file")


def test_a_file_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    one = refused(tmp_path / "a" / "b")
    assert (one.code, one.message) == ("AP401", "`p.agp` cannot be read: not a directory")


def test_opening_that_is_refused_as_a_directory_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise IsADirectoryError

    monkeypatch.setattr("agentpolicy.language.reading.os.open", fail)
    assert refused(tmp_path).message == "`p.agp` is a directory"


@pytest.mark.parametrize("name", ["a\x00b", "a\ud800"])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_source(name)
    assert caught.value.diagnostics[0].code == "AP401"
    assert str(caught.value)


@given(st.binary(max_size=40))
def test_any_bytes_are_text_or_an_error_that_can_be_shown(data: bytes) -> None:
    try:
        shown = decode(data, "x")
    except PolicyError as error:
        shown = str(error)
    assert isinstance(shown, str)


# --- characters -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("char", "message", "help"),
    [
        ("\u200b", "U+200B ZERO WIDTH SPACE is an invisible character", r"take it out; in quoted text, write `\u200b` if it is meant"),
        ("\u00ad", "U+00AD SOFT HYPHEN is an invisible character", r"take it out; in quoted text, write `\u00ad` if it is meant"),
        ("\u3164", "U+3164 HANGUL FILLER is an invisible character", r"take it out; in quoted text, write `\u3164` if it is meant"),
        ("\u202e", "U+202E RIGHT-TO-LEFT OVERRIDE is a bidirectional control", r"take it out; in quoted text, write `\u202e` if it is meant"),
        ("\u00a0", "U+00A0 NO-BREAK SPACE is a space that is none", r"write a plain space; in quoted text, write `\u00a0` if it is meant"),
        ("\u3000", "U+3000 IDEOGRAPHIC SPACE is a space that is none", r"write a plain space; in quoted text, write `\u3000` if it is meant"),
        ("\u2028", "U+2028 LINE SEPARATOR is a line separator", r"take it out; in quoted text, write `\u2028` if it is meant"),
        ("\u2029", "U+2029 PARAGRAPH SEPARATOR is a paragraph separator", r"take it out; in quoted text, write `\u2029` if it is meant"),
        ("\ufe0f", "U+FE0F VARIATION SELECTOR-16 is a variation selector", r"take it out; in quoted text, write `\ufe0f` if it is meant"),
        ("\u20dd", "U+20DD COMBINING ENCLOSING CIRCLE is an enclosing mark", r"take it out; in quoted text, write `\u20dd` if it is meant"),
        ("\x00", "U+0000 is a control character", "take it out: it is in no path, command or text"),
        ("\x1b", "U+001B is a control character", r"take it out; in quoted text, write `\u001b` if it is meant"),
        ("\x85", "U+0085 is a control character", r"take it out; in quoted text, write `\u0085` if it is meant"),
        ("\ue000", "U+E000 is a private character", "take it out"),
        ("\ud800", "U+D800 is half of a character", "take it out"),
        ("\uffff", "U+FFFF is not a character", r"take it out; in quoted text, write `\uffff` if it is meant"),
        ("\U000e0041", "U+E0041 TAG LATIN CAPITAL LETTER A is an invisible character", "take it out; in quoted text, write `its name in words` if it is meant"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("template", ['extends "a{}b"', "default deny # a{}b", "default {}deny", "default deny{}"])
def test_characters_that_nobody_sees_are_refused_everywhere(char: str, message: str, help: str, template: str) -> None:
    expected = ("AP111", message, char, help)
    assert expected in characters(template.format(char))


def test_a_carriage_return_alone_ends_no_line() -> None:
    assert characters("default deny\rdefault ask\r\n") == [
        ("AP111", "U+000D is a control character", "\r", "end lines with LF or CRLF")
    ]


def test_a_word_with_an_invisible_character_is_still_read() -> None:
    assert [code for code, *_ in characters('al\u200blow a: exec "x" becuase "y"')] == ["AP111", "AP101"]


@pytest.mark.parametrize(
    "text",
    [
        'deny a: exec any because "naïve café — “quoted” … 100 %"',
        'deny a: exec any because "日本語 と Tokyoへ 한국어"',
        'deny a: exec any because "это нельзя, а то с ума сойду"',
        'deny a: exec any because "δεν επιτρέπεται ο"',
        'deny a: exec any because "हिन्दी में नहीं"',
        "default deny # а с о: Кириллица, ελληνικά, العربية 👍",
        r'extends "a\u200b\u0430b\u0301"',
        'deny a: exec any because "5 µm, 2ª"',
    ],
)
def test_letters_of_every_script_may_stand_in_texts_and_comments(text: str) -> None:
    assert parse_text(text).items


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'extends "pаypal"',
            ("AP112", "`pаypal` mixes Cyrillic and Latin letters: U+0430 CYRILLIC SMALL LETTER A", "pаypal", r"in quoted text, write `\u0430` if it is meant"),
        ),
        (
            "default deny # pαypal",
            ("AP112", "`pαypal` mixes Greek and Latin letters: U+03B1 GREEK SMALL LETTER ALPHA", "pαypal", "write the word in one script"),
        ),
        (
            'extends "https://раура.example"',
            ("AP112", "U+0440 CYRILLIC SMALL LETTER ER and what follows look like `paypa`", "раура", r"write `paypa`, or `\u0440` and so on if it is meant"),
        ),
        (
            'extends "/etc∕passwd"',
            ("AP112", "U+2215 DIVISION SLASH looks like `/`", "∕", r"write `/`; in quoted text, write `\u2215` if it is meant"),
        ),
        (
            'extends "ｘ"',
            ("AP112", "U+FF58 FULLWIDTH LATIN SMALL LETTER X looks like `x`", "ｘ", r"write `x`; in quoted text, write `\uff58` if it is meant"),
        ),
        (
            "default deny # ｘ",
            ("AP112", "U+FF58 FULLWIDTH LATIN SMALL LETTER X looks like `x`", "ｘ", "write `x`; leave it out"),
        ),
        (
            'extends "cafe\u0301"',
            ("AP113", "U+0301 COMBINING ACUTE ACCENT is not in normal form: another spelling looks the same", "\u0301", r"save the text in Unicode normal form C, or write the character as `\uXXXX`"),
        ),
        (
            'extends "\u212b"',
            ("AP113", "U+212B ANGSTROM SIGN is not in normal form: another spelling looks the same", "\u212b", r"save the text in Unicode normal form C, or write the character as `\uXXXX`"),
        ),
        (
            'extends "\u0338x"',
            ("AP113", "U+0338 COMBINING LONG SOLIDUS OVERLAY stands on a character that it does not belong to", "\u0338", r"in quoted text, write `\u0338` if it is meant"),
        ),
        (
            "default deny # q\u0307",
            ("AP113", "U+0307 COMBINING DOT ABOVE stands on a character that it does not belong to", "\u0307", "leave it out"),
        ),
        (
            "allow é: exec any",
            ("AP110", "the word `é` holds U+00E9 LATIN SMALL LETTER E WITH ACUTE", "é", "names are ASCII letters, digits, `_` and `-`; quote other text"),
        ),
        (
            "define x = pаth",
            ("AP110", "the word `pаth` holds U+0430 CYRILLIC SMALL LETTER A", "pаth", "names are ASCII letters, digits, `_` and `-`; quote other text"),
        ),
        (
            "default deny \u0301",
            ("AP110", "U+0301 COMBINING ACUTE ACCENT outside quoted text", "\u0301", "leave it out, or quote it"),
        ),
        ("default deny →", ("AP110", "U+2192 RIGHTWARDS ARROW outside quoted text", "→", "leave it out, or quote it")),
        (
            "extends “x",
            ("AP107", "U+201C LEFT DOUBLE QUOTATION MARK does not quote", "“", 'write straight double quotes, `"`'),
        ),
    ],
)  # fmt: skip
def test_characters_that_pass_for_others_are_refused(text: str, expected: tuple[str, str, str, str]) -> None:
    assert characters(text)[0] == expected


def test_more_marks_than_a_letter_can_carry_are_refused() -> None:
    found = characters("default deny # ọ" + "\u0331" * 5)
    assert {code for code, *_ in found} == {"AP113"}


def test_marks_in_the_wrong_order_are_not_in_normal_form() -> None:
    ((code, *_),) = characters("default deny # ạ" + "\u0331" * 6 + "\u0327")
    assert code == "AP113"


def test_millions_of_bad_characters_are_bounded() -> None:
    found = characters("\u200b" * 1_000_000)
    assert len(found) == 201
    assert found[-1][0] == "AP109"
