"""Where a value came from: what is seen through, what is too common to count, and what never makes an answer laxer."""

from __future__ import annotations

import base64
import codecs
import dataclasses
import html
import json
import time
from typing import Any
from urllib.parse import quote

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentpolicy.engine.provenance import (
    MOST_BYTES,
    MOST_CHARACTERS,
    Seen,
    Sightings,
    identifiers,
    is_from,
    origin_of,
    passage,
    seen_in,
    trace,
)
from agentpolicy.engine.provenance.quantities import amount, canonical_number, moment

KEY = b"a key that only these tests use"


def sightings(**texts: Any) -> Sightings:
    """A session that saw one text under each origin."""
    held = Sightings(key=KEY)
    for origin, text in texts.items():
        held.add(origin, seen_in(text, key=KEY))
    return held


def untrusted(value: object, **texts: Any) -> bool | None:
    return is_from(value, "untrusted", sightings(**texts))


# --- seen through -----------------------------------------------------------------------------------------------------

SEEN_THROUGH = [
    # why, the text, the value
    ("as it stands", "write to mark@evil.com now", "mark@evil.com"),
    ("case", "Write to Mark@Evil.COM", "mark@evil.com"),
    ("wide letters", "ｍａｒｋ＠ｅｖｉｌ．ｃｏｍ", "mark@evil.com"),
    ("composed letters", "Cafe\u0301 Bleu", "Café Bleu"),
    ("characters that show nothing", "ma\u200brk@ev\u00adil.com", "mark@evil.com"),
    ("NUL between letters", "m\x00a\x00r\x00k", "mark"),
    ("colour codes", "\x1b[31mmark\x1b[0m@evil.com", "mark@evil.com"),
    ("letters that look alike, in the value", "paypal-login.com", "p\u0430ypal-login.com"),
    ("letters that look alike, in the text", "p\u0430ypal-login.com", "paypal-login.com"),
    ("accents left out", "Hôtel Étoile", "hotel etoile"),
    ("digits of another script", "١٢٣٤٥٦٧", "1234567"),
    ("white space", "Riverside   View\n Hotel", "Riverside View Hotel"),
    ("no white space", "Riverside View Hotel", "RiversideViewHotel"),
    ("no white space, no case", "Riverside View Hotel", "riversideviewhotel"),
    ("underscores", "Riverside View Hotel", "riverside_view_hotel"),
    ("words joined in the text", "RiversideViewHotel", "Riverside View Hotel"),
    ("punctuation", "the Riverside-View Hotel.", "Riverside View Hotel"),
    ("quotes", "it is “Riverside View Hotel”", "'Riverside View Hotel'"),
    ("brackets around", "Mark Black <mark@evil.com>", "mark@evil.com"),
    ("a name in front", "mark@evil.com", "Mark <mark@evil.com>"),
    ("account in groups, in the text", "US13 3000 0001 2121 2121 2121", "US1330000001212121212121"),
    ("account in groups, in the value", "US133000000121212121212", "US13 3000 0001 2121 2121 212"),
    ("account in groups with a short end", "GB29 NWBK 6016 1331 9268 19 please", "GB29NWBK60161331926819"),
    ("account with dashes", "DE89-3704-0044-0532-0130-00", "DE89370400440532013000"),
    ("card in groups", "4556 7375 8689 9855", "4556737586899855"),
    ("phone", "(555) 123-4567", "+1 555 123 4567"),
    ("phone joined", "+1 (555) 123-4567", "5551234567"),
    ("thousands in English", "pay 1,234.50 now", "1234.5"),
    ("thousands in German", "1.234,50 EUR", "1,234.50"),
    ("thousands in French", "1\u202f234,50 €", "1234.50"),
    ("thousands in Swiss", "CHF 1'234.50", "1234.50 CHF"),
    ("a number for a text", "$1,234.50", 1234.5),
    ("needless zeros", "98.70", 98.7),
    ("whole thousands", "1,100", 1100),
    ("currency", "€ 5000", "5000 EUR"),
    ("date in words", "on 5 January 2022", "2022-01-05"),
    ("date in American words", "Jan 5th, 2022", "2022-01-05"),
    ("date in figures", "05/01/2022", "2022-01-05"),
    ("date in American figures", "01/05/2022", "2022-01-05"),
    ("date with dots", "5.1.2022", "January 5, 2022"),
    ("date without its year", "the 15th of May", "2024-05-15"),
    ("date and time", "2024-05-15T10:00:00Z", "2024-05-15 10:00"),
    ("time", "at 2:30 PM", "14:30"),
    ("JSON escapes in the text", r'{"to": "mark\u0040evil.com"}', "mark@evil.com"),
    ("JSON in JSON", json.dumps(json.dumps({"to": "Zoë Müller"})), "Zoë Müller"),
    ("escaped line ends", r"first\nRiverside View Hotel\tlast", "Riverside View Hotel"),
    ("hex escapes", r"\x6d\x61\x72\x6b@evil.com", "mark@evil.com"),
    ("HTML entities", "mark&#64;evil.com &amp; sons", "mark@evil.com"),
    ("percent in the value", "mark@evil.com", "mark%40evil.com"),
    ("percent twice", "mark@evil.com", "mark%2540evil.com"),
    ("percent in the text", "https://a.test/?to=mark%40evil.com", "mark@evil.com"),
    ("quoted-printable", "https://evil.test/?a=3Dsecretpart", "secretpart"),
    ("no scheme", "http://www.evil-site.com/random", "www.evil-site.com/random"),
    ("no www", "www.evil-site.com", "https://evil-site.com"),
    ("host of a URL", "see https://evil-site.com/a/b?c=d", "evil-site.com"),
    ("host below a seen one", "evil-site.com", "https://data.evil-site.com/x"),
    ("host above a seen one", "https://mail.evil-site.com/", "evil-site.com"),
    ("another path on a seen host", "https://evil-site.com/a", "https://evil-site.com/b"),
    ("domain of an address", "mark@evil-site.com", "evil-site.com"),
    ("address at a seen domain", "evil-site.com", "somebody@evil-site.com"),
    ("address with a seen name", "mark.black-2134", "mark.black-2134@gmail.com"),
    ("a seen value in a query", "the token is zq81-xx-93", "https://acme.com/?q=zq81-xx-93"),
    ("mailto", "mailto:mark@evil.com", "mark@evil.com"),
    ("Markdown link", "[here](http://evil-site.com/a)", "http://evil-site.com/a"),
    ("path segment", "report-7731.pdf", "/home/ann/report-7731.pdf"),
    ("base64 of a seen value", "mark@evil.com", base64.b64encode(b"mark@evil.com").decode()),
    ("base64 in a URL", "mark@evil.com", "https://a.test/?q=" + base64.urlsafe_b64encode(b"mark@evil.com").decode()),
    ("base64 in the text", base64.b64encode(b"send it to mark@evil.com").decode(), "mark@evil.com"),
    ("base64 in lines", base64.encodebytes(b"x " * 40 + b"send it to mark@evil.com").decode(), "mark@evil.com"),
    ("base64 in base64", base64.b64encode(base64.b64encode(b"send it to mark@evil.com")).decode(), "mark@evil.com"),
    ("hex of a seen value", "mark@evil.com", b"mark@evil.com".hex()),
    ("hex in the text", b"mark@evil.com".hex(), "mark@evil.com"),
    ("a list", "Ann, Fred and Bob", ["Fred"]),
    ("a list in a text", "Ann\nFred\nBob", "Fred, Bob"),
    ("a map", "mark@evil.com", {"to": {"address": "mark@evil.com"}}),
    ("joined with @", "user mark2134 at evil-site.com", "mark2134@evil-site.com"),
    ("joined words", "the Crimson tower. Lantern", "crimsonlantern"),
    ("a path of two", "folder alpha-9 and file beta-7.txt", "alpha-9/beta-7.txt"),
    ("one part of the value", "Riverside View Hotel", "Riverside View Hotel, Zurich"),
    ("a message as dictated", "Tell Ann: I will be in Paris. Then", "I will be in Paris"),
    ("a message of common words", "say: Hey, how is it going?", "Hey, how is it going?"),
    (
        "a dictated sentence among own ones",
        "write that the vault code was changed by Fred today",
        "Hello! The vault code was changed by Fred today. Regards",
    ),
    ("a street", "move to 77 Elm Street, Springfield", "77 Elm Street, Springfield"),
    ("one word", "add user Fred", "Fred"),
    ("a handle", "ask @fred about it", "fred"),
    ("a handle in prose", "fred", "Please, could you ask @fred about all of this when he is back?"),
    ("a channel", "post in general", "#general"),
    ("a file's number", "id: '13'", "13"),
    ("a password", "set it to 1j1l-2k3j!", "1j1l-2k3j!"),
    ("Han characters", "明日田中さんに送金してください", "田中さん"),
    ("an encoded host in the value", "münchen-shop.de", "xn--mnchen-shop-thb.de"),
    ("an encoded host in the text", "http://xn--mnchen-shop-thb.de/a", "münchen-shop.de"),
    ("an IPv4 address", "at 192.168.0.7:80", "http://192.168.0.7/x"),
    ("Cyrillic", "отправь Ивану Петрову", "Ивану Петрову"),
]


