"""Words that say where a network program goes are read, whatever form they have."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentpolicy.effects.databases import is_database
from agentpolicy.effects.remotes import (
    database_address,
    host_port,
    image_address,
    looks_like_address,
    nested_effects,
    nested_urls,
    remote_address,
    scp_address,
)
from agentpolicy.effects.urls import Address, address_effect, net_effect

Parts = tuple[str | None, str | None, int | None]


def parts(found: Address | None) -> Parts | None:
    return None if found is None else (found.scheme, found.host, found.port)


def known(found: Address | None) -> Parts | None:
    assert found is None or not found.opaque, found.why
    return parts(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("git@host.example:path", ("ssh", "host.example", 22)),
        ("host.example:path/to", ("ssh", "host.example", 22)),
        ("host:path", ("ssh", "host", 22)),
        ("user@host:", ("ssh", "host", 22)),
        ("u@v@host:x", ("ssh", "host", 22)),
        ("[2606:4700::1]:x", ("ssh", "2606:4700::1", 22)),
        ("u@[::1]:/x", ("ssh", "::1", 22)),
        ("backup.example::module", ("rsync", "backup.example", 873)),
        ("127.1:x", ("ssh", "127.0.0.1", 22)),
        *((one, None) for one in ("name", "./a:b", "/a:b", "a/b:c", "C:\\x", "c:/x", "", "[::1]", "[::1", "[a/b]:c")),
        ("https://host.example/x", None),
    ],
)
def test_scp_takes_a_colon_in_front_of_the_first_slash_for_a_host(text: str, expected: Parts | None) -> None:
    assert known(scp_address(text)) == expected


def test_scp_without_a_host_is_opaque() -> None:
    found = scp_address("user@:x")
    assert found is not None
    assert (found.opaque, found.host, found.why) == (True, None, "`user@:x` names no host")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host.example:80", (None, "host.example", 80)),
        ("db:5432", (None, "db", 5432)),
        ("10.0.0.1:80", (None, "10.0.0.1", 80)),
        ("[::1]:80", (None, "::1", 80)),
        *((one, None) for one in ("host", "host:", ":80", "host:x", "[::1]", "::1", "a@b:80", "a/b:80", "[::1:80")),
    ],
)
def test_a_host_and_a_port_are_read(text: str, expected: Parts | None) -> None:
    assert known(host_port(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("registry.example/team/image:tag", ("https", "registry.example", 443)),
        ("ghcr.io/x/y@sha256:0f", ("https", "ghcr.io", 443)),
        ("localhost/x", ("https", "localhost", 443)),
        ("localhost:5000/x:1", ("https", "localhost", 5000)),
        ("builds:5000/x", ("https", "builds", 5000)),
        ("docker://quay.io/x/y", ("https", "quay.io", 443)),
        ("oci://ghcr.io/charts/x", ("https", "ghcr.io", 443)),
        ("https://registry.example/x", ("https", "registry.example", 443)),
        *((one, None) for one in ("ubuntu", "ubuntu:22.04", "library/ubuntu", "./x", "../x", "registry.example")),
    ],
)
def test_an_image_names_its_registry_or_leaves_it_to_the_configuration(text: str, expected: Parts | None) -> None:
    assert known(image_address(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://u:p@db.example:6000/x", ("postgresql", "db.example", 6000)),
        ("postgres://db.example/x", ("postgresql", "db.example", 5432)),
        ("postgresql+psycopg://db.example/x", ("postgresql", "db.example", 5432)),
        ("mysql+pymysql://db.example/x?charset=utf8", ("mysql", "db.example", 3306)),
        ("mongodb+srv://c.example/x", ("mongodb", "c.example", 27017)),
        ("rediss://cache.example", ("rediss", "cache.example", 6379)),
        ("jdbc:postgresql://db.example/x", ("postgresql", "db.example", 5432)),
        ("JDBC:mysql://db.example:3307/x", ("mysql", "db.example", 3307)),
        ("jdbc:sqlserver://db.example:1433;databaseName=x", ("sqlserver", "db.example", 1433)),
        ("jdbc:oracle:thin:@//db.example:1522/x", (None, "db.example", 1522)),
        ("jdbc:oracle:thin:@db.example:1522:x", (None, "db.example", 1522)),
        ("host=db.example port=6000 dbname=x", ("postgresql", "db.example", 6000)),
        ("dbname=x host='db.example'", ("postgresql", "db.example", 5432)),
        ("host=db.example hostaddr=10.0.0.1", ("postgresql", "10.0.0.1", 5432)),
        ("hostaddr=::1", ("postgresql", "::1", 5432)),
        ("dbname=x", None),
        ("mydb", None),
        ("", None),
    ],
)
def test_clients_of_databases_say_where_they_go(text: str, expected: Parts | None) -> None:
    assert known(database_address(text)) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mongodb://a.example,b.example/x", "`mongodb://a.example,b.example/x` names several hosts"),
        ("postgresql://a.example/x?host=b.example", "the settings of the address name another host"),
        ("postgresql://a.example/x?%68ostaddr=10.0.0.1", "the settings of the address name another host"),
        ("postgresql://a.example?host=b.example", "the settings of the address name another host"),
        ("jdbc:sqlserver://a.example;serverName=b.example", "the settings of the address name another host"),
        ("jdbc:sqlserver://a.example\\x;y=z", "nothing is known of the address `jdbc:sqlserver://a.example\\x;y=z`"),
        ("jdbc:h2:mem:x", "nothing is known of the address `jdbc:h2:mem:x`"),
        ("jdbc:oracle:thin:@(HOST=x)", "nothing is known of the address `jdbc:oracle:thin:@(HOST=x)`"),
        ("host=a.example,b.example", "`host=a.example,b.example` names several hosts"),
        ("host=/run/postgresql", "the database is reached by a socket of this machine"),
        ("host=a@b", "`a@b:5432` is not a host"),
    ],
)
def test_a_database_that_may_be_elsewhere_is_opaque(text: str, why: str) -> None:
    found = database_address(text)
    assert found is not None
    assert (found.opaque, found.why) == (True, why)
    assert found.private is not False
    # the engine takes the host of an opaque address for sure only where no path stands with it
    assert found.host is None or found.path is not None


def test_the_scheme_of_a_database_is_known_with_a_driver() -> None:
    assert is_database("postgresql+psycopg://x")
    assert not is_database("https://x")


REMOTES: list[tuple[str, Parts]] = [
    ("git@github.com:org/repo", ("ssh", "github.com", 22)),
    ("git@h:p", ("ssh", "h", 22)),
    ("host:path", ("ssh", "host", 22)),
    ("user@host.example", (None, "host.example", None)),
    ("user@host.example/x", (None, "host.example", None)),
    ("host.example:8080", (None, "host.example", 8080)),
    ("host.example:8080/x", (None, "host.example", 8080)),
    ("[::1]:80", (None, "::1", 80)),
    ("[::1]:80/x", (None, "::1", 80)),
    ("::1", (None, "::1", None)),
    ("fe80::1%eth0", (None, "fe80::1", None)),
    ("10.0.0.1", (None, "10.0.0.1", None)),
    ("10.0.0.1/24", (None, "10.0.0.1", None)),
    ("localhost", (None, "localhost", None)),
    ("rsync://host.example/module", ("rsync", "host.example", 873)),
    ("backup.example::module", ("rsync", "backup.example", 873)),
    ("ssh://git@host.example:2222/x", ("ssh", "host.example", 2222)),
    ("git://host.example/x", ("git", "host.example", 9418)),
    ("git+https://host.example/x", ("https", "host.example", 443)),
    ("git+ssh://git@host.example/x", ("ssh", "host.example", 22)),
    ("svn+ssh://host.example/x", ("ssh", "host.example", 22)),
    ("ssh+git://host.example/x", ("ssh", "host.example", 22)),
    ("registry.example/team/image:tag", (None, "registry.example", None)),
    ("ghcr.io/x/y@sha256:0f", (None, "ghcr.io", None)),
    ("postgresql+asyncpg://db.example/x", ("postgresql", "db.example", 5432)),
    ("jdbc:postgresql://db.example/x", ("postgresql", "db.example", 5432)),
    ("http://host.example/x", ("http", "host.example", 80)),
    ("key=https://host.example/x", ("https", "host.example", 443)),
    ("./x=https://host.example/x", ("https", "host.example", 443)),
    ("host.com.", (None, "host.com", None)),
]


@pytest.mark.parametrize(("text", "expected"), REMOTES)
def test_a_word_in_any_form_gives_the_address_that_it_names(text: str, expected: Parts) -> None:
    assert known(remote_address(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "word",
        "a/b",
        "./a",
        "../a.com",
        ".env.local",
        "main.py",
        "C:\\x",
        "@scope/pkg",
        "@",
        "a@",
        ":80",
        "file:///x",
    ],
)
def test_a_plain_word_or_path_is_no_address(text: str) -> None:
    assert remote_address(text) is None


@pytest.mark.parametrize("text", ["ext::sh -c x", "fd::17", "fd::17,18/x", "EXT::sh"])
def test_transports_that_run_commands_have_no_host(text: str) -> None:
    found = remote_address(text)
    assert found is not None
    assert (found.host, found.why) == (None, f"`{text}` names a program that fetches")


def test_a_word_that_git_and_rsync_read_differently_has_a_host_in_doubt() -> None:
    found = remote_address("host::module/x")
    assert found is not None
    assert parts(found) == ("rsync", "host", 873)
    assert (found.opaque, found.path, found.private) == (True, "/module/x", True)


def test_an_unread_scheme_is_opaque_and_never_public_by_mistake() -> None:
    found = remote_address("git+foo://127.0.0.1/x")
    assert found is not None
    assert (found.opaque, found.private) == (True, True)


LOOKS = """http://x git@h:p 10.0.0.1:80 10.0.0.1 example.com example.com/x host.example/x localhost localhost:3000
db:5432 [::1]:80 ::1 u@[::1]:/x user@example.com postgresql://x a=http://x --url=http://x backup::module x.ai/y
example.com:dir/file xn--mnchen-3ya.de jdbc:postgresql://h/d metadata.google.internal x.com.""".split()
PLAIN = """word main.py README.md README.me x.ai .env.local 1.2.3 12:30 ubuntu:22.04 main.py:12 file.py:func a/b ./x.py/y
../x.com -x --flag C:\\x c:/x @scope/pkg pkg@1.2.3 v1.2 0.5 node_modules/x.js a:b:c :80 archive.tar.gz""".split()


