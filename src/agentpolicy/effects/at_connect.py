"""What is known of an address only when a connection is made: the seam for a proxy that resolves names."""

from __future__ import annotations

from ipaddress import ip_address

from agentpolicy.effects.effect import NetEffect
from agentpolicy.effects.private import is_private, is_v4
from agentpolicy.effects.text import visible
from agentpolicy.effects.urls import canonical_host


def judged_at_connect(effect: NetEffect, address: str) -> NetEffect:
    """The effect of a connection whose host is found to stand at ``address``; for whoever connects, such as a proxy.

    What only the name system can tell is told here: a name is judged by its spelling when a call is decided, and by
    the address when the connection is made, which keeps a name from leading elsewhere in between. Everything but
    ``private``, ``opaque`` and ``why`` stays, the name too, so that rules see what the call said.

    ``private`` is true where the address is, unknown where only the name says so, and the effect is then opaque. It is
    opaque as well where ``address`` is no address in numbers, or not the one that the call itself spelled out.

    Args:
        effect: what was decided about.
        address: the IP address as the socket gives it, an IPv6 one with or without brackets and zone.
    """
    opaque, why, private = effect.opaque, effect.why, effect.private
    try:
        found = str(ip_address(address.removeprefix("[").removesuffix("]").partition("%")[0]))
    except ValueError:
        shown = visible(address[:80])
        opaque, why, private = True, why or f"`{shown}` is not an address in numbers", True if private else None
    else:
        real = is_private(found)
        host = effect.host
        if host is not None and (":" in host or is_v4(host)) and host != canonical_host(found):
            opaque, why = True, why or f"the call names `{host}`, the connection goes to `{found}`"
            private = True if private or real else None
        elif real or not private:
            private = real
        else:
            opaque, why = True, why or f"the name is one of a private host, its address `{found}` is not"
            private = None
    return NetEffect(
        effect.action, scheme=effect.scheme, host=effect.host, port=effect.port, path=effect.path, private=private,
        usual_port=effect.usual_port, opaque=opaque, size=effect.size, why=why, possible=effect.possible,
    )  # fmt: skip
