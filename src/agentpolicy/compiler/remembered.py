"""What a session remembers, as compiled policies and the reference evaluator ask for it."""

from __future__ import annotations

from typing import Any, Protocol

from agentpolicy.effects.effect import Effect


class State(Protocol):
    """The memory of one session while one call is judged. True, False, or None for unknown."""

    def judging(self, effect: Effect) -> None:
        """Say which effect is judged from here on."""

    def count(self, effect: Effect) -> None:
        """Take an effect that was judged into account for those of the same call behind it."""

    def mark(self, key: str) -> bool | None:
        """Whether the session has a mark, named with its layer (``layer:mark``)."""

    def source(self, effect: Effect, attribute: str, value: Any, origin: str, absent: bool) -> bool | None:
        """Whether a value came from an origin; ``attribute`` says where in the effect it stands, ``""`` elsewhere.

        ``absent``: whether a value that is not there counts as not the user's, where else that is not known.
        """

    def within(self, key: str, effect: Effect) -> bool | None:
        """Whether a limit or budget leaves room for an effect."""

    def exceeds(self, key: str, effect: Effect) -> bool | None:
        """Whether an effect goes over what a rule watches."""

    def result(self, effect: Effect) -> str | None:
        """How an effect ended, ``ok`` or ``error``, once that was observed."""


class Nothing:
    """No session: everything about one is unknown."""

    __slots__ = ()

    def judging(self, effect: Effect) -> None:
        """Nothing depends on it."""

    def count(self, effect: Effect) -> None:
        """Nothing is counted."""

    def mark(self, key: str) -> bool | None:
        """Unknown."""
        return None

    def source(self, effect: Effect, attribute: str, value: Any, origin: str, absent: bool) -> bool | None:
        """Unknown."""
        return None

    def within(self, key: str, effect: Effect) -> bool | None:
        """Unknown."""
        return None

    def exceeds(self, key: str, effect: Effect) -> bool | None:
        """Unknown."""
        return None

    def result(self, effect: Effect) -> str | None:
        """Unknown."""
        return None


NOTHING = Nothing()
