"""Sets one sentence of a policy in lines: where blanks stand, and where a long line is broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import field, frozen

from agentpolicy.language.strings import rewrite
from agentpolicy.language.tokens import CLOSING, Token

#: Columns that a line has, where it can be broken.
WIDTH = 100
INDENT = 4

_CLOSE_BEFORE = CLOSING | {"COMMA", "COLON", "DOT", "QMARK"}
_CLOSE_AFTER = frozenset(("LPAR", "LSQB", "DOT"))
_CALLED = frozenset(("NAME", "STRING"))
_CONDITIONS = frozenset(("EXCEPT", "WHEN", "UNLESS"))


@frozen(eq=False)
class Sentence:
    """The tokens of an item, setting or test step, and what belongs to its place.

    Attributes:
        tokens: all of them, in order.
        clauses: offsets of tokens that start a line of their own where the sentence needs more than one.
        apart: offsets of brackets that a blank stands before although a name or text does.
        above: comments on lines of their own, by the offset of the token that follows.
        behind: comments at the end of a line, by the offset of the token before.
        deep: how far broken lists and conditions are indented.
    """

    tokens: Sequence[Token]
    clauses: frozenset[int] = frozenset()
    apart: frozenset[int] = frozenset()
    above: Mapping[int, Sequence[str]] = field(factory=dict)
    behind: Mapping[int, Sequence[str]] = field(factory=dict)
    deep: int = INDENT


def lay_out(sentence: Sentence, indent: int) -> list[str]:
    """The lines of a sentence. Comments above its first and behind its last token are left to the caller."""
    words = _words(sentence)
    tokens = sentence.tokens
    forced = {
        at
        for at in range(1, len(tokens))
        if tokens[at].start in sentence.above or tokens[at - 1].start in sentence.behind
    }
    if not forced and indent + _size(words, 0, len(words)) <= WIDTH:
        return [" " * indent + "".join(words)]
    breaks = dict.fromkeys(forced, sentence.deep)
    breaks |= {at: INDENT for at in range(1, len(tokens)) if tokens[at].start in sentence.clauses}
    for start, end in _ranges(breaks, len(words)):
        if not _fits(words, breaks, indent, start, end):
            breaks |= {at: INDENT for at in range(max(start, 1), end) if _is_condition(tokens, at)}
    for start, end in _ranges(breaks, len(words)):
        _fill(sentence, words, breaks, indent, start, end)
    lines: list[str] = []
    for start, end in _ranges(breaks, len(words)):
        margin = " " * (indent + breaks.get(start, 0))
        if start:
            lines += [margin + comment for comment in sentence.above.get(tokens[start].start, ())]
        line = margin + "".join(words[start:end]).lstrip()
        if end < len(words):
            line = "  ".join([line, *sentence.behind.get(tokens[end - 1].start, ())])
        lines.append(line)
    return lines


def _words(sentence: Sentence) -> list[str]:
    """The text of each token with the blank before it."""
    words: list[str] = []
    before: Token | None = None
    for token in sentence.tokens:
        text = rewrite(token.text) if token.type == "STRING" else token.text
        close = (
            before is None
            or token.type in _CLOSE_BEFORE
            or before.type in _CLOSE_AFTER
            or (token.type == "LPAR" and before.type in _CALLED and token.start not in sentence.apart)
        )
        words.append(text if close else " " + text)
        before = token
    return words


def _size(words: Sequence[str], start: int, end: int) -> int:
    return len("".join(words[start:end]).lstrip())


def _ranges(breaks: Mapping[int, int], size: int) -> list[tuple[int, int]]:
    starts = [0, *sorted(breaks)]
    return list(zip(starts, [*starts[1:], size], strict=True))


def _fits(words: Sequence[str], breaks: Mapping[int, int], indent: int, start: int, end: int) -> bool:
    return indent + breaks.get(start, 0) + _size(words, start, end) <= WIDTH


def _fill(sentence: Sentence, words: Sequence[str], breaks: dict[int, int], indent: int, start: int, end: int) -> None:
    """Break a line that is too long after commas or before ``and`` and ``or``, as late as possible."""
    width = indent + breaks.get(start, 0)
    possible: int | None = None
    since = 0
    for at in range(start, end):
        if at > start and _may_break(sentence.tokens, at):
            possible, since = at, 0
        size = len(words[at]) - (at == start)
        width += size
        since += size
        if width > WIDTH and possible is not None:
            breaks[possible] = sentence.deep
            width = indent + sentence.deep + since - 1
            possible = None


def _may_break(tokens: Sequence[Token], at: int) -> bool:
    if tokens[at - 1].type == "COMMA":
        return True
    return tokens[at].type in {"AND", "OR"} and _is_plain(tokens, at)


def _is_condition(tokens: Sequence[Token], at: int) -> bool:
    return tokens[at].type in _CONDITIONS and _is_plain(tokens, at)


def _is_plain(tokens: Sequence[Token], at: int) -> bool:
    """Whether a keyword is meant as one: not a name behind a dot or before a colon."""
    named = at + 1 < len(tokens) and tokens[at + 1].type == "COLON"
    return not named and tokens[at - 1].type != "DOT"
