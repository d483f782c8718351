"""How network programs write where they go, besides URLs: `user@host:path`, `host:port`, images, databases."""

from __future__ import annotations

import re
from typing import Final

from agentpolicy.effects.text import visible
from agentpolicy.effects.urls import OTHER_PORTS, SPECIAL_PORTS, Address, address_of_host, parse_url

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://").match
_TRANSPORT = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*::").match
_HOST = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_\-]*[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_\-]*[A-Za-z0-9_])?\.?"
).fullmatch
_V4 = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}").fullmatch
_PORT = re.compile(r"[0-9]{1,5}").fullmatch
_NESTED = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{1,20}://")
#: Most addresses inside one other that are looked at.
_MOST_NESTED: Final = 32
#: Ends of names that make a word with a slash or nothing behind it look like an address; file names rarely have them.
_ENDS: Final = frozenset(
    "com org net io dev app ai edu gov mil int info biz me co uk de fr eu nl ch at be it es ru cn jp kr br au ca us se "
    "no fi dk cz xyz cloud site online tech tk ga cf to ly gg link".split()
)


def scp_address(text: str) -> Address | None:
    """The address of ``[user@]host:path`` as scp, rsync and git write it, None where the word names a file here.

    A colon counts only in front of the first slash, and not behind a single letter (a Windows drive). ``host::module``
    is rsync's own protocol.
    """
    head, colon, _ = text.partition(":")
    if text[:1] == "[" or "@[" in head:
        inside, bracket, rest = text.partition("]")
        if not bracket or not rest.startswith(":"):
            return None
        return address_of_host(inside.rpartition("[")[2])
    if not colon or "/" in head or not head or (len(head) == 1 and head.isalpha()):
        return None
    host = head.rpartition("@")[2]
    if not host:
        return None
    return address_of_host(host)


def database_address(text: str) -> Address | None:
    """The address in a database's URL (``postgresql://user@host/name``, ``jdbc:mysql://host/name``), None for a
    name.
    """
    if text[:5].lower() == "jdbc:":
        text = text[5:]
    if _SCHEME(text) is None:
        return None
    scheme, _, rest = text.partition("://")
    return parse_url(f"{scheme.partition('+')[0].lower()}://{rest}")


def image_address(text: str) -> Address | None:
    """The registry of an image's name, None where the name leaves it to the configuration.

    The first part is a registry where it holds a dot or a colon or is ``localhost`` (OCI distribution, references).
    """
    first, slash, _ = text.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        return None
    return address_of_host(first)


def remote_address(text: str) -> Address | None:
    """The address that a word names in any of these forms, None where it is a plain word or a file."""
    if _SCHEME(text) is not None:
        if text[:7].lower() == "file://":
            return None
        return parse_url(text)
    if text[:5].lower() == "jdbc:":
        return database_address(text)
    transport = _TRANSPORT(text)
    if transport is not None and "/" not in transport.group() and "." not in transport.group():
        return Address(why=f"`{visible(text[:80])}` names a program that fetches")
    found = scp_address(text)
    if found is not None:
        head, _, rest = text.partition(":")
        if _PORT(rest) is not None and "@" not in head:
            return address_of_host(text)
        return found
    head = text.partition("/")[0]
    if "@" in head:
        return address_of_host(head.rpartition("@")[2])
    return address_of_host(head) if _names_host(head) else None


def looks_like_address(word: str) -> bool:
    """Whether an operand of an unknown program may be an address: a URL, ``user@host:…``, ``host:port``, an address in
    numbers, or a name that ends like one of a public domain and is followed by nothing or a slash.
    """
    if "://" in word:
        return _SCHEME(word) is not None or _NESTED.search(word) is not None
    head = word.partition("/")[0]
    if len(head) > 300 or not head:
        return False
    if ":" in head:
        host, _, rest = head.partition(":")
        name = host.rpartition("@")[2]
        return ("@" in host and bool(_HOST(name))) or (
            bool(_PORT(rest)) and (name == "localhost" or "." in name) and bool(_HOST(name))
        )
    return _names_host(head.rpartition("@")[2]) if "@" in head else _names_host(head)


def _names_host(head: str) -> bool:
    if _V4(head) is not None:
        return True
    return "." in head and head.rpartition(".")[2].lower() in _ENDS and _HOST(head) is not None and head[0] != "."


def nested_urls(text: str) -> list[str]:
    """Absolute URLs inside another one's path, query or fragment, escapes undone up to three times."""
    found: dict[str, None] = {}
    begin = text.find("://") + 3
    rest = text[begin:]
    if "%" not in rest and "://" not in rest:
        return []
    from urllib.parse import unquote

    layer = rest[:65_536]
    for _ in range(4):
        starts = [one.start() for one in _NESTED.finditer(layer)][:_MOST_NESTED]
        for at, start in enumerate(starts):
            end = starts[at + 1] if at + 1 < len(starts) else len(layer)
            piece = layer[start:end]
            for stop in "&\"'<> ":
                piece = piece.partition(stop)[0]
            scheme = piece.partition("://")[0].lower()
            while scheme not in SPECIAL_PORTS and scheme not in OTHER_PORTS and scheme:
                scheme = scheme[1:]
            if scheme and len(found) < _MOST_NESTED:
                found[scheme + "://" + piece.partition("://")[2]] = None
        if "%" not in layer:
            break
        deeper = unquote(layer)
        if deeper == layer:
            break
        layer = deeper
    return list(found)
