"""Where fingerprints were seen, in bounded memory: exact for what vouches, a filter for what is untrusted."""

from __future__ import annotations

import sys
import zlib
from array import array
from typing import Final

from agentpolicy.engine.provenance.fingerprints import hasher, unpacked
from agentpolicy.engine.provenance.observe import Seen
from agentpolicy.engine.provenance.tables import FILTER_WORDS, SMALLEST, Filter, Table, fill, to_filter

USER: Final = "user"
POLICY: Final = "policy"
TRUSTED: Final = "trusted"
UNTRUSTED: Final = "untrusted"
NOWHERE: Final = "nowhere"

BY_USER: Final = 1
BY_POLICY: Final = 2
BY_UNTRUSTED: Final = 4

#: Slots of the exact tables, eight bytes each, three quarters of which are used.
USER_SLOTS: Final = 16_384
POLICY_SLOTS: Final = 8_192
#: Slots of all tables of trusted results and labels together.
LABEL_SLOTS: Final = 32_768
#: Slots of the exact table of untrusted text; what is past it is kept in the filter.
UNTRUSTED_SLOTS: Final = 32_768
#: Labels of one session.
MOST_LABELS: Final = 64
#: Bytes that one session holds at most.
MOST_BYTES: Final = 8 * (USER_SLOTS + POLICY_SLOTS + LABEL_SLOTS + FILTER_WORDS)

_EXACT: Final = b"e"
_FILTER: Final = b"f"


class Sightings:
    """All that one session has seen, by origin. Not safe to share between threads.

    At most `MOST_BYTES` are held. Past its bound untrusted text is still seen, by a filter that answers yes too often;
    the user's and the policy's words are dropped past theirs, so that they vouch for less. ``overflow`` says that
    something was left out whose absence could make an answer laxer: ask with ``unobserved`` from then on.
    """

    __slots__ = ("_labels", "_of", "_untrusted", "overflow", "policy", "user")

    def __init__(self, *, key: bytes) -> None:
        self._of = hasher(key).of
        self.user = Table()
        self.policy = Table()
        self._labels: dict[str, Table] = {}
        self._untrusted: Table | Filter = Table()
        self.overflow = False

    @property
    def labels(self) -> tuple[tuple[str, Table], ...]:
        """The labels that were seen, ``trusted`` among them, each with its fingerprints."""
        return tuple(self._labels.items())

    def where(self, form: str) -> int:
        """By whom a form was seen: bits `BY_USER`, `BY_POLICY`, `BY_UNTRUSTED`."""
        fingerprint = self._of(form)
        return (
            (BY_USER if self.user.count and fingerprint in self.user else 0)
            | (BY_POLICY if self.policy.count and fingerprint in self.policy else 0)
            | (BY_UNTRUSTED if fingerprint in self._untrusted else 0)
        )

    def fingerprint(self, form: str) -> int:
        """The fingerprint of a form under this session's key."""
        return self._of(form)

    def add(self, origin: str, seen: Seen) -> None:
        """Fold in what one text holds.

        ``origin`` is ``user``, ``policy``, ``trusted``, ``untrusted`` or a label.

        Raises:
            ValueError: the origin is ``nowhere`` or empty.
        """
        if origin in {NOWHERE, ""}:
            raise ValueError(f"nothing is ever seen under the origin `{origin}`")
        if origin == USER:
            fill(self.user, unpacked(seen.fingerprints), USER_SLOTS)
        elif origin == POLICY:
            fill(self.policy, unpacked(seen.fingerprints), POLICY_SLOTS)
        elif origin == UNTRUSTED:
            self.overflow |= seen.partial
            self._see(unpacked(seen.fingerprints))
            self._see(unpacked(seen.likenesses))
        else:
            self.overflow |= seen.partial or not self._note(origin, unpacked(seen.fingerprints))

    def size(self) -> int:
        """Bytes held by the tables."""
        tables = [self.user, self.policy, *self._labels.values()]
        held = self._untrusted
        return 8 * (sum(len(one.slots) for one in tables) + len(held.slots if isinstance(held, Table) else held.words))

    def dump(self) -> dict[str, bytes]:
        """All of it by origin, for `load`. The key ``!`` says whether something was left out."""
        blobs = {USER: self.user.dump(), POLICY: self.policy.dump()}
        blobs.update((name, table.dump()) for name, table in self._labels.items())
        held = self._untrusted
        if isinstance(held, Table):
            blobs[UNTRUSTED] = _EXACT + held.dump()
        else:
            words = array("Q", held.words)
            if sys.byteorder == "big":
                words.byteswap()
            blobs[UNTRUSTED] = _FILTER + zlib.compress(words.tobytes(), 1)
        blobs["!"] = b"\x01" if self.overflow else b""
        return {name: blob for name, blob in blobs.items() if blob}

    @classmethod
    def load(cls, blobs: dict[str, bytes], *, key: bytes) -> Sightings:
        """What `dump` wrote, under the same key.

        Raises:
            ValueError: a blob is damaged.
        """
        found = cls(key=key)
        for origin, blob in blobs.items():
            if origin == "!":
                found.overflow |= bool(blob)
            elif origin == UNTRUSTED:
                found._restore(blob)
            else:
                found.add(origin, Seen(blob))
        return found

    def _restore(self, blob: bytes) -> None:
        if blob[:1] == _EXACT:
            self._see(unpacked(blob[1:]))
            return
        if blob[:1] != _FILTER:
            raise ValueError("the stored sightings of untrusted text are damaged")
        try:
            raw = zlib.decompressobj().decompress(blob[1:], 8 * FILTER_WORDS + 1)
        except zlib.error as error:
            raise ValueError("the stored sightings of untrusted text are damaged") from error
        if len(raw) != 8 * FILTER_WORDS:
            raise ValueError("the stored sightings of untrusted text have another size")
        held = Filter()
        held.words = unpacked(raw)
        before = self._untrusted
        if isinstance(before, Table):
            for one in before.slots:
                if one:
                    held.add(one)
        self._untrusted = held

    def _see(self, fingerprints: array[int]) -> None:
        held = self._untrusted
        for at, one in enumerate(fingerprints):
            if isinstance(held, Filter):
                for rest in fingerprints[at:]:
                    held.add(rest)
                return
            if held.full:
                if len(held.slots) < UNTRUSTED_SLOTS:
                    held.grow()
                else:
                    self._untrusted = held = to_filter(held)
            held.add(one)

    def _note(self, label: str, fingerprints: array[int]) -> bool:
        """Keep what a label holds; False where some of it had to be dropped."""
        table = self._labels.get(label)
        others = sum(len(one.slots) for one in self._labels.values())
        if table is None:
            if len(self._labels) >= MOST_LABELS or others + SMALLEST > LABEL_SLOTS:
                return False
            table = self._labels[label] = Table()
        else:
            others -= len(table.slots)
        return fill(table, fingerprints, LABEL_SLOTS - others)
