"""Conditions as Python expressions: plain ones where every value is known, three-valued ones elsewhere.

A condition is emitted for one of three uses. *fast*: the effect is fully known and no fact is missing. *open*: nothing
is taken for known. *via*: the question whether an allow rule matches an opaque effect because it says ``opaque``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from attrs import define, field

from agentpolicy.compiler.bind import Bindings, Bound
from agentpolicy.compiler.match import READ
from agentpolicy.language import checked as c
from agentpolicy.language.vocabulary import family

_OPERATORS = {"==": "same", "!=": "differs", "<": "less", "<=": "at_most", ">": "more", ">=": "at_least"}
#: Attributes that a fully known effect always has, by family, and how generated code reads them.
_KNOWN = {
    "fs": {"path": "p", "name": "p.rpartition('/')[2]", "suffix": "suffix_of(p)"},
    "exec": {
        "program": "e.program",
        "argv": "e.argv",
        "flags": "e.flags",
        "env": "tuple(e.env)",
        "elevated": "e.elevated",
    },
    "net": {"host": "e.host", "private": "e.private"},
    "tool": {"name": "e.name"},
    "sql": {},
}
_MAYBE = {
    "fs": {"size": "e.size"},
    "exec": {"cwd": "e.cwd", "readonly": "e.readonly"},
    "net": {"scheme": "e.scheme", "port": "e.port", "path": "e.path", "size": "e.size"},
    "tool": {"server": "e.server"},
    "sql": {"table": "e.table", "database": "e.database"},
}


class Code(NamedTuple):
    """An expression, and whether it may be None."""

    text: str
    unsure: bool


@define
class Constants:
    """Values that generated code uses by name, each once; ``rows`` rebuild them when code is loaded from a cache.

    A row is ``("value", value)``, ``("set", values)`` or ``("test", kind, patterns, itself, wide)``.
    """

    prefix: str = "K"
    rows: list[tuple[object, ...]] = field(factory=list)
    _names: dict[tuple[object, ...], str] = field(factory=dict)

    def name(self, *row: object) -> str:
        """The name of a constant."""
        key = (*row, *(type(part) for part in row))
        if key not in self._names:
            self._names[key] = f"{self.prefix}{len(self.rows)}"
            self.rows.append(row)
        return self._names[key]


class Emitter:
    """Emits conditions of one action's rules."""

    def __init__(
        self, action: str, effect: str, bindings: Bindings, constants: Constants, *, fast: bool, prefix: str
    ) -> None:
        self._action = action
        self._prefix = prefix
        self._family = family(action)
        self._wide = effect != "allow"
        self._bindings = bindings
        self._constants = constants
        self._fast = fast
        self._counter = 0

    # --- logic ---------------------------------------------------------------

    def rule(self, rule: c.CheckedRule) -> Code | None:
        """The condition of a rule with what it counts; None where it has neither."""
        parts = [] if rule.condition is None else [self.test(rule.condition)]
        for at, quota in enumerate(rule.quotas):
            key = self._constants.name("value", c.quota_key(self._prefix, rule, at))
            parts.append(Code(f"s.state.{'exceeds' if quota.kind == 'over' else 'within'}({key}, e)", unsure=True))
        return self._join(parts, all_of=True) if parts else None

    # Recursion is bounded: the parser caps nesting of conditions and of defines.
    def test(self, node: c.Test_, negated: bool = False) -> Code:
        """The three-valued value of a condition; ``negated`` says on which side of ``not`` it stands."""
        match node:
            case c.All(terms=terms):
                return self._join([self.test(term, negated) for term in terms], all_of=True)
            case c.Some(terms=terms):
                return self._join([self.test(term, negated) for term in terms], all_of=False)
            case c.Negation(term=term):
                inner = self.test(term, not negated)
                if not inner.unsure:
                    return Code(f"(not {inner.text})", unsure=False)
                name = self._fresh()
                return Code(f"(None if ({name} := {inner.text}) is None else not {name})", unsure=True)
            case c.Comparison():
                return self._comparison(node)
            case c.Member():
                return self._member(node, negated)
            case c.Holds():
                return self._holds(node, negated)
            case c.Truthy(operand=operand):
                value = self._operand(operand)
                return Code(f"truth({value.text})", unsure=True) if value.unsure or _type(operand) == "any" else value
            case c.HasMark(mark=mark):
                return Code(f"s.state.mark({self._constants.name('value', self._prefix + mark)})", unsure=True)
            case c.From(left=left, origin=origin):
                name = left.name if isinstance(left, c.Attribute) else ""
                key, source = self._constants.name("value", name), self._constants.name("value", origin)
                # What is absent is nobody's: where that makes a rule stricter it is said, elsewhere it is not known.
                absent = self._wide and negated
                return Code(f"s.state.source(e, {key}, {self._operand(left).text}, {source}, {absent})", unsure=True)

    def _join(self, parts: list[Code], *, all_of: bool) -> Code:
        if not parts:
            return Code(str(all_of), unsure=False)
        if len(parts) == 1:
            return parts[0]
        if not any(part.unsure for part in parts):
            return Code("(" + (" and " if all_of else " or ").join(part.text for part in parts) + ")", unsure=False)
        stop, rest = ("False", "True") if all_of else ("True", "False")
        # Known terms come first: they cost least and often settle the answer.
        ordered = sorted(parts, key=lambda part: part.unsure)
        settled: list[str] = []
        names: list[str] = []
        for part in ordered:
            if part.unsure:
                name = self._fresh()
                names.append(name)
                settled.append(f"({name} := {part.text}) is {stop}")
            else:
                settled.append(f"not {part.text}" if all_of else part.text)
        unknown = " or ".join(f"{name} is None" for name in names)
        return Code(f"({stop} if {' or '.join(settled)} else None if {unknown} else {rest})", unsure=True)

    def via(self, node: c.Test_, negated: bool = False) -> str | None:
        """A two-valued expression: the condition is true by a branch that says ``opaque``; None where none does."""
        if isinstance(node, c.Negation):
            return self.via(node.term, not negated)
        if isinstance(node, c.All | c.Some):
            branches = [self.via(term, negated) for term in node.terms]
            if isinstance(node, c.All) == negated:
                said = [branch for branch in branches if branch is not None]
                return "(" + " or ".join(said) + ")" if said else None
            if not any(branches):
                return None
            every = [f"{self._true(term, negated)}" for term in node.terms]
            some = " or ".join(branch for branch in branches if branch is not None)
            return "(" + " and ".join([f"({some})", *every]) + ")"
        if isinstance(node, c.Truthy) and node.operand == c.Attribute("opaque", "bool") and not negated:
            return "(e.opaque is True)"
        return None

    def _true(self, node: c.Test_, negated: bool) -> str:
        code = self.test(node, negated)
        return f"({code.text} is {'False' if negated else 'True'})"

    # --- leaves --------------------------------------------------------------

    def _comparison(self, node: c.Comparison) -> Code:
        left, right = self._operand(node.left), self._operand(node.right)
        plain = _plain_kind(_type(node.left))
        if not left.unsure and not right.unsure and plain and plain == _plain_kind(_type(node.right)):
            return Code(f"({left.text} {node.op} {right.text})", unsure=False)
        return Code(f"{_OPERATORS[node.op]}({left.text}, {right.text})", unsure=True)

    def _member(self, node: c.Member, negated: bool) -> Code:
        left = self._operand(node.left)
        if node.values is None:
            test = self._test(node.globs, node.left, negated)
            if left.unsure or _type(node.left) == "any" or _reads(node.globs):
                return Code(f"matched({test}, {left.text})", unsure=True)
            return Code(f"{test}({left.text})", unsure=False)
        values = self._literal(node.values)
        if values is not None and not left.unsure and _one_kind(values, _type(node.left)):
            return Code(f"({left.text} in {self._constants.name('set', values)})", unsure=False)
        return Code(f"among({left.text}, {self._operand(node.values).text})", unsure=True)

    def _holds(self, node: c.Holds, negated: bool) -> Code:
        left = self._operand(node.left)
        known = not left.unsure and _type(node.left) == "[text]"
        if node.values is None:
            test = self._test(node.globs, node.left, negated)
            word = "any" if node.quantifier == "any" else "all"
            if known and not _reads(node.globs):
                return Code(f"{word}(map({test}, {left.text}))", unsure=False)
            return Code(f"{word}_matched({test}, {left.text})", unsure=True)
        values = self._literal(node.values)
        if known and values is not None and _one_kind(values, "text"):
            name = self._constants.name("set", values)
            if node.quantifier == "any":
                return Code(f"(not {name}.isdisjoint({left.text}))", unsure=False)
            return Code(f"{name}.issuperset({left.text})", unsure=False)
        word = "any_among" if node.quantifier == "any" else "all_among"
        return Code(f"{word}({left.text}, {self._operand(node.values).text})", unsure=True)

    def _test(self, globs: tuple[c.Glob, ...], left: c.Operand, negated: bool) -> str:
        wide = self._wide != negated
        own = isinstance(left, c.Attribute) and left.name == "path" and self._family == "fs"
        itself = wide or not own or self._action == "fs.read"
        patterns = tuple(pattern for glob in globs for pattern in self._bindings.patterns(glob))
        kind = globs[0].kind if globs else "text"
        return self._constants.name("test", kind, patterns, itself, wide)

    # --- operands ------------------------------------------------------------

    def _operand(self, operand: c.Operand) -> Code:
        match operand:
            case c.Constant():
                return Code(self._constants.name("value", self._bindings.value(operand)), unsure=False)
            case c.ParamName(name=name):
                bound = self._bindings.params.get(name)
                return (
                    Code("None", unsure=True)
                    if bound is None
                    else Code(self._constants.name("value", bound), unsure=False)
                )
            case c.FactName(name=name, type=kind):
                key = self._constants.name("value", name)
                sure = self._fast and not kind.endswith("?")
                return Code(f"s.facts[{key}]" if sure else f"s.facts.get({key})", unsure=not sure)
            case c.ContextName(name=name):
                return Code(f"s.{name.replace('.', '_')}", unsure=not name.startswith(("time.", "host.")))
            case c.Attribute(name=name):
                return self._attribute(name)

    def _attribute(self, name: str) -> Code:
        if name == "opaque":
            return Code("False", unsure=False) if self._fast else Code("e.opaque", unsure=False)
        if name == "result":
            return Code("s.state.result(e)", unsure=True)
        if name.startswith("arg."):
            return Code(f"e.args.get({self._constants.name('value', name[4:])})", unsure=True)
        if name == "method":
            method = None if self._action == "net.connect" else self._action[4:].upper()
            return (
                Code("None", unsure=True)
                if method is None
                else Code(self._constants.name("value", method), unsure=False)
            )
        known = _KNOWN[self._family].get(name)
        if known is None:
            return Code(_MAYBE[self._family][name], unsure=True)
        if self._fast:
            return Code(known, unsure=False)
        return Code(f"known_{name}(e, p)", unsure=True)

    def _literal(self, operand: c.Operand) -> tuple[c.Scalar, ...] | None:
        value: Bound | None = None
        if isinstance(operand, c.Constant):
            value = self._bindings.value(operand)
        elif isinstance(operand, c.ParamName):
            value = self._bindings.params.get(operand.name)
        return value if isinstance(value, tuple) else None

    def _fresh(self) -> str:
        self._counter += 1
        return f"t{self._counter}"


