"""The reference evaluator: LANGUAGE.md read aloud. The slow oracle against which compiled policies are held.

It walks the checked tree for every question and keeps nothing. Tests hold the compiled policy to its answers; the
checker uses it to say which rules, branches and patterns an answer came from.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from attrs import field, frozen

from agentpolicy.compiler.reference_match import (
    argv_matches,
    braces,
    is_everything,
    loose_argv_matches,
    many_matches,
    net_matches,
    path_matches,
    program_matches,
    table_matches,
    value_matches,
)
from agentpolicy.compiler.remembered import NOTHING, State
from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect, NetEffect, SqlEffect, ToolEffect
from agentpolicy.language import checked as c
from agentpolicy.language.patterns import DOLLAR, PARAMETER
from agentpolicy.language.tree import Outcome

Truth = bool | None
STRICTNESS: Mapping[str, int] = {"deny": 0, "ask": 1, "allow": 2}


@frozen
class Bindings:
    """What patterns are bound to: parameters, the home directory, where heads of paths lead, where programs are."""

    params: Mapping[str, Any]
    home: str
    resolve: Callable[[str], str]
    which: Callable[[str], str | None]


@frozen
class Situation:
    """Facts that were supplied (defaults filled in), context names that are known, and what the session remembers."""

    facts: Mapping[str, Any]
    context: Mapping[str, Any]
    state: State = field(default=NOTHING, eq=False)


@frozen
class Answer:
    """An answer to one effect or to a call. ``order`` is the rule's place for choosing among equals."""

    outcome: Outcome
    rule: str
    reason: str | None
    layer: str | None
    order: tuple[int, int] = field(default=(0, 0), eq=False)


class Trace(Protocol):
    """Told of everything that is looked at, for coverage and explanations."""

    def on_rule(self, layer: c.Layer, rule: c.CheckedRule, value: Truth) -> None:
        """A rule was weighed on an effect."""

    def on_glob(self, glob: c.Glob, value: Truth) -> None:
        """A written pattern was held against a name."""

    def on_test(self, test: c.Test_, value: Truth) -> None:
        """A condition, or a part of one, was evaluated."""


# --- "Meaning" 3: three values -------------------------------------------------


def all_of(values: Iterable[Truth]) -> Truth:
    """Kleene conjunction."""
    found = list(values)
    return False if False in found else None if None in found else True


def any_of(values: Iterable[Truth]) -> Truth:
    """Kleene disjunction."""
    found = list(values)
    return True if True in found else None if None in found else False


def negated(value: Truth) -> Truth:
    """Kleene negation."""
    return None if value is None else not value


# --- one rule on one effect ----------------------------------------------------


