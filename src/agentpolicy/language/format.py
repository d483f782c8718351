"""The one canonical layout of a policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from agentpolicy.language import tree as t
from agentpolicy.language.layout import INDENT, Sentence, lay_out
from agentpolicy.language.parser import parse_with_comments
from agentpolicy.language.source import Source
from agentpolicy.language.tokens import Token

_TOOL_PARTS = frozenset(("DOES", "RETURNS"))
_STEP_PARTS = frozenset(("RETURNS", "ARROW"))


def format_text(source: Source) -> str:
    """The text of a policy in its canonical layout.

    The tree stays the same, every comment is kept, and formatting the text again changes nothing.

    A sentence stands on one line if it fits in 100 columns; else each clause has a line, and what is still too long is
    broken after commas and before ``and`` and ``or``. Settings and test steps have a line each. One empty line is kept
    where there were some. Lines end in LF.

    Raises:
        PolicyError: the text does not parse.
    """
    comments: list[Token] = []
    file, tokens = parse_with_comments(source, comments)
    writer = _Writer(source.text, tokens, comments)
    items: list[t.Header | t.Item] = [*([file.header] if file.header else []), *file.items]
    for item in items:
        writer.item(item)
    writer.remaining_comments(len(source.text) + 1, 0)
    return writer.text()


class _Writer:
    """Goes through tokens and comments once, in the order of the text."""

    def __init__(self, text: str, tokens: Sequence[Token], comments: Sequence[Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._comments = comments
        self._next_token = 0
        self._next_comment = 0
        self._lines: list[str] = []
        #: Where what was written last ends in the source; an empty line is kept only behind something.
        self._end: int | None = None

    def text(self) -> str:
        """What was written."""
        return "".join(line + "\n" for line in self._lines)

    def item(self, item: t.Header | t.Item) -> None:
        """Write an item with the comments above and behind it."""
        if isinstance(item, t.Block | t.Test):
            self._block(item)
        else:
            deep = 2 * INDENT if isinstance(item, t.Rule | t.Mark | t.Tool) else INDENT
            self._sentence(item.span.end, 0, _clauses(item), deep)

    def remaining_comments(self, until: int, indent: int) -> None:
        """Write the comments before an offset, on lines of their own."""
        while self._next_comment < len(self._comments) and self._comments[self._next_comment].start < until:
            comment = self._comments[self._next_comment]
            self._next_comment += 1
            self._gap(comment.start)
            self._lines.append(" " * indent + comment.text)
            self._end = comment.end

    def _block(self, item: t.Block | t.Test) -> None:
        parts: Sequence[t.Setting | t.TestStep] = item.settings if isinstance(item, t.Block) else item.steps
        brace = next(token for token in self._tokens[self._next_token :] if token.type == "LBRACE")
        self._sentence(brace.end, 0, _no_part, INDENT)
        self._end = None
        for part in parts:
            apart = _facts_bracket(part, self._tokens, self._next_token)
            self._sentence(part.span.end, INDENT, _step_part if isinstance(part, t.Step) else _no_part, INDENT, apart)
        last = self._tokens[self._next_token]
        self.remaining_comments(last.start, INDENT)
        self._end = None
        self._sentence(last.end, 0, _no_part, INDENT)

    def _count(self, end: int) -> int:
        """How many tokens from here on end by an offset."""
        count = 0
        while self._next_token + count < len(self._tokens) and self._tokens[self._next_token + count].end <= end:
            count += 1
        return count

    def _sentence(
        self, end: int, indent: int, is_clause: Callable[[Token], bool], deep: int, apart: frozenset[int] = frozenset()
    ) -> None:
        """Write the tokens up to an offset as one sentence."""
        count = self._count(end)
        tokens = self._tokens[self._next_token : self._next_token + count]
        self._next_token += count
        self.remaining_comments(tokens[0].start, indent)
        self._gap(tokens[0].start)
        above: dict[int, list[str]] = {}
        behind: dict[int, list[str]] = {}
        for before, after in pairwise(tokens):
            for comment in self._comments_until(after.start):
                if "\n" in self._text[before.end : comment.start] and comment.start > before.end:
                    above.setdefault(after.start, []).append(comment.text)
                else:
                    behind.setdefault(before.start, []).append(comment.text)
        clauses = frozenset(token.start for token in tokens if is_clause(token))
        self._lines += lay_out(Sentence(tokens, clauses, apart, above, behind, deep), indent)
        self._end = tokens[-1].end
        self._comment_behind(tokens[-1])

    def _comments_until(self, offset: int) -> Iterator[Token]:
        while self._next_comment < len(self._comments) and self._comments[self._next_comment].start < offset:
            self._next_comment += 1
            yield self._comments[self._next_comment - 1]

    def _comment_behind(self, last: Token) -> None:
        """Keep a comment on the line of the token before it."""
        if self._next_comment >= len(self._comments):
            return
        comment = self._comments[self._next_comment]
        following = self._tokens[self._next_token].start if self._next_token < len(self._tokens) else len(self._text)
        if comment.start < following and "\n" not in self._text[last.end : comment.start]:
            self._lines[-1] += "  " + comment.text
            self._end = comment.end
            self._next_comment += 1

    def _gap(self, start: int) -> None:
        """Keep one empty line of those before an offset."""
        if self._end is not None and self._text.count("\n", self._end, start) > 1:
            self._lines.append("")


def _clauses(item: t.Header | t.Item) -> Callable[[Token], bool]:
    """Tells which tokens of an item start a clause."""
    if isinstance(item, t.Rule):
        starts = {clause.span.start for clause in item.clauses}
        return lambda token: token.start in starts
    if isinstance(item, t.Tool):
        end = item.parameters[-1].span.end if item.parameters else item.called.span.end
        return lambda token: token.type in _TOOL_PARTS and token.start > end
    if isinstance(item, t.Default):
        return lambda token: token.type == "BECAUSE"
    if isinstance(item, t.Prove) and item.given is not None:
        given = item.given.span.start
        return lambda token: token.start == given
    return _no_part


def _no_part(token: Token) -> bool:
    return False


def _step_part(token: Token) -> bool:
    return token.type in _STEP_PARTS


def _facts_bracket(part: t.Setting | t.TestStep, tokens: Sequence[Token], at: int) -> frozenset[int]:
    """The bracket that opens the facts of a test step: a blank stands before it."""
    if not (isinstance(part, t.Step) and part.facts):
        return frozenset()
    while tokens[at].start < part.act.span.end:
        at += 1
    return frozenset((tokens[at].start,))
