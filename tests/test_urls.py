"""Addresses are read as the URL standard says, and opaque where clients may disagree."""

from __future__ import annotations

import ipaddress
import json
import os
import time
from pathlib import Path
from typing import Any

import can_ada
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agentpolicy.effects.at_connect import judged_at_connect
from agentpolicy.effects.private import v6_private
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
    not CASES.exists(),
    reason="needs the conformance data: url-wpt.jsonl, in the directory that AGENTPOLICY_CONFORMANCE names",
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
        ("https://a.example/%25zz", ("https", "a.example", 443, "/%25zz", True)),
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
        ("redis://a%zz.example/", None, "the host is written with escapes, which some clients do not undo"),
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
2001::1 2001:0:808:808::f5ff:fffe 2001:0:808:808::f7f7:f7f7 2001:2::1 2001:10::1 2001:db8::1 3fff::1
fc00::1 fd00::1 fe80::1 fec0::1 ff02::1 100::1 5f00::1
localhost a.localhost printer.local x.internal metadata.google.internal host.lan x.home.arpa intranet x.corp
127.0.0.1.nip.io metadata.goog localtest.me x.lvh.me home.arpa
""")
PUBLIC = words("""
1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.255.255 172.32.0.1 192.0.1.1 198.17.0.1 198.20.0.1 223.255.255.255
2606:4700:4700::1111 ::ffff:8.8.8.8 ::8.8.8.8 64:ff9b::8.8.8.8 2002:808:808:: 2001:4860::1
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


GLOBAL_INSIDE = [
    ipaddress.ip_network(one)
    for one in (
        "2001:1::1/128",
        "2001:1::2/128",
        "2001:1::3/128",
        "2001:3::/32",
        "2001:4:112::/48",
        "2001:20::/28",
        "2001:30::/28",
    )
]


def carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped, compatible, translated, 6to4."""
    number = int(address)
    if number >> 32 in (0, 0xFFFF, 0x64FF9B << 64):
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    return address.sixtofour


def reachable(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """The standard library's idea of what is globally reachable, which the registries of IANA have since refined."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = carried(address)
        if inner is not None:
            return reachable(inner)
        if any(address in network for network in GLOBAL_INSIDE):
            return True
    return address.is_global and not address.is_multicast


V4 = st.one_of(
    st.ip_addresses(v=4),
    st.sampled_from(
        words("10.0.0.0 127.0.0.0 169.254.0.0 172.16.0.0 192.168.0.0 100.64.0.0 198.18.0.0 192.0.0.0")
    ).flatmap(
        lambda base: st.integers(0, 0x1FFFF).map(
            lambda more: ipaddress.IPv4Address(int(ipaddress.IPv4Address(base)) + more)
        )
    ),
)
HEADS = words(
    ":: ::ffff:0:0 64:ff9b:: 64:ff9b:1:: 2002:: 2001:: 2001:db8:: fc00:: fe80:: ff00:: 100:: 3fff:: 5f00:: 2000::"
)
V6 = st.one_of(
    st.ip_addresses(v=6),
    st.sampled_from(HEADS).flatmap(
        lambda head: st.integers(0, (1 << 32) - 1).map(
            lambda low: ipaddress.IPv6Address(int(ipaddress.IPv6Address(head)) | low)
        )
    ),
    V4.map(lambda inner: ipaddress.IPv6Address(0x2002 << 112 | int(inner) << 80)),
)


@given(st.one_of(V4, V6))
def test_an_address_in_numbers_is_never_more_public_than_the_standard_library_says(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    shown = f"[{address}]" if address.version == 6 else str(address)
    effect = net_effect("net.get", f"http://{shown}/")
    assert effect.private is is_private(str(address))
    assert effect.private or reachable(address)


@given(V4)
def test_every_way_to_carry_an_address_is_as_private_as_what_it_carries(inner: ipaddress.IPv4Address) -> None:
    low = int(inner)
    forms = (low, 0xFFFF << 32 | low, 0x64FF9B << 96 | low, 0x2002 << 112 | low << 80)
    assert {v6_private(one) for one in forms} == {is_private(str(inner))}
    isatap = 0x2606_4700 << 96 | 0x5EFE << 32 | low
    assert v6_private(isatap) is is_private(str(inner))


@given(V4, st.data())
def test_an_obfuscated_address_is_never_public_where_the_plain_one_is_private(
    inner: ipaddress.IPv4Address, data: st.DataObject
) -> None:
    number = int(inner)
    count = data.draw(st.integers(1, 4))
    parts = [number >> 24 - 8 * at & 0xFF for at in range(count - 1)] + [number & (1 << 8 * (5 - count)) - 1]
    written = ".".join(
        data.draw(st.sampled_from(["{}", "0x{:x}", "0X{:X}", "0{:o}", "0x000{:x}"])).format(one) for one in parts
    )
    effect = net_effect("net.get", f"http://{written}/")
    assert effect.host == str(inner)
    assert effect.private is is_private(str(inner)) or (effect.opaque and effect.private is None)


LABELS = st.text("abcxyzABC0189-_", min_size=1, max_size=8)
HOSTS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)


