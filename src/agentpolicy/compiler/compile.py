"""From a checked program and its parameters to an artifact: plain data from which a policy runs or is cached."""

from __future__ import annotations

import hashlib
import json
import marshal
from collections.abc import Mapping
from typing import Any

from agentpolicy.compiler.bind import Bindings, Bound
from agentpolicy.compiler.emit import LayerEmitter
from agentpolicy.effects.sql import INSTALL, available
from agentpolicy.language.check import operands, walk_test
from agentpolicy.language.checked import (
    Constant,
    From,
    Holds,
    Layer,
    Member,
    Missing,
    ParamDecl,
    Place,
    Program,
    ToolDecl,
)
from agentpolicy.language.source import Diagnostic, PolicyError
from agentpolicy.language.vocabulary import family

#: Raised whenever artifacts change their form or meaning; older caches are ignored.
FORMAT = 5

#: What each missing meaning is called where a policy is refused.
MEANINGS: Mapping[str, str] = {
    "approvals": "approvals (`approval`, `via`)",
    "telemetry": "telemetry (`telemetry`, `log`, `redact`)",
    "sandbox": "sandboxes (`sandbox`)",
}

Artifact = dict[str, Any]


def refuse_unready(program: Program) -> None:
    """Refuse a policy that relies on a meaning that the engine does not have: it is never judged more weakly.

    Raises:
        PolicyError: AP501, one diagnostic for each meaning and layer, at its first use; AP502 where SQL is judged and
            its parser is missing.
    """
    found: list[Diagnostic] = []
    for layer in program.layers:
        uses: dict[str, list[Missing]] = {}
        for missing in layer.missing:
            uses.setdefault(missing.meaning, []).append(missing)
        for meaning, places in uses.items():
            first = min(places, key=lambda one: one.place.span.start).place
            times = "" if len(places) == 1 else f" ({len(places)} uses)"
            found.append(
                Diagnostic(
                    "AP501",
                    f"this policy relies on {MEANINGS[meaning]}, which the engine does not have yet{times}",
                    first.source,
                    first.span,
                    "a policy is never judged more weakly than it reads, so it does not load",
                )
            )
    if not available():
        for layer in program.layers:
            place = _first_sql(layer)
            if place is not None:
                message = "this policy judges SQL, and the parser that reads it is not installed"
                found.append(Diagnostic("AP502", message, place.source, place.span, f"install it: {INSTALL}"))
    if found:
        raise PolicyError(tuple(sorted(found, key=lambda one: one.span.start)))


def _first_sql(layer: Layer) -> Place | None:
    """Where a layer first says something of SQL."""
    places = [rule.place for rule in layer.rules if any(family(one) == "sql" for one in rule.actions)]
    places += [one.place for scope, one in layer.defaults.items() if family(scope) == "sql"]
    places += [tool.place for tool in layer.tools.values() if any(family(one.action) == "sql" for one in tool.effects)]
    return min(places, key=lambda one: one.span.start, default=None)


def reads_sql(program: Program) -> bool:
    """Whether a policy judges SQL, which needs a parser that may be missing."""
    return any(_first_sql(layer) is not None for layer in program.layers)


def compile_program(program: Program, bindings: Bindings) -> Artifact:
    """The artifact of a program. Everything in it is a plain value that ``marshal`` can keep.

    Raises:
        PolicyError: AP501 where a meaning is missing, AP502 where the parser of SQL is.
    """
    refuse_unready(program)
    layers = [_layer(layer, bindings, at) for at, layer in enumerate(program.layers)]
    return {
        "format": FORMAT,
        "name": program.layers[-1].name,
        "version": program.layers[-1].version,
        "digest": digest(program, bindings),
        "sources": list(program.sources),
        "layers": layers,
        "tools": tool_rows(program, bindings),
        "facts": _facts(program, bindings),
        "reads_sql": reads_sql(program),
        "reads_size": any("e.size" in layer["source"] for layer in layers),
        "reads_time": any("s.time_" in layer["source"] for layer in layers),
        "reads_sources": any("s.state.source(" in layer["source"] for layer in layers),
        "says": policy_texts(program, bindings),
        "heads": dict(bindings.heads),
        "programs": dict(bindings.programs),
    }


def digest(program: Program, bindings: Bindings) -> str:
    """``sha256:…`` of every source file, the parameters and the home directory."""
    whole = json.dumps(
        [FORMAT, [found for _, found in program.sources], sorted(bindings.params.items()), bindings.home],
        sort_keys=True,
    )
    return "sha256:" + hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def code_name(layer: str, at: int) -> str:
    """The file name that tracebacks show for a layer's generated code."""
    return f"<policy {layer}, layer {at}>"


def _layer(layer: Layer, bindings: Bindings, at: int) -> dict[str, Any]:
    emitted = LayerEmitter(layer, bindings).emit()
    name = code_name(layer.name, at)
    return {
        "name": layer.name,
        "file": layer.source.name,
        "source": emitted.source,
        "code": marshal.dumps(compile(emitted.source, name, "exec", dont_inherit=True, optimize=2)),
        "constants": emitted.constants,
        "tables": emitted.tables,
        "rows": emitted.rows,
        "marks": emitted.marks,
        "quotas": emitted.quotas,
        "lines": emitted.lines,
        "defaults": {
            scope: (one.outcome, None if one.reason is None else bindings.text(one.reason), one.place.line)
            for scope, one in layer.defaults.items()
        },
    }


def policy_texts(program: Program, bindings: Bindings) -> list[str]:
    """What the policy itself says, for ``from policy``: constants, patterns, parameters. Nothing where no rule asks."""
    rules = [rule for layer in program.layers for rule in layer.rules]
    nodes = [node for rule in rules if rule.condition is not None for node in walk_test(rule.condition)]
    if not any(isinstance(node, From) for node in nodes):
        return []
    found: dict[str, None] = {}
    globs = [glob for rule in rules for glob in (*(rule.subject or ()), *rule.excepts)]
    for node in nodes:
        if isinstance(node, Member | Holds):
            globs.extend(node.globs)
        for operand in operands(node):
            if isinstance(operand, Constant):
                found.update(dict.fromkeys(_texts(bindings.value(operand))))
    for glob in globs:
        found.update(dict.fromkeys(bindings.patterns(glob)))
    for value in bindings.params.values():
        found.update(dict.fromkeys(_texts(value)))
    return list(found)


def _texts(value: Bound) -> list[str]:
    many = value if isinstance(value, tuple) else (value,)
    return [str(one) for one in many if not isinstance(one, bool)]


def tool_rows(program: Program, bindings: Bindings) -> list[tuple[Any, ...]]:
    """``(name, parameters, effects, only, returns)`` of every tool line, layer by layer."""
    return [_tool_row(tool, bindings) for layer in program.layers for tool in layer.tools.values()]


def _tool_row(tool: ToolDecl, bindings: Bindings) -> tuple[Any, ...]:
    parameters = tuple(
        (one.name, one.type, one.required, None if one.default is None else bindings.value(Constant(one.default)))
        for one in tool.parameters
    )
    effects = tuple((one.action, one.parameter, one.place_parameter) for one in tool.effects)
    return (tool.name, parameters, effects, tool.only, tool.returns)


def _facts(program: Program, bindings: Bindings) -> list[tuple[str, str, Any]]:
    """``(name, type, default)`` of every declared fact."""
    declared: dict[str, ParamDecl] = {name: one for layer in program.layers for name, one in layer.facts.items()}
    return [
        (name, one.type, None if one.default is None else bindings.value(Constant(one.default)))
        for name, one in declared.items()
    ]
