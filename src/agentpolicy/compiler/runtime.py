"""A layer at work: generated functions with their tables, and the careful evaluation of what is not fully known."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any, Protocol

from agentpolicy.compiler.expression import known_parts, suffix_of
from agentpolicy.compiler.logic import HELPERS
from agentpolicy.compiler.match import Subject, argv_test, host_test, names_of, subject, url_path_test, value_test
from agentpolicy.compiler.remembered import State
from agentpolicy.compiler.verdict import ALLOW, ASK, DENY, Verdict
from agentpolicy.effects.effect import Effect
from agentpolicy.language.vocabulary import ACTIONS, family


class Situation(Protocol):
    """What rules may read besides the effect. None means unknown."""

    facts: Mapping[str, Any]
    lacking: bool

    @property
    def state(self) -> State:
        """What the session remembers."""
        raise NotImplementedError


Condition = Callable[[Effect, Situation, "str | None"], "bool | None"]
Decide = Callable[[Effect, Situation], "Verdict | None"]


class RuleRow:
    """One rule, ready for careful evaluation under one action."""

    __slots__ = ("condition", "excepts", "facts", "guard", "index", "rank", "severity", "subject", "via")

    def __init__(
        self, rank: int, row: tuple[Any, ...], action: str, names: Mapping[str, Any], found: Mapping[str, str | None]
    ) -> None:
        _, severity, index, _, _, _, kind, patterns, excepts, conditions, vias, guard, facts = row
        wide = severity != ALLOW
        reading = action == "fs.read"
        self.rank: int = rank
        self.severity: int = severity
        self.index: int = index
        self.subject: Subject | None = (
            None if patterns is None else subject(kind, patterns, wide=wide, itself=wide or reading, found=found)
        )
        self.excepts: Subject | None = (
            subject(kind, excepts, wide=not wide, itself=not wide or reading, found=found) if excepts else None
        )
        self.condition: Condition | None = names.get(dict(conditions).get(action, ""))
        self.via: Condition | None = names.get(dict(vias).get(action, ""))
        self.guard: bool = guard
        self.facts: tuple[str, ...] = facts

    def value(self, e: Effect, s: Situation, names: tuple[str | None, ...]) -> tuple[bool | None, bool]:
        """Whether the rule matches, over all names of the effect; and whether a missing fact kept that unknown."""
        values: list[bool | None] = []
        lacking = False
        for name in names:
            value, missing = self._one(e, s, name)
            values.append(value)
            lacking = lacking or missing
        if self.severity == ALLOW:
            return (False if False in values else None if None in values else True), lacking
        return (True if True in values else None if None in values else False), lacking

    def _one(self, e: Effect, s: Situation, name: str | None) -> tuple[bool | None, bool]:
        held = True if self.subject is None else self.subject(e, name)
        if held is False:
            return False, False
        if self.excepts is not None:
            left_out = self.excepts(e, name)
            if left_out:
                return False, False
            if left_out is None:
                held = None
        if self.condition is None:
            return (None if held and e.opaque and self.severity == ALLOW else held), False
        met = _safely(self.condition, e, s, name)
        if met is None and s.lacking and any(fact not in s.facts for fact in self.facts):
            return None, True
        if met is False:
            return False, False
        if self.severity == ALLOW and e.opaque:
            via = None if self.via is None else _safely(self.via, e, s, name)
            return (True if held and via else None), False
        return (held if met else None), False


def _safely(condition: Condition, e: Effect, s: Situation, name: str | None) -> bool | None:
    """A condition that breaks is unknown: rules fail closed one by one."""
    try:
        return condition(e, s, name)
    except Exception:
        return None


class MarkRow:
    """What sets or clears a mark: ``key`` its name with its layer's, ``seconds`` how long it lasts.

    ``waits``: it asks how the call ended; ``hangs``: it asks for other marks. ``use``: whether having the mark makes
    answers ``strict``, ``lax``, or ``both``.
    """

    __slots__ = ("_found", "_names", "_rows", "_rules", "actions", "clear", "hangs", "key", "seconds", "use", "waits")

    def __init__(self, row: tuple[Any, ...], names: Mapping[str, Any], found: Mapping[str, str | None]) -> None:
        self.key: str = row[0]
        self.clear: bool = row[1]
        self.seconds: int | None = row[2]
        self.waits: bool = row[3]
        self.hangs: bool = row[4]
        self.use: str = row[5]
        self._rows = row[6:]
        self._names, self._found = names, found
        self._rules: dict[str, list[RuleRow]] = {}
        self.actions = frozenset((row[6] or row[7])[5])

    def value(self, e: Effect, s: Situation) -> bool | None:
        """Whether an effect is one that it speaks of."""
        if e.action not in self.actions:
            return False
        rules = self._rules.get(e.action)
        if rules is None:
            rules = self._rules[e.action] = [
                RuleRow(0, row, e.action, self._names, self._found) for row in self._rows if row is not None
            ]
        names = names_of(e)
        values = [rule.value(e, s, names)[0] for rule in rules]
        if rules[-1].severity == ALLOW and values[-1] and getattr(e, "guarded", False) and not rules[-1].guard:
            values[-1] = None  # under such assignments nobody knows what ran
        if e.possible and values[0] is not False:
            return None
        # Read both ways: sure where the narrow reading is, sure not where the wide one is not.
        return values[0] if len(values) == 1 or values[0] is False else True if values[1] else None

    @property
    def stricter(self) -> bool | None:
        """Whether answers are stricter where the line speaks of an effect; None where that depends."""
        return None if self.use == "both" else (self.use == "strict") is not self.clear

    def speaks_of(self, tool: str) -> bool:
        """Whether calls of a tool may set or clear it."""
        if "tool" not in self.actions:
            return False
        from agentpolicy.effects.effect import ToolEffect

        effect = ToolEffect(tool, {})
        rows = [row for row in self._rows if row is not None]
        rules = [RuleRow(0, row, "tool", self._names, self._found) for row in rows]
        return any(rule.subject is None or rule.subject(effect, None) is not False for rule in rules)


class QuotaRow:
    """What a rule counts, as ``language.checked.Quota`` says; attributes are ``.NAME``."""

    __slots__ = ("_found", "_names", "_row", "_rules", "amount", "key", "kind", "of", "per", "seconds")

    def __init__(self, row: tuple[Any, ...], names: Mapping[str, Any], found: Mapping[str, str | None]) -> None:
        self.key: str = row[0]
        self.kind: str = row[1]
        self.amount: float = row[2]
        self.of: str = row[3]
        self.seconds: int | None = row[4]
        self.per: str = row[5]
        self._row: tuple[Any, ...] = row[6]
        self._names, self._found = names, found
        self._rules: dict[str, RuleRow] = {}

    def counts(self, e: Effect, s: Situation) -> bool:
        """Whether its rule matches an effect, spent or not; what may match an ask or deny rule counts too."""
        if e.action not in self._row[5]:
            return False
        rule = self._rules.get(e.action)
        if rule is None:
            rule = self._rules[e.action] = RuleRow(0, self._row, e.action, self._names, self._found)
        value, _ = rule.value(e, s, names_of(e))
        return bool(value) if rule.severity == ALLOW else value is not False


class LayerRuntime:
    """One compiled layer. ``decide`` maps an action to the function that answers for its effects.

    Those functions give None where the layer has no opinion.
    """

    def __init__(
        self,
        data: Mapping[str, Any],
        code: CodeType,
        index: int,
        found: Mapping[str, str | None],
    ) -> None:
        self.name: str = data["name"]
        self.index = index
        self._rows: list[tuple[Any, ...]] = data["rows"]
        self._found = found
        self._defaults: dict[str, Verdict | None] = {}
        self._by_action: dict[str, list[RuleRow]] = {}
        self._by_rank: dict[tuple[str, int], RuleRow] = {}
        self._at = {row[2]: rank for rank, row in enumerate(self._rows)}
        for action in ACTIONS:
            self._defaults[action] = self._default(data["defaults"], action)
        self._verdicts: list[Verdict | None] = [None] * len(self._rows)
        self._names: dict[str, Any] = {
            **HELPERS,
            **known_parts(),
            "suffix_of": suffix_of,
            "V": self._verdicts,
            "made": self._made,
            "U": _Verdicts(self._doubt),
            "D": self._defaults,
            "bisect": bisect_right,
            "careful": self.careful,
            "weigh": self.weigh,
        }
        for at, row in enumerate(data["constants"]):
            self._names[f"K{at}"] = self._constant(row)
        for action, tables in data["tables"].items():
            for name, table in tables.items():
                self._names[f"{action.replace('.', '_')}_{name}"] = table
        exec(code, self._names)  # noqa: S102 - generated here, constants passed in by name
        for action, tables in data["tables"].items():
            self._names[action.replace(".", "_") + "_only"] = {
                rank: self._names[name] for rank, name in tables["only"].items()
            }
        self.marks = [MarkRow(row, self._names, found) for row in data["marks"]]
        self.quotas = [QuotaRow(row, self._names, found) for row in data["quotas"]]
        self.decide: dict[str, Decide] = {
            action: self._names["decide_" + action.replace(".", "_")] for action in ACTIONS
        }

    # --- ready-made answers ------------------------------------------------------

    def _made(self, rank: int) -> Verdict:
        """The answer of the rule at a rank, made when it is first given."""
        known = self._verdicts[rank]
        if known is None:
            row = self._rows[rank]
            known = self._verdicts[rank] = Verdict(
                row[1], row[0], row[4], self.name, layer_index=self.index, order=rank, line=row[3]
            )
        return known

    def _doubt(self, index: int) -> Verdict:
        rank = self._at[index]
        row = self._rows[rank]
        reason = f"it cannot be told whether the rule `{row[0]}` matches" + (f": {row[4]}" if row[4] else "")
        return Verdict(
            ASK,
            row[0],
            reason,
            self.name,
            layer_index=self.index,
            order=len(self._rows) + index,
            line=row[3],
            unsure=True,
        )

    def _default(self, defaults: Mapping[str, tuple[str, str | None, int]], action: str) -> Verdict | None:
        for scope in (action, family(action), ""):
            if scope in defaults:
                outcome, reason, line = defaults[scope]
                if outcome == "none":
                    return None
                severity = {"deny": DENY, "ask": ASK, "allow": ALLOW}[outcome]
                return self._by_default(severity, reason or f"no rule decides {_article(action)}", line)
        return self._by_default(DENY, f"no rule allows {_article(action)}", 0)

    def _by_default(self, severity: int, reason: str, line: int) -> Verdict:
        return Verdict(
            severity, "default", reason, self.name, layer_index=self.index, order=2 * len(self._rows) + 1, line=line
        )

    def _constant(self, row: tuple[Any, ...]) -> Any:
        match row[0]:
            case "set":
                return frozenset(row[1])
            case "test":
                return value_test(row[1], row[2], itself=row[3], wide=row[4])
            case "argv":
                return argv_test(row[1], row[2], self._found)
            case "url path":
                return url_path_test(row[1], row[2])
            case "host":
                return host_test(row[1])
            case _:
                return row[1]

    # --- careful evaluation --------------------------------------------------------

    def rules(self, action: str) -> list[RuleRow]:
        """The rules of an action in file order, made when first asked for."""
        known = self._by_action.get(action)
        if known is None:
            known = [self._rule(action, rank) for rank, row in enumerate(self._rows) if action in row[5]]
            known.sort(key=lambda rule: rule.index)
            self._by_action[action] = known
        return known

    def _rule(self, action: str, rank: int) -> RuleRow:
        rule = self._by_rank.get((action, rank))
        if rule is None:
            rule = self._by_rank[action, rank] = RuleRow(rank, self._rows[rank], action, self._names, self._found)
        return rule

    def careful(self, e: Effect, s: Situation, action: str) -> Verdict | None:
        """The answer to any effect, every rule weighed with three values ("Meaning" 2 to 4 and 10)."""
        names = names_of(e)
        guarded = getattr(e, "guarded", False)
        # What a wrapper starts is judged in its place, and what an unknown program may do needs no allow rule.
        answered = getattr(e, "answered", False) or getattr(e, "wrapper", False) or e.possible
        best: int | None = None
        doubt: int | None = None
        missing: RuleRow | None = None
        for rule in self.rules(action):
            if best is not None and rule.rank > best and self._rows[best][1] == DENY:
                continue
            value, lacking = rule.value(e, s, names)
            if e.possible and rule.severity != ALLOW and value is not False:
                # it may happen: no more than that can be said
                doubt = rule.index if doubt is None else doubt
                continue
            if lacking and missing is None and not (answered and rule.severity == ALLOW):
                missing = rule
            if value:
                if rule.severity == ALLOW and (answered or (guarded and not rule.guard)):
                    continue
                if best is None or rule.rank < best:
                    best = rule.rank
            elif value is None and rule.severity != ALLOW and doubt is None:
                doubt = rule.index
        severity = None if best is None else self._rows[best][1]
        if severity == DENY and best is not None:
            return self._made(best)
        if missing is not None:
            return self._lacks(missing, s)
        if severity == ASK and best is not None:
            return self._made(best)
        found: Verdict | None = self._made(best) if best is not None else None if answered else self._defaults[action]
        if found is not None and best is None and found.severity == ALLOW and guarded:
            found = self._by_default(DENY, "no rule that reads `elevated` or `env` allows this", found.line)
        if doubt is not None and (found is None or found.severity == ALLOW):
            return self._names["U"][doubt]  # type: ignore[no-any-return]
        return found

    def _lacks(self, rule: RuleRow, s: Situation) -> Verdict:
        name = next(fact for fact in rule.facts if fact not in s.facts)
        row = self._rows[rule.rank]
        return Verdict(
            DENY, "builtin:missing-fact", f"the fact `{name}` was not supplied, and the rule `{row[0]}` needs it",
            self.name,
            layer_index=self.index, order=rule.rank, line=row[3],
        )  # fmt: skip

    def weigh(
        self,
        best: int,
        more: tuple[int, ...],
        e: Effect,
        s: Situation,
        p: str | None,
        only: Mapping[int, Condition],
        action: str,
    ) -> Verdict | None:
        """The answer where tables leave candidates open: ``best`` is certain, ``more`` must be asked.

        Of the rules in ``only`` the tables said everything but the condition.
        """
        doubt: int | None = None
        for rank in sorted(set(more)) if len(more) > 1 else more:
            if rank > best:
                break
            condition = only.get(rank)
            if condition is not None:
                value = _safely(condition, e, s, p)
            else:
                rule = self._by_rank.get((action, rank)) or self._rule(action, rank)
                value, _ = rule.value(e, s, names_of(e))
            if value:
                best = rank
                break
            if value is None and self._rows[rank][1] != ALLOW and (doubt is None or self._rows[rank][2] < doubt):
                doubt = self._rows[rank][2]
        found: Verdict | None = self._made(best) if best < len(self._rows) else self._defaults[action]
        if doubt is not None and (found is None or found.severity == ALLOW):
            return self._names["U"][doubt]  # type: ignore[no-any-return]
        return found

    def speaks(self, action: str) -> bool:
        """Whether the layer has a default for an action, so that it always has an opinion."""
        return self._defaults[action] is not None

    def asking(self, e: Effect, s: Situation) -> list[Verdict]:
        """Every ask rule that matches an effect, doubtful ones too, in file order: all must be satisfied."""
        names = names_of(e)
        found: list[Verdict] = []
        for rule in self.rules(e.action):
            if rule.severity == ASK:
                value, _ = rule.value(e, s, names)
                if value:
                    found.append(self._made(rule.rank))
        return found

    def watches(self, tool: str) -> bool:
        """Whether an ask or deny rule, or a mark, may match a call of this tool, whose effects answer for it."""
        from agentpolicy.effects.effect import ToolEffect

        effect = ToolEffect(tool, {})
        return any(mark.speaks_of(tool) for mark in self.marks) or any(
            rule.severity != ALLOW and (rule.subject is None or rule.subject(effect, None) is not False)
            for rule in self.rules("tool")
        )

    def names_tool(self, tool: str) -> bool:
        """Whether a rule names this tool, by a pattern of its own rather than ``any``."""
        from agentpolicy.effects.effect import ToolEffect

        effect = ToolEffect(tool, {})
        return any(rule.subject is not None and rule.subject(effect, None) is True for rule in self.rules("tool"))


class _Verdicts(dict[int, Verdict]):
    """Answers by number, each made when it is first given."""

    def __init__(self, make: Callable[[int], Verdict]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: int) -> Verdict:
        value = self[key] = self._make(key)
        return value


def _article(action: str) -> str:
    return "this command" if action == "exec" else "this tool" if action == "tool" else f"`{action}` here"
