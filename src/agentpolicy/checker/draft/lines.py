"""From a guess to lines of a policy: the comment, the declaration, the rules of one tool."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Final

from attrs import evolve, frozen

from agentpolicy.checker.draft.classify import Guess
from agentpolicy.checker.draft.names import Ids, called, is_bare, is_word, listed, quoted, shown, words
from agentpolicy.checker.draft.roles import has_amount
from agentpolicy.checker.draft.tool import Default, Parameter, Scalar
from agentpolicy.checker.draft.words import URL_TEXT

#: The parameter and the set that drafts declare.
WORKSPACE: Final = "workspace"
SECRET_FILES: Final = "secret-files"  # noqa: S105 - the name of a set
#: Names that a condition reads as something else than a tool's parameter.
_TAKEN: Final = frozenset(
    ("name", "server", "opaque", "result", "agent", "user", "host", "session", "time", "arg", WORKSPACE)
)
_HERE: Final = f"${{{WORKSPACE}}}"
_TEXTUAL: Final = frozenset({"text", "path", "url", "host"})
_WIDTH: Final = 98
#: Tools of these names look into the files of a directory.
_DEEP: Final = frozenset({"search", "find", "grep", "tree", "glob"})

_REASONS: Final = {
    "act-to": "where this goes was read somewhere, and not said by the user",
    "act-says": "it carries an address, a link or a number that was read somewhere",
    "act": "this reaches other people or places",
    "pay-to": "the user did not name where this money goes",
    "pay": "this moves money",
    "lose-which": "the user did not name what this changes or removes",
    "lose": "what this changes or removes may not come back",
    "settings-value": "the user did not say what this sets",
    "settings": "this concerns access or settings",
    "run": "this runs something",
    "file-which": "the user did not name the file that this removes",
    "file": "this may do more than it says",
    "web-to": "the address was read somewhere, and not said by the user",
    "web-says": "it carries an address, a link or a number that was read somewhere",
    "web": "this may do more than it says",
    "sql": "this may do more than it says",
}


@frozen
class Rule:
    """One rule of a draft: its effect, id and text."""

    effect: str
    id: str
    text: str


@frozen
class Entry:
    """What a draft says of one tool.

    Attributes:
        guess: the guess that it follows.
        id: the id of its first rule.
        declared: whether a tool line declares it.
        parameters: as that line has them.
        subject: the tool as a rule names it.
        rules: its own rules; tools that only look, and unknown ones, share theirs.
    """

    guess: Guess
    id: str
    declared: bool
    parameters: tuple[Parameter, ...]
    subject: str
    rules: tuple[Rule, ...]

    @property
    def missing(self) -> tuple[Parameter, ...]:
        """Parameters of the tool that the declaration lacks."""
        kept = {one.name for one in self.parameters}
        return tuple([one for one in self.guess.tool.parameters if one.name not in kept])

    def rule(self, effect: str, ending: str = "") -> Rule | None:
        """Its rule of an effect whose id has an ending."""
        return next((one for one in self.rules if one.effect == effect and one.id == self.id + ending), None)


def entry(guess: Guess, ids: Ids) -> Entry:
    """The entry of a guess."""
    tool = guess.tool
    fit = [one for one in tool.parameters if one.type is not None and is_word(one.name)]
    declared = bool(guess.does) or (not tool.loose and len(fit) == len(tool.parameters))
    if declared:
        guess = _within(guess, frozenset([one.name for one in fit]))
    parameters = tuple([_declared(one, guess) for one in fit]) if declared else ()
    subject = called(tool.name, (SECRET_FILES,)) if declared else quoted(tool.name)
    found = Entry(guess, ids.of(tool.name), declared, parameters, subject, ())
    return evolve(found, rules=tuple(_rules(found)))


def _within(guess: Guess, known: frozenset[str]) -> Guess:
    """A guess without parameters that no declaration has: a call that gives one of them is denied anyway."""
    kept = [
        tuple([one for one in names if one in known]) for names in (guess.destinations, guess.contents, guess.targets)
    ]
    asked = guess.destinations or guess.targets
    left = kept[0] or kept[2]
    always = guess.always or (not guess.only and bool(asked) and not left)
    return evolve(guess, destinations=kept[0], contents=kept[1], targets=kept[2], always=always)


# --- declarations ------------------------------------------------------------------------


def _declared(one: Parameter, guess: Guess) -> Parameter:
    """A parameter as the tool line has it: of the type that its effect needs, with a default that rules can read."""
    type_ = one.type or "text"
    effects = [effect for effect in guess.does if effect.parameter == one.name]
    if effects:
        type_ = effects[0].type
    elif any(effect.place == one.name and effect.action != "sql" for effect in guess.does):
        type_ = "path"
    elif type_ in {"text", "[text]"} and (words(one.name) or ("",))[-1] in URL_TEXT:
        type_ = type_.replace("text", "url")
    default = one.default
    if type_ == "path" and not one.required and default in {None, "", ".", "./"}:
        looks = bool(effects) and all(effect.action == "fs.read" for effect in effects)
        default = _HERE if looks or not effects else None
    elif not one.required and default is None and not effects and one.name in _guarded(guess):
        # A rule that asks about what is not there is unknown, and asks; nothing is from nowhere bad.
        default = () if type_.startswith("[") else "" if type_ in _TEXTUAL else None
    return evolve(one, type=type_, default=default)


def _guarded(guess: Guess) -> frozenset[str]:
    """The parameters that a call may well leave out although a rule asks about them."""
    match guess.kind:
        case "act" | "web" | "run" | "file" | "sql":
            return frozenset((*guess.destinations, *guess.contents))
        case "pay" | "lose":
            return frozenset(guess.contents)
        case "settings":
            return frozenset(guess.targets)
        case _:
            return frozenset()


def tool_line(one: Entry) -> str:
    """The line that declares a tool."""
    guess = one.guess
    parameters = ", ".join(_parameter(each) for each in one.parameters)
    line = f"tool {called(guess.tool.name)}({parameters})"
    if guess.does:
        does = [
            f"{each.action} {each.parameter}" + (f" in {each.place}" if each.place is not None else "")
            for each in guess.does
        ]
        line += f" does {'only ' if guess.only else ''}{', '.join(does)}"
    if guess.kind in {"look", "file", "web", "sql", "run"}:
        line += " returns untrusted"
    return line + ("  # yours? then: returns trusted" if guess.own else "")


def _parameter(one: Parameter) -> str:
    if one.default is not None:
        return f"{one.name}: {one.type} = {_value(one.default)}"
    return f"{one.name}: {one.type}{'' if one.required else '?'}"


def _value(value: Default) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    if value == _HERE:
        return f'"{_HERE}"'
    return scalar(value if value is not None else "")


def scalar(value: Scalar) -> str:
    """A plain value as a policy writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(value) if isinstance(value, str) else repr(value)


