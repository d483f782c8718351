"""How network programs write where they go, besides URLs: `user@host:path`, `host:port`, images, any of them."""

from __future__ import annotations

import re
from typing import Final

from agentpolicy.effects.databases import database_address, is_database
from agentpolicy.effects.effect import NetEffect
from agentpolicy.effects.remote_names import ENDS, FILE_LIKE, REPOSITORY_SCHEMES, SERVICE_PORTS
from agentpolicy.effects.schemes import OTHER_PORTS, SPECIAL_PORTS
from agentpolicy.effects.text import visible
from agentpolicy.effects.urls import Address, address_effect, address_of_host, parse_url

__all__ = [
    "database_address",
    "host_port",
    "image_address",
    "looks_like_address",
    "nested_effects",
    "nested_urls",
    "remote_address",
    "scp_address",
]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://").match
_TRANSPORT = re.compile(r"[A-Za-z][A-Za-z0-9+\-]*::").match
_HOST = re.compile(r"(?:[A-Za-z0-9_\-]++\.?)++").fullmatch
_V4 = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}").fullmatch
_V6 = re.compile(r"[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9_.\-]*)?").fullmatch
_PORT = re.compile(r"[0-9]{1,5}").fullmatch
# Where an address may begin inside another: a scheme of some letters, bounded so that every start costs the same.
_NESTED = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{1,20}://")
# Browsers read these schemes so with any slashes (WHATWG URL, 4.4, special authority slashes state).
_LOOSE = re.compile(r"(?:https?|wss?|ftp):(?:/(?!/)|\\)", re.IGNORECASE)
_STOPS = re.compile(r"[&\"'<> ]").search
#: Most addresses inside one other that are told apart.
_MOST_NESTED: Final = 32
#: What stands for those that are not: no address, so that its effect is opaque.
_MORE_NESTED: Final = "an address inside the address"
#: How often escapes inside an address are undone.
_MOST_LAYERS: Final = 3
#: Longest name in front of a slash or colon that may be a host (RFC 1035, 2.3.4, with a user in front).
_LONGEST_HEAD: Final = 300


def scp_address(text: str) -> Address | None:
    """The address of ``[user@]host:path`` as scp, rsync and git write it, None where the word names a file here.

    A colon counts only in front of the first slash, and not behind a single letter (a Windows drive). What is written
    so is reached over ssh, ``host::module`` by rsync's own protocol. The path is left out: it is one of the other
    machine, not of a URL.
    """
    head, colon, rest = text.partition(":")
    if text[:1] == "[" or "@[" in head:
        inside, bracket, rest = text.partition("]")
        if not bracket or not rest.startswith(":") or "/" in inside:
            return None
        host = inside.rpartition("[")[2]
        rest = rest[1:]
    elif not colon or "/" in head or not head or (len(head) == 1 and head.isalpha()):
        return None
    else:
        host = head.rpartition("@")[2]
    if rest.startswith("//") and "@" not in head and _SCHEME(text) is not None:
        return None  # a URL, which has its own reader
    if not host:
        return Address(why=f"`{visible(text[:80])}` names no host")
    scheme = "rsync" if rest[:1] == ":" else "ssh"
    return _with_scheme(address_of_host(host), scheme, OTHER_PORTS[scheme])


def host_port(text: str) -> Address | None:
    """The address of ``host:port``, ``[v6]:port``, ``1.2.3.4:port``; None where the text does not have this form."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or _PORT(port) is None:
        return None
    if host[:1] == "[":
        return address_of_host(text) if host[-1] == "]" else None
    return None if any(one in host for one in ":/@") else address_of_host(text)


def image_address(text: str) -> Address | None:
    """The registry of an image's name, None where the name leaves it to the configuration.

    The first part is a registry where it holds a dot or a colon or is ``localhost`` (OCI distribution, references).
    Registries are reached by https.
    """
    for scheme in ("docker://", "oci://"):
        text = text.removeprefix(scheme)
    if _SCHEME(text) is not None:
        return parse_url(text)
    first, slash, _ = text.partition("/")
    if not slash or not ("." in first.strip(".") or ":" in first or first == "localhost"):
        return None
    return _with_scheme(address_of_host(first), "https", SPECIAL_PORTS["https"])


def remote_address(text: str) -> Address | None:
    """The address that a word names in any of these forms, None where it is a plain word or a file.

    Where a word could be several of them, the one that reaches out counts: ``name:tag`` is read as scp does, although
    it may be an image. ``helper::address`` is opaque, since git runs the helper that it names (gitremote-helpers),
    and rsync reads ``host::module`` so.
    """
    scheme = _SCHEME(text)
    if scheme is not None:
        if text[:7].lower() == "file://":
            return None
        return database_address(text) if is_database(text) else _repository(text, scheme.group()[:-3].lower())
    if text[:5].lower() == "jdbc:":
        return database_address(text)
    inner = _NESTED.search(text)
    if inner is not None:
        return remote_address(text[inner.start() :])  # a scheme stands at the start there, so this ends
    if _numbers(text) and not text.startswith("fd::"):
        return address_of_host(text.partition("/")[0].partition("%")[0])
    if _TRANSPORT(text) is not None:
        return _fetched(text)
    head = text.partition("/")[0]
    found = host_port(head)
    if found is None:
        found = scp_address(text)
    if found is not None:
        return found
    user, at, host = head.rpartition("@")
    if at:
        return address_of_host(host) if user and host else None
    return address_of_host(head) if _names_host(head, "/" in text) else None


def looks_like_address(word: str) -> bool:
    """Whether an operand of an unknown program may be an address. Cheap: a few looks at the word, nothing is parsed.

    It may be one where it holds a URL; is an address in numbers (four of IPv4, or IPv6); is ``user@host``; is
    ``host:port`` with the port of a service that is often met; or ends, in front of a slash or colon or as a whole,
    like a name of a public domain. A name does not count where its ending is one of files too (``a.ai``) and no slash
    follows, nor does one word in front of a colon (``name:tag``).
    """
    if "://" in word:
        return _NESTED.search(word) is not None or _SCHEME(word) is not None
    head = word.partition("/")[0]
    if not head or len(head) > _LONGEST_HEAD:
        return False
    if ":" not in head:
        return _names_host(head.rpartition("@")[2], "@" in head or "/" in word)
    if head[0] == "[" or "@[" in head or _numbers(head):
        return _V6(head.rpartition("[")[2].partition("]")[0]) is not None
    host, _, rest = head.partition(":")
    name = host.rpartition("@")[2]
    if _HOST(name) is None or (len(host) == 1 and host.isalpha()):
        return False
    if "@" in host or word[:5].lower() == "jdbc:" or rest[:1] == ":":
        return True
    if _PORT(rest) is None:
        return _names_host(name, False)
    return int(rest) in SERVICE_PORTS or _names_host(name, False)


def _repository(text: str, scheme: str) -> Address:
    """A URL whose scheme may say how a repository is reached: ``git+ssh://`` is ssh to its host (pip, npm, svn)."""
    first, plus, last = scheme.partition("+")
    if plus and first in REPOSITORY_SCHEMES:
        if first == "ssh":
            last = first
        if last in SPECIAL_PORTS or last in OTHER_PORTS:
            return parse_url(last + text[len(scheme) :])
    return parse_url(text)


