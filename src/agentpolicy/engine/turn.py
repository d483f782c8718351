"""One call's changes to its session: when it is let go, and when it has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agentpolicy.compiler.runtime import MarkRow
from agentpolicy.effects.effect import Effect, ExecEffect
from agentpolicy.engine import counting, files
from agentpolicy.engine.head import Head
from agentpolicy.engine.memory import SESSION_SECONDS, UNSEEN, StateError
from agentpolicy.engine.provenance import Seen, identifiers, is_from, seen_in
from agentpolicy.engine.situation import Situation
from agentpolicy.engine.view import View, place_of
from agentpolicy.stores import Change

#: What a mark may become: set, cleared, or what it was.
KEEP: Final = "keep"
Outcomes = frozenset[Any]
#: Words in a tool's name, and arguments, that say that a file is changed in part.
_PARTLY: Final = frozenset({"append", "edit", "insert", "patch", "replace", "update", "add", "modify", "undo"})
_PARTLY_ARGUMENTS: Final = frozenset(
    {"old_str", "new_str", "old_string", "new_string", "insert_line", "patch", "append", "offset", "edits", "diff"}
)


class Turn(View):
    """A view of a session's memory by which a call also changes it."""

    # --- letting a call go -----------------------------------------------------------------

    def let_through(self, call_id: str, *, origin: str, awaited: bool, approved: bool) -> bool:
        """Charge, set marks, and note the call as under way; False where somebody was faster.

        Args:
            call_id: the decision's id.
            origin: where the result's text comes from: ``trusted``, ``untrusted`` or a label.
            awaited: whether the result is sure to be observed before the agent sees it.
            approved: whether a person agreed to the call.

        Raises:
            StateError: the store cannot answer.
        """
        head = self.head().copy()
        head.time = self._now
        was: dict[str, bool | None] = {}
        may: dict[str, list[bool]] = {}
        changes: dict[str, Outcomes] = {}
        origins: frozenset[str] = frozenset()
        for effect in self.effects:
            self.judging(effect)
            for row in self.policy.marks:
                outcome = self._outcome(row, effect)
                if outcome is None:
                    continue
                if row.waits:
                    may.setdefault(row.key, []).append(not row.clear)
                else:
                    changes[row.key] = _after(changes.get(row.key), outcome)
            carried = self.carried(effect)
            origins |= carried.origins
            for key, sure in carried.marks.items():
                changes[key] = _after(changes.get(key), frozenset({True} if sure else {True, KEEP}))
        for key, outcome in changes.items():
            was[key] = self.settled(key)
            self._set(head, key, outcome, call_id)
        charges, writes = self._charges()
        writes += self._written(head)
        if approved:
            self._approve(head)
        seen = origin if origins <= {origin} else "untrusted"
        head.begin(call_id, {"was": was, "may": may, "counts": charges, "seen": seen, "awaited": awaited})
        return self.memory.write(head, writes)

    def _outcome(self, row: MarkRow, effect: Effect) -> Outcomes | None:
        """What a mark's line makes of an effect; None where it does not speak of it."""
        value = row.value(effect, self.situation)
        if value is False:
            return None
        wanted = not row.clear
        return frozenset({wanted} if value else {wanted, KEEP})

    def _set(self, head: Head, key: str, outcome: Outcomes, call_id: str) -> None:
        """Give a mark its new value: unknown where there is more than one."""
        before = head.settled(key, self._now, back=self._back)
        values = {before if one == KEEP else one for one in outcome}
        if values == {before}:
            if before is True and True in outcome:
                head.marks[key] = (1, self._until(key), call_id)  # it lasts anew
            return
        if values == {False}:
            head.marks.pop(key, None)
        else:
            head.marks[key] = (1 if values == {True} else 0, self._until(key), call_id)

    def _until(self, key: str) -> float | None:
        """When a mark that is set now goes: the longest that any line says."""
        lasting = [row.seconds for row in self.policy.marks if row.key == key and not row.clear]
        if not lasting or None in lasting:
            return None
        return self._now + max(one for one in lasting if one is not None)

    def _charges(self) -> tuple[list[tuple[str, float, float]], list[Change]]:
        """What is charged, and the windows with it."""
        charges: list[tuple[str, float, float]] = []
        windows: dict[str, tuple[counting.Window, int | None]] = {}
        self._pending = {}
        for effect in self.effects:
            self.judging(effect)
            for quota in self.policy.quotas.values():
                if not quota.counts(effect, self.situation):
                    continue
                name, amount = self.counted_under(quota, effect), counting.amount_of(quota, effect, self.sent())
                if name is None or amount is None:
                    continue
                window = windows[name][0] if name in windows else self.window(name)[1]
                windows[name] = (window.charged(quota, self._now, amount), quota.seconds)
                charges.append((name, self._now, amount))
            self.count(effect)
        return charges, [self._window_change(name, *found) for name, found in windows.items()]

    def _window_change(self, name: str, window: counting.Window, seconds: int | None) -> Change:
        # What is counted by agent, user or machine without a window is never forgotten.
        lasts = SESSION_SECONDS if name.startswith("count:session:") else None
        ttl = lasts if seconds is None else max(seconds * 2, 60)
        return Change(name, self.window(name)[0], window.dump(), ttl)

    def _written(self, head: Head) -> list[Change]:
        """What files carry after the call."""
        if not self.policy.carries or not any(one.action in {"fs.write", "fs.delete"} for one in self.effects):
            return []
        marks = {
            key: state is True
            for key in head.marks
            if (state := head.settled(key, self._now, back=self._back)) is not False
        }
        carries = files.Carried(marks, self._origins_written())
        version, known = self.carrying()
        found = files.written(known, self.effects, carries, whole=self._replaces())
        if found == known:
            return []
        if len(found) > files.MOST_FILES:
            raise StateError(f"more than {files.MOST_FILES} files carry marks or text that is not trusted")
        return [Change(files.KEY, version, files.dump(found), None)]

    def _origins_written(self) -> frozenset[str]:
        """Where what is written comes from: what commands write is whatever they were given."""
        if not self.policy.reads_sources:
            return frozenset()
        if self._runs() or self.unobserved():
            return frozenset({"untrusted"})
        shape = self.policy.tools.get(self.call.tool)
        names = set() if shape is None else {one for action, one, _, _ in shape.steps if action.startswith("fs")}
        values = [value for name, value in dict(self.call.args).items() if name not in names]
        sightings = self.sightings()
        return frozenset(
            origin for origin in ("untrusted", *self.policy.labels) if is_from(values, origin, sightings) is not False
        )

    def _runs(self) -> bool:
        return any(isinstance(effect, ExecEffect) for effect in self.effects)

    def _replaces(self) -> bool:
        """Whether what the call writes takes the place of all that was there."""
        words = {*self.call.tool.lower().replace("-", "_").replace("/", "_").split("_")}
        given = {name for name, value in dict(self.call.args).items() if value is not None}
        return not self._runs() and not words & _PARTLY and not given & _PARTLY_ARGUMENTS

    def _approve(self, head: Head) -> None:
        if not self.policy.reads_sources:
            return
        sightings = self.sightings()
        for effect in self.effects:
            if effect.family == "tool":
                for name, value in getattr(effect, "args", {}).items():
                    found = [sightings.fingerprint(one.form) for one in identifiers(value)]
                    if found:
                        head.approve(place_of(effect, f"arg.{name}"), found)

    # --- when it has ended -------------------------------------------------------------------

    def again(self, situation: Situation) -> Turn:
        """The same call once more, on the session as it is now."""
        other = Turn(self.memory, self.policy, self.call, self._agent, self._user)
        other.begin(self.effects, situation.remembering(other))
        return other

    def ended_with(self, call_id: str, ended: str, shown: Any) -> bool:
        """Note how the call ended, and what came back; False where somebody was faster.

        Raises:
            StateError: the store cannot answer.
        """
        seen: Seen | None = None
        if shown is not UNSEEN and self.policy.reads_sources:
            seen = seen_in(shown, key=self.memory.secret())
        received = 0 if shown is UNSEEN else counting.size_of(shown)
        return self.settle(call_id, ended, received, seen)

    def settle(self, call_id: str, ended: str, received: int, seen: Seen | None) -> bool:
        """Note how the call ended; False where somebody was faster.

        Args:
            call_id: the decision's id.
            ended: ``ok``, ``error`` or ``not run``.
            received: how many bytes came back.
            seen: what the result holds; None where it was not shown.

        Raises:
            StateError: the store cannot answer.
        """
        head = self.head().copy()
        head.time = self._now
        entry = head.open.pop(call_id, None)
        self._head = head  # its own changes are settled to it
        if ended == "not run":
            return entry is None or self._undo(head, call_id, entry)
        self.ended = ended
        changes: list[Change] = []
        if entry is not None:
            outcomes: dict[str, Outcomes] = {}
            for effect in self.effects:
                self.judging(effect)
                for row in self.policy.marks:
                    outcome = self._outcome(row, effect) if row.waits else None
                    if outcome is not None:
                        outcomes[row.key] = _after(outcomes.get(row.key), outcome)
            for key, outcome in outcomes.items():
                self._set(head, key, outcome, call_id)
            changes += self._received(received)
        if self.policy.reads_sources:
            origin = "untrusted" if entry is None else entry["seen"]
            if seen is not None:
                if origin != "untrusted":
                    # What a result says back of its own call vouches for nothing.
                    seen = seen.without(seen_in([self.call.args, self.call.target], key=self.memory.secret()))
                changes += self.memory.texts(head, self.policy, origin, seen)
            elif origin != "trusted":
                head.lost = True
        return self.memory.write(head, changes)

    def _received(self, received: int) -> list[Change]:
        """Bytes that came back, charged to what counts them."""
        windows: dict[str, tuple[counting.Window, int | None]] = {}
        for effect in self.effects:
            for quota in self.policy.quotas.values():
                if quota.kind == "limit" or quota.of not in {"in", "bytes"} or not received:
                    continue
                if quota.counts(effect, self.situation) and (name := self.counted_under(quota, effect)) is not None:
                    window = windows[name][0] if name in windows else self.window(name)[1]
                    windows[name] = (window.charged(quota, self._now, received), quota.seconds)
        return [self._window_change(name, *found) for name, found in windows.items()]

    def _undo(self, head: Head, call_id: str, entry: Mapping[str, Any]) -> bool:
        """Give back what was charged, and take back the marks that nobody else has set since."""
        for key, before in entry["was"].items():
            mark = head.marks.get(key)
            if mark is None or mark[2] == call_id:
                if before is False:
                    head.marks.pop(key, None)
                elif mark is not None or before is not None:
                    head.marks[key] = (1 if before else 0, self._until(key), call_id)
        windows: dict[str, counting.Window] = {}
        for name, moment, amount in entry["counts"]:
            known = windows[name] if name in windows else self.window(name)[1]
            windows[name] = known.given_back(moment, amount)
        changes = [Change(name, self.window(name)[0], found.dump(), SESSION_SECONDS) for name, found in windows.items()]
        return self.memory.write(head, changes)


def _after(before: Outcomes | None, outcome: Outcomes) -> Outcomes:
    """What two effects of one call together may make of a mark; nobody knows which came last."""
    if before is None:
        return outcome
    return frozenset(
        second if second != KEEP else first for first, second in [(a, b) for a in before for b in outcome]
    ) | frozenset(second if second != KEEP else first for first, second in [(b, a) for a in before for b in outcome])