@pytest.mark.parametrize("word", LOOKS)
def test_what_may_be_an_address_looks_like_one_and_is_read(word: str) -> None:
    assert looks_like_address(word)
    assert remote_address(word) is not None


@pytest.mark.parametrize("word", ["", *PLAIN, "a" * 400 + ".com"])
def test_ordinary_operands_do_not_look_like_addresses(word: str) -> None:
    assert not looks_like_address(word)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("https://a/?u=https%3A%2F%2Fevil", ["https://evil"]),
        ("https://a/?u=https%25253A%25252F%25252Fevil", ["https://evil"]),
        ("https://a/x", []),
        ("https://a/x%20y?z=1:2", []),
        ("https://a/https://b/https://c", ["https://b/", "https://c"]),
        ("https://a/?u=xhttp://b", ["http://b"]),
        ("https://a/?u=made+up://b", ["made+up://b"]),
        ("https://a/?u='https://b'", ["https://b"]),
        ("https://a/?u=https:%5C%5Cb", ["https:\\\\b"]),
        ("https://https://evil@b/", ["https://evil@b/"]),
        ("view-source:https://b", ["https://b"]),
        ("no address", []),
    ],
)
def test_addresses_inside_an_address_are_found(text: str, inside: list[str]) -> None:
    assert nested_urls(text) == inside


