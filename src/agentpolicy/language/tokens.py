"""Cuts policy text into tokens, and mends what is misspelt in a way that leaves no doubt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from agentpolicy.language.characters import describe, is_forbidden
from agentpolicy.language.problems import Problems
from agentpolicy.language.tables import Tables

#: Brackets and runs of ``not`` nest this deeply at most.
MAX_NESTING = 64
#: A kind that no grammar knows: it stands where nesting is too deep, and parsing of that item ends there.
TOO_DEEP = "TOO_DEEP"
END = "$END"

OPENING = frozenset(("LPAR", "LSQB", "LBRACE"))
CLOSING = frozenset(("RPAR", "RSQB", "RBRACE"))
ITEM_KEYWORDS = frozenset(
    (
        *("POLICY", "IMPORT", "EXTENDS", "PARAM", "FACT", "SET", "DEFINE", "DEFAULT", "TOOL", "ALLOW", "ASK", "DENY"),
        *("MARK", "CLEAR", "SANDBOX", "APPROVAL", "TELEMETRY", "TEST", "PROVE"),
    )
)

_NESTED = OPENING | CLOSING | {"NOT"}
_NUMBERS = frozenset(("INT", "DECIMAL", "UNIT", "PERCENT"))
_BLANK = re.compile(r"[ \t\r\n]*")
_WORDY = re.compile(r"[0-9A-Za-z_.%]*")
_LOOSE_STRING = re.compile(r'"[^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*"')
_SINGLE_QUOTED = re.compile(r"'[^'\r\n]*'")
_ESCAPE = re.compile(r"\\(?:[\"\\nt$]|u[0-9A-Fa-f]{4}|(?P<bad>u[0-9A-Fa-f]{0,3}|.))")
_CODE_POINT = re.compile(r"\\(?:u(?P<code>[0-9A-Fa-f]{4})|.)")
_LINE_REST = re.compile(r"[^\r\n]*")
_SPACES = "\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
#: A word that goes on past ASCII; spaces of other kinds end it.
_LONG_WORD = re.compile(rf"(?:[0-9A-Za-z_-]|[^\x00-\x7f{_SPACES}])+")
#: What other languages write, what it is here, and its kind.
_FOREIGN = {"&&": ("and", "AND"), "||": ("or", "OR"), "&": ("and", "AND"), "|": ("or", "OR"), "!": ("not", "NOT")}
_QUOTES = frozenset("“”„‟«»‘’‚‛`")
#: ASCII characters that mean nothing outside quotes, with advice where there is any.
_MEANINGLESS = {
    ";": "nothing ends with `;`: leave it out",
    "$": 'only quoted text is filled in: write `"${name}"`',
    "@": "name a group: write `@maintainers`",
    "`": 'quote with straight double quotes, `"`',
    "-": "a number follows `-` at once, an answer follows `->`",
    "/": 'quote a path: `"/usr/**"`',
    "~": 'quote a path: `"~/**"`',
    "*": 'quote a pattern: `"**"`, or write `any`',
}


class Token(NamedTuple):
    """One token: its kind (a terminal of the grammar), text, and half-open range of character offsets."""

    type: str
    text: str
    start: int
    end: int


class Lexer:
    """Iterates over the tokens of a text; the last one is ``$END``.

    What is wrong with single tokens is reported and mended on the way. ``open`` holds the brackets that are open
    behind the last token given out; ``lost`` one that an item at the start of a line found open; ``mended`` is where
    the last token stands that was reported.
    """

    def __init__(self, text: str, tables: Tables, problems: Problems, comments: list[Token] | None = None) -> None:
        self._text = text
        self._tables = tables
        self._problems = problems
        self._comments = comments
        self.open: list[Token] = []
        self.lost: Token | None = None
        self.mended = -1

    def __iter__(self) -> Iterator[Token]:
        text, scan, keywords, comments = self._text, self._tables.scan.match, self._tables.keywords, self._comments
        at, size, beyond = 0, len(text), not text.isascii()
        open_, depths = self.open, list[int]()
        depth = nots = 0
        while True:
            found = scan(text, at)
            if found is None:
                blank = _BLANK.match(text, at)
                start = blank.end() if blank is not None else at
                if start >= size:
                    break
                mended, at = self._mend(start)
                if mended is None:
                    continue
                token, kind = mended, mended.type
            else:
                kind = found.lastgroup or ""
                start, at = found.span(kind)
                word = found[kind]
                if kind == "NAME":
                    if beyond and at < size and text[at] > "\x7f":
                        word, at = self._long_word(start)
                    kind = keywords.get(word, kind)
                elif kind == "STRING":
                    if "\\u" in word:
                        self._check_code_points(start, at)
                elif kind == "COMMENT":
                    if comments is not None:
                        comments.append(Token(kind, word.rstrip(), start, at))
                    continue
                elif kind in _NUMBERS and at < size and (text[at].isalnum() or text[at] in "_.%"):
                    kind, word, at = self._malformed_number(start, at)
                token = Token(kind, word, start, at)
            if kind in ITEM_KEYWORDS:
                if open_ and (start == 0 or text[start - 1] == "\n"):
                    self.lost = open_[-1]
                    open_.clear()
                    depths.clear()
                    depth = 0
                nots = 0
            elif kind in _NESTED:
                if kind == "NOT":
                    nots += 1
                elif kind in OPENING:
                    open_.append(token)
                    depths.append(nots + 1)
                    depth += nots + 1
                    nots = 0
                else:
                    nots = 0
                    if open_:
                        open_.pop()
                        depth -= depths.pop()
                if depth + nots > MAX_NESTING:
                    token = Token(TOO_DEEP, token.text, start, at)
            else:
                nots = 0
            yield token
        yield Token(END, "", size, size)

    # --- mending --------------------------------------------------------------

    def _mend(self, start: int) -> tuple[Token | None, int]:
        """The token that was meant, reported, if there is one; and where to go on."""
        text, add = self._text, self._problems.add
        char = text[start]
        if char == '"':
            return self._string(start)
        if char == "'":
            return self._single_quoted(start)
        if text.startswith(("//", "/*"), start):
            add("AP107", f"`{text[start : start + 2]}` does not start a comment", start, start + 2, "write `#`")
            return None, _end(_LINE_REST, text, start)
        for foreign in (text[start : start + 2], char):
            if foreign in _FOREIGN:
                word, kind = _FOREIGN[foreign]
                end = start + len(foreign)
                add("AP107", f"`{foreign}` is not an operator", start, end, f"write `{word}`")
                return Token(kind, word, start, end), end
        if char in _QUOTES:
            add("AP107", f"{describe(char)} does not quote", start, start + 1, 'write straight double quotes, `"`')
        elif " " < char < "\x7f":
            add("AP107", f"`{char}` means nothing here", start, start + 1, _MEANINGLESS.get(char))
        elif char > "\x7f" and char.isalnum():
            word, end = self._long_word(start)
            return (Token(self._tables.keywords.get(word, "NAME"), word, start, end) if word else None), end
        elif char > "\x7f" and not is_forbidden(char):
            add("AP110", f"{describe(char)} outside quoted text", start, start + 1, "leave it out, or quote it")
        # Characters that are forbidden everywhere are reported by those who look at all characters.
        end = start + 1
        while text.startswith(char, end) and char > "\x7f":
            end += 1
        return None, end

    def _long_word(self, start: int) -> tuple[str, int]:
        """A word with characters beyond ASCII, reported; without those that are reported anyway."""
        text = self._text
        end = _end(_LONG_WORD, text, start)
        word = "".join([char for char in text[start:end] if char < "\x7f" or not is_forbidden(char)])
        if not word.isascii():
            odd = next(char for char in word if char > "\x7f")
            shown = word if len(word) <= 20 else word[:20] + "…"
            help = "names are ASCII letters, digits, `_` and `-`; quote other text"
            self._problems.add("AP110", f"the word `{shown}` holds {describe(odd)}", start, end, help)
            self.mended = start
        return word, end

    def _string(self, start: int) -> tuple[Token, int]:
        text = self._text
        loose = _LOOSE_STRING.match(text, start)
        if loose is None:
            end = _end(_LINE_REST, text, start)
            self._problems.add(
                "AP103", "the quoted text is not closed", start, start + 1, 'write `"` where it ends, on the same line'
            )
            return Token("STRING", '""', start, end), end
        for escape in _ESCAPE.finditer(text, start, loose.end()):
            if escape["bad"] is None:
                continue
            help = 'escapes are `\\"` `\\\\` `\\n` `\\t` `\\$` and `\\u` with four hexadecimal digits'
            if escape["bad"] == "'":
                help = "write `'` as it is"
            elif not escape["bad"].startswith("u"):
                help = f"write `\\\\{escape['bad']}` for a backslash; " + help
            self._problems.add("AP104", f"`{escape[0]}` is no escape", *escape.span(), help)
        return Token("STRING", '""', start, loose.end()), loose.end()

    def _single_quoted(self, start: int) -> tuple[Token | None, int]:
        found = _SINGLE_QUOTED.match(self._text, start)
        end = start + 1 if found is None else found.end()
        self._problems.add(
            "AP107", "text is quoted with `\"`, not with `'`", start, end, 'write straight double quotes, `"`'
        )
        return (None, end) if found is None else (Token("STRING", '""', start, end), end)

    def _check_code_points(self, start: int, end: int) -> None:
        """``\\uXXXX`` may say any character but those that no text can hold."""
        for escape in _CODE_POINT.finditer(self._text, start, end):
            if escape["code"] is None:
                continue
            code = int(escape["code"], 16)
            if 0xD800 <= code <= 0xDFFF:
                why, help = "is half of a character", "write the character itself if it lies above U+FFFF"
            elif code == 0:
                why, help = "is NUL, which no path or text holds", "leave it out"
            elif 0xE000 <= code <= 0xF8FF:
                why, help = "is for private use and means nothing", "leave it out; a dollar sign is written `\\$`"
            else:
                continue
            self._problems.add("AP104", f"`{escape[0]}` {why}", *escape.span(), help)

    def _malformed_number(self, start: int, end: int) -> tuple[str, str, int]:
        end = max(_end(_WORDY, self._text, end), end)
        shown = self._text[start : min(end, start + 40)]
        kind, word = "INT", "0"
        help = "a number is digits, and a unit is one word behind them, such as `15m` or `200MB`"
        if shown[-1].isalpha():
            kind, word = "UNIT", "1s"
            if "." in shown:
                help = "a number with a unit is whole: write it in a smaller unit, such as `1500MB`"
        elif shown[-1] == "%":
            kind, word = "PERCENT", "1%"
            help = "a share is a whole number, such as `10%`"
        self._problems.add("AP106", f"`{shown}` is no number", start, end, help)
        self.mended = start
        return kind, word, end


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()
