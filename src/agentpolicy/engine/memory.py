"""What one session remembers, read from a store when a rule asks for it, and changed in one step.

What a call changes is written with the versions that were read: where somebody was faster, nothing is written and the
call is judged again.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import orjson

from agentpolicy.engine.counting import Window
from agentpolicy.engine.head import ENDED, Head
from agentpolicy.engine.provenance import Seen, Sightings, seen_in
from agentpolicy.engine.situation import Clock
from agentpolicy.stores import Change, Store

if TYPE_CHECKING:
    from agentpolicy.engine.policy import Policy

#: How long a session is kept after its last call, in seconds.
SESSION_SECONDS: Final = 7 * 86400
#: Windows that are held in readable form.
MOST_WINDOWS: Final = 256
#: How long its texts are, and how long it is known that a session has ended, in seconds.
TEXT_SECONDS: Final = 366 * 86400
ENDED_SECONDS: Final = 3600
#: Texts that are kept one by one before they are put together, and their bytes.
MOST_TEXTS: Final = 64
MOST_LOOSE: Final = 262_144
#: How often a change is tried anew because somebody was faster.
MOST_TRIES: Final = 200
_SECRET: Final = "secret"  # noqa: S105 - a key's name


_PLAIN: Final = re.compile(r"[A-Za-z0-9_.@-]{1,200}").fullmatch
#: Stands for a result that was not shown.
UNSEEN: Final = object()


class StateError(Exception):
    """The session's state could not be read or kept; the call that needed it is denied."""


class StateMoved(StateError):
    """Somebody put texts together while they were read; what is asked has to be asked again."""


