"""Text inside of text: what runs of base64 and hexadecimal digits say."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

#: Shortest run that is decoded in observed text, in characters. Shorter ones are words.
SHORTEST_SEEN: Final = 12
#: Shortest run that is decoded in a value.
SHORTEST_VALUE: Final = 6

_RUN: Final = re.compile(r"(?<![A-Za-z0-9+/_\-])[A-Za-z0-9+/_\-]{6,}+={0,2}+")
_WORD: Final = re.compile("[A-Z]?[a-z]+|[A-Z]+").fullmatch
_HEX: Final = re.compile(r"(?:0[xX])?((?:[0-9A-Fa-f]{2}){3,})").fullmatch
_URL_SAFE: Final = str.maketrans("-_", "+/")


def decoded_runs(text: str, shortest: int) -> Iterator[tuple[str, str]]:
    """The runs of a text that are text in base64 (RFC 4648, both alphabets) or in hex, each with what it says."""
    for found in _RUN.finditer(text):
        run = found.group()
        # What text comes to in either encoding is hardly ever a plain word.
        if len(run) >= shortest and _WORD(run) is None:
            said = decoded(run)
            if said is not None:
                yield run, said
            elif "/" in run or "-" in run or "_" in run:
                # A path or a dashed name: its pieces may say something.
                for piece in re.split(r"[/_\-]", run):
                    if len(piece) >= shortest and _WORD(piece) is None and (said := decoded(piece)) is not None:
                        yield piece, said


def decoded(run: str) -> str | None:
    """What one run says, None where that is no text."""
    found = _HEX(run)
    if found is not None:
        said = _text(bytes.fromhex(found[1]))
        if said is not None:
            return said
    plain = run.rstrip("=").translate(_URL_SAFE)
    if len(plain) % 4 == 1:
        return None
    try:
        raw = base64.b64decode(plain + "=" * (-len(plain) % 4))
    except (binascii.Error, ValueError):
        return None
    return _text(raw)


def _text(raw: bytes) -> str | None:
    try:
        said = raw.decode()
    except UnicodeDecodeError:
        return None
    shown = said.replace("\n", " ").replace("\t", " ").replace("\r", " ")
    return said if shown.isprintable() else None
