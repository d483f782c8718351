"""Makes the nodes of conditions and values, and holds what all makers of nodes share."""

# ruff: noqa: D102 -- each method is named like the rule of the grammar that it makes a node of

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from agentpolicy.language import tree as t
from agentpolicy.language.strings import unescape
from agentpolicy.language.tokens import Token
from agentpolicy.language.vocabulary import DURATIONS, SIZES

#: Digits that a number may have: more is no number that a policy needs.
MAX_DIGITS = 15

#: Reports a problem: code, message, start, end, help.
Report = Callable[[str, str, int, int, str | None], None]

_NEAR_UNITS = {
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("day", "days"), "d"),
    **{word: unit for unit in SIZES for word in (unit.lower(), unit.lower().removesuffix("b") + "ib") if unit != "B"},
    **{unit[0].lower(): unit for unit in SIZES if unit not in {"B", "MB"}},
}


class ExpressionBuilder:
    """The methods take the parts of a rule in order (every token kept, absent optional parts None).

    Before each call the parser sets ``begin`` and ``end``, the character offsets of what the rule covers.
    """

    def __init__(self, report: Report) -> None:
        self.begin = 0
        self.end = 0
        self._report = report

    def _span(self) -> t.Span:
        return t.Span(self.begin, self.end)

    @staticmethod
    def _name(token: Token) -> t.Name:
        return t.Name(token.text, t.Span(token.start, token.end))

    # --- conditions -----------------------------------------------------------

    def expr(self, parts: list[Any]) -> t.Or:
        return t.Or(tuple(parts[::2]), self._span())

    def conjunction(self, parts: list[Any]) -> t.And:
        return t.And(tuple(parts[::2]), self._span())

    def negation(self, parts: list[Any]) -> t.Not:
        return t.Not(parts[1], self._span())

    def compare(self, parts: list[Any]) -> t.Compare:
        return t.Compare(parts[0], parts[1].text, parts[2], self._span())

    def member(self, parts: list[Any]) -> t.In:
        return t.In(parts[0], parts[3], parts[1] is not None, self._span())

    def like(self, parts: list[Any]) -> t.Like:
        return t.Like(parts[0], parts[3], parts[1] is not None, self._span())

    def has(self, parts: list[Any]) -> t.Has:
        return t.Has(parts[0], "one", parts[2], self._span())

    def has_many(self, parts: list[Any]) -> t.Has:
        return t.Has(parts[0], parts[2].text, parts[3], self._span())

    def origin(self, parts: list[Any]) -> t.From:
        return t.From(parts[0], self._name(parts[2]), self._span())

    def truth(self, parts: list[Any]) -> t.Truth:
        return t.Truth(parts[0], parts[0].span)

    def bracketed(self, parts: list[Any]) -> t.Expr:
        return cast(t.Expr, parts[1])

    def ref(self, parts: list[Any]) -> t.Ref:
        first = parts[0].text
        names = (first,) if len(parts) == 1 else (first, *[name.text for name in parts[2::2]])
        return t.Ref(names, t.Span(self.begin, self.end))

    # --- values ---------------------------------------------------------------

    def list_(self, parts: list[Any]) -> t.ListValue:
        return t.ListValue(tuple([part for part in parts[1:-1:2] if part is not None]), self._span())

    def string(self, parts: list[Any]) -> t.Text:
        return t.Text(unescape(parts[0].text), t.Span(self.begin, self.end))

    def number(self, parts: list[Any]) -> t.Number:
        return t.Number(self._number(parts[0]), self._span())

    def unit(self, parts: list[Any]) -> t.Unit:
        token = parts[0]
        digits = token.text.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
        unit = token.text[len(digits) :]
        amount = self._integer(digits, token)
        if unit not in DURATIONS and unit not in SIZES:
            near = _NEAR_UNITS.get(unit.lower())
            help = f"write `{digits}{near}`" if near else "units are s, m, h, d and B, KB, MB, GB, TB"
            self._report("AP106", f"`{unit}` is no unit", token.start, token.end, help)
        return t.Unit(amount, unit, self._span())

    def bool_(self, parts: list[Any]) -> t.Bool:
        return t.Bool(parts[0].type == "TRUE", self._span())

    def word(self, parts: list[Any]) -> t.Name:
        return t.Name(parts[0].text, t.Span(self.begin, self.end))

    def _text(self, token: Token) -> t.Text:
        return t.Text(unescape(token.text), t.Span(token.start, token.end))

    def _number(self, token: Token) -> int | float:
        text = token.text
        if "." not in text:
            return self._integer(text, token)
        if len(text) > MAX_DIGITS + 2:
            return self._integer(text, token)
        return float(text)

    def _integer(self, digits: str, token: Token) -> int:
        if len(digits) > MAX_DIGITS:
            self._report(
                "AP106", f"a number has {MAX_DIGITS} digits at most", token.start, token.end, "write a smaller one"
            )
            return 0
        return int(digits)
