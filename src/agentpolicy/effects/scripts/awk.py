"""Programs of awk: whether they run commands or touch files besides their operands (POSIX.1-2017 awk, gawk manual)."""

from __future__ import annotations

import re
from typing import Final

#: Behind these a slash begins a pattern; nowhere else is it taken for one, so that nothing can hide in it.
_BEFORE_PATTERN: Final = frozenset("(,{};!~&|\n=?:")
_WORDS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RUNNING: Final = frozenset({"system", "getline", "ARGV", "ARGC", "ARGIND", "extension"})
_NOTHING: Final = frozenset({"/dev/stdout", "/dev/stderr", "-"})
_MARK: Final = "\x01"


def read_awk(program: str) -> tuple[str | None, list[tuple[str, str]]]:
    """Why a program may do anything (None where it is known), and the files that it writes: ``(role, name)``.

    Everything but texts, patterns and comments is looked at; a text that a redirection of output names is a file.
    Time is linear in the length of the program.
    """
    code, texts, why = _code(program)
    if why is not None:
        return why, []
    for word in _WORDS.finditer(code):
        if word.group() in _RUNNING:
            return f"the program of awk uses `{word.group()}`", []
    if "@" in code:
        return "the program of awk loads or calls what is not known (`@`)", []
    if "|" in code.replace("||", ""):
        return "the program of awk pipes into or from a command", []
    return _redirects(code, texts)


def _redirects(code: str, texts: list[str]) -> tuple[str | None, list[tuple[str, str]]]:
    touched: list[tuple[str, str]] = []
    seen = 0
    for statement in re.split(r"[;{}\n]", code):
        printing = re.search(r"\bprintf?\b", statement)
        first = seen
        seen += statement.count(_MARK)
        if printing is None:
            continue
        start = statement.find(">", printing.end())
        if start < 0:
            continue
        target = statement[start:].lstrip("> \t")
        if not target.startswith(_MARK) or target[1:].strip(" \t)"):
            return "the program of awk may write to a file whose name is not known", touched
        name = texts[first + statement.count(_MARK, 0, start)]
        if "\\" in name:
            return "the program of awk may write to a file whose name is not known", touched
        if name not in _NOTHING:
            touched.append(("write", name))
    return None, touched


def _code(program: str) -> tuple[str, list[str], str | None]:
    """The program with each text replaced by a mark and patterns and comments left out; the texts."""
    found: list[str] = []
    texts: list[str] = []
    at = 0
    last = "\n"  # the last character that is no blank
    end = len(program)
    if _MARK in program:
        return "", [], "the program of awk holds a control character"
    while at < end:
        here = program[at]
        if here == '"':
            closing = at + 1
            while closing < end and program[closing] != '"':
                if program[closing] == "\n":
                    return "", [], "a text in the program of awk does not end"
                closing += 2 if program[closing] == "\\" else 1
            if closing >= end:
                return "", [], "a text in the program of awk does not end"
            texts.append(program[at + 1 : closing])
            found.append(_MARK)
            at = closing + 1
            last = '"'
        elif here == "#":
            newline = program.find("\n", at)
            at = end if newline < 0 else newline
        elif here == "/" and last in _BEFORE_PATTERN:
            closing = at + 1
            bracket = False
            while closing < end and (program[closing] != "/" or bracket):
                letter = program[closing]
                if letter == "\n":
                    return "", [], "a pattern in the program of awk does not end"
                if letter == "[":
                    bracket = True
                    if program[closing + 1 : closing + 2] == "]":
                        closing += 1
                    elif program[closing + 1 : closing + 3] == "^]":
                        closing += 2
                elif letter == "]":
                    bracket = False
                elif letter == "/":  # only in brackets does one come here; implementations differ
                    return "", [], "a slash stands inside brackets of a pattern of awk"
                closing += 2 if letter == "\\" else 1
            if closing >= end:
                return "", [], "a pattern in the program of awk does not end"
            found.append(" ")
            at = closing + 1
            last = ")"
        else:
            found.append(here)
            if here not in " \t":
                last = here
            at += 1
    return "".join(found), texts, None
