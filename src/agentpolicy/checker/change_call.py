"""What if the call or its situation were other: facts, context names, and what conditions read of the call."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from attrs import evolve

from agentpolicy.checker.nearly import describe_test, leaves, plain, written
from agentpolicy.checker.trial import Change, Trial
from agentpolicy.compiler import reference
from agentpolicy.effects.effect import Effect
from agentpolicy.language import checked as c
from agentpolicy.language.check import operands
from agentpolicy.language.vocabulary import CONTEXT

#: Conditions that are tried at most.
MOST_TRIED = 400
#: Stands for a text that no rule names.
_OTHER = "\ue0ff"


class CallChanges:
    """Tries changes of a call and its situation, one at a time."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def situations(self) -> Iterator[Change]:
        """Facts and context names that have another value; for each name and outcome the first that is found."""
        for operand, values in self._candidates().items():
            fact = isinstance(operand, c.FactName)
            now = (self._trial.situation.facts if fact else self._trial.situation.context).get(operand.name)
            told: set[str] = set()
            for value in values:
                if value == now and isinstance(value, bool) == isinstance(now, bool):
                    continue
                answer = self._trial.other(situation=self._with(operand, value))
                if answer is None or answer.outcome in told:
                    continue
                told.add(answer.outcome)
                what = f"the fact `{operand.name}`" if fact else f"`{operand.name}`"
                if _is_other(value):
                    named = ", ".join(plain(one) for one in values if not _is_other(one))
                    text = f"{what} being something else than {named}"
                else:
                    text = f"{what} being {plain(value)}"
                yield Change("situation", text, answer.outcome, answer.rule)

    def _with(self, operand: c.FactName | c.ContextName, value: Any) -> reference.Situation:
        if isinstance(operand, c.FactName):
            return evolve(self._trial.situation, facts={**self._trial.situation.facts, operand.name: value})
        return evolve(self._trial.situation, context={**self._trial.situation.context, operand.name: value})

    def _candidates(self) -> dict[c.FactName | c.ContextName, list[Any]]:
        """Values worth trying for what the rules read besides the call, from what they compare it with."""
        found: dict[c.FactName | c.ContextName, dict[Hashable, Any]] = {}
        for _, rule in self._trial.rules:
            for leaf in () if rule.condition is None else leaves(rule.condition):
                read = operands(leaf)
                for operand in read:
                    if isinstance(operand, c.FactName | c.ContextName):
                        values = found.setdefault(operand, {})
                        for other in read:
                            if isinstance(other, c.Constant):
                                for value in self._tried(operand, self._trial.bench.compiled.value(other)):
                                    values.setdefault((type(value).__name__, value), value)
        return {operand: [*values.values(), *_always_tried(operand, bool(values))] for operand, values in found.items()}

    def _tried(self, operand: c.FactName | c.ContextName, value: Any) -> Iterator[Any]:
        kind = operand.type.removesuffix("?")
        values = value if isinstance(value, tuple) else (value,)
        if kind.startswith("["):
            yield from ((one,) for one in values)
            return
        for one in values:
            yield one
            if kind == "number" and isinstance(one, int | float):
                yield from (one - 1, one + 1)

    def conditions(self) -> Iterator[Change]:
        """Single tests that read the call: what if one came out otherwise."""
        tried: set[Hashable] = set()
        for layer, rule in self._trial.rules:
            for leaf in () if rule.condition is None else leaves(rule.condition):
                names = [one for one in operands(leaf) if isinstance(one, c.Attribute)]
                if isinstance(leaf, c.HasMark):
                    pass
                elif not names or any(one.name in {"opaque", "result"} for one in names):
                    continue
                key = _same(layer, leaf)
                if key in tried or len(tried) >= MOST_TRIED:
                    continue
                tried.add(key)
                yield from self._flipped(layer, rule, leaf, key)

    def _flipped(self, layer: c.Layer, rule: c.CheckedRule, leaf: c.Test_, key: Hashable) -> Iterator[Change]:
        effect = next(effect for effect in self._trial.effects if effect.action in rule.actions)
        now = self._truth(layer, rule, leaf, effect)
        for value in (True, False):
            if value is now:
                continue
            answer = self._trial.other(program=self._forced(key, value))
            if answer is None:
                continue
            came = describe_test(layer, leaf, now, effect, self._trial.bench.params, self._trial.situation)
            text = f"`{written(leaf.place)}` being {'true' if value else 'false'} ({came.partition('` ')[2]})"
            yield Change("condition", text, answer.outcome, answer.rule, leaf.place.source.name, leaf.place.line)

    def _truth(self, layer: c.Layer, rule: c.CheckedRule, leaf: c.Test_, effect: Effect) -> bool | None:
        bare = evolve(rule, effect="deny", subject=None, excepts=(), condition=leaf, quotas=())
        self._trial.situation.state.judging(effect)
        return reference.match_rule(layer, bare, self._trial.bench.bindings, effect, self._trial.situation)

    def _forced(self, key: Hashable, value: bool) -> c.Program:
        """The program with one test, wherever it stands, taken for true or false."""

        def replaced(layer: c.Layer, test: c.Test_) -> c.Test_:
            match test:
                case c.All(terms=terms) | c.Some(terms=terms):
                    return evolve(test, terms=tuple(replaced(layer, term) for term in terms))
                case c.Negation(term=term):
                    return evolve(test, term=replaced(layer, term))
                case _:
                    return c.Truthy(c.Constant(value), test.place) if _same(layer, test) == key else test

        return self._trial.mapped(
            lambda layer, rule: (
                rule if rule.condition is None else evolve(rule, condition=replaced(layer, rule.condition))
            )
        )

    def counts(self) -> Iterator[Change]:
        """Clauses that count: what if what a rule allows were not spent, or what one watches were exceeded."""
        for layer, rule in self._trial.rules:
            if not rule.quotas:
                continue
            answer = self._trial.other(program=self._uncounted(rule))
            if answer is None:
                continue
            clauses = " and ".join(f"`{written(quota.place)}`" for quota in rule.quotas)
            text = f"{clauses} of `{rule.id}` {'not being spent' if rule.effect == 'allow' else 'being exceeded'}"
            yield Change("count", text, answer.outcome, answer.rule, layer.source.name, rule.quotas[0].place.line)

    def _uncounted(self, rule: c.CheckedRule) -> c.Program:
        """The program in which a rule counts nothing."""
        return self._trial.mapped(lambda _, each: evolve(each, quotas=()) if each is rule else each)


def _same(layer: c.Layer, test: c.Test_) -> Hashable:
    """What two single tests have in common that say the same, wherever they stand."""
    match test:
        case c.Comparison(left=left, op=op, right=right):
            return ("compare", left, op, right)
        case c.Member(left=left, values=values, globs=globs):
            return ("member", left, values, tuple((glob.kind, glob.text) for glob in globs))
        case c.Holds(left=left, quantifier=quantifier, values=values, globs=globs):
            return ("holds", left, quantifier, values, tuple((glob.kind, glob.text) for glob in globs))
        case c.Truthy(operand=operand):
            return ("truth", operand)
        case c.HasMark(mark=mark):
            return ("mark", layer.name, mark)
        case c.From(left=left, origin=origin):
            return ("from", left, origin)
        case _:
            return id(test)


def _always_tried(operand: c.FactName | c.ContextName, named: bool) -> list[Any]:
    kind = operand.type.removesuffix("?")
    if kind == "bool":
        return [True, False]
    if kind.startswith("["):
        return [()]
    closed = operand.name in CONTEXT and operand.name.startswith(("time.", "host."))
    return [_OTHER] if kind not in {"number", "argv"} and named and not closed else []


def _is_other(value: object) -> bool:
    return value == _OTHER
