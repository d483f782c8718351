"""What a session remembers that rules about a call ask for: its marks, and passages in which values stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import frozen

from agentpolicy.checker.bench import Bench
from agentpolicy.checker.history import Text
from agentpolicy.checker.nearly import leaves, operand_value
from agentpolicy.compiler import reference
from agentpolicy.effects.effect import Effect
from agentpolicy.engine.provenance import passage
from agentpolicy.language import checked as c
from agentpolicy.language.check import walk_test


@frozen
class MarkExplained:
    """One mark: ``value`` as the session has it, the lines that set and clear it, the rules that ask for it."""

    name: str
    layer: str
    value: bool | None
    set_by: tuple[int, ...]
    cleared_by: tuple[int, ...]
    read_by: tuple[str, ...]

    @property
    def text(self) -> str:
        """The mark in a line."""
        state = {True: "is set", False: "is not set", None: "may be set or not"}[self.value]
        lines = [f"set by line {_listed(self.set_by)}"] if self.set_by else []
        lines += [f"cleared by line {_listed(self.cleared_by)}"] if self.cleared_by else []
        lines += [f"read by {', '.join(f'`{one}`' for one in self.read_by)}"] if self.read_by else []
        return f"mark {self.name} {state}" + (f" ({'; '.join(lines)})" if lines else "")

    def as_json(self) -> dict[str, Any]:
        """The mark as JSON values."""
        return {
            "mark": self.name,
            "layer": self.layer,
            "value": {True: "true", False: "false", None: "unknown"}[self.value],
            "set_by": list(self.set_by),
            "cleared_by": list(self.cleared_by),
            "read_by": list(self.read_by),
        }


@frozen
class PassageExplained:
    """A text that the session has seen in which a value of the call stands."""

    name: str
    origin: str
    passage: str

    @property
    def text(self) -> str:
        """The passage in a line."""
        who = {"user": "what the user said", "untrusted": "text that is not trusted", "trusted": "a trusted result"}
        return f"{self.name} stands in {who.get(self.origin, f'text from `{self.origin}`')}: {self.passage}"

    def as_json(self) -> dict[str, Any]:
        """The passage as JSON values."""
        return {"name": self.name, "origin": self.origin, "passage": self.passage}


def marks_of(bench: Bench, effects: Sequence[Effect], situation: reference.Situation) -> tuple[MarkExplained, ...]:
    """The marks that are set or may be, and those that a rule about the call's actions asks for."""
    actions = {effect.action for effect in effects}
    found: list[MarkExplained] = []
    for layer in bench.program.layers:
        for name in dict.fromkeys(mark.name for mark in layer.marks):
            lines = [mark for mark in layer.marks if mark.name == name]
            readers = tuple(
                rule.id for rule in layer.rules if not actions.isdisjoint(rule.actions) and _reads(rule, name)
            )
            value = situation.state.mark(f"{layer.key}:{name}")
            if value is not False or readers:
                found.append(
                    MarkExplained(
                        name,
                        layer.name,
                        value,
                        tuple(mark.place.line for mark in lines if not mark.clear),
                        tuple(mark.place.line for mark in lines if mark.clear),
                        readers,
                    )
                )
    return tuple(found)


def passages_of(
    bench: Bench, effect: Effect, situation: reference.Situation, seen: Sequence[Text]
) -> tuple[PassageExplained, ...]:
    """Where the values stand whose origin a rule about an effect asks for; of each origin the latest text."""
    found: dict[tuple[str, str], PassageExplained] = {}
    for operand in dict.fromkeys(_sourced(bench.program, effect)):
        value = operand_value(operand, effect, bench.params, situation)
        name = getattr(operand, "name", "the value").removeprefix("arg.")
        for text in reversed(seen) if value is not None else ():
            for part in _texts(text.text):
                place = passage(value, part)
                if place is not None:
                    found.setdefault((name, text.origin), PassageExplained(name, text.origin, place))
    return tuple(found.values())


def _sourced(program: c.Program, effect: Effect) -> Iterator[c.Operand]:
    for layer in program.layers:
        for rule in layer.rules:
            if effect.action in rule.actions and rule.condition is not None:
                yield from (node.left for node in leaves(rule.condition) if isinstance(node, c.From))


def _texts(value: Any) -> Iterator[str]:
    """The texts in a result."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            todo.extend(one.values())
        elif isinstance(one, list | tuple):
            todo.extend(one)


def _reads(rule: c.CheckedRule, mark: str) -> bool:
    if rule.condition is None:
        return False
    return any(isinstance(node, c.HasMark) and node.mark == mark for node in walk_test(rule.condition))


def _listed(lines: tuple[int, ...]) -> str:
    return " and ".join(map(str, lines))
