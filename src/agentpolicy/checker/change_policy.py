"""What if the policy were other: rules left out, rules that match more, new rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import evolve

from agentpolicy.checker.bench import anew, layer_answer
from agentpolicy.checker.nearly import Weighed, shown_pattern, where
from agentpolicy.checker.suggest import allowing
from agentpolicy.checker.trial import Change, ChangeKind, Trial
from agentpolicy.compiler import reference
from agentpolicy.effects.effect import Effect
from agentpolicy.language import checked as c
from agentpolicy.language.tree import NOWHERE

#: Near misses that are widened at most.
MOST_WIDENED = 3


class PolicyChanges:
    """Tries changes of the policy, one at a time."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def without(self) -> Iterator[Change]:
        """The rules that decided, left out: the one that is reported, and all of them; told although it may not help.

        Where a default then decides, the rule that would allow the call is added too.
        """
        ids = self._trial.answered.deciding
        decided = [(layer, rule) for layer, rule in self._trial.rules if rule.id in ids]
        first = [pair for pair in decided if pair[1].id == self._trial.answered.decision.rule][:1]
        for group in [first, decided] if len(decided) > 1 else [first]:
            if not group:
                continue
            gone = {(layer.source.name, rule.index) for layer, rule in group}
            program = evolve(
                self._trial.program,
                layers=tuple(
                    evolve(layer, rules=tuple(one for one in layer.rules if (layer.source.name, one.index) not in gone))
                    for layer in self._trial.program.layers
                ),
            )
            answer, _ = reference.judge_call(
                program, self._trial.bench.bindings, self._trial.effects, anew(self._trial.situation)
            )
            names = " and ".join(f"`{rule.id}` ({where(rule.place, layer.source.name)})" for layer, rule in group)
            text = f"the {'rules' if len(group) > 1 else 'rule'} {names} not being there"
            layer, rule = group[0]
            place = (layer.source.name, rule.place.line)
            yield Change("without", text, answer.outcome, answer.rule, *place)
            if self._trial.before != "allow" and answer.rule == "default":
                yield from self.new_rules(program, f"{text}, and ")
            if answer.outcome != self._trial.before:
                return

    def widened(self, near: Sequence[Weighed]) -> Iterator[Change]:
        """Allow rules that fail on a single part, with that part out of the way."""
        told = 0
        for one in near:
            rule = one.rule
            if rule.effect != "allow" or one.only not in {"pattern", "exception", "opaque"} or told >= MOST_WIDENED:
                continue
            effect = next((effect for effect in self._trial.effects if effect.action in rule.actions), None)
            if effect is None:
                continue
            widening = _widening(one, effect)
            if widening is None:
                continue
            kind, text, other = widening
            answer = self._trial.other(program=self._with(rule, other))
            if answer is not None:
                told += 1
                yield Change(kind, text, answer.outcome, answer.rule, rule.place.source.name, rule.place.line)

    def _with(self, rule: c.CheckedRule, other: c.CheckedRule) -> c.Program:
        return self._trial.mapped(lambda _, each: other if each is rule else each)

    def new_rules(self, program: c.Program | None = None, also: str = "") -> Iterator[Change]:
        """Rules that would allow exactly the effects that only a default keeps back, in the layers that do."""
        program = program or self._trial.program
        added: dict[int, list[c.CheckedRule]] = {}
        lines: list[str] = []
        loose = False
        for at, layer in enumerate(program.layers):
            taken = {rule.id for one in self._trial.program.layers for rule in one.rules}
            situation = anew(self._trial.situation)
            for effect in self._trial.effects:
                situation.state.judging(effect)
                answer = layer_answer(program, layer, self._trial.bench.bindings, effect, situation)
                situation.state.count(effect)
                if answer is None:
                    # Where no layer speaks, the innermost is the one to say something.
                    if at < len(program.layers) - 1 or not self._nobody_speaks(program, effect):
                        continue
                elif answer.rule != "default" or answer.outcome == "allow":
                    continue
                place = c.Place(layer.source, NOWHERE)
                suggestion = allowing(effect, taken, place, len(layer.rules) + len(added.get(at, ())))
                if suggestion is None:
                    return
                taken.add(suggestion.rule.id)
                added.setdefault(at, []).append(suggestion.rule)
                lines.append(suggestion.line + (f"  # in {layer.name}" if len(program.layers) > 1 else ""))
                loose = loose or not suggestion.exact
        if not added:
            return
        layers = tuple(
            evolve(layer, rules=(*layer.rules, *added.get(at, ()))) for at, layer in enumerate(program.layers)
        )
        answer = self._trial.other(program=evolve(program, layers=layers))
        if answer is not None:
            text = also + ("this rule being there" if len(lines) == 1 else "these rules being there")
            if loose:
                text += " (`*` stands for what a pattern cannot name)"
            yield Change("rule", text, answer.outcome, answer.rule, lines=tuple(lines))

    def _nobody_speaks(self, program: c.Program, effect: Effect) -> bool:
        answer = reference.judge(program, self._trial.bench.bindings, effect, self._trial.situation)
        return answer.rule == "default" and answer.layer is None


def _widening(one: Weighed, effect: Effect) -> tuple[ChangeKind, str, c.CheckedRule] | None:
    """An allow rule with the single part that it fails on out of the way, and what that is called."""
    rule = one.rule
    at = f"`{rule.id}` ({where(rule.place)})"
    match one.only:
        case "pattern":
            suggestion = allowing(effect, (), rule.place, 0)
            if suggestion is None or suggestion.rule.subject is None or rule.subject is None:
                return None
            listed = suggestion.line.partition(f"{effect.action} ")[2].partition(" when ")[0]
            other = evolve(rule, subject=(*rule.subject, *suggestion.rule.subject))
            return "pattern", f"the rule {at} also naming {listed}", other
        case "exception":
            places = {part.place for part in one.parts}
            kept = tuple(glob for glob in rule.excepts if glob.place not in places)
            gone = ", ".join(f'"{shown_pattern(glob)}"' for glob in rule.excepts if glob.place in places)
            return "exception", f"the rule {at} without its exception {gone}", evolve(rule, excepts=kept)
        case "opaque":
            opaque = c.Truthy(c.Attribute("opaque", "bool"), rule.place)
            terms = (opaque,) if rule.condition is None else (rule.condition, opaque)
            other = evolve(rule, condition=c.All(terms, rule.place))
            return "opaque", f"the rule {at} saying `opaque` in its condition", other
        case _:
            return None
