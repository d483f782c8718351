"""From where a value came: the origins of its identifiers, and what `from` answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from attrs import field, frozen

from agentpolicy.engine.provenance.common import too_common
from agentpolicy.engine.provenance.identifier import Forms, Identifier
from agentpolicy.engine.provenance.identifiers import identifiers_by_item
from agentpolicy.engine.provenance.normal import fold, unescape, words_of
from agentpolicy.engine.provenance.observe import MOST_CHARACTERS
from agentpolicy.engine.provenance.sightings import (
    BY_POLICY,
    BY_UNTRUSTED,
    BY_USER,
    NOWHERE,
    POLICY,
    TRUSTED,
    UNTRUSTED,
    USER,
    Sightings,
)

Approved = Callable[[int], bool]

_MINE: Final = frozenset((USER, POLICY))
_BY_ME: Final = BY_USER | BY_POLICY
_NOWHERE: Final = frozenset((NOWHERE,))
_UNTRUSTED: Final = frozenset((UNTRUSTED,))
#: Kinds of which one word may be two that were seen.
_SINGLE: Final = frozenset(("name", "key", "account"))
#: Characters of the halves of such a word, and of such a word at most.
_SHORTEST_HALF: Final = 4
_LONGEST_JOINED: Final = 64
_USER: Final = frozenset((USER,))
_POLICY: Final = frozenset((POLICY,))


def origin_of(identifier: Identifier, sightings: Sightings) -> frozenset[str]:
    """All origins under which an identifier was seen, empty where it was seen nowhere.

    One that was never seen whole has the origins of its parts.
    """
    judge = _Judge(sightings, False, None)
    waiting, found = [identifier], set[str]()
    while waiting:
        one = waiting.pop()
        origins = judge.whole(one)
        found |= origins
        if not origins:
            waiting.extend(part for part in one.parts if not part.common)
    return frozenset(found)


def is_from(
    value: object,
    origin: str,
    sightings: Sightings,
    *,
    unobserved: bool = False,
    approved: Approved | None = None,
) -> bool | None:
    """Whether a value comes from an origin: ``user``, ``policy``, ``untrusted``, ``nowhere`` or a label.

    ``unobserved``: some result was never shown, or the sightings overflowed. ``approved`` says of a fingerprint whether
    people approved that identifier in this session: it then counts as the user's. None: that cannot be told.
    """
    if value is None:
        return None if origin in _MINE else False
    return trace(value, sightings, unobserved=unobserved, approved=approved).is_from(origin)


@frozen
class Traced:
    """One identifier of a value and the origins that count, ``nowhere`` among them."""

    identifier: Identifier
    origins: frozenset[str]


@frozen
class Trace:
    """A value's identifiers with their origins: answers every `from` about the value."""

    found: tuple[Traced, ...]
    unobserved: bool = False
    absent: bool = field(default=False)
    #: whether it has words of the model's own, which nobody said
    own: bool = False

    def is_from(self, origin: str) -> bool | None:
        """Whether the value comes from an origin, as `is_from` says."""
        if self.absent:
            return None if origin in _MINE else False
        if origin == USER:
            return not self.own and all(not one.origins.isdisjoint(_MINE) for one in self.found)
        if origin == POLICY:
            return not self.own and all(POLICY in one.origins for one in self.found)
        others = [one.origins for one in self.found if one.origins.isdisjoint(_MINE)]
        if origin == UNTRUSTED:
            return bool(others) if self.unobserved else any(UNTRUSTED in one for one in others)
        if origin == NOWHERE:
            made_up = any(NOWHERE in one for one in others)
            return (None if made_up else False) if self.unobserved else made_up
        if not any(origin in one for one in others):
            return False
        if self.unobserved:
            return None
        return True if all(one <= {origin, TRUSTED} for one in others) else None


def trace(value: object, sightings: Sightings, *, unobserved: bool = False, approved: Approved | None = None) -> Trace:
    """The identifiers of a value, each with the origins that count."""
    if value is None:
        return Trace((), unobserved, absent=True)
    judge = _Judge(sightings, unobserved, approved)
    found: dict[tuple[str, str], Traced | None] = {}
    own = False
    for item, several in identifiers_by_item(value):
        bare = True
        for one in several:
            key = one.kind, one.form
            if key not in found:
                origins = judge.origins(one)
                # A passage that was not seen is the model's own words, which have no origin.
                told = one.kind != "passage" or NOWHERE not in origins or unobserved
                found[key] = Traced(one, origins) if told else None
            bare = bare and found[key] is None
        own = own or (bare and _unsaid(item, sightings))
    return Trace(tuple(one for one in found.values() if one is not None), unobserved, own=own)


