"""Glob arithmetic that needs no effect: brace expansion and matching in linear time.

No regular expression is built from a pattern, because backtracking ones can be made slow by the text they meet.
"""

from __future__ import annotations

from collections.abc import Sequence

#: A pattern may stand for this many alternatives at most.
MAX_ALTERNATIVES = 1024


class BraceError(ValueError):
    """Braces that do not pair, or that stand for more than MAX_ALTERNATIVES texts."""


def expand_braces(text: str) -> list[str]:
    """Every text that ``{a,b}`` stands for, in written order; braces nest, alternatives may be empty.

    Raises:
        BraceError: braces do not pair, or the pattern has too many alternatives.
    """
    if "{" not in text and "}" not in text:
        return [text]
    # Each frame holds the finished alternatives of one open brace and the texts of the alternative being read.
    frames: list[tuple[list[str], list[str]]] = [([], [""])]
    literal: list[str] = []

    def flush() -> None:
        if literal:
            run = "".join(literal)
            literal.clear()
            done, current = frames[-1]
            frames[-1] = (done, [head + run for head in current])

    for letter in text:
        if letter == "{":
            flush()
            frames.append(([], [""]))
        elif letter == "," and len(frames) > 1:
            flush()
            done, current = frames[-1]
            frames[-1] = (done + current, [""])
        elif letter == "}":
            flush()
            if len(frames) == 1:
                raise BraceError("a `}` has no `{` before it")
            done, current = frames.pop()
            inner = done + current
            outer_done, outer = frames[-1]
            if len(outer) * len(inner) > MAX_ALTERNATIVES:
                raise BraceError(f"the braces stand for more than {MAX_ALTERNATIVES} alternatives")
            frames[-1] = (outer_done, [head + tail for head in outer for tail in inner])
        else:
            literal.append(letter)
        if len(frames) > 64:
            raise BraceError("braces are nested too deeply")
    flush()
    if len(frames) > 1:
        raise BraceError("a `{` is never closed")
    return list(dict.fromkeys(frames[0][1]))


def match_star(pattern: str, text: str) -> bool:
    """Whether ``pattern``, in which ``*`` stands for any run of characters, is the whole of ``text``.

    Time is linear in ``text`` for each literal piece of the pattern, with no backtracking: taking the leftmost
    place for every middle piece never loses a match.
    """
    pieces = pattern.split("*")
    if len(pieces) == 1:
        return pattern == text
    head, tail = pieces[0], pieces[-1]
    if len(text) < len(head) + len(tail) or not text.startswith(head) or not text.endswith(tail):
        return False
    at, end = len(head), len(text) - len(tail)
    for piece in pieces[1:-1]:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def match_parts(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether a pattern of parts matches all ``parts``: ``**`` any number of them, ``*`` inside one.

    The same leftmost argument as in ``match_star`` holds for the runs between two ``**``.
    """
    runs: list[list[str]] = [[]]
    for piece in pattern:
        if piece == "**":
            runs.append([])
        else:
            runs[-1].append(piece)
    if len(runs) == 1:
        return len(parts) == len(pattern) and _run_at(runs[0], parts, 0)
    head, tail = runs[0], runs[-1]
    end = len(parts) - len(tail)
    if end < len(head) or not _run_at(head, parts, 0) or not _run_at(tail, parts, end):
        return False
    at = len(head)
    for run in runs[1:-1]:
        while at + len(run) <= end and not _run_at(run, parts, at):
            at += 1
        if at + len(run) > end:
            return False
        at += len(run)
    return True


def _run_at(run: Sequence[str], parts: Sequence[str], at: int) -> bool:
    return all(
        piece in ("*", part) or ("*" in piece and match_star(piece, part))
        for piece, part in zip(run, parts[at : at + len(run)], strict=True)
    )
