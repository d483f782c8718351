"""Names that lead to hosts that are not globally reachable: data."""

from __future__ import annotations

from typing import Final

#: Endings that the public name system never answers, so that whatever they lead to is near (special-use names: RFC
#: 6761, 6762 with appendix G, 8375, 9462, 9665; ``.internal``; names that ICANN will not delegate).
_NEVER_PUBLIC: Final = """
    localhost localdomain localdomain4 localdomain6 local internal intranet private corp home lan intra localnet mail
    home.arpa service.arpa resolver.arpa ipv4only.arpa
"""
#: Endings that cluster and container managers answer.
_CLUSTERS: Final = "svc consul docker"
#: Public names made to lead to any address that their first labels spell, or to this machine.
_REBINDING: Final = """
    nip.io sslip.io xip.io xip.name ip6.name ipq.co traefik.me backname.io nip.direct
    rbndr.us 1u.ms rebind.network rebind.it
    localtest.me lvh.me vcap.me lacolhost.com localho.st local.gd fuf.me smackaho.st 42foo.com
    127-0-0-1.org.uk
"""
#: Names under which clouds answer for their own machines, besides those that end as above.
_CLOUDS: Final = """
    metadata.goog metadata.azure.com metadata.tencentyun.com metadata.packet.net metadata.platformequinix.com
    metadata.exoscale.com api.metadata.cloud.ibm.com
"""

#: Endings, without a leading dot, of names that are private.
PRIVATE_ENDS: Final = frozenset((_NEVER_PUBLIC + _CLUSTERS + " " + _REBINDING).split())
#: Whole names that are private: the clouds', and those endings that are names themselves. One of a single label other
#: than ``localhost`` is left to the rule for all such names.
NAMES: Final = frozenset(_CLOUDS.split()) | {one for one in PRIVATE_ENDS if "." in one or one == "localhost"}
#: Last labels of all of them: a name that ends otherwise needs no further look.
LAST_LABELS: Final = frozenset(one.rpartition(".")[2] for one in PRIVATE_ENDS | NAMES)
