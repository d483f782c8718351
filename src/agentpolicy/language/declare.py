"""First pass over a file: every name that it declares, duplicates and wrong types reported."""

from __future__ import annotations

from agentpolicy.language import tree as t
from agentpolicy.language.checked import ParamDecl, ToolDecl, ToolEffect, ToolParameter
from agentpolicy.language.findings import Findings
from agentpolicy.language.scope import Scope, check_type, constant, suggestion
from agentpolicy.language.source import Source
from agentpolicy.language.vocabulary import ACTIONS, FAMILIES, SET_TYPES, family

#: Parameter types that each family's effects can be read from; a list of them gives one effect each.
READABLE = {
    "fs": frozenset({"path"}),
    "net": frozenset({"url", "host"}),
    "exec": frozenset({"shell", "argv", "code"}),
    "sql": frozenset({"sql"}),
}


def declare(file: t.File, source: Source, imports: dict[str, Scope], findings: Findings) -> Scope:
    """The scope of a file, given the scopes of what it imports by alias."""
    scope = Scope(source, imports=imports)
    names: dict[str, t.Span] = {}
    for item in file.items:
        match item:
            case t.Param():
                _claim(item.name, names, "name", scope, findings)
                scope.params[item.name.text] = _value_decl(item, scope, findings)
            case t.Fact():
                _claim(item.name, names, "name", scope, findings)
                scope.facts[item.name.text] = _value_decl(item, scope, findings)
            case t.SetDecl():
                _claim(item.name, names, "name", scope, findings)
                check_type(item.type, scope, findings)
                if item.type.is_list or item.type.optional or (item.type.name not in SET_TYPES):
                    findings.add(
                        "AP302",
                        f"a set cannot be of type `{item.type.text}`",
                        scope.place(item.type.span),
                        help="sets are of " + ", ".join(SET_TYPES),
                    )
                scope.sets[item.name.text] = item
            case t.Define():
                _claim(item.name, names, "name", scope, findings)
                scope.defines[item.name.text] = item
            case t.Mark(clear=False):
                scope.marks.add(item.name.text)
            case t.Block(kind="approval", name=t.Name(text=text)):
                if text in scope.approvals:
                    findings.add("AP202", f"`{text}` is declared twice", scope.place(item.span))
                scope.approvals[text] = item
            case _:
                pass
    for item in file.items:
        if isinstance(item, t.Tool):
            _tool(item, scope, findings)
        elif isinstance(item, t.Import) and item.alias.text in names:
            _claim(item.alias, names, "name", scope, findings)
    return scope


def _claim(name: t.Name, names: dict[str, t.Span], what: str, scope: Scope, findings: Findings) -> None:
    if name.text in names:
        line, _ = scope.source.line_column(names[name.text].start)
        findings.add(
            "AP202",
            f"the {what} `{name.text}` is taken on line {line}",
            scope.place(name.span),
            help="choose another name",
        )
        return
    if name.text in {"session", "arg"}:
        findings.add(
            "AP202",
            f"`{name.text}` is a word of its own in conditions",
            scope.place(name.span),
            help="choose another name",
        )
    names[name.text] = name.span


def _value_decl(item: t.Param | t.Fact, scope: Scope, findings: Findings) -> ParamDecl:
    check_type(item.type, scope, findings)
    default = None
    if item.default is not None:
        default = constant(item.default, item.type.text.removesuffix("?"), scope, findings).value
    return ParamDecl(item.name.text, item.type.text, default, scope.place(item.name.span))


def _tool(item: t.Tool, scope: Scope, findings: Findings) -> None:
    place = scope.place(item.called.span)
    name = item.called.text if isinstance(item.called, t.Name) else item.called.value
    if name in scope.tools:
        findings.add("AP202", f"the tool `{name}` is declared twice in this file", place, help="join the two lines")
        return
    if not name or any(letter in name for letter in "*{}") or name.split() != [name]:
        findings.add("AP303", f"`{name}` cannot be a tool's name", place, help="one tool a line, without wildcards")
    parameters: dict[str, ToolParameter] = {}
    for one in item.parameters:
        check_type(one.type, scope, findings)
        if one.name.text in parameters:
            findings.add("AP202", f"the parameter `{one.name.text}` is there twice", scope.place(one.name.span))
        kind = one.type.text.removesuffix("?")
        default = None if one.default is None else constant(one.default, kind, scope, findings).value
        parameters[one.name.text] = ToolParameter(
            one.name.text, kind, default is None and not one.type.optional, default, scope.place(one.name.span)
        )
    effects = tuple(effect for doing in item.does if (effect := _doing(doing, parameters, scope, findings)) is not None)
    returns = None if item.returns is None else item.returns.text
    scope.tools[name] = ToolDecl(name, tuple(parameters.values()), effects, item.only, returns, place)


def _doing(doing: t.Doing, parameters: dict[str, ToolParameter], scope: Scope, findings: Findings) -> ToolEffect | None:
    place = scope.place(doing.action.span)
    action = doing.action.text
    if action not in ACTIONS and action not in {"net", "sql"} and not action.startswith("sql."):
        known = [one for one in ACTIONS if one != "tool"] + ["net"]
        findings.add(
            "AP203",
            f"there is no action `{action}`",
            place,
            help=suggestion(action, known, "actions are " + ", ".join(known)),
        )
        return None
    kind = family(action)
    if kind == "tool":
        findings.add("AP310", "what a tool does is an effect, not another tool", place)
        return None
    if action.startswith("sql") and action not in ACTIONS and action not in {"sql", "sql.query"}:
        findings.add("AP203", f"there is no action `{action}`", place, help=suggestion(action, FAMILIES["sql"]))
    parameter = _parameter(doing.parameter, parameters, scope, findings)
    inner = "" if parameter is None else parameter.type.strip("[]")
    if parameter is not None and inner not in READABLE[kind]:
        wanted = " or ".join(f"`{one}`" for one in sorted(READABLE[kind]))
        findings.add(
            "AP310",
            f"`{action}` is read from {wanted}, and `{parameter.name}` is `{parameter.type}`",
            scope.place(doing.parameter.span),
            help=f"declare `{parameter.name}: {min(READABLE[kind])}`",
        )
    where = None
    if doing.place is not None:
        holder = _parameter(doing.place, parameters, scope, findings)
        if holder is not None:
            where = holder.name
            if kind in {"fs", "exec"} and holder.type not in {"path", "text"}:
                findings.add(
                    "AP310", f"a directory is a `path`, and `{where}` is `{holder.type}`", scope.place(doing.place.span)
                )
    if action == "net" and parameter is not None and "method" not in parameters:
        findings.add(
            "AP310",
            "`net` takes its kind from a parameter `method`, and this tool has none",
            place,
            help="write the kind, such as `net.get`, or declare `method: text`",
        )
    return None if parameter is None else ToolEffect(action, parameter.name, where)


def _parameter(
    ref: t.Ref, parameters: dict[str, ToolParameter], scope: Scope, findings: Findings
) -> ToolParameter | None:
    found = parameters.get(ref.text)
    if found is None:
        findings.add(
            "AP201",
            f"the tool has no parameter `{ref.text}`",
            scope.place(ref.span),
            help=suggestion(ref.text, parameters),
        )
    return found