@pytest.mark.parametrize(("why", "text", "value"), SEEN_THROUGH, ids=[one[0] for one in SEEN_THROUGH])
def test_what_a_model_does_to_a_value_is_seen_through(why: str, text: str, value: object) -> None:
    assert untrusted(value, untrusted=text) is True
    assert is_from(value, "user", sightings(untrusted=text)) is False


SAID = [
    ("case", "pay GB29NWBK60161331926819", "gb29nwbk60161331926819"),
    ("groups", "pay GB29 NWBK 6016 1331 9268 19 what I owe", "GB29NWBK60161331926819"),
    ("four groups of four and a word", "pay US13 3000 0001 2121 from my account", "US13300000012121"),
    ("percent", "a b", "a%20b"),
    ("parts of an address", "send to Mark at acme.com", "mark@acme.com"),
    ("parts of a path", "save report.pdf in finance", "finance/report.pdf"),
    ("the name of a host", "open www.acme.com", "https://acme.com"),
    ("the host of a said URL", "open https://acme.com/report", "acme.com"),
    ("words in another order", "lunch with Mark", "Mark: lunch"),
    ("a date", "on May 15th", "2024-05-15"),
    ("an amount", "pay $1,200", 1200),
    ("base64", "mark@acme.com", base64.b64encode(b"mark@acme.com").decode()),
    ("nothing to trace", "", "inbox"),
    ("the root", "clean up / for me", "/"),
    ("a wildcard", "delete `*` there", "*"),
    ("a path that climbs", "read ../notes/plan.txt", "../notes/plan.txt"),
]


