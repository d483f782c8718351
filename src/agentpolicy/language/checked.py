"""A checked policy: names resolved, types known, sets and defines expanded. What compilers and checkers read.

``${param}`` stays in texts until a policy is bound to parameters.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import frozen

from agentpolicy.language.source import Source
from agentpolicy.language.tree import Outcome, Prove, Span, Test

PatternKind: TypeAlias = Literal["path", "argv", "url", "host", "text", "tool", "table"]


@frozen
class Place:
    """Where something stands."""

    source: Source
    span: Span

    @property
    def line(self) -> int:
        """The line, counted from 1."""
        return self.source.line_column(self.span.start)[0]


@frozen
class Glob:
    """One written pattern. ``text`` has its escapes decoded; ``${param}`` and the mark of ``\\$`` are in place."""

    kind: PatternKind
    text: str
    place: Place


# --- operands and conditions --------------------------------------------------

Scalar: TypeAlias = str | int | float | bool


@frozen
class Constant:
    """A constant: text (``${param}`` in place), number, truth value, or tuple of them."""

    value: Scalar | tuple[Scalar, ...]


@frozen
class Attribute:
    """An attribute of the effect: ``path``, ``flags``; for tools ``server`` and parameters as ``arg.NAME``."""

    name: str
    type: str  # as written in the language: "text", "[text]", "size", "any" for an undeclared argument


@frozen
class ContextName:
    """``agent.role`` and its like."""

    name: str
    type: str


@frozen
class FactName:
    """A declared fact."""

    name: str
    type: str


@frozen
class ParamName:
    """A policy parameter read as a value."""

    name: str
    type: str


Operand: TypeAlias = Constant | Attribute | ContextName | FactName | ParamName


@frozen
class All:
    terms: tuple[Test_, ...]
    place: Place


@frozen
class Some:
    terms: tuple[Test_, ...]
    place: Place


@frozen
class Negation:
    term: Test_
    place: Place


@frozen
class Comparison:
    """``left OP right``; text and truth values know ``==`` and ``!=`` only."""

    left: Operand
    op: str
    right: Operand
    place: Place


@frozen
class Member:
    """``left in many``: equal to one of a list's values, or matched by one of a set's patterns."""

    left: Operand
    values: Operand | None  # a list (literal, fact, attribute)
    globs: tuple[Glob, ...]  # or the patterns of a set; also ``left like "glob"``, as a set of one
    place: Place


@frozen
class Holds:
    """``left has right`` for a list on the left.

    ``one``/``any``: some element of left is among the values or matched by a pattern;
    ``only``: every element is (true of an empty list).
    """

    left: Operand
    quantifier: Literal["any", "only"]
    values: Operand | None
    globs: tuple[Glob, ...]
    place: Place


@frozen
class Truthy:
    """A boolean operand on its own."""

    operand: Operand
    place: Place


@frozen
class HasMark:
    """``session has MARK``."""

    mark: str
    place: Place


@frozen
class From:
    """``left from ORIGIN``: ``user``, ``policy``, ``untrusted``, ``nowhere`` or a label."""

    left: Operand
    origin: str
    place: Place


Test_: TypeAlias = All | Some | Negation | Comparison | Member | Holds | Truthy | HasMark | From


# --- what sessions count ----------------------------------------------------------


@frozen
class Quota:
    """``limit``, ``budget`` or ``over``: what is counted of a rule's effects, and how much of it is too much.

    ``of`` is what is added up: ``calls`` (each effect is one), ``out``, ``in`` or ``bytes`` (both directions), or an
    attribute. ``window`` is in seconds, None where nothing is forgotten. ``per`` is ``session``, ``agent``, ``user``,
    ``host``, ``call`` or an attribute.
    """

    kind: Literal["limit", "budget", "over"]
    amount: int | float
    of: str | Attribute
    window: int | None
    per: str | Attribute
    place: Place


# --- declarations -------------------------------------------------------------


@frozen
class ParamDecl:
    """``type`` as written; ``default`` is None where none is given."""

    name: str
    type: str
    default: Scalar | tuple[Scalar, ...] | None
    place: Place


@frozen
class ToolParameter:
    """One parameter of a tool. ``type`` is without ``?``; a missing argument is refused where ``required``."""

    name: str
    type: str
    required: bool
    default: Scalar | tuple[Scalar, ...] | None
    place: Place


@frozen
class ToolEffect:
    """``ACTION PARAMETER [in PLACE]``; ``action`` may be the family ``net`` (kind read from ``method``) or ``sql``."""

    action: str
    parameter: str
    place_parameter: str | None


@frozen
class ToolDecl:
    """What a call of a tool does. ``only``: the effects answer for the tool."""

    name: str
    parameters: tuple[ToolParameter, ...]
    effects: tuple[ToolEffect, ...]
    only: bool
    returns: str | None
    place: Place


@frozen
class DefaultDecl:
    """A default for an action, a family or everything (``""``)."""

    scope: str
    outcome: Literal["allow", "ask", "deny", "none"]
    reason: str | None
    place: Place


@frozen
class CheckedRule:
    """One rule. ``actions`` are concrete (families expanded); ``subject`` is None for ``any``.

    ``index`` is the place in file order. ``unless`` is already a Negation.
    """

    id: str
    effect: Outcome
    index: int
    actions: tuple[str, ...]
    subject: tuple[Glob, ...] | None
    excepts: tuple[Glob, ...]
    condition: Test_ | None
    reason: str | None
    place: Place
    quotas: tuple[Quota, ...] = ()


def quota_key(prefix: str, rule: CheckedRule, at: int) -> str:
    """The name under which a rule's clause is counted: it outlives changes elsewhere, and of its amount."""

    def about(quota: Quota) -> str:
        named = [one if isinstance(one, str) else "." + one.name for one in (quota.of, quota.per)]
        return ":".join([quota.kind, *named])

    mine = about(rule.quotas[at])
    before = sum(about(one) == mine for one in rule.quotas[:at])
    return f"{prefix}{rule.id}:{mine}" + (f":{before}" if before else "")


