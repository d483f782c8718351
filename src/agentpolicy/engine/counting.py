"""Counts and sums over sliding windows, exact to the moment: what limits, budgets and ``over`` look at."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import platform
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from agentpolicy.compiler.expression import suffix_of
from agentpolicy.compiler.runtime import QuotaRow
from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.effect import Effect
from agentpolicy.engine.decision import canonical_json
from agentpolicy.engine.provenance.walk import texts_of

#: Entries of one window. Past this many the two oldest become one, which goes when the younger would have gone.
MOST_ENTRIES: Final = 1024
#: Characters of a value that are counted.
MOST_BYTES: Final = 50_000_000
#: More than any budget.
UNBOUNDED: Final = 1e18
#: How much longer than it counts a window is kept, in seconds: the store's clock may be set forward.
SPARE_SECONDS: Final = 7 * 86400.0
#: How long the sums of a session without a window are kept, in seconds.
TOTAL_SECONDS: Final = 366 * 86400.0
_MACHINE: Final = platform.node() or "localhost"

#: (moment in seconds since the epoch, amount)
Entry = tuple[float, float]


class Window:
    """What was charged under one name, oldest first. Never changed in place.

    Times never run backwards in it: what is charged or asked before its latest entry counts as of then.
    """

    __slots__ = ("_moments", "_sums", "entries")

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries = tuple(entries)
        self._moments = [moment for moment, _ in self.entries]
        self._sums = (0.0, *itertools.accumulate(amount for _, amount in self.entries))

    @classmethod
    def read(cls, value: bytes | None) -> Window:
        """What a store holds.

        Raises:
            ValueError: it cannot be read.
        """
        if value is None:
            return cls()
        try:
            return cls([(float(moment), float(amount)) for moment, amount in orjson.loads(value)])
        except (ValueError, TypeError) as error:
            raise ValueError("what is kept of a limit cannot be read") from error

    def dump(self) -> bytes:
        """The same as a store keeps it."""
        return orjson.dumps(self.entries)

    def total(self, seconds: int | None, now: float) -> float:
        """What the entries that still count add up to: an entry goes when it is exactly ``seconds`` old."""
        return self._sums[-1] - self._sums[self._first(seconds, now)]

    def charged(self, seconds: int | None, now: float, amount: float) -> Window:
        """The window with one more charge; entries that count no more are left out."""
        if seconds is None:
            return Window([(now, self._sums[-1] + amount)])
        found = [*self.entries[self._first(seconds, now) :], (self.moment_of(now), amount)]
        while len(found) > MOST_ENTRIES:
            found[:2] = [(found[1][0], found[0][1] + found[1][1])]
        return Window(found)

    def given_back(self, seconds: int | None, moment: float, amount: float) -> Window:
        """The window without one charge. One that is in it no more was merged into the oldest entry, or has gone."""
        entries = self.entries
        for at, entry in enumerate(entries):
            if entry == (moment, amount):
                return Window([*entries[:at], *entries[at + 1 :]])
        if seconds is not None and entries and moment <= entries[-1][0] - seconds:
            return self  # it counts no more
        merged = bool(entries) and (seconds is None or len(entries) >= MOST_ENTRIES) and moment <= entries[0][0]
        if not merged:
            return self
        return Window([(entries[0][0], max(entries[0][1] - amount, 0.0)), *entries[1:]])

    def moment_of(self, now: float) -> float:
        """The moment under which a charge is entered."""
        return max(now, self._moments[-1]) if self._moments else now

    def _first(self, seconds: int | None, now: float) -> int:
        if seconds is None:
            return 0
        return bisect.bisect_right(self._moments, self.moment_of(now) - seconds)


def bytes_out(call: ToolCall) -> float:
    """How many bytes a call may send: all text of its arguments in UTF-8, and what has none as it is written."""
    return size_of([call.target, call.args, call.env]) + _without_text(call.args)


def _without_text(args: Any) -> int:
    """How many bytes truth values, nulls and empty values have: in a row they say as much as a text."""
    count = 0
    todo: list[Any] = list(args.values()) if isinstance(args, Mapping) else [args]
    while todo:
        one = todo.pop()
        if one is None or isinstance(one, bool):
            count += 6
        elif isinstance(one, str | Mapping | list | tuple) and not one:
            count += 2
        elif isinstance(one, Mapping):
            todo.extend(one.values())
        elif isinstance(one, list | tuple):
            todo.extend(one)
    return count


def size_of(value: object) -> float:
    """How many bytes the texts in a value have, in UTF-8; too many to fit anywhere where not all could be read."""
    texts, partial = texts_of(value, MOST_BYTES)
    return UNBOUNDED if partial else sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def attribute(effect: Effect, name: str) -> Any:
    """An attribute of an effect by its name in the language; None where it is not known.

    Files are counted by where they lead, programs by their names without a directory.
    """
    if name.startswith("arg."):
        args = getattr(effect, "args", None)
        return None if args is None else args.get(name[4:])
    if effect.family == "fs":
        path: str | None = getattr(effect, "resolved", None)
        if name in {"path", "name", "suffix"}:
            if path is None or getattr(effect, "many", False):
                return None
            return path if name == "path" else path.rpartition("/")[2] if name == "name" else suffix_of(path)
    value = getattr(effect, name, None)
    return value.rpartition("/")[2] if name == "program" and isinstance(value, str) else value


def amount_of(quota: QuotaRow, effect: Effect, sent: float) -> float | None:
    """What an effect adds before it has run; None where that is not known."""
    if quota.of == "calls":
        return 1
    if quota.of in {"out", "bytes"}:
        return sent
    if quota.of == "in":
        return 0
    value = attribute(effect, quota.of[1:])
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    # What is negative would give back what others have spent.
    return float(min(max(value, 0), UNBOUNDED))


def counted_under(
    quota: QuotaRow, effect: Effect, call: ToolCall, session: str, agents: Sequence[str | None], user: str | None
) -> tuple[str, ...] | None:
    """The names in the store under which an effect is counted; None where they are not known.

    Agents, users and machines are counted over all sessions of the store, everything else within the session. What a
    sub-agent does is counted for every agent above it, too.
    """
    per = quota.per
    if per == "session":
        return (_named(f"count:session:{session}", quota.key),)
    if per == "agent":
        known = [agent for agent in agents if agent is not None]
        if len(known) < len(agents):
            return None
        return tuple(dict.fromkeys(_named("count:agent", quota.key, agent) for agent in known))
    if per == "user":
        return None if user is None else (_named("count:user", quota.key, user),)
    if per == "call":
        return (_named(f"count:session:{session}", quota.key, identity(call)),)
    if per == "host":
        host = getattr(effect, "host", None)
        if effect.family != "net":
            return (_named("count:machine", quota.key, _MACHINE),)
        return None if host is None else (_named(f"count:session:{session}", quota.key, host),)
    value = attribute(effect, per[1:])
    return None if value is None else (_named(f"count:session:{session}", quota.key, repr(value)),)


def kept_for(name: str, seconds: int | None) -> float | None:
    """How long the store keeps a window, in seconds; what is not forgotten by itself stays with its session."""
    if seconds is not None:
        return seconds + SPARE_SECONDS
    return TOTAL_SECONDS if name.startswith("count:session:") else None


def identity(call: ToolCall) -> str:
    """What makes two calls the same for a loop guard: tool, arguments, directory."""
    whole = {"tool": call.tool, "action": call.action, "target": call.target, "args": call.args, "cwd": call.cwd}
    return hashlib.blake2b(canonical_json(whole), digest_size=16).hexdigest()


def _named(*parts: str) -> str:
    name = "\x1f".join(parts).replace("\x00", "\ufffd")
    if len(name) <= 512:
        return name
    return f"{parts[0]}\x1f{hashlib.blake2b(name.encode('utf-8', 'surrogatepass'), digest_size=24).hexdigest()}"