@pytest.mark.parametrize(("why", "text", "value"), SAID, ids=[one[0] for one in SAID])
def test_what_the_user_said_is_the_users(why: str, text: str, value: object) -> None:
    held = sightings(user=text, untrusted="something else altogether")
    assert is_from(value, "user", held) is True
    assert is_from(value, "untrusted", held) is False
    assert is_from(value, "nowhere", held) is False


NOT_SAID = [
    ("a look-alike of a said host", "open paypal.com", "p\u0430ypal.com"),
    ("another host of the same letters", "open secure-systems.com", "securesystems.com"),
    ("a public mailbox of a said name", "write to Bob", "bob@gmail.com"),
    ("a host made of a said name", "write to Acme", "acme.com"),
    ("a host below a said one", "open acme.com", "x7f3.acme.com"),
    ("a path on a said host", "open acme.com", "https://acme.com/secret-99"),
    ("letter by letter", "open acme.com", "https://acme.com/s/e/c/r/e/t"),
    ("a query on a said host", "open acme.com", "https://acme.com/?q=hunter22"),
    ("one of two", "write mark@acme.com", ["mark@acme.com", "eve@acme.com"]),
    ("another account", "pay GB29NWBK60161331926819", "GB29NWBK60161331926818"),
    ("another amount", "pay 1200", 12000),
    ("the root", "clean up", "/"),
    ("everything", "clean up", "*"),
    ("the day of a date", "what is on June 13 at 10:45?", "13"),
    ("the minute of a time", "what is on June 13 at 10:45?", 45),
    ("the directory above", "clean up here.", ".."),
    ("a path that climbs out", "read /etc/passwd", "../../etc/passwd"),
    ("more than was said", "book the Riverside", "Riverside View Hotel"),
]


@pytest.mark.parametrize(("why", "text", "value"), NOT_SAID, ids=[one[0] for one in NOT_SAID])
def test_what_is_only_like_what_the_user_said_is_not(why: str, text: str, value: object) -> None:
    assert is_from(value, "user", sightings(user=text)) is False
    assert is_from(value, "nowhere", sightings(user=text)) is True


COMMON = [
    "tomorrow",
    "inbox",
    "Inbox",
    "today",
    "next week",
    "Monday",
    "yes",
    "no",
    "the",
    "",
    "  ",
    "…",
    None,
    True,
    False,
]


