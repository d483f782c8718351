"""Addresses are read as the URL standard says, and opaque where clients may disagree."""

from __future__ import annotations

import ipaddress
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentpolicy.effects.urls import (
    LONGEST,
    address_of_host,
    canonical_host,
    host_effect,
    is_private,
    net_effect,
    parse_url,
)

CONFORMANCE = Path(
    os.environ.get("AGENTPOLICY_CONFORMANCE") or Path(__file__).resolve().parents[2] / "shared" / "conformance"
)
CASES = CONFORMANCE / "url-wpt.jsonl"


@pytest.mark.skipif(
    not CASES.exists(), reason="url-wpt.jsonl is not here (AGENTPOLICY_CONFORMANCE names its directory)"
)
def test_the_cases_of_the_url_standard_hold() -> None:
    cases = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    wrong = [case["id"] for case in cases if not _holds(case)]
    assert len(cases) == 64
    assert wrong == []


def _holds(case: dict[str, Any]) -> bool:
    effect = net_effect("net.get", case["input"]["url"])
    got = {
        "host": effect.host,
        "port": effect.port,
        "scheme": effect.scheme,
        "valid": effect.scheme is not None,
        "private": effect.private,
    }
    expected = case["expect"]
    allowed = [{**expected, **other} for other in ({}, *expected.get("accept", ()))]
    return any(all(got[key] == one[key] for key in got) for one in allowed) and (expected["valid"] or effect.opaque)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://EXAMPLE.com", ("https", "example.com", 443, "/", True)),
        ("https://example.com:443/a?q#f", ("https", "example.com", 443, "/a", True)),
        ("https://example.com:0443/", ("https", "example.com", 443, "/", True)),
        ("https://example.com:80/", ("https", "example.com", 80, "/", False)),
        ("http://example.com.:8080", ("http", "example.com", 8080, "/", False)),
        ("http://[2606:4700:0::1]/", ("http", "2606:4700::1", 80, "/", True)),
        ("wss://a.example/x", ("wss", "a.example", 443, "/x", True)),
        ("ftp://a.example/x", ("ftp", "a.example", 21, "/x", True)),
        ("https://a.example/x/../y/%2e%2E/z", ("https", "a.example", 443, "/z", True)),
        ("https://a.example/%61%7e%c3%a9%20", ("https", "a.example", 443, "/a~%C3%A9%20", True)),
        ("https://a.example/%2561", ("https", "a.example", 443, "/%2561", True)),
        ("https://m\u00fcnchen.example/", ("https", "xn--mnchen-3ya.example", 443, "/", True)),
        ("redis://Cache.EXAMPLE/0", ("redis", "cache.example", 6379, "/0", True)),
        ("postgres://u:p@db.example:6000/x", ("postgres", "db.example", 6000, "/x", False)),
        ("ssh://[2606:4700::1]:22", ("ssh", "2606:4700::1", 22, "", True)),
    ],
)
def test_an_address_comes_apart_into_its_parts(url: str, parts: tuple[object, ...]) -> None:
    effect = net_effect("net.get", url)
    assert (effect.scheme, effect.host, effect.port, effect.path, effect.usual_port) == parts
    assert (effect.opaque, effect.why, effect.method, effect.private) == (False, None, "GET", False)
    assert parse_url(url).opaque is False


@pytest.mark.parametrize(
    ("url", "host", "why"),
    [
        ("/x", None, "`/x` is not an absolute address"),
        ("", None, "`` is not an absolute address"),
        ("http://a.example/\ud800", None, "the address holds `\\u{d800}` (control character)"),
        ("https://a.example/%2fb", "a.example", "the path holds an escaped slash, backslash or NUL"),
        ("https://a.example/%5Cb", "a.example", "the path holds an escaped slash, backslash or NUL"),
        ("https://a.example/%252F", "a.example", "the path holds an escaped slash, backslash or NUL"),
        ("https://a.example/%25%32%66", "a.example", "the path holds an escaped slash, backslash or NUL"),
        ("https://a.example/%00", "a.example", "the path holds an escaped slash, backslash or NUL"),
        ("https://a.example/%252e%252e/x", "a.example", "the path holds escaped dots that lead elsewhere"),
        ("https://a.example/%2525252561", "a.example", "the path is escaped many times over"),
        ("https://a.example/%zz", "a.example", "the path has a `%` that escapes nothing"),
        ("https://a.example/100%", "a.example", "the path has a `%` that escapes nothing"),
        ("https://a.exa\tmple/", "a.example", "the address holds a tab"),
        ("https://a.exam\u200bple/", "a.example", "the address holds `\\u{200b}` (zero width space)"),
        (
            "https://evil.example\\@a.example/",
            "evil.example",
            "the address holds a backslash, which some clients read as a slash",
        ),
        (
            "https://fa\u00df.example/",
            "xn--fa-hia.example",
            "the address holds a letter that clients spell in different ways (`ß`, `ς`)",
        ),
        ("gopher://a.example/", "a.example", "nothing is known of `gopher:` addresses"),
        ("file:///etc/passwd", None, "an address with `file:` has no host"),
        ("mailto:a@b.example", None, "an address with `mailto:` has no host"),
        ("redis://a%zz.example/", None, "`a%zz.example` is not a host"),
        ("http://./", ".", "the host is a dot"),
        ("http://a.example/" + "a" * LONGEST, None, "the address is longer than 65536 characters"),
    ],
)
def test_what_clients_may_read_differently_is_opaque_and_says_why(url: str, host: str | None, why: str) -> None:
    effect = net_effect("net.post", url)
    assert effect.opaque
    assert (effect.host, effect.why) == (host, why)


