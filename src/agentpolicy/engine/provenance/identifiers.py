"""What counts inside of an argument's value: the identifiers whose origin is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from attrs import evolve

from agentpolicy.engine.provenance.common import too_common
from agentpolicy.engine.provenance.compounds import signs_in
from agentpolicy.engine.provenance.encodings import SHORTEST_VALUE, decoded_runs
from agentpolicy.engine.provenance.identifier import Identifier
from agentpolicy.engine.provenance.names import Said, is_name, name_of, pairs, word_name
from agentpolicy.engine.provenance.normal import fold, likeness, unescape, words_of
from agentpolicy.engine.provenance.observe import MOST_CHARACTERS
from agentpolicy.engine.provenance.prose import passages, quoted
from agentpolicy.engine.provenance.quantities import amount, canonical_number, moment
from agentpolicy.engine.provenance.structured import Placed, structured
from agentpolicy.engine.provenance.walk import texts_of

#: Whole numbers up to which a number (not a text) is too common: every third result holds one for its dates and lists.
_COMMON_NUMBER: Final = 31
#: Digits from which on a number is looked at as hex too.
_LONG_NUMBER: Final = 8
#: How deep encodings inside of encodings are read.
_MOST_DEPTH: Final = 2
#: Characters of the longest value whose identifiers are kept for the next question.
_REMEMBERED: Final = 512

_SEPARATE: Final = re.compile(r"[,;|\n\r\t、，；]+")
_DIGIT: Final = re.compile(r"\d").search
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")
_DOTS: Final = frozenset((".", ".."))


def identifiers(value: object) -> list[Identifier]:
    """The identifiers of an argument's value, in their order.

    Lists and maps are read item by item. Of a map's keys only what is an address, a path, an account or a key counts.
    Nothing, true and false hold none.
    """
    found: dict[tuple[str, str], Identifier] = {}
    for _, several in identifiers_by_item(value):
        for identifier in several:
            found.setdefault((identifier.kind, identifier.form), identifier)
    return list(found.values())


def identifiers_by_item(value: object) -> Iterator[tuple[object, Sequence[Identifier]]]:
    """The single values inside of one, None for a map's key, each with its identifiers."""
    for one, named in _items(value):
        if named:
            yield one, _of(one, named)
        else:
            yield None, [identifier for identifier in _of(one, named) if _unlike_a_field(identifier)]


def _unlike_a_field(identifier: Identifier) -> bool:
    """Whether an identifier in the key of a map is more than the name of a field."""
    return identifier.kind in {"account", "host", "key"} or any(one in identifier.text for one in "@./\\")


def _items(value: object) -> Iterator[tuple[object, bool]]:
    """The single values inside of one, and whether each may be a name as a whole."""
    waiting: list[tuple[object, bool]] = [(value, True)]
    entered: set[int] = set()
    while waiting:
        one, named = waiting.pop()
        if one is None or isinstance(one, str | bool | int | float):
            yield one, named
        elif isinstance(one, Mapping | list | tuple | set | frozenset):
            if id(one) in entered:
                continue  # it holds itself, or is held twice
            entered.add(id(one))
            if isinstance(one, Mapping):
                for key, inner in reversed(list(one.items())):
                    waiting.extend(((inner, True), (key, False)))
            else:
                waiting.extend((inner, True) for inner in reversed(list(one)))
        else:
            texts, _ = texts_of(one, MOST_CHARACTERS)
            yield from ((text, True) for text in texts)


def _of(value: object, named: bool) -> Sequence[Identifier]:
    if value is None or isinstance(value, bool):
        return []
    if isinstance(value, int | float):
        written = canonical_number(value)
        if written is None or (value == int(value) and abs(value) <= _COMMON_NUMBER):
            return []
        return [Identifier("amount", written, written, ((written,),))]
    assert isinstance(value, str)
    return _of_text(value, named, 0)


def _of_text(text: str, named: bool, depth: int) -> Sequence[Identifier]:
    return _remembered(text, named, depth) if len(text) <= _REMEMBERED else _parse(text, named, depth)


@lru_cache(256)
def _remembered(text: str, named: bool, depth: int) -> Sequence[Identifier]:
    """The same for short texts, of which one call asks several times."""
    return tuple(_parse(text, named, depth))


def forget() -> None:
    """Forget the values that were read last."""
    _remembered.cache_clear()


