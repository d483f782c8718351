"""Words a syntax error: what was expected, what was found, what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from agentpolicy.language.render import suggest
from agentpolicy.language.tokens import CLOSING, END, ITEM_KEYWORDS, Token

_CLOSED_BY = {"(": "`)`", "[": "`]`", "{": "`}`"}
_VALUES = frozenset(("STRING", "INT", "DECIMAL", "UNIT", "TRUE", "FALSE", "LSQB"))
_KINDS = {
    "NAME": "a name",
    "STRING": "quoted text",
    "INT": "a number",
    "DECIMAL": "a number",
    "UNIT": "a number with a unit such as `15m`",
    "PERCENT": "a share such as `10%`",
    "GROUP": "a group such as `@maintainers`",
    "COMPARE": "a comparison such as `==`",
    END: "the end of the file",
}
_RULE_STARTS = frozenset(("ALLOW", "ASK", "DENY", "MARK", "CLEAR", "DEFAULT", "PROVE"))
_EFFECTS = frozenset(("ALLOW", "ASK", "DENY"))
_ENDS = frozenset((*CLOSING, END))
_LATE = frozenset(("WHEN", "UNLESS", "EXCEPT"))
#: Where more kinds than this are possible, a list of them helps nobody.
_MANY_WORDS = 30
_MOST_SHOWN = 8


class SyntaxProblem(NamedTuple):
    """One syntax error, its place, and the tokens to go on with where it is clear what was meant."""

    code: str
    message: str
    start: int
    end: int
    help: str | None
    instead: tuple[Token, ...] = ()


class Place(NamedTuple):
    """Where parsing stopped: the token, what could have stood there, what stands before it."""

    token: Token
    accepted: AbstractSet[str]
    #: Kinds that would be accepted after a comma, if a comma is accepted.
    after_comma: AbstractSet[str]
    #: The first token of the item, and the two before the one that is wrong.
    first: Token | None
    before: Token | None
    last: Token | None
    new_line: bool


def unclosed(bracket: Token) -> SyntaxProblem:
    """A bracket that is still open where the file or an item ends."""
    help = f"write {_CLOSED_BY[bracket.text]} where it ends"
    return SyntaxProblem("AP105", f"`{bracket.text}` is not closed", bracket.start, bracket.end, help)


def too_deep(token: Token, limit: int) -> SyntaxProblem:
    """Nesting past the limit."""
    message = f"brackets and `not` nest more than {limit} deep"
    return SyntaxProblem("AP108", message, token.start, token.end, "name parts of the condition with `define`")


def explain(place: Place, spelling: Mapping[str, str]) -> SyntaxProblem:
    """The error at a token that the grammar does not allow there."""
    token = place.token
    if _lacks_id(place):
        return _missing_id(place)
    meant = _MEANT.get(token.type, ())
    for right in meant:
        if right in place.accepted and token.text in {"=", "==", ":"}:
            text = spelling.get(right, "==")
            help = f"write `{text}`"
            instead = (Token(right, text, token.start, token.end),)
            return SyntaxProblem(
                "AP107", f"expected `{text}`, found `{token.text}`", token.start, token.end, help, instead
            )
    if token.type == "POLICY":
        message = "the header stands first in a file, and once"
        return SyntaxProblem("AP101", message, token.start, token.end, "move `policy …` to the top of the file")
    message = f"expected {describe_expected(place, spelling)}, found {_found(token)}"
    near = _near_keyword(place, spelling)
    if near is not None:
        help = f"did you mean `{near.text}`?"
        return SyntaxProblem("AP101", message, token.start, token.end, help, (near,))
    if _lacks_comma(place):
        comma = Token("COMMA", ",", token.start, token.start)
        message = f"a comma is missing before {_found(token)}"
        return SyntaxProblem("AP101", message, token.start, token.end, "write `,` between them", (comma, token))
    return SyntaxProblem("AP101", message, token.start, token.end, _advice(place, spelling))


#: Kinds that are taken for one another, and what is meant where only the other can stand.
_MEANT = {"EQUAL": ("COMPARE", "COLON"), "COMPARE": ("EQUAL",), "COLON": ("EQUAL",)}


def _lacks_id(place: Place) -> bool:
    return place.accepted == {"COLON"} and place.before is not None and place.before.type in _EFFECTS


def _missing_id(place: Place) -> SyntaxProblem:
    effect, first = place.before, place.last
    assert effect is not None
    assert first is not None
    message = f"this rule has no id before `{first.text}`"
    help = f"name it, such as `{effect.text} my-rule: {first.text}`: logs, tests and reasons use the id"
    return SyntaxProblem("AP102", message, first.start, first.end, help)


def _near_keyword(place: Place, spelling: Mapping[str, str]) -> Token | None:
    """The keyword that a name was probably meant to be."""
    token = place.token
    words = {spelling[kind]: kind for kind in place.accepted if spelling.get(kind, "").isalpha()}
    if token.type != "NAME" or ("NAME" in place.accepted and len(words) > _MANY_WORDS):
        return None
    near = suggest(token.text, words)
    return None if near is None else Token(words[near], near, token.start, token.end)


def _lacks_comma(place: Place) -> bool:
    if place.token.type not in place.after_comma or place.new_line:
        return False
    return place.token.type != "NAME" or (place.last is not None and place.last.type == "NAME")


def _advice(place: Place, spelling: Mapping[str, str]) -> str | None:
    token = place.token
    keyword = spelling.get(token.type, "").isalpha()
    if place.last is not None and place.last.type == "COMMA" and (keyword or token.type in _ENDS):
        return "go on behind the comma, or leave it out"
    if token.type in _LATE and "BECAUSE" in place.accepted:
        return f"`{token.text}` stands before clauses such as `because` and `limit`, once"
    if keyword and "NAME" in place.accepted and not (place.new_line and token.type in ITEM_KEYWORDS):
        return f"`{token.text}` is a keyword: choose another name"
    return None


def _found(token: Token) -> str:
    if token.type == END:
        return "the end of the file"
    if token.type == "STRING" and len(token.text) > 30:
        return "quoted text"
    return f"`{token.text}`" if len(token.text) <= 40 else f"`{token.text[:40]}…`"


def describe_expected(place: Place, spelling: Mapping[str, str]) -> str:
    """The kinds that could stand at a place, as a person says it."""
    rest = set(place.accepted)
    words = {kind for kind in rest if spelling.get(kind, "").isalpha()}
    said: list[str] = []
    if "NAME" in rest and len(words) > _MANY_WORDS:
        rest -= words | {"NAME"}
        starts_rule = place.last is not None and place.last.type in _EFFECTS
        said.append("a rule id" if starts_rule else "a word")
    elif ITEM_KEYWORDS - {"POLICY"} <= rest:
        rest -= ITEM_KEYWORDS | {END}
        # At the start of an item nothing but an item can come: say so alone.
        said = ["a rule or another item"] if not rest else []
        if rest:
            rest.add("the next item")
    if rest == {"NAME", "TOOL"}:
        of_rule = place.first is not None and place.first.type in _RULE_STARTS
        return "an action such as `fs.read`" if of_rule else "a type such as `path`"
    if rest == {"NAME", "TOOL", "LSQB"}:
        return "a type such as `path` or `[text]`"
    if rest >= _VALUES:
        rest -= _VALUES
        said.append("a value")
    if rest >= _EFFECTS:
        rest -= _EFFECTS
        said.append("an answer (`allow`, `ask` or `deny`)")
    said += sorted({_KINDS[kind] for kind in rest if kind in _KINDS})
    said += sorted(f"`{spelling[kind]}`" for kind in rest if kind in spelling)
    if len(said) > _MOST_SHOWN:
        said = [*said[:_MOST_SHOWN], "…"]
        return ", ".join(said) + (" or the next item" if "the next item" in rest else "")
    if "the next item" in rest:
        said.append("the next item")
    return said[0] if len(said) == 1 else ", ".join(said[:-1]) + f" or {said[-1]}"