@frozen
class _Look:
    """One rule held against one name of one effect."""

    layer: c.Layer
    rule: c.CheckedRule
    bindings: Bindings
    effect: Effect
    name: str | None
    situation: Situation
    trace: Trace | None

    @property
    def wide(self) -> bool:
        return self.rule.effect != "allow"

    # Patterns --------------------------------------------------------------

    def patterns(self, glob: c.Glob) -> list[str]:
        """The concrete patterns of a written one."""
        found: list[str] = []
        # Braces are opened before parameters are filled in: a comma in a value is part of a name.
        shut = re.sub(r"\$\{([^{}$]*)\}", "$\ue002\\1\ue003", glob.text)
        for one in braces(shut):
            text = self.text(one.replace("\ue002", "{").replace("\ue003", "}"))
            if glob.kind != "path":
                found.append(text)
                continue
            if text == "~" or text.startswith("~/"):
                text = self.bindings.home.rstrip("/") + text[1:] or "/"
            text = unicodedata.normalize("NFC", text)
            segments = text.split("/")
            literal = next((at for at, segment in enumerate(segments) if "*" in segment), len(segments))
            head = "/".join(segments[:literal])
            found.append(text)
            if head:
                found.append("/".join([self.bindings.resolve(head), *segments[literal:]]))
        return found

    def text(self, written: str) -> str:
        return filled(written, self.bindings)

    def covers(self, globs: Sequence[c.Glob], itself: bool) -> bool:
        """Whether patterns together match everything at and below a name."""
        name = self.name
        assert name is not None
        found = [pattern for glob in globs for pattern in self.patterns(glob)]
        return any(path_matches(pattern, name, itself) for pattern in found) and any(
            is_everything(pattern) or many_matches(pattern, name, "*/**", True, None, False, itself)
            for pattern in found
        )

    def glob(self, glob: c.Glob, wide: bool, itself: bool) -> Truth:
        value = any_of(self.pattern(pattern, wide, itself) for pattern in self.patterns(glob))
        if self.trace is not None:
            self.trace.on_glob(glob, value)
        return value

    def pattern(self, pattern: str, wide: bool, itself: bool) -> Truth:
        effect = self.effect
        if isinstance(effect, FileEffect):
            if self.name is None:
                return True if is_everything(pattern) else None
            if effect.many:
                if is_everything(pattern):
                    return True
                return many_matches(pattern, self.name, effect.glob, effect.hidden, effect.inside, wide, itself)
            return path_matches(pattern, self.name, itself)
        if isinstance(effect, ExecEffect):
            return self.command(effect, pattern, wide)
        if isinstance(effect, NetEffect):
            return net_matches(pattern, effect, wide)
        if isinstance(effect, SqlEffect):
            if set(pattern.split(".")) == {"**"}:
                return True
            if effect.table is None:
                return None if effect.opaque else False
            return table_matches(pattern, effect.table, wide)
        assert isinstance(effect, ToolEffect)
        return value_matches("tool", pattern, effect.name, itself, wide)

    def command(self, effect: ExecEffect, pattern: str, wide: bool) -> Truth:
        if effect.argv is not None:
            if effect.loose or effect.more or None in effect.argv:
                behind = (None,) if effect.more else ()
                loose = effect.loose | {len(effect.argv)} if effect.more else effect.loose
                return loose_argv_matches(pattern, (*effect.argv, *behind), loose, wide, self.bindings.which)
            words = [word for word in effect.argv if word is not None]
            return argv_matches(pattern, words, wide, self.bindings.which)
        words = pattern.split()
        if words == ["**"]:
            return True
        if effect.program is None or words[0] == "**":
            return None
        return None if program_matches(words[0], effect.program, wide, self.bindings.which) else False

    def many(self, globs: Sequence[c.Glob], wide: bool, itself: bool) -> Truth:
        found = any_of([self.glob(glob, wide, itself) for glob in globs])
        effect = self.effect
        if found is False and not wide and isinstance(effect, FileEffect) and effect.many and effect.glob is None:
            return self.name is not None and self.covers(globs, itself)
        return found

    # Conditions ------------------------------------------------------------

    def test(self, test: c.Test_, inverted: bool = False) -> Truth:
        value = self._test(test, inverted)
        if self.trace is not None:
            self.trace.on_test(test, value)
        return value

    def _test(self, test: c.Test_, inverted: bool) -> Truth:
        match test:
            case c.All(terms=terms):
                return all_of([self.test(term, inverted) for term in terms])
            case c.Some(terms=terms):
                return any_of([self.test(term, inverted) for term in terms])
            case c.Negation(term=term):
                return negated(self.test(term, not inverted))
            case c.Comparison(left=left, op=op, right=right):
                return compared(self.operand(left), op, self.operand(right))
            case c.Truthy(operand=operand):
                value = self.operand(operand)
                return value if isinstance(value, bool) else None
            case c.Member(left=left):
                return self.one_of(self.operand(left), test, inverted)
            case c.Holds(left=left, quantifier=quantifier):
                many = self.operand(left)
                if not isinstance(many, list | tuple):
                    return None
                if test.values is not None and not isinstance(self.operand(test.values), list | tuple):
                    return None
                found = [self.one_of(one, test, inverted) for one in many]
                return any_of(found) if quantifier == "any" else all_of(found)
            case c.HasMark(mark=mark):
                return self.situation.state.mark(f"{self.layer.key}:{mark}")
            case c.From(left=left, origin=origin):
                name = left.name if isinstance(left, c.Attribute) else ""
                absent = self.wide and inverted
                return self.situation.state.source(self.effect, name, self.operand(left), origin, absent)

    def one_of(self, value: Any, test: c.Member | c.Holds, inverted: bool) -> Truth:
        if test.values is not None:
            values = self.operand(test.values)
            if value is None or not isinstance(values, list | tuple):
                return None
            return any_of([compared(value, "==", one) for one in values])
        wide = self.wide != inverted
        own = test.left == c.Attribute("path", "path") and self.effect.family == "fs"
        itself = wide or not own or self.effect.action == "fs.read"
        found: list[Truth] = []
        for glob in test.globs:
            if not isinstance(value, str):
                hit: Truth = None
            else:
                hit = any_of(value_matches(glob.kind, one, value, itself, wide) for one in self.patterns(glob))
            if self.trace is not None:
                self.trace.on_glob(glob, hit)
            found.append(hit)
        return any_of(found)

    def operand(self, operand: c.Operand) -> Any:
        match operand:
            case c.Constant(value=value):
                if isinstance(value, tuple):
                    return tuple(self.text(one) if isinstance(one, str) else one for one in value)
                return self.text(value) if isinstance(value, str) else value
            case c.ParamName(name=name):
                return self.bindings.params.get(name)
            case c.FactName(name=name):
                return self.situation.facts.get(name)
            case c.ContextName(name=name):
                return self.situation.context.get(name)
            case c.Attribute(name=name):
                return self.attribute(name)

    def attribute(self, name: str) -> Any:
        effect = self.effect
        if name == "opaque":
            return effect.opaque
        if name == "result":
            return self.situation.state.result(effect)
        if isinstance(effect, ToolEffect):
            return effect.args.get(name[4:]) if name.startswith("arg.") else getattr(effect, name)
        if isinstance(effect, FileEffect) and name in {"path", "name", "suffix"}:
            if self.name is None or effect.many:
                return None
            last = self.name.split("/")[-1]
            if name == "suffix":
                stem, dot, suffix = last.rpartition(".")
                return f".{suffix}" if dot and stem and suffix else ""
            return self.name if name == "path" else last
        if (
            isinstance(effect, ExecEffect)
            and effect.argv is None
            and (name == "env" or (name == "elevated" and not effect.elevated))
        ):
            return None
        if isinstance(effect, ExecEffect) and name == "env":
            return tuple(effect.env)
        return getattr(effect, name)

    # The rule --------------------------------------------------------------

    def matches(self) -> tuple[Truth, bool]:
        """Whether the rule matches under this name, and whether a missing fact kept its condition unknown."""
        rule = self.rule
        reading = self.effect.action == "fs.read"
        held = True if rule.subject is None else self.many(rule.subject, self.wide, self.wide or reading)
        left_out = self.many(rule.excepts, not self.wide, not self.wide or reading) if rule.excepts else False
        there = all_of([held, negated(left_out)])
        if rule.condition is None:
            met: Truth = True
        else:
            met = self.test(rule.condition)
        met = all_of([met, *(self.counted(at, quota) for at, quota in enumerate(rule.quotas))])
        lacking = there is not False and met is None and bool(missing_facts(rule, self.situation, self.layer))
        if rule.effect == "allow" and self.effect.opaque:
            said = rule.condition is not None and self.says_opaque(rule.condition, inverted=False)
            return (False if all_of([there, met]) is False else True if there and said else None), lacking
        return all_of([there, met]), lacking

    def counted(self, at: int, quota: c.Quota) -> Truth:
        key = c.quota_key(self.layer.key + ":", self.rule, at)
        state = self.situation.state
        return state.exceeds(key, self.effect) if quota.kind == "over" else state.within(key, self.effect)

    def says_opaque(self, test: c.Test_, inverted: bool) -> bool:
        """Whether the condition is true by a branch in which ``opaque`` is a term."""
        match test:
            case c.Negation(term=term):
                return self.says_opaque(term, not inverted)
            case c.All(terms=terms) | c.Some(terms=terms):
                saying = any(self.says_opaque(term, inverted) for term in terms)
                if isinstance(test, c.Some) != inverted:
                    return saying
                wanted = not inverted
                return saying and all(self.test(term, inverted) is wanted for term in terms)
            case c.Truthy(operand=c.Attribute(name="opaque")):
                return not inverted and self.effect.opaque
            case _:
                return False


