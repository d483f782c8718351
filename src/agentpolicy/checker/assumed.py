"""A session that is only assumed: marks as they are given, texts that were heard, and nothing spent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any, Final

from attrs import field, frozen

from agentpolicy.compiler.remembered import Nothing
from agentpolicy.compiler.runtime import QuotaRow
from agentpolicy.effects.effect import Effect
from agentpolicy.engine import counting
from agentpolicy.engine.policy import Policy
from agentpolicy.engine.provenance import Sightings, Trace, Traced, identifiers, is_from, seen_in

#: Labels whose answers are still told apart together.
MOST_LABELS: Final = 8
#: What is tried for the values of one effect, at most.
MOST_HEARD: Final = 64
_KEY: Final = bytes(16)
#: A value that has an origin, for conditions that ask for one.
SAMPLE: Final = "x@other.example"

Marks = Mapping[str, "bool | None"]


@frozen
class Heard:
    """What a session has heard: texts with who said them, and whether some result was never shown."""

    texts: tuple[tuple[str, Any], ...] = ()
    unobserved: bool = False

    def then(self, other: Heard) -> Heard:
        """What two sessions have heard, one after the other."""
        return Heard(tuple(dict.fromkeys([*self.texts, *other.texts])), self.unobserved or other.unobserved)

    def shown(self) -> list[str]:
        """The same for a person."""
        said = {"user": "the user said", "untrusted": "text that is not trusted said"}
        lines = [f"{said.get(origin, f'a result of `{origin}` said')} {text!r}" for origin, text in self.texts]
        return [*lines, "a result was not shown"] if self.unobserved else lines


NOTHING_HEARD: Final = Heard()


@frozen
class Assumed(Nothing):
    """The state of a session as proofs assume it (``compiler.remembered.State``).

    Args:
        policy: whose limits are asked for.
        marks: by name, with the layer's in front; what is not there is not set.
        heard: what was said so far.
        context: who acts, for whom.
        ended: how effects ended, where that is asked for.
    """

    policy: Policy
    marks: Marks = field(factory=dict)
    heard: Heard = NOTHING_HEARD
    context: Mapping[str, Any] = field(factory=dict)
    ended: str | None = None

    def mark(self, key: str) -> bool | None:
        """Whether a mark is assumed to be set."""
        return self.marks.get(key, False)

    def source(self, effect: Effect, attribute: str, value: Any, origin: str, absent: bool) -> bool | None:
        """Whether a value came from an origin, after what was heard."""
        if value is None:
            return None if origin in {"user", "policy"} and not absent else False
        sightings = _sightings(self.heard.texts, tuple(self.policy.says))
        return is_from(value, origin, sightings, unobserved=self.heard.unobserved)

    def within(self, key: str, effect: Effect) -> bool | None:
        """Whether one effect alone is not too much."""
        quota, more = self._counted(key, effect)
        return None if more is None else more <= quota.amount and (quota.kind == "limit" or quota.amount > 0)

    def exceeds(self, key: str, effect: Effect) -> bool | None:
        """Whether one effect alone is too much."""
        quota, more = self._counted(key, effect)
        return None if more is None else more > quota.amount

    def result(self, effect: Effect) -> str | None:
        """How an effect is assumed to have ended."""
        return None if effect.opaque else self.ended

    def _counted(self, key: str, effect: Effect) -> tuple[QuotaRow, float | None]:
        quota = self.policy.quotas[key]
        if quota.per.startswith(".") and counting.attribute(effect, quota.per[1:]) is None:
            return quota, None
        if quota.per in {"agent", "user"} and self.context.get(f"{quota.per}.name") is None:
            return quota, None
        if quota.per == "host" and effect.family == "net" and getattr(effect, "host", None) is None:
            return quota, None
        return quota, counting.amount_of(quota, effect, 0)


@lru_cache(maxsize=4096)
def _sightings(texts: tuple[tuple[str, Any], ...], says: tuple[str, ...]) -> Sightings:
    found = Sightings(key=_KEY)
    if says:
        found.add("policy", seen_in(list(says), key=_KEY))
    for origin, text in texts:
        found.add(origin, seen_in(text, key=_KEY))
    return found


def ways_to_hear(values: Sequence[Any], origins: Sequence[str]) -> Iterator[Heard]:
    """What may have been heard of some values: nothing, the user or somebody else said them, a result is missing."""
    speakers = [None, "user", "untrusted", *(one for one in origins if one not in _ORIGINS)]
    told = [value for value in dict.fromkeys(filter(_hashable, values)) if identifiers(value)]
    left = MOST_HEARD
    for chosen in product(speakers, repeat=len(told)):
        if left <= 0:
            break
        left -= 1
        yield Heard(tuple((who, value) for who, value in zip(chosen, told, strict=True) if who is not None))
    yield Heard((), unobserved=True)


_ORIGINS: Final = frozenset({"user", "policy", "untrusted", "nowhere"})


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return value is not None


# --- answers that go together ---------------------------------------------------------


@lru_cache(maxsize=64)
def together(origins: tuple[str, ...]) -> frozenset[tuple[bool | None, ...]] | None:
    """What ``from`` may answer about one value, one answer for each origin; None where there are too many to tell."""
    labels = [one for one in origins if one not in _ORIGINS]
    if len(labels) > MOST_LABELS:
        return None
    (some, *_) = identifiers(SAMPLE)
    others = ["untrusted", "nowhere", "trusted", "\0another label", *labels]
    sets = [frozenset({"user"}), frozenset({"policy"})]
    sets += [
        frozenset(one for one, wanted in zip(others, chosen, strict=True) if wanted)
        for chosen in product((False, True), repeat=len(others))
        if any(chosen)
    ]
    traces = [Trace((Traced(some, one),), unobserved) for one in sets for unobserved in (False, True)]
    absent = tuple(False for _ in origins)
    return frozenset([absent, *(tuple(trace.is_from(one) for one in origins) for trace in traces)])
