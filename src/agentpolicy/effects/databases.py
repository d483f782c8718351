"""How clients of databases write where they go: URLs, JDBC, connection strings."""

from __future__ import annotations

import re
from typing import Final

from agentpolicy.effects.text import visible
from agentpolicy.effects.urls import Address, address_of_host, parse_url

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://").match
_SETTING = re.compile(r"(?:^|(?<=\s))([A-Za-z_]+)\s*=\s*('[^']*'|[^\s']*)")
_CONNINFO = re.compile(r"\s*[A-Za-z_]+\s*=").match
#: Schemes of databases that reach a host, by the scheme under which their addresses are read.
_DATABASES: Final = {
    "cockroachdb": "postgresql",
    "mariadb": "mariadb",
    "mongodb": "mongodb",
    "mssql": "sqlserver",
    "mysql": "mysql",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "redis": "redis",
    "rediss": "rediss",
    "redshift": "postgresql",
    "sqlserver": "sqlserver",
}
#: Settings in a query or a connection string that name a host in place of the one in front (libpq, 34.1.2; JDBC).
_HOSTS: Final = frozenset({"host", "hostaddr", "server", "servername", "unix_socket", "proxyhost", "addr", "address"})


def is_database(text: str) -> bool:
    """Whether a text begins with the scheme of a database, a driver behind it or not (``postgresql+psycopg://``)."""
    return text.partition(":")[0].partition("+")[0].lower() in _DATABASES


def database_address(text: str) -> Address | None:
    """The address that a client of a database goes to, None where the text is the name of a database.

    Forms: ``postgresql://user@host:5432/name`` with a driver behind the scheme or not, ``mongodb+srv://``,
    ``jdbc:postgresql://host/name``, ``jdbc:sqlserver://host:1433;databaseName=x``, ``jdbc:oracle:thin:@//host:1521/x``
    and libpq's ``host=h port=5432`` (PostgreSQL, 34.1.1). Opaque where it names several hosts or one more in its
    settings: the driver chooses.
    """
    if text[:5].lower() == "jdbc:":
        return _jdbc(text, text[5:])
    if _SCHEME(text) is not None:
        return _url(text)
    return _settings(text) if _CONNINFO(text) is not None else None


def _url(text: str) -> Address:
    scheme, _, rest = text.partition("://")
    name = scheme.partition("+")[0].lower()
    authority = re.split(r"[/?#;]", rest, maxsplit=1)[0]
    if "," in authority.rpartition("@")[2]:
        return Address(_DATABASES.get(name, name), why=f"`{visible(text[:80])}` names several hosts")
    found = parse_url(f"{_DATABASES.get(name, name)}://{rest}")
    if found.why is None and _names_another(rest[len(authority) :]):
        why = "the settings of the address name another host"
        private = found.private or None
        return Address(
            found.scheme, found.host, found.port, found.usual_port, found.path or "/", private, found.userinfo, why
        )
    return found


def _names_another(settings: str) -> bool:
    """Whether settings behind an address hold one of a host, with escapes or without."""
    from urllib.parse import unquote_plus

    for one in re.split(r"[?&;]", settings)[1:]:
        if unquote_plus(one.partition("=")[0]).strip().lower() in _HOSTS:
            return True
    return False


def _jdbc(text: str, rest: str) -> Address:
    opaque = Address(why=f"nothing is known of the address `{visible(text[:80])}`")
    name, _, place = rest.partition(":")
    name = name.lower()
    if name == "oracle":
        _, at, place = rest.partition("@")
        place = place.removeprefix("tcp:").removeprefix("tcps:").removeprefix("//")
        host, _, port = place.partition("/")[0].partition(":")
        port = port.partition(":")[0]
        if not at or not host or "(" in place or "," in place or "?" in place:
            return opaque
        return address_of_host(f"{host}:{port or 1521}")
    if name not in _DATABASES or not place.startswith("//"):
        return opaque
    if name == "sqlserver":
        place, semicolon, settings = place.partition(";")
        if "\\" in place:
            return opaque
        return _url(f"{name}:{place}/{semicolon}{settings}")
    return _url(f"{name}:{place}")


def _settings(text: str) -> Address | None:
    """What libpq's settings say, None where they name no host: then its own settings decide."""
    found: dict[str, str] = {}
    for one in _SETTING.finditer(text):
        found[one.group(1).lower()] = one.group(2).strip("'")
    host = found.get("hostaddr") or found.get("host")
    if not host:
        return None
    if host[0] in "/@":
        return Address("postgresql", private=True, why="the database is reached by a socket of this machine")
    if "," in host or "\\" in text:
        return Address("postgresql", why=f"`{visible(text[:80])}` names several hosts")
    port = found.get("port") or "5432"
    there = address_of_host(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    if there.why is not None:
        return there
    return Address("postgresql", there.host, there.port, there.port == 5432, None, there.private)
