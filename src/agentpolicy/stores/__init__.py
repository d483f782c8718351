"""Where session state lives: in memory, in a SQLite file, in Redis. Names are imported when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentpolicy.stores.memory import MemoryStore
    from agentpolicy.stores.redis import RedisStore
    from agentpolicy.stores.sqlite import SqliteStore
    from agentpolicy.stores.store import Change, Store, StoreError

# Neither sqlite3 nor redis is loaded by those who keep their state in memory.
_HOME_OF = {
    "Change": "store",
    "MemoryStore": "memory",
    "RedisStore": "redis",
    "SqliteStore": "sqlite",
    "Store": "store",
    "StoreError": "store",
}

__all__ = ["Change", "MemoryStore", "RedisStore", "SqliteStore", "Store", "StoreError"]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
