"""What makes a word look like an address: endings of names, ports, schemes of repositories: data."""

from __future__ import annotations

from typing import Final

from agentpolicy.effects.schemes import OTHER_PORTS, SPECIAL_PORTS

#: Ends of names that make a word look like an address: domains that are met often, and names of near hosts.
ENDS: Final = frozenset(
    """com org net io dev edu gov mil int biz co uk de fr eu nl ch at it es ru cn jp kr br au ca us se no fi dk cz
    xn--p1ai cloud online tech ga gg arpa goog internal localhost""".split()
)
#: Ends that names of files have as well: they count only with a user, a port or a path beside the name.
FILE_LIKE: Final = frozenset(
    """ai app info me be xyz site tk cf to ly link local lan corp home intranet example test invalid onion in ml pl rs
    sh cc so py page zip mov tv ws id is ie nz za mx ar tr ua gr pt il sg hk tw""".split()
)
#: Ports on which something is often met, besides those that schemes have.
SERVICE_PORTS: Final = frozenset(
    {
        *SPECIAL_PORTS.values(),
        *OTHER_PORTS.values(),
        *(53, 110, 111, 135, 139, 389, 445, 2049, 2375, 2376, 2379, 2380, 3000, 3128, 3389, 4000, 4444, 5000, 5001),
        *(5173, 5432, 5601, 5900, 6443, 7000, 7001, 7687, 8000, 8001, 8008, 8080, 8081, 8086, 8088, 8123, 8200, 8443),
        *(8500, 8765, 8888, 9000, 9001, 9042, 9050, 9090, 9092, 9200, 9300, 10250, 11211, 11434, 15672, 50051, 1337),
    }
)
#: Programs that keep repositories, in front of how they reach them: ``git+ssh``.
REPOSITORY_SCHEMES: Final = frozenset({"bzr", "git", "hg", "svn", "ssh"})