class Memory:
    """The memory of one session and of its children.

    Args:
        store: where it is kept.
        id: the session's name; children share their parent's.
        clock: seconds since the epoch.
    """

    def __init__(self, store: Store, id: str, clock: Clock) -> None:
        self.store = store
        #: the session's name in keys of the store, no part of another's
        self.name = id if _PLAIN(id) else "#" + hashlib.blake2b(id.encode("utf-8", "surrogatepass")).hexdigest()
        self.clock = clock
        self._key = f"session:{self.name}"
        self._head = Head()
        self._sightings: Sightings | None = None
        self._folded = (0, 0, "")  # texts and base that were folded in, under which policy
        self._secret: bytes | None = None
        self._windows: dict[str, tuple[int, Window]] = {}
        #: whether calls were let go whose doings nobody could note: nothing is known of the session then
        self.blind = False
        #: whether a result that the agent may have seen could not be noted
        self.unheard = False
        self.lock = threading.RLock()
        #: who awaits the results of calls under way: nobody else can be sure that they are observed
        self.token = os.urandom(8).hex()
        #: whether the store has held this session: one that is gone then is no new one
        self._kept = False

    # --- reading ------------------------------------------------------------------------

    def read(self, keys: Sequence[str]) -> list[tuple[int, bytes | None]]:
        """What the store holds.

        Raises:
            StateError: it cannot answer.
        """
        try:
            return self.store.read(keys)
        except Exception as error:
            raise StateError(f"the store cannot answer: {error}") from error

    def head(self) -> Head:
        """The session's document as it is now.

        Raises:
            StateError: the store cannot answer, or has lost the session.
        """
        [(version, value)] = self.read([self._key])
        if version == self._head.version and version:
            return self._head
        if value is None and self._kept:
            raise StateError("the session's state is gone from the store")
        try:
            self._head = Head.read(version, value)
        except ValueError as error:
            raise StateError(str(error)) from error
        self._kept = self._kept or value is not None
        return self._head

    def write(self, head: Head, changes: Sequence[Change] = ()) -> bool:
        """Put a changed document and whatever goes with it in place; False where somebody was faster.

        Raises:
            StateError: the store cannot take it.
        """
        head.lost = head.lost or self.unheard or self.blind
        whole = [Change(self._key, head.version, head.dump(), SESSION_SECONDS), *changes]
        done = False
        try:
            done = self.store.write(whole)
        except Exception as error:
            raise StateError(f"the store cannot keep this: {error}") from error
        finally:
            if not done:
                self._sightings = None  # what was folded in on the way may not have happened
        self._kept = self._kept or done
        return done

    def window(self, name: str) -> tuple[int, Window]:
        """What was charged under a name, with its version.

        Raises:
            StateError: the store cannot answer, or holds something else.
        """
        [(version, value)] = self.read([name])
        known = self._windows.get(name)
        if known is None or known[0] != version:
            try:
                known = (version, Window.read(value))
            except ValueError as error:
                raise StateError(str(error)) from error
            if len(self._windows) >= MOST_WINDOWS:
                self._windows.clear()
            self._windows[name] = known
        return known

    def secret(self) -> bytes:
        """The key under which texts are hashed, made by whoever needs it first.

        Raises:
            StateError: the store cannot answer.
        """
        while self._secret is None:
            [(version, value)] = self.read([_SECRET])
            if value is None:
                try:
                    self.store.write([Change(_SECRET, version, os.urandom(16), None)])
                except Exception as error:
                    raise StateError(f"the store cannot keep this: {error}") from error
            else:
                self._secret = value
        return self._secret

    def sightings(self, head: Head, policy: Policy) -> Sightings:
        """Every text that the session has seen.

        Raises:
            StateError: the store cannot answer, or has lost some of them.
        """
        with self.lock:
            return self._sightings_of(head, policy)

    def _sightings_of(self, head: Head, policy: Policy) -> Sightings:
        (texts, base, digest), held = self._folded, self._sightings
        self._sightings = None  # half of it is nothing to go by
        if held is None or base != head.base or digest != policy.digest:
            secret = self.secret()
            held = Sightings(key=secret)
            if head.base:
                held = self._loaded(self._text(head, f"base:{head.base}:{self.name}"), secret)
            if policy.says:
                held.add("policy", seen_in(list(policy.says), key=secret))
            texts = head.base
        if texts < head.texts:
            keys = [f"text:{at}:{self.name}" for at in range(texts, head.texts)]
            for key, (_, value) in zip(keys, self.read(keys), strict=True):
                if value is None:
                    raise self._gone(head, key)
                origin, _, packed = value.partition(b"\0")
                try:
                    held.add(origin.decode(), Seen.unpack(packed))
                except ValueError as error:
                    raise StateError(f"`{key}` in the store cannot be read") from error
        self._sightings, self._folded = held, (max(texts, head.texts), head.base, policy.digest)
        return held

    def _loaded(self, value: bytes, secret: bytes) -> Sightings:
        try:
            # What the policy says is added anew: it may be another policy by now.
            blobs = {name: blob for name, blob in _unpacked(value).items() if name != "policy"}
            return Sightings.load(blobs, key=secret)
        except ValueError as error:
            raise StateError("what is kept of the session's texts cannot be read") from error

    def _text(self, head: Head, key: str) -> bytes:
        [(_, value)] = self.read([key])
        if value is None:
            raise self._gone(head, key)
        return value

    def _gone(self, head: Head, key: str) -> StateError:
        if self.head().base != head.base:
            return StateMoved("the session's texts were put together meanwhile")
        return StateError(f"`{key}` is gone from the store")

    def forget(self) -> None:
        """Take what was kept of the session out of the store; where that fails, it times out there."""
        for _ in range(MOST_TRIES):
            if self._forgotten():
                return

    def _forgotten(self) -> bool:
        """Whether that was done, or cannot be; False where somebody was faster."""
        try:
            head = self.head()
            keys = [f"base:{head.base}:{self.name}"]
            keys += [f"text:{at}:{self.name}" for at in range(head.base, head.texts)]
            found = self.read(keys)
            gone = [Change(key, version, None, None) for key, (version, _) in zip(keys, found, strict=True) if version]
            return self.store.write([Change(self._key, head.version, ENDED, ENDED_SECONDS), *gone])
        except Exception:
            return True

    def hear(self, origin: str, text: object, policy: Policy) -> None:
        """Note a text that is no call's result.

        Raises:
            StateError: the store cannot keep it.
        """
        if not policy.reads_sources:
            return
        seen = seen_in(text, key=self.secret())
        for _ in range(MOST_TRIES):
            with self.lock:
                try:
                    head = self.head().copy()
                    if self.write(head, self.texts(head, policy, origin, seen)):
                        return
                except StateMoved:
                    continue
        raise StateError("the session's state kept changing")

    # --- texts --------------------------------------------------------------------------

    def texts(self, head: Head, policy: Policy, origin: str, seen: Seen) -> list[Change]:
        """Note in a changed document that a text was seen: what else has to be written with it."""
        if seen.partial and origin != "user":
            head.lost = True
        if not seen.fingerprints and not seen.likenesses:
            return []
        value = origin.encode() + b"\0" + seen.pack()
        change = Change(f"text:{head.texts}:{self.name}", 0, value, TEXT_SECONDS)
        head.texts += 1
        head.loose += len(value)
        if head.texts - head.base < MOST_TEXTS and head.loose < MOST_LOOSE:
            return [change]
        # Put together what was kept one by one: the sum is bounded, and one more value in the store.
        before = head.copy()
        before.texts -= 1
        whole = self.sightings(before, policy)
        whole.add(origin, seen)
        self._folded = (head.texts, head.base, policy.digest)
        old = [f"text:{at}:{self.name}" for at in range(head.base, head.texts - 1)]
        old += [f"base:{head.base}:{self.name}"] if head.base else []
        known = zip(old, self.read(old), strict=True)
        gone = [Change(key, version, None, None) for key, (version, _) in known if version]
        head.base, head.loose = head.texts, 0
        return [
            Change(f"base:{head.base}:{self.name}", 0, _packed(whole.dump()), TEXT_SECONDS),
            *gone,
        ]


def _packed(parts: Mapping[str, bytes]) -> bytes:
    header = orjson.dumps([[name, len(part)] for name, part in parts.items()])
    return len(header).to_bytes(4, "big") + header + b"".join(parts.values())


def _unpacked(value: bytes) -> dict[str, bytes]:
    try:
        at = 4 + int.from_bytes(value[:4], "big")
        found: dict[str, bytes] = {}
        for name, length in orjson.loads(value[4:at]):
            found[str(name)] = value[at : at + length]
            at += length
    except TypeError as error:
        raise ValueError("not a list of parts") from error
    return found
