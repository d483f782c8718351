"""The verb of a tool's name, and whether its description says another."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from attrs import frozen

from agentpolicy.checker.draft.words import JOINING, NOUNS, STRICTNESS, VERBS, Kind

#: Characters of a description whose sentences are looked at.
_READ: Final = 600
_SENTENCE = re.compile(r"[.;:\n]\s+")
_LETTERS = re.compile(r"[a-z]+")


@frozen
class Verb:
    """What a name says that its tool does.

    Attributes:
        word: the verb.
        kind: what such tools are for.
        sure: whether the word is never a noun.
        also: a stricter verb that the name holds as well, by which ``kind`` goes; empty where there is none.
        joined: whether ``and`` or the like stands in front of that verb.
    """

    word: str
    kind: Kind
    sure: bool
    also: str = ""
    joined: bool = False


def verb_of(words: tuple[str, ...], *, addressed: bool = False) -> Verb | None:
    """The verb that counts among the words of a name; None where there is none.

    The first verb counts, with two exceptions. Where it may be a noun and a real verb follows (``order_cancel``), that
    one does. And what looks or makes is taken for the stricter thing that its name says too (``get_or_delete``).

    Args:
        words: the words of the name.
        addressed: whether the tool has a recipient or the like: then a first word such as ``share`` is no noun.
    """
    found = [(word, *VERBS[word]) for word in words if word in VERBS]
    if not found:
        return None
    word, kind, sure = found[0]
    if not sure and word in NOUNS:
        later = [one for one in found[1:] if one[2] and (one[1] != "look" or (one[0] == words[-1] and not addressed))]
        if later:
            word, kind, sure = max(later, key=lambda one: STRICTNESS.index(one[1]))
    stricter = [one for one in _joined(words) if STRICTNESS.index(one[1]) > STRICTNESS.index(kind)]
    if kind in {"look", "make"}:
        stricter += [one for one in found if one[2] and STRICTNESS.index(one[1]) > STRICTNESS.index(kind)]
    if not stricter:
        return Verb(word, kind, sure)
    also, worst, _ = max(stricter, key=lambda one: STRICTNESS.index(one[1]))
    return Verb(word, worst, False, also, also in [one[0] for one in _joined(words)])


def _joined(words: tuple[str, ...]) -> list[tuple[str, Kind, bool]]:
    """Verbs behind ``and``, ``or``, ``then``, where they are none by mistake."""
    return [(after, *VERBS[after]) for before, after in pairwise(words) if before in JOINING and after in VERBS]


def stricter_in(about: str, kind: Kind) -> str:
    """A verb stricter than ``kind`` with which a sentence of a description begins; empty where there is none.

    A description is the word of whoever wrote the tool: it makes a guess stricter, never looser.
    """
    for sentence in _SENTENCE.split(about[:_READ].lower()):
        words: list[str] = _LETTERS.findall(sentence)
        heads = words[:1] + [after for before, after in pairwise(words) if before in {"and", "then"}]
        for head in heads:
            for stem in (head, head.removesuffix("s"), head.removesuffix("es")):
                known = VERBS.get(stem)
                if known is not None and known[1] and STRICTNESS.index(known[0]) > max(STRICTNESS.index(kind), 1):
                    return stem
    return ""
