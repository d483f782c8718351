"""SQL text before it is parsed: cut into statements, refused where databases would not agree on its words.

Databases differ in what is a comment, where a quoted text ends and what a backslash does. Text on which they could
disagree is not read at all, so that what the parser sees is what every database sees. Depth is bounded here, because a
parser by recursive descent goes as deep as its input says.
"""

from __future__ import annotations

import re
from typing import Final

from agentpolicy.effects.text import visible

#: Longest text that is read, in characters, most words and most statements in it.
LONGEST: Final = 65_536
MOST_TOKENS: Final = 10_000
MOST_STATEMENTS: Final = 200
#: Deepest nesting of brackets and of ``CASE``, longest run of words that each wait for another, most joins.
DEEPEST: Final = 24
LONGEST_RUN: Final = 48
MOST_JOINS: Final = 64

#: What a statement that is read may begin with.
STARTS: Final = frozenset(
    "select with insert update delete merge create drop alter truncate grant revoke comment".split()
)
#: Statements that begin or end a transaction and do nothing else.
_TRANSACTION: Final = frozenset(
    {"start transaction"}
    | {f"{one}{more}" for one in ("begin", "commit", "rollback") for more in ("", " transaction", " work")}
)
#: Words in front of a quote that databases agree about.
_PREFIXES: Final = frozenset({"", "e", "n", "x", "b"})
_WAITING: Final = frozenset(
    "not exists all any some prior interval case when distinct array cast row lateral begin explain describe".split()
)
# Possessive throughout: what was taken is never given back, so matching is linear.
_TOKEN = re.compile(
    r"""(?P<blank>[ \t\n]++|\r\n)
    |(?P<line>--[^\n]*+)
    |(?P<block>/\*)
    |(?P<word>[^\W\d][\w$]*+)
    |(?P<number>\$?\d[\w.]*+)
    |(?P<quoted>'(?:[^']|'')*+'|"(?:[^"]|"")*+"|`[^`]*+`)
    |(?P<mark>[-+*/%<>=~!@^&|?:.,;()\[\]])""",
    re.VERBOSE,
)
_DOLLAR = re.compile(r"\$(?:[^\W\d]\w*+)?+\$")
_ESCAPED_QUOTE = re.compile(r"(?<!\\)\\(?:\\\\)*+['\"]")
_PLAIN_BACKTICKS = re.compile(r"`[\w $-]++`")


class Unread(Exception):
    """SQL that is not read; ``str()`` says why, as a reason for a person."""


def statements(text: str) -> list[str]:
    """The statements of a text, without comments, less those that only begin or end a transaction.

    Raises:
        Unread: it is too long or too deep, databases may disagree about it, or a statement is of an unknown kind.
    """
    if len(text) > LONGEST:
        raise Unread(f"the SQL is longer than {LONGEST} characters")
    found: list[str] = []
    for words, statement in _cut(text):
        said = " ".join(words).lower()
        if said in _TRANSACTION:
            continue
        start = words[0].lower()
        if said.startswith("replace into "):
            start, statement = "insert", "INSERT OR REPLACE" + statement.lstrip()[len(start) :]
        if start not in STARTS and not (start == "(" and "select" in said):
            raise Unread(f"a statement that begins with `{visible(words[0][:40])}` is not read")
        found.append(statement)
        if len(found) > MOST_STATEMENTS:
            raise Unread(f"the SQL has more than {MOST_STATEMENTS} statements")
    return found


def _cut(text: str) -> list[tuple[list[str], str]]:
    """Each statement: its first words, and its text."""
    if _DOLLAR.search(text) is not None:
        raise Unread("a text in dollar quotes is code for some databases and not for others")
    reader = _Reader(text)
    reader.read()
    return [(words, "".join(parts)) for words, parts in reader.found if words]


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.found: list[tuple[list[str], list[str]]] = [([], [])]
        self._nesting = 0
        self._cases = 0
        self._run = 0
        self._joins = 0

    def read(self) -> None:
        text, at, tokens, before = self._text, 0, 0, ""
        while at < len(text):
            token = _TOKEN.match(text, at)
            if token is None:
                raise Unread(self._odd(at))
            kind, shown, at = str(token.lastgroup), token.group(), token.end()
            words, parts = self.found[-1]
            if kind in {"blank", "line", "block"}:
                at = self._comment(kind, shown, at)
                parts.append(" ")
                before = ""
                continue
            tokens += 1
            if tokens > MOST_TOKENS:
                raise Unread(f"the SQL has more than {MOST_TOKENS} words")
            if kind == "quoted":
                self._quoted(shown, before)
            self._depth(kind, shown)
            if shown == "[":
                self._bracket(at)
            before = shown if kind == "word" or shown == "&" else ""
            if shown == ";":
                self._nesting = self._cases = self._joins = 0
                self.found.append(([], []))
                continue
            parts.append(shown)
            if len(words) < 3:
                words.append(shown)

    def _odd(self, at: int) -> str:
        letter = self._text[at]
        if letter in "'\"`":
            return "a quoted text is not closed"
        return f"`{visible(letter)}` means different things to different databases"

    def _comment(self, kind: str, shown: str, at: int) -> int:
        """Where the text goes on."""
        if kind == "block":
            end = self._text.find("*/", at)
            if end < 0:
                raise Unread("a comment is not closed")
            inside = self._text[at:end]
            if inside[:1] in {"!", "+"} or inside[:2] == "M!":
                raise Unread("some databases run what stands in this comment")
            if "/*" in inside:
                raise Unread("some databases nest comments and others do not")
            return end + 2
        if kind == "line":
            rest = shown[2:].removesuffix("\r")
            if rest[:1] not in {"", " ", "\t"} or "\r" in rest:
                raise Unread("databases disagree where a comment begins or ends here")
        return at

    def _quoted(self, shown: str, before: str) -> None:
        if before.lower() not in _PREFIXES or before == "&":
            raise Unread("databases disagree about a quoted text with letters in front")
        if shown[0] == "`":
            if _PLAIN_BACKTICKS.fullmatch(shown) is None:
                raise Unread("a name in backquotes is not plain")
            return
        if _ESCAPED_QUOTE.search(shown) is not None or shown.startswith(("'''", '"""')):
            raise Unread("databases disagree where a quoted text ends")

    def _bracket(self, at: int) -> None:
        """Brackets quote a name for some databases and hold an index for others; both must end at the same place."""
        end = self._text.find("]", at)
        inside = self._text[at:end] if 0 <= end < at + 1024 else ";"
        if any(one in inside for one in (";", "--", "/*", "[")) or any(inside.count(one) % 2 for one in "'\"`"):
            raise Unread("databases disagree where a name in brackets ends")

    def _depth(self, kind: str, shown: str) -> None:
        word = shown.lower() if kind == "word" else ""
        if shown in {"(", "["}:
            self._nesting += 1
        elif shown in {")", "]"}:
            self._nesting -= 1
        elif word == "case":
            self._cases += 1
        elif word == "end":
            self._cases -= 1
        elif word == "join":
            self._joins += 1
        waits = word in _WAITING or (kind == "mark" and shown not in ".,;)]")
        self._run = self._run + 1 if waits else 0
        if self._nesting > DEEPEST or self._cases > DEEPEST or self._run > LONGEST_RUN:
            raise Unread(f"the SQL is nested deeper than {DEEPEST}")
        if self._joins > MOST_JOINS:
            raise Unread(f"a statement joins more than {MOST_JOINS} tables")
