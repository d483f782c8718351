"""Words as names: which texts name something, and what their names are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import add
from typing import Final

from agentpolicy.engine.provenance.common import EVERYDAY, FUNCTION, too_common
from agentpolicy.engine.provenance.identifier import Forms, Identifier
from agentpolicy.engine.provenance.normal import solid

#: The identifiers in what encoded runs of a value say, by the run as compared.
Said = Mapping[str, tuple[Identifier, ...]]

#: Words of a text that is a name whatever its words are.
SHORT_NAME: Final = 6
#: Words of a text that is a name where it has hardly any function words: street addresses, titles.
_LONG_NAME: Final = 12

_SENTENCE_ENDS: Final = re.compile(r"[.!?。！？](?:\s|\Z)")


def is_name(plain: str, words: list[str]) -> bool:
    """Whether a text names something rather than says something."""
    if len(words) > 2 * _LONG_NAME:
        return False
    count = len(words) if plain.isascii() else sum(0.5 if solid(one) else 1 for one in words)
    if count > _LONG_NAME:
        return False
    if _SENTENCE_ENDS.search(plain) is not None and count > 2:
        return False
    share = sum(one in FUNCTION for one in words) / len(words)
    return share <= 0.5 if count <= SHORT_NAME else share <= 0.2


def name_of(words: list[str], text: str, said: Said) -> Identifier | None:
    """Words as one name; None where all of them are too common.

    Words of tools that are too common one by one (`client contact list`) count together where they were seen together.
    """
    if all(map(too_common, words)):
        if len(words) < 2 or EVERYDAY.issuperset(words):
            return None
        return Identifier("passage", text, "".join(words), (pairs(words),))
    if len(words) == 1:
        return word_name(words[0], said)
    joined = "".join(words)
    parts = tuple(word_name(one, said) for one in dict.fromkeys(words) if not too_common(one))
    return Identifier("name", text, joined, (pairs(words), (joined,)), parts=parts)


def word_name(word: str, said: Said) -> Identifier:
    """One word as a name."""
    return Identifier("name", word, word, ((word,),), parts=said.get(word, ()))


def pairs(words: list[str]) -> Forms:
    """The words of a text in pairs, joined as observed text has them; the word where there is one."""
    return tuple(map(add, words, words[1:])) if len(words) > 1 else tuple(words)
