"""Addresses on the network, read as browsers read them."""

from __future__ import annotations

import re
from typing import Final

import can_ada

from agentpolicy.effects.authority import decimal_reading, doubt, host_doubt, other_number, pieces, written_host
from agentpolicy.effects.effect import NetEffect
from agentpolicy.effects.private import is_private, is_v4
from agentpolicy.effects.recent import Recent
from agentpolicy.effects.schemes import LOCAL, OTHER_PORTS, SPECIAL_PORTS
from agentpolicy.effects.text import misleading, visible
from agentpolicy.effects.url_paths import tidy_path

__all__ = [
    "LONGEST",
    "OTHER_PORTS",
    "SPECIAL_PORTS",
    "Address",
    "address_effect",
    "address_of_host",
    "canonical_host",
    "host_effect",
    "is_private",
    "net_effect",
    "parse_url",
    "seen_urls",
]

#: Longest address that is read, in characters.
LONGEST = 65_536
#: Longest address that is remembered, in characters.
_REMEMBERED = 2048

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://").match
_PORT = re.compile("[0-9]{1,5}").fullmatch


class Address:
    """An address in its parts; ``None`` where a part is not there or not known.

    ``host`` is lower case and IDNA (no trailing dot, no brackets), ``port`` a number, the scheme's own filled in,
    ``usual_port`` whether it is that one, ``path`` without query and fragment with needless escapes undone,
    ``userinfo`` whether a user stands in front of the host. ``why`` says why the address is opaque, None where not.
    """

    __slots__ = ("host", "path", "port", "private", "scheme", "userinfo", "usual_port", "why")

    def __init__(
        self,
        scheme: str | None = None,
        host: str | None = None,
        port: int | None = None,
        usual_port: bool = False,
        path: str | None = None,
        private: bool | None = None,
        userinfo: bool = False,
        why: str | None = None,
    ) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port
        self.usual_port = usual_port
        self.path = path
        self.private = private
        self.userinfo = userinfo
        self.why = why

    @property
    def opaque(self) -> bool:
        """Whether a part is unknown, or clients read it differently."""
        return self.why is not None or self.host is None

    def __repr__(self) -> str:
        return f"Address({self.scheme!r}, {self.host!r}, {self.port!r}, {self.path!r}, why={self.why!r})"


_addresses: Recent[Address] = Recent()
_hosts: Recent[Address] = Recent()
#: Effects of URLs seen before, by action.
seen_urls: Final[dict[str, Recent[NetEffect]]] = {}


def parse_url(text: str) -> Address:
    """An absolute URL in its parts (WHATWG URL Standard). Never raises; what cannot be read has a ``why``.

    Parts are given wherever the standard gives them. An address is opaque all the same where clients are known to read
    it differently or a server may: control and invisible characters, backslashes, an escaped slash, broken escapes.
    """
    found = _addresses.get(text)
    if found is None:
        found = _parse(text)
        if len(text) <= _REMEMBERED:
            _addresses.keep(text, found)
    return found


def net_effect(action: str, target: str) -> NetEffect:
    """The effect of ``action`` on a URL; ``net.connect`` also takes ``host``, ``host:port`` and ``[v6]:port``."""
    if action == "net.connect" and _SCHEME(target) is None:
        return host_effect(action, target)
    seen = seen_urls.get(action)
    if seen is None:
        seen = seen_urls[action] = Recent(512)
    found = seen.get(target)
    if found is None:
        found = address_effect(action, parse_url(target))
        if len(target) <= _REMEMBERED:
            seen.keep(target, found)
    return found


def host_effect(action: str, target: str) -> NetEffect:
    """The effect of ``action`` on a host: ``example.org``, ``example.org:8080``, ``10.0.0.1``, ``[::1]:80``."""
    return address_effect(action, address_of_host(target))


def address_of_host(text: str) -> Address:
    """A host with or without a port in its parts; the scheme and the path are not known."""
    found = _hosts.get(text)
    if found is None:
        found = _parse_host(text)
        if len(text) <= _REMEMBERED:
            _hosts.keep(text, found)
    return found


def address_effect(action: str, found: Address) -> NetEffect:
    """The effect of ``action`` on an address that was read."""
    return NetEffect(
        action,
        scheme=found.scheme,
        host=found.host,
        port=found.port,
        path=found.path,
        private=found.private,
        usual_port=found.usual_port,
        opaque=found.why is not None,
        why=found.why,
    )