def _fetched(text: str) -> Address:
    """``word::rest`` with a word without dots: a helper of git's, or a host and module of rsync."""
    why = f"`{visible(text[:80])}` names a program that fetches"
    word, _, rest = text.partition("::")
    found = Address() if word.lower() in {"ext", "fd"} else address_of_host(word)
    if found.host is None:
        return Address(why=why)
    # A path on an opaque address says that its host is in doubt.
    return Address("rsync", found.host, OTHER_PORTS["rsync"], True, f"/{rest}", found.private or None, why=why)


def _numbers(text: str) -> bool:
    """Whether a word without brackets has the form of an IPv6 address: a gap, or all eight parts."""
    head = text.partition("/")[0]
    return ("::" in head or head.count(":") == 7) and _V6(head) is not None


def _with_scheme(found: Address, scheme: str, port: int) -> Address:
    """The address with what its form says of scheme and port; what stood there already stays."""
    if found.why is not None:
        return found
    given = port if found.port is None else found.port
    return Address(scheme, found.host, given, given == port, found.path, found.private, found.userinfo, found.why)


def _names_host(head: str, more: bool) -> bool:
    """Whether a name is one of a host; ``more``: something stands around it that files do not have."""
    if _V4(head) is not None or head == "localhost":
        return True
    end = head.rstrip(".").rpartition(".")
    if not end[1] or head[0] == ".":
        return False
    last = end[2].lower()
    return (last in ENDS or (more and last in FILE_LIKE)) and _HOST(head) is not None


def nested_urls(text: str) -> list[str]:
    """Absolute URLs inside another one's path, query or fragment, as they are with escapes undone up to three times.

    Where there are more than 32, or escapes are left after that, the last item is a text that is no address: its
    effect is opaque, so that what was not read counts as unknown. Linear in the length of the text.
    """
    outer = _SCHEME(text)
    layer = text if outer is None else text[outer.end() :]
    if "%" not in layer and ":" not in layer:
        return []
    from urllib.parse import unquote

    found: dict[str, None] = {}
    for _ in range(_MOST_LAYERS + 1):
        if not _cut(layer, found):
            return [*found, _MORE_NESTED]
        if "%" not in layer:
            break
        deeper = unquote(layer)
        if deeper == layer:
            break
        layer = deeper
    else:
        return [*found, _MORE_NESTED]
    return list(found)


def nested_effects(text: str) -> list[NetEffect]:
    """What whoever answers an address may reach in turn: a possible ``net.connect`` for each address inside it."""
    found = [address_effect("net.connect", parse_url(inner)) for inner in nested_urls(text)]
    for effect in found:
        effect.possible = True
        effect.implied = effect.sole = False
    return found


def _cut(layer: str, found: dict[str, None]) -> bool:
    """Add the addresses that stand in one layer; whether there was room for all."""
    starts = [one.start() for one in _NESTED.finditer(layer)]
    starts += [one.start() for one in _LOOSE.finditer(layer)]
    if not starts:
        return True
    starts.sort()
    for at, start in enumerate(starts):
        if len(found) >= _MOST_NESTED:
            return False
        piece = layer[start : starts[at + 1] if at + 1 < len(starts) else len(layer)]
        stop = _STOPS(piece)
        piece = piece if stop is None else piece[: stop.start()]
        found[_from_scheme(piece)] = None
    return True


def _from_scheme(piece: str) -> str:
    """The address from its scheme on, where letters that are not part of one stand in front (``gohttp://``)."""
    scheme, _, rest = piece.partition(":")
    for at in range(len(scheme)):
        known = scheme[at:].lower()
        if known in SPECIAL_PORTS or known in OTHER_PORTS:
            return f"{known}:{rest}"
    return piece
