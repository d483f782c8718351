"""What would change an answer: each change is tried on the reference evaluator, none is guessed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from attrs import evolve, frozen

from agentpolicy.checker.bench import Answered, Bench, counts, layer_answer
from agentpolicy.checker.nearly import Weighed, describe_test, leaves, plain, shown_pattern, where, written
from agentpolicy.checker.suggest import allowing
from agentpolicy.compiler import reference
from agentpolicy.effects.effect import Effect
from agentpolicy.language import checked as c
from agentpolicy.language.check import operands
from agentpolicy.language.vocabulary import CONTEXT

ChangeKind: TypeAlias = Literal["situation", "condition", "rule", "pattern", "exception", "opaque", "without"]
#: Conditions that are tried, and near misses that are widened, at most.
MOST_TRIED = 400
MOST_WIDENED = 3
#: Stands for a text that no rule names.
_OTHER = "\ue0ff"


@frozen
class Change:
    """A change of the call, of its circumstances or of the policy, and the answer that it would give.

    ``lines`` are rules to write, ``line`` the line in ``file`` that the change is about.
    """

    kind: ChangeKind
    text: str
    outcome: str
    rule: str
    file: str | None = None
    line: int | None = None
    lines: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The change as JSON values."""
        return {
            "kind": self.kind,
            "text": self.text,
            "outcome": self.outcome,
            "rule": self.rule,
            "file": self.file,
            "line": self.line,
            "lines": list(self.lines),
        }


def changes(bench: Bench, answered: Answered, near: Sequence[Weighed]) -> tuple[Change, ...]:
    """The smallest changes that give another outcome: of the situation, of the call, then of the policy.

    Args:
        bench: the program.
        answered: the answer that is to change; one that was given before any rule was asked has no changes.
        near: rules that did not match, the nearest first.
    """
    if not answered.answers:
        return ()
    search = _Search(bench, answered)
    found = [*search.situations(), *search.conditions()]
    if answered.decision.outcome != "deny" or answered.decision.rule != "default":
        found += search.without()
    if answered.decision.outcome != "allow":
        found += [*search.widened(near), *search.new_rules()]
    return tuple(found)