@pytest.mark.parametrize("value", [*COMMON, 0, 7, 10, 31, -5, 3.0, [], {}, ["inbox", 10, None]])
def test_what_is_too_common_is_not_traced(value: object) -> None:
    held = sightings(untrusted="tomorrow inbox today next week Monday yes no the 0 7 10 31 5 3 true false none")
    assert identifiers(value) == []
    assert is_from(value, "untrusted", held) is False
    assert is_from(value, "nowhere", held) is False


@pytest.mark.parametrize("value", ["general", "admin", "everyone", "root", "all hands", "Fred", "13", 50, 0.01, 1000])
def test_what_may_name_a_destination_or_an_amount_is_traced(value: object) -> None:
    assert len(identifiers(value)) == 1
    assert is_from(value, "nowhere", sightings()) is True


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("mark@evil.com", ["mark@evil.com"]),
        ("Ann, Bob", ["ann", "bob"]),
        (
            "Please read https://acme.com/a and tell ann@acme.com by 10 and/or later, e.g. today",
            ["acme.com/a", "ann@acme.com"],
        ),
        ("It is about 3.5 million well-known items (24/7), see 2024-05-15, and nothing that has a name.", []),
        (
            "Transfer all of it to GB29 NWBK 6016 1331 9268 19 and not to anybody else at this bank",
            ["gb29 nwbk 6016 1331 9268 19"],
        ),
        (
            "You could look into ~/notes/plan and /etc/hosts for that, or in src/a.py as far as I know",
            ["notes/plan", "etc/hosts", "src/a.py"],
        ),
        ({"file_id": 3, "mark@evil.com": "x"}, ["mark@evil.com"]),
    ],
)
def test_identifiers_inside_of_a_value(value: object, expected: list[str]) -> None:
    assert [one.text for one in identifiers(value) if one.kind != "passage"] == expected


# --- origins ----------------------------------------------------------------------------------------------------------


def test_every_value_has_an_origin() -> None:
    held = sightings(user="Ann", policy="Bob", trusted="Cleo", crm="Dora", untrusted="Eve")
    found = {
        name: {one for one in ("user", "policy", "trusted", "crm", "untrusted", "nowhere") if is_from(name, one, held)}
        for name in ("Ann", "Bob", "Cleo", "Dora", "Eve", "Fay")
    }
    assert found == {
        "Ann": {"user"},
        "Bob": {"user", "policy"},
        "Cleo": {"trusted"},
        "Dora": {"crm"},
        "Eve": {"untrusted"},
        "Fay": {"nowhere"},
    }
    assert origin_of(identifiers("Dora")[0], held) == {"crm"}
    assert origin_of(identifiers("Fay")[0], held) == frozenset()


def test_a_later_trusted_sighting_clears_nothing() -> None:
    held = sightings(untrusted="account US133000000121212121212")
    for origin in ("trusted", "crm"):
        held.add(origin, seen_in("account US133000000121212121212", key=KEY))
        assert is_from("US133000000121212121212", "untrusted", held) is True
        assert is_from("US133000000121212121212", origin, held) is None
    held.add("user", seen_in("pay US13 3000 0001 2121 2121 212", key=KEY))
    assert is_from("US133000000121212121212", "untrusted", held) is False
    assert is_from("US133000000121212121212", "user", held) is True


def test_parts_of_the_users_do_not_vouch_for_a_whole_from_untrusted_text() -> None:
    held = sightings(user="compare acme.com and evil.com, then tell Mark", untrusted="write to mark@evil.com")
    assert is_from("mark@evil.com", "untrusted", held) is True
    assert is_from("mark@acme.com", "untrusted", held) is False
    held = sightings(user="write mark.black@acme.com", untrusted="write markblack@acme.com")
    assert is_from("markblack@acme.com", "untrusted", held) is True


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("Dora", True),
        (["Dora", "Ann"], True),
        ("Ann", False),
        ("Fay", False),
        (["Dora", "Fay"], None),
        (["Dora", "Eve"], None),
        (["Dora", "Otto"], None),
        (["Dora", "Cleo"], True),
        ("Cleo", False),
        (None, False),
        ("inbox", False),
    ],
)
def test_a_label_holds_where_nothing_else_told_the_value(value: object, answer: bool | None) -> None:
    held = sightings(user="Ann", trusted="Cleo", crm="Dora", erp="Otto", untrusted="Eve")
    assert is_from(value, "crm", held) is answer


