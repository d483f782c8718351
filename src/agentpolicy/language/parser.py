"""From policy text to the tree, with every syntax error of the text."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any, cast

from agentpolicy.language import expectation
from agentpolicy.language.builder import Builder
from agentpolicy.language.characters import check_characters
from agentpolicy.language.problems import GiveUpError, Problems
from agentpolicy.language.reading import missing_file, read_source, source_of
from agentpolicy.language.source import Source
from agentpolicy.language.tables import Tables, load_tables
from agentpolicy.language.tokens import END, ITEM_KEYWORDS, MAX_NESTING, TOO_DEEP, Lexer, Token
from agentpolicy.language.tree import File, Header

__all__ = ["missing_file", "parse", "parse_text", "parse_with_comments", "read_source", "source_of"]


def parse_text(text: str, name: str = "<policy>") -> File:
    """The tree of a policy given as text.

    Raises:
        PolicyError: holding the syntax errors of the text.
    """
    return parse(source_of(name, text))


def parse(source: Source) -> File:
    """The tree of a policy file.

    Raises:
        PolicyError: holding every syntax error of the file, the first 200 in full; one error at most per item,
            besides those that leave no doubt about what was meant.
    """
    return parse_with_comments(source)[0]


def parse_with_comments(source: Source, comments: list[Token] | None = None) -> tuple[File, list[Token]]:
    """The tree, and the tokens it was read from where a list for the comments is given (else none).

    Raises:
        PolicyError: as for ``parse``.
    """
    characters, syntax = Problems(source), Problems(source)
    file: File | None = None
    tokens: list[Token] = []
    with _collector_paused():
        with suppress(GiveUpError):
            check_characters(source.text, characters)
        with suppress(GiveUpError):
            tables = load_tables()
            lexer = Lexer(source.text, tables, syntax, comments)
            file = _Run(source.text, tables, lexer, syntax, tokens if comments is not None else None).file()
    syntax.stop(characters)
    assert file is not None, "a text without a tree has an error"
    return file, tokens


@contextmanager
def _collector_paused() -> Generator[None]:
    """Parsing makes many objects and no cycles: collecting meanwhile finds nothing and doubles the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Run:
    """One pass over a text: shift, reduce, and at an error go on with the next item."""

    def __init__(
        self, text: str, tables: Tables, lexer: Lexer, problems: Problems, keep: list[Token] | None = None
    ) -> None:
        self._text = text
        self._tables = tables
        self._lexer = lexer
        self._tokens = iter(lexer)
        self._problems = problems
        self._keep = keep
        self._failed = False

    def file(self) -> File | None:
        """The tree, or None if there were errors, which are reported."""
        builder = Builder(self._problems.add)
        callbacks = self._tables.callbacks(builder)
        actions, end_state, following, keep = self._tables.actions, self._tables.end, self._tokens.__next__, self._keep
        states: list[int] = [self._tables.start]
        values: list[Any] = []
        starts: list[int] = []
        before: Token | None = None
        last: Token | None = None
        ahead: list[Token] = []
        token = following()
        while True:
            action = actions[states[-1]].get(token.type)
            if isinstance(action, int):
                states.append(action)
                values.append(token)
                starts.append(token.start)
                if keep is not None:
                    keep.append(token)
                before, last = last, token
                token = ahead.pop() if ahead else following()
            elif action is not None:
                size, origin, rule = action
                if size:
                    builder.begin = starts[-size]
                    builder.end = 0 if last is None else last.end
                    parts = values[-size:]
                    del states[-size:], values[-size:], starts[-size:]
                else:
                    builder.begin = builder.end = token.start
                    parts = []
                values.append(callbacks[rule](parts))
                states.append(cast(int, actions[states[-1]][origin]))
                starts.append(builder.begin)
                if states[-1] == end_state and token.type == END:
                    return None if self._failed else cast(File, values[-1])
            else:
                self._failed = True
                instead = self._report(token, states, values, starts, before, last)
                if instead:
                    token, *rest = instead
                    ahead.extend(reversed(rest))
                else:
                    token = self._next_item(token, last, bool(_item(values, starts)))
                    ahead.clear()
                    states[1:], values[:], starts[:] = [], [], []
                    before = last = None

    # --- errors ---------------------------------------------------------------

    def _report(
        self,
        token: Token,
        states: list[int],
        values: list[Any],
        starts: list[int],
        before: Token | None,
        last: Token | None,
    ) -> tuple[Token, ...]:
        """Report the error at a token; what to go on with in its place, if that is clear."""
        if token.start == self._lexer.mended and token.type != END:
            return ()
        if self._problems.full:
            self._problems.count_one()
            return ()
        item = _item(values, starts)
        problem = self._problem(token, states, item, before, last)
        self._problems.add(problem.code, problem.message, problem.start, problem.end, problem.help)
        return problem.instead

    def _problem(
        self, token: Token, states: list[int], item: tuple[int, Any] | None, before: Token | None, last: Token | None
    ) -> expectation.SyntaxProblem:
        if token.type == TOO_DEEP:
            return expectation.too_deep(token, MAX_NESTING)
        lost = self._lexer.open[-1] if token.type == END and self._lexer.open else self._lexer.lost
        if lost is not None and item is not None and lost.start >= item[0]:
            return expectation.unclosed(lost)
        actions = self._tables.actions
        kinds = [kind for kind in actions[states[-1]] if kind.isupper() or kind == END]
        accepted = {kind for kind in kinds if self._after(states, kind) is not None}
        behind = self._after(states, "COMMA") if "COMMA" in accepted else None
        after_comma = {token.type} if behind is not None and self._after(behind, token.type) is not None else set[str]()
        new_line = last is None or self._text.find("\n", last.end, token.start) >= 0
        first = None
        if item is not None:
            found = self._tables.scan.match(self._text, item[0])
            word = found[0].strip() if found is not None else ""
            first = Token(self._tables.keywords.get(word, "NAME"), word, item[0], item[0] + len(word))
        place = expectation.Place(token, accepted, after_comma, first, before, last, new_line)
        return expectation.explain(place, self._tables.spelling)

    def _after(self, states: list[int], kind: str) -> list[int] | None:
        """The states behind a token of this kind, or None where it is not allowed."""
        actions = self._tables.actions
        stack = states.copy()
        while True:
            action = actions[stack[-1]].get(kind)
            if action is None:
                return None
            if isinstance(action, int):
                return [*stack, action]
            if action.size:
                del stack[-action.size :]
            stack.append(cast(int, actions[stack[-1]][action.origin]))
            if kind == END and stack[-1] == self._tables.end:
                return stack

    def _next_item(self, token: Token, last: Token | None, begun: bool) -> Token:
        """The next token that starts an item: a keyword first on its line, in no bracket or at column 1."""
        previous = 0 if last is None else last.end
        while token.type != END:
            if begun and token.type in ITEM_KEYWORDS:
                new_line = self._text.rfind("\n", previous, token.start)
                if new_line >= 0 and (new_line + 1 == token.start or not self._lexer.open):
                    break
            begun = True
            previous = token.end
            token = next(self._tokens)
        return token


def _item(values: list[Any], starts: list[int]) -> tuple[int, Any] | None:
    """Where the item that is being read starts, and its first part."""
    for start, value in zip(starts, values, strict=True):
        if isinstance(value, Token) or not (isinstance(value, Header) or hasattr(value, "data")):
            return start, value
    return None