@given(HOSTS, st.sampled_from(["", ".", ":80", ":8443"]), st.sampled_from(["http", "https", "ws"]))
def test_a_plain_host_is_what_the_url_standard_makes_of_it(host: str, more: str, scheme: str) -> None:
    text = f"{scheme}://{host}{more}/x"
    effect = net_effect("net.get", text)
    try:
        expected = can_ada.parse(text).hostname
    except ValueError:
        assert effect.opaque
        assert effect.host is None
        return
    assert effect.host == expected.rstrip(".")


HOSTILE = st.lists(
    st.sampled_from(
        [
            *"aZ09.:/@[]%?#&=,;\\ \t\n_-",
            "://",
            "//",
            "127.0.0.1",
            "evil",
            "é",
            "\u0430",
            "\uff0f",
            "\u3002",
            "\u200b",
            "%2f",
            "%2e",
            "0x7f",
            "[::1]",
            "\ud800",
        ]
    ),
    max_size=12,
).map("".join)


@given(st.sampled_from(["http://", "https:", "redis://", "foo://", "HTTP:\\\\", " http://", "file://", ""]), HOSTILE)
def test_an_address_that_is_not_opaque_has_the_host_of_the_url_standard(head: str, rest: str) -> None:
    text = head + rest
    found = parse_url(text)
    assert found.opaque is (found.why is not None)
    if not found.opaque:
        url = can_ada.parse(text)
        host = url.hostname.strip("[]").rstrip(".")
        if found.scheme == "redis":  # its host is read as in http
            host = can_ada.parse(f"http://{url.hostname}/").hostname.strip("[]").rstrip(".")
        assert found.host == host
        assert found.private is is_private(host)
        assert found.path is not None
        assert found.userinfo is bool(url.username or url.password)


@given(st.one_of(HOSTS, V4.map(str), V6.map(str), st.sampled_from(["münchen.de", "почта.рф", "例え.jp"])))
def test_a_canonical_host_is_its_own_canonical_form(host: str) -> None:
    once = canonical_host(host)
    assume(once is not None)
    assert once is not None
    assert canonical_host(once) == once
    assert canonical_host(once.upper()) == once


@given(st.text(max_size=40))
def test_reading_an_address_never_raises(text: str) -> None:
    for target in (text, "http://" + text, "redis://" + text, "https://a.example/" + text):
        effect = net_effect("net.connect", target)
        assert effect.opaque is (effect.why is not None)
        assert (effect.host is None) <= effect.opaque
        net_effect("net.get", target)