def _parse(text: str) -> Address:
    if len(text) > LONGEST:
        return Address(why=f"the address is longer than {LONGEST} characters")
    why = doubt(text)
    try:
        url = can_ada.parse(text)
    except (ValueError, TypeError):  # TypeError: text that cannot be written as UTF-8
        shown = visible(text if len(text) <= 200 else text[:200] + "…")
        return Address(why=why or f"`{shown}` is not an absolute address")
    scheme = url.protocol[:-1]
    raw = url.hostname
    if not raw:
        # What has no host stays on this machine, or leads nobody knows where.
        private = True if scheme in LOCAL else None
        return Address(scheme, private=private, why=why or f"an address with `{scheme}:` has no host")
    usual = SPECIAL_PORTS.get(scheme)
    known = usual is not None
    host: str | None = raw
    if usual is None:
        usual = OTHER_PORTS.get(scheme)
        # Outside the standard's own schemes a host is any text; clients of those that are known read it as in the
        # others, and nobody knows what clients of the rest do.
        as_known = _http_host(raw)
        if usual is not None:
            host = as_known
            if host is None:
                return Address(scheme, why=why or f"`{visible(raw)}` is not a host")
            known = True
        else:
            why = why or f"nothing is known of `{scheme}:` addresses"
    assert host is not None
    if host[0] == "[":
        host = host[1:-1]
    if host[-1] == ".":
        host = host.rstrip(".") or "."
    if why is None and host[-1].isdigit() and is_v4(host) and other_number(written_host(text), host):
        why = "the address is written with leading zeros, which some clients do not read as octal numbers"
    if host == ".":
        why = why or "the host is a dot"
    private = is_private(host, one_label=known)
    if why is not None and private is False and _may_be_private(text):
        private = None
    port_text = url.port
    port = int(port_text) if port_text else usual
    written: str = url.pathname
    path: str | None = written
    if "%" in written:
        path, trouble = tidy_path(written)
        if trouble is not None:
            # An opaque address that has a path is one whose host is in doubt, one without has a host that is sure.
            path = written if why is not None else None
            why = why or trouble
    return Address(
        scheme, host, port, port is not None and port == usual, path, private, bool(url.username or url.password), why
    )


def _may_be_private(text: str) -> bool:
    """Whether anything that some client might take for the host is private, or that is too much to tell."""
    found = pieces(text)
    if found is None:
        return True
    for piece in found:
        if _PORT(piece) is not None:
            continue
        host = _http_host(piece)
        if host is not None and is_private(host.strip("[]").rstrip("."), one_label=False):
            return True
        # The same numbers, read by those who know no octal ones.
        plain = decimal_reading(piece)
        if plain is not None and is_private(plain):
            return True
    return False


def canonical_host(text: str) -> str | None:
    """A host alone, without a port, in its canonical form: lower case, IDNA, no trailing dot, no brackets.

    None where the text is not a host that clients agree on.
    """
    found = address_of_host(text)
    return None if found.port is not None or found.why is not None else found.host


def _http_host(raw: str) -> str | None:
    """A host as http would read it, brackets kept."""
    try:
        url = can_ada.parse(f"http://{raw}/")
    except (ValueError, TypeError):
        return None
    return url.hostname or None


def _parse_host(text: str) -> Address:
    if len(text) > LONGEST:
        return Address(why=f"the address is longer than {LONGEST} characters")
    shown = visible(text if len(text) <= 200 else text[:200] + "…")
    odd = misleading(text)
    if odd is not None:
        return Address(why=f"the address holds {odd}")
    name, port_text = text, None
    if text[:1] == "[":
        name, bracket, rest = text.partition("]")
        name += bracket
        if rest:
            if rest[0] != ":":
                return Address(why=f"`{shown}` is not a host")
            port_text = rest[1:]
    elif text.count(":") == 1:
        name, _, port_text = text.partition(":")
    elif ":" in text:
        name = f"[{text}]"
    port: int | None = None
    if port_text is not None:
        if _PORT(port_text) is None or int(port_text) > 65535:
            return Address(why=f"`{shown}` has no proper port")
        port = int(port_text)
    if not name or any(one in name for one in "/?#@ "):
        return Address(why=f"`{shown}` is not a host")
    why = None if name[0] == "[" else host_doubt(name)
    if why is not None:
        return Address(why=why)
    host = _http_host(name)
    if host is None:
        return Address(why=f"`{shown}` is not a host")
    if host[0] == "[":
        host = host[1:-1]
    if host[-1] == ".":
        host = host.rstrip(".")
        if not host:
            return Address(why=f"`{shown}` is not a host")
    if is_v4(host) and other_number(name, host):
        return Address(why=f"`{shown}` has leading zeros, which some clients do not read as octal numbers")
    # A target that names no port leaves it to the client, which takes its usual one.
    return Address(None, host, port, port is None, None, is_private(host))
