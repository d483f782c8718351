"""The tree of a policy file: what was written, before names and types are checked.

Every node is a frozen attrs class. ``span`` gives the half-open range of character offsets in the
source and takes no part in equality, so two texts that say the same have equal trees.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import field, frozen

Outcome: TypeAlias = Literal["allow", "ask", "deny"]


@frozen
class Span:
    """Half-open range ``[start, end)`` of character offsets into one source text."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The smallest span that covers both."""
        return Span(min(self.start, other.start), max(self.end, other.end))


NOWHERE = Span(0, 0)


def _span() -> Span:
    return field(default=NOWHERE, eq=False, repr=False)


# --- words and values ---------------------------------------------------------


@frozen
class Name:
    """One word: an id, a parameter name, a setting's word."""

    text: str
    span: Span = _span()


@frozen
class Ref:
    """A dotted reference such as ``agent.role`` or ``secrets.files``."""

    parts: tuple[str, ...]
    span: Span = _span()

    @property
    def text(self) -> str:
        """The reference as it is written."""
        return ".".join(self.parts)


@frozen
class Text:
    """A quoted string, escapes decoded; ``${name}`` is left in place, ``\\$`` is the private mark U+E000."""

    value: str
    span: Span = _span()


@frozen
class Number:
    """A plain number."""

    value: int | float
    span: Span = _span()


@frozen
class Unit:
    """A number with its unit, such as ``15m`` or ``200MB``."""

    amount: int
    unit: str
    span: Span = _span()


@frozen
class Percent:
    """A share, ``10%``."""

    amount: int
    span: Span = _span()


@frozen
class Bool:
    """``true`` or ``false``."""

    value: bool
    span: Span = _span()


@frozen
class Group:
    """A group of people, ``@maintainers``."""

    name: str
    span: Span = _span()


@frozen
class ListValue:
    """``[a, b]``."""

    items: tuple[Value, ...]
    span: Span = _span()


Value: TypeAlias = Text | Number | Unit | Bool | ListValue


# --- expressions --------------------------------------------------------------


@frozen
class And:
    """Kleene conjunction of two or more terms."""

    terms: tuple[Expr, ...]
    span: Span = _span()


@frozen
class Or:
    """Kleene disjunction of two or more terms."""

    terms: tuple[Expr, ...]
    span: Span = _span()


@frozen
class Not:
    """Kleene negation."""

    term: Expr
    span: Span = _span()


@frozen
class Compare:
    """``left OP right`` with OP one of ``== != < <= > >=``."""

    left: Ref
    op: str
    right: Value | Ref
    span: Span = _span()


@frozen
class In:
    """``left [not] in LIST or SET``."""

    left: Ref
    right: ListValue | Ref
    negated: bool = False
    span: Span = _span()


@frozen
class Like:
    """``left [not] like "glob"``."""

    left: Ref
    right: Text
    negated: bool = False
    span: Span = _span()


@frozen
class Has:
    """``left has VALUE``, ``has any MANY``, ``has only MANY``; ``session has MARK`` too."""

    left: Ref
    quantifier: Literal["one", "any", "only"]
    right: Value | Ref
    span: Span = _span()


@frozen
class From:
    """``left from ORIGIN``."""

    left: Ref
    origin: Name
    span: Span = _span()


@frozen
class Truth:
    """A boolean attribute, fact or define, standing alone."""

    ref: Ref
    span: Span = _span()


Expr: TypeAlias = And | Or | Not | Compare | In | Like | Has | From | Truth


@frozen
class Condition:
    """``when expr``, or ``unless expr`` (negated)."""

    negated: bool
    expr: Expr
    span: Span = _span()


# --- matches and clauses ------------------------------------------------------

Pattern: TypeAlias = Text | Ref


@frozen
class Match:
    """``action, … subject [except patterns] [when … | unless …]``; ``subject`` is None for ``any``."""

    actions: tuple[Ref, ...]
    subject: tuple[Pattern, ...] | None
    excepts: tuple[Pattern, ...] = ()
    condition: Condition | None = None
    span: Span = _span()


@frozen
class Because:
    text: Text
    span: Span = _span()


@frozen
class Via:
    approval: Name
    span: Span = _span()


@frozen
class Limit:
    """``limit COUNT per WINDOW [per SCOPE]``."""

    count: Number
    window: Unit
    per: Ref | None = None
    span: Span = _span()


@frozen
class Budget:
    """``budget SIZE per WINDOW-or-SCOPE [in|out] [per SCOPE]``; ``of`` names a summed attribute."""

    amount: Unit | Number
    of: Ref | None
    window: Unit | Name
    direction: Literal["in", "out"] | None = None
    per: Ref | None = None
    span: Span = _span()


@frozen
class Over:
    """``over N per WINDOW`` or ``over N of ATTRIBUTE per WINDOW [per SCOPE]``."""

    amount: Unit | Number
    of: Ref | None
    window: Unit | Name
    per: Ref | None = None
    span: Span = _span()


@frozen
class Log:
    level: Name
    span: Span = _span()


@frozen
class FieldRef:
    """``exec.env`` or ``"slack/post_message".text``: the first part may be a quoted tool name."""

    head: str
    quoted: bool
    parts: tuple[str, ...]
    span: Span = _span()


@frozen
class Redact:
    fields: tuple[FieldRef, ...]
    span: Span = _span()