class _Search:
    """Tries changes, one at a time."""

    def __init__(self, bench: Bench, answered: Answered) -> None:
        self._bench = bench
        self._program = bench.program
        self._answered = answered
        self._effects = answered.effects
        self._situation = answered.situation
        self._before = answered.decision.outcome
        actions = {effect.action for effect in self._effects}
        self._rules = [
            (layer, rule)
            for layer in self._program.layers
            for rule in layer.rules
            if not actions.isdisjoint(rule.actions)
        ]

    def _try(
        self, *, program: c.Program | None = None, situation: reference.Situation | None = None
    ) -> reference.Answer | None:
        """The answer under a change; None where its outcome is the one that there was."""
        answer, _ = reference.judge_call(
            program or self._program, self._bench.bindings, self._effects, situation or self._situation
        )
        return None if answer.outcome == self._before else answer

    # --- the situation ------------------------------------------------------------

    def situations(self) -> Iterator[Change]:
        """Facts and context names that have another value; for each name and outcome the first that is found."""
        for operand, values in self._candidates().items():
            fact = isinstance(operand, c.FactName)
            now = (self._situation.facts if fact else self._situation.context).get(operand.name)
            told: set[str] = set()
            for value in values:
                if value == now and isinstance(value, bool) == isinstance(now, bool):
                    continue
                answer = self._try(situation=self._with(operand, value))
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
            return evolve(self._situation, facts={**self._situation.facts, operand.name: value})
        return evolve(self._situation, context={**self._situation.context, operand.name: value})

    def _candidates(self) -> dict[c.FactName | c.ContextName, list[Any]]:
        """Values worth trying for what the rules read besides the call, from what they compare it with."""
        found: dict[c.FactName | c.ContextName, dict[Hashable, Any]] = {}
        for _, rule in self._rules:
            for leaf in () if rule.condition is None else leaves(rule.condition):
                read = operands(leaf)
                for operand in read:
                    if isinstance(operand, c.FactName | c.ContextName):
                        values = found.setdefault(operand, {})
                        for other in read:
                            if isinstance(other, c.Constant):
                                for value in self._tried(operand, self._bench.compiled.value(other)):
                                    values.setdefault((type(value).__name__, value), value)
        return {
            operand: [*values.values(), *_always_tried(operand, bool(values))] for operand, values in found.items()
        }

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

    # --- conditions ---------------------------------------------------------------

    def conditions(self) -> Iterator[Change]:
        """Single tests that read the call: what if one came out otherwise."""
        tried: set[Hashable] = set()
        for layer, rule in self._rules:
            for leaf in () if rule.condition is None else leaves(rule.condition):
                names = [one for one in operands(leaf) if isinstance(one, c.Attribute)]
                if not names or any(one.name in {"opaque", "result"} for one in names):
                    continue
                key = _same(leaf)
                if key in tried or len(tried) >= MOST_TRIED:
                    continue
                tried.add(key)
                yield from self._flipped(layer, rule, leaf, key)

    def _flipped(self, layer: c.Layer, rule: c.CheckedRule, leaf: c.Test_, key: Hashable) -> Iterator[Change]:
        effect = next(effect for effect in self._effects if effect.action in rule.actions)
        now = self._truth(layer, rule, leaf, effect)
        for value in (True, False):
            if value is now:
                continue
            answer = self._try(program=self._forced(key, value))
            if answer is None:
                continue
            came = describe_test(leaf, now, effect, self._bench.params, self._situation)
            text = f"`{written(leaf.place)}` being {'true' if value else 'false'} ({came.partition('` ')[2]})"
            yield Change(
                "condition", text, answer.outcome, answer.rule, leaf.place.source.name, leaf.place.line
            )

    def _truth(self, layer: c.Layer, rule: c.CheckedRule, leaf: c.Test_, effect: Effect) -> bool | None:
        bare = evolve(rule, effect="deny", subject=None, excepts=(), condition=leaf)
        return reference.match_rule(layer, bare, self._bench.bindings, effect, self._situation)

    def _forced(self, key: Hashable, value: bool) -> c.Program:
        """The program with one test, wherever it stands, taken for true or false."""

        def replaced(test: c.Test_) -> c.Test_:
            match test:
                case c.All(terms=terms) | c.Some(terms=terms):
                    return evolve(test, terms=tuple(replaced(term) for term in terms))
                case c.Negation(term=term):
                    return evolve(test, term=replaced(term))
                case _:
                    return c.Truthy(c.Constant(value), test.place) if _same(test) == key else test

        return self._mapped(
            lambda rule: rule if rule.condition is None else evolve(rule, condition=replaced(rule.condition))
        )

    # --- the policy ---------------------------------------------------------------

    def without(self) -> Iterator[Change]:
        """The rules that decided, left out: the one that is reported, or all of them together."""
        ids = self._answered.deciding
        decided = [(layer, rule) for layer, rule in self._rules if rule.id in ids]
        first = [pair for pair in decided if pair[1].id == self._answered.decision.rule][:1]
        for group in (first, decided) if len(decided) > 1 else (first,):
            gone = {(layer.source.name, rule.index) for layer, rule in group}
            if not gone:
                continue
            program = evolve(
                self._program,
                layers=tuple(
                    evolve(
                        layer, rules=tuple(one for one in layer.rules if (layer.source.name, one.index) not in gone)
                    )
                    for layer in self._program.layers
                ),
            )
            answer = self._try(program=program)
            if answer is not None:
                names = " and ".join(f"`{rule.id}` ({where(rule.place, layer.source.name)})" for layer, rule in group)
                several = "rules" if len(group) > 1 else "rule"
                layer, rule = group[0]
                yield Change(
                    "without",
                    f"the {several} {names} not being there",
                    answer.outcome,
                    answer.rule,
                    layer.source.name,
                    rule.place.line,
                )
                return

    def widened(self, near: Sequence[Weighed]) -> Iterator[Change]:
        """Allow rules that fail on a single part, with that part out of the way."""
        told = 0
        for one in near:
            rule = one.rule
            if rule.effect != "allow" or one.only not in {"pattern", "exception", "opaque"} or told >= MOST_WIDENED:
                continue
            effect = next((effect for effect in self._effects if effect.action in rule.actions), None)
            if effect is None:
                continue
            at = f"`{rule.id}` ({where(rule.place)})"
            match one.only:
                case "pattern":
                    suggestion = allowing(effect, (), rule.place, 0)
                    if suggestion is None or suggestion.rule.subject is None or rule.subject is None:
                        continue
                    other = evolve(rule, subject=(*rule.subject, *suggestion.rule.subject))
                    listed = suggestion.line.partition(f"{effect.action} ")[2].partition(" when ")[0]
                    kind, text = "pattern", f"the rule {at} also naming {listed}"
                case "exception":
                    places = {part.place for part in one.parts}
                    kept = tuple(glob for glob in rule.excepts if glob.place not in places)
                    other = evolve(rule, excepts=kept)
                    gone = ", ".join(f'"{shown_pattern(glob)}"' for glob in rule.excepts if glob.place in places)
                    kind, text = "exception", f"the rule {at} without its exception {gone}"
                case _:
                    opaque = c.Truthy(c.Attribute("opaque", "bool"), rule.place)
                    terms = (opaque,) if rule.condition is None else (rule.condition, opaque)
                    other = evolve(rule, condition=c.All(terms, rule.place))
                    kind, text = "opaque", f"the rule {at} saying `opaque` in its condition"
            answer = self._try(program=self._mapped(lambda each, rule=rule, other=other: other if each is rule else each))
            if answer is not None:
                told += 1
                yield Change(kind, text, answer.outcome, answer.rule, rule.place.source.name, rule.place.line)

    def new_rules(self) -> Iterator[Change]:
        """Rules that would allow exactly the effects that only a default keeps back, in the layers that do."""
        added: dict[int, list[c.CheckedRule]] = {}
        lines: list[str] = []
        loose = False
        for at, layer in enumerate(self._program.layers):
            taken = {rule.id for rule in layer.rules}
            for effect in self._effects:
                answer = layer_answer(self._program, layer, self._bench.bindings, effect, self._situation)
                silent = self._nobody_speaks(effect) and at == len(self._program.layers) - 1
                if not silent and (answer is None or answer.rule != "default" or answer.outcome == "allow"):
                    continue
                place = c.Place(layer.source, layer.source_span)
                suggestion = allowing(effect, taken, place, len(layer.rules) + len(added.get(at, ())))
                if suggestion is None:
                    return
                taken.add(suggestion.rule.id)
                added.setdefault(at, []).append(suggestion.rule)
                several = len(self._program.layers) > 1
                lines.append(suggestion.line + (f"    # in the layer {layer.name}" if several else ""))
                loose = loose or not suggestion.exact
        if not added:
            return
        layers = tuple(
            evolve(layer, rules=(*layer.rules, *added.get(at, ()))) for at, layer in enumerate(self._program.layers)
        )
        answer = self._try(program=evolve(self._program, layers=layers))
        if answer is not None:
            text = "this rule being there" if len(lines) == 1 else "these rules being there"
            if loose:
                text += " (`*` stands for what a pattern cannot name)"
            yield Change("rule", text, answer.outcome, answer.rule, lines=tuple(lines))

    def _nobody_speaks(self, effect: Effect) -> bool:
        answer = reference.judge(self._program, self._bench.bindings, effect, self._situation)
        return answer.rule == "default" and answer.layer is None

    def _mapped(self, change: Callable[[c.CheckedRule], c.CheckedRule]) -> c.Program:
        layers = tuple(
            evolve(layer, rules=tuple(change(rule) for rule in layer.rules)) for layer in self._program.layers
        )
        return evolve(self._program, layers=layers)


def _same(test: c.Test_) -> Hashable:
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


__all__ = ["Change", "ChangeKind", "changes"]
