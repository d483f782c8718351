"""The rule that would allow exactly one effect, as it is written in a policy and as it is checked."""

from __future__ import annotations

import json
from collections.abc import Container

from attrs import frozen

from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect, NetEffect, SqlEffect, ToolEffect
from agentpolicy.language import checked as c
from agentpolicy.language.characters import is_forbidden
from agentpolicy.language.patterns import DOLLAR
from agentpolicy.language.vocabulary import PATTERN_TYPE

#: Characters that mean something in a pattern; none of them can be written as itself.
_SPECIAL = frozenset("*{},")


@frozen
class Suggestion:
    """``line`` is the rule as it is written. ``exact`` is false where a ``*`` stands for what cannot be written."""

    line: str
    rule: c.CheckedRule
    exact: bool


def allowing(effect: Effect, taken: Container[str], place: c.Place, index: int) -> Suggestion | None:
    """An allow rule for one effect; None where a part of the effect is not known.

    Args:
        effect: the effect.
        taken: ids that the layer has already.
        place: what the rule is said to stand at.
        index: its place in file order.
    """
    found = patterns_of(effect)
    if not found:
        return None
    id = rule_id(effect, taken)
    kind: c.PatternKind = "path"
    match PATTERN_TYPE[effect.family]:
        case "argv":
            kind = "argv"
        case "url":
            kind = "url"
        case "tool":
            kind = "tool"
        case "table":
            kind = "table"
        case _:
            kind = "path"
    globs = tuple(c.Glob(kind, text.replace("$", DOLLAR), place) for text in found)
    line = f"allow {id}: {effect.action} " + ", ".join(_quoted(text) for text in found)
    condition: c.Test_ | None = None
    if isinstance(effect, ExecEffect) and effect.guarded:
        if effect.elevated:
            condition = c.Truthy(c.Attribute("elevated", "bool"), place)
            line += " when elevated"
        else:
            names = tuple(sorted(effect.env))
            condition = c.Holds(c.Attribute("env", "[text]"), "only", c.Constant(names), (), place)
            line += " when env has only [" + ", ".join(_quoted(name) for name in names) + "]"
    rule = c.CheckedRule(id, "allow", index, (effect.action,), globs, (), condition, None, place)
    written = "".join(found)
    return Suggestion(line, rule, "*" not in written)


def patterns_of(effect: Effect) -> tuple[str, ...]:
    """The patterns that match an effect under all its names, and as little else as can be written."""
    if effect.opaque:
        return ()
    match effect:
        case FileEffect(path=str(path), resolved=str(resolved), many=many):
            names = dict.fromkeys(_plain(name) for name in (path, resolved))
            if not many:
                return tuple(names)
            inside = [f"{name.rstrip('/')}/**" for name in names]
            return tuple(inside if effect.action == "fs.read" else [*names, *inside])
        case ExecEffect(argv=tuple(argv), loose=loose, more=more) if argv and argv[0] is not None:
            words = ["**" if word is None or at in loose else _word(word) for at, word in enumerate(argv)]
            return (" ".join([*words, "**"] if more else words),)
        case NetEffect(host=str(host)):
            host = f"[{host}]" if ":" in host else host
            scheme = f"{effect.scheme}://" if effect.scheme else ""
            port = "" if effect.usual_port or effect.port is None else f":{effect.port}"
            return (scheme + host + port + _plain(effect.path or ""),)
        case ToolEffect(name=name):
            return (_plain(name),)
        case SqlEffect(table=str(table)):
            return (_plain(table),)
        case _:
            return ()


def rule_id(effect: Effect, taken: Container[str]) -> str:
    """An id for a rule about an effect that no other rule has."""
    match effect:
        case ExecEffect(argv=tuple(argv)):
            subcommand = [word for word in argv[1:2] if word is not None and not word.startswith("-")]
            base = "-".join([(argv[0] or "command").rpartition("/")[2], *subcommand])
        case NetEffect(host=str(host)):
            base = host
        case ToolEffect(name=name):
            base = name
        case SqlEffect(table=str(table)):
            base = f"{effect.action[4:]} {table}"
        case _:
            base = effect.action
    words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in base.lower()).split()
    stem = "-".join(["may", *words])[:40].rstrip("-")
    number, id = 1, stem
    while id in taken:
        number += 1
        id = f"{stem}-{number}"
    return id


def _plain(text: str) -> str:
    return "".join(
        "*" if letter in _SPECIAL or is_forbidden(letter) or letter in "\t\n\r" else letter for letter in text
    )


def _word(word: str) -> str:
    if not word or any(letter.isspace() for letter in word):
        return "*"
    return _plain(word)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("$", "\\$")