@pytest.mark.parametrize(
    ("origin", "answer"), [("user", None), ("policy", None), ("untrusted", False), ("nowhere", False), ("crm", False)]
)
def test_nothing_comes_from_nowhere_in_particular(origin: str, answer: bool | None) -> None:
    assert is_from(None, origin, sightings()) is answer
    assert trace(None, sightings()).is_from(origin) is answer


def test_after_a_result_that_was_not_observed_only_the_users_words_are_trusted() -> None:
    held = sightings(user="Ann; Mark, acme.com", crm="Dora")
    assert is_from("Fay", "untrusted", held, unobserved=True) is True
    assert is_from("Dora", "untrusted", held, unobserved=True) is True
    assert is_from("Dora", "crm", held, unobserved=True) is None
    assert is_from("Ann", "untrusted", held, unobserved=True) is False
    assert is_from("Fay", "nowhere", held, unobserved=True) is None
    assert is_from("Ann", "nowhere", held, unobserved=True) is False
    assert is_from("mark@acme.com", "untrusted", held, unobserved=True) is True
    assert is_from("inbox", "untrusted", held, unobserved=True) is False
    assert is_from("The plan was changed by somebody else today.", "untrusted", held, unobserved=True) is True


def test_what_people_approved_is_the_users() -> None:
    held = sightings(untrusted="write to mark@evil.com or eve@evil.com")
    approved = set(identifiers("mark@evil.com")[0].fingerprints(KEY)[:1])
    assert is_from("mark@evil.com", "untrusted", held, approved=approved.__contains__) is False
    assert is_from("MARK@evil.com", "user", held, approved=approved.__contains__) is True
    assert is_from("eve@evil.com", "untrusted", held, approved=approved.__contains__) is True


def test_prose_of_the_models_own_has_no_origin() -> None:
    held = sightings(
        user="sum up my mails", untrusted="The meeting was moved to the big room. Bring the slides for the board."
    )
    value = "I read all of it. In short: they meet in another room, and you should take slides along."
    assert is_from(value, "untrusted", held) is False
    assert is_from(value, "nowhere", held) is False


# --- observing --------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Mail:
    sender: str
    parts: list[object]


@attrs.frozen
class Row:
    name: str


class Model:
    def model_dump(self) -> dict[str, object]:
        return {"inner": {"name": "Fred"}}


class Plain:
    def __init__(self) -> None:
        self.name = "Fred"


class Failing:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def raised() -> Exception:
    try:
        try:
            raise KeyError("Fred")
        except KeyError as error:
            raise ValueError("no such user") from error
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    "result",
    [
        "Fred",
        b"Fred",
        bytearray(b"\xff Fred"),
        memoryview(b"Fred"),
        "Fred".encode("utf-16-le"),
        codecs.BOM_UTF8 + b"Fred",
        ["Fred"],
        {"Fred": 1},
        {"a": [{"b": ("x", {"c": {"Fred"}})}]},
        {1: frozenset(["Fred"])},
        Mail("x", [b"y", {"name": "Fred"}]),
        Row("Fred"),
        Model(),
        Plain(),
        ValueError("user Fred is not known"),
        raised(),
        ExceptionGroup("some", [ValueError("Fred")]),
        json.dumps({"a": json.dumps({"b": "Fred"})}),
    ],
    ids=lambda one: type(one).__name__,
)
def test_whatever_form_a_result_has_it_is_observed(result: object) -> None:
    seen = seen_in(result, key=KEY)
    # an object of which only the attributes can be read may say more
    assert seen.partial is isinstance(result, Plain)
    held = Sightings(key=KEY)
    held.add("untrusted", seen)
    assert is_from("Fred", "untrusted", held) is True


@pytest.mark.parametrize(
    "result",
    [Failing(), iter(["Fred"]), "x" * (MOST_CHARACTERS + 1), ["x"] * 300_000, [b"x" * 5_000_000]],
    ids=["failing", "iterator", "long text", "long list", "long bytes"],
)
def test_what_cannot_be_read_to_its_end_is_partial(result: object) -> None:
    seen = seen_in(result, key=KEY)
    assert seen.partial
    held = Sightings(key=KEY)
    held.add("user", seen)
    assert not held.overflow
    held.add("untrusted", seen)
    assert held.overflow


def test_a_result_that_holds_itself_is_read_once() -> None:
    result: list[object] = ["Fred"]
    result.append({"again": result})
    assert not seen_in(result, key=KEY).partial


