"""Shows diagnostics as compilers do: the line, the place underlined, what to write instead."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from typing import Any

from agentpolicy.language.characters import is_forbidden
from agentpolicy.language.source import Diagnostic

#: Columns of source text that are shown of a line; a longer line is cut around the place.
WIDTH = 100
TAB = 4
#: Words longer than this are not misspelt keywords or names, and of more names than this none is looked for.
_LONGEST_WORD, _MOST_NAMES = 64, 5000
_NEAR = 0.7

_RED, _YELLOW, _BLUE, _CYAN, _BOLD, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[34m", "\x1b[36m", "\x1b[1m", "\x1b[0m"


def render(diagnostic: Diagnostic, colour: bool = False) -> str:
    """One diagnostic as text of several lines, without a line end; colours are ANSI sequences."""

    def painted(text: str, *styles: str) -> str:
        return "".join(styles) + text + _PLAIN if colour else text

    tone = _RED if diagnostic.severity == "error" else _YELLOW
    title = painted(f"{diagnostic.severity}[{diagnostic.code}]", tone, _BOLD)
    lines = [f"{title}: {painted(visible(diagnostic.message), _BOLD)}"]
    source, span = diagnostic.source, diagnostic.span
    if not source.text:
        lines.append(f" {painted('-->', _BLUE)} {visible(source.name)}")
        margin = ""
    else:
        number, column = source.line_column(min(span.start, len(source.text)))
        lines.append(f" {painted('-->', _BLUE)} {visible(source.name)}:{number}:{column}")
        margin = " " * len(str(number))
        shown, before, width = _place(source.line(number), column - 1, span.end - span.start)
        lines.append(painted(f"{margin} |", _BLUE))
        lines.append(f"{painted(f'{number} |', _BLUE)} {shown}".rstrip())
        lines.append(f"{painted(f'{margin} |', _BLUE)} {' ' * before}{painted('^' * width, tone, _BOLD)}")
    if diagnostic.help is not None:
        lines.append(f"{margin} {painted('= help:', _CYAN)} {visible(diagnostic.help)}")
    return "\n".join(lines)


def render_all(diagnostics: Iterable[Diagnostic], colour: bool = False) -> str:
    """Diagnostics one after the other, an empty line between them."""
    return "\n\n".join(render(one, colour) for one in diagnostics)


def as_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """A diagnostic as JSON values; lines and columns count from 1, columns count characters, the end is exclusive."""
    size = len(diagnostic.source.text)
    line, column = diagnostic.source.line_column(min(diagnostic.span.start, size))
    end_line, end_column = diagnostic.source.line_column(min(diagnostic.span.end, size))
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "help": diagnostic.help,
        "file": diagnostic.source.name,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }


def suggest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was probably meant by a misspelt word, if one is near enough."""
    if len(word) > _LONGEST_WORD:
        return None
    names = [name for _, name in zip(range(_MOST_NAMES), candidates, strict=False) if len(name) <= _LONGEST_WORD]
    folded = {name.casefold(): name for name in reversed(names)}
    if word.casefold() in folded:
        near = folded[word.casefold()]
        return None if near == word else near
    found = difflib.get_close_matches(word.casefold(), folded, 1, _NEAR)
    return folded[found[0]] if found else None


def visible(text: str) -> str:
    """The text with every character that is a control, invisible or half of one written as ``\\u{…}``."""
    return "".join([_shown(char) for char in text]) if not (text.isascii() and text.isprintable()) else text


def _shown(char: str) -> str:
    if char in "\t\n\r" or is_forbidden(char):
        return f"\\u{{{ord(char):x}}}"
    return char


def _width(char: str) -> int:
    """Columns that a terminal gives to a character (Unicode Standard Annex 11)."""
    if char < "\x7f":
        return 1
    if unicodedata.combining(char) or unicodedata.category(char) == "Mn":
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1


def _place(line: str, start: int, length: int) -> tuple[str, int, int]:
    """The part of a line around a place as it is shown, the columns before the place, and the columns it takes."""
    start = min(start, len(line))
    end = min(start + max(length, 1), len(line))
    first = max(0, start - WIDTH // 2) if len(line) > WIDTH else 0
    last = min(len(line), first + WIDTH)
    cells: list[str] = []
    before = width = at = 0
    if first:
        cells.append("…")
        at = before = 1
    for offset in range(first, last):
        char = line[offset]
        cell = " " * (TAB - at % TAB) if char == "\t" else _shown(char)
        columns = len(cell) if len(cell) > 1 else _width(char)
        cells.append(cell)
        at += columns
        if offset < start:
            before += columns
        elif offset < end:
            width += columns
    if last < len(line):
        cells.append("…")
    return "".join(cells), before, max(width, 1)
