"""Calls and names as a person is shown them: short, and without characters that deceive."""

from __future__ import annotations

import orjson

from agentpolicy.checker.replay.runs import Call
from agentpolicy.effects.text import visible

#: Characters of one argument, and of a whole call, that are shown.
ARGUMENT = 60
CALL = 200


def short(text: str, most: int) -> str:
    """The text made visible, cut to a number of characters."""
    found = visible(text[: most + 1])
    return found if len(found) <= most else found[: most - 1] + "…"


def shown_call(call: Call) -> str:
    """A call on one line: ``send_email(recipients=["a@b.example"], body="…")``."""
    args = ", ".join(f"{short(str(name), ARGUMENT)}={_value(value)}" for name, value in call.args.items())
    return short(f"{short(call.tool, ARGUMENT)}({args})", CALL)


def _value(value: object) -> str:
    try:
        text = orjson.dumps(value, default=str).decode()
    except TypeError:
        # Numbers of more than 64 bits and halves of characters.
        text = repr(value)
    return short(text, ARGUMENT)