def filled(written: str, bindings: Bindings) -> str:
    """A text with its parameters in place; what a parameter holds is never read as a parameter again."""

    def value(found: re.Match[str]) -> str:
        value = bindings.params.get(found.group(1), found.group(0))
        return ("true" if value else "false") if isinstance(value, bool) else str(value)

    return PARAMETER.sub(value, written).replace(DOLLAR, "$")


def compared(left: Any, op: str, right: Any) -> Truth:
    """Two values compared; unknown where one is missing, kinds differ, or the order is not of numbers."""
    kind = _kind(left)
    if kind is None or kind != _kind(right):
        return None
    if op in {"==", "!="}:
        if kind == "list":
            same = (
                False
                if len(left) != len(right)
                else all_of(compared(a, "==", b) for a, b in zip(left, right, strict=True))
            )
        else:
            same = bool(left == right)
        return same if op == "==" else negated(same)
    if kind != "number":
        return None
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[op])


def _kind(value: Any) -> str | None:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list | tuple) else None


def _operands(test: c.Test_) -> list[c.Operand]:
    match test:
        case c.All(terms=terms) | c.Some(terms=terms):
            return [operand for term in terms for operand in _operands(term)]
        case c.Negation(term=term):
            return _operands(term)
        case c.Comparison(left=left, right=right):
            return [left, right]
        case c.Member(left=left, values=values) | c.Holds(left=left, values=values):
            return [left] if values is None else [left, values]
        case c.Truthy(operand=operand) | c.From(left=operand):
            return [operand]
        case _:
            return []


