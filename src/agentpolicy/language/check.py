"""Second pass over a file: rules, defaults, tests and proofs, with every name and type known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Literal, cast

from agentpolicy.language import checked as c
from agentpolicy.language import tree as t
from agentpolicy.language.blocks import check_block
from agentpolicy.language.conditions import Attributes, ConditionReader
from agentpolicy.language.findings import Findings
from agentpolicy.language.globs import BraceError, expand_braces, match_parts
from agentpolicy.language.patterns import check_glob
from agentpolicy.language.scope import Scope, SetReader, constant, suggestion, unit_value
from agentpolicy.language.vocabulary import (
    ACTIONS,
    CONTEXT,
    DURATIONS,
    FAMILIES,
    LEVELS,
    PATTERN_TYPE,
    PER,
    SIZES,
    family,
)

#: The set types that may be a subject, by family, and how their patterns are read there.
_SUBJECT_SETS: dict[str, dict[str, c.PatternKind]] = {
    "fs": {"path": "path"},
    "exec": {"argv": "argv"},
    "net": {"url": "url", "host": "url"},
    "sql": {"table": "table"},
    "tool": {"tool": "tool"},
}


class LayerReader:
    """Checks one policy file and gives its Layer."""

    def __init__(self, file: t.File, scope: Scope, findings: Findings) -> None:
        self._file = file
        self._scope = scope
        self._findings = findings
        self._sets = SetReader(findings)
        self._conditions = ConditionReader(scope, self._sets, findings)
        self._params = scope.all_params()
        self._tools = scope.all_tools()
        self._missing: list[c.Missing] = []
        self._marks: list[c.CheckedMark] = []
        self._globs_checked: set[int] = set()

    def read(self) -> c.Layer:
        """The checked layer; problems go to the findings."""
        header = self._file.header
        if header is not None and header.language not in {None, 1}:
            self._add("AP409", f"language {header.language} is not known", header.span, help="write `language 1`")
        self._imported()
        rules = self._rules()
        defaults = self._defaults()
        proofs: list[c.CheckedProof] = []
        tests: list[t.Test] = []
        for item in self._file.items:
            match item:
                case t.SetDecl():
                    self._check_globs(self._sets.expand(self._scope, item.name.text))
                case t.Define():
                    self._loose_define(item)
                case t.Mark():
                    self._mark(item)
                case t.Block():
                    check_block(item, self._scope, self._findings)
                    self._need({"approval": "approvals"}.get(item.kind, item.kind), item.span)
                case t.Prove():
                    proofs.append(self._proof(item))
                case t.Test():
                    tests.append(item)
                    self._test(item)
                case _:
                    pass
        self._unused()
        name = PurePath(self._scope.source.name).stem if header is None else header.name.text
        return c.Layer(
            name,
            "" if header is None else header.version.value,
            self._scope.source,
            self._params,
            self._scope.all_facts(),
            self._tools,
            defaults,
            rules,
            tuple(tests),
            tuple(proofs),
            tuple(self._missing),
            tuple(self._marks),
        )

    # --- helpers ---------------------------------------------------------------

    def _add(self, code: str, message: str, span: t.Span, *, help: str | None = None) -> None:
        self._findings.add(code, message, self._scope.place(span), help=help)

    def _need(self, meaning: str, span: t.Span) -> None:
        self._missing.append(c.Missing(meaning, self._scope.place(span)))

    def _imported(self) -> None:
        """Names that meet here from several files must agree."""
        for kind in ("params", "facts"):
            seen: dict[str, c.ParamDecl] = {}
            for scope in self._scope.walk():
                for name, decl in cast("dict[str, c.ParamDecl]", getattr(scope, kind)).items():
                    other = seen.setdefault(name, decl)
                    if other.type != decl.type:
                        self._findings.add(
                            "AP407",
                            f"`{name}` is `{decl.type}` here and `{other.type}` in `{other.place.source.name}`",
                            decl.place,
                            help="give both the same type",
                        )
        tools: dict[str, c.ToolDecl] = {}
        for scope in self._scope.walk():
            for name, tool in scope.tools.items():
                if name in tools and scope is not self._scope:
                    self._findings.add(
                        "AP406", f"the tool `{name}` is declared in `{tools[name].place.source.name}` too", tool.place
                    )
                tools.setdefault(name, tool)

    def _check_globs(self, globs: Iterable[c.Glob]) -> None:
        for glob in globs:
            if id(glob) not in self._globs_checked:
                self._globs_checked.add(id(glob))
                check_glob(glob, self._params, self._findings)

    # --- matches ---------------------------------------------------------------

    def _actions(self, refs: Iterable[t.Ref]) -> tuple[str, ...]:
        found: list[str] = []
        for ref in refs:
            name = ref.text
            if name in FAMILIES:
                found.extend(FAMILIES[name])
            elif name in ACTIONS:
                found.append(name)
            else:
                self._add(
                    "AP203",
                    f"there is no action `{name}`",
                    ref.span,
                    help=suggestion(
                        name,
                        [*ACTIONS, *FAMILIES],
                        "actions are " + ", ".join(FAMILIES) + " and their kinds, such as `fs.read`",
                    ),
                )
        return tuple(dict.fromkeys(found))

    def _match(
        self, match: t.Match
    ) -> tuple[tuple[str, ...], tuple[c.Glob, ...] | None, tuple[c.Glob, ...], c.Test_ | None]:
        actions = self._actions(match.actions)
        families = list(dict.fromkeys(family(action) for action in actions))
        if not actions:
            return (), None, (), None
        patterned = match.subject is not None or match.excepts
        if len(families) > 1 and patterned:
            self._add(
                "AP304",
                "one list of patterns cannot serve " + " and ".join(f"`{one}`" for one in families),
                match.span,
                help="write one rule for each, or `any`",
            )
            return (), None, (), None
        subject = None if match.subject is None else self._patterns(match.subject, families[0])
        excepts = self._patterns(match.excepts, families[0])
        attributes = self._attributes(actions, families, subject)
        return actions, subject, excepts, self._conditions.read(match.condition, attributes)

    def _patterns(self, patterns: Iterable[t.Pattern], kind: str) -> tuple[c.Glob, ...]:
        quoted = cast(c.PatternKind, PATTERN_TYPE[kind])
        found: list[c.Glob] = []
        for pattern in patterns:
            if kind == "tool" and isinstance(pattern, t.Ref):
                name = pattern.parts[-1]
                home, _ = self._scope.through(pattern)
                named_set = name in home.sets
                if name in home.tools and not named_set:
                    home.used.add(name)
                    found.append(c.Glob("tool", name, self._scope.place(pattern.span)))
                    continue
                if not named_set:
                    known = [*self._tools, *self._scope.names()]
                    self._add(
                        "AP204",
                        f"no tool or set of tools is called `{pattern.text}`",
                        pattern.span,
                        help=suggestion(
                            pattern.text, known, f"declare it: `tool {pattern.text}(…)`, or quote the name"
                        ),
                    )
                    continue
            found += self._sets.globs((pattern,), quoted, self._scope, _SUBJECT_SETS[kind])
        self._check_globs(found)
        return tuple(found)

    def _attributes(
        self, actions: tuple[str, ...], families: list[str], subject: tuple[c.Glob, ...] | None
    ) -> Attributes:
        known = dict(ACTIONS[actions[0]])
        for action in actions[1:]:
            known = {name: kind for name, kind in known.items() if ACTIONS[action].get(name) == kind}
        origin = " and ".join(f"`{one}`" for one in (actions if len(actions) <= 3 else families))
        if families != ["tool"]:
            return Attributes(
                known,
                {},
                False,
                f"an attribute of {origin}" if len(actions) == 1 else f"an attribute of all of {origin}",
            )
        tools, open_arguments = self._tools_matched(subject)
        arguments: dict[str, str] = {}
        for tool in tools:
            for parameter in tool.parameters:
                if arguments.setdefault(parameter.name, parameter.type) != parameter.type:
                    arguments[parameter.name] = "any"
        # A parameter's own name wins over the two attributes that every tool has.
        known = {name: kind for name, kind in known.items() if name not in arguments}
        return Attributes(known, arguments, open_arguments, "a parameter of these tools")

    def _tools_matched(self, subject: tuple[c.Glob, ...] | None) -> tuple[list[c.ToolDecl], bool]:
        if subject is None:
            return list(self._tools.values()), True
        matched: dict[str, c.ToolDecl] = {}
        open_arguments = False
        for glob in subject:
            try:
                alternatives = expand_braces(glob.text)
            except BraceError:
                continue
            for text in alternatives:
                if text in self._tools:
                    matched[text] = self._tools[text]
                    continue
                open_arguments = True
                if "*" in text:
                    parts = text.split("/")
                    matched.update(
                        (name, tool) for name, tool in self._tools.items() if match_parts(parts, name.split("/"))
                    )
        return list(matched.values()), open_arguments

    # --- items -----------------------------------------------------------------

    def _rules(self) -> tuple[c.CheckedRule, ...]:
        rules: list[c.CheckedRule] = []
        lines: dict[str, int] = {}
        for item in self._file.items:
            if not isinstance(item, t.Rule):
                continue
            name = item.id.text
            line, _ = self._scope.source.line_column(item.id.span.start)
            if name in lines:
                self._add(
                    "AP202",
                    f"the rule id `{name}` is taken on line {lines[name]}",
                    item.id.span,
                    help="ids are unique in a file: logs and tests name them",
                )
            lines.setdefault(name, line)
            if name == "default":
                self._add("AP202", "`default` is the id of defaults", item.id.span, help="choose another id")
            actions, subject, excepts, condition = self._match(item.match)
            reason = self._clauses(item)
            quotas = self._quotas(item, actions, subject)
            if condition is not None:
                for node in walk_test(condition):
                    if reads(node, "result"):
                        self._findings.add(
                            "AP604",
                            "`result` is known only after a call, so this is unknown when the rule is asked",
                            node.place,
                            severity="warning",
                        )
            rules.append(
                c.CheckedRule(
                    name,
                    item.effect,
                    len(rules),
                    actions,
                    subject,
                    excepts,
                    condition,
                    reason,
                    self._scope.place(item.span),
                    quotas,
                )
            )
        return tuple(rules)

    def _quotas(
        self, rule: t.Rule, actions: tuple[str, ...], subject: tuple[c.Glob, ...] | None
    ) -> tuple[c.Quota, ...]:
        """What the rule's clauses count."""
        if not actions:
            return ()
        families = list(dict.fromkeys(family(action) for action in actions))
        attributes = self._attributes(actions, families, subject)
        found: list[c.Quota] = []
        for clause in rule.clauses:
            place = self._scope.place(clause.span)
            match clause:
                case t.Limit(count=count, window=window, per=per):
                    found.append(
                        c.Quota("limit", count.value, "calls", _seconds(window), self._by(None, per, attributes), place)
                    )
                case t.Budget(amount=amount, of=of, window=window, direction=direction, per=per):
                    whole = unit_value(amount) if isinstance(amount, t.Unit) else amount.value
                    what = "bytes" if of is None and direction is None else direction or self._summed(of, attributes)
                    by = self._by(window, per, attributes)
                    found.append(c.Quota("budget", whole or 0, what, _seconds(window), by, place))
                case t.Over(amount=amount, of=of, window=window, per=per):
                    whole = unit_value(amount) if isinstance(amount, t.Unit) else amount.value
                    what = "calls" if of is None else self._summed(of, attributes)
                    by = self._by(window, per, attributes)
                    found.append(c.Quota("over", whole or 0, what, _seconds(window), by, place))
                case _:
                    pass
        return tuple(found)

    def _summed(self, of: t.Ref | None, attributes: Attributes) -> str | c.Attribute:
        """The attribute that is added up."""
        if of is None:
            return "calls"
        found = self._conditions.counted(of, attributes, per=False)
        if found is None:
            return "calls"
        if found.type.removesuffix("?") not in {"number", "size", "any"}:
            self._add("AP301", f"only numbers add up, and `{of.text}` is `{found.type}`", of.span)
        return found

    def _by(self, window: t.Unit | t.Name | None, per: t.Ref | None, attributes: Attributes) -> str | c.Attribute:
        """What is counted by: ``session`` where nothing is said."""
        if per is None and isinstance(window, t.Name):
            per = t.Ref((window.text,), window.span)
        if per is None or per.text in PER:
            return "session" if per is None else per.text
        return self._conditions.counted(per, attributes, per=True) or "session"

    def _clauses(self, rule: t.Rule) -> str | None:
        reason: str | None = None
        seen: set[type] = set()
        for clause in rule.clauses:
            if type(clause) in seen and not isinstance(clause, t.Limit | t.Budget | t.Over):
                self._add("AP202", "this clause is there twice in the rule", clause.span, help="keep one")
            seen.add(type(clause))
            match clause:
                case t.Because(text=text):
                    reason = text.value
                case t.Via(approval=approval):
                    self._only(rule, ("ask",), "via", clause.span)
                    known = [
                        *self._scope.approvals,
                        *(f"{a}.{n}" for a, s in self._scope.imports.items() for n in s.approvals),
                    ]
                    if approval.text not in known:
                        self._add(
                            "AP207",
                            f"no approval is called `{approval.text}`",
                            approval.span,
                            help=suggestion(approval.text, known, f"declare it: `approval {approval.text} {{ … }}`"),
                        )
                    self._need("approvals", clause.span)
                case t.Limit(window=window):
                    self._only(rule, ("allow",), "limit", clause.span)
                    self._window(window)
                case t.Budget():
                    self._only(rule, ("allow",), "budget", clause.span)
                    self._amount(clause.amount, clause.of, clause.span)
                    self._window(clause.window)
                case t.Over():
                    self._only(rule, ("ask", "deny"), "over", clause.span)
                    self._window(clause.window)
                case t.Log(level=level):
                    if level.text not in LEVELS:
                        self._add(
                            "AP308",
                            f"there is no level `{level.text}`",
                            level.span,
                            help=suggestion(level.text, LEVELS, "one of " + ", ".join(LEVELS)),
                        )
                    self._need("telemetry", clause.span)
                case t.Redact():
                    self._need("telemetry", clause.span)
        if reason is None and rule.effect != "allow":
            self._add(
                "AP601",
                f"the {rule.effect} rule `{rule.id.text}` gives no reason",
                rule.id.span,
                help='add `because "…"`: the agent and the approver read it',
            )
        return reason

    def _only(self, rule: t.Rule, effects: tuple[str, ...], word: str, span: t.Span) -> None:
        if rule.effect not in effects:
            self._add(
                "AP307",
                f"`{word}` stands on {' and '.join(effects)} rules, and `{rule.id.text}` is {rule.effect}",
                span,
            )

    def _window(self, window: t.Unit | t.Name) -> None:
        if isinstance(window, t.Unit) and window.unit not in DURATIONS:
            self._add("AP213", f"`{window.unit}` is no unit of time", window.span, help="units are s, m, h and d")

    def _amount(self, amount: t.Unit | t.Number, of: t.Ref | None, span: t.Span) -> None:
        if isinstance(amount, t.Unit) and amount.unit not in SIZES:
            self._add(
                "AP213", f"`{amount.unit}` is no unit of size", amount.span, help="units are B, KB, MB, GB and TB"
            )
        elif isinstance(amount, t.Number) and of is None:
            self._add("AP308", "a budget is a size, or a number `of` an attribute", span, help="write `200MB`")

    def _defaults(self) -> dict[str, c.DefaultDecl]:
        found: dict[str, c.DefaultDecl] = {}
        for item in self._file.items:
            if not isinstance(item, t.Default):
                continue
            reason = None if item.because is None else item.because.value
            scopes = [ref.text for ref in item.actions] or [""]
            for ref in item.actions:
                if ref.text not in ACTIONS and ref.text not in FAMILIES:
                    self._add(
                        "AP203",
                        f"there is no action `{ref.text}`",
                        ref.span,
                        help=suggestion(ref.text, [*ACTIONS, *FAMILIES]),
                    )
            for scope in scopes:
                if scope in found:
                    self._add(
                        "AP202",
                        f"there is a default for {f'`{scope}`' if scope else 'everything'} already",
                        item.span,
                        help="keep one",
                    )
                found[scope] = c.DefaultDecl(scope, item.outcome, reason, self._scope.place(item.span))
        return found

    def _mark(self, item: t.Mark) -> None:
        if item.clear and item.name.text not in self._scope.marks:
            self._add(
                "AP206",
                f"no mark is called `{item.name.text}`",
                item.name.span,
                help=suggestion(item.name.text, self._scope.marks, "nothing sets it"),
            )
        actions, subject, excepts, condition = self._match(item.match)
        if item.duration is not None:
            self._window(item.duration)
        duration = None if item.duration is None else _seconds(item.duration)
        place = self._scope.place(item.span)
        self._marks.append(
            c.CheckedMark(item.name.text, item.clear, actions, subject, excepts, condition, duration, place)
        )

    def _proof(self, item: t.Prove) -> c.CheckedProof:
        actions, subject, excepts, condition = self._match(item.match)
        if item.mode.text not in {"never", "always"}:
            self._add(
                "AP701",
                f"a proof is `never` or `always`, not `{item.mode.text}`",
                item.mode.span,
                help=suggestion(item.mode.text, ("never", "always")),
            )
        if item.given is not None:
            self._given(item.given)
        mode: Literal["never", "always"] = "always" if item.mode.text == "always" else "never"
        return c.CheckedProof(
            mode, item.effect, actions, subject, excepts, condition, item, self._scope.place(item.span)
        )

    def _loose_define(self, item: t.Define) -> None:
        """A define is read where it stands too, so that mistakes in one that no rule uses are seen."""
        everything = {name: kind for known in ACTIONS.values() for name, kind in known.items()}
        arguments = {one.name: one.type for tool in self._tools.values() for one in tool.parameters}
        free = dict.fromkeys(everything, "any") | {name: "any" for name in arguments if name not in everything}
        attributes = Attributes(free, {}, True, "an attribute", anything=True)
        quiet = Findings()
        reader = ConditionReader(self._scope, self._sets, quiet)
        reader.expression(item.expr, attributes, self._scope, (item.name.text,))
        self._findings.extend(one for one in quiet.all if one.code != "AP205")

    # --- tests -----------------------------------------------------------------

    def _given(self, given: t.Given) -> None:
        params, facts = self._params, self._scope.all_facts()
        for binding in given.bindings:
            name = binding.ref.text
            if name in params or name in facts:
                kind = (params.get(name) or facts[name]).type.removesuffix("?")
            elif name in CONTEXT:
                kind = CONTEXT[name]
            else:
                # Outer layers have parameters of their own, which the program checks.
                continue
            constant(binding.value, kind, self._scope, self._findings)

    def _test(self, test: t.Test) -> None:
        for step in test.steps:
            match step:
                case t.Given():
                    self._given(step)
                case t.Wait(duration=duration):
                    self._window(duration)
                case t.Said(who=who) if who.text != "user":
                    self._add("AP702", f"`{who.text}` does not speak in a test", who.span, help='write `user says "…"`')
                case t.Step(act=t.EffectAct(action=action)) if action.text not in ACTIONS:
                    self._add(
                        "AP203",
                        f"there is no action `{action.text}`",
                        action.span,
                        help=suggestion(action.text, list(ACTIONS)),
                    )
                case t.Step(facts=facts):
                    for named in facts:
                        if named.name.text != "result" and named.name.text not in self._scope.all_facts():
                            self._add(
                                "AP702",
                                f"a step knows no `{named.name.text}`",
                                named.span,
                                help='write `(result: "ok")`',
                            )
                case _:
                    pass

    def _unused(self) -> None:
        for kind in ("sets", "defines", "imports"):
            for name, item in getattr(self._scope, kind).items():
                if name not in self._scope.used and self._file.header is not None:
                    span = item.span if kind != "imports" else self._import_span(name)
                    self._findings.add("AP602", f"nothing uses `{name}`", self._scope.place(span), severity="warning")

    def _import_span(self, alias: str) -> t.Span:
        return next(one.span for one in self._file.items if isinstance(one, t.Import) and one.alias.text == alias)


def _seconds(window: t.Unit | t.Name) -> int | None:
    """A window in seconds; None for one that is no time."""
    return unit_value(window) if isinstance(window, t.Unit) else None


def walk_test(test: c.Test_) -> Iterator[c.Test_]:
    """A condition and every condition inside it."""
    todo = [test]
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, c.All | c.Some):
            todo.extend(reversed(node.terms))
        elif isinstance(node, c.Negation):
            todo.append(node.term)


def reads(node: c.Test_, attribute: str) -> bool:
    """Whether one node (not what is inside it) reads an attribute of the effect."""
    return any(isinstance(one, c.Attribute) and one.name == attribute for one in operands(node))


def operands(node: c.Test_) -> tuple[c.Operand, ...]:
    """The operands of one node."""
    match node:
        case c.Comparison(left=left, right=right):
            return (left, right)
        case c.Member(left=left, values=values) | c.Holds(left=left, values=values):
            return (left,) if values is None else (left, values)
        case c.Truthy(operand=operand) | c.From(left=operand):
            return (operand,)
        case _:
            return ()