# --- rules -------------------------------------------------------------------------------


def _rules(one: Entry) -> Iterable[Rule]:
    guess, kind = one.guess, one.guess.kind
    if kind in {"look", "unknown"}:
        return
    if guess.always:
        yield _ask(one, "", "", _REASONS[kind] if kind != "make" else _REASONS["act"])
        return
    if not guess.only:
        yield Rule("allow", one.id, f"allow {one.id}: tool {one.subject}")
    untrusted = [f"{_read(one, name)} from untrusted" for name in guess.destinations]
    if kind == "pay":
        named = [f"{_read(one, name)} from user" for name in guess.destinations]
        yield _ask(one, "-to", f"unless {' and '.join(named)}", _REASONS["pay-to"])
    elif untrusted:
        yield _ask(one, "-to", f"when {' or '.join(untrusted)}", _REASONS.get(f"{kind}-to", _REASONS["act-to"]))
    if guess.contents:
        carried = [f"{_read(one, name)} from untrusted" for name in guess.contents]
        yield _ask(one, "-says", f"when {' or '.join(carried)}", _REASONS["act-says"])
    if guess.targets:
        named = [f"{_read(one, name)} from user" for name in guess.targets]
        ending = "value" if kind == "settings" else "which"
        yield _ask(one, f"-{ending}", f"unless {' and '.join(named)}", _REASONS[f"{kind}-{ending}"])


def _ask(one: Entry, ending: str, condition: str, reason: str) -> Rule:
    text = f"ask {one.id}{ending}: tool {one.subject} {condition} because {quoted(reason)}"
    return Rule("ask", one.id + ending, text)


def _read(one: Entry, name: str) -> str:
    """A parameter as a condition reads it."""
    return name if one.declared and is_bare(name) and name not in _TAKEN else f"arg.{name}"


# --- comments ----------------------------------------------------------------------------


def comment(one: Entry) -> list[str]:
    """Why a tool stands where it stands, and what a person should know of its lines."""
    guess, tool = one.guess, one.guess.tool
    said = [f"{shown(tool.name)}: {guess.confidence} confidence; {guess.why}."]
    if not one.declared:
        said.append(f"It is not declared, so its arguments are not checked: {_why_not(one)}.")
        if guess.kind in {"pay", "lose", "settings"} and not guess.always:
            said.append("A call that leaves one of these out is asked about too.")
    elif one.missing:
        names = listed(each.name for each in one.missing)
        said.append(f"A call that gives {names} is denied: the language has no name or no type for that.")
    if guess.kind == "file" and _DEEP & set(words(tool.name)):
        said.append("It may read what lies below the directory too, which no rule sees.")
    if guess.kind == "pay" and one.declared and (amount := has_amount(tool)) and is_bare(amount):
        said.append(f"A ceiling would be: `{one.subject} over 1000 of {amount} per 1d`.")
    return wrapped(" ".join(said))


def _why_not(one: Entry) -> str:
    tool = one.guess.tool
    if tool.loose:
        return tool.loose
    odd = [each for each in tool.parameters if each.type is None]
    if odd:
        return f"no type of the language holds {odd[0].what or 'the values'} as in {listed(each.name for each in odd)}"
    return f"no policy can write the name {listed(each.name for each in tool.parameters if not is_word(each.name))}"


def wrapped(text: str) -> list[str]:
    """A comment in lines; it never leaves them."""
    plain = " ".join(text.encode("ascii", "backslashreplace").decode().split())
    return textwrap.wrap(plain, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
