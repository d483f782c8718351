"""agentpolicy decides what an AI agent may do: one policy file, compiled into a decision engine.

``Engine.load`` reads a policy; ``engine.decide`` answers what a call may do; ``guard(engine)`` puts the policy in front
of a tool function. Names are imported when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentpolicy.effects.call import ToolCall
    from agentpolicy.effects.effect import Effect
    from agentpolicy.effects.host import Host
    from agentpolicy.engine.decision import Decision
    from agentpolicy.engine.engine import Engine
    from agentpolicy.engine.errors import ApprovalRequired, Denied, FactError, NotAllowed
    from agentpolicy.engine.guard import guard
    from agentpolicy.engine.markers import Connects, Deletes, Gets, Posts, Reads, Shell, Writes
    from agentpolicy.engine.memory import StateError
    from agentpolicy.engine.open import ChangedSinceChecked, open_checked, parent_checked
    from agentpolicy.engine.policy import Policy
    from agentpolicy.engine.record import JsonLines, Recorder
    from agentpolicy.engine.reload import Reload
    from agentpolicy.engine.review import ApprovalRequest, Reviewer
    from agentpolicy.engine.session import Session
    from agentpolicy.engine.situation import Agent, User
    from agentpolicy.language.source import Diagnostic, PolicyError
    from agentpolicy.stores.memory import MemoryStore
    from agentpolicy.stores.redis import RedisStore
    from agentpolicy.stores.sqlite import SqliteStore

__version__ = "0.1.0"

_HOMES = {
    "effects.call": ("ToolCall",),
    "effects.effect": ("Effect",),
    "effects.host": ("Host",),
    "engine.decision": ("Decision",),
    "engine.engine": ("Engine",),
    "engine.errors": ("ApprovalRequired", "Denied", "FactError", "NotAllowed"),
    "engine.guard": ("guard",),
    "engine.markers": ("Connects", "Deletes", "Gets", "Posts", "Reads", "Shell", "Writes"),
    "engine.open": ("ChangedSinceChecked", "open_checked", "parent_checked"),
    "engine.memory": ("StateError",),
    "engine.policy": ("Policy",),
    "engine.record": ("JsonLines", "Recorder"),
    "engine.reload": ("Reload",),
    "engine.review": ("ApprovalRequest", "Reviewer"),
    "engine.session": ("Session",),
    "engine.situation": ("Agent", "User"),
    "language.source": ("Diagnostic", "PolicyError"),
    "stores.memory": ("MemoryStore",),
    "stores.redis": ("RedisStore",),
    "stores.sqlite": ("SqliteStore",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

# A checker of types wants it written out.
__all__ = [
    "Agent", "ApprovalRequest", "ApprovalRequired", "ChangedSinceChecked", "Connects", "Decision", "Deletes", "Denied",
    "Diagnostic", "Effect", "Engine", "FactError", "Gets", "Host", "JsonLines", "MemoryStore", "NotAllowed", "Policy",
    "PolicyError", "Posts", "Reads", "Recorder", "RedisStore", "Reload", "Reviewer", "Session", "Shell", "SqliteStore",
    "StateError", "ToolCall", "User", "Writes", "guard", "open_checked", "parent_checked",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
