"""Which answers a policy may give to one kind of effect: never fewer than it gives, sometimes more."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from attrs import frozen

from agentpolicy.checker.truths import ANYTHING, FALSE, TRUE, Conditions, Values, World, both, either, opposite
from agentpolicy.checker.unspent import met
from agentpolicy.checker.views import Net, Subject, View, words
from agentpolicy.compiler.bind import Bindings
from agentpolicy.compiler.expression import suffix_of
from agentpolicy.effects.effect import ToolEffect, flags_of
from agentpolicy.effects.private import is_private
from agentpolicy.language import checked as c
from agentpolicy.language.check import operands, walk_test
from agentpolicy.language.vocabulary import family

#: Answers of one layer, the strictest first; ``none`` is no opinion.
STRICTEST = ("deny", "ask", "allow", "none")
#: Meanings that a clause may lack without changing which effects its rule matches.
_HARMLESS = frozenset({"approvals", "telemetry"})


@frozen
class Kind:
    """One kind of effect: the views of all its names, and what else is fixed of it."""

    views: tuple[View, ...]
    opaque: bool = False
    guarded: bool = False

    def world(self, action: str) -> World:
        """The world in which its conditions are read."""
        many = len(self.views) > 1
        fixed = {} if self.opaque or many else settled(self.views[0], family(action))
        return World(action, self.opaque, self.guarded, many, fixed)


def settled(view: View, of: str) -> dict[str, object]:
    """The attributes that every effect of a view has alike; ``of`` is the family of its action."""
    if isinstance(view, Net):
        fixed: dict[str, object] = {"scheme": view.scheme, "port": view.port}
        if view.host is not None and view.host.only:
            host = view.host.witness[1:]
            fixed["host"] = host
            fixed["private"] = is_private(host)
        return fixed
    if view is None or not view.only:
        return {}
    text = view.witness
    match of:
        case "fs":
            return {"path": text, "name": text.rpartition("/")[2], "suffix": suffix_of(text)}
        case "exec":
            argv = words(text)
            return {"program": argv[0], "argv": argv, "flags": flags_of(argv)}
        case "sql":
            return {"table": text[1:]}
        case _:
            return {"name": text[1:], "server": ToolEffect(text[1:], {}).server}


class Matched:
    """One rule, or the match of a proof read as a rule, under one action."""

    def __init__(
        self,
        rule: c.CheckedRule,
        action: str,
        bindings: Bindings,
        make: Callable[[Sequence[str], bool, bool], Subject],
        conditions: Conditions,
        loose: bool = False,
    ) -> None:
        self.rule = rule
        self.wide = rule.effect != "allow"
        self.loose = loose
        self._conditions = conditions
        self._condition = met(rule)
        reading = action == "fs.read"
        self._subject = (
            None if rule.subject is None else make(concrete(rule.subject, bindings), self.wide, self.wide or reading)
        )
        self._excepts = (
            make(concrete(rule.excepts, bindings), not self.wide, not self.wide or reading) if rule.excepts else None
        )
        nodes = [] if rule.condition is None else [one for node in walk_test(rule.condition) for one in operands(node)]
        self._reads_guard = any(isinstance(one, c.Attribute) and one.name in {"elevated", "env"} for one in nodes)
        self._says_opaque = any(isinstance(one, c.Attribute) and one.name == "opaque" for one in nodes)

    def values(self, kind: Kind, world: World) -> Values:
        """Whether it matches an effect of this kind: everything that may be."""
        if not self.wide and kind.guarded and not self._reads_guard:
            return FALSE
        found = FALSE if self.wide else TRUE
        for view in kind.views:
            value = self._one(view, kind.opaque, world)
            found = either(found, value) if self.wide else both(found, value)
        return found

    def open_tests(self, world: World) -> Iterable[tuple[Hashable, Values]]:
        """The tests of its condition that are not settled."""
        if self._condition is None:
            return ()
        return self._conditions.tests(self._condition, self.wide, world)

    def _one(self, view: View, opaque: bool, world: World) -> Values:
        held = TRUE if self._subject is None else self._subject(view, opaque)
        if self._excepts is not None and held != FALSE:
            left_out = self._excepts(view, opaque)
            held = both(held, opposite(left_out))
        if held == FALSE:
            return FALSE
        condition = self._condition
        values = TRUE if condition is None else self._conditions.values(condition, self.wide, world)
        if self.loose:
            values = ANYTHING
        value = both(held, values)
        if opaque and not self.wide and True in value:
            # An allow rule takes an opaque effect only where it says so; whether that is why it is true stays open.
            value = frozenset(value - {True} | {None}) | (TRUE if self._says_opaque else frozenset())
        return value


def concrete(globs: Iterable[c.Glob], bindings: Bindings) -> tuple[str, ...]:
    """The concrete patterns that written ones stand for."""
    return tuple(dict.fromkeys(pattern for glob in globs for pattern in bindings.patterns(glob)))


def is_loose(rule: c.CheckedRule, layer: c.Layer) -> bool:
    """Whether a rule has a clause whose meaning the engine lacks, so that it may match less than it seems to."""
    span = rule.place.span
    return any(
        one.meaning not in _HARMLESS
        and one.place.source is rule.place.source
        and span.start <= one.place.span.start < span.end
        for one in layer.missing
    )


def outcomes(layer: c.Layer, action: str, kind: Kind, matched: Sequence[tuple[str, Values]]) -> frozenset[str]:
    """The answers that one layer may give; ``matched`` has each rule's effect and what it may be."""
    found: set[str] = set()
    denies = [values for effect, values in matched if effect == "deny"]
    asks = [values for effect, values in matched if effect == "ask"]
    allows = [values for effect, values in matched if effect == "allow"]
    written = default = default_of(layer, action)
    if default == "allow" and kind.guarded:
        default = "deny"  # only a rule that reads ``elevated`` or ``env`` allows such a command
    if any(True in values for values in denies):
        found.add("deny")
    if TRUE in denies:
        return frozenset(found)
    if any(True in values for values in asks):
        found.add("ask")
    if TRUE in asks:
        return frozenset(found)
    allowed = any(True in values for values in allows)
    quiet = TRUE not in allows  # perhaps nothing but the default speaks
    if any(None in values for values in (*denies, *asks)) and (allowed or (quiet and written in {"allow", "none"})):
        found.add("ask")
    if (
        quiet
        and default in {"deny", "ask"}
        and all(not values.isdisjoint({False, None}) for values in (*denies, *asks))
    ):
        found.add(default)
    if all(False in values for values in (*denies, *asks)):
        if allowed:
            found.add("allow")
        if quiet and default in {"allow", "none"}:
            found.add(default)
    return frozenset(found)


def default_of(layer: c.Layer, action: str) -> str:
    """The default that a layer gives an action."""
    for scope in (action, family(action), ""):
        if scope in layer.defaults:
            return layer.defaults[scope].outcome
    return "deny"


def strictest(layers: Sequence[frozenset[str]]) -> frozenset[str]:
    """The answers that several layers may give together."""
    found = frozenset({"none"})
    for answers in layers:
        found = frozenset(min(a, b, key=STRICTEST.index) for a in found for b in answers)
    return frozenset("deny" if one == "none" else one for one in found)
