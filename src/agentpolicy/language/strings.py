"""Quoted text and its escapes: what it says, and the one way in which it is written."""

from __future__ import annotations

import re

#: Stands for an escaped dollar sign, which must not start an interpolation later.
LITERAL_DOLLAR = "\ue000"

_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))")
_SIMPLE = {'"': '"', "\\": "\\", "n": "\n", "t": "\t", "$": LITERAL_DOLLAR}
_WRITTEN = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", LITERAL_DOLLAR: "\\$"}


def unescape(token: str) -> str:
    """What a quoted string says, given with its quotes; its escapes are known to be well formed."""
    body = token[1:-1]
    return _ESCAPE.sub(_meant, body) if "\\" in body else body


def rewrite(token: str) -> str:
    """The same string with each escape in its one form: the short one, or ``\\uXXXX`` in lower case."""
    if "\\" not in token and "\t" not in token:
        return token
    return '"' + _ESCAPE.sub(_rewritten, token[1:-1]).replace("\t", "\\t") + '"'


def _meant(match: re.Match[str]) -> str:
    code, simple = match.groups()
    char = chr(int(code, 16)) if code is not None else _SIMPLE[simple]
    # A dollar sign that was escaped is one, however it was escaped.
    return LITERAL_DOLLAR if char == "$" else char


def _rewritten(match: re.Match[str]) -> str:
    char = _meant(match)
    if char in _WRITTEN:
        return _WRITTEN[char]
    return char if " " <= char < "\x7f" else f"\\u{ord(char):04x}"
