"""What a new policy allows that the old one may not have: an over-approximation that names every suspect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from agentpolicy.compiler.verdict import ALLOW

if TYPE_CHECKING:
    from agentpolicy.engine.policy import Policy

_LAXNESS = {"deny": 0, "none": 0, "ask": 1, "allow": 2}


@frozen
class Reload:
    """What changed. ``wider`` holds a sentence for everything that may now be allowed; empty: nothing can be."""

    changed: bool
    wider: tuple[str, ...]


def compare(before: Policy, after: Policy) -> Reload:
    """What may be wider in ``after``: allow rules new or changed, others gone or changed, laxer defaults."""
    if before.digest == after.digest:
        return Reload(changed=False, wider=())
    old, new = _layers(before), _layers(after)
    wider = [f"the layer `{name}` is gone" for name in old if name not in new]
    for name, layer in new.items():
        if name in old:
            wider += _rules(name, old[name], layer)
            wider += _state(name, old[name], layer)
            wider += _defaults(name, old[name]["defaults"], layer["defaults"])
        elif any(_LAXNESS[outcome] for outcome, _, _ in layer["defaults"].values()) or _allows(layer):
            wider.append(f"the layer `{name}` is new")
    if sorted(map(repr, before.artifact["tools"])) != sorted(map(repr, after.artifact["tools"])):
        wider.append("what tools do is declared otherwise")
    if before.facts != after.facts:
        wider.append("facts or their defaults are declared otherwise")
    return Reload(changed=True, wider=tuple(wider))


def _layers(policy: Policy) -> dict[str, Mapping[str, Any]]:
    layers: dict[str, Mapping[str, Any]] = {}
    for layer in policy.artifact["layers"]:
        name = layer["name"]
        while name in layers:
            name += "'"
        layers[name] = layer
    return layers


def _allows(layer: Mapping[str, Any]) -> bool:
    return any(row[1] == ALLOW for row in layer["rows"])


def _rules(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    before, after = _meanings(old), _meanings(new)
    found: list[str] = []
    for rule, (severity, meaning) in before.items():
        if severity == ALLOW:
            continue
        if rule not in after:
            found.append(f"{name}: the rule `{rule}` is gone")
        elif after[rule] != (severity, meaning):
            found.append(f"{name}: the rule `{rule}` says something else")
    for rule, (severity, meaning) in after.items():
        if severity != ALLOW:
            continue
        if rule not in before:
            found.append(f"{name}: the allow rule `{rule}` is new")
        elif before[rule] != (severity, meaning) and before[rule][0] == ALLOW:
            found.append(f"{name}: the allow rule `{rule}` says something else")
    return found


def _state(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What is counted and marked otherwise."""
    before, after = _functions(old["source"], old["constants"]), _functions(new["source"], new["constants"])

    def meaning(row: tuple[Any, ...] | None, functions: Mapping[str, str]) -> object:
        if row is None:
            return None
        return (row[1], row[5], row[7], row[8], sorted((action, functions.get(one)) for action, one in row[9]))

    found: list[str] = []
    quotas = [
        {row[0]: (row[1:6], meaning(row[6], where)) for row in layer["quotas"]}
        for layer, where in ((old, before), (new, after))
    ]
    for key, told in quotas[0].items():
        if quotas[1].get(key) != told:
            found.append(f"{name}: `{told[0][0]}` of the rule `{key.split(':')[1]}` is gone or says something else")
    marks = [
        sorted(repr((*row[:6], *[meaning(one, where) for one in row[6:]])) for row in layer["marks"])
        for layer, where in ((old, before), (new, after))
    ]
    if marks[0] != marks[1]:
        found.append(f"{name}: marks are set or cleared otherwise")
    return found


def _meanings(layer: Mapping[str, Any]) -> dict[str, tuple[int, object]]:
    """What each rule matches, apart from its place, its reason and the names of generated code."""
    functions = _functions(layer["source"], layer["constants"])
    return {
        row[0]: (
            row[1],
            (row[5], row[7], row[8], sorted((action, functions.get(name)) for action, name in row[9])),
        )
        for row in layer["rows"]
    }


def _functions(source: str, constants: list[tuple[object, ...]]) -> dict[str, str]:
    """Bodies of generated conditions with their constants in place, by name."""
    import re

    bodies: dict[str, str] = {}
    lines = source.split("\n")
    for at, line in enumerate(lines):
        found = re.match(r"def ([cv][0-9]+)\(", line)
        if found:
            bodies[found.group(1)] = re.sub(r"\bK([0-9]+)\b", lambda k: repr(constants[int(k.group(1))]), lines[at + 1])
    return bodies


def _defaults(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    if {scope: row[0] for scope, row in old.items()} == {scope: row[0] for scope, row in new.items()}:
        return []
    laxer = [
        scope or "everything"
        for scope in {*old, *new}
        if _LAXNESS[new.get(scope, new.get("", ("deny",)))[0]] > _LAXNESS[old.get(scope, old.get("", ("deny",)))[0]]
    ]
    removed = [scope for scope in old if scope not in new]
    return [f"{name}: the default for {scope} is laxer" for scope in sorted(laxer)] or (
        [f"{name}: defaults are gone for {', '.join(sorted(scope or 'everything' for scope in removed))}"]
        if removed
        else []
    )
