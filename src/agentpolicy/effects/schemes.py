"""Schemes of addresses and the ports that their clients take: data."""

from __future__ import annotations

from typing import Final

#: Ports of the schemes that the URL standard knows (WHATWG URL, 3.1, special schemes).
SPECIAL_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}
#: Ports of other schemes whose clients read a host as usual (IANA service names).
OTHER_PORTS: Final = {
    "amqp": 5672,
    "amqps": 5671,
    "ftps": 990,
    "git": 9418,
    "imap": 143,
    "imaps": 993,
    "ldap": 389,
    "ldaps": 636,
    "mariadb": 3306,
    "mongodb": 27017,
    "mqtt": 1883,
    "mqtts": 8883,
    "mysql": 3306,
    "nats": 4222,
    "postgres": 5432,
    "postgresql": 5432,
    "redis": 6379,
    "rediss": 6379,
    "rsync": 873,
    "scp": 22,
    "sftp": 22,
    "smtp": 25,
    "smtps": 465,
    "sqlserver": 1433,
    "ssh": 22,
    "svn": 3690,
    "telnet": 23,
}
#: Schemes without a host whose addresses stay on this machine; with others nobody knows where they lead.
LOCAL: Final = frozenset({"about", "blob", "data", "file", "javascript"})