def _parse(text: str, named: bool, depth: int) -> list[Identifier]:
    plain = unescape(text).strip()
    found = _read(plain, fold(plain), named, depth)
    if plain.isascii():
        return found
    bare = likeness(plain)
    alike = _read(bare, bare, named, depth)
    if [one.kind for one in found] == [one.kind for one in alike]:
        return list(map(_with_likes, found, alike))
    # Its look-alikes cut it in another way: what any of them came from is where it came from.
    likes = tuple(forms for one in alike for forms in (*one.wholes, *one.likes))
    return [evolve(one, likes=(*one.likes, *likes)) for one in found]


def _with_likes(one: Identifier, other: Identifier) -> Identifier:
    parts = one.parts
    if len(parts) == len(other.parts):
        parts = tuple(map(_with_likes, parts, other.parts))
    return evolve(one, likes=(*one.likes, *other.wholes, *other.likes), parts=parts)


def _read(plain: str, folded: str, named: bool, depth: int) -> list[Identifier]:
    words = words_of(folded)
    if not words:
        return _signs(folded) if named else []
    if named:
        quantity = _quantity(folded.strip(), words, depth)
        if quantity is not None:
            return quantity
    said = _decoded(plain, depth) if depth < _MOST_DEPTH else {}
    found = structured(folded, said)
    if len(found) == 1 and not words_of(folded[: found[0][0]]) and not words_of(folded[found[0][1] :]):
        return [found[0][2], *_signs(folded)]
    if named and is_name(plain, words):
        found = _with_names(plain, folded, found, said)
        return [*(one for _, _, one in found), *_signs(folded)]
    listed = [one for _, _, one in found]
    listed.extend(quoted(plain, folded))
    listed.extend(passages(folded, words))
    return listed


def _signs(folded: str) -> list[Identifier]:
    """What names a place without any letter. Three dots are an ellipsis."""
    return [
        Identifier("name", one, one, ((one,),))
        for one in dict.fromkeys(signs_in(folded))
        if one.strip(".") or one in _DOTS
    ]


def _quantity(folded: str, words: list[str], depth: int) -> list[Identifier] | None:
    """The identifiers of a text that is a number, an amount, a date or a time as a whole; None where it is none."""
    if len(folded) > 64 or _DIGIT(folded) is None:
        return None
    when = moment(folded)
    if when is not None:
        dates, times = when
        if dates:
            return [_date(folded, dates)]
        return [Identifier("time", one, one, ((one,),)) for one in times]
    readings = amount(folded)
    if not readings:
        return None
    digits = "".join(one for one in folded if one.isdecimal())
    wholes = [
        (one,) for one in dict.fromkeys((*readings, digits if len(words) > 1 and len(digits) >= 6 else readings[0]))
    ]
    if len(words) == 1:
        wholes.append((words[0],))
    # Digits in hex may be digits of hex alone.
    said = _decoded(folded, depth) if len(folded) >= _LONG_NUMBER and depth < _MOST_DEPTH else {}
    return [Identifier("amount", folded, readings[0], tuple(wholes), parts=said.get(folded, ()))]


def _date(folded: str, dates: list[tuple[str | None, str]]) -> Identifier:
    days = tuple((short,) for _, short in dates)
    full = tuple((one,) for one, _ in dates if one is not None)
    if not full:
        return Identifier("date", folded, dates[0][1], days)
    day = Identifier("date", dates[0][1], dates[0][1], days)
    return Identifier("date", folded, full[0][0], full, parts=(day,))


def _with_names(plain: str, folded: str, found: list[Placed], said: Said) -> list[Placed]:
    """The structured identifiers of a short text, and the names between them."""
    all_found = list(found)
    at = 0
    for begin, end in [*((begin, end) for begin, end, _ in found), (len(folded), len(folded))]:
        for part in _SEPARATE.split(folded[at:begin]):
            name = name_of(words_of(part), part.strip(), said)
            if name is not None:
                all_found.append((at, begin, name))
        at = max(at, end)
    if len(all_found) == 1 and not found:
        begin, end, name = all_found[0]
        split = words_of(fold(_CAMEL.sub(" ", plain)))
        if len(split) > len(words_of(folded)):
            parts = name.parts or tuple(word_name(one, {}) for one in split if not too_common(one))
            all_found[0] = (begin, end, evolve(name, likes=(*name.likes, pairs(split)), parts=parts))
    return sorted(all_found, key=lambda one: one[0])


def _decoded(plain: str, depth: int) -> dict[str, tuple[Identifier, ...]]:
    """The identifiers in what base64 and hex runs of a value say, by the run as compared."""
    found: dict[str, tuple[Identifier, ...]] = {}
    for run, said in decoded_runs(plain, SHORTEST_VALUE):
        inner = tuple(_of_text(said, True, depth + 1))
        if inner:
            found[fold(run).rstrip("=").strip("_-+")] = inner
    return found
