"""A policy cut down to what one proof can hang on, so that parameters which that never reads need no value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import evolve

from agentpolicy.checker.unspent import met
from agentpolicy.language import checked as c
from agentpolicy.language.check import operands, walk_test
from agentpolicy.language.patterns import PARAMETER


def cut_down(program: c.Program, proof: c.CheckedProof, missing: frozenset[str]) -> c.Program | None:
    """The policy with no rules but those for a proof's actions, and nothing that sets marks.

    None where that still reads a parameter that is missing.
    """
    layers = tuple(_layer(layer, proof, missing) for layer in program.layers)
    parts = [(rule.subject, rule.excepts, met(rule)) for layer in layers for rule in layer.rules]
    parts.append((proof.subject, proof.excepts, proof.condition))
    defaults = [one.default for layer in layers for one in layer.facts.values()]
    read = {name for part in parts for name in _of_match(*part)} | {*_of_value(defaults)}
    return None if read & missing else evolve(program, layers=layers)


def _layer(layer: c.Layer, proof: c.CheckedProof, missing: frozenset[str]) -> c.Layer:
    return evolve(
        layer,
        params={name: one for name, one in layer.params.items() if name not in missing},
        rules=tuple(evolve(rule, reason=None) for rule in layer.rules if not {*proof.actions}.isdisjoint(rule.actions)),
        defaults={scope: evolve(one, reason=None) for scope, one in layer.defaults.items()},
        tools={},
        marks=(),
        tests=(),
        proofs=(),
    )


def _of_match(
    subject: tuple[c.Glob, ...] | None, excepts: tuple[c.Glob, ...], condition: c.Test_ | None
) -> Iterator[str]:
    """The parameters that a match reads."""
    globs = [*(subject or ()), *excepts]
    for node in walk_test(condition) if condition is not None else ():
        globs += node.globs if isinstance(node, c.Member | c.Holds) else ()
        for operand in operands(node):
            if isinstance(operand, c.ParamName):
                yield operand.name
            elif isinstance(operand, c.Constant):
                yield from _of_value([operand.value])
    yield from _of_value([glob.text for glob in globs])


def _of_value(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, tuple):
            yield from _of_value(value)
        elif isinstance(value, str):
            yield from PARAMETER.findall(value)
