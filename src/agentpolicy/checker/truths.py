"""Which truth values a condition may take, when only part of what it reads is known."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Final

from attrs import evolve, field, frozen

from agentpolicy.checker.assumed import together
from agentpolicy.compiler import logic
from agentpolicy.compiler.bind import Bindings
from agentpolicy.compiler.match import Readable, value_test
from agentpolicy.language import checked as c
from agentpolicy.language.check import operands
from agentpolicy.language.vocabulary import family

#: A set of possible truth values; None is unknown.
Values = frozenset["bool | None"]
TRUE: Final[Values] = frozenset({True})
FALSE: Final[Values] = frozenset({False})
UNKNOWN: Final[Values] = frozenset({None})
EITHER: Final[Values] = frozenset({True, False})
ANYTHING: Final[Values] = frozenset({True, False, None})

_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool | None]]] = {
    "==": logic.same, "!=": logic.differs, "<": logic.less, "<=": logic.at_most, ">": logic.more, ">=": logic.at_least,
}  # fmt: skip
#: Comparisons that are true where another one is false; both are unknown together.
_OPPOSITES: Final = {"!=": "==", "<=": ">", ">=": "<"}
#: Attributes that an effect always has where it is not opaque.
_KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "fs": frozenset({"path", "name", "suffix"}),
    "exec": frozenset({"program", "argv", "flags", "env", "elevated"}),
    "net": frozenset({"host"}),
    "tool": frozenset({"name"}),
}
#: Attributes that each name of a file has for itself.
BY_NAME: Final = frozenset({"path", "name", "suffix"})


@frozen
class World:
    """What is fixed while one kind of effect is looked at.

    ``opaque``, ``guarded``: as of the effect. ``fixed``: attributes whose values are known. ``assigned``: truth values
    of single tests. ``many``: whether the effect has several names, so that tests on a name may differ.
    """

    action: str
    opaque: bool = False
    guarded: bool = False
    many: bool = False
    fixed: Mapping[str, object] = field(factory=dict)
    assigned: Mapping[Hashable, bool | None] = field(factory=dict)


def both(left: Values, right: Values) -> Values:
    """Kleene's ``and`` over everything that may be."""
    return frozenset(
        False if a is False or b is False else None if a is None or b is None else True for a in left for b in right
    )


def either(left: Values, right: Values) -> Values:
    """Kleene's ``or`` over everything that may be."""
    return frozenset(True if a or b else None if a is None or b is None else False for a in left for b in right)


def opposite(values: Values) -> Values:
    """Kleene's ``not`` over everything that may be."""
    return frozenset(None if one is None else not one for one in values)


