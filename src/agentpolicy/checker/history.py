"""What happened in a session before the call that is explained: lines as ``agentpolicy decide`` reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import frozen

from agentpolicy.checker.bench import Bench, Circumstances
from agentpolicy.effects.call import ToolCall
from agentpolicy.engine.memory import UNSEEN


@frozen
class Said:
    """What the user said."""

    text: str


@frozen
class Done:
    """A call that was made. ``result`` is ``ok``, ``error``, ``not run``, or None for one that is still under way."""

    call: ToolCall
    result: str | None = "ok"
    returned: Any = UNSEEN


@frozen
class Text:
    """A text that the session has seen, and where it came from."""

    origin: str
    text: Any


def replay(bench: Bench, where: Circumstances, before: Iterable[Said | Done]) -> tuple[Text, ...]:
    """Let a session come to where it was; a call that the policy does not allow changes nothing.

    Raises:
        FactError: a fact that the policy does not declare, or of the wrong type.
    """
    seen: list[Text] = []
    for one in before:
        if isinstance(one, Said):
            bench.said(one.text, where)
            seen.append(Text("user", one.text))
            continue
        decision = bench.answer(one.call, where).decision
        if not decision.allowed or one.result == "not run":
            continue
        bench.done(decision, where, one.result, one.returned)
        if one.result is not None and one.returned is not UNSEEN:
            seen.append(Text(bench.origin_of(one.call), one.returned))
    return tuple(seen)
