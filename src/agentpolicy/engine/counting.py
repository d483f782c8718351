"""Counts and sums over sliding windows, exact to the moment: what limits, budgets and ``over`` look at."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from agentpolicy.compiler.runtime import QuotaRow
from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.effect import Effect

#: Entries of one window. Of what is counted no more are needed than the limit allows; of what is added up, past this
#: many the two oldest become one, which goes when the younger would have gone.
MOST_ENTRIES: Final = 1024
_MACHINE: Final = platform.node() or "localhost"

#: (moment in seconds since the epoch, amount)
Entry = tuple[float, float]


class Window:
    """What was charged under one name, oldest first. Never changed in place."""

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

    def charged(self, quota: QuotaRow, now: float, amount: float) -> Window:
        """The window with one more charge; entries that count no more are left out."""
        if quota.seconds is None:
            return Window([(now, self._sums[-1] + amount)])
        found = [*self.entries[self._first(quota.seconds, now) :], (now, amount)]
        if quota.of == "calls" and quota.amount < MOST_ENTRIES:
            return Window(found[-int(quota.amount) - 1 :])
        while len(found) > MOST_ENTRIES:
            found[:2] = [(found[1][0], found[0][1] + found[1][1])]
        return Window(found)

    def given_back(self, moment: float, amount: float) -> Window:
        """The window without one charge; where it was merged, the youngest entry that holds as much has less."""
        entries = self.entries
        for at, entry in enumerate(entries):
            if entry == (moment, amount):
                return Window([*entries[:at], *entries[at + 1 :]])
        for at in range(len(entries) - 1, -1, -1):
            if entries[at][1] >= amount:
                return Window([*entries[:at], (entries[at][0], entries[at][1] - amount), *entries[at + 1 :]])
        return self

    def _first(self, seconds: int | None, now: float) -> int:
        if seconds is None:
            return 0
        return bisect.bisect_right(self._moments, now - seconds)


def bytes_out(call: ToolCall) -> int:
    """How many bytes a call may send: all text of its arguments, in UTF-8."""
    return size_of([call.target, call.args, call.env])


def size_of(value: object) -> int:
    """How many bytes the texts in a value have, in UTF-8; other things count as they are written."""
    count = 0
    todo: list[Any] = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            count += len(one.encode("utf-8", "surrogatepass"))
        elif isinstance(one, bytes | bytearray):
            count += len(one)
        elif isinstance(one, Mapping):
            todo.extend(one.keys())
            todo.extend(one.values())
        elif isinstance(one, list | tuple):
            todo.extend(one)
        elif one is not None:
            count += len(str(one))
    return count


def attribute(effect: Effect, name: str) -> Any:
    """An attribute of an effect by its name in the language; None where it is not known."""
    if name.startswith("arg."):
        args = getattr(effect, "args", None)
        return None if args is None else args.get(name[4:])
    return getattr(effect, name, None)


def amount_of(quota: QuotaRow, effect: Effect, sent: int) -> float | None:
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
    return max(float(value), 0.0)


def counted_under(
    quota: QuotaRow, effect: Effect, call: ToolCall, session: str, agent: str | None, user: str | None
) -> str | None:
    """The name in the store under which an effect is counted; None where it is not known.

    Agents, users and machines are counted over all sessions of the store, everything else within the session.
    """
    per = quota.per
    if per == "session":
        return _named(f"count:session:{session}", quota.key)
    if per == "agent":
        return None if agent is None else _named("count:agent", quota.key, agent)
    if per == "user":
        return None if user is None else _named("count:user", quota.key, user)
    if per == "call":
        return _named(f"count:session:{session}", quota.key, identity(call))
    if per == "host":
        host = getattr(effect, "host", None)
        if effect.family != "net":
            return _named("count:machine", quota.key, _MACHINE)
        return None if host is None else _named(f"count:session:{session}", quota.key, host)
    value = attribute(effect, per[1:])
    return None if value is None else _named(f"count:session:{session}", quota.key, repr(value))


def identity(call: ToolCall) -> str:
    """What makes two calls the same for a loop guard: tool, arguments, directory."""
    whole = [call.tool, call.action, call.target, call.args, call.cwd]
    try:
        text = orjson.dumps(whole, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=_plain)
    except (TypeError, ValueError, RecursionError):
        text = repr(whole).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _plain(value: object) -> str:
    return os.fspath(value) if isinstance(value, os.PathLike) else repr(value)


def _named(*parts: str) -> str:
    name = "\x1f".join(parts).replace("\x00", "\ufffd")
    if len(name) <= 512:
        return name
    return f"{parts[0]}\x1f{hashlib.blake2b(name.encode('utf-8', 'surrogatepass'), digest_size=24).hexdigest()}"
