"""Concrete effects and situations of one kind, to be judged: values are taken from the conditions that read them."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any
from unicodedata import is_normalized

from attrs import frozen

from agentpolicy.checker.answers import Kind
from agentpolicy.checker.assumed import NOTHING_HEARD, SAMPLE, Heard, ways_to_hear
from agentpolicy.checker.truths import Conditions, World
from agentpolicy.checker.views import Net, Text, View, words
from agentpolicy.compiler import reference
from agentpolicy.compiler.bind import Bindings
from agentpolicy.compiler.remembered import State
from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect, NetEffect, SqlEffect, ToolEffect
from agentpolicy.effects.shell.read import read_argv
from agentpolicy.effects.urls import host_effect, net_effect
from agentpolicy.engine.counting import attribute
from agentpolicy.engine.situation import Agent, Situation, User
from agentpolicy.language import checked as c
from agentpolicy.language.check import operands, walk_test
from agentpolicy.language.vocabulary import OS_NAMES, WEEKDAYS, family

#: Situations that are tried for one effect, and effects for one kind, at most.
MOST_SITUATIONS = 256
MOST_EFFECTS = 64


@frozen
class Case:
    """One effect in one situation, after what the session has heard."""

    effect: Effect
    facts: Mapping[str, Any]
    context: Mapping[str, Any]
    heard: Heard = NOTHING_HEARD

    def situation(self, state: State) -> Situation:
        """The situation as the engine knows it, in a session of that state."""
        read = self.context.get
        hour, weekday = read("time.hour", 12), read("time.weekday", "mon")
        moment = time.struct_time((2024, 1, 1, hour, 0, 0, WEEKDAYS.index(weekday), 1, 0))
        return Situation(
            self.facts,
            lacking=False,
            agent=Agent(read("agent.name"), read("agent.role")),
            user=User(read("user.name"), read("user.groups")),
            host_os=read("host.os", "linux"),
            session_id=read("session.id"),
            clock=float,
            local=lambda _: moment,
        ).remembering(state)

    def seen(self, state: State) -> reference.Situation:
        """The same for the reference evaluator."""
        return reference.Situation(self.facts, self.context, state)


class Cases:
    """Makes cases of a kind; ``conditions`` are all that may read them."""

    def __init__(
        self,
        action: str,
        layers: Sequence[c.Layer],
        nodes: Sequence[c.Test_],
        bindings: Bindings,
        truths: Conditions,
        facts: Mapping[str, object],
        context: Mapping[str, object],
    ) -> None:
        self._action = action
        self._facts = facts
        self._context = context
        self._declared = {name: one for layer in layers for name, one in layer.facts.items()}
        self._bindings = bindings
        self._seen = _gather(nodes, bindings, truths, World(action, guarded=True))
        asked = [node for root in nodes for node in walk_test(root) if isinstance(node, c.From)]
        self._sourced = tuple(dict.fromkeys(node.left for node in asked))
        self._origins = tuple(dict.fromkeys(node.origin for node in asked))

    @property
    def ports(self) -> list[int]:
        """Numbers that conditions hold a port against, and their neighbours."""
        found = [int(one) for one in self._attribute("port") if isinstance(one, int | float)]
        return sorted({near for one in found for near in (one - 1, one, one + 1)})

    def reads(self, name: str) -> bool:
        """Whether a condition reads an attribute of the effect."""
        return any(isinstance(one, c.Attribute) and one.name == name for one in self._seen)

    def of(self, kind: Kind) -> Iterator[Case]:
        """Cases of a kind, plain ones first."""
        situations = list(self._situations())
        for effect in islice(self._effects(kind), MOST_EFFECTS):
            for facts, context in situations:
                for heard in self._heard(effect, facts, context):
                    yield Case(effect, facts, context, heard)

    def _heard(self, effect: Effect, facts: Mapping[str, Any], context: Mapping[str, Any]) -> Iterable[Heard]:
        """What a session may have heard of the values whose origin is asked for."""
        if not self._origins:
            return (NOTHING_HEARD,)
        values: list[Any] = []
        for operand in self._sourced:
            match operand:
                case c.Attribute(name="path" | "name" | "suffix") if isinstance(effect, FileEffect):
                    for path in (effect.path, effect.resolved):
                        values += [] if path is None else [path, path.rpartition("/")[2]]
                case c.Attribute(name=name):
                    values.append(attribute(effect, name))
                case c.FactName(name=name):
                    values.append(facts.get(name))
                case c.ContextName(name=name):
                    values.append(context.get(name))
                case _:
                    values.append(self._bindings.value(operand) if isinstance(operand, c.Constant) else None)
        return ways_to_hear(values, self._origins)

    # --- situations --------------------------------------------------------------------

    def _situations(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        named: list[tuple[str, str, list[Any]]] = []
        for operand, values in self._seen.items():
            if isinstance(operand, c.FactName):
                named.append(("fact", operand.name, _values(operand.type, values, optional=operand.type.endswith("?"))))
            elif isinstance(operand, c.ContextName):
                named.append(("context", operand.name, _context(operand, values)))
        fixed: dict[str, Any] = {}
        for name, one in self._declared.items():
            if one.default is not None:
                fixed[name] = self._bindings.value(c.Constant(one.default))
            elif not one.type.endswith("?"):
                fixed[name] = _values(one.type, [], optional=False)[0]
        fixed |= {name: value for name, value in self._facts.items() if value is not None}
        for chosen in islice(product(*(values for _, _, values in named)), MOST_SITUATIONS):
            facts = dict(fixed)
            context = {"host.os": "linux", "time.hour": 12, "time.weekday": "mon", **self._context}
            for (kind, name, _), value in zip(named, chosen, strict=True):
                into = facts if kind == "fact" else context
                if value is None:
                    into.pop(name, None)
                else:
                    into[name] = value
            yield facts, context

    def shown(self, case: Case) -> str:
        """The situation as ``given`` writes it: what conditions read and a proof did not say."""
        parts = []
        for operand in self._seen:
            if isinstance(operand, c.FactName):
                value = case.facts.get(operand.name)
            elif isinstance(operand, c.ContextName):
                value = case.context.get(operand.name)
            else:
                continue
            if value is not None:
                parts.append(f"{operand.name} = {_written(value)}")
        return ", ".join(parts)

    # --- effects -----------------------------------------------------------------------

    def _attribute(self, name: str) -> list[Any]:
        return next(
            (list(values) for one, values in self._seen.items() if isinstance(one, c.Attribute) and one.name == name),
            [],
        )

    def _texts(self, *names: str) -> list[str]:
        return [one for name in names for one in self._attribute(name) if isinstance(one, str)]

    def _effects(self, kind: Kind) -> Iterator[Effect]:
        match family(self._action):
            case "fs":
                yield from self._files(kind)
            case "exec":
                yield from self._commands(kind)
            case "net":
                view = kind.views[0]
                assert isinstance(view, Net)
                yield from self._addresses(view, kind.opaque)
            case "sql":
                yield from self._tables(kind.views[0], kind.opaque)
            case _:
                yield from self._tools(kind.views[0])

    def _files(self, kind: Kind) -> Iterator[Effect]:
        sizes = [*_values("size", self._attribute("size"), optional=False), None] if self.reads("size") else [None]
        many = len(kind.views) > 1
        names = [self._paths(view) for view in kind.views]
        for path, *rest in product(*names):
            resolved = rest[0] if many else path
            for size in sizes:
                yield FileEffect(self._action, path, resolved, size=size, why="not known" if kind.opaque else None)

    def _paths(self, view: View) -> list[str | None]:
        if view is None:
            return [None]
        assert isinstance(view, Text)
        witness = view.witness
        directory = witness.rpartition("/")[0]
        found = [witness]
        found += [f"{directory}/{name}" for name in self._texts("name") if name and "/" not in name]
        found += [witness + suffix for suffix in self._texts("suffix") if suffix.startswith(".") and witness != "/"]
        found += [f"{witness.rstrip('/')}/x{suffix}" for suffix in self._texts("suffix") if suffix.startswith(".")]
        found += [path for path in self._texts("path") if path.startswith("/")]
        return [one for one in dict.fromkeys(found) if is_normalized("NFC", one)]

    def _commands(self, kind: Kind) -> Iterator[Effect]:
        cwds: list[str | None] = (
            ["/", *[one for one in self._texts("cwd") if one.startswith("/")]] if self.reads("cwd") else ["/"]
        )
        environments: list[dict[str, str]] = [{}]
        if kind.guarded or self.reads("env"):
            names = self._texts("env")
            environments += [{name: "x"} for name in names] + [{"PATH": "/x"}]
            if len(names) > 1:
                environments.append(dict.fromkeys(names, "x"))
        elevated = [False, True] if kind.guarded else [False]
        view = kind.views[0]
        if view is None:
            for cwd, env, raised in product(cwds, environments, elevated):
                yield ExecEffect(None, cwd=cwd, env=env, elevated=raised, why="not known")
            return
        assert isinstance(view, Text)
        for argv, cwd, env, raised in product(self._argvs(words(view.witness)), cwds, environments, elevated):
            yield ExecEffect(
                argv, cwd=cwd, env=env, elevated=raised, opaque=kind.opaque, why="not known" if kind.opaque else None,
                readonly=_readonly(argv) if self.reads("readonly") else False,
            )  # fmt: skip

    def _argvs(self, argv: tuple[str, ...]) -> list[tuple[str, ...]]:
        extra = [one for one in self._texts("flags", "argv") if one and one not in argv]
        found = [argv]
        for word in extra:
            found += [(*argv[:at], word, *argv[at:]) for at in (len(argv), 1, 2) if at <= len(argv)]
        if len(extra) > 1:
            found += [(*argv, *extra), (*argv[:1], *extra, *argv[1:])]
        return list(dict.fromkeys(found))

    def _addresses(self, view: Net, opaque: bool) -> Iterator[Effect]:
        if view.host is None:
            yield NetEffect(self._action, opaque=True, why="not known")
            return
        host = view.host.witness[1:]
        # A name of one label counts as private, so a public one is tried first where that may matter.
        named = [f"{host}.example", host] if self.reads("private") and "." not in host else [host, f"{host}.example"]
        hosts: list[str] = [*named, *self._texts("host"), "10.0.0.1"]
        sizes = [*_values("size", self._attribute("size"), optional=False), None] if self.reads("size") else [None]
        paths: list[str] = [""]
        if view.path is not None:
            paths = [view.path.witness, *[one for one in self._texts("path") if one.startswith("/")]]
        for one, path in product(hosts, paths):
            shown = f"[{one}]" if ":" in one else one
            port = "" if view.usual or view.port is None else f":{view.port}"
            target = f"{shown}{port}" if view.scheme is None else f"{view.scheme}://{shown}{port}{path}"
            read = host_effect(self._action, target) if view.scheme is None else net_effect(self._action, target)
            for size in sizes:
                if opaque or size is not None:
                    yield NetEffect(
                        self._action,
                        scheme=read.scheme,
                        host=read.host,
                        port=read.port,
                        path=None if view.path is None else read.path,
                        private=read.private,
                        usual_port=read.usual_port,
                        opaque=opaque or read.opaque,
                        size=size,
                        why="not known" if opaque else read.why,
                    )
                elif not read.opaque:
                    yield read

    def _tables(self, view: View, opaque: bool) -> Iterator[Effect]:
        tables: list[str | None] = [None]
        if isinstance(view, Text):
            tables = list(dict.fromkeys([view.witness[1:], *self._texts("table")]))
        databases = _values("text", self._attribute("database"), optional=True) if self.reads("database") else [None]
        for table, database in product(tables, databases):
            yield SqlEffect(self._action, table, database, opaque=opaque, why="not known" if opaque else None)

    def _tools(self, view: View) -> Iterator[Effect]:
        assert isinstance(view, Text)
        arguments = [
            (one.name[4:], [*_values(one.type, values, optional=False), None])
            for one, values in self._seen.items()
            if isinstance(one, c.Attribute) and one.name.startswith("arg.")
        ]
        for chosen in product(*(values for _, values in arguments)):
            args = {name: value for (name, _), value in zip(arguments, chosen, strict=True) if value is not None}
            yield ToolEffect(view.witness[1:], args)


# --- values that conditions mention -----------------------------------------------------


def _gather(
    nodes: Iterable[c.Test_], bindings: Bindings, truths: Conditions, world: World
) -> dict[c.Operand, tuple[Any, ...]]:
    """Each operand that is open, with the constants that it is held against."""
    found: dict[c.Operand, dict[Any, None]] = {}
    pairs: list[tuple[c.Operand, c.Operand]] = []
    for root in nodes:
        for node in walk_test(root):
            constants: list[Any] = []
            free: list[c.Operand] = []
            for operand in operands(node):
                settled, value = truths.value(operand, world)
                if not settled:
                    free.append(operand)
                elif isinstance(value, tuple):
                    constants += value
                elif value is not None:
                    constants.append(value)
            if isinstance(node, c.Member | c.Holds):
                constants += [_sample(pattern) for glob in node.globs for pattern in bindings.patterns(glob)]
            for operand in free:
                known = found.setdefault(operand, {})
                known.update(dict.fromkeys(constants))
                if isinstance(node, c.From) and not _is_part(operand):
                    known[SAMPLE] = None
            if len(free) == 2:
                pairs.append((free[0], free[1]))
    for left, right in pairs:
        shared = {**found[left], **found[right], "same": None}
        found[left].update(shared)
        found[right].update(shared)
    return {operand: tuple(values) for operand, values in found.items()}


def _is_part(operand: c.Operand) -> bool:
    """Whether an operand is a part of what an effect is, and no argument."""
    return isinstance(operand, c.Attribute) and not operand.name.startswith("arg.")


def _sample(pattern: str) -> str:
    """A text that a pattern matches, as a rule."""
    return pattern.replace("**", "x").replace("*", "x")


def _values(kind: str, mentioned: Iterable[Any], *, optional: bool) -> list[Any]:
    """Values of a type worth trying: those mentioned, those next to them, one that is neither."""
    kind = kind.removesuffix("?")
    listed = list(mentioned)
    none: list[Any] = [None] if optional else []
    if kind == "bool":
        return [True, False, *none]
    if kind in {"number", "size"}:
        numbers = [one for one in listed if isinstance(one, int | float) and not isinstance(one, bool)]
        return [*dict.fromkeys([near for one in numbers for near in (one, one + 1, one - 1)] or [1, 0]), *none]
    if kind.startswith("[") or kind == "argv":
        texts = [one for one in listed if isinstance(one, str | int | float)]
        lists = [(), *((one,) for one in texts), ("other",), tuple(texts), (*texts, "other")]
        return [*dict.fromkeys(lists), *none]
    if kind == "any":
        return [
            *dict.fromkeys(listed),
            *([one + step for one in listed if type(one) is int for step in (1, -1)]),
            "other",
            *none,
        ]
    return [*dict.fromkeys(one for one in listed if isinstance(one, str)), "other", *none]


def _context(operand: c.ContextName, mentioned: Iterable[Any]) -> list[Any]:
    values = _values(operand.type, mentioned, optional=True)
    match operand.name:
        case "time.hour":
            return [*dict.fromkeys([int(one) for one in values if one is not None and 0 <= one < 24] + [12, 0, 23])]
        case "time.weekday":
            return [*dict.fromkeys([one for one in values if one in WEEKDAYS] + list(WEEKDAYS))]
        case "host.os":
            return [*dict.fromkeys([one for one in values if one in OS_NAMES] + list(OS_NAMES))]
        case _:
            return values


# --- how an effect is written --------------------------------------------------------------


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_written(one) for one in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("$", "\\$")
    return str(value)


def _readonly(argv: tuple[str, ...]) -> bool | None:
    """What the tables of programs say of a command."""
    first = read_argv(argv, cwd="/", home="/")[0]
    return first.readonly if isinstance(first, ExecEffect) else None


def written(effect: Effect) -> str | None:
    """An effect as a step of a test writes it; None where its target is not known."""
    match effect:
        case FileEffect(path=str(path)):
            return f"{effect.action} {_written(path)}"
        case ExecEffect(argv=tuple(argv)):
            return f"exec {_written(shlex.join([word or '' for word in argv]))}"
        case NetEffect(host=str(host)):
            shown = f"[{host}]" if ":" in host else host
            port = "" if effect.usual_port or effect.port is None else f":{effect.port}"
            scheme = "" if effect.scheme is None else f"{effect.scheme}://"
            return f"{effect.action} {_written(scheme + shown + port + (effect.path or ''))}"
        case SqlEffect(table=str(table)):
            parts = [part if part == part.lower() and part.isascii() else f'"{part}"' for part in table.split(".")]
            return f"{effect.action} {_written('.'.join(parts))}"
        case ToolEffect():
            if not effect.args:
                return f"tool {_written(effect.name)}"
            arguments = ", ".join(f"{name}: {_written(value)}" for name, value in effect.args.items())
            return f"{effect.name if effect.name.isidentifier() else _written(effect.name)}({arguments})"
        case _:
            return None


__all__ = ["Case", "Cases", "written"]
