"""A session's memory while one call is judged: everything that is read is read once, so that all rules see the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agentpolicy.compiler.runtime import QuotaRow
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

    def __init__(self, memory: Memory, policy: Policy, call: ToolCall, agent: str | None, user: str | None) -> None:
        self.memory = memory
        self.policy = policy
        self.call = call
        self.failed: StateError | None = None
        self.effects: Sequence[Effect] = ()
        #: how the call ended, once that is known: ``ok`` or ``error``
        self.ended: str | None = None
        self._agent, self._user = agent, user
        self._situation: Situation | None = None
        self._head: Head | None = None
        self._now = 0.0
        self._back = False
        self._current: Effect | None = None
        self._changes: dict[tuple[str, bool], list[Effect]] | None = None
        self._beside = True  # whether what the call's own effects change is looked at
        self._windows: dict[str, tuple[int, counting.Window]] = {}
        self._pending: dict[str, float] = {}
        self._carrying: tuple[int, files.Carrying] | None = None
        self._sent: int | None = None
        self._traces: dict[tuple[str, int], tuple[Trace, Any]] = {}

    def begin(self, effects: Sequence[Effect], situation: Situation) -> None:
        """Say what is judged, in which situation."""
        self.effects = effects
        self._situation = situation

    @property
    def situation(self) -> Situation:
        """The situation that rules are asked in."""
        assert self._situation is not None, "begin() comes first"
        return self._situation

    # --- what rules ask ---------------------------------------------------------------------

    def judging(self, effect: Effect) -> None:
        """Say which effect is judged from here on."""
        self._current = effect

    def mark(self, key: str) -> bool | None:
        """Whether the session has a mark; unknown where another effect of the same call could change that."""
        return self._safely(lambda: self._mark(key))

    def source(self, effect: Effect, attribute: str, value: Any, origin: str) -> bool | None:
        """Whether a value came from an origin; one that is absent came from nobody, and from nowhere neither."""
        if value is None:
            return False
        return self._safely(lambda: self._source(effect, attribute, value, origin))

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

    def spent(self, key: str, effect: Effect) -> tuple[float | None, float | None]:
        """What was spent of a limit, a budget or an ``over``, and what an effect adds; None for what is not known."""
        return self._safely(lambda: self._spent(self.policy.quotas[key], effect)) or (None, None)

    def result(self, effect: Effect) -> str | None:
        """How an effect ended: known for one where the end of the whole call says so."""
        if self.ended == "ok":
            return "ok" if effect.implied else None
        return (
            "error"
            if self.ended == "error" and effect.sole and (effect.family == "exec" or len(self.effects) == 1)
            else None
        )

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
        return head.lost or any(not one["awaited"] and one["seen"] != "trusted" for one in head.open.values())

    def settled(self, key: str) -> bool | None:
        """Whether a mark is set, whatever calls under way may change."""
        return self.head().settled(key, self._now, back=self._back)

    def _mark(self, key: str) -> bool | None:
        found = self.head().mark(key, self._now, back=self._back)
        if not self._beside or len(self.effects) < 2:
            return found
        if found is not True and self._others(key, True):
            return None
        return None if found is not False and self._others(key, False) else found

    def _others(self, key: str, value: bool) -> bool:
        """Whether another effect of the call may set a mark to a value."""
        if self._changes is None:
            self._changes = {}
            self._beside = False
            try:
                for effect in self.effects:
                    for change in self._may_change(effect):
                        self._changes.setdefault(change, []).append(effect)
            finally:
                self._beside = True
        found = self._changes.get((key, value), ())
        return len(found) > 1 or (len(found) == 1 and found[0] is not self._current)

    def _may_change(self, effect: Effect) -> set[tuple[str, bool]]:
        """The marks that an effect may change, and to what."""
        found = {
            (row.key, not row.clear) for row in self.policy.marks if row.value(effect, self.situation) is not False
        }
        return found | {(mark, True) for mark in self.carried(effect).marks}

    def _source(self, effect: Effect, attribute: str, value: Any, origin: str) -> bool | None:
        return self.trace(effect, attribute, value).is_from(origin)

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
            sightings = self.memory.sightings(head, self.policy)
            approved = frozenset(head.approved.get(key[0], ()))
            unobserved = sightings.overflow or self.unobserved()
            traced = trace(value, sightings, unobserved=unobserved, approved=approved.__contains__)
            found = self._traces[key] = (traced, value)
        return found[0]

    def sightings(self) -> Sightings:
        """Every text that the session has seen."""
        return self.memory.sightings(self.head(), self.policy)

    # --- counting -----------------------------------------------------------------------------

    def _spent(self, quota: QuotaRow, effect: Effect) -> tuple[float | None, float | None]:
        """What was spent of a quota, earlier effects of the call included, and what an effect adds."""
        self.head()
        name = self.counted_under(quota, effect)
        if name is None:
            return None, None
        spent = self.window(name)[1].total(quota.seconds, self._now) + self._pending.get(name, 0)
        return spent, counting.amount_of(quota, effect, self.sent())

    def counted_under(self, quota: QuotaRow, effect: Effect) -> str | None:
        """The name in the store under which an effect is counted."""
        return counting.counted_under(quota, effect, self.call, self.memory.name, self._agent, self._user)

    def window(self, name: str) -> tuple[int, counting.Window]:
        """What was charged under a name, with its version in the store."""
        found = self._windows.get(name)
        if found is None:
            found = self._windows[name] = self.memory.window(name)
        return found

    def sent(self) -> int:
        """How many bytes the call may send."""
        if self._sent is None:
            self._sent = counting.bytes_out(self.call)
        return self._sent

    def count(self, effect: Effect) -> None:
        """Take an effect that was judged into account for those behind it."""
        for quota in self.policy.quotas.values():
            if quota.counts(effect, self.situation):
                name, amount = self.counted_under(quota, effect), counting.amount_of(quota, effect, self.sent())
                if name is not None and amount is not None:
                    self._pending[name] = self._pending.get(name, 0) + amount

    # --- files --------------------------------------------------------------------------------

    def carrying(self) -> tuple[int, files.Carrying]:
        """Which files carry marks and origins, with the version in the store."""
        if self._carrying is None:
            [(version, value)] = self.memory.read([files.KEY])
            try:
                self._carrying = (version, files.read(value))
            except ValueError as error:
                raise StateError(str(error)) from error
        return self._carrying

    def carried(self, effect: Effect) -> files.Carried:
        """What an effect brings back that was written earlier."""
        if not self.policy.carries or effect.action != "fs.read":
            return files.NOTHING
        return files.carried(effect, self.carrying()[1])


def place_of(effect: Effect, attribute: str) -> str:
    """The parameter of a tool, or the attribute of an action, for which a person approves a value."""
    return f"{getattr(effect, 'name', effect.action)}\x1f{attribute}"
