"""Where clients disagree about the host of an address, told from its text."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from agentpolicy.effects.schemes import SPECIAL_PORTS
from agentpolicy.effects.text import confusable, describe, misleading, visible

# An address that every client cuts in the same way: labels that are names, no user, no escapes before the path.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*+://(?:[A-Za-z0-9_\-]++\.?)++(?::[0-9]{1,5}+)?(?=[/?#]|\Z)").match
_PLAIN_HOST = re.compile(r"(?:[A-Za-z0-9_\-]++\.?)++").fullmatch
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:").match
_SLASHES = re.compile(r"[/\\]*").match
_END = re.compile(r"[/?#]").search
_SPECIAL_END = re.compile(r"[/?#\\]").search
_PIECE = re.compile(r"\[[^\[\]]*\]|[A-Za-z0-9._\-]+")
#: How many pieces of one text are tried as hosts.
_MOST_PIECES: Final = 32
#: Letters that IDNA 2003 and 2008 spell differently (UTS 46, 4, deviation characters that can be seen).
_DEVIATING: Final = "ßςẞ"


def doubt(text: str) -> str | None:
    """Why clients may not agree on what host an absolute address names, None where all do.

    Told before the address is read as the standard says, which has one answer for all of them.
    """
    if text.isascii() and text.isprintable():
        plain = _PLAIN(text)
        if plain is not None:
            if text[-1] == " ":
                return _BLANK
            return _after(text, plain.end()) if "\\" in text or "@" in text else None
    odd = misleading(text)
    if odd is not None:
        return f"the address holds {odd}"
    if text[:1] == " " or text[-1:] == " ":
        return _BLANK
    found = _SCHEME(text)
    if found is None:
        return None  # no absolute address, which reading it will tell
    special = found.group()[:-1].lower() in SPECIAL_PORTS
    begin = found.end()
    slashes = _SLASHES(text, begin)
    assert slashes is not None
    if "\\" in slashes.group():
        return _BACKSLASH
    if special and slashes.group() != "//":
        return "the address does not have two slashes behind its scheme, where clients look for the host differently"
    if not special and slashes.group()[:2] != "//":
        return None
    begin += 2
    end = (_SPECIAL_END if special else _END)(text, begin)
    stop = len(text) if end is None else end.start()
    return _in_authority(text[begin:stop]) or _after(text, stop)


_BLANK: Final = "a blank stands in front of the address or behind it"
_BACKSLASH: Final = "the address holds a backslash, which some clients read as a slash"


def _after(text: str, stop: int) -> str | None:
    """What stands behind the authority and may be taken for part of it."""
    if stop == len(text):
        return None
    query = text.find("?", stop)
    fragment = text.find("#", stop)
    marks = [one for one in (query, fragment) if one >= 0]
    path_ends = min(marks) if marks else len(text)
    if "\\" in text[stop:path_ends]:
        return _BACKSLASH
    if text[stop] in "?#" and "@" in text[stop:].partition("/")[0]:
        return "an `@` stands behind the end of the host, where some clients look for it first"
    return None


def _in_authority(authority: str) -> str | None:
    user, at, place = authority.rpartition("@")
    if "\\" in authority:
        return _BACKSLASH
    if " " in authority:
        return "the address holds a blank in front of its path, where some clients end it"
    if at and "@" in user:
        return "the address holds more than one `@`, and clients differ in which ends the user"
    if at and any(one in user for one in "[]"):
        return "the user of the address holds brackets, as a host would"
    if place[:1] == "[":
        return None
    return host_doubt(place.partition(":")[0])


def host_doubt(written: str) -> str | None:
    """Why clients may not agree on a host as it is written, without port and brackets."""
    if _PLAIN_HOST(written) is not None:
        return None
    if "%" in written:
        return "the host is written with escapes, which some clients do not undo"
    if not written.isascii():
        for letter in _DEVIATING:
            if letter in written:
                return "the address holds a letter that clients spell in different ways (`ß`, `ς`)"
        found = confusable(written, host=True)
        if found is not None:
            return f"the host holds {found}"
    for one in written:
        if one.isascii() and not one.isalnum() and one not in "._-":
            return f"the host holds `{visible(one)}`, which no name has"
        if not one.isascii() and unicodedata.category(one)[0] not in "LMN":
            return f"the host holds {describe(one)}, which is no letter"
    if written.strip(".") and (written[0] == "." or ".." in written):
        return "the host holds a label that is empty"
    return None


def other_number(written: str, host: str) -> bool:
    """Whether an IPv4 address, written as it is, is another one to clients that know no octal numbers.

    ``host`` is what the standard reads (WHATWG URL, 3.5, IPv4 parser): ``010.8.8.8`` is 8.8.8.8 there and 10.8.8.8 to
    those that take a leading zero for nothing.
    """
    if written.rstrip(".") == host:
        return False
    return any(len(one) > 1 and one[0] == "0" and one.isdigit() for one in written.split("."))


def decimal_reading(written: str) -> str | None:
    """The IPv4 address of four numbers to clients that know no octal ones, None where it has another form."""
    parts = written.rstrip(".").split(".")
    if len(parts) != 4 or len(written) > 64:
        return None
    try:
        numbers = [int(one, 16) if one[:2] in {"0x", "0X"} else int(one) for one in parts]
    except ValueError:
        return None
    return ".".join(map(str, numbers)) if all(0 <= one < 256 for one in numbers) else None


def written_host(text: str) -> str:
    """The host of an absolute address as it stands there, brackets kept."""
    begin = _behind_scheme(text)
    end = _SPECIAL_END(text, begin)
    place = text[begin : None if end is None else end.start()].rpartition("@")[2]
    return place if place[:1] == "[" else place.partition(":")[0]


def pieces(text: str) -> list[str] | None:
    """Everything in front of a path that some client might take for the host, None where that is too much.

    A query or a fragment that begins before any path counts, up to the first slash.
    """
    begin = _behind_scheme(text)
    end = text.find("/", begin)
    wide = text[begin : None if end < 0 else end]
    if len(wide) > 2048:
        return None
    listed = dict.fromkeys(one.group() for one in _PIECE.finditer(wide))
    return None if len(listed) > _MOST_PIECES else list(listed)


def _behind_scheme(text: str) -> int:
    """Where an absolute address goes on behind its scheme and the slashes there."""
    found = _SCHEME(text)
    slashes = _SLASHES(text, 0 if found is None else found.end())
    assert slashes is not None  # it matches nothing as well
    return slashes.end()