def test_a_long_address_is_read_in_linear_time() -> None:
    started = time.perf_counter()
    for text in ("a.", "a", "@", "%2e", ":", "[", "\\", "0.", "é", "a@", "/../", "?"):
        for head in ("http://", "http:", "redis://", ""):
            net_effect("net.get", head + text * (60_000 // len(text)))
            host_effect("net.get", text * (60_000 // len(text)))
    assert time.perf_counter() - started < 20


# --- doubts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (
            "http:/a.example/",
            "the address does not have two slashes behind its scheme, where clients look for the host differently",
        ),
        ("http://a@b@c.example/", "the address holds more than one `@`, and clients differ in which ends the user"),
        ("http://[a]@c.example/", "the user of the address holds brackets, as a host would"),
        ("http://a b@c.example/", "the address holds a blank in front of its path, where some clients end it"),
        ("http://c.example/ ", "a blank stands in front of the address or behind it"),
        (" http://u@c.example/", "a blank stands in front of the address or behind it"),
        (
            "http://c.example?@d.example/",
            "an `@` stands behind the end of the host, where some clients look for it first",
        ),
        ("http://c%2eexample/", "the host is written with escapes, which some clients do not undo"),
        ("http://c.example,d/", "the host holds `,`, which no name has"),
        ("http://c..example/", "the host holds a label that is empty"),
        (
            "http://010.1.1.1/",
            "the address is written with leading zeros, which some clients do not read as octal numbers",
        ),
        ("http://\u0430.example/", "the host holds `\\u{430}` (cyrillic small letter a), which passes for `a`"),
        ("http://i\u2764.example/", "the host holds `\\u{2764}` (heavy black heart), which is no letter"),
        ("http://c.example/a\\b", "the address holds a backslash, which some clients read as a slash"),
        ("redis://a\\b@c.example/", "the address holds a backslash, which some clients read as a slash"),
    ],
)
def test_a_host_in_doubt_has_a_path_so_that_no_rule_takes_it_for_sure(url: str, why: str) -> None:
    effect = net_effect("net.get", url)
    assert (effect.opaque, effect.why) == (True, why)
    assert effect.host is not None
    assert effect.path is not None


def test_an_address_in_doubt_keeps_its_path_where_that_is_in_doubt_too() -> None:
    assert net_effect("net.get", "http://evil.example\\@a.example/%2f").path is not None
    assert net_effect("net.get", "http://evil.example/%2f").path is None


@pytest.mark.parametrize(
    "url",
    [
        *("http://evil.example\\@127.0.0.1/", "http://evil.example#@10.0.0.1/", "http://a@localhost@evil.example/"),
        *(
            "http://010.8.8.8/",
            "http://0010.0x8.8.8/",
            "foo://2130706433/",
            "foo://0x7f.1/",
            "http://[::1]@evil.example/",
        ),
        "http://" + ",".join(f"a{at}.example" for at in range(40)),
        "http://" + "a@" * 2000 + "evil.example/",
    ],
)
def test_where_some_client_may_end_at_a_private_host_nobody_says_public(url: str) -> None:
    assert net_effect("net.get", url).private is None


def test_a_doubt_alone_makes_no_public_host_private() -> None:
    for url in ("http://a.b.c.d.e\\@x.y.z.example/", "http://a.b.c.example,d/", "foo://a.b.c.d/"):
        assert net_effect("net.get", url).private is False


@pytest.mark.parametrize(
    "url",
    ["https://a.example/?q=a\\b", "https://a.example/x?mail=a@b", "https://a.example/straße", "https://u:p@a.example/"],
)
def test_what_no_client_reads_differently_is_not_opaque(url: str) -> None:
    effect = net_effect("net.get", url)
    assert (effect.opaque, effect.host, effect.private) == (False, "a.example", False)


# --- when the connection is made ------------------------------------------------------------


def test_a_name_is_judged_by_the_address_that_it_turns_out_to_have() -> None:
    asked = net_effect("net.get", "https://a.example:8443/x")
    assert judged_at_connect(asked, "8.8.8.8") == asked
    for address in ("127.0.0.1", "::1", "[::1]", "fe80::1%eth0", "::ffff:10.0.0.1", "169.254.169.254"):
        found = judged_at_connect(asked, address)
        assert found.private is True
        assert (found.host, found.port, found.path, found.opaque) == ("a.example", 8443, "/x", False)
        assert (found.action, found.method, found.usual_port, found.possible) == ("net.get", "GET", False, False)


def test_a_private_name_at_a_public_address_is_neither() -> None:
    found = judged_at_connect(host_effect("net.connect", "intranet"), "8.8.8.8")
    assert (found.private, found.opaque) == (None, True)
    assert found.why == "the name is one of a private host, its address `8.8.8.8` is not"
    assert judged_at_connect(host_effect("net.connect", "intranet"), "10.0.0.1").private is True


@pytest.mark.parametrize("address", ["", "a.example", "1.2.3", "0x7f.1", "127.0.0.1:80", "::1::", "\u202e"])
def test_what_is_no_address_in_numbers_leaves_the_effect_opaque(address: str) -> None:
    found = judged_at_connect(net_effect("net.get", "https://a.example/"), address)
    assert (found.private, found.opaque, found.host) == (None, True, "a.example")
    assert found.why is not None
    assert "is not an address in numbers" in found.why
    assert judged_at_connect(net_effect("net.get", "http://127.0.0.1/"), address).private is True


def test_a_connection_to_another_address_than_the_one_that_was_spelled_out_is_opaque() -> None:
    asked = net_effect("net.get", "http://8.8.8.8/")
    assert judged_at_connect(asked, "8.8.8.8") == asked
    for address, private in (("1.1.1.1", None), ("10.0.0.1", True)):
        found = judged_at_connect(asked, address)
        assert (found.opaque, found.private) == (True, private)
        assert found.why == f"the call names `8.8.8.8`, the connection goes to `{address}`"
    private = net_effect("net.get", "http://[::1]/")
    assert judged_at_connect(private, "8.8.8.8").private is True
    assert judged_at_connect(private, "::1") == private


def test_an_opaque_effect_stays_opaque_at_any_address() -> None:
    asked = net_effect("net.get", "http://evil.example\\@127.0.0.1/")
    found = judged_at_connect(asked, "8.8.8.8")
    assert (found.opaque, found.why, found.private) == (True, asked.why, False)
    unknown = judged_at_connect(net_effect("net.get", "nothing"), "10.0.0.1")
    assert (unknown.opaque, unknown.private, unknown.host) == (True, True, None)
