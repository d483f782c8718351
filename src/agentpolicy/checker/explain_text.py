"""Lays an explanation out for a person."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from agentpolicy.checker.nearly import Weighed
from agentpolicy.language.render import visible

if TYPE_CHECKING:
    from agentpolicy.checker.explain import EffectExplained, Explanation, LayerExplained

_COLOURS = {"allow": "\x1b[32m", "ask": "\x1b[33m", "deny": "\x1b[31m", "dim": "\x1b[2m", "bold": "\x1b[1m"}
_PLAIN = "\x1b[0m"


class _Painter:
    def __init__(self, colour: bool) -> None:
        self._on = colour

    def __call__(self, text: str, style: str | None) -> str:
        return f"{_COLOURS[style]}{text}{_PLAIN}" if self._on and style in _COLOURS else text


def explanation_text(explanation: Explanation, colour: bool) -> str:
    """The answer, each effect with its layers, then what would change the answer."""
    paint = _Painter(colour)
    decision = explanation.decision
    head = f"{paint(decision.outcome, decision.outcome)} by {paint(visible(decision.rule), 'bold')}"
    if decision.layer is not None:
        head += f" of {decision.layer}" + (f", line {decision.verdict.line}" if decision.verdict.line else "")
    lines = [head]
    if decision.reason:
        lines.append(f"  because {visible(decision.reason)}")
    if explanation.marks:
        lines += ["", *(f"{paint('session', 'dim')}    {visible(mark.text)}" for mark in explanation.marks)]
    for effect in explanation.effects:
        lines += ["", *_effect(effect, paint)]
    lines += ["", *_changes(explanation, paint)]
    return "\n".join(lines)


def _effect(effect: EffectExplained, paint: _Painter) -> Iterable[str]:
    answer = (
        paint("answered by its effects", "dim")
        if effect.outcome is None
        else f"{paint(effect.outcome, effect.outcome)} by {visible(effect.rule or '')}"
    )
    yield f"{paint(visible(effect.text), 'bold')}  →  {answer}"
    if effect.effect.why:
        yield f"  not known: {visible(effect.effect.why)}"
    yield from (f"  {visible(one.text)}" for one in effect.passages)
    for layer in effect.layers:
        if effect.outcome is None and not (layer.matched or layer.unsure or layer.near):
            continue
        yield from (f"  {line}" for line in _layer(layer, paint, named=len(effect.layers) > 1))


def _layer(layer: LayerExplained, paint: _Painter, *, named: bool) -> Iterable[str]:
    indent = ""
    if named:
        file = os.path.basename(layer.layer.source.name)
        answer = paint("no opinion", "dim") if layer.outcome is None else paint(layer.outcome, layer.outcome)
        yield f"layer {layer.layer.name} ({file}): {answer}" + (f" by {layer.rule}" if layer.rule else "")
        indent = "  "
    for title, rules in (("matches", layer.matched), ("may match", layer.unsure), ("nearly", layer.near)):
        for one in rules:
            yield indent + _rule(title, one, paint)
            yield from (f"{indent}             {visible(text)}" for text in _said_of(one))
    if layer.by_default:
        yield f"{indent}{'default':<10} {layer.default}"


def _said_of(one: Weighed) -> Iterable[str]:
    return [*one.notes, *(part.text for part in one.parts)]


def _rule(title: str, one: Weighed, paint: _Painter) -> str:
    return f"{title:<10} {paint(f'{one.rule.effect} {one.rule.id}', one.rule.effect)} (line {one.rule.place.line})"


def _changes(explanation: Explanation, paint: _Painter) -> Iterable[str]:
    if not explanation.changes:
        yield "no single change that was tried gives another answer"
        return
    yield "what if"
    for change in explanation.changes:
        still = "still " if change.outcome == explanation.decision.outcome else ""
        yield f"  {still}{paint(change.outcome, change.outcome)} by {visible(change.rule)}: {visible(change.text)}"
        yield from (f"      {visible(line)}" for line in change.lines)
