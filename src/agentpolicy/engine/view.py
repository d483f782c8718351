"""A session's memory while one call is judged: everything that is read is read once, so that all rules see the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agentpolicy.compiler.runtime import MarkRow, QuotaRow
from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.effect import Effect
from agentpolicy.engine import counting, files
from agentpolicy.engine.head import Head
from agentpolicy.engine.memory import Memory, StateError
from agentpolicy.engine.provenance import Sightings, Trace, trace

if TYPE_CHECKING:
    from agentpolicy.engine.policy import Policy
    from agentpolicy.engine.situation import Situation

#: How far a clock may step back before what it says of durations is not trusted, in seconds.
STEP_BACK: Final = 2.0
T = TypeVar("T")


class View:
    """The memory of a session while one call is judged (``compiler.remembered.State``).

    ``failed`` is set where a rule needed something that could not be read: the call must be denied then.
    """

    def __init__(self, memory: Memory, policy: Policy, call: ToolCall) -> None:
        self.memory = memory
        self.policy = policy
        self.call = call
        self.failed: StateError | None = None
        self.effects: Sequence[Effect] = ()
        #: in what the call is judged: the session's own, then those of the sessions above it
        self.situations: Sequence[Situation] = ()
        #: how the call ended, once that is known: ``ok``, ``error`` or ``unknown``
        self.ended: str | None = None
        self._head: Head | None = None
        self._now = 0.0
        self._back = False
        self._current: Effect | None = None
        self._plan: dict[tuple[str, bool], list[Effect]] | None = None
        self._planning = False
        self._unsettled: frozenset[str] = frozenset()
        self._windows: dict[str, tuple[int, counting.Window]] = {}
        self._pending: dict[str, float] = {}
        self._carrying: tuple[int, files.Carrying] | None = None
        self._sent: float | None = None
        #: what each line of a mark said of each effect when the call was let go, by line and the effect's place
        self.started: dict[tuple[MarkRow, int], bool | None] = {}
        #: the files that the call writes or deletes, each with the call that wrote last what it carries
        self.writers: dict[str, str] = {}
        self._speaks: dict[tuple[MarkRow, int], bool | None] = {}
        self._traces: dict[tuple[str, int], tuple[Trace, Any]] = {}

    def begin(self, effects: Sequence[Effect], situations: Sequence[Situation]) -> None:
        """Say what is judged, in which situations."""
        self.effects = effects
        self.situations = situations

    # --- what rules ask ---------------------------------------------------------------------

    def judging(self, effect: Effect) -> None:
        """Say which effect is judged from here on."""
        self._current = effect

    def mark(self, key: str) -> bool | None:
        """Whether the session has a mark; unknown where another effect of the same call could change that."""
        return self._safely(lambda: self._mark(key))

    def source(self, effect: Effect, attribute: str, value: Any, origin: str, absent: bool) -> bool | None:
        """Whether a value came from an origin. One that is absent came from no text; whose it is nobody knows."""
        if value is None:
            return None if origin in {"user", "policy"} and not absent else False
        return self._safely(lambda: self.trace(effect, attribute, value).is_from(origin))

    def within(self, key: str, effect: Effect) -> bool | None:
        """Whether a limit or budget leaves room for an effect."""
        quota = self.policy.quotas[key]
        spent, more = self.spent(key, effect)
        if spent is None or more is None:
            return None
        return spent + more <= quota.amount and (quota.kind == "limit" or spent < quota.amount)

    def exceeds(self, key: str, effect: Effect) -> bool | None:
        """Whether an effect goes over what a rule watches."""
        quota = self.policy.quotas[key]
        spent, more = self.spent(key, effect)
        if spent is None:
            return None
        if more is None:
            return True if spent > quota.amount else None
        return spent + more > quota.amount

    def result(self, effect: Effect) -> str | None:
        """How an effect ended: known for one where the end of the whole call says so."""
        if self.ended == "ok":
            return "ok" if effect.implied else None
        one = effect.sole and (effect.family == "exec" or len(self.effects) == 1)
        return "error" if self.ended == "error" and one else None

    def spent(self, key: str, effect: Effect) -> tuple[float | None, float | None]:
        """What was spent of a quota, earlier effects of the call included, and what an effect adds; None: unknown."""
        quota = self.policy.quotas[key]
        return self._safely(lambda: self._spent(quota, effect)) or (None, None)

    def _safely(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except StateError as error:
            self.failed = self.failed or error
            return None

    # --- reading ------------------------------------------------------------------------------

    def head(self) -> Head:
        """The session's document.

        Raises:
            StateError: it cannot be read.
        """
        if self._head is None:
            head = self.memory.head()
            now = self.memory.clock() if self.call.time is None else self.call.time
            self._back = now < head.time - STEP_BACK
            self._now = max(now, head.time)
            self._head = head
        return self._head

    def unobserved(self) -> bool:
        """Whether the agent may have seen a result that was never shown here."""
        head = self.head()
        mine = self.memory.token
        under_way = (one["awaited"] != mine and one["seen"] != "trusted" for one in head.open.values())
        return head.lost or self.memory.blind or self.memory.unheard or any(under_way)

    def settled(self, key: str, head: Head) -> bool | None:
        """Whether a mark is set in a document, whatever calls under way may change."""
        return head.settled(key, self._now, back=self._back)

    # --- marks --------------------------------------------------------------------------------

    def _mark(self, key: str) -> bool | None:
        found = self.head().mark(key, self._now, back=self._back)
        if found is not True and self.memory.blind:
            return None  # nobody looked at what was let go
        if key in self._unsettled and (self._planning or self.ended is not None):
            return None
        if self._planning or self.ended is not None or len(self.effects) < 2:
            return found
        if found is not True and self._others(key, True):
            return None
        return None if found is not False and self._others(key, False) else found

    def _others(self, key: str, value: bool) -> bool:
        """Whether another effect of the call may make something of a mark."""
        found = self.plan().get((key, value), ())
        return len(found) > 1 or (len(found) == 1 and found[0] is not self._current)

    def plan(self) -> dict[tuple[str, bool], list[Effect]]:
        """What the call may make of marks before anything is known of its end, and which effects may.

        A mark that it may change is unknown to the lines that hang on it.
        """
        if self._plan is None:
            before, self._planning = self._current, True
            try:
                while True:
                    found = self._planned()
                    changed = frozenset(key for key, value in found if self.settled(key, self.head()) is not value)
                    if changed <= self._unsettled or not any(row.hangs for row in self.policy.marks):
                        break
                    self._unsettled |= changed
            finally:
                self._current, self._planning, self._unsettled = before, False, frozenset()
            self._plan = found
        return self._plan

    def _planned(self) -> dict[tuple[str, bool], list[Effect]]:
        found: dict[tuple[str, bool], list[Effect]] = {}
        self._speaks = {}
        for at, effect in enumerate(self.effects):
            changes: dict[tuple[str, bool], None] = {}
            for row in self.policy.marks:
                value = self.speaks_of(row, effect)
                if value is not False:
                    self._speaks[row, at] = value
                    changes[row.key, not row.clear] = None
            changes.update({(mark, True): None for mark in self.carried(effect).marks})
            for change in changes:
                found.setdefault(change, []).append(effect)
        return found

    def speaks_of(self, row: MarkRow, effect: Effect) -> bool | None:
        """Whether a line of a mark speaks of an effect: the stricter where the situations differ."""
        self._current = effect
        values = {row.value(effect, where) for where in self.situations}
        if len(values) == 1:
            return values.pop()
        return row.stricter if row.stricter in values else None

    # --- values -------------------------------------------------------------------------------

    def trace(self, effect: Effect, attribute: str, value: Any) -> Trace:
        """Where each identifier of a value came from.

        Raises:
            StateError: it cannot be read.
        """
        # Rules ask for several origins of one value; it is there as long as the call is.
        key = (place_of(effect, attribute), id(value))
        found = self._traces.get(key)
        if found is None:
            head = self.head()
            approved = frozenset(head.approved.get(key[0], ()))
            with self.memory.lock:
                sightings = self.sightings()
                unobserved = sightings.overflow or self.unobserved()
                traced = trace(value, sightings, unobserved=unobserved, approved=approved.__contains__)
            found = self._traces[key] = (traced, value)
        return found[0]

    def sightings(self) -> Sightings:
        """Every text that the session has seen; to be used under the memory's lock."""
        return self.memory.sightings(self.head(), self.policy)

    # --- counting -----------------------------------------------------------------------------

    def _spent(self, quota: QuotaRow, effect: Effect) -> tuple[float | None, float | None]:
        self.head()
        names = self.counted_under(quota, effect)
        if names is None or self.memory.blind:
            return None, None
        spent = max(
            self.window(name)[1].total(quota.seconds, self._now) + self._pending.get(name, 0.0) for name in names
        )
        return spent, counting.amount_of(quota, effect, self.sent())

    def counted_under(self, quota: QuotaRow, effect: Effect) -> tuple[str, ...] | None:
        """The names in the store under which an effect is counted."""
        agents = [where.agent_name for where in self.situations]
        user = self.situations[0].user_name
        return counting.counted_under(quota, effect, self.call, self.memory.name, agents, user)

    def charged_under(self, quota: QuotaRow, effect: Effect) -> tuple[str, ...]:
        """The same as far as they are known."""
        agents = [where.agent_name for where in self.situations if where.agent_name is not None]
        user = self.situations[0].user_name
        return counting.counted_under(quota, effect, self.call, self.memory.name, agents, user) or ()

    def counts(self, quota: QuotaRow, effect: Effect) -> bool:
        """Whether an effect is counted, in any of the situations."""
        self._current = effect
        return any(quota.counts(effect, where) for where in self.situations)

    def window(self, name: str) -> tuple[int, counting.Window]:
        """What was charged under a name, with its version in the store."""
        found = self._windows.get(name)
        if found is None:
            found = self._windows[name] = self.memory.window(name)
        return found

    def sent(self) -> float:
        """How many bytes the call may send."""
        if self._sent is None:
            self._sent = counting.bytes_out(self.call)
        return self._sent

    def count(self, effect: Effect) -> None:
        """Take an effect that was judged into account for those behind it."""
        self._safely(lambda: self._count(effect))

    def _count(self, effect: Effect) -> None:
        for quota in self.policy.quotas.values():
            if self.counts(quota, effect):
                amount = counting.amount_of(quota, effect, self.sent())
                for name in self.charged_under(quota, effect) if amount is not None else ():
                    self._pending[name] = self._pending.get(name, 0.0) + (amount or 0.0)

    # --- files --------------------------------------------------------------------------------

    def carrying(self) -> tuple[int, files.Carrying]:
        """Which files carry marks and origins, with the version in the store."""
        if self._carrying is None:
            [(version, value)] = self.memory.read([files.KEY])
            try:
                self._carrying = (version, files.Carrying.read(value))
            except ValueError as error:
                raise StateError(str(error)) from error
        return self._carrying

    def carried(self, effect: Effect) -> files.Carried:
        """What an effect brings back that was written earlier."""
        if not self.policy.carries or effect.action != "fs.read":
            return files.NOTHING
        found = self.carrying()[1].by(effect)
        if not found.marks:
            return found
        # Having a mark that makes answers laxer under this policy is nothing that a file could bring.
        uses = {row.key: row.use for row in self.policy.marks}
        marks = {key: sure and uses.get(key) != "both" for key, sure in found.marks.items() if uses.get(key) != "lax"}
        return files.Carried(marks, found.origins)


def place_of(effect: Effect, attribute: str) -> str:
    """The parameter of a tool, or the attribute of an action, for which a person approves a value."""
    return f"{getattr(effect, 'name', effect.action)}\x1f{attribute}"
