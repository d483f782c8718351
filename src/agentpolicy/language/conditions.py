"""Names and types of conditions: a written expression becomes one whose operands are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from attrs import frozen

from agentpolicy.language import checked as c
from agentpolicy.language import tree as t
from agentpolicy.language.findings import Findings
from agentpolicy.language.scope import Scope, SetReader, constant, suggestion, type_of
from agentpolicy.language.vocabulary import (
    CONTEXT,
    NET_METHODS,
    ORIGINS,
    OS_NAMES,
    PER,
    RESULTS,
    SET_TYPES,
    TEXTUAL,
    WEEKDAYS,
)

#: Names whose text values come from a closed list.
CLOSED: Mapping[str, tuple[str, ...]] = {
    "time.weekday": WEEKDAYS,
    "host.os": OS_NAMES,
    "result": RESULTS,
    "method": tuple(method.upper() for method in NET_METHODS),
}
#: How deep a condition may nest, and of how many terms it may be made, once its defines are in place.
MAX_DEPTH, MAX_TERMS = 64, 20_000


@frozen
class Attributes:
    """What an effect may be asked in one match.

    ``known`` maps a bare name to its type; ``arguments`` a tool's parameters (bare or as ``arg.NAME``);
    ``open_arguments`` is true where tools that nobody declared may match, so that any ``arg.NAME`` may come.
    ``origin`` says in words what they are attributes of.
    """

    known: Mapping[str, str]
    arguments: Mapping[str, str]
    open_arguments: bool
    origin: str
    anything: bool = False  # a define that no rule uses: every attribute of every action is allowed

    def names(self) -> list[str]:
        """All names, for suggestions."""
        return [*self.known, *self.arguments]


class ConditionReader:
    """Checks the conditions of one file."""

    def __init__(self, scope: Scope, sets: SetReader, findings: Findings) -> None:
        self._scope = scope
        self._sets = sets
        self._findings = findings
        self._depth = 0
        self._terms = 0

    def read(self, condition: t.Condition | None, attributes: Attributes) -> c.Test_ | None:
        """The checked form of a ``when`` or ``unless`` part; None where there is none."""
        if condition is None:
            return None
        self._terms = 0
        test = self.expression(condition.expr, attributes, self._scope, ())
        return c.Negation(test, self._scope.place(condition.span)) if condition.negated else test

    # Recursion is bounded: the parser caps nesting, and defines may not contain themselves.
    def expression(self, expr: t.Expr, attributes: Attributes, scope: Scope, inside: tuple[str, ...]) -> c.Test_:
        """The checked form of an expression; ``inside`` names the defines that are being expanded."""
        place = scope.place(expr.span)
        self._terms += 1
        if self._depth >= MAX_DEPTH or self._terms > MAX_TERMS:
            self._findings.add(
                "AP312",
                f"with its defines in place this condition has more than {MAX_TERMS} terms"
                if self._terms > MAX_TERMS
                else f"with its defines in place this condition nests more than {MAX_DEPTH} deep",
                place,
                help="say it in several rules",
            )
            return _nothing(place)
        self._depth += 1
        try:
            return self._expression(expr, attributes, scope, inside, place)
        finally:
            self._depth -= 1

    def _expression(
        self, expr: t.Expr, attributes: Attributes, scope: Scope, inside: tuple[str, ...], place: c.Place
    ) -> c.Test_:
        match expr:
            case t.And(terms=terms):
                return c.All(tuple(self.expression(term, attributes, scope, inside) for term in terms), place)
            case t.Or(terms=terms):
                return c.Some(tuple(self.expression(term, attributes, scope, inside) for term in terms), place)
            case t.Not(term=term):
                return c.Negation(self.expression(term, attributes, scope, inside), place)
            case t.Compare():
                return self._compare(expr, attributes, scope, place)
            case t.In():
                return _maybe_not(self._in(expr, attributes, scope, place), expr.negated)
            case t.Like():
                return _maybe_not(self._like(expr, attributes, scope, place), expr.negated)
            case t.Has():
                return self._has(expr, attributes, scope, place)
            case t.From():
                return self._from(expr, attributes, scope, place)
            case t.Truth(ref=ref):
                return self._truth(ref, attributes, scope, inside, place)

    # --- forms ---------------------------------------------------------------

    def _compare(self, expr: t.Compare, attributes: Attributes, scope: Scope, place: c.Place) -> c.Test_:
        left = self._operand(expr.left, attributes, scope)
        if left is None:
            return _nothing(place)
        wanted = _type(left)
        right = self._right(expr.right, wanted, attributes, scope)
        if right is None:
            return _nothing(place)
        if expr.op not in {"==", "!="} and wanted not in {"number", "size", "any"}:
            self._findings.add(
                "AP301",
                f"`{expr.op}` compares numbers, and `{expr.left.text}` is `{wanted}`",
                place,
                help="write `==` or `!=`",
            )
        self._closed(expr.left, expr.right, scope)
        return c.Comparison(left, expr.op, right, place)

    def _in(self, expr: t.In, attributes: Attributes, scope: Scope, place: c.Place) -> c.Test_:
        left = self._operand(expr.left, attributes, scope)
        if left is None:
            return _nothing(place)
        wanted = _type(left)
        if wanted.startswith("["):
            self._findings.add(
                "AP301",
                f"`{expr.left.text}` is a list; `in` asks about one value",
                place,
                help=f"write `{expr.left.text} has any …` or `{expr.left.text} has only …`",
            )
            return _nothing(place)
        values, globs = self._many(expr.right, wanted, attributes, scope)
        if isinstance(expr.right, t.ListValue):
            for item in expr.right.items:
                self._closed(expr.left, item, scope)
        return c.Member(left, values, globs, place)

    def _like(self, expr: t.Like, attributes: Attributes, scope: Scope, place: c.Place) -> c.Test_:
        left = self._operand(expr.left, attributes, scope)
        if left is None:
            return _nothing(place)
        wanted = _type(left)
        if wanted not in TEXTUAL and wanted != "any":
            self._findings.add("AP301", f"`like` asks about text, and `{expr.left.text}` is `{wanted}`", place)
            return _nothing(place)
        kind = cast(c.PatternKind, wanted if wanted in SET_TYPES else "text")
        return c.Member(left, None, (c.Glob(kind, expr.right.value, scope.place(expr.right.span)),), place)

    def _has(self, expr: t.Has, attributes: Attributes, scope: Scope, place: c.Place) -> c.Test_:
        if expr.left.parts == ("session",):
            return self._mark(expr, scope, place)
        left = self._operand(expr.left, attributes, scope)
        if left is None:
            return _nothing(place)
        wanted = _type(left)
        if not wanted.startswith("[") and wanted not in {"any", "argv"}:
            self._findings.add(
                "AP301",
                f"`has` asks about a list, and `{expr.left.text}` is `{wanted}`",
                place,
                help="write `==`, `in` or `like`",
            )
            return _nothing(place)
        inner = wanted[1:-1] if wanted.startswith("[") else "text" if wanted == "argv" else "any"
        if expr.quantifier == "one":
            right = self._right(expr.right, inner, attributes, scope)
            if right is None:
                return _nothing(place)
            values: c.Operand | None = (
                c.Constant((right.value,))
                if isinstance(right, c.Constant) and not isinstance(right.value, tuple)
                else right
            )
            globs: tuple[c.Glob, ...] = ()
        else:
            values, globs = self._many(cast("t.ListValue | t.Ref", expr.right), inner, attributes, scope)
        if left == c.Attribute("flags", "[text]") and isinstance(values, c.Constant):
            self._flags(values, expr, scope)
        return c.Holds(left, "only" if expr.quantifier == "only" else "any", values, globs, place)

    def _mark(self, expr: t.Has, scope: Scope, place: c.Place) -> c.Test_:
        if expr.quantifier != "one" or not isinstance(expr.right, t.Ref):
            self._findings.add("AP301", "`session has` asks for one mark by its name", place)
            return _nothing(place)
        mark = expr.right.text
        if mark not in scope.marks:
            self._findings.add(
                "AP206",
                f"no mark is called `{mark}`",
                scope.place(expr.right.span),
                help=suggestion(mark, scope.marks, f"declare what sets it: `mark {mark} on …`"),
            )
        return c.HasMark(mark, place)

    def _from(self, expr: t.From, attributes: Attributes, scope: Scope, place: c.Place) -> c.Test_:
        left = self._operand(expr.left, attributes, scope)
        if left is None:
            return _nothing(place)
        labels = {tool.returns for one in scope.walk() for tool in one.tools.values() if tool.returns} - {"trusted"}
        if expr.origin.text not in {*ORIGINS, *labels}:
            self._findings.add(
                "AP208",
                f"nothing is `from {expr.origin.text}`",
                scope.place(expr.origin.span),
                help=suggestion(
                    expr.origin.text,
                    [*ORIGINS, *labels],
                    "origins are " + ", ".join([*ORIGINS, *sorted(labels - {*ORIGINS})]),
                ),
            )
        return c.From(left, expr.origin.text, place)

    def _truth(
        self, ref: t.Ref, attributes: Attributes, scope: Scope, inside: tuple[str, ...], place: c.Place
    ) -> c.Test_:
        home, name = scope.through(ref)
        define = home.defines.get(name)
        if define is not None and name not in attributes.known and name not in attributes.arguments:
            home.used.add(name)
            if name in inside:
                self._findings.add(
                    "AP209",
                    f"the define `{name}` is made of itself",
                    home.place(define.name.span),
                    help="take one of the defines out of the circle",
                )
                return _nothing(place)
            return self.expression(define.expr, attributes, home, (*inside, name))
        operand = self._operand(ref, attributes, scope, also=tuple(home.defines))
        if operand is None:
            return _nothing(place)
        if _type(operand) not in {"bool", "any"}:
            self._findings.add(
                "AP301",
                f"`{ref.text}` is `{_type(operand)}`, not true or false",
                place,
                help=f'compare it: `{ref.text} == "…"`',
            )
        return c.Truthy(operand, place)

    # --- operands ------------------------------------------------------------

    def _operand(
        self, ref: t.Ref, attributes: Attributes, scope: Scope, also: tuple[str, ...] = ()
    ) -> c.Operand | None:
        place = scope.place(ref.span)
        text = ref.text
        if text in CONTEXT:
            return c.ContextName(text, CONTEXT[text])
        if ref.parts[0] == "arg" and len(ref.parts) == 2:
            return self._argument(ref, attributes, place)
        home, name = scope.through(ref)
        declared = self._declared(home, name)
        attribute = self._attribute(name, attributes) if len(ref.parts) == 1 else None
        if attribute is not None and declared is not None:
            self._findings.add(
                "AP205",
                f"`{text}` is both {attributes.origin} and a name that this policy declares",
                place,
                help=f"write `arg.{name}` for the argument"
                if name in attributes.arguments
                else "rename the fact or parameter",
            )
        found = attribute or declared
        if found is None:
            self._unknown(ref, attributes, scope, also)
        elif declared is not None and attribute is None:
            home.used.add(name)
        return found

    def counted(self, ref: t.Ref, attributes: Attributes, *, per: bool) -> c.Attribute | None:
        """The attribute that is counted by (``per``), or that is added up."""
        place = self._scope.place(ref.span)
        if ref.parts[0] == "arg" and len(ref.parts) == 2:
            found = self._argument(ref, attributes, place)
        else:
            found = self._attribute(ref.text, attributes)
            if found is None:
                what = f"nothing is counted per `{ref.text}`" if per else f"`{ref.text}` does not add up"
                known = [*PER, *attributes.names()] if per else list(attributes.names())
                self._findings.add(
                    "AP308",
                    f"{what}: it is not {attributes.origin}",
                    place,
                    help=suggestion(ref.text, known, "known here: " + ", ".join(known) if known else None),
                )
        return found if isinstance(found, c.Attribute) else None

    def _attribute(self, name: str, attributes: Attributes) -> c.Operand | None:
        if name in attributes.known:
            return c.Attribute(name, attributes.known[name])
        if name in attributes.arguments:
            return c.Attribute(f"arg.{name}", attributes.arguments[name])
        return None

    def _argument(self, ref: t.Ref, attributes: Attributes, place: c.Place) -> c.Operand | None:
        name = ref.parts[1]
        if name in attributes.arguments:
            return c.Attribute(f"arg.{name}", attributes.arguments[name])
        if attributes.open_arguments or attributes.anything:
            return c.Attribute(f"arg.{name}", "any")
        self._findings.add(
            "AP201",
            f"no tool here has a parameter `{name}`",
            place,
            help=suggestion(name, attributes.arguments, "declare the tool with its parameters"),
        )
        return None

    def _declared(self, home: Scope, name: str) -> c.Operand | None:
        if name in home.facts:
            return c.FactName(name, home.facts[name].type)
        if name in home.params:
            return c.ParamName(name, home.params[name].type)
        return None

    def _unknown(self, ref: t.Ref, attributes: Attributes, scope: Scope, also: tuple[str, ...]) -> None:
        if ref.parts[0] == "session":
            help: str | None = "write `session has MARK`"
        else:
            help = suggestion(ref.text, [*attributes.names(), *scope.names(), *CONTEXT, *also])
            if help is None and attributes.open_arguments:
                help = f"write `arg.{ref.parts[-1]}` for an argument of a tool that is not declared"
        self._findings.add(
            "AP201",
            f"`{ref.text}` is not known here: it is no attribute of {attributes.origin}, fact, parameter or define",
            scope.place(ref.span),
            help=help,
        )

    def _right(self, right: t.Value | t.Ref, wanted: str, attributes: Attributes, scope: Scope) -> c.Operand | None:
        if not isinstance(right, t.Ref):
            return constant(right, wanted, scope, self._findings)
        operand = self._operand(right, attributes, scope)
        if operand is not None and not _comparable(_type(operand), wanted):
            self._findings.add(
                "AP301", f"`{right.text}` is `{_type(operand)}`, and `{wanted}` is needed here", scope.place(right.span)
            )
        return operand

    def _many(
        self, right: t.ListValue | t.Ref, wanted: str, attributes: Attributes, scope: Scope
    ) -> tuple[c.Operand | None, tuple[c.Glob, ...]]:
        if isinstance(right, t.ListValue):
            if not right.items:
                return c.Constant(()), ()
            return constant(right, f"[{wanted}]" if wanted != "any" else "any", scope, self._findings), ()
        home, name = scope.through(right)
        if name in home.sets:
            kind = home.sets[name].type.name
            fitting = (
                wanted if wanted in SET_TYPES else "text" if wanted in TEXTUAL else kind if wanted == "any" else ""
            )
            return None, self._sets.globs((right,), "text", scope, {fitting: cast(c.PatternKind, fitting)})
        operand = self._operand(right, attributes, scope, also=tuple(home.sets))
        if operand is not None and not _comparable(_type(operand), f"[{wanted}]") and _type(operand) != "any":
            self._findings.add(
                "AP301",
                f"`{right.text}` is `{_type(operand)}`, and a list or set of `{wanted}` is needed here",
                scope.place(right.span),
            )
        return operand, ()

    # --- values from closed lists ---------------------------------------------

    def _closed(self, left: t.Ref, right: t.Value | t.Ref, scope: Scope) -> None:
        allowed = CLOSED.get(left.text)
        if allowed is None or left.text in {**scope.facts, **scope.params}:
            return
        if isinstance(right, t.Text) and right.value not in allowed:
            folded = {one.lower(): one for one in allowed}
            near = folded.get(right.value.lower())
            self._findings.add(
                "AP305",
                f"`{left.text}` is never `{right.value}`",
                scope.place(right.span),
                help=f"did you mean `{near}`?"
                if near
                else suggestion(right.value, allowed, "it is one of " + ", ".join(allowed)),
            )

    def _flags(self, values: c.Constant, expr: t.Has, scope: Scope) -> None:
        written = values.value if isinstance(values.value, tuple) else (values.value,)
        for flag in written:
            if not isinstance(flag, str):
                continue
            if flag.startswith("-") and not flag.startswith("--") and len(flag) > 2:
                split = ", ".join(f'"-{letter}"' for letter in flag[1:])
                self._findings.add(
                    "AP309",
                    f"`{flag}` is never one flag: joined short options are split",
                    scope.place(expr.right.span),
                    help=f"write [{split}], or a pattern with the word `{flag}` in it",
                )
            elif not flag.startswith("-") or "=" in flag:
                self._findings.add(
                    "AP309",
                    f"`{flag}` is never a flag",
                    scope.place(expr.right.span),
                    help="a flag begins with `-` and is cut before `=`",
                )


def _maybe_not(test: c.Test_, negated: bool) -> c.Test_:
    return c.Negation(test, test.place) if negated else test


def _nothing(place: c.Place) -> c.Test_:
    """Stands where an error was reported, so that the rest can be read."""
    return c.Some((), place)


def _type(operand: c.Operand) -> str:
    if isinstance(operand, c.Constant):
        value = operand.value
        return (
            "[text]"
            if isinstance(value, tuple)
            else "bool"
            if isinstance(value, bool)
            else "text"
            if isinstance(value, str)
            else "number"
        )
    return operand.type.removesuffix("?")


def _comparable(have: str, wanted: str) -> bool:
    if "any" in {have, wanted} or have == wanted:
        return True
    if have.startswith("[") and wanted.startswith("["):
        return _comparable(have[1:-1], wanted[1:-1])
    if {have, wanted} <= TEXTUAL:
        return True
    return {have, wanted} <= {"number", "size"} or {have, wanted} <= {"argv", "[text]"}


__all__ = ["CLOSED", "Attributes", "ConditionReader", "type_of"]
