"""What counts inside of prose beside identifiers of a form: quoted names, handles, passages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from attrs import evolve

from agentpolicy.engine.provenance.common import too_common
from agentpolicy.engine.provenance.identifier import Identifier
from agentpolicy.engine.provenance.names import SHORT_NAME, is_name, name_of, pairs
from agentpolicy.engine.provenance.normal import fold, words_of

#: Words that a passage has at least where it is one sentence of several, and at most.
_SHORTEST_PASSAGE: Final = 6
_LONGEST_PASSAGE: Final = 60
#: Words of a whole value from which on it is a passage although all of its words are common.
_SHORTEST_WHOLE: Final = 5
#: Words of a whole value up to which it is one passage; of a longer one every sentence is.
_LONGEST_WHOLE: Final = 30

_SENTENCES: Final = re.compile(r"[.!?。！？](?=\s)|[\n\r]+")
_QUOTED: Final = re.compile('["“”«»`„]([^"“”«»`„\n]{2,80})["“”«»`„]')
_HANDLE: Final = re.compile(r"(?<![\w@#/.])[@#]([^\W_][\w.\-]{0,80})")


def quoted(plain: str, folded: str) -> Iterator[Identifier]:
    """Names in quotes, handles and channels inside of prose."""
    for found in _QUOTED.finditer(plain):
        inner = found[1].strip()
        words = words_of(fold(inner))
        if words and len(words) <= SHORT_NAME and is_name(inner, words):
            name = name_of(words, fold(inner), {})
            if name is not None:
                yield name
    for found in _HANDLE.finditer(folded):
        name = name_of(words_of(found[1]), found[1], {})
        if name is not None:
            yield name


def passages(folded: str, words: list[str]) -> list[Identifier]:
    """The text as a whole where it is short, else its sentences: each counts only where it was seen whole."""
    sentences: list[Identifier] = []
    if len(words) > _SHORTEST_PASSAGE:
        for sentence in _SENTENCES.split(folded):
            inner = words_of(sentence)
            if _SHORTEST_PASSAGE <= len(inner) <= _LONGEST_PASSAGE and len(inner) < len(words):
                sentences.extend(_passage(inner, False))
    if len(words) > _LONGEST_WHOLE:
        return sentences
    whole = _passage(words, len(words) >= _SHORTEST_WHOLE)
    return [evolve(whole[0], parts=tuple(sentences))] if whole and sentences else [*whole, *sentences]


def _passage(words: list[str], anyhow: bool) -> list[Identifier]:
    if not anyhow and all(map(too_common, words)):
        return []
    return [Identifier("passage", " ".join(words), "".join(words), (pairs(words),))]
