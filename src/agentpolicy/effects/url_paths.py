"""Paths of addresses in their one spelling."""

from __future__ import annotations

import re

_ESCAPE = re.compile("%(?:([0-9A-Fa-f]{2}))?")
_HIDDEN = re.compile("%(?:2f|5c|00)", re.IGNORECASE).search
_DOTS = re.compile(r"(?:^|[/\\])\.\.?(?:[/\\]|$)").search
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# How often an escape may itself be escaped before nobody knows what a server makes of it.
_MOST_ESCAPES = 3


def tidy_path(path: str) -> tuple[str, str | None]:
    """The path with escapes of unreserved characters undone, others in capitals (RFC 3986, 6.2.2); and why not.

    Where the second is not None, servers may read the path differently, and the first is the path as it was.
    """
    for found in _ESCAPE.finditer(path):
        if found.group(1) is None:
            return path, "the path has a `%` that escapes nothing"
    layer = path
    for _ in range(_MOST_ESCAPES):
        if _HIDDEN(layer) is not None:
            return path, "the path holds an escaped slash, backslash or NUL"
        deeper = _ESCAPE.sub(_unescape, layer)
        if deeper == layer:
            break
        layer = deeper
        if layer is not path and _DOTS(layer) is not None and _DOTS(path) is None:
            return path, "the path holds escaped dots that lead elsewhere"
        if "%" not in layer:
            break
    else:
        return path, "the path is escaped many times over"
    return _ESCAPE.sub(_tidy, path), None


def _unescape(found: re.Match[str]) -> str:
    digits = found.group(1)
    return found.group() if digits is None else chr(int(digits, 16))


def _tidy(found: re.Match[str]) -> str:
    code = int(found.group(1), 16)
    return chr(code) if code in _UNRESERVED else found.group().upper()
