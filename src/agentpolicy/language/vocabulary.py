"""The closed world of the language: actions with their attributes, types, context names, settings."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

# --- actions ------------------------------------------------------------------

_FS = {"path": "path", "name": "text", "suffix": "text", "size": "size"}
_EXEC = {"program": "text", "argv": "[text]", "flags": "[text]", "cwd": "path", "env": "[text]", "elevated": "bool",
    "readonly": "bool",
}  # fmt: skip
_NET = {
    "scheme": "text",
    "host": "host",
    "port": "number",
    "path": "text",
    "method": "text",
    "private": "bool",
    "size": "size",
}
_SQL = {"table": "table", "database": "text"}
_COMMON = {"opaque": "bool", "result": "text"}

NET_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")

#: Every action, in the order in which families are shown, with the attributes that it declares and their types.
ACTIONS: Final = MappingProxyType(
    {
        **{f"fs.{verb}": {**_FS, **_COMMON} for verb in ("read", "write", "delete")},
        "exec": {**_EXEC, **_COMMON},
        **{f"net.{verb}": {**_NET, **_COMMON} for verb in ("connect", *NET_METHODS)},
        **{f"sql.{verb}": {**_SQL, **_COMMON} for verb in ("select", "insert", "update", "delete", "schema")},
        "tool": {"name": "tool", "server": "text", **_COMMON},
    }
)

#: A family's name stands for all of its actions: ``fs any``, ``default ask for net``.
FAMILIES: Final = MappingProxyType(
    {
        family: tuple(action for action in ACTIONS if action.split(".")[0] == family)
        for family in ("fs", "exec", "net", "sql", "tool")
    }
)

#: The type of a pattern after each family's actions.
PATTERN_TYPE: Final = MappingProxyType({"fs": "path", "exec": "argv", "net": "url", "sql": "table", "tool": "tool"})

#: Actions whose subject ``x/**`` also means ``x`` itself when they are allowed.
READING: Final = frozenset({"fs.read"})


def family(action: str) -> str:
    """The family of an action: ``fs`` of ``fs.read``."""
    return action.partition(".")[0]


# --- types --------------------------------------------------------------------

#: Types that a parameter, fact, set or tool parameter may have.
TYPES: Final = ("text", "number", "bool", "path", "url", "host", "shell", "code", "sql", "argv", "table", "tool")
#: Types whose values are text at run time.
TEXTUAL: Final = frozenset({"text", "path", "url", "host", "shell", "code", "sql", "table", "tool"})
#: Types that a set may have: those with a glob of their own.
SET_TYPES: Final = ("path", "argv", "url", "host", "text", "tool", "table")

# --- context ------------------------------------------------------------------

#: What every rule may read besides attributes and facts, with its type.
CONTEXT: Final = MappingProxyType(
    {
        "agent.name": "text",
        "agent.role": "text",
        "user.name": "text",
        "user.groups": "[text]",
        "host.os": "text",
        "session.id": "text",
        "time.hour": "number",
        "time.weekday": "text",
    }
)
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
RESULTS: Final = ("ok", "error")
OS_NAMES: Final = ("linux", "macos", "windows")

# --- units --------------------------------------------------------------------

#: Seconds in each unit of a duration.
DURATIONS: Final = MappingProxyType({"s": 1, "m": 60, "h": 3600, "d": 86400})
#: Bytes in each unit of a size, powers of 1000 as in SI.
SIZES: Final = MappingProxyType({"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12})

# --- settings of blocks -------------------------------------------------------

#: For each block and setting: the kind of value it takes. The kinds are read by ``check``.
SETTINGS: Final = MappingProxyType(
    {
        "sandbox": {
            "env": "names",
            "memory": "size",
            "processes": "count",
            "files": "count",
            "timeout": "duration",
            "network": "words",
            "degrade": "words",
            "mask": "texts",
        },
        "approval": {
            "from": "groups",
            "quorum": "count",
            "ttl": "duration",
            "scope": "scope",
            "rate": "rate",
            "timeout": "duration-then",
            "not self": "nothing",
            "reason required": "nothing",
            "cool-down": "rate",
            "canaries": "percent",
        },
        "telemetry": {
            "level": "level",
            "sample": "samples",
            "quota": "rate",
            "redact": "fields",
            "digest": "fields",
            "drop": "fields",
            "keep": "fields",
            "retain": "duration",
            "audit required": "nothing",
        },
    }
)
SCOPES: Final = ("once", "session", "command")
LEVELS: Final = ("debug", "info", "warning", "error", "critical")
#: What limits, budgets and ``over`` may count by, besides an attribute.
PER: Final = ("session", "agent", "user", "host", "call")
ORIGINS: Final = ("user", "policy", "untrusted", "nowhere")