@frozen
class CheckedMark:
    """``mark NAME on MATCH [for DURATION]`` or ``clear NAME on MATCH``; ``duration`` in seconds."""

    name: str
    clear: bool
    actions: tuple[str, ...]
    subject: tuple[Glob, ...] | None
    excepts: tuple[Glob, ...]
    condition: Test_ | None
    duration: int | None
    place: Place


@frozen
class Missing:
    """A use of a meaning that the engine does not have yet: ``meaning`` is ``"marks"``, ``"limits"``…"""

    meaning: str
    place: Place


@frozen
class CheckedProof:
    """``prove mode effect match [given]``: ``match`` as in a rule; ``prove`` the tree it came from."""

    mode: Literal["never", "always"]
    effect: Outcome
    actions: tuple[str, ...]
    subject: tuple[Glob, ...] | None
    excepts: tuple[Glob, ...]
    condition: Test_ | None
    tree: Prove
    place: Place


@frozen
class Layer:
    """One checked policy file with what it imports."""

    name: str
    version: str
    source: Source
    params: dict[str, ParamDecl]
    facts: dict[str, ParamDecl]
    tools: dict[str, ToolDecl]
    defaults: dict[str, DefaultDecl]
    rules: tuple[CheckedRule, ...]
    tests: tuple[Test, ...]
    proofs: tuple[CheckedProof, ...]
    missing: tuple[Missing, ...]
    marks: tuple[CheckedMark, ...] = ()
    #: the name under which sessions keep what is this layer's: another one for each layer of a policy
    key: str = ""


@frozen
class Program:
    """All layers of a policy, outermost first, and every file that was read for them.

    ``sources`` pairs each file's path with the SHA-256 of its bytes (hexadecimal).
    """

    layers: tuple[Layer, ...]
    sources: tuple[tuple[str, str], ...]
