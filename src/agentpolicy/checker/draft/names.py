"""Names of tools and parameters: their words, their form in a policy, what of them may be shown."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from agentpolicy.effects.text import visible, well_formed
from agentpolicy.language.characters import check_characters
from agentpolicy.language.problems import Problems
from agentpolicy.language.source import Source
from agentpolicy.language.tables import load_tables

#: Characters that a tool's name may have.
LONGEST_NAME: Final = 200
#: Characters of a name that comments and messages show.
_SHOWN: Final = 60
_LONGEST_ID: Final = 48

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*\Z")
_NOT_IN_NAMES = re.compile(r"[\s*{}$\"\\]")
_SPLIT_VERBS: Final = {
    ("check", "in"): "checkin",
    ("check", "out"): "checkout",
    ("look", "up"): "lookup",
    ("log", "in"): "login",
    ("log", "out"): "logout",
    ("sign", "in"): "signin",
    ("sign", "up"): "signup",
    ("sign", "out"): "signout",
    ("roll", "back"): "rollback",
    ("shut", "down"): "shutdown",
    ("turn", "on"): "switch",
    ("turn", "off"): "switch",
    ("top", "up"): "topup",
    ("opt", "out"): "unsubscribe",
}


def words(name: str) -> tuple[str, ...]:
    """The words of a name in lower case, however they are joined; two that make one verb count as one."""
    found = [one.lower() for one in _WORD.findall(name)]
    joined: list[str] = []
    for word in found:
        pair = _SPLIT_VERBS.get((joined[-1], word)) if joined else None
        if pair is None:
            joined.append(word)
        else:
            joined[-1] = pair
    return tuple(joined)


def own_name(tool: str) -> str:
    """A tool's name without its server."""
    return tool.rpartition("/")[2]


def server_of(tool: str) -> str:
    """The server in front of a tool's name; empty where there is none."""
    return tool.rpartition("/")[0]


def unfit(tool: str) -> str | None:
    """Why no policy should name a tool so; None where it may."""
    if not tool:
        return "it has no name"
    if len(tool) > LONGEST_NAME:
        return f"its name is longer than {LONGEST_NAME} characters"
    if not well_formed(tool) or visible(tool) != tool or not plain(tool):
        return "its name holds characters that mislead"
    if _NOT_IN_NAMES.search(tool) or any(not part for part in tool.split("/")):
        return "its name holds blanks, wildcards, quotes or empty parts"
    return None


def plain(text: str) -> bool:
    """Whether a policy may hold the text as it is."""
    if text.isascii():
        return text.isprintable()
    if not text.isprintable() or not well_formed(text):
        return False
    problems = Problems(Source("", text))
    check_characters(f'"{text}"', problems)
    return not problems.count


def is_bare(name: str) -> bool:
    """Whether a name needs no quotes where the grammar has names."""
    return _BARE.match(name) is not None and name not in load_tables().keywords


def is_word(name: str) -> bool:
    """Whether a parameter may have the name in a policy; keywords may stand there."""
    return _BARE.match(name) is not None


def quoted(text: str) -> str:
    """Text as a policy quotes it; it is known to be plain."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def called(tool: str, taken: Iterable[str] = ()) -> str:
    """A tool's name as a policy writes it: bare, or quoted where it must be or where a set is called alike."""
    return tool if is_bare(tool) and tool not in taken else quoted(tool)


def shown(name: str) -> str:
    """A name that comments and messages can hold: ASCII, on one line, cut short."""
    text = visible(name[: _SHOWN + 1]).encode("ascii", "backslashreplace").decode()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def listed(names: Iterable[str], most: int = 6) -> str:
    """Names in backticks with commas between them, not more than a few."""
    all_ = [f"`{shown(one)}`" for one in names]
    more = f" and {len(all_) - most} more" if len(all_) > most else ""
    return ", ".join(all_[:most]) + more


class Ids:
    """Gives out rule ids: readable, each once, and the same for the same tool in whatever list it stands.

    Only where two tools of one list would share an id does the later one get a part of its name's digest behind it.
    """

    def __init__(self, reserved: Iterable[str]) -> None:
        self._reserved = frozenset(reserved)
        self._stems: dict[str, str] = {}
        self._tools: dict[str, str] = {}

    def of(self, tool: str) -> str:
        """The id of a tool's first rule; those of its other rules add a word to it."""
        known = self._tools.get(tool)
        if known is None:
            stem = _slug(tool)
            if stem in self._reserved or self._stems.get(stem, tool) != tool:
                stem = f"{stem}-{hashlib.sha256(tool.encode()).hexdigest()[:8]}"
            self._stems[stem] = tool
            known = self._tools[tool] = stem
        return known


#: What ``Ids`` puts no word behind: a tool's id never ends like the second rule of another.
SECOND_RULES: Final = ("to", "says", "which", "value")


def _slug(tool: str) -> str:
    stem = "-".join(word for part in tool.split("/") for word in words(part))
    if not stem or not stem[0].isalpha():
        stem = f"tool-{stem}".rstrip("-")
    stem = stem[:_LONGEST_ID].rstrip("-")
    return f"{stem}-tool" if stem.rpartition("-")[2] in SECOND_RULES else stem
