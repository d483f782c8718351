"""Words that punctuation holds together: addresses, hosts, URLs, paths, file names, keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from agentpolicy.engine.provenance.normal import fold

_COMPOUND: Final = re.compile(r"(?<![^\W_])[^\W_]++(?:[_.\-@+~%/:#?&=\\]{1,3}+[^\W_]++)++")
_ASCII_COMPOUND: Final = re.compile(r"[a-z0-9](?<![a-z0-9][a-z0-9])[a-z0-9]*+(?:[_.\-@+~%/:#?&=\\]{1,3}+[a-z0-9]++)++")
_CUT: Final = re.compile(r"[/:?&=#\\]+")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.\-]{0,20}://").match
_LABEL: Final = re.compile(r"[^\W_](?:[\w\-]*[^\W_])?").fullmatch
_SUFFIX_LABELS: Final = frozenset("co com org net ac gov edu gob or ne go nom".split())
_DIGIT_RUN: Final = re.compile(r"\d(?<![^\W_]\d)\d*+(?:[ \-.()/]{1,2}+\d++)++(?![^\W_])")
_DIGITS: Final = re.compile(r"\d++")
_ACCOUNT: Final = re.compile(
    r"[a-z]{2}\d{2}(?:[ \-]?[a-z0-9]{4}){2,8}(?:[ \-]?(?=[a-z]{0,2}\d)[a-z0-9]{1,3})?(?![^\W_])"
).match
_LETTERS_BEHIND: Final = re.compile(r"(?:[ \-][a-z]{4})+\Z")
_SIGNS: Final = re.compile(
    r"(?<![^\s\"'`(=:,\[])([/\\*~.]{1,8}+)(?=[\s\"'`),;\]]|\Z)|(?<![^/\\\s\"'`(=:])(\.\.)(?=[/\\])"
)
_V4: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}").fullmatch
#: Characters of a label of the name system (RFC 1035, 2.3.4).
_LONGEST_LABEL: Final = 63
#: Digits that make a run of groups an account, a phone or a card number.
ACCOUNT_DIGITS: Final = 6
#: Groups that one number has at most.
_MOST_GROUPS: Final = 6


def compounds_in(folded: str) -> list[str]:
    """The compounds of a folded text, none of them a plain word."""
    return (_ASCII_COMPOUND if folded.isascii() else _COMPOUND).findall(folded)


def compound_places(folded: str) -> list[tuple[int, int]]:
    """Where the compounds of a folded text stand."""
    return [found.span() for found in (_ASCII_COMPOUND if folded.isascii() else _COMPOUND).finditer(folded)]


def tidy(compound: str) -> str:
    """A compound without its scheme and a leading ``www.``, which people write or leave out."""
    found = _SCHEME(compound)
    if found is not None:
        compound = compound[found.end() :]
    return compound.removeprefix("www.")


def segments(compound: str) -> list[str]:
    """What stands between the slashes, colons and question marks of a compound."""
    return _CUT.split(tidy(compound))


def pieces(compound: str) -> list[str]:
    """What a compound is made of: hosts, path segments, query names and values, the two sides of an e-mail address."""
    found: list[str] = []
    for piece in segments(compound):
        bare = piece.strip("_.-@+~%")
        if not bare:
            continue
        found.append(bare)
        if "@" in bare:
            found.extend(one for one in bare.split("@") if one)
    return found


def signs_in(folded: str) -> list[str]:
    """What names a place without any letter: ``/``, ``*``, ``~``, and the ``..`` of a path."""
    return [found[1] or found[2] for found in _SIGNS.finditer(folded)]


def is_v4(piece: str) -> bool:
    """Whether a piece is written like an IPv4 address in four numbers."""
    return _V4(piece) is not None


def is_host(piece: str) -> bool:
    """Whether a piece is written like a host name: labels and a last one of letters."""
    labels = piece.split(".")
    last = labels[-1]
    return len(labels) > 1 and len(last) >= 2 and last.isalpha() and all(map(_LABEL, labels))


def unicode_host(host: str) -> str:
    """A host name with its encoded labels read (RFC 3492): ``münchen.de`` of ``xn--mnchen-3ya.de``."""
    return ".".join(map(_unicode_label, host.split(".")))


def _unicode_label(label: str) -> str:
    if not label.startswith("xn--") or len(label) > _LONGEST_LABEL:
        return label
    try:
        return fold(label[4:].encode("ascii").decode("punycode"))
    except (UnicodeError, ValueError, OverflowError):
        return label


def owner(host: str) -> str:
    """The part of a host name that somebody registers: ``evil.com`` of ``mail.evil.com``, ``x.co.uk`` whole.

    Told by shape, without the Public Suffix List: the last two labels, three where the last has two letters and the
    one before is a known second level.
    """
    labels = host.split(".")
    keep = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SUFFIX_LABELS else 2
    return ".".join(labels[-keep:])


def digit_runs(folded: str) -> list[str]:
    """Digits in groups, joined: every stretch of up to six groups that follow each other, six digits or more."""
    joined: list[str] = []
    for found in _DIGIT_RUN.finditer(folded):
        groups = _DIGITS.findall(found.group())
        for begin in range(len(groups)):
            run = groups[begin]
            for group in groups[begin + 1 : begin + _MOST_GROUPS]:
                run += group
                if len(run) >= ACCOUNT_DIGITS:
                    joined.append(run)
    return joined


def accounts(folded: str) -> list[str]:
    """Account numbers that begin as an IBAN does, groups joined, also without the groups that may not belong."""
    joined: list[str] = []
    for found in _accounts(folded):
        groups = re.split("[ -]", found.group())
        run = groups[0]
        if len(groups) == 1:
            continue
        for group in groups[1:]:
            run += group
            if len(run) >= 12:
                joined.append(run)
    return joined


def number_places(folded: str) -> list[tuple[int, int]]:
    """Where accounts and digit groups stand in a folded text."""
    found: list[tuple[int, int]] = []
    for one in _accounts(folded):
        behind = _LETTERS_BEHIND.search(one.group())
        found.append((one.start(), one.end() if behind is None else one.start() + behind.start()))
    found.extend(one.span() for one in _DIGIT_RUN.finditer(folded))
    return found


def _accounts(folded: str) -> Iterator[re.Match[str]]:
    """Account numbers, tried where two letters stand in front of digits and nothing in front of them."""
    for digits in _DIGITS.finditer(folded):
        at = digits.start() - 2
        if at >= 0 and folded[at : at + 2].isalpha() and not (at and folded[at - 1].isalnum()):
            found = _ACCOUNT(folded, at)
            if found is not None:
                yield found
