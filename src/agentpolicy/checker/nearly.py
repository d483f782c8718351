"""Why a rule does or does not match one effect: the pattern, exception or condition that it fails on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

from attrs import evolve, frozen

from agentpolicy.checker.bench import reads_rights
from agentpolicy.compiler import reference
from agentpolicy.compiler.expression import suffix_of
from agentpolicy.compiler.remembered import Nothing
from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect, ToolEffect
from agentpolicy.engine.view import View
from agentpolicy.language import checked as c
from agentpolicy.language import tree as t
from agentpolicy.language.check import operands, walk_test

Truth: TypeAlias = bool | None
PartKind: TypeAlias = Literal["pattern", "exception", "condition", "count", "rights", "opaque", "answered"]
#: Patterns and values that one sentence names at most.
MOST_NAMED = 4
_UNKNOWN = object()


@frozen
class Part:
    """One part of a rule that keeps it from matching. ``value`` is False, or None where it cannot be told."""

    kind: PartKind
    text: str
    place: c.Place
    value: Truth


@frozen
class Weighed:
    """A rule held against an effect.

    ``parts`` are empty where it matches; ``notes`` say what it found in the session then.
    """

    layer: c.Layer
    rule: c.CheckedRule
    value: Truth
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def only(self) -> PartKind | None:
        """The one kind of part that it fails on, None where there are several."""
        kinds: set[PartKind] = {part.kind for part in self.parts}
        return kinds.pop() if len(kinds) == 1 else None


def weigh(
    layer: c.Layer,
    rule: c.CheckedRule,
    bindings: reference.Bindings,
    effect: Effect,
    situation: reference.Situation,
) -> Weighed:
    """Hold a rule against an effect of one of its actions, part by part."""
    value = reference.match_rule(layer, rule, bindings, effect, situation)
    answered = rule.effect == "allow" and isinstance(effect, ToolEffect) and effect.answered
    rights = rule.effect == "allow" and isinstance(effect, ExecEffect) and effect.guarded and not reads_rights(rule)
    if value and not rights and not answered:
        return Weighed(layer, rule, True, notes=tuple(_notes(layer, rule, bindings, effect, situation)))
    parts: list[Part] = []
    known = rule.effect == "allow" and effect.opaque

    def alone(**only: Any) -> tuple[Truth, _Seen]:
        bare: dict[str, Any] = {"subject": None, "excepts": (), "condition": None, "quotas": (), **only}
        if known:
            bare["condition"] = _and_opaque(bare["condition"], rule.place)
        seen = _Seen()
        return reference.match_rule(layer, evolve(rule, **bare), bindings, effect, situation, seen), seen

    if answered:
        parts.append(Part("answered", "what the tool does answers for it (`does only`)", rule.place, False))
    if rule.subject is not None:
        held, _ = alone(subject=rule.subject)
        if held is not True:
            parts.append(Part("pattern", _no_pattern(rule.subject, held), rule.place, held))
    for glob in rule.excepts:
        kept, _ = alone(excepts=(glob,))
        if kept is not True:
            verb = "matches" if kept is False else "may match"
            parts.append(Part("exception", f'the exception "{shown_pattern(glob)}" {verb}', glob.place, kept))
    if rule.condition is not None:
        met, seen = alone(condition=rule.condition)
        if met is not True:
            for node, wanted in blamed(rule.condition, seen, every=rule.effect == "allow"):
                found = seen.of(node, wanted, every=rule.effect == "allow")
                text = describe_test(layer, node, found, effect, bindings.params, situation)
                parts.append(Part("condition", text, node.place, met))
    for at, quota in enumerate(rule.quotas):
        left = counted(layer, rule, at, effect, situation)
        if left is not True:
            text = describe_count(layer, rule, at, effect, situation)
            parts.append(Part("count", text, quota.place, left))
    if rights:
        text = "the command has rights or variables of its own, and the rule reads neither `elevated` nor `env`"
        parts.append(Part("rights", text, rule.place, False))
    if not parts and known:
        why = f" ({effect.why})" if effect.why else ""
        text = f"a part of it is not known{why}, and the rule does not say `opaque`"
        parts.append(Part("opaque", text, rule.place, None))
    return Weighed(layer, rule, False if any(part.value is False for part in parts) else value and None, tuple(parts))


def _notes(
    layer: c.Layer,
    rule: c.CheckedRule,
    bindings: reference.Bindings,
    effect: Effect,
    situation: reference.Situation,
) -> Iterator[str]:
    """What a rule that matches found in the session: marks, origins, and what is counted."""
    if rule.condition is not None:
        seen = _Seen()
        reference.match_rule(layer, rule, bindings, effect, situation, seen)
        for node in leaves(rule.condition):
            if isinstance(node, c.HasMark | c.From):
                value = seen.of(node, True, every=False)
                yield describe_test(layer, node, value, effect, bindings.params, situation)
    for at in range(len(rule.quotas)):
        yield describe_count(layer, rule, at, effect, situation)


def _and_opaque(condition: c.Test_ | None, place: c.Place) -> c.Test_:
    opaque = c.Truthy(c.Attribute("opaque", "bool"), place)
    return opaque if condition is None else c.All((condition, opaque), place)


def _no_pattern(globs: Iterable[c.Glob], value: Truth) -> str:
    written = [f'"{shown_pattern(glob)}"' for glob in globs]
    listed = ", ".join(written[:MOST_NAMED])
    if len(written) > MOST_NAMED:
        listed += f" and {len(written) - MOST_NAMED} more"
    if value is None:
        return f"it cannot be told whether {listed} {'match' if len(written) > 1 else 'matches'}"
    return f"{listed} {'do' if len(written) > 1 else 'does'} not match"


# --- what is counted --------------------------------------------------------------


def counted(
    layer: c.Layer, rule: c.CheckedRule, at: int, effect: Effect, situation: reference.Situation
) -> bool | None:
    """Whether a clause that counts lets its rule match."""
    key, state = c.quota_key(layer.key + ":", rule, at), situation.state
    return state.exceeds(key, effect) if rule.quotas[at].kind == "over" else state.within(key, effect)


def describe_count(layer: c.Layer, rule: c.CheckedRule, at: int, effect: Effect, situation: reference.Situation) -> str:
    """A clause that counts as it is written, whether it is spent, and how much of it."""
    quota, held = rule.quotas[at], counted(layer, rule, at, effect, situation)
    if quota.kind == "over":
        came = {True: "is exceeded", False: "is not exceeded", None: "cannot be told"}[held]
    else:
        came = {True: "has room", False: "is spent", None: "cannot be told"}[held]
    text, state = f"`{written(quota.place)}` {came}", situation.state
    if not isinstance(state, View):
        return text
    spent, more = state.spent(c.quota_key(layer.key + ":", rule, at), effect)
    if spent is None:
        return f"{text}: it is not known by what to count"
    window = "so far" if quota.window is None else f"in the last {_shown_seconds(quota.window)}"
    text += f": {_shown_amount(spent)} of {_shown_amount(quota.amount)} {window}"
    if more is None:
        return f"{text}, and what this adds is not known"
    return f"{text}, and this adds {_shown_amount(more)}"


def _shown_amount(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _shown_seconds(seconds: int) -> str:
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds % unit == 0:
            return name if seconds == unit else f"{seconds // unit} {name}s"
    return f"{seconds} seconds"


# --- conditions -----------------------------------------------------------------


class _Seen:
    """Keeps what the parts of a condition came to, name by name."""

    def __init__(self) -> None:
        self._values: dict[int, list[Truth]] = {}
        self._nodes: list[c.Test_] = []  # kept alive, so that no identity is used twice

    def on_rule(self, layer: c.Layer, rule: c.CheckedRule, value: Truth) -> None:
        """Not of interest."""

    def on_glob(self, glob: c.Glob, value: Truth) -> None:
        """Not of interest."""

    def on_test(self, test: c.Test_, value: Truth) -> None:
        """Keep a value."""
        self._nodes.append(test)
        self._values.setdefault(id(test), []).append(value)

    def of(self, node: c.Test_, wanted: bool, *, every: bool) -> Truth:
        """What a part came to, over all names of the effect: allow rules need every name, others one."""
        values = self._values.get(id(node), [None])
        if every:
            return next((value for value in values if value is not wanted), wanted)
        return wanted if wanted in values else values[0]


def blamed(condition: c.Test_, seen: _Seen, *, every: bool) -> Iterator[tuple[c.Test_, bool]]:
    """The single tests that keep a condition from being true, each with the value that it would have to have."""
    todo: list[tuple[c.Test_, bool]] = [(condition, True)]
    while todo:
        node, wanted = todo.pop()
        if seen.of(node, wanted, every=every) is wanted:
            continue
        match node:
            case c.Negation(term=term):
                todo.append((term, not wanted))
            case c.All(terms=terms) | c.Some(terms=terms):
                todo.extend((term, wanted) for term in reversed(terms))
            case _:
                yield node, wanted


def leaves(condition: c.Test_) -> Iterator[c.Test_]:
    """The single tests of a condition."""
    return (node for node in walk_test(condition) if not isinstance(node, c.All | c.Some | c.Negation))


def describe_test(
    layer: c.Layer,
    node: c.Test_,
    value: Truth,
    effect: Effect,
    params: Mapping[str, Any],
    situation: reference.Situation,
) -> str:
    """A single test as it is written, what it came to, and the values that it read."""
    came = {True: "is true", False: "is false", None: "is unknown"}[value]
    if isinstance(node, c.HasMark):
        return f"`{written(node.place)}` {came}{_about_mark(layer, node, value, situation)}"
    read: dict[str, str] = {}
    for operand in operands(node):
        if not isinstance(operand, c.Constant):
            name, found = operand.name, operand_value(operand, effect, params, situation)
            read[name] = _shown_value(operand, found)
    values = ", ".join(f"`{name}` {text}" for name, text in read.items())
    if isinstance(node, c.From):
        found = operand_value(node.left, effect, params, situation)
        values = ", ".join([values, *_origins(node, found, effect, situation)])
    return f"`{written(node.place)}` {came}" + (f": {values}" if values else "")


def _about_mark(layer: c.Layer, node: c.HasMark, value: Truth, situation: reference.Situation) -> str:
    if isinstance(situation.state, Nothing):
        return " without a session"
    if value is None:
        return ": it cannot be told who set or cleared it, or what may do so is still under way"
    lines = [str(mark.place.line) for mark in layer.marks if mark.name == node.mark and not mark.clear]
    return f": line {' or '.join(lines)} {'sets' if value else 'would set'} it" if lines else ""


def _origins(node: c.From, value: object, effect: Effect, situation: reference.Situation) -> list[str]:
    """Where each identifier of a value came from."""
    state = situation.state
    if not isinstance(state, View):
        return ["and where it came from is unknown without a session"]
    if value is None:
        return []
    found = state.trace(effect, node.left.name if isinstance(node.left, c.Attribute) else "", value).found
    told = [f"`{one.identifier.form}` {_came_from(one.origins)}" for one in found[:MOST_NAMED]]
    if not found:
        told = ["which names nothing that has an origin"]
    if len(found) > MOST_NAMED:
        told.append(f"and {len(found) - MOST_NAMED} more")
    return told


def _came_from(origins: frozenset[str]) -> str:
    said = {
        "user": "was said by the user",
        "policy": "stands in the policy",
        "untrusted": "came from untrusted text",
        "trusted": "came from a trusted result",
        "nowhere": "was seen nowhere",
    }
    return " and ".join(said.get(one, f"came from `{one}`") for one in sorted(origins))


def operand_value(
    operand: c.Operand, effect: Effect, params: Mapping[str, Any], situation: reference.Situation
) -> object:
    """What an operand stands for, None where that is not known; of a file's names the one that was given."""
    match operand:
        case c.Constant(value=value):
            return value
        case c.ParamName(name=name):
            return params.get(name)
        case c.FactName(name=name):
            return situation.facts.get(name)
        case c.ContextName(name=name):
            return situation.context.get(name)
        case c.Attribute(name="result"):
            return None
        case c.Attribute(name=name):
            if isinstance(effect, ToolEffect) and name.startswith("arg."):
                return effect.args.get(name[4:])
            if isinstance(effect, FileEffect) and name in {"name", "suffix"}:
                if effect.path is None:
                    return None
                return suffix_of(effect.path) if name == "suffix" else os.path.basename(effect.path)
            return getattr(effect, name, None)


def _shown_value(operand: c.Operand, value: object) -> str:
    if value is None:
        return "was not supplied" if isinstance(operand, c.FactName) else "is not known"
    return f"is {plain(value)}"


def plain(value: object) -> str:
    """A value as the language writes it."""
    if isinstance(value, Mapping):
        value = list(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(plain(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False, default=repr)


# --- what is written --------------------------------------------------------------


def written(place: c.Place) -> str:
    """The text that stands at a place, on one line."""
    return " ".join(place.source.text[place.span.start : place.span.end].split())


def shown_pattern(glob: c.Glob) -> str:
    """A pattern as it is written, without its quotes."""
    text = glob.place.source.text[glob.place.span.start : glob.place.span.end]
    return text[1:-1] if text[:1] == '"' and text[-1:] == '"' and len(text) > 1 else glob.text


def where(place: c.Place, source_name: str | None = None) -> str:
    """``line 12``, with the file's name where it is not ``source_name``."""
    line = f"line {place.line}" if place.span != t.NOWHERE else "the first line"
    return line if place.source.name == source_name else f"{line} of {os.path.basename(place.source.name)}"
