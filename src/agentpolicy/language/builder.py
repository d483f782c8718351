"""Makes the nodes of the tree: one method for each rule of the grammar, called as soon as its text is read."""

from __future__ import annotations

from typing import Any, Literal, cast

from agentpolicy.language import tree as t
from agentpolicy.language.expressions import ExpressionBuilder
from agentpolicy.language.strings import unescape
from agentpolicy.language.tokens import Token
from agentpolicy.language.vocabulary import SETTINGS

_TWO_WORDS = frozenset(word for settings in SETTINGS.values() for word in settings if " " in word)


class Builder(ExpressionBuilder):
    """Makes the nodes of items, down to the conditions and values in them."""

    # --- the file -------------------------------------------------------------

    def start(self, parts: list[Any]) -> t.File:
        header = parts[0] if parts and isinstance(parts[0], t.Header) else None
        return t.File(header, tuple(parts[1:] if header is not None else parts), self._span())

    def header(self, parts: list[Any]) -> t.Header:
        _, name, _, version, _, language = parts
        number = None if language is None else cast(int, self._number(language))
        text = t.Text(unescape(version.text), t.Span(version.start, version.end))
        return t.Header(self._name(name), text, number, self._span())

    # --- names and types ------------------------------------------------------

    def import_(self, parts: list[Any]) -> t.Import:
        return t.Import(self._text(parts[1]), self._name(parts[3]), self._span())

    def extends(self, parts: list[Any]) -> t.Extends:
        return t.Extends(self._text(parts[1]), self._span())

    def param(self, parts: list[Any]) -> t.Param:
        _, name, _, kind, _, default = parts
        return t.Param(name, kind, default, self._span())

    def fact(self, parts: list[Any]) -> t.Fact:
        _, name, _, kind, _, default = parts
        return t.Fact(self._name(name), kind, default, self._span())

    def set_(self, parts: list[Any]) -> t.SetDecl:
        _, name, _, kind, _, patterns = parts
        return t.SetDecl(self._name(name), kind, patterns, self._span())

    def define(self, parts: list[Any]) -> t.Define:
        return t.Define(self._name(parts[1]), parts[3], self._span())

    def default(self, parts: list[Any]) -> t.Default:
        _, outcome, _, actions, _, because = parts
        return t.Default("none" if isinstance(outcome, Token) else outcome, actions or (), because, self._span())

    def type_(self, parts: list[Any]) -> t.TypeRef:
        return t.TypeRef(parts[0], False, parts[1] is not None, self._span())

    def list_type(self, parts: list[Any]) -> t.TypeRef:
        return t.TypeRef(parts[1], True, parts[3] is not None, self._span())

    def type_name(self, parts: list[Any]) -> str:
        return cast(str, parts[0].text)

    # --- tools ----------------------------------------------------------------

    def tool(self, parts: list[Any]) -> t.Tool:
        _, called, _, parameters, _, does, _, returns = parts
        only, doings = does or (False, ())
        label = None if returns is None else self._name(returns)
        return t.Tool(called, parameters or (), only, doings, label, self._span())

    def called(self, parts: list[Any]) -> t.Name | t.Text:
        return self._text(parts[0]) if parts[0].type == "STRING" else self._name(parts[0])

    def parameters(self, parts: list[Any]) -> tuple[t.Param, ...]:
        return tuple(parts[::2])

    def parameter(self, parts: list[Any]) -> t.Param:
        name, _, kind, _, default = parts
        return t.Param(name, kind, default, self._span())

    def does(self, parts: list[Any]) -> tuple[bool, tuple[t.Doing, ...]]:
        return parts[1] is not None, parts[2]

    def doings(self, parts: list[Any]) -> tuple[t.Doing, ...]:
        return tuple(parts[::2])

    def doing(self, parts: list[Any]) -> t.Doing:
        return t.Doing(parts[0], parts[1], parts[3], self._span())

    def dotted(self, parts: list[Any]) -> t.Ref:
        return t.Ref(tuple(name.text for name in parts[::2]), self._span())

    # --- rules ----------------------------------------------------------------

    def rule(self, parts: list[Any]) -> t.Rule:
        return t.Rule(parts[0], parts[1], parts[3], tuple(parts[4:]), self._span())

    def match(self, parts: list[Any]) -> t.Match:
        actions, subject, _, excepts, condition = parts
        return t.Match(actions, subject, excepts or (), condition, self._span())

    def subject(self, parts: list[Any]) -> tuple[t.Pattern, ...] | None:
        return None if isinstance(parts[0], Token) else parts[0]

    def condition(self, parts: list[Any]) -> t.Condition:
        return t.Condition(parts[0].type == "UNLESS", parts[1], self._span())

    def actions(self, parts: list[Any]) -> tuple[t.Ref, ...]:
        return tuple(parts[::2])

    def action(self, parts: list[Any]) -> t.Ref:
        return self.ref(parts)

    def patterns(self, parts: list[Any]) -> tuple[t.Pattern, ...]:
        return tuple(parts[::2])

    def because(self, parts: list[Any]) -> t.Because:
        return t.Because(parts[1], self._span())

    def via(self, parts: list[Any]) -> t.Via:
        return t.Via(self._name(parts[1]), self._span())

    def limit(self, parts: list[Any]) -> t.Limit:
        _, count, _, window, _, per = parts
        return t.Limit(count, window, per, self._span())

    def budget(self, parts: list[Any]) -> t.Budget:
        _, amount, _, of, before, _, window, after, _, per = parts
        if before is not None and after is not None:
            span = self._span()
            self._report("AP101", "a budget says `in` or `out` once", span.start, span.end, "leave one of them out")
        return t.Budget(amount, of, window, before or after, per, self._span())

    def over(self, parts: list[Any]) -> t.Over:
        _, amount, _, of, _, window, _, per = parts
        return t.Over(amount, of, window, per, self._span())

    def scope(self, parts: list[Any]) -> t.Name:
        return self._name(parts[0])

    def direction(self, parts: list[Any]) -> Literal["in", "out"]:
        token = parts[0]
        if token.text not in {"in", "out"}:
            self._report("AP101", f"expected `in`, `out` or `per`, found `{token.text}`", token.start, token.end, None)
        return "in" if token.text == "in" else "out"

    def log(self, parts: list[Any]) -> t.Log:
        return t.Log(self._name(parts[1]), self._span())

    def redact(self, parts: list[Any]) -> t.Redact:
        return t.Redact(parts[1], self._span())

    def fields(self, parts: list[Any]) -> tuple[t.FieldRef, ...]:
        return tuple(parts[::2])

    def field(self, parts: list[Any]) -> t.FieldRef:
        head = parts[0]
        quoted = head.type == "STRING"
        names = tuple(name.text for name in parts[2::2])
        return t.FieldRef(unescape(head.text) if quoted else head.text, quoted, names, self._span())

    def mark(self, parts: list[Any]) -> t.Mark:
        _, name, _, match, _, duration = parts
        return t.Mark(False, self._name(name), match, duration, self._span())

    def clear(self, parts: list[Any]) -> t.Mark:
        return t.Mark(True, self._name(parts[1]), parts[3], None, self._span())

    # --- blocks ---------------------------------------------------------------

    def block(self, parts: list[Any]) -> t.Block:
        return t.Block(parts[0].text, None, tuple(parts[2:-1]), self._span())

    def approval(self, parts: list[Any]) -> t.Block:
        return t.Block("approval", self._name(parts[1]), tuple(parts[3:-1]), self._span())

    def setting(self, parts: list[Any]) -> t.Setting:
        word: str = parts[0]
        values: tuple[t.SettingValue, ...] = tuple(parts[1::2])
        first = values[0].atom
        if len(values) == 1 and isinstance(first, t.Ref) and f"{word} {first.text}" in _TWO_WORDS:
            return t.Setting((word, first.text), (), self._span())
        return t.Setting((word,), values, self._span())

    def negated_setting(self, parts: list[Any]) -> t.Setting:
        return t.Setting(("not", parts[1].text), (), self._span())

    def setting_word(self, parts: list[Any]) -> str:
        return cast(str, parts[0].text)

    def setting_value(self, parts: list[Any]) -> t.SettingValue:
        outcome, atom, _, per, _, then = parts
        return t.SettingValue(atom, outcome, per, then, self._span())

    def field_atom(self, parts: list[Any]) -> t.Ref | t.FieldRef:
        field: t.FieldRef = parts[0]
        return field if field.quoted else t.Ref((field.head, *field.parts), field.span)

    def none(self, parts: list[Any]) -> t.Ref:
        return t.Ref(("none",), self._span())

    def percent(self, parts: list[Any]) -> t.Percent:
        return t.Percent(self._integer(parts[0].text[:-1], parts[0]), self._span())

    def group(self, parts: list[Any]) -> t.Group:
        return t.Group(parts[0].text[1:], self._span())

    # --- tests and proofs -----------------------------------------------------

    def test(self, parts: list[Any]) -> t.Test:
        return t.Test(parts[1], tuple(parts[3:-1]), self._span())

    def given(self, parts: list[Any]) -> t.Given:
        return t.Given(tuple(parts[2:-1:2]), self._span())

    def binding(self, parts: list[Any]) -> t.Binding:
        return t.Binding(parts[0], parts[2], self._span())

    def wait(self, parts: list[Any]) -> t.Wait:
        return t.Wait(parts[1], self._span())

    def approve(self, parts: list[Any]) -> t.Approve:
        return t.Approve(tuple(parts[1::2]), self._span())

    def said(self, parts: list[Any]) -> t.Said:
        return t.Said(self._name(parts[0]), parts[2], self._span())

    def call_step(self, parts: list[Any]) -> t.Step:
        act, facts, _, returns, expect = parts
        return t.Step(act, facts or (), returns, expect, self._span())

    def effect_act(self, parts: list[Any]) -> t.EffectAct:
        return t.EffectAct(parts[0], parts[1], self._span())

    def call(self, parts: list[Any]) -> t.Call:
        return t.Call(parts[0], tuple(part for part in parts[2:-1:2] if part is not None), self._span())

    def facts(self, parts: list[Any]) -> tuple[t.Named, ...]:
        return tuple(parts[1:-1:2])

    def named(self, parts: list[Any]) -> t.Named:
        return t.Named(parts[0], parts[2], self._span())

    def expect(self, parts: list[Any]) -> t.Expect:
        return t.Expect(parts[1], parts[3], self._span())

    def prove(self, parts: list[Any]) -> t.Prove:
        return t.Prove(self._name(parts[1]), parts[2], parts[3], parts[4], self._span())

    def effect(self, parts: list[Any]) -> t.Outcome:
        return cast(t.Outcome, parts[0].text)
