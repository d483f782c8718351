"""From a tool to a guess: of what kind it is, which of its parameters matter, and how sure that is."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, TypeAlias

from attrs import evolve, frozen

from agentpolicy.checker.draft import roles
from agentpolicy.checker.draft.effects import Does, Setting, answers_for, attached, effects_of
from agentpolicy.checker.draft.names import is_bare, is_word, listed, own_name, words
from agentpolicy.checker.draft.tool import Tool, Tools
from agentpolicy.checker.draft.verbs import Verb, stricter_in, verb_of
from agentpolicy.checker.draft.words import (
    CHOOSERS,
    DRAFTS,
    ENDINGS,
    FETCHING,
    KEYS_OF,
    MEMORY,
    MONEY,
    OPENED,
    OWN,
    OWN_PAIRS,
    PERSONAL,
    READING,
    REMOVALS,
    SECRETS,
    SEEN_BY_OTHERS,
    SETTINGS,
    SHOWN_NOUNS,
    STAYS,
    Kind,
)

Confidence: TypeAlias = Literal["high", "medium", "low"]


@frozen
class Guess:
    """What a tool seems to be.

    Attributes:
        tool: the tool.
        kind: what it is for, which decides its rules.
        confidence: how sure that is.
        why: what it was told from, in words.
        destinations: parameters that say to whom or where something goes.
        contents: parameters whose text somebody reads.
        targets: parameters that say what is changed, removed or set.
        does: effects on this machine, or with it.
        only: whether these effects answer for the tool.
        own: whether it shows the user's own data, which may be trusted.
        always: whether every call is asked about.
    """

    tool: Tool
    kind: Kind
    confidence: Confidence
    why: str
    destinations: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    does: tuple[Does, ...] = ()
    only: bool = False
    own: bool = False
    always: bool = False


def classify(tools: Tools) -> tuple[Guess, ...]:
    """A guess for each tool, in the order of the list."""
    setting = Setting.of(tools.tools)
    return tuple(guess(one, setting) for one in tools.tools)


def guess(tool: Tool, setting: Setting | None = None) -> Guess:
    """What one tool seems to be.

    Names decide. Descriptions and the hints of a server are claims: they make a guess stricter, never looser.
    """
    verb = verb_of(words(own_name(tool.name)))
    does, known = effects_of(tool, verb, setting or Setting.of((tool,)))
    if does and (known or verb is None or answers_for(does, verb, words(tool.name))):
        found = _reaching(_by_effects(tool, does, verb, known))
    else:
        found = _taking_along(_by_name(tool), (*does, *attached(tool)))
    found = _with_claims(found)
    asked = (*found.destinations, *found.contents, *found.targets)
    if found.kind not in {"look", "make", "unknown"} and not all(is_word(one) for one in asked):
        # A rule cannot read what it cannot name.
        return evolve(found, always=True, confidence="low")
    return found


def declarable(tool: Tool) -> bool:
    """Whether the language has names and types for all parameters that a call must give."""
    return not tool.loose and all(is_word(one.name) and one.type is not None for one in tool.parameters if one.required)


# --- by effects --------------------------------------------------------------------------


def _by_effects(tool: Tool, does: tuple[Does, ...], verb: Verb | None, known: bool) -> Guess:
    """A guess from what the tool does on this machine."""
    families = {one.action.partition(".")[0] for one in does}
    named = tuple(dict.fromkeys(one.parameter for one in does))
    if not declarable(tool) or not all(is_bare(one) for one in named):
        why = f"it acts through {listed(named)}, and has parameters that no policy can declare"
        return Guess(tool, "unknown", "low", why)
    said = f"its name says `{verb.word}`" if verb is not None else "its name says what it does"
    said = "tools of this name are well known" if known else said
    found = Guess(tool, "file", "high" if known else "medium", f"{said}; it acts through {listed(named)}", only=True)
    found = evolve(found, does=does)
    if "exec" in families:
        return evolve(found, kind="run")
    if "sql" in families:
        return evolve(found, kind="sql")
    if "net" in families:
        urls = tuple(dict.fromkeys(one.parameter for one in does if one.action.startswith("net")))
        sends = any(one.action.startswith("net") and one.action not in READING for one in does)
        return evolve(found, kind="web", destinations=urls, contents=roles.contents(tool, urls) if sends else ())
    return evolve(found, targets=tuple(dict.fromkeys(one.parameter for one in does if one.action == "fs.delete")))


def _reaching(found: Guess) -> Guess:
    """A tool that acts on this machine and has a recipient, a host or the like besides: its effects are not all."""
    tool = found.tool
    acted = {name for one in found.does for name in (one.parameter, one.place) if name is not None}
    others = tuple(one for one in roles.destinations(tool, weak=False) if one not in acted)
    if found.kind == "unknown" or not others:
        return found
    to = (*found.destinations, *others)
    told = f"{found.why}; it has {listed(others)} besides"
    return evolve(found, why=told, destinations=to, contents=roles.contents(tool, (*to, *acted)), only=False)


def _taking_along(found: Guess, does: tuple[Does, ...]) -> Guess:
    """A tool that reads files of this machine for what else it does."""
    if not does or found.kind in {"look", "unknown", "run"}:
        return found
    if not declarable(found.tool) or not all(is_bare(one.parameter) for one in does):
        return evolve(found, always=True, confidence="low")
    return evolve(found, does=does)


# --- by name -----------------------------------------------------------------------------


def _by_name(tool: Tool) -> Guess:
    said = words(own_name(tool.name))
    strong = roles.destinations(tool, weak=False)
    verb = verb_of(said, addressed=bool(strong))
    if verb is None:
        if said and said[-1] in SHOWN_NOUNS and not strong:
            return Guess(tool, "look", "low", f"its name says no verb, and ends in `{said[-1]}`", own=_is_own(said))
        return Guess(tool, "unknown", "low", "its name holds no verb that is known")
    kind, why = _kind(tool, verb, said, bool(strong))
    doubtful = verb.also and not verb.joined
    confidence: Confidence = "low" if doubtful else "high" if verb.sure and verb.word == said[0] else "medium"
    found = Guess(tool, kind, confidence, why)
    hidden = tool.loose or (verb.word in FETCHING and any(one.type is None for one in tool.parameters))
    if hidden and kind in {"look", "make"}:
        return _doubted(found, "what it takes is not all known")
    match kind:
        case "look":
            return evolve(found, own=_is_own(said))
        case "make":
            return _make(found, said)
        case "act":
            return _act(found, verb)
        case "pay":
            return _pay(found, verb)
        case "lose":
            return _lose(found, verb, strong)
        case "settings":
            return _settings(found, verb)
        case "unknown":
            return evolve(found, confidence="low")
        case _:
            return evolve(found, why=f"{why}, and no parameter tells what runs", always=True)


def _kind(tool: Tool, verb: Verb, said: tuple[str, ...], strong: bool) -> tuple[Kind, str]:
    """The kind of a tool from its verb and the nouns beside it, and why."""
    why = f"its name says `{verb.word}`" + (f" and also `{verb.also}`" if verb.also else "")
    kind = verb.kind
    nouns = [word for word in said if word != verb.word]
    key = any(before in KEYS_OF and after in {"key", "keys"} for before, after in pairwise(said))
    if kind == "look" and verb.word in {"open", "load"} and OPENED.isdisjoint(nouns):
        return "unknown", f"{why}, which may mean anything"
    if kind == "look":
        secret = (said[-1] in SECRETS or key) and verb.word != "count"
        return ("settings" if secret else "look"), why
    if kind in {"make", "lose"}:
        about = SETTINGS | PERSONAL if "user" in nouns else SETTINGS
        setting = next((word for word in nouns if word in about), "key" if key else "")
        if setting:
            return "settings", f"{why} and `{setting}`"
    if kind in {"make", "lose"} and verb.word in {"set", "start"} and not STAYS.isdisjoint(nouns):
        return "make", why
    if kind == "make" and verb.word not in DRAFTS and not SEEN_BY_OTHERS.isdisjoint(nouns):
        return "act", f"{why}, and others see what it makes"
    amount = bool(roles.has_amount(tool))
    money = not MONEY.isdisjoint(nouns)
    if kind in {"make", "act"} and (money or (amount and strong)):
        return "pay", f"{why}, and it is about money"
    if kind == "lose" and verb.word not in ENDINGS and (money or amount) and (money or strong) and (strong or amount):
        return "pay", f"{why}, and it is about money"
    if kind == "make" and strong:
        return "act", f"{why}, and other people or places are among its parameters"
    return kind, why


def _make(found: Guess, said: tuple[str, ...]) -> Guess:
    sure: Confidence = "medium" if found.confidence == "high" else found.confidence
    if MEMORY.isdisjoint(said):
        return evolve(found, confidence=sure, why=f"{found.why}, and nothing says that anybody gets it")
    kept = roles.texts(found.tool)
    return evolve(found, confidence=sure, why=f"{found.why}, and the agent reads it again later", contents=kept)


def _act(found: Guess, verb: Verb) -> Guess:
    tool = found.tool
    strong = roles.destinations(tool, weak=False)
    to = roles.destinations(tool, weak=True, choosing=verb.word in CHOOSERS) or roles.identifiers(tool)
    sure = found.confidence if strong else _less(found.confidence)
    return _addressed(evolve(found, confidence=sure), to)


def _pay(found: Guess, verb: Verb) -> Guess:
    tool = found.tool
    to, which = roles.destinations(tool, weak=True), roles.identifiers(tool)
    if verb.kind == "lose" or not to:
        to = tuple(dict.fromkeys((*to, *which)))
    return _addressed(found, to or roles.texts(tool))


def _addressed(found: Guess, to: tuple[str, ...]) -> Guess:
    """A guess with where it goes and what it carries; without a destination every call is asked about."""
    carried = roles.contents(found.tool, to)
    if to:
        told = f"where it goes is told by {listed(to)}"
        return evolve(found, why=f"{found.why}; {told}", destinations=to, contents=carried)
    told = "no parameter tells where it goes"
    return evolve(found, why=f"{found.why}; {told}", contents=carried, confidence="low", always=True)


def _lose(found: Guess, verb: Verb, strong: tuple[str, ...]) -> Guess:
    tool = found.tool
    what = roles.targets(tool)
    sure = found.confidence if roles.identifiers(tool) else _less(found.confidence)
    told = f"what it changes is told by {listed(what)}" if what else "no parameter tells what it changes"
    to = () if verb.word in REMOVALS else tuple(one for one in strong if one not in what)
    return evolve(found, confidence=sure, why=f"{found.why}; {told}", destinations=to, targets=what, always=not what)


def _settings(found: Guess, verb: Verb) -> Guess:
    if verb.kind == "look":
        return evolve(found, why=f"{found.why}, and it shows a secret", always=True)
    what = roles.values(found.tool)
    told = f"; it sets {listed(what)}" if what else ""
    return evolve(found, why=found.why + told, targets=what, always=not what)


def _less(confidence: Confidence) -> Confidence:
    return "medium" if confidence == "high" else "low"


def _is_own(said: tuple[str, ...]) -> bool:
    return bool(OWN & set(said)) or any(pair in OWN_PAIRS for pair in pairwise(said))


# --- claims ------------------------------------------------------------------------------


def _with_claims(found: Guess) -> Guess:
    """What descriptions and hints add; they only make a guess stricter."""
    tool = found.tool
    if tool.reads_only and found.kind not in {"look", "file", "web", "sql"}:
        return evolve(found, why=f"{found.why}; its server says that it only reads, which its name does not")
    reads = found.kind in {"file", "web", "sql"} and all(one.action in READING for one in found.does)
    if not reads and found.kind not in {"look", "make"}:
        return found
    kind: Kind = "make" if found.kind == "make" else "look"
    other = stricter_in(tool.about, kind)
    if tool.destroys:
        doubt = "its server says that it can destroy something"
    elif tool.reads_only is False and kind == "look":
        doubt = "its server says that it does not only read"
    elif other:
        doubt = f"its description says `{other}`"
    else:
        return found
    if reads:
        return evolve(found, why=f"{found.why}, but {doubt}", confidence="low", always=True)
    return _doubted(found, doubt)


def _doubted(found: Guess, doubt: str) -> Guess:
    return Guess(found.tool, "unknown", "low", f"{found.why}, but {doubt}")