class Conditions:
    """Conditions under given parameters, facts and context; what is not given may be anything.

    Args:
        bindings: what patterns and parameters stand for.
        facts: the facts that are given.
        context: the context names that are given.
        marks: what marks may be, by name with their layer's in front; those that are not there may be anything.
    """

    def __init__(
        self,
        bindings: Bindings,
        facts: Mapping[str, object],
        context: Mapping[str, object],
        marks: Mapping[str, Values] | None = None,
    ) -> None:
        self._bindings = bindings
        self._facts = facts
        self._context = context
        self._marks = marks or {}
        self._layer = ""
        self._observed = False

    def of(self, layer: c.Layer, *, observed: bool = False) -> Conditions:
        """The same for conditions of a layer, whose marks are its own; ``observed``: asked once effects have ended."""
        other = Conditions(self._bindings, self._facts, self._context, self._marks)
        other._layer = layer.name
        other._observed = observed
        return other

    # Recursion is bounded: the parser caps nesting of conditions and of defines.
    def values(self, node: c.Test_, wide: bool, world: World, negated: bool = False) -> Values:
        """What a condition may be. ``wide`` as for patterns: the reading of the rule that it belongs to."""
        match node:
            case c.All(terms=terms):
                found = TRUE
                for term in terms:
                    found = both(found, self.values(term, wide, world, negated))
                return found
            case c.Some(terms=terms):
                found = FALSE
                for term in terms:
                    found = either(found, self.values(term, wide, world, negated))
                return found
            case c.Negation(term=term):
                return opposite(self.values(term, wide, world, not negated))
            case c.Comparison(op=op) if op in _OPPOSITES:
                return opposite(self._leaf(evolve(node, op=_OPPOSITES[op]), wide != negated, world))
            case _:
                return self._leaf(node, wide != negated, world)

    def tests(
        self, node: c.Test_, wide: bool, world: World, negated: bool = False
    ) -> Iterator[tuple[Hashable, Values]]:
        """Every single test in a condition whose value is open, with what it may be."""
        match node:
            case c.All(terms=terms) | c.Some(terms=terms):
                for term in terms:
                    yield from self.tests(term, wide, world, negated)
            case c.Negation(term=term):
                yield from self.tests(term, wide, world, not negated)
            case c.Comparison(op=op) if op in _OPPOSITES:
                yield from self.tests(evolve(node, op=_OPPOSITES[op]), wide, world, negated)
            case _:
                if not (world.many and _by_name(node)):
                    values = self._leaf(node, wide != negated, world)
                    if len(values) > 1:
                        yield self._key(node, wide != negated, world), values

    def value(self, operand: c.Operand, world: World) -> tuple[bool, object]:
        """Whether an operand's value is settled, and the value; None is an unknown one."""
        match operand:
            case c.Constant():
                return True, self._bindings.value(operand)
            case c.ParamName(name=name):
                return True, self._bindings.params.get(name)
            case c.FactName(name=name):
                return name in self._facts, self._facts.get(name)
            case c.ContextName(name=name):
                return name in self._context, self._context.get(name)
            case c.Attribute(name="opaque"):
                return True, world.opaque
            case c.Attribute(name="result"):
                return not self._observed, None
            case c.Attribute(name="method") if family(world.action) == "net":
                return True, None if world.action == "net.connect" else world.action[4:].upper()
            case c.Attribute(name="elevated") if world.action == "exec" and not world.guarded:
                return True, False
            case c.Attribute(name=name):
                return name in world.fixed, world.fixed.get(name)

    # --- single tests ----------------------------------------------------------------

    def _leaf(self, node: c.Test_, wide: bool, world: World) -> Values:
        if isinstance(node, c.HasMark | c.From):
            key = self._key(node, wide, world)
            if key in world.assigned:
                return frozenset({world.assigned[key]})
            return self._marks.get(key[1], ANYTHING) if key[0] == "mark" else ANYTHING
        settled = [self.value(one, world) for one in operands(node)]
        if all(known for known, _ in settled):
            return frozenset({self._settled(node, [value for _, value in settled], wide, world)})
        if world.assigned and not (world.many and _by_name(node)):
            key = self._key(node, wide, world)
            if key in world.assigned:
                return frozenset({world.assigned[key]})
        if isinstance(node, c.Comparison) and node.op == "==" and node.left == node.right:
            # True of every value: it asks whether there is one.
            return TRUE | UNKNOWN if self._may_lack(node.left, world) else TRUE
        return ANYTHING if any(self._may_lack(one, world) for one in operands(node)) else EITHER

    def _settled(self, node: c.Test_, values: list[Any], wide: bool, world: World) -> bool | None:
        match node:
            case c.Comparison(op=op):
                return _OPERATORS[op](values[0], values[1])
            case c.Member():
                if node.values is not None:
                    return logic.among(values[0], values[1])
                return logic.matched(self._globs(node.globs, node.left, wide, world), values[0])
            case c.Holds(quantifier="any"):
                if node.values is not None:
                    return logic.any_among(values[0], values[1])
                return logic.any_matched(self._globs(node.globs, node.left, wide, world), values[0])
            case c.Holds():
                if node.values is not None:
                    return logic.all_among(values[0], values[1])
                return logic.all_matched(self._globs(node.globs, node.left, wide, world), values[0])
            case _:
                return logic.truth(values[0])

    def _globs(self, globs: tuple[c.Glob, ...], left: c.Operand, wide: bool, world: World) -> Readable:
        patterns = [pattern for glob in globs for pattern in self._bindings.patterns(glob)]
        kind = globs[0].kind if globs else "text"
        return value_test(kind, patterns, itself=_itself(left, wide, world), wide=wide)

    def _key(self, node: c.Test_, wide: bool, world: World) -> tuple[Any, ...]:
        """Equal only for tests that always have the same value; by ``repr``, because 1 equals True."""
        match node:
            case c.Comparison():
                return ("compare", repr(node.left), node.op, repr(node.right))
            case c.Member() | c.Holds():
                how = node.quantifier if isinstance(node, c.Holds) else "in"
                texts = tuple((glob.kind, self._bindings.text(glob.text)) for glob in node.globs)
                reading = (wide, _itself(node.left, wide, world)) if texts else ()
                return (how, repr(node.left), repr(node.values), texts, reading)
            case c.Truthy():
                return ("truth", repr(node.operand))
            case c.HasMark(mark=mark):
                return ("mark", f"{self._layer}:{mark}")
            case c.From():
                return ("from", repr(node.left), node.origin)
            case _:
                return ("node", id(node))

    def _may_lack(self, operand: c.Operand, world: World) -> bool:
        settled, value = self.value(operand, world)
        if settled:
            return value is None
        match operand:
            case c.FactName(type=kind):
                return kind.endswith("?")
            case c.ContextName(name=name):
                return not name.startswith(("time.", "host."))
            case c.Attribute(name=name):
                return world.opaque or name not in _KNOWN.get(family(world.action), ())
            case _:
                return True


def consistent(assigned: Mapping[Hashable, bool | None]) -> bool:
    """Whether answers about one value go together: where it came from, and whether there is one."""
    values: dict[Hashable, dict[str, bool | None]] = {}
    for key, value in assigned.items():
        if not isinstance(key, tuple):
            continue
        if key[0] == "from":
            values.setdefault(key[1], {})[key[2]] = value
        elif (
            key[0] == "compare" and value is not None and assigned.get(("compare", key[1], "==", key[1]), True) is None
        ):
            return False
    for answers in values.values():
        known = together(tuple(answers))
        if known is not None and tuple(answers.values()) not in known:
            return False
    return True


def _itself(left: c.Operand, wide: bool, world: World) -> bool:
    own = isinstance(left, c.Attribute) and left.name == "path" and family(world.action) == "fs"
    return wide or not own or world.action == "fs.read"


def _by_name(node: c.Test_) -> bool:
    return any(isinstance(one, c.Attribute) and one.name in BY_NAME for one in operands(node))
