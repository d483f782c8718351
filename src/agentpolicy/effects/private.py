"""Which hosts are not globally reachable, by their address or by their name."""

from __future__ import annotations

from typing import Final

from agentpolicy.effects.private_names import LAST_LABELS, NAMES, PRIVATE_ENDS


def _v4(text: str) -> int:
    a, b, c, d = text.split(".")
    return int(a) << 24 | int(b) << 16 | int(c) << 8 | int(d)


def _range(text: str) -> tuple[int, int]:
    base, _, bits = text.partition("/")
    shift = 32 - int(bits)
    return _v4(base) >> shift, shift


#: IPv4 ranges that are not globally reachable (IANA IPv4 Special-Purpose Address Registry), and multicast (RFC 5771).
#: Anycast addresses inside 192.0.0.0/24 and the withdrawn 6to4 relays count as private too.
_V4_PRIVATE: Final = tuple(
    _range(one)
    for one in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure answers its own machines here, in the middle of public space
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)

#: Ranges inside 2000::/3, the only global unicast space (RFC 4291), that are not globally reachable
#: (IANA IPv6 Special-Purpose Address Registry): (value of the leading bits, bits that follow). What lies outside of
#: 2000::/3 needs no row: loopback, unique local, link-local, site-local, multicast, discard (100::/64), the
#: local-use translation prefix (64:ff9b:1::/48), translated IPv4 (::ffff:0:0:0/96) and SRv6 (5f00::/16) among it.
_V6_PRIVATE: Final = (
    (0x20010000 >> 9, 128 - 23),  # 2001::/23 protocol assignments, less the exceptions below
    (0x20010DB8, 128 - 32),  # documentation
    (0x3FFF0, 128 - 20),  # 3fff::/20 documentation
)
#: Globally reachable exceptions inside 2001::/23. Teredo (2001::/32) is none: its registry entry says "not
#: applicable", since what it reaches is an IPv4 host behind a translator.
_V6_GLOBAL: Final = (
    (0x20010001_00000000_00000000_00000001, 0),  # port control protocol anycast
    (0x20010001_00000000_00000000_00000002, 0),  # TURN anycast
    (0x20010001_00000000_00000000_00000003, 0),  # DNS-SD anycast
    (0x20010003, 128 - 32),  # AMT
    (0x200100040112, 128 - 48),  # AS112
    (0x2001002, 128 - 28),  # ORCHIDv2
    (0x2001003, 128 - 28),  # drone remote identification
)
#: Interface identifiers of ISATAP (RFC 5214, 6.1): 0000:5efe and 0200:5efe, then an IPv4 address.
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})


def is_private(host: str, *, one_label: bool = True) -> bool | None:
    """Whether a canonical host is an address or a name that is not globally reachable; None where it is no host.

    Addresses are judged by the IANA special-purpose registries; an IPv6 address that carries an IPv4 address (mapped,
    compatible, NAT64, 6to4, ISATAP) by the one it carries too. Names are judged as names, nothing is looked up: a name
    of one label leads wherever the machine's own search list says, so it is private where ``one_label``.
    """
    if not host:
        return None
    last = host[-1]
    if ":" in host:
        return _v6_private(host)
    if last.isdigit() and last.isascii() and is_v4(host):
        return v4_private(_v4(host))
    at = host.rfind(".")
    if host[at + 1 :] in LAST_LABELS and _private_name(host):
        return True
    return one_label and at < 0


def _private_name(host: str) -> bool:
    if host in NAMES:
        return True
    # An ending counts at whole labels only, and none in the table has more than three.
    at = len(host)
    for _ in range(3):
        at = host.rfind(".", 0, at)
        if at < 0:
            return False
        if host[at + 1 :] in PRIVATE_ENDS:
            return True
    return False


def is_v4(host: str) -> bool:
    """Whether a host is an IPv4 address in its canonical spelling, four numbers with dots."""
    parts = host.split(".")
    return len(parts) == 4 and all(
        one.isascii() and one.isdigit() and len(one) <= 3 and int(one) < 256 for one in parts
    )


def v4_private(address: int) -> bool:
    """Whether an IPv4 address, as a number, is not globally reachable."""
    return any(address >> shift == base for base, shift in _V4_PRIVATE)


def _v6_private(host: str) -> bool | None:
    from ipaddress import AddressValueError, IPv6Address

    try:
        return v6_private(int(IPv6Address(host.partition("%")[0])))
    except AddressValueError:
        return None


def v6_private(address: int) -> bool:
    """Whether an IPv6 address, as a number, is not globally reachable."""
    low = address & 0xFFFFFFFF
    if address >> 32 in (0, 0xFFFF, 0x64FF9B << 64):  # compatible, mapped, NAT64 (RFC 4291 2.5.5, RFC 6052)
        return v4_private(low)
    if address >> 112 == 0x2002:  # 6to4 (RFC 3056)
        return v4_private(address >> 80 & 0xFFFFFFFF)
    if address >> 125 != 1:
        return True
    if address >> 32 & 0xFFFFFFFF in _ISATAP and v4_private(low):
        return True
    if any(address >> shift == base for base, shift in _V6_GLOBAL):
        return False
    return any(address >> shift == base for base, shift in _V6_PRIVATE)
