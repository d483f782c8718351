"""Generates the decide functions of one layer: Python source, and the tables and constants that it works on.

For each action there is one function. It answers for effects that are fully known, under a session that lacks no
fact; anything else goes to the careful evaluation in ``runtime``. A small rule set becomes inline tests, strictest
first; a large one becomes a few table look-ups. Constants are never pasted into the source: they are names, filled in
when it is loaded. The same program always gives the same source.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve, frozen

from agentpolicy.compiler.bind import Bindings
from agentpolicy.compiler.expression import Constants, Emitter
from agentpolicy.compiler.inline import Inline
from agentpolicy.compiler.lookup import lookup_lines
from agentpolicy.compiler.match import plain_host
from agentpolicy.compiler.tables import Alternative, argv_tables, host_tables, path_tables, tool_tables
from agentpolicy.compiler.verdict import ALLOW, OUTCOMES
from agentpolicy.language import checked as c
from agentpolicy.language.check import operands, reads, walk_test
from agentpolicy.language.tree import Outcome
from agentpolicy.language.vocabulary import ACTIONS, family

#: Up to this many concrete patterns (exceptions counted) for an action are tested one after the other.
INLINE_MAX = 8

#: When the generated function must hand the effect to the careful evaluation, by family.
_CAREFUL = {
    "fs": "not e.single",
    "exec": "e.unsettled",
    "net": "e.opaque or e.possible",
    "tool": "e.answered",
}


@frozen
class RankedRule:
    """One rule at its rank, with its patterns concrete."""

    rank: int
    rule: c.CheckedRule
    severity: int
    subject: tuple[str, ...] | None
    excepts: tuple[str, ...]

    @property
    def wide(self) -> bool:
        """Whether doubtful readings match."""
        return self.severity != ALLOW

    def itself(self, action: str) -> bool:
        """Whether ``x/**`` means x too in the subject."""
        return self.wide or action == "fs.read"

    def except_itself(self, action: str) -> bool:
        """The same for exceptions, where the doubt goes the other way."""
        return not self.wide or action == "fs.read"


def rank_rules(layer: c.Layer, bindings: Bindings) -> list[RankedRule]:
    """The layer's rules by severity, then file order."""
    ordered = sorted(layer.rules, key=lambda rule: (OUTCOMES.index(rule.effect), rule.index))
    return [_ranked(rank, rule, bindings) for rank, rule in enumerate(ordered)]


def _ranked(rank: int, rule: c.CheckedRule, bindings: Bindings) -> RankedRule:
    subject = None if rule.subject is None else _patterns(rule.subject, bindings)
    return RankedRule(rank, rule, OUTCOMES.index(rule.effect), subject, _patterns(rule.excepts, bindings))


def _patterns(globs: tuple[c.Glob, ...], bindings: Bindings) -> tuple[str, ...]:
    return tuple(dict.fromkeys(pattern for glob in globs for pattern in bindings.patterns(glob)))


@frozen
class Emitted:
    """Generated source with what it needs: all plain values, fit for a cache.

    ``rows`` describes each rule for the careful evaluation; ``lines`` maps source lines (from 1) to policy lines.
    """

    source: str
    constants: list[tuple[object, ...]]
    tables: dict[str, dict[str, Any]]
    rows: list[tuple[Any, ...]]
    marks: list[tuple[Any, ...]]
    quotas: list[tuple[Any, ...]]
    lines: dict[int, int]


class LayerEmitter:
    """Generates one layer."""

    def __init__(self, layer: c.Layer, bindings: Bindings) -> None:
        self._layer = layer
        #: in front of the names of marks and limits, which stay in their layer
        self._prefix = layer.key + ":"
        self._bindings = bindings
        self._rules = rank_rules(layer, bindings)
        self._constants = Constants()
        self._functions: dict[str, str] = {}
        self._out: list[str] = []
        self._lines: dict[int, int] = {}
        self._tables: dict[str, dict[str, Any]] = {}
        self._found: dict[str, str | None] = {}
        self._actions: dict[tuple[str, ...], tuple[str, ...]] = {}

    def emit(self) -> Emitted:
        """The whole layer."""
        for ranked in self._rules:
            if ranked.rule.actions and ranked.rule.actions[0] == "exec":
                self._look_up_programs(ranked)
        rows = [self._row(ranked) for ranked in self._rules]
        for action in ACTIONS:
            self._action(action, [ranked for ranked in self._rules if action in ranked.rule.actions])
        marks = [self._mark(mark) for mark in self._layer.marks]
        quotas = [row for ranked in self._rules for row in self._quotas(ranked)]
        source = "\n".join(self._out) + "\n"
        return Emitted(source, self._constants.rows, self._tables, rows, marks, quotas, self._lines)

    def _look_up_programs(self, ranked: RankedRule) -> None:
        narrow = ranked.excepts if ranked.wide else ranked.subject or ()
        for pattern in narrow:
            word = pattern.split()[0]
            if "*" not in word:
                name = word.rpartition("/")[2] if "/" in word else word
                self._found[name] = self._bindings.found(name)

    # --- what the careful evaluation needs --------------------------------------

    def _row(self, ranked: RankedRule, *, counting: bool = True) -> tuple[Any, ...]:
        """``(id, severity, index, line, reason, actions, kind, subject, excepts, conditions, vias, guard, facts)``.

        ``conditions`` and ``vias`` name generated functions by action. Without ``counting`` the rule matches whether
        or not its limits are spent.
        """
        rule = ranked.rule
        conditions: dict[str, str] = {}
        vias: dict[str, str] = {}
        guard = False
        facts: tuple[str, ...] = ()
        for action in rule.actions:
            emitter = self._emitter(action, rule.effect, fast=False)
            code = emitter.rule(rule if counting else evolve(rule, quotas=()))
            if code is not None:
                conditions[action] = self._function("c", code.text, rule)
            via = emitter.via(rule.condition) if rule.effect == "allow" and rule.condition is not None else None
            if via is not None:
                vias[action] = self._function("v", via, rule)
        if rule.condition is not None:
            nodes = [operand for node in walk_test(rule.condition) for operand in operands(node)]
            guard = any(isinstance(one, c.Attribute) and one.name in {"elevated", "env"} for one in nodes)
            facts = required_facts(rule)
        kind = (
            None
            if not rule.actions
            else {"fs": "path", "exec": "argv", "net": "url", "sql": "table"}.get(family(rule.actions[0]), "tool")
        )
        reason = None if rule.reason is None else self._bindings.text(rule.reason)
        return (
            rule.id, ranked.severity, rule.index, rule.place.line, reason, self._same(rule.actions), kind,
            ranked.subject, ranked.excepts, tuple(conditions.items()), tuple(vias.items()), guard, facts,
        )  # fmt: skip

    def _emitter(self, action: str, effect: str, *, fast: bool) -> Emitter:
        return Emitter(action, effect, self._bindings, self._constants, fast=fast, prefix=self._prefix)

    # --- what sessions keep ---------------------------------------------------------

    def _mark(self, mark: c.CheckedMark) -> tuple[Any, ...]:
        """``(key, clear, seconds, waits, hangs, use, wide row, narrow row)``.

        ``waits`` for the result, ``hangs`` on other marks; ``use`` is ``strict`` where having the mark makes answers
        stricter, ``lax``, or ``both``. The rows are its match read as that of a deny and of an allow rule. One of them
        is None where only the other reading is asked for: a mark that makes answers stricter is set wherever it may be
        meant and cleared only where it surely is, one that makes them laxer the other way round.
        """
        uses = _uses(self._layer, mark.name)
        wide = uses != {mark.clear}
        narrow = uses != {not mark.clear}
        rows: list[tuple[Any, ...] | None] = []
        readings: tuple[tuple[Outcome, bool], ...] = (("deny", wide), ("allow", narrow))
        for effect, wanted in readings:
            rule = c.CheckedRule(
                mark.name, effect, 0, mark.actions, mark.subject, mark.excepts, mark.condition, None, mark.place
            )
            rows.append(self._row(_ranked(0, rule, self._bindings)) if wanted else None)
        nodes = [] if mark.condition is None else list(walk_test(mark.condition))
        waits = any(reads(node, "result") for node in nodes)
        hangs = any(isinstance(node, c.HasMark) for node in nodes)
        use = "strict" if uses == {True} else "lax" if uses == {False} else "both"
        return (self._prefix + mark.name, mark.clear, mark.duration, waits, hangs, use, *rows)

    def _quotas(self, ranked: RankedRule) -> list[tuple[Any, ...]]:
        """``(key, kind, amount, of, seconds, per, row)`` of each clause that counts; attributes are ``.NAME``."""
        if not ranked.rule.quotas:
            return []
        row = self._row(ranked, counting=False)
        return [
            (
                c.quota_key(self._prefix, ranked.rule, at),
                quota.kind,
                quota.amount,
                quota.of if isinstance(quota.of, str) else "." + quota.of.name,
                quota.window,
                quota.per if isinstance(quota.per, str) else "." + quota.per.name,
                row,
            )
            for at, quota in enumerate(ranked.rule.quotas)
        ]

    def _same(self, actions: tuple[str, ...]) -> tuple[str, ...]:
        """One object for equal tuples, which a cache then keeps once."""
        return self._actions.setdefault(actions, actions)

    def _function(self, prefix: str, body: str, rule: c.CheckedRule) -> str:
        if body not in self._functions:
            name = f"{prefix}{len(self._functions)}"
            self._functions[body] = name
            self._line(f"def {name}(e, s, p):  # {rule.id}, line {rule.place.line}")
            self._line(f"    return {body}", rule)
            self._line("")
        return self._functions[body]

    def _line(self, text: str, rule: c.CheckedRule | None = None) -> None:
        self._out.append(text)
        if rule is not None:
            self._lines[len(self._out)] = rule.place.line

    # --- one function for each action --------------------------------------------

    def _action(self, action: str, rules: list[RankedRule]) -> None:
        name = "decide_" + action.replace(".", "_")
        if family(action) == "sql":
            # Reading SQL costs a hundred times what weighing its rules does.
            self._line(f"def {name}(e, s):")
            self._line(f"    return careful(e, s, {action!r})")
            self._line("")
            return
        inline = (
            sum(len(one.subject or ()) + len(one.excepts) for one in rules) <= INLINE_MAX
            and len(rules) <= 2 * INLINE_MAX
        )
        conditions = {} if inline else self._conditions(action, rules)
        self._line(f"def {name}(e, s):")
        self._line(f"    if {self._careful(action, rules)}:")
        self._line(f"        return careful(e, s, {action!r})")
        if inline:
            self._inline(action, rules)
        else:
            self._look_up(action, rules, conditions)
        self._line("")

    def _conditions(self, action: str, rules: list[RankedRule]) -> dict[int, str]:
        """By rank, what is left to ask of a rule with a condition and no exception once its pattern was looked up."""
        found: dict[int, str] = {}
        for one in rules:
            code = None if one.excepts else self._emitter(action, one.rule.effect, fast=True).rule(one.rule)
            if code is not None:
                found[one.rank] = self._function("f", code.text, one.rule)
        return found

    def _careful(self, action: str, rules: list[RankedRule]) -> str:
        """When the function must hand the effect on; bare hosts too, where a pattern asks for more than a host."""
        patterns = [pattern for one in rules for pattern in (*(one.subject or ()), *one.excepts)]
        bare = family(action) == "net" and any(not plain_host(pattern) for pattern in patterns)
        # A fact that is lacking matters where a rule reads one.
        facts = any(required_facts(one.rule) for one in rules)
        return _CAREFUL[family(action)] + (" or e.path is None" if bare else "") + (" or s.lacking" if facts else "")

    def _prologue(self, action: str, rules: list[RankedRule]) -> None:
        match family(action):
            case "fs":
                self._line("    p = e.path")
            case "exec":
                self._line("    p = None")
                self._line("    argv = e.argv")
                if any(
                    one.wide != bool(part is one.excepts)
                    for one in rules
                    for part in (one.subject or (), one.excepts)
                    if part
                ):
                    self._line("    base = e.program")
                    self._line("    if '/' in base:")
                    self._line("        base = base.rpartition('/')[2]")
            case "net":
                self._line("    p = None")
                self._line("    host = e.host")
            case _:
                self._line("    p = None")

    def _inline(self, action: str, rules: list[RankedRule]) -> None:
        self._prologue(action, rules)
        writer = Inline(action, self._bindings, self._constants)
        codes = [self._tests(action, one, writer) for one in rules]
        unsure = any(code is not None and code[1] and one.wide for one, code in zip(rules, codes, strict=True))
        if unsure:
            self._line("    u = None")
        for one, code in zip(rules, codes, strict=True):
            if code is None:
                continue
            text, three_valued = code
            if three_valued and one.wide:
                subject, condition = text
                self._line(f"    if {subject}:", one.rule)
                self._line(f"        t = {condition}", one.rule)
                self._line("        if t:")
                self._line(f"            return {_verdict(one)}  # {one.rule.effect} {one.rule.id}", one.rule)
                self._line(f"        if t is None and (u is None or u > {one.rule.index}):")
                self._line(f"            u = {one.rule.index}")
                continue
            test = " and ".join(part for part in text if part != "True") or "True"
            self._line(f"    if {test}:", one.rule)
            # A rule that could not be told to match makes an allow a question, never the other way round.
            verdict = _verdict(one)
            if unsure and one.severity == ALLOW:
                verdict = f"({verdict}) if u is None else U[u]"
            self._line(f"        return {verdict}  # {one.rule.effect} {one.rule.id}", one.rule)
        doubtful = " if u is None else U[u]" if unsure and self._default(action) in {"allow", "none"} else ""
        self._line(f"    return D[{action!r}]{doubtful}")

    def _default(self, action: str) -> str:
        """The outcome of the nearest default."""
        declared = self._layer.defaults
        found = declared.get(action) or declared.get(family(action)) or declared.get("")
        return "deny" if found is None else found.outcome

    def _tests(self, action: str, one: RankedRule, writer: Inline) -> tuple[tuple[str, str], bool] | None:
        """``(subject test, condition)`` and whether the condition has three values; None where it is never true."""
        parts: list[str] = []
        if one.subject is not None:
            if not one.subject:
                return None
            parts.append(writer.any_of(one.subject, wide=one.wide, itself=one.itself(action)))
        if one.excepts:
            parts.append(
                "not " + _grouped(writer.any_of(one.excepts, wide=not one.wide, itself=one.except_itself(action)))
            )
        subject = " and ".join(parts) or "True"
        code = self._emitter(action, one.rule.effect, fast=True).rule(one.rule)
        return ((subject, "True"), False) if code is None else ((subject, code.text), code.unsure)

    # --- large rule sets -----------------------------------------------------------

    def _look_up(self, action: str, rules: list[RankedRule], conditions: dict[int, str]) -> None:
        nothing = len(self._rules)
        alternatives = [
            Alternative(one.rank, pattern, one.wide, one.itself(action), not one.excepts and plain(one.rule))
            for one in rules
            for pattern in ((None,) if one.subject is None else one.subject)
        ]
        match family(action):
            case "fs":
                tables = path_tables(alternatives, nothing)
            case "exec":
                tables = argv_tables(alternatives, nothing, self._found)
            case "net":
                tables = host_tables(alternatives, nothing)
            case _:
                tables = tool_tables(alternatives, nothing)
        loose = tables.pop("loose")
        tables["only"] = {rank: name for rank, name in conditions.items() if rank not in loose}
        self._tables[action] = tables
        prefix = action.replace(".", "_")
        for line in lookup_lines(action, prefix, tables):
            self._line("    " + line)
        self._line("    if more:")
        path = "p" if family(action) == "fs" else "None"
        self._line(f"        return weigh(best, more, e, s, {path}, {prefix}_only, {action!r})")
        self._line(f"    return (V[best] or made(best)) if best < {nothing} else D[{action!r}]")


def plain(rule: c.CheckedRule) -> bool:
    """Whether a rule matches wherever its patterns do."""
    return rule.condition is None and not rule.quotas


def _uses(layer: c.Layer, mark: str) -> set[bool]:
    """How a mark is read: True where having it makes answers stricter, False where it makes them laxer.

    Both, where other marks hang on it.
    """
    for mark_line in layer.marks:
        if mark_line.condition is not None and any(
            isinstance(node, c.HasMark) and node.mark == mark for node in walk_test(mark_line.condition)
        ):
            return {True, False}
    found: set[bool] = set()
    for rule in layer.rules:
        if rule.condition is not None:
            todo: list[tuple[c.Test_, bool]] = [(rule.condition, rule.effect != "allow")]
            while todo:
                node, strict = todo.pop()
                if isinstance(node, c.All | c.Some):
                    todo.extend((term, strict) for term in node.terms)
                elif isinstance(node, c.Negation):
                    todo.append((node.term, not strict))
                elif isinstance(node, c.HasMark) and node.mark == mark:
                    found.add(strict)
    return found


def _verdict(one: RankedRule) -> str:
    """A rule's answer: there already, or made when it is first given."""
    return f"V[{one.rank}] or made({one.rank})"


def _grouped(text: str) -> str:
    return text if text.startswith("(") and text.endswith(")") else f"({text})"


def required_facts(rule: c.CheckedRule) -> tuple[str, ...]:
    """The facts without which a rule's condition cannot be told."""
    if rule.condition is None:
        return ()
    nodes = [operand for node in walk_test(rule.condition) for operand in operands(node)]
    required = [one for one in nodes if isinstance(one, c.FactName) and not one.type.endswith("?")]
    return tuple(dict.fromkeys(one.name for one in required))