def test_deep_nesting_is_read() -> None:
    result: object = "Fred"
    for _ in range(5000):
        result = [result]
    held = Sightings(key=KEY)
    held.add("untrusted", seen_in(result, key=KEY))
    assert is_from("Fred", "untrusted", held) is True
    assert is_from(result, "untrusted", held) is True


def test_an_echo_can_be_left_out() -> None:
    echoed = seen_in("sent to mark@acme.com: ok 77341", key=KEY).without(seen_in("mark@acme.com", key=KEY))
    held = Sightings(key=KEY)
    held.add("trusted", echoed)
    assert is_from("mark@acme.com", "nowhere", held) is True
    assert is_from("77341", "trusted", held) is True


def test_what_is_stored_comes_back() -> None:
    seen = seen_in("Fred, p\u0430ypal.com", key=KEY)
    assert Seen.unpack(seen.pack()) == seen
    assert len(seen.fingerprints) % 8 == 0
    numbers = [int.from_bytes(seen.fingerprints[at : at + 8], "little") for at in range(0, len(seen.fingerprints), 8)]
    assert numbers == sorted(set(numbers))
    for damaged in (b"", seen.pack()[:-1], b"\x00" * 4, b"\x00\xff\xff\xff\x00"):
        with pytest.raises(ValueError):
            Seen.unpack(damaged)


def test_without_the_key_nothing_is_found() -> None:
    assert not set(seen_in("Fred", key=b"one").fingerprints) <= set(seen_in("Fred", key=b"two").fingerprints)
    with pytest.raises(ValueError):
        Sightings(key=b"")
    assert seen_in("Fred", key=b"k" * 100) == seen_in("Fred", key=b"k" * 100)


def test_nothing_is_seen_nowhere() -> None:
    for origin in ("nowhere", ""):
        with pytest.raises(ValueError):
            Sightings(key=KEY).add(origin, seen_in("Fred", key=KEY))


# --- memory -----------------------------------------------------------------------------------------------------------


def many(start: int, count: int) -> Seen:
    return seen_in(" ".join(f"word{number}" for number in range(start, start + count)), key=KEY)


@pytest.mark.parametrize("filled", [False, True])
def test_dumped_sightings_answer_alike(filled: bool) -> None:
    held = sightings(user="Ann", policy="Bob", trusted="Cleo", crm="Dora", untrusted="Eve")
    if filled:
        for start in range(0, 40_000, 10_000):
            held.add("untrusted", many(start, 10_000))
    again = Sightings.load(held.dump(), key=KEY)
    assert again.dump() == held.dump()
    for name in ("Ann", "Bob", "Cleo", "Dora", "Eve", "Fay"):
        for origin in ("user", "policy", "trusted", "crm", "untrusted", "nowhere"):
            assert is_from(name, origin, again) == is_from(name, origin, held)


