"""Identifiers that are told by their form: addresses, hosts, URLs, paths, accounts, keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from attrs import evolve

from agentpolicy.engine.provenance.common import COMMON, SHARED_HOSTS
from agentpolicy.engine.provenance.compounds import (
    ACCOUNT_DIGITS,
    compound_places,
    is_host,
    is_v4,
    number_places,
    owner,
    segments,
    tidy,
    unicode_host,
)
from agentpolicy.engine.provenance.identifier import Forms, Identifier
from agentpolicy.engine.provenance.names import Said, name_of, pairs
from agentpolicy.engine.provenance.normal import squeezed, words_of
from agentpolicy.engine.provenance.quantities import amount, moment

#: An identifier and where it begins and ends in the folded text.
Placed = tuple[int, int, Identifier]

#: Characters of the shortest key.
_KEY: Final = 6
#: Digits that a key of letters and digits has at least.
_KEY_DIGITS: Final = 2

_DECIMAL: Final = re.compile(r"\d+[.,]\d{1,2}").fullmatch
_DIGITS: Final = re.compile(r"\d++").findall
_ORDINAL: Final = re.compile(r"\d+(?:st|nd|rd|th|px|[kmg]?b|[kmh])").fullmatch
_WORD: Final = re.compile(r"[^\W_]+")
_WITH_DIGIT: Final = re.compile(r"(?<![^\W_])(?=[^\W\d_]*+\d)[^\W_]{6,}+")


def structured(folded: str, said: Said) -> list[Placed]:
    """Addresses, hosts, URLs, paths, accounts and keys of a folded text, each with its place."""
    found: list[Placed] = []
    taken: list[tuple[int, int]] = []
    for begin, end in compound_places(folded):
        one = _compound(folded[begin:end], folded[max(begin - 2, 0) : begin], said)
        if one is not None:
            found.append((begin, end, one))
            taken.append((begin, end))
    digits = sum(map(len, _DIGITS(folded)))
    if digits < _KEY_DIGITS and not said:
        return found
    taken_at = 0
    free: list[Placed] = []
    reached = 0
    for begin, end in sorted(number_places(folded)) if digits >= ACCOUNT_DIGITS else ():
        while taken_at < len(taken) and taken[taken_at][1] <= begin:
            taken_at += 1
        if begin < reached or (taken_at < len(taken) and taken[taken_at][0] < end):
            continue
        account = _account(folded[begin:end], said)
        if account is not None:
            free.append((begin, end, account))
            reached = end
    found = sorted([*found, *free], key=lambda one: one[0])
    return sorted([*found, *_keys(folded, found, said)], key=lambda one: one[0])


def _account(written: str, said: Said) -> Identifier | None:
    if moment(written) is not None or _DECIMAL(written) is not None:
        return None
    joined = squeezed(written)
    if sum(map(str.isdecimal, joined)) < ACCOUNT_DIGITS:
        return None
    groups = words_of(written)
    shorter = "".join(groups[1:])
    likes = ((shorter,),) if len(groups[0]) <= 3 and len(shorter) >= 7 else ()
    # Digits and letters that look like an account may be base64 all the same.
    parts = tuple(one for group in groups for one in said.get(group, ()))
    return Identifier("account", written, joined, ((joined,),), likes=likes, parts=parts)


def _keys(folded: str, found: list[Placed], said: Said) -> Iterator[Placed]:
    at = 0
    for one in (_WORD if said else _WITH_DIGIT).finditer(folded):
        word = one.group()
        if not (_is_key(word) or word in said):
            continue
        while at < len(found) and found[at][1] <= one.start():
            at += 1
        if at == len(found) or found[at][0] > one.start():
            yield (one.start(), one.end(), Identifier("key", word, word, ((word,),), parts=said.get(word, ())))


def _is_key(word: str) -> bool:
    """Whether one folded word is a number or a key by its look: six characters or more, digits among them.

    What is several words to the index, as in scripts that write no spaces, is none: it is looked for as it was kept.
    """
    if len(word) < _KEY or (not word.isascii() and len(words_of(word)) > 1):
        return False
    digits = sum(map(str.isdecimal, word))
    return digits == len(word) or (digits >= _KEY_DIGITS and any(map(str.isalpha, word)) and not _ordinal(word))


def _ordinal(word: str) -> bool:
    return _ORDINAL(word) is not None


def _compound(written: str, before: str, said: Said) -> Identifier | None:
    """One compound as an identifier; None where it is a word with hyphens, a number, a date or a time."""
    names = [one for one in (piece.strip("_.-@+~%") for piece in segments(written)) if one]
    pieces = [_piece(one, said) for one in names]
    if not names or not ("://" in written or _counts(written, names, before)):
        return None
    whole = tidy(written).strip("_.-@+~%")
    if len(pieces) == 1 and pieces[0].form == whole:
        return pieces[0]
    parts = tuple(one for one in pieces if one.form not in COMMON)
    return Identifier("compound", whole, whole, ((whole,),), likes=((squeezed(whole),),), parts=parts)


def _counts(written: str, names: list[str], before: str) -> bool:
    if moment(written) is not None or amount(written):
        return False
    if any(map(is_v4, names)):
        return True
    if any("@" in one or "_" in one for one in names):
        return True
    if any("." in one and _dotted(one) for one in names):
        return True
    if "/" in written or "\\" in written:
        told = any(map(str.isdecimal, written)) or "." in written
        return before[-1:] in {"/", "~", "\\"} or len(names) > 2 or (told and any(map(str.isalpha, written)))
    joined = squeezed(written)
    return len(joined) >= 8 and _is_key(joined) and sum(map(str.isdecimal, joined)) >= 3


def _dotted(piece: str) -> bool:
    first, _, last = piece.rpartition(".")
    return len(last) >= 2 and any(map(str.isalpha, last)) and any(map(str.isalpha, first)) and len(first) >= 2


def _piece(piece: str, said: Said) -> Identifier:
    """A host, a path segment, a query value, an e-mail address: what stands between slashes and their like."""
    if piece in said:
        return Identifier("key", piece, piece, ((piece,),), likes=((squeezed(piece),),), parts=said[piece])
    if "@" in piece:
        sides = tuple(_piece(one, said) for one in piece.split("@") if one)
        # A name before a shared host is all that there is to the address.
        return Identifier("compound", piece, piece, ((piece,),), likes=((squeezed(piece),),), parts=sides)
    if is_v4(piece):
        return Identifier("host", piece, piece, ((piece,),), likes=((squeezed(piece),),))
    if "." in piece and is_host(piece):
        return _host(piece)
    words = words_of(piece)
    if len(words) < 2:
        return Identifier("name", piece, piece, ((piece,),), parts=said.get(piece, ()))
    name = name_of(words, piece, said)
    wholes: tuple[Forms, ...] = ((piece,),)
    if name is None:
        return Identifier("name", piece, piece, wholes, likes=(pairs(words),))
    return evolve(name, form=piece, wholes=(*wholes, *name.wholes))


def _host(host: str) -> Identifier:
    registered = owner(host)
    likes: tuple[Forms, ...] = ((squeezed(host),),)
    if "xn--" in host:
        likes = (*likes, (unicode_host(host),))
    if host in SHARED_HOSTS:
        return Identifier("host", host, host, ((host,),), common=True)
    if host == registered:
        label = host.partition(".")[0]
        name = name_of(words_of(label), label, {})
        parts: tuple[Identifier, ...] = () if name is None else (name,)
        return Identifier("host", host, host, ((host,),), likes=likes, parts=parts, assembled=False)
    rest = host[: -len(registered) - 1]
    below = name_of(words_of(rest), rest, {})
    parts = (_host(registered),) if below is None else (_host(registered), below)
    return Identifier("host", host, host, ((host,),), likes=likes, parts=parts)