Clause: TypeAlias = Because | Via | Limit | Budget | Over | Log | Redact


# --- items --------------------------------------------------------------------


@frozen
class Header:
    name: Name
    version: Text
    language: int | None = None
    span: Span = _span()


@frozen
class Import:
    path: Text
    alias: Name
    span: Span = _span()


@frozen
class Extends:
    path: Text
    span: Span = _span()


@frozen
class TypeRef:
    """A type as written: ``text``, ``[text]``, ``text?``."""

    name: str
    is_list: bool = False
    optional: bool = False
    span: Span = _span()

    @property
    def text(self) -> str:
        """The type as it is written."""
        return (f"[{self.name}]" if self.is_list else self.name) + ("?" if self.optional else "")


@frozen
class Param:
    name: Name
    type: TypeRef
    default: Value | None = None
    span: Span = _span()


@frozen
class Fact:
    name: Name
    type: TypeRef
    default: Value | None = None
    span: Span = _span()


@frozen
class SetDecl:
    name: Name
    type: TypeRef
    patterns: tuple[Pattern, ...]
    span: Span = _span()


@frozen
class Define:
    name: Name
    expr: Expr
    span: Span = _span()


@frozen
class Default:
    """``default allow|ask|deny|none [for action, …] [because "…"]``; no actions means all."""

    outcome: Literal["allow", "ask", "deny", "none"]
    actions: tuple[Ref, ...] = ()
    because: Text | None = None
    span: Span = _span()


@frozen
class Doing:
    """One effect of a tool: ``ACTION PARAMETER [in PARAMETER]``."""

    action: Ref
    parameter: Ref
    place: Ref | None = None
    span: Span = _span()


@frozen
class Tool:
    """``tool NAME(parameters) [does [only] …] [returns LABEL]``; ``called`` is Text where quoted."""

    called: Name | Text
    parameters: tuple[Param, ...]
    only: bool = False
    does: tuple[Doing, ...] = ()
    returns: Name | None = None
    span: Span = _span()


@frozen
class Rule:
    effect: Outcome
    id: Name
    match: Match
    clauses: tuple[Clause, ...] = ()
    span: Span = _span()


@frozen
class Mark:
    """``mark NAME on MATCH [for DURATION]`` or ``clear NAME on MATCH``."""

    clear: bool
    name: Name
    match: Match
    duration: Unit | None = None
    span: Span = _span()


SettingAtom: TypeAlias = Value | Percent | Group | Ref | FieldRef


@frozen
class SettingValue:
    """One comma-separated value of a setting.

    ``allow 10%`` has ``outcome="allow"`` and a Percent; ``10 per 1h`` has ``per``; ``5m -> deny`` has ``then``.
    """

    atom: SettingAtom
    outcome: Outcome | None = None
    per: Unit | None = None
    then: Outcome | None = None
    span: Span = _span()


@frozen
class Setting:
    """One setting of a block; ``words`` is ``("not", "self")`` or ``("quorum",)``."""

    words: tuple[str, ...]
    values: tuple[SettingValue, ...] = ()
    span: Span = _span()


@frozen
class Block:
    """``sandbox { … }``, ``approval NAME { … }``, ``telemetry { … }``."""

    kind: Literal["sandbox", "approval", "telemetry"]
    name: Name | None
    settings: tuple[Setting, ...]
    span: Span = _span()


# --- tests and proofs ---------------------------------------------------------


@frozen
class Binding:
    """``workspace = "/repo"`` or ``agent.role = "ci"``."""

    ref: Ref
    value: Value
    span: Span = _span()


@frozen
class Given:
    bindings: tuple[Binding, ...]
    span: Span = _span()


@frozen
class Wait:
    duration: Unit
    span: Span = _span()


@frozen
class Approve:
    names: tuple[Text, ...]
    span: Span = _span()


@frozen
class Said:
    """``user says "…"``."""

    who: Name
    text: Text
    span: Span = _span()


@frozen
class Named:
    """``path: "/x"`` in a call's arguments or a step's facts."""

    name: Name
    value: Value
    span: Span = _span()


@frozen
class Call:
    """``bash(command: "…")``; ``tool`` is Text where the name is quoted."""

    tool: Name | Text
    args: tuple[Named, ...]
    span: Span = _span()


@frozen
class EffectAct:
    """``fs.write "/repo/a.py"``."""

    action: Ref
    target: Text
    span: Span = _span()


@frozen
class Expect:
    """``-> deny [by ID or default]``."""

    outcome: Outcome
    by: Name | None = None
    span: Span = _span()


@frozen
class Step:
    act: Call | EffectAct
    facts: tuple[Named, ...] = ()
    returns: Text | None = None
    expect: Expect | None = None
    span: Span = _span()


TestStep: TypeAlias = Given | Wait | Approve | Said | Step


@frozen
class Test:
    title: Text
    steps: tuple[TestStep, ...]
    span: Span = _span()


@frozen
class Prove:
    """``prove never|always allow|ask|deny MATCH [given (…)]``."""

    mode: Name
    effect: Outcome
    match: Match
    given: Given | None = None
    span: Span = _span()


Item: TypeAlias = (
    Import | Extends | Param | Fact | SetDecl | Define | Default | Tool | Rule | Mark | Block | Test | Prove
)


@frozen
class File:
    """A whole policy file."""

    header: Header | None
    items: tuple[Item, ...]
    span: Span = _span()
