"""Texts as their words, so that they compare whatever a tool has made of spacing, quoting and escapes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from attrs import frozen

#: So many words in a row that two texts share are no accident.
PHRASE = 8
#: A longer text is compared by this many characters: what is dictated stands in less.
MAX_TEXT = 200_000
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|[nrt])")
_WORD = re.compile(r"[^\W_]+")
_CUT = re.compile(r"[\s,;'\"`<>(){}\[\]|“”‘’]+")
_QUOTED = tuple(
    re.compile(rf"(?<!\w){start}([^{start}{end}\n]{{2,300}}){end}(?!\w)")
    for start, end in (("'", "'"), ('"', '"'), ("`", "`"), ("“", "”"))
)


def words(text: str) -> str:
    """The words of a text in lower case, each between single spaces: ``" pay us13 now "``."""
    if "\\" in text:
        text = _ESCAPE.sub(_unescaped, text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    found = _WORD.findall(text[:MAX_TEXT].casefold())
    return f" {' '.join(found)} " if found else ""


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    return " " if code is None else chr(int(code, 16))


def phrases(text: str, length: int = PHRASE) -> list[str]:
    """Every run of ``length`` words in a text that ``words`` gave; the text itself where it is shorter."""
    found = text.split()
    if not found:
        return []
    return [f" {' '.join(found[at : at + length])} " for at in range(max(1, len(found) - length + 1))]


def leaves(args: Any) -> Iterator[tuple[str, str]]:
    """The values in arguments, whatever they are nested in, each with its parameter's name; truth values left out."""
    waiting = [(str(name), value) for name, value in reversed(args.items())]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(name, one) for one in reversed(value.values())]
        elif isinstance(value, list):
            waiting += [(name, one) for one in reversed(value)]
        elif isinstance(value, float) and value.is_integer():
            yield name, str(int(value))
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            yield name, str(value)


@frozen
class Item:
    """Something that a text names: an address, a file, an account, a key, or what it quotes.

    ``words`` are its words, ``place`` is true of what calls may reach: a URL or a host. A ``loose`` item is a single
    plain word in quotation marks, which means something only where it is a whole argument.
    """

    words: str
    place: bool = False
    loose: bool = False


def items(text: str) -> list[Item]:
    """What a text names, each once."""
    text = _ESCAPE.sub(_unescaped, text[:MAX_TEXT])
    found: dict[str, Item] = {}
    for token in _CUT.split(text):
        token = token.strip(".,:!?*#-=&")
        if _is_identifier(token):
            item = Item(words(token), place=is_place(token))
            found.setdefault(item.words, item)
    for pattern in _QUOTED:
        for quoted in pattern.findall(text):
            known = words(quoted)
            if len(known) > 4:
                found.setdefault(known, Item(known, loose=known.count(" ") == 2))
    return list(found.values())


def _is_identifier(token: str) -> bool:
    """Whether a word is none of a language: an address, an account, a key, a date, a host or a file."""
    if not 5 <= len(token) <= 500:
        return False
    if "@" in token[1:-1] or "://" in token:
        return True
    digits = sum(one.isdigit() for one in token)
    return (digits >= 3 and len(token) >= 6) or is_place(token) or _is_file(token)


def is_place(token: str) -> bool:
    """Whether a text is a URL or the name of a host: ``https://a.example/x``, ``www.a.example``, ``a.example/x``."""
    scheme, separator, rest = token.partition("://")
    if separator:
        return scheme.isascii() and scheme.isalpha() and bool(rest)
    if "@" in token or any(one.isspace() for one in token):
        return False
    host = token.partition("/")[0].partition(":")[0]
    labels = host.split(".")
    return (
        len(labels) >= 2
        and all(labels)
        and labels[-1].isalpha()
        and len(labels[-1]) >= 2
        and (labels[0].lower() == "www" or "/" in token or len(labels) >= 3)
    )


def _is_file(token: str) -> bool:
    name, dot, ending = token.rpartition(".")
    return bool(dot) and len(name) >= 2 and 2 <= len(ending) <= 5 and ending.isalnum() and not name.endswith(".")