def test_addresses_inside_an_address_become_possible_effects() -> None:
    found = nested_effects("https://a.example/?u=http%3A%2F%2F127.0.0.1%2Fx&v=https://b.example")
    assert [(one.action, one.host, one.private, one.possible, one.opaque) for one in found] == [
        ("net.connect", "b.example", False, True, False),
        ("net.connect", "127.0.0.1", True, True, False),
    ]
    assert net_effect("net.connect", "http://127.0.0.1/x").possible is False
    assert nested_effects("https://a.example/x") == []


def test_more_addresses_inside_than_are_told_apart_leave_one_that_is_opaque() -> None:
    for text in (
        "https://a/?" + "&".join(f"u=https://h{at}.example" for at in range(40)),
        "https://a/?u=" + "https%2525252525253A%25252525252F%25252525252Fevil",
    ):
        last = nested_urls(text)[-1]
        effect = net_effect("net.connect", last)
        assert (effect.opaque, effect.host, effect.private) == (True, None, None)


def test_long_words_are_read_in_linear_time() -> None:
    started = time.perf_counter()
    for text in (
        "a" * 1_000_000,
        "a." * 500_000,
        "a:" * 500_000,
        "http://" * 100_000,
        "%25" * 300_000,
        "[" * 1_000_000,
    ):
        looks_like_address(text)
        remote_address(text)
        image_address(text)
        database_address(text)
        nested_urls("https://a/" + text)
    assert time.perf_counter() - started < 10


def test_a_word_too_long_for_an_address_is_opaque() -> None:
    found = remote_address("https://a.example/" + "a" * 100_000)
    assert found is not None
    assert found.opaque


PIECES = st.lists(
    st.sampled_from([*"abz09.:/@[]%?#=,;\\ -_", "://", "::", "http", "10.0.0.1", "é", "\u200b", "jdbc:", "host=", "+"]),
    max_size=14,
).map("".join)


@given(PIECES)
def test_reading_a_word_never_raises_and_never_knows_half(text: str) -> None:
    for read in (remote_address, scp_address, image_address, database_address, host_port):
        found = read(text)
        if found is not None:
            effect = address_effect("net.connect", found)
            assert effect.opaque is (effect.why is not None)
            assert effect.opaque or (effect.host is not None and effect.private is not None)
    looks_like_address(text)
    for inner in nested_urls(text):
        net_effect("net.connect", inner)