def _unsaid(value: object, sightings: Sightings) -> bool:
    """Whether a text without identifiers has words that neither the user nor the policy said, common ones apart."""
    if not isinstance(value, str):
        return False
    words = {word for word in words_of(fold(unescape(value[:MOST_CHARACTERS]))) if not too_common(word)}
    return any(one not in sightings.user and one not in sightings.policy for one in map(sightings.fingerprint, words))


class _Judge:
    """Judges the identifiers of one value; looks every form up once."""

    __slots__ = ("_approved", "_fingerprint", "_known", "_labels", "_unobserved", "_where")

    def __init__(self, sightings: Sightings, unobserved: bool, approved: Approved | None) -> None:
        self._where = sightings.where
        self._fingerprint = sightings.fingerprint
        self._unobserved = unobserved
        self._approved = approved
        self._labels = sightings.labels
        self._known: dict[str, int] = {}

    def origins(self, identifier: Identifier) -> frozenset[str]:
        """The origins that count: the user's word beats all, and what was seen whole is judged whole."""
        if self._approved is not None and self._approved(self._fingerprint(identifier.form)):
            return _USER
        found = self.whole(identifier)
        mine = found & _MINE
        if mine:
            return mine
        if identifier.common:
            return _NOWHERE
        if found:
            return found
        if len(identifier.wholes) == 1 and identifier.kind in _SINGLE and self._joined(identifier.form):
            return _UNTRUSTED
        return self._of_parts(identifier)

    def _of_parts(self, identifier: Identifier) -> frozenset[str]:
        judged = [self.origins(one) for one in identifier.parts]
        if identifier.kind == "passage":
            # Sentences that were not seen are the model's own words.
            judged = [one for one in judged if NOWHERE not in one]
        others = [one for one in judged if one.isdisjoint(_MINE)]
        if others:
            told = frozenset[str]().union(*others)
            if identifier.kind == "name" and UNTRUSTED not in told and self._pair_seen(identifier):
                return told | {UNTRUSTED}
            return told
        # The user said every part. What was not observed may hold the whole all the same.
        if not judged or not identifier.assembled or self._unobserved:
            return _NOWHERE
        return _POLICY if all(POLICY in one for one in judged) else _USER

    def _pair_seen(self, identifier: Identifier) -> bool:
        """Whether two words of a name that the user never said together follow each other in untrusted text."""
        return any(self._mask(one) == BY_UNTRUSTED for one in _pairs_of(identifier))

    def whole(self, identifier: Identifier) -> frozenset[str]:
        """The origins under which an identifier was seen whole."""
        found: set[str] = set()
        for forms in identifier.wholes:
            self._seen_under(forms, found)
        if UNTRUSTED not in found:
            for forms in identifier.likes:
                if self._like(forms):
                    found.add(UNTRUSTED)
                    break
        return frozenset(found)

    def _joined(self, word: str) -> bool:
        """Whether one word is two written in one, each long enough to tell, that untrusted text holds."""
        if not (2 * _SHORTEST_HALF <= len(word) <= _LONGEST_JOINED and word.isalnum()):
            return False
        for at in range(_SHORTEST_HALF, len(word) - _SHORTEST_HALF + 1):
            first = self._mask(word[:at])
            if first:
                second = self._mask(word[at:])
                if second and BY_UNTRUSTED in {first, second}:
                    return True
        return False

    def _mask(self, form: str) -> int:
        mask = self._known.get(form)
        if mask is None:
            mask = self._known[form] = self._where(form)
        return mask

    def _seen_under(self, forms: Forms, found: set[str]) -> None:
        """Add the origins under which all of some forms were seen.

        What the user or the policy said may stand between what another origin said: that one told the rest.
        """
        every, mine, by_untrusted = BY_USER | BY_POLICY | BY_UNTRUSTED, True, True
        tables = self._labels
        for form in forms:
            mask = self._mask(form)
            every &= mask
            if not mask & _BY_ME:
                mine = False
                by_untrusted = by_untrusted and bool(mask)
                if tables:
                    fingerprint = self._fingerprint(form)
                    tables = tuple([one for one in tables if fingerprint in one[1]])
                if not by_untrusted and not tables:
                    return
        if mine:
            if every & BY_POLICY:
                found.add(POLICY)
            if every & BY_USER or not every & BY_POLICY:
                found.add(USER)
            if every & BY_UNTRUSTED:
                found.add(UNTRUSTED)
            found.update(name for name, table in tables if all(self._fingerprint(form) in table for form in forms))
            return
        if by_untrusted:
            found.add(UNTRUSTED)
        found.update(name for name, _ in tables)

    def _like(self, forms: Forms) -> bool:
        masks = [self._mask(form) for form in forms]
        return all(masks) and any(mask == BY_UNTRUSTED for mask in masks)


def _pairs_of(identifier: Identifier) -> Iterable[str]:
    """The pairs of words that a name is looked for by."""
    return next((one for one in identifier.wholes if len(one) > 1), identifier.wholes[-1])
