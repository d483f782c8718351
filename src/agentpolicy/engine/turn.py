"""One call's changes to its session: when it is let go, and when it has ended."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from agentpolicy.compiler.runtime import MarkRow
from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect
from agentpolicy.engine import counting, files
from agentpolicy.engine.head import KEEP, MOST_OPEN, Head
from agentpolicy.engine.memory import UNSEEN, StateError
from agentpolicy.engine.provenance import Seen, identifiers, seen_in
from agentpolicy.engine.view import View, place_of
from agentpolicy.stores import Change

#: What may become of a mark: values, or what it was.
Outcomes = frozenset[Any]
#: Words in the name of a tool that writes a file, one in an argument that holds all of it, and those that say that it
#: is only changed. A tool is taken to replace a file where the first two are there and none of the last.
_WRITES: Final = frozenset({"write", "save", "create", "overwrite", "put", "store"})
_CONTENTS: Final = frozenset({"content", "contents", "text", "data", "body", "file_text", "new_content"})
_PARTLY: Final = frozenset(
    """append add edit insert patch replace update modify undo prepend diff apply mode position line lines offset range
    edits old new start end chmod touch log chunk line entry journal block part section stream""".split()
)
#: Options under which what was to be deleted is gone where the status is 0.
_PLAIN_OPTION: Final = re.compile(r"-[frRv]+|--force|--recursive|--verbose|--").fullmatch
_WORDS: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])").findall


class Turn(View):
    """A view of a session's memory by which a call also changes it."""

    # --- letting a call go -----------------------------------------------------------------

    def let_through(self, call_id: str, *, origin: str, awaited: bool, approved: bool) -> bool:
        """Charge the call and note it as under way; False where somebody was faster.

        Args:
            call_id: the decision's id.
            origin: where the result's text comes from: ``trusted``, ``untrusted`` or a label.
            awaited: whether the result is sure to be observed before the agent sees it.
            approved: whether a person agreed to the call.

        Raises:
            StateError: the store cannot answer, or too many calls are under way.
        """
        with self.memory.lock:
            return self._let_through(call_id, origin, awaited, approved)

    def _let_through(self, call_id: str, origin: str, awaited: bool, approved: bool) -> bool:
        changes: dict[str, list[Any]] = {}
        for key, value in self.plan():
            changes.setdefault(key, []).append(value)
        self.started.clear()
        self.started.update(self._speaks)
        counted = any(self.counts(quota, effect) for quota in self.policy.quotas.values() for effect in self.effects)
        touched = self.policy.carries and any(one.action in {"fs.write", "fs.delete"} for one in self.effects)
        if not (changes or counted or touched or self.policy.reads_sources):
            # Nothing of it is for the session to keep; a policy that asks for origins later was not told of them.
            return self.memory.unheard or self._note_unheard()
        head = self.head().copy()
        if len(head.open) >= MOST_OPEN:
            raise StateError(f"{MOST_OPEN} calls of this session were let go and nobody has said how they ended")
        head.time = self._now
        brought: frozenset[str] = frozenset()
        for effect in self.effects:
            brought |= self.carried(effect).origins
        charges, waiting, writes = self._charges()
        seen = origin if brought <= {origin} else "untrusted"
        head.open[call_id] = {
            "changes": changes,
            "counts": charges,
            "bytes": waiting,
            "seen": seen,
            "awaited": self.memory.token if awaited else "",
        }
        writes += self._written(call_id, head, brought, origin)
        if approved:
            self._approve(head)
        return self.memory.write(head, writes)

    def _note_unheard(self) -> bool:
        """Note, once for a session, that something was not listened to; a store that fails stops no call here."""
        with suppress(StateError):
            head = self.head().copy()
            if not head.lost:
                head.lost = True
                if not self.memory.write(head):
                    return False
        self.memory.unheard = True
        return True

    def _charges(self) -> tuple[list[tuple[str, int | None, float, float]], list[tuple[str, int | None]], list[Change]]:
        """What is charged now, what is charged for what comes back, and the windows."""
        amounts: dict[tuple[str, int | None], float] = {}
        waiting: dict[tuple[str, int | None], None] = {}
        for effect in self.effects:
            for quota in self.policy.quotas.values():
                if not self.counts(quota, effect):
                    continue
                amount = counting.amount_of(quota, effect, self.sent())
                for name in self.charged_under(quota, effect):
                    if amount:
                        amounts[name, quota.seconds] = amounts.get((name, quota.seconds), 0.0) + amount
                    if quota.kind != "limit" and quota.of in {"in", "bytes"}:
                        waiting[name, quota.seconds] = None
        writes = [
            self._window_change(name, seconds, self.window(name)[1].charged(seconds, self._now, amount))
            for (name, seconds), amount in amounts.items()
        ]
        charges = [
            (name, seconds, self.window(name)[1].moment_of(self._now), amount)
            for (name, seconds), amount in amounts.items()
        ]
        return charges, list(waiting), writes

    def _window_change(self, name: str, seconds: int | None, window: counting.Window) -> Change:
        return Change(name, self.window(name)[0], window.dump(), counting.kept_for(name, seconds))

    def _approve(self, head: Head) -> None:
        if not self.policy.reads_sources:
            return
        with self.memory.lock:
            sightings = self.sightings()
            for effect in self.effects:
                if effect.family == "tool":
                    values = {f"arg.{name}": value for name, value in getattr(effect, "args", {}).items()}
                else:
                    values = {name: getattr(effect, name, None) for name in ("host", "path")}
                for name, value in values.items():
                    if value is not None:
                        found = [sightings.fingerprint(one.form) for one in identifiers(value)]
                        head.approve(place_of(effect, name), found)

    # --- files ---------------------------------------------------------------------------------

    def _written(self, call_id: str, head: Head, brought: frozenset[str], origin: str) -> list[Change]:
        """What files carry once the call may have written them; nothing is forgotten before it has ended well."""
        self.writers.clear()
        touched = {one.action: one for one in self.effects}
        if not self.policy.carries or touched.keys().isdisjoint({"fs.write", "fs.delete"}):
            return []
        version, known = self.carrying()
        names = (one.resolved for one in self.effects if isinstance(one, FileEffect) and one.resolved is not None)
        self.writers.update({name: known.last(name) for name in names})
        if "fs.write" not in touched:
            return []
        carries = self._carries(head, brought, origin)
        found = known.written(self.effects, carries, call_id)
        if found is known:
            return []
        if len(found.files) > files.MOST_FILES:
            raise StateError(f"more than {files.MOST_FILES} files carry marks or text that is not trusted")
        return [Change(files.KEY, version, found.dump(), None)]

    def _carries(self, head: Head, brought: frozenset[str], origin: str) -> files.Carried:
        """What a file that is written now carries: marks that make answers stricter, and where its text comes from.

        Having a mark that makes answers laxer is nothing that a file could bring.
        """
        uses = {row.key: row.use for row in self.policy.marks}
        marks: dict[str, bool] = {}
        for key, use in uses.items():
            state = head.mark(key, self._now, back=self._back)
            if use != "lax" and state is not False:
                marks[key] = state is True and use == "strict"
        return files.Carried(marks, self._origins_written(brought, origin))

    def _origins_written(self, brought: frozenset[str], origin: str) -> frozenset[str]:
        """Where what is written comes from. What commands and downloads write is whatever they were given."""
        if not self.policy.reads_sources:
            return frozenset()
        others = {effect.family for effect in self.effects} - {"fs", "tool"}
        if others or self.unobserved():
            return frozenset({"untrusted"})
        found = set(brought)
        if any(effect.action == "fs.read" for effect in self.effects):
            found.add(origin)
        shape = self.policy.tools.get(self.call.tool)
        names = set() if shape is None else {one for action, one, _, _ in shape.steps if action.startswith("fs")}
        values = {name: value for name, value in dict(self.call.args).items() if name not in names}
        with self.memory.lock:
            if self.sightings().overflow:
                return frozenset({"untrusted"})
        for effect in self.effects[:1]:
            for name, value in values.items():
                traced = self.trace(effect, f"written:{name}", value)
                found |= {one for one in ("untrusted", *self.policy.labels) if traced.is_from(one) is not False}
        return frozenset(found - {"trusted"})

    def _clean(self, head: Head, entry: Mapping[str, Any]) -> list[str]:
        """The files that carry nothing any more once the call has ended well: deleted, or written whole and clean."""
        names: list[str] = []
        whole = self._replaces() and not self._carries(head, frozenset(), entry["seen"])
        writes = [one for one in self.effects if isinstance(one, FileEffect) and one.action == "fs.write"]
        sure = all(map(_deletes_for_sure, self.effects))
        for effect in self.effects:
            if not isinstance(effect, FileEffect) or not effect.implied or effect.possible or effect.many:
                continue
            if effect.action == "fs.delete":
                # What the same call writes may come after it.
                gone = sure and not any(_may_be(one, effect) for one in writes)
            else:
                gone = effect.action == "fs.write" and whole
            if gone and effect.resolved is not None and effect.path == effect.resolved:
                names.append(effect.resolved)
        return names

    def _replaces(self) -> bool:
        """Whether what the call writes takes the place of all that was there."""
        words = {word.lower() for word in _WORDS(self.call.tool)}
        given = {name for name, value in dict(self.call.args).items() if value is not None}
        parts = {word.lower() for name in given - _CONTENTS for word in _WORDS(name)}
        only_files = all(effect.family in {"fs", "tool"} for effect in self.effects)
        return only_files and bool(words & _WRITES) and bool(given & _CONTENTS) and not (words | parts) & _PARTLY

    # --- when it has ended -------------------------------------------------------------------

    def again(self) -> Turn:
        """The same call once more, on the session as it is now."""
        other = Turn(self.memory, self.policy, self.call)
        other.begin(self.effects, [where.remembering(other) for where in self.situations])
        other.started, other.writers = self.started, self.writers
        return other

    def ended_with(self, call_id: str, ended: str, shown: Any, unseen: float = 0.0) -> bool:
        """Note how the call ended: ``ok``, ``error``, ``unknown`` or ``not run``, and what came back.

        ``unseen``: how many bytes came back where they were not shown.

        Returns:
            False where somebody was faster.

        Raises:
            StateError: the store cannot answer.
        """
        # Results are the host's objects: they are read once, while nobody waits.
        seen = None if shown is UNSEEN or not self.policy.reads_sources else seen_in(shown, key=self.memory.secret())
        size = unseen if shown is UNSEEN else counting.size_of(shown) if self.policy.quotas else 0.0
        with self.memory.lock:
            return self._ended_with(call_id, ended, seen, size)

    def _ended_with(self, call_id: str, ended: str, seen: Seen | None, size: float) -> bool:
        head = self.head().copy()
        head.time = self._now
        entry = head.open.pop(call_id, None)
        brings = ended != "not run" and any(self.carried(one).marks for one in self.effects)
        if entry is None and not self.policy.reads_sources and not brings:
            return True  # nothing of it was kept
        self._head = head  # what the call itself may change is settled here
        if ended == "not run":
            return entry is None or self._undo(call_id, head, entry)
        changes: list[Change] = []
        if entry is not None:
            self.ended = ended
            self._settle_marks(head)
            changes += self._received(entry, size)
            changes += self._files_after(call_id, self._clean(head, entry) if ended == "ok" else ())
        elif brings:
            # Another session wrote into what was read. Lines of marks had their turn, or none.
            self._apply(head, [], carried=True)
        origin = "untrusted" if entry is None else entry["seen"]
        if seen is None:
            head.lost = head.lost or origin != "trusted"
        else:
            changes += self.memory.texts(head, self.policy, origin, self._told(seen, origin))
        return self.memory.write(head, changes)

    def heard(self, call_id: str, part: Any) -> bool:
        """Note a part of what comes back, which the agent sees before the call has ended.

        Returns:
            False where somebody was faster.

        Raises:
            StateError: the store cannot answer.
        """
        seen = seen_in(part, key=self.memory.secret()) if self.policy.reads_sources else None
        size = counting.size_of(part) if self.policy.quotas else 0.0
        with self.memory.lock:
            head = self.head().copy()
            entry = head.open.get(call_id)
            changes = [] if entry is None else self._received(entry, size)
            if seen is not None:
                origin = "untrusted" if entry is None else entry["seen"]
                changes += self.memory.texts(head, self.policy, origin, self._told(seen, origin))
            return not changes or self.memory.write(head, changes)

    def _told(self, seen: Seen, origin: str) -> Seen:
        """What a result tells: what it says back of its own call vouches for nothing."""
        if origin == "untrusted":
            return seen
        return seen.without(seen_in([self.call.args, self.call.target], key=self.memory.secret()))

    def _settle_marks(self, head: Head) -> None:
        """Give marks their new values: first those that hang on no other, then the rest, which see them."""
        rows = self.policy.marks
        self._apply(head, [row for row in rows if not row.hangs], carried=True)
        hanging = [row for row in rows if row.hangs]
        if hanging:
            if len(self.effects) > 1:
                # Nobody knows in which order the effects of one call came.
                self._unsettled = frozenset(key for key, _ in self.plan())
            self._apply(head, hanging, carried=False)

    def _apply(self, head: Head, rows: Sequence[MarkRow], *, carried: bool) -> None:
        outcomes: dict[str, Outcomes] = {}
        matched: dict[str, list[MarkRow | None]] = {}
        for at, effect in enumerate(self.effects):
            for row in rows:
                value = self._became(row, at, self.speaks_of(row, effect))
                if value is not False:
                    wanted = not row.clear
                    outcome = frozenset({wanted} if value else {wanted, KEEP})
                    outcomes[row.key] = _after(outcomes.get(row.key), outcome)
                    matched.setdefault(row.key, []).append(row)
            for key, sure in (self.carried(effect).marks if carried else {}).items():
                outcomes[key] = _after(outcomes.get(key), frozenset({True} if sure else {True, KEEP}))
                matched.setdefault(key, []).append(None)  # lasts as long as the session
        for key, outcome in outcomes.items():
            self._set(head, key, outcome, [row for row in matched.get(key, ()) if row is None or not row.clear])

    def _became(self, row: MarkRow, at: int, now: bool | None) -> bool | None:
        """What a line says of an effect, by the session as it was when the call was let go, and as it is now.

        Where the two differ, the stricter counts; where it depends on the mark's use which that is, nobody knows.
        """
        started = self.started.get((row, at), False)
        if started is now or (row.waits and started is None):
            return now
        stricter = row.stricter
        if stricter is None:
            return None
        if stricter in {started, now}:
            return stricter
        return None

    def _set(self, head: Head, key: str, outcome: Outcomes, rows: Sequence[MarkRow | None]) -> None:
        """Give a mark its new value: unknown where there is more than one."""
        before = self.settled(key, head)
        values = {before if one == KEEP else one for one in outcome}
        if values == {before} and outcome != frozenset((True,)):
            return
        if values == {False}:
            head.marks.pop(key, None)
            return
        sure, until = self._lasting(key, rows)
        known = head.marks.get(key)
        use = self._use(key)
        if known is not None and before is not False and (use != "lax" or values != {True}):
            # What was there lasts at least as long as it did.
            until = _longer(until, known[2])
            if use == "strict" and known[0]:
                sure = _longer(sure, known[1])
        head.marks[key] = (1 if values == {True} else 0, sure, until)

    def _lasting(self, key: str, rows: Sequence[MarkRow | None]) -> tuple[float | None, float | None]:
        """Until when a mark that is set now is surely there, and until when it may be.

        A mark that makes answers stricter lasts as long as any line says that set it, one that makes them laxer as
        short.
        """
        seconds = [None if row is None else row.seconds for row in rows] or [None]
        known = [one for one in seconds if one is not None]
        longest = None if len(known) < len(seconds) else self._now + max(known)
        shortest = self._now + min(known) if known else None
        use = self._use(key)
        if use == "strict":
            return longest, longest
        return (shortest, shortest) if use == "lax" else (shortest, longest)

    def _use(self, key: str) -> str:
        """Whether having a mark makes answers ``strict``, ``lax``, or ``both``."""
        return next((row.use for row in self.policy.marks if row.key == key), "both")

    def _received(self, entry: Mapping[str, Any], size: float) -> list[Change]:
        """Bytes that came back, charged to what counts them."""
        if not size:
            return []
        return [
            self._window_change(name, seconds, self.window(name)[1].charged(seconds, self._now, size))
            for name, seconds in entry["bytes"]
        ]

    def _files_after(self, call_id: str, clean: Iterable[str]) -> list[Change]:
        """What files carry once the call has ended."""
        if not self.writers:
            return []
        version, known = self.carrying()
        found = known.ended(call_id).without({name: self.writers.get(name, "") for name in clean})
        return [] if found is known else [Change(files.KEY, version, found.dump(), None)]

    def _undo(self, call_id: str, head: Head, entry: Mapping[str, Any]) -> bool:
        """Give back what was charged; marks change only when a call has ended."""
        changes: list[Change] = []
        for name, seconds, moment, amount in entry["counts"]:
            window = self.window(name)[1].given_back(seconds, moment, amount)
            changes.append(self._window_change(name, seconds, window))
        changes += self._files_after(call_id, ())
        return self.memory.write(head, changes)


def _longer(one: float | None, other: float | None) -> float | None:
    """The later of two ends; None has none."""
    return None if one is None or other is None else max(one, other)


def _may_be(write: FileEffect, other: FileEffect) -> bool:
    """Whether what is written may be a file, or what is below it."""
    if write.resolved is None or other.resolved is None or write.possible:
        return True
    if write.resolved == other.resolved or write.resolved.startswith(other.resolved.rstrip("/") + "/"):
        return True
    return write.many and other.resolved.startswith(write.resolved.rstrip("/") + "/")


def _deletes_for_sure(effect: Effect) -> bool:
    """Whether a command has no option by which it may end well and leave what it was to delete (``-i``, ``--help``)."""
    return not isinstance(effect, ExecEffect) or all(
        word is not None and (not word.startswith("-") or _PLAIN_OPTION(word) is not None) for word in effect.argv or ()
    )


def _after(before: Outcomes | None, outcome: Outcomes) -> Outcomes:
    """What two effects of one call together may make of a mark; nobody knows which came last."""
    if before is None:
        return outcome
    both = [(first, second) for first in before for second in outcome]
    return frozenset(last if last != KEEP else other for one, two in both for last, other in ((one, two), (two, one)))