def test_a_long_unreadable_address_is_quoted_only_in_part() -> None:
    why = net_effect("net.get", "x" * 5000).why
    assert why is not None
    assert len(why) < 300


def test_a_user_in_front_of_the_host_is_told() -> None:
    assert parse_url("https://good.example@evil.example/").userinfo
    assert parse_url("https://good.example@evil.example/").host == "evil.example"
    assert not parse_url("https://evil.example/@").userinfo


def test_what_was_seen_before_is_the_same_effect() -> None:
    first = net_effect("net.get", "https://seen.example/x")
    assert net_effect("net.get", "https://seen.example/x") is first
    assert net_effect("net.head", "https://seen.example/x").method == "HEAD"
    assert "seen.example" in repr(parse_url("https://seen.example/x"))


@pytest.mark.parametrize(
    ("target", "host", "port", "private"),
    [
        ("A.example", "a.example", None, False),
        ("a.example.:8080", "a.example", 8080, False),
        ("[::1]:80", "::1", 80, True),
        ("[::1]", "::1", None, True),
        ("::1", "::1", None, True),
        ("2130706433:80", "127.0.0.1", 80, True),
        ("localhost", "localhost", None, True),
        ("https://a.example/x", "a.example", 443, False),
    ],
)
def test_a_connection_may_name_a_host_alone(target: str, host: str, port: int | None, private: bool) -> None:
    effect = net_effect("net.connect", target)
    assert (effect.host, effect.port, effect.private) == (host, port, private)
    assert (effect.opaque, effect.method) == (False, None)


@pytest.mark.parametrize(
    "target",
    [
        *("", ":80", "a.example:", "a.example:x", "a.example:99999", "[::1", "[::1]x", "a:b:c"),
        *("a/b", "a@b", "a b", "a?b", "a\\b", "a\u200bb", ".", "a%zz", "x" * (LONGEST + 1)),
    ],
)
def test_a_connection_to_what_is_no_host_is_opaque(target: str) -> None:
    effect = net_effect("net.connect", target)
    assert (effect.opaque, effect.host, effect.port) == (True, None, None)
    assert effect.why


def test_a_host_where_the_port_is_not_said_stands_on_the_usual_one() -> None:
    assert host_effect("net.get", "a.example").usual_port
    assert not host_effect("net.get", "a.example:8080").usual_port
    assert address_of_host("a.example") is address_of_host("a.example")


def test_a_host_alone_has_one_spelling() -> None:
    assert canonical_host("EXAMPLE.com.") == "example.com"
    assert canonical_host("[::1]") == "::1"
    assert canonical_host("0x7f.1") == "127.0.0.1"
    assert canonical_host("a.example:80") is None
    assert canonical_host("a b") is None


# --- private --------------------------------------------------------------------


def words(text: str) -> list[str]:
    return text.split()


PRIVATE = words("""
0.0.0.0 0.1.2.3 10.1.2.3 100.64.0.1 100.100.100.200 127.0.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1
192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:10.0.0.1 64:ff9b::10.0.0.1 64:ff9b:1::8.8.8.8 2002:a00:1:: 2002:7f00:1::
2001::1 2001:0:808:808::f5ff:fffe 2001:2::1 2001:10::1 2001:db8::1 3fff::1
fc00::1 fd00::1 fe80::1 fec0::1 ff02::1 100::1 5f00::1
localhost a.localhost printer.local x.internal metadata.google.internal host.lan x.home.arpa intranet x.corp
127.0.0.1.nip.io metadata.goog localtest.me x.lvh.me home.arpa
""")
PUBLIC = words("""
1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.255.255 172.32.0.1 192.0.1.1 198.17.0.1 198.20.0.1 223.255.255.255
2606:4700:4700::1111 ::ffff:8.8.8.8 ::8.8.8.8 64:ff9b::8.8.8.8 2002:808:808:: 2001:0:808:808::f7f7:f7f7 2001:4860::1
2001:1::1 2001:1::2 2001:3::1 2001:4:112::1 2001:20::1
example.com local.example nip.io.example xlocalhost.example metadata.example
""")


@pytest.mark.parametrize("host", PRIVATE)
def test_what_is_not_globally_reachable_is_private(host: str) -> None:
    assert is_private(host) is True


@pytest.mark.parametrize("host", PUBLIC)
def test_what_is_globally_reachable_is_not_private(host: str) -> None:
    assert is_private(host) is False


def test_what_is_no_host_is_neither() -> None:
    assert is_private("") is None
    assert is_private("1::2::3") is None
    assert is_private("fe80::1%eth0") is True
    assert is_private("cache", one_label=False) is False
    assert is_private("1.2.3.999") is False


@given(st.ip_addresses(v=4))
def test_no_address_that_the_standard_library_calls_local_is_public(address: ipaddress.IPv4Address) -> None:
    if not address.is_global or address.is_multicast:
        assert is_private(str(address)) is True


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_that_the_standard_library_calls_local_is_public(address: ipaddress.IPv6Address) -> None:
    carried = int(address) >> 32 in (0, 0xFFFF, 0x64FF9B << 64) or int(address) >> 112 == 0x2002
    if not carried and (not address.is_global or address.is_multicast) and int(address) >> 96 != 0x20010000:
        in_exception = address in ipaddress.ip_network("2001::/23")
        assert is_private(str(address)) is True or in_exception


@given(st.text(max_size=40))
def test_reading_an_address_never_raises(text: str) -> None:
    for target in (text, "http://" + text, "redis://" + text, "https://a.example/" + text):
        effect = net_effect("net.connect", target)
        assert effect.opaque is (effect.why is not None)
        assert (effect.host is None) <= effect.opaque
        net_effect("net.get", target)
