"""The whole draft: sections of tools with their rules, the rules that tools share, tests; in the canonical layout."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from agentpolicy.checker.draft.classify import Guess, classify
from agentpolicy.checker.draft.examples import examples
from agentpolicy.checker.draft.lines import WORKSPACE, Entry, comment, entry, tool_line, wrapped
from agentpolicy.checker.draft.machine import SHARED_IDS, machine_rules, needs_workspace
from agentpolicy.checker.draft.names import Ids, shown
from agentpolicy.checker.draft.tool import Tools
from agentpolicy.checker.draft.words import Kind
from agentpolicy.language.format import format_text
from agentpolicy.language.load import load_program
from agentpolicy.language.source import Source

#: The sections in their order: kinds, and what is said of them.
_SECTIONS: Final[tuple[tuple[Kind, str, str], ...]] = (
    ("run", "running", "a person sees what may change something"),
    ("file", "files", "free in the workspace, removing where the user said so"),
    ("web", "addresses", "asked about where they were read somewhere"),
    ("sql", "queries", "reading is free"),
    ("look", "looking", "free, and what it shows is not trusted"),
    ("make", "making what stays here", "free"),
    ("act", "reaching others", "asked about where address or content was read somewhere"),
    ("pay", "money", "asked about unless the user named every destination"),
    ("lose", "changing and removing", "asked about unless the user named what"),
    ("settings", "access and settings", "asked about unless the user said every value"),
    ("unknown", "not understood", "always asked about"),
)
#: Tools that a comment at the end names one by one.
_MOST_NAMED: Final = 50


@frozen
class Draft:
    """A first policy.

    Attributes:
        name: the policy's name.
        text: the policy.
        guesses: what was made of each tool.
        left_out: tools that no policy can name, and why.
        notes: what a person should know of the list.
        workspace: whether the policy has the parameter ``workspace``.
    """

    name: str
    text: str
    guesses: tuple[Guess, ...]
    left_out: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    workspace: bool

    def as_json(self) -> dict[str, Any]:
        """The guesses as JSON values."""
        return {
            "policy": self.name,
            "tools": [_json(one) for one in self.guesses],
            "left_out": [{"name": name, "why": why} for name, why in self.left_out],
            "notes": list(self.notes),
        }


def _json(one: Guess) -> dict[str, Any]:
    return {
        "name": one.tool.name,
        "kind": one.kind,
        "confidence": one.confidence,
        "why": one.why,
        "destinations": list(one.destinations),
        "contents": list(one.contents),
        "targets": list(one.targets),
        "effects": [{"action": each.action, "parameter": each.parameter} for each in one.does],
        "always": one.always or one.kind == "unknown",
    }


def draft(tools: Tools, name: str) -> Draft:
    """The first policy for a list of tools. It checks, and is laid out as ``agentpolicy fmt`` does it.

    Args:
        tools: the list.
        name: the policy's name, one word of the language.

    Raises:
        PolicyError: the draft does not check, which is an error here and not in the list.
    """
    guesses = classify(tools)
    ids = Ids(SHARED_IDS)
    entries = [entry(one, ids) for one in guesses]
    actions = frozenset(each.action for one in guesses for each in one.does)
    workspace = needs_workspace(actions)
    lines = [*_header(name, len(entries), workspace), *_machine(actions)]
    for kind, title, said in _SECTIONS:
        lines += _section([one for one in entries if one.guess.kind == kind], title, said)
    lines += _left_out(tools)
    tests = examples(entries, workspace)
    lines += ["", _title("tests"), "", *tests] if tests else []
    text = format_text(Source(f"{name}.agp", "\n".join(lines) + "\n"))
    source = Source(f"{name}.agp", text)
    load_program([source.name], lambda _: (source, hashlib.sha256(text.encode()).hexdigest()))
    return Draft(name, text, guesses, tools.left_out, tools.notes, workspace)


def _header(name: str, count: int, workspace: bool) -> list[str]:
    lines = wrapped(
        f"A first policy for {_counted(count)}, guessed from what the tools are called and take. Read it, correct it, "
        "then use it. Descriptions and hints are the word of whoever wrote the tools: they made guesses stricter, "
        "never looser. deny beats ask beats allow, and what no rule allows is denied."
    )
    lines += [f'policy {name} version "0.1" language 1', ""]
    if workspace:
        lines += [f"param {WORKSPACE}: path  # the directory that the agent works in", ""]
    return [*lines, 'default deny because "no rule allows this"', ""]


def _counted(count: int) -> str:
    return "one tool" if count == 1 else f"{count} tools"


def _machine(actions: frozenset[str]) -> list[str]:
    rules = machine_rules(actions)
    return [_title("what tools do on this machine, or from it"), "", *rules, ""] if rules else []


def _title(text: str) -> str:
    return f"# --- {text} ".ljust(90, "-")


def _section(entries: Sequence[Entry], title: str, said: str) -> list[str]:
    if not entries:
        return []
    kind = entries[0].guess.kind
    lines = [_title(f"{title} ({_counted(len(entries))}): {said}"), ""]
    for one in entries:
        lines += comment(one)
        if one.declared:
            lines.append(tool_line(one))
        lines += [rule.text for rule in one.rules]
        lines.append("")
    subjects = ", ".join(one.subject for one in entries)
    if kind == "look":
        lines += [f"allow look: tool {subjects}", ""]
    elif kind == "unknown":
        lines += [f'ask unknown: tool {subjects} because "nobody has said yet what this tool does"', ""]
    return lines


def _left_out(tools: Tools) -> list[str]:
    lines: list[str] = []
    for name, why in tools.left_out[:_MOST_NAMED]:
        lines += wrapped(f"Left out, and so denied: {shown(name)}, because {why}.")
    more = len(tools.left_out) - _MOST_NAMED
    if more > 0:
        lines += wrapped(f"Left out, and so denied: {more} more.")
    return ["", *lines, ""] if lines else []