def missing_facts(rule: c.CheckedRule, situation: Situation, layer: c.Layer) -> list[str]:
    """Required facts that a rule reads and nobody supplied, in the order in which it reads them."""
    if rule.condition is None:
        return []
    return [
        one.name
        for one in _operands(rule.condition)
        if isinstance(one, c.FactName) and not one.type.endswith("?") and one.name not in situation.facts
    ]


def match_rule(
    layer: c.Layer,
    rule: c.CheckedRule,
    bindings: Bindings,
    effect: Effect,
    situation: Situation,
    trace: Trace | None = None,
) -> Truth:
    """Whether a rule matches an effect by all its names ("Meaning" 4); the action has to be one of the rule's."""
    value, _ = _match(layer, rule, bindings, effect, situation, trace)
    return value


def _match(
    layer: c.Layer, rule: c.CheckedRule, bindings: Bindings, effect: Effect, situation: Situation, trace: Trace | None
) -> tuple[Truth, bool]:
    if effect.action not in rule.actions:
        return False, False
    names: list[str | None] = [None]
    if isinstance(effect, FileEffect):
        names = [effect.path] if effect.path == effect.resolved else [effect.path, effect.resolved]
    found = [_Look(layer, rule, bindings, effect, name, situation, trace).matches() for name in names]
    values = [value for value, _ in found]
    value = all_of(values) if rule.effect == "allow" else any_of(values)
    if trace is not None:
        trace.on_rule(layer, rule, value)
    return value, any(lacking for _, lacking in found)


# --- "Meaning" 2, 3 and 9: all rules of a layer, all layers ----------------------


def judge(
    program: c.Program, bindings: Bindings, effect: Effect, situation: Situation, trace: Trace | None = None
) -> Answer:
    """The answer to one effect; rule ``answered`` where nothing is said of a tool that its effects answer for."""
    answers = [
        answer
        for at, layer in enumerate(program.layers)
        if (answer := _layer(layer, at, bindings, effect, situation, trace)) is not None
    ]
    if answers:
        return min(answers, key=lambda answer: STRICTNESS[answer.outcome])
    if getattr(effect, "answered", False) or getattr(effect, "wrapper", False) or effect.possible:
        return Answer("allow", "answered", None, None)
    return Answer("deny", "default", "no layer allows this", None, (len(program.layers), 0))