@pytest.mark.parametrize("blob", [b"x", b"fxx", b"e123", b"f" + b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_damaged_sightings_are_refused(blob: bytes) -> None:
    with pytest.raises(ValueError):
        Sightings.load({"untrusted": blob}, key=KEY)


def test_memory_is_bounded_and_past_it_the_answer_is_strict() -> None:
    held = sightings(untrusted="Eve")
    for start in range(0, 100_000, 10_000):
        for origin in ("user", "policy", "untrusted"):
            held.add(origin, many(start, 10_000))
    assert not held.overflow
    for label in range(100):
        held.add(f"label{label}", many(label * 1000, 1000))
    assert held.overflow
    assert held.size() <= MOST_BYTES <= 1_000_000
    assert is_from("Eve", "untrusted", held) is True
    held.add("user", seen_in("Zoe", key=KEY))
    assert is_from("Zoe", "user", held) is False


def test_a_value_never_seen_is_seen_by_chance_once_in_a_thousand_at_most() -> None:
    held = Sightings(key=KEY)
    for start in range(0, 30_000, 10_000):
        held.add("untrusted", many(start, 10_000))
    wrong = sum(bool(is_from(f"never{number}", "untrusted", held)) for number in range(5000))
    assert wrong <= 10


# --- hostile input ----------------------------------------------------------------------------------------------------

HOSTILE = {
    "letters": "a",
    "digits": "1",
    "digits apart": "1 ",
    "digits with marks": "1,1.",
    "thousands": "1,234,",
    "dots": ".",
    "letters and dots": "a.",
    "at": "a@",
    "only at": "@",
    "slashes": "/a",
    "backslashes": "\\",
    "escapes": "\\u0041",
    "percent": "%25",
    "entities": "&amp;",
    "entities cut": "&#",
    "equal signs": "=3D",
    "quotes": '"',
    "quoted": '"a',
    "brackets": "[{(",
    "hyphens": "a-",
    "accounts": "ab12 ",
    "account groups": "ab12 cd34 ",
    "dates": "2024-05-15 ",
    "months": "may 1 ",
    "times": "10:00 ",
    "base64": "QUJD",
    "base64 words": "QUJDREVGR0hJ ",
    "invisible": "\u200b",
    "marks": "a\u0301",
    "han": "田",
    "look-alikes": "\u0430",
    "wide": "ﷺ",
    "lines": "\n",
    "sentences": "This is a sentence of seven words. ",
    "surrogates": "\ud800",
    "colour": "\x1b[",
    "handles": "@a ",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_read_in_linear_time(unit: str) -> None:
    def spent(size: int) -> float:
        text = (unit * (size // len(unit) + 1))[:size]
        begin = time.perf_counter()
        seen_in(text, key=KEY)
        trace(text, Sightings(key=KEY))
        passage("mark@evil.com", text)
        return time.perf_counter() - begin

    small = spent(10_000)
    assert spent(50_000) < max(12 * small, 0.5)


def test_a_long_result_is_read_within_seconds() -> None:
    for unit in ("1 ", "a@", "2024-05-15 "):
        begin = time.perf_counter()
        seen_in((unit * 300_000)[:300_000], key=KEY)
        assert time.perf_counter() - begin < 15


# --- properties -------------------------------------------------------------------------------------------------------

LABEL = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=10)
WORD = LABEL.map(lambda word: f"q{word}x")  # no word of any list
ADDRESS = st.builds(lambda one, two: f"{one}@{two}.com", WORD, WORD)
ACCOUNT = st.from_regex(r"[A-Z]{2}[0-9]{18,22}", fullmatch=True)
NAME = st.lists(WORD.map(str.capitalize), min_size=1, max_size=3).map(" ".join)
URL = st.builds(lambda one, two: f"https://{one}.org/{two}", WORD, WORD)
IDENTIFIER = st.one_of(ADDRESS, ACCOUNT, NAME, URL)


def _zero_width(text: str) -> str:
    return "\u200b".join(text)


FORMS = {
    "as it is": str,
    "upper": str.upper,
    "lower": str.lower,
    "quoted": lambda text: f"“{text}”",
    "spaced": lambda text: text.replace(" ", "\u00a0\n "),
    "percent": lambda text: quote(text, safe=""),
    "every byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "json": lambda text: json.dumps({"x": text}),
    "unicode": lambda text: "".join(f"\\u{ord(one):04x}" for one in text),
    "html": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "escaped": html.escape,
    "base64": lambda text: base64.b64encode(f"it is {text} now".encode()).decode(),
    "hex": lambda text: f"it is {text} now".encode().hex(),
    "zero width": _zero_width,
    "wide": lambda text: "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text),
}


@settings(max_examples=150, deadline=None)
@given(
    IDENTIFIER,
    st.sampled_from(sorted(FORMS)),
    st.sampled_from(["", "Hello, ", "to: ", "(", '{"a": "b"} ']),
    st.booleans(),
)
def test_however_a_text_writes_an_identifier_it_is_seen(value: str, form: str, before: str, twice: bool) -> None:
    text = f"{before}{FORMS[form](value)} and so on"
    assert untrusted(value, untrusted=text) is True
    if form not in {"base64", "hex"}:
        assert is_from(value, "user", sightings(user=text)) is True


@settings(max_examples=150, deadline=None)
@given(IDENTIFIER, st.sampled_from(sorted(set(FORMS) - {"json"})))
def test_however_a_value_writes_an_identifier_it_is_seen(value: str, form: str) -> None:
    written = {"base64": lambda text: base64.b64encode(text.encode()).decode(), "hex": lambda text: text.encode().hex()}
    assert untrusted(written.get(form, FORMS[form])(value), untrusted=f"write to {value} now") is True


@settings(max_examples=100, deadline=None)
@given(IDENTIFIER, IDENTIFIER)
def test_what_was_never_seen_is_nowhere(value: str, other: str) -> None:
    held = sightings(untrusted=f"<<{other.translate(str.maketrans('qx', 'zw'))}>>")
    assert is_from(value, "user", held) is False
    assert is_from(value, "nowhere", sightings()) is True


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["user", "policy", "untrusted", "nowhere", "crm"]))
def test_any_text_has_an_answer_and_saying_it_makes_it_the_users(value: str, origin: str) -> None:
    held = sightings(untrusted="Fred", crm="Dora")
    assert is_from(value, origin, held) in {True, False, None}
    held.add("user", seen_in(value, key=KEY))
    assert is_from(value, "user", held) is True
    assert is_from(value, "untrusted", held) is False


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.binary(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_value_that_was_seen_is_from_there(value: object) -> None:
    held = Sightings(key=KEY)
    held.add("untrusted", seen_in(value, key=KEY))
    found = trace(value, held)
    assert found.is_from("untrusted") is bool(found.found)
    assert found.is_from("nowhere") is False


# --- passages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text", "part"),
    [
        (
            "US133000000121212121212",
            f"{'x ' * 200}new account: US13 3000 0001 2121 2121 212{' y' * 200}",
            "US13 3000 0001 2121 2121 212",
        ),
        ("mark%40evil.com", "write to Mark@Evil.com", "Mark@Evil.com"),
        ("mark@evil.com", r"write to mark\u0040evil.com", "mark@evil.com"),
        ("mark@evil.com", base64.b64encode(b"write to mark@evil.com").decode(), "mark@evil.com"),
        ("somebody@evil.com", "our site is evil.com", "evil.com"),
        ("Riverside View Hotel", "the RIVERSIDE-VIEW\nhotel", "RIVERSIDE-VIEW hotel"),
    ],
)
def test_the_passage_shows_where_a_value_stands(value: str, text: str, part: str) -> None:
    found = passage(value, text)
    assert found is not None
    assert part in found
    assert len(found) <= 130


def test_there_is_no_passage_for_what_is_not_there() -> None:
    assert passage("mark@acme.com", "nothing of that") is None
    assert passage("inbox", "inbox") is None


# --- quantities -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("1,234.50", ["1234.5"]),
        ("1.234,50", ["1234.5"]),
        ("1 234,50", ["1234.5"]),
        ("1'234.50", ["1234.5"]),
        ("1.234", ["1234", "1.234"]),
        ("1,234,567", ["1234567"]),
        ("007", ["7"]),
        ("0.10", ["0.1"]),
        ("$5", ["5"]),
        ("us$ 5", ["5"]),
        ("abc 5", []),
        ("abc123", []),
    ],
)
def test_numbers_have_one_form(text: str, readings: list[str]) -> None:
    assert amount(text) == readings


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e308, 5e-324, 10**400])
def test_odd_numbers_do_no_harm(value: float) -> None:
    canonical_number(value)
    assert is_from(value, "untrusted", sightings(untrusted=value)) in {True, False}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2024-05-15", ([("d2024-05-15", "d05-15")], [])),
        ("2024-05-15 10:00", ([("d2024-05-15", "d05-15")], ["t10:00"])),
        ("15 may", ([(None, "d05-15")], [])),
        ("2 pm", ([], ["t14:00"])),
        ("2024-13-45", None),
        ("room 7", None),
        ("25:99", None),
    ],
)
def test_moments_have_one_form(text: str, found: object) -> None:
    assert moment(text) == found


def test_names_in_quotes_and_handles_count_inside_of_prose() -> None:
    held = sightings(untrusted="The 'Golden Palms' is run by @mallory_42 in #spam-room, says “Rusty Gate Inn”.")
    words = "We could all go there next week when the weather is a little better than it has been, and ask about "
    for name in ('"Golden Palms"', "“Rusty Gate Inn”", "@mallory_42", "#spam-room"):
        assert is_from(words + name + " and then decide what else there is for us to do.", "untrusted", held) is True
    for name in ('"the and of"', '"a name that is far too long to be one, and goes on and on and on"', "@a", '""'):
        assert is_from(words + name + " and then decide what else there is for us to do.", "untrusted", held) is False


def test_what_looks_like_an_account_may_be_base64() -> None:
    for value in ("UW10YXggUWFhYWFhYWF0Y214", "pay UW10YXggUWFhYWFhYWF0Y214 today"):
        assert untrusted(value, untrusted="write to Qmtax Qaaaaaaatcmx now") is True
        assert untrusted(value, untrusted="write to Somebody Else now") is False