def _reads(globs: tuple[c.Glob, ...]) -> bool:
    """Whether values have to be read before patterns are held against them."""
    return any(glob.kind in READ for glob in globs)


def _type(operand: c.Operand) -> str:
    if isinstance(operand, c.Constant):
        value = operand.value
        if isinstance(value, bool):
            return "bool"
        return "text" if isinstance(value, str) else "number" if isinstance(value, int | float) else "list"
    return operand.type.removesuffix("?")


def _plain_kind(kind: str) -> str | None:
    """Types whose values may be compared directly when both are known."""
    if kind in {"number", "size"}:
        return "number"
    if kind in {"bool", "any", "list", "argv"} or kind.startswith("["):
        return "bool" if kind == "bool" else None
    return "text"


def _one_kind(values: tuple[c.Scalar, ...], kind: str) -> bool:
    plain = _plain_kind(kind)
    wanted: tuple[type, ...] = {"text": (str,), "number": (int, float)}.get(plain or "", ())
    return bool(wanted) and all(isinstance(one, wanted) and not isinstance(one, bool) for one in values)


Part = Callable[[Any, "str | None"], Any]


def known_parts() -> dict[str, Part]:
    """Readers of attributes that an effect may lack, as generated code calls them; None where one is unknown."""

    def read(name: str) -> Part:
        return lambda e, p: getattr(e, name)

    readers: dict[str, Part] = {f"known_{name}": read(name) for name in ("program", "argv", "flags", "host", "private")}
    readers["known_name"] = _name
    readers["known_path"] = lambda e, p: None if e.family == "fs" and e.many else p
    readers["known_suffix"] = lambda e, p: None if p is None or e.many else suffix_of(p)
    # A command that could not be read may gain rights and set variables of its own.
    readers["known_elevated"] = lambda e, p: None if e.argv is None and not e.elevated else e.elevated
    readers["known_env"] = lambda e, p: None if e.argv is None else tuple(e.env)
    return readers


def _name(e: Any, p: str | None) -> str | None:
    if e.family == "tool":
        return str(e.name)
    return None if p is None or e.many else p.rpartition("/")[2]


def suffix_of(path: str) -> str:
    """The last suffix of a path's name with its dot: ``.gz`` of ``a.tar.gz``, ``""`` of ``.env``."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:] if 0 < dot < len(name) - 1 else ""
