"""Reads the words of shell text: quoting, expansions, here-documents (POSIX.1-2017 XCU 2.2, 2.3, 2.6; Bash manual
3.1, 3.5).

Everything that the strict reader does not know for certain is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from agentpolicy.effects.shell.syntax import Parts, Refused, Sequence, Word

#: Deepest nesting of substitutions, quotes and compound commands.
DEEPEST: Final = 40

_PLAIN = re.compile(r"[A-Za-z0-9_./@%+,\-:^=]+").match
_RUN = re.compile(r"[^\s;&|<>()$`\\\"'*?\[\]{}~,=:#!]+").match
_QUOTED_RUN = re.compile(r'[^"$`\\]+').match
_BODY_RUN = re.compile(r"[^$`\\]+").match
_BRACE_RUN = re.compile(r"[^}\"'$`\\{]+").match
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").match
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!\-]").match
_ARITHMETIC_RUN = re.compile(r"[^()$`\\\"']+").match
_BRACKET = re.compile(r"\[[!^]?\]?(?:\[:[a-z]+:\]|[A-Za-z0-9_.\-,])+\]").match
_ENDS: Final = frozenset(" \t\n;&|<>()")
_ESCAPES: Final = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_ESCAPED = re.compile(
    r"\\(?:([abeEfnrtv\\'\"?])|([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|(.?))",
    re.DOTALL,
)


class Words:
    """A place in shell text, and what reads words from there.

    ``base`` is where the text stands in the whole; -1 where that is not known.
    """

    def __init__(self, text: str, base: int, depth: int) -> None:
        self.text = text
        self.base = base
        self.depth = depth
        self.at = 0
        #: here-documents whose body begins on the next line: (delimiter, tabs stripped, expands, where the body goes)
        self.pending: list[tuple[str, bool, bool, Callable[[Parts], None]]] = []
        #: whether more than plain words, quotes and operators was read
        self.rich = False

    # --- seams: reading commands is the parser's -------------------------------------

    def commands(self, until: str) -> Sequence:
        """The commands up to a closing character, which is taken."""
        raise NotImplementedError

    def inner(self, text: str, base: int) -> Words:
        """A reader of another text, one level deeper."""
        raise NotImplementedError

    def deeper(self) -> None:
        """Go one level down.

        Raises:
            Refused: too deep.
        """
        self.depth += 1
        if self.depth > DEEPEST:
            raise Refused("commands are nested too deeply to be read")

    # --- words ------------------------------------------------------------------------

    def word(self) -> Word:
        """The word at this place, which must begin one."""
        text = self.text
        plain = _PLAIN(text, self.at)
        if plain is not None:
            end = plain.end()
            if end == len(text) or (text[end] in _ENDS and not text.startswith(("<(", ">("), end)):
                found = plain.group()
                if found[0] == "=" and len(found) > 1:
                    raise Refused(f"`{found[:60]}` stands for a program's path in zsh")
                self.at = end
                return found
        parts = self._parts()
        if len(parts) == 1 and parts[0][0] == "text":
            alone: str = parts[0][1]
            return alone
        return parts

    def _parts(self) -> Parts:
        text = self.text
        end = len(text)
        parts: Parts = []
        start = self.at
        while self.at < end:
            here = text[self.at]
            run = _RUN(text, self.at)
            if run is not None:
                self.at = run.end()
                parts.append(("text", run.group()))
                continue
            if here in " \t\n;&|)":
                break
            if here in "<>":
                if text.startswith("(", self.at + 1):
                    self.at += 2
                    self.rich = True
                    self.deeper()
                    parts.append(("process", self.commands(")")))
                    self.depth -= 1
                    continue
                break
            if here == "(":
                if not parts or parts[-1][0] != "text":
                    raise Refused("`(` inside a word may be a pattern of one shell and something else in another")
                break
            if here == "\\":
                if self.at + 1 >= end:
                    raise Refused("`\\` ends the text")
                if text[self.at + 1] == "\n":
                    self.at += 2
                    if parts and self.at < end and text[self.at] not in " \t\n":
                        # the two lines are one before the shell looks at names, operators and reserved words
                        raise Refused("a line is continued in the middle of a word")
                    continue
                parts.append(("quoted", text[self.at + 1]))
                self.at += 2
            elif here == "'":
                closing = text.find("'", self.at + 1)
                if closing < 0:
                    raise Refused("`'` opens a quotation that never ends")
                parts.append(("quoted", text[self.at + 1 : closing]))
                self.at = closing + 1
            elif here == '"':
                self.at += 1
                self._double(parts)
            elif here == "$":
                self._dollar(parts, quoted=False)
            elif here == "`":
                self._backquote(parts, quoted=False)
            elif here in "*?":
                parts.append(("glob", here))
                self.at += 1
            elif here == "[":
                bracket = _BRACKET(text, self.at)
                if bracket is not None:
                    parts.append(("glob", bracket.group()))
                    self.at = bracket.end()
                else:
                    parts.append(("text", "["))
                    self.at += 1
            elif here in "{,}":
                parts.append(("brace", here))
                self.at += 1
            elif here == "~":
                self._tilde(parts, self.at == start)
            elif here == "=" and self.at == start:
                raise Refused("`=` in front of a name stands for a program's path in zsh")
            elif here in "]=:#!":
                parts.append(("text", here))
                self.at += 1
            else:
                raise Refused("the text holds a character that shells read in different ways")
        if not parts:
            raise Refused("a word is missing")
        return _joined(parts)

    def _tilde(self, parts: Parts, first: bool) -> None:
        self.at += 1
        user = re.compile(r"[A-Za-z0-9_.+\-]*").match(self.text, self.at)
        assert user is not None
        name = user.group()
        after = self.text[user.end() : user.end() + 1]
        if first and after == ":":
            raise Refused("bash takes `~` in front of `:` for a home directory, as in a list of paths")
        if first and (not after or after in "/ \t\n;&|<>()"):
            self.at = user.end()
            parts.append(("tilde", name))
        elif parts and parts[-1][0] == "text" and parts[-1][1][-1:] in "=:":
            if name or (after and after not in "/: \t\n;&|<>()"):
                raise Refused("`~` may stand for a home directory")
            parts.append(("tilde-after", ""))
        else:
            parts.append(("text", "~"))

    def _double(self, parts: Parts) -> None:
        """The rest of a double-quoted text, its closing quote taken."""
        before = len(parts)
        self._expanding(parts, _QUOTED_RUN, '"')
        if len(parts) == before:
            parts.append(("quoted", ""))

    def _expanding(self, parts: Parts, run: Callable[[str, int], re.Match[str] | None], stop: str) -> None:
        """Text in which only ``$``, backquotes and backslashes mean something."""
        text = self.text
        end = len(text)
        while self.at < end:
            found = run(text, self.at)
            if found is not None:
                self.at = found.end()
                parts.append(("quoted", found.group()))
                continue
            here = text[self.at]
            if here == stop:
                self.at += 1
                return
            if here == "\\":
                after = text[self.at + 1 : self.at + 2]
                if not after:
                    if not stop:
                        parts.append(("quoted", "\\"))
                        self.at += 1
                        return
                    raise Refused("`\\` ends the text")
                self.at += 2
                if after == "\n":
                    continue
                escapes = after in '$`\\"' if stop else after in "$`\\"
                parts.append(("quoted", after if escapes else "\\" + after))
            elif here == "$":
                self._dollar(parts, quoted=True)
            elif here == "`":
                self._backquote(parts, quoted=True)
            else:
                parts.append(("quoted", here))
                self.at += 1
        if stop:
            raise Refused('`"` opens a quotation that never ends')

    # --- expansions -----------------------------------------------------------------------

    def _dollar(self, parts: Parts, quoted: bool) -> None:
        text = self.text
        self.at += 1
        after = text[self.at : self.at + 1]
        self.rich = True
        if text.startswith("\\\n", self.at):
            raise Refused("a line is continued behind `$`")
        if after == "(":
            if text.startswith("((", self.at):
                opened = self.at
                self.at += 2
                self.deeper()
                try:
                    inside = self._arithmetic()
                except Refused:
                    # `$((` may also open a subshell inside a substitution
                    raise Refused("`$((` could not be read as arithmetic") from None
                self.depth -= 1
                assert self.at > opened
                parts.append(("arithmetic", inside, quoted))
                return
            self.at += 1
            self.deeper()
            parts.append(("commands", self.commands(")"), quoted))
            self.depth -= 1
        elif after == "{":
            self.at += 1
            self.deeper()
            self._braced(parts, quoted)
            self.depth -= 1
        elif after == "'" and not quoted:
            self._ansi(parts)
        elif after == '"' and not quoted:
            raise Refused('`$"` may be translated to anything')
        elif after == "[":
            raise Refused("`$[` is arithmetic in some shells only")
        else:
            name = _PARAMETER(text, self.at)
            if name is None or (name.group().isdigit() and len(name.group()) > 1):
                if name is not None:
                    # `$12` is `${1}2`
                    parts.append(("variable", name.group()[0], "", [], quoted))
                    self.at += 1
                    return
                parts.append(("quoted", "$"))
                return
            self.at = name.end()
            if text.startswith("\\\n", self.at):
                raise Refused("a line is continued behind the name of a variable")
            parts.append(("variable", name.group(), "", [], quoted))

    def _ansi(self, parts: Parts) -> None:
        """``$'…'``: escapes as in C (Bash manual, ANSI-C Quoting)."""
        text = self.text
        end = self.at + 1
        while end < len(text) and text[end] != "'":
            end += 2 if text[end] == "\\" else 1
        if end >= len(text):
            raise Refused("`$'` opens a quotation that never ends")
        written = text[self.at + 1 : end]
        self.at = end + 1
        found: list[str] = []
        last = 0
        for escape in _ESCAPED.finditer(written):
            found.append(written[last : escape.start()])
            last = escape.end()
            letter, octal, byte, short, long, other = escape.groups()
            if letter:
                found.append(_ESCAPES[letter])
                continue
            if octal or byte or short or long:
                code = int(octal, 8) & 0xFF if octal else int(byte or short or long, 16)
                if code == 0 or 0xD800 <= code < 0xE000 or code > 0x10FFFF or ((octal or byte) and code > 0x7F):
                    raise Refused("`$'…'` holds a byte that is no character of its own")
                found.append(chr(code))
                continue
            if other == "c":
                raise Refused("`$'…'` holds a control character")
            found.append("\\" + other)
        found.append(written[last:])
        parts.append(("quoted", "".join(found)))
        parts.append(("ansi", ""))

    def _backquote(self, parts: Parts, quoted: bool) -> None:
        text = self.text
        self.rich = True
        end = self.at + 1
        while end < len(text) and text[end] != "`":
            end += 2 if text[end] == "\\" else 1
        if end >= len(text):
            raise Refused("a backquote opens a command that never ends")
        inside = text[self.at + 1 : end]
        base = self.base + self.at + 1 if self.base >= 0 and "\\" not in inside else -1
        self.at = end + 1
        if "\\" in inside:
            inside = re.sub(r'\\([$`\\"])' if quoted else r"\\([$`\\])", r"\1", inside)
        reader = self.inner(inside, base)
        parts.append(("commands", reader.commands(""), quoted))

    def _braced(self, parts: Parts, quoted: bool) -> None:
        """``${…}``, its closing brace taken."""
        text = self.text
        length = text.startswith("#", self.at) and not text.startswith("#}", self.at)
        indirect = text.startswith("!", self.at) and not text.startswith("!}", self.at)
        if length or indirect:
            self.at += 1
        name = _PARAMETER(text, self.at)
        if name is None:
            raise Refused("`${` opens an expansion that is not known")
        self.at = name.end()
        rest: Parts = []
        if text.startswith("[", self.at):
            rest.append(("subscript", ""))
        start = self.at
        self._until_brace(rest)
        written = text[start : self.at - 1]
        if "@P" in written and re.search(r"@P\s*$", written):
            raise Refused("`${…@P}` runs what the value says")
        if "<(" in written or ">(" in written or "=(" in written:
            raise Refused("`<(…)` inside `${…}` runs commands in some shells")
        operator = "" if not written else written[:2] if written[:2] in (":-", ":=", ":?", ":+") else written[0]
        if length or indirect:
            operator = "#length" if length else "!indirect"
        parts.append(("variable", name.group(), operator, rest, quoted))

    def _until_brace(self, parts: Parts) -> None:
        text = self.text
        end = len(text)
        while self.at < end:
            run = _BRACE_RUN(text, self.at)
            if run is not None:
                parts.append(("text", run.group()))
                self.at = run.end()
                continue
            here = text[self.at]
            if here == "}":
                self.at += 1
                return
            if here == "\\":
                parts.append(("quoted", text[self.at + 1 : self.at + 2]))
                self.at += 2
            elif here == "'":
                # Inside double quotes a single quote is a letter in some operators and a quote in others.
                closing = text.find("'", self.at + 1)
                inside = text[self.at + 1 : closing] if closing >= 0 else ""
                if closing < 0 or any(one in inside for one in '}$`"\\'):
                    raise Refused("quotes inside `${…}` are read in different ways")
                parts.append(("quoted", inside))
                self.at = closing + 1
            elif here == '"':
                self.at += 1
                self._double(parts)
            elif here == "$":
                self._dollar(parts, quoted=True)
            elif here == "`":
                self._backquote(parts, quoted=True)
            else:
                raise Refused("`{` inside `${…}` is read in different ways")
        raise Refused("`${` opens an expansion that never ends")

    def _arithmetic(self) -> Parts:
        """Arithmetic up to ``))``, which is taken."""
        text = self.text
        end = len(text)
        parts: Parts = []
        level = 0
        while self.at < end:
            run = _ARITHMETIC_RUN(text, self.at)
            if run is not None:
                parts.append(("text", run.group()))
                self.at = run.end()
                continue
            here = text[self.at]
            if here == "(":
                level += 1
                parts.append(("text", here))
                self.at += 1
            elif here == ")":
                if level == 0:
                    if not text.startswith("))", self.at):
                        raise Refused("`((` does not end in `))`")
                    self.at += 2
                    return parts
                level -= 1
                parts.append(("text", here))
                self.at += 1
            elif here == '"':
                self.at += 1
                self._double(parts)
            elif here == "$":
                self._dollar(parts, quoted=True)
            elif here == "`":
                self._backquote(parts, quoted=True)
            else:
                raise Refused("quotes inside arithmetic are read in different ways")
        raise Refused("`((` opens arithmetic that never ends")

    def body(self, parts: Parts) -> None:
        """The whole text as the body of a here-document that expands."""
        self._expanding(parts, _BODY_RUN, "")

    # --- here-documents ----------------------------------------------------------------------

    def bodies(self) -> None:
        """Take the bodies of here-documents that begin at this place, just behind a line's end."""
        if not self.pending:
            return
        if len(self.pending) > 1:
            raise Refused("two here-documents on one line are read in different ways")
        delimiter, tabs, expands, put = self.pending.pop()
        text = self.text
        start = self.at
        lines: list[str] = []
        while True:
            if self.at >= len(text):
                raise Refused("a here-document never ends")
            newline = text.find("\n", self.at)
            line = text[self.at :] if newline < 0 else text[self.at : newline]
            self.at = len(text) if newline < 0 else newline + 1
            bare = line.lstrip("\t") if tabs else line
            if bare == delimiter:
                break
            if bare.strip() == delimiter or line.lstrip("\t") == delimiter:
                raise Refused("a line of a here-document is its end with blanks around it")
            lines.append(bare)
        if newline >= 0:
            # what ends a line is the caller's to see
            self.at -= 1
        body = "".join([line + "\n" for line in lines])
        if not expands:
            put([("quoted", body)])
            return
        if "\\\n" in body:
            raise Refused("a line of a here-document is continued")
        if "$" not in body and "`" not in body:
            put([("quoted", body)])
            return
        self.rich = True
        reader = self.inner(body, -1 if tabs or self.base < 0 else self.base + start)
        parts: Parts = []
        reader.body(parts)
        put(parts)


def _joined(parts: Parts) -> Parts:
    """Neighbouring parts of plain text as one."""
    if len(parts) < 2:
        return parts
    found: Parts = [parts[0]]
    for part in parts[1:]:
        last = found[-1]
        if part[0] == last[0] and part[0] in ("text", "quoted"):
            found[-1] = (part[0], last[1] + part[1])
        else:
            found.append(part)
    return found
