"""What the parameters of a tool are to a call: where it goes, what it carries, what it is about."""

from __future__ import annotations

from collections.abc import Iterable

from agentpolicy.checker.draft.names import words
from agentpolicy.checker.draft.tool import Parameter, Tool
from agentpolicy.checker.draft.words import (
    ADDRESSED,
    AMOUNTS,
    CONTENTS,
    IDS,
    MAIL,
    ORIGINS,
    PATHS,
    STRONG,
    TAILS,
    TIMES,
    WEAK,
)

#: Parameters that one rule asks about.
MOST_ASKED = 12


def destinations(tool: Tool, *, weak: bool, choosing: bool = False) -> tuple[str, ...]:
    """The parameters that say to whom or where something goes.

    Args:
        tool: the tool.
        weak: whether words count that say so only of tools that act, such as ``hotel`` and ``project``.
        choosing: whether a plain ``name`` is what is booked or called.
    """
    found = [one.name for one in tool.parameters if _is_destination(one, weak)]
    if choosing and not found:
        found = [one.name for one in tool.parameters if one.name == "name"]
    return tuple(found[:MOST_ASKED])


def _is_destination(one: Parameter, weak: bool) -> bool:
    said = words(one.name)
    if one.type == "bool" or not said or said[0] in ORIGINS or said[-1] in AMOUNTS:
        return False
    if one.format in {"email", "idn-email"}:
        return True
    if said[0] == "to":
        return said[-1] not in TIMES
    if said in {("reply", "to"), ("send", "to"), ("share", "with"), ("invite",)}:
        return True
    head, identified = _head(said)
    if identified and head in MAIL:
        return False
    if said[-1] not in CONTENTS and (head in STRONG or (weak and head in WEAK)):
        return True
    about = one.about[:200].lower()
    return one.type != "number" and not about.startswith("sender") and any(word in about for word in ADDRESSED)


def _head(said: tuple[str, ...]) -> tuple[str, bool]:
    """The word that counts, without ``_name`` and the like behind it; whether an ``_id`` was among those."""
    identified = False
    at = len(said) - 1
    while at > 0 and said[at] in TAILS:
        identified = identified or said[at] in IDS - {"number"}
        at -= 1
    return said[at], identified


def identifiers(tool: Tool) -> tuple[str, ...]:
    """The parameters that name one thing by its id."""
    return tuple([one.name for one in tool.parameters if one.type != "bool" and _last(one) in IDS][:MOST_ASKED])


def _last(one: Parameter) -> str:
    return (words(one.name) or ("",))[-1]


def contents(tool: Tool, besides: Iterable[str]) -> tuple[str, ...]:
    """The parameters whose text somebody reads."""
    other = frozenset(besides)
    found: list[str] = []
    for one in tool.parameters:
        said = words(one.name)
        textual = one.type in {None, "text", "[text]"}
        if one.name not in other and textual and said and said[-1] in CONTENTS and not one.choices:
            found.append(one.name)
    return tuple(found[:MOST_ASKED])


def targets(tool: Tool) -> tuple[str, ...]:
    """The parameters that say what is changed or removed; what stands in its place is not among them."""
    found = identifiers(tool)
    if found:
        return found
    named = [one for one in tool.parameters if one.type != "bool"]
    paths = [one.name for one in named if _last(one) in PATHS]
    must = [one.name for one in named if one.required and _last(one) not in CONTENTS - {"title", "subject"}]
    return tuple((paths or must)[:MOST_ASKED])


def values(tool: Tool) -> tuple[str, ...]:
    """The parameters that hold something to be set: all but truth values and choices from a list."""
    return tuple([one.name for one in tool.parameters if one.type != "bool"][:MOST_ASKED])


def texts(tool: Tool) -> tuple[str, ...]:
    """The texts that a call must give."""
    must = [one.name for one in tool.parameters if one.required and one.type in {"text", "[text]", None}]
    return tuple(must[:MOST_ASKED])


def has_amount(tool: Tool) -> str:
    """The parameter that says how much; empty where there is none."""
    for one in tool.parameters:
        said = words(one.name)
        if one.type == "number" and said and said[-1] in AMOUNTS - {"quantity"}:
            return one.name
    return ""