def _layer(
    layer: c.Layer, at: int, bindings: Bindings, effect: Effect, situation: Situation, trace: Trace | None
) -> Answer | None:
    answered = (
        (isinstance(effect, ToolEffect) and effect.answered)
        or (isinstance(effect, ExecEffect) and effect.wrapper)
        or effect.possible
    )
    guarded = isinstance(effect, ExecEffect) and effect.guarded
    matched: dict[str, list[c.CheckedRule]] = {"deny": [], "ask": [], "allow": []}
    unsure: list[c.CheckedRule] = []
    lacking: list[c.CheckedRule] = []
    for rule in layer.rules:
        if effect.action not in rule.actions or (answered and rule.effect == "allow"):
            continue
        value, lacks = _match(layer, rule, bindings, effect, situation, trace)
        if effect.possible and rule.effect != "allow":
            # nobody knows whether it happens
            value, lacks = None if value is not False else False, False
        if lacks:
            lacking.append(rule)
        if value is None and rule.effect != "allow":
            unsure.append(rule)
        if value and not (rule.effect == "allow" and guarded and not _reads_rights(rule)):
            matched[rule.effect].append(rule)

    def by(rule: c.CheckedRule) -> Answer:
        reason = None if rule.reason is None else filled(rule.reason, bindings)
        return Answer(rule.effect, rule.id, reason, layer.name, (at, rule.index))

    if matched["deny"]:
        return by(matched["deny"][0])
    if lacking:
        rule = lacking[0]
        fact = missing_facts(rule, situation, layer)[0]
        reason = f"the fact `{fact}` was not supplied, and the rule `{rule.id}` needs it"
        return Answer("deny", "builtin:missing-fact", reason, layer.name, (at, rule.index))
    if matched["ask"]:
        return by(matched["ask"][0])
    answer = by(matched["allow"][0]) if matched["allow"] else None
    if answer is None and not answered:
        answer = _default(layer, at, effect, guarded, bindings)
    if unsure and (answer is None or answer.outcome == "allow"):
        rule = unsure[0]
        reason = f"it cannot be told whether the rule `{rule.id}` matches"
        if rule.reason:
            reason += f": {filled(rule.reason, bindings)}"
        return Answer("ask", rule.id, reason, layer.name, (at, rule.index))
    return answer


def _reads_rights(rule: c.CheckedRule) -> bool:
    named = [] if rule.condition is None else _operands(rule.condition)
    return any(isinstance(one, c.Attribute) and one.name in {"elevated", "env"} for one in named)


def _default(layer: c.Layer, at: int, effect: Effect, guarded: bool, bindings: Bindings) -> Answer | None:
    action = effect.action
    what = {"exec": "this command", "tool": "this tool"}.get(action, f"`{action}` here")
    order = (at, len(layer.rules))
    for scope in (action, action.split(".")[0], ""):
        default = layer.defaults.get(scope)
        if default is None:
            continue
        if default.outcome == "none":
            return None
        if default.outcome == "allow" and guarded:
            return Answer("deny", "default", "no rule that reads `elevated` or `env` allows this", layer.name, order)
        reason = None if default.reason is None else filled(default.reason, bindings)
        return Answer(default.outcome, "default", reason or f"no rule decides {what}", layer.name, order)
    return Answer("deny", "default", f"no rule allows {what}", layer.name, order)


def judge_call(
    program: c.Program,
    bindings: Bindings,
    effects: Sequence[Effect],
    situation: Situation,
    trace: Trace | None = None,
) -> tuple[Answer, tuple[Answer, ...]]:
    """The strictest answer over a call's effects, and each effect's own; a call with no effect is denied."""
    found: list[Answer] = []
    for effect in effects:
        situation.state.judging(effect)
        found.append(judge(program, bindings, effect, situation, trace))
        situation.state.count(effect)
    answers = tuple(found)
    counted = [answer for answer in answers if answer.rule != "answered"]
    if not counted:
        return Answer("deny", "builtin:no-effect", "the call has no effect that could be judged", None), answers
    return min(counted, key=lambda answer: (STRICTNESS[answer.outcome], *answer.order)), answers
