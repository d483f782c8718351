"""The strict reader: shell text to commands, or a refusal.

It reads what sh, bash and zsh agree on, and of bash what is certain (POSIX.1-2017 XCU 2.9 and 2.10, Bash manual 3.2).
What it accepts may lead to an allow, so whatever shells or readers are known to disagree about is refused: carriage
returns, blanks around the end of a here-document, two here-documents on a line, comments that end in a backslash,
brace expansion in a command's name, extended patterns, `coproc`. Time is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from agentpolicy.effects.shell.syntax import (
    Arithmetic,
    Case,
    Chain,
    Function,
    Group,
    If,
    Loop,
    Node,
    Pipeline,
    Redirect,
    Refused,
    Sequence,
    Simple,
    Test,
    Word,
)
from agentpolicy.effects.shell.words import Words
from agentpolicy.effects.text import misleading

_BLANK_STARTS: Final = frozenset(" \t\\#")
_OPERATORS: Final = frozenset("&|;<>()=-")
_BLANKS = re.compile(r"(?:[ \t]|\\\n)+").match
# A whole command of plain words, up to an operator: nearly every command is one.
_QUICK = re.compile(
    r"[A-Za-z0-9_./@%+,\-:^=]++(?:[ \t]++[A-Za-z0-9_./@%+,\-:^=]++)*+(?=[ \t]*+(?:[;|\n)]|&(?!>)|\Z))"
).match
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[A-Za-z0-9_\"'.@*\-]*\])?(\+?)=").match
_ELEMENT = re.compile(r"\[([A-Za-z0-9_-]*)\]").match
_PLAIN_COPY = re.compile(r"-|[A-Za-z0-9_./][A-Za-z0-9_./+,:@-]*").fullmatch
_DESCRIPTOR = re.compile(r"([0-9]{1,9}|\{[A-Za-z_][A-Za-z0-9_]*\})?(&>>|&>|<<<|<<-|<<|<>|<&|<|>>|>\||>&|>)").match
_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_.:\-]*").fullmatch
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch
_NUMBER_OR_DASH = re.compile(r"(?:[0-9]+-?|-)").fullmatch
#: A name followed by another word in arithmetic is a command to a shell that reads `((` as two subshells.
_TWO_WORDS = re.compile(r"[A-Za-z_./~][^\s+*%<>=!&|?:^(),-]*\s+[A-Za-z0-9_./~\"'$]").search

#: Words that begin or end a compound command where a command may stand (POSIX 2.4, Bash manual 3.2.5).
RESERVED: Final = frozenset(
    [
        "!",
        "{",
        "}",
        "[[",
        "]]",
        "case",
        "do",
        "done",
        "elif",
        "else",
        "end",
        "esac",
        "fi",
        "for",
        "foreach",
        "function",
        "if",
        "in",
        "repeat",
        "select",
        "then",
        "time",
        "until",
        "while",
        "coproc",
        "always",
    ]
)
_OPENING: Final = frozenset(
    ["{", "[[", "case", "for", "if", "select", "until", "while", "function", "time", "!", "coproc"]
)


def read_strictly(text: str) -> tuple[Sequence, bool]:
    """The commands of a text, and whether the text holds more than plain words, quotes, pipes, lists and redirections.

    Raises:
        Refused: the text is not read for certain.
    """
    odd = misleading(text.replace("\t", " ").replace("\n", " "))
    if odd is not None:
        raise Refused(f"the text holds {odd}")
    parser = Parser(text, 0, 0)
    return parser.commands(""), parser.rich


class Parser(Words):
    """Recursive descent over one text."""

    # --- lists ---------------------------------------------------------------------------

    def inner(self, text: str, base: int) -> Words:
        """A reader of another text, one level deeper."""
        found = Parser(text, base, self.depth)
        found.deeper()
        self.rich = True
        found.rich = True
        return found

    def commands(self, until: str) -> Sequence:
        """The commands up to the closing character ``until``, which is taken, or to the end of the text."""
        waiting = len(self.pending)
        found = self._sequence(frozenset())
        if until:
            if not self.text.startswith(until, self.at):
                raise Refused(f"a `{until}` is missing")
            self.at += len(until)
        elif self.at < len(self.text):
            raise Refused(f"`{self.text[self.at]}` stands where a command should")
        if len(self.pending) != waiting:
            raise Refused("a here-document has no lines")
        return found

    def _blanks(self) -> None:
        """Pass blanks, continued lines and comments; not line ends."""
        text = self.text
        here = text[self.at : self.at + 1]
        if here not in _BLANK_STARTS:
            return
        if here != "#":
            blank = _BLANKS(text, self.at)
            if blank is not None:
                joined = blank.group().endswith("\\\n") and blank.group().startswith("\\")
                self.at = blank.end()
                if joined and blank.start() and text[self.at : self.at + 1] in _OPERATORS:
                    raise Refused("a line is continued in front of an operator")
        if text.startswith("#", self.at):
            end = text.find("\n", self.at)
            end = len(text) if end < 0 else end
            if text[end - 1] == "\\":
                raise Refused("a comment ends in a backslash")
            self.rich = True
            self.at = end

    def _lines(self) -> None:
        """Pass blanks and line ends, with the bodies of here-documents behind them."""
        while True:
            self._blanks()
            if not self.text.startswith("\n", self.at):
                return
            self.at += 1
            self.bodies()

    def _sequence(self, ends: frozenset[str]) -> Sequence:
        """Commands up to one of the reserved words ``ends``, a closing parenthesis, ``;;`` or the end."""
        found = Sequence()
        text = self.text
        while True:
            self._lines()
            if self.at >= len(text) or text[self.at] == ")" or text.startswith(";;", self.at):
                return found
            if ends and self._peek() in ends:
                return found
            node = self._chain()
            self._blanks()
            behind = text[self.at : self.at + 1]
            background = False
            if behind == "&":
                if text.startswith("&&", self.at):
                    raise Refused("`&&` stands where a command should")
                background = True
                self.at += 1
            elif behind == ";" and not text.startswith(";;", self.at):
                self.at += 1
                if text.startswith("&", self.at):
                    raise Refused("`;&` stands where a command should")
            found.items.append((node, background))
            if behind and behind not in ";&\n)":
                raise Refused(f"`{behind}` stands where a command should end")

    def _body(self, ends: str) -> Sequence:
        """Commands up to one of some reserved words, which is not taken; at least one command."""
        found = self._sequence(frozenset(ends.split()))
        if not found.items:
            raise Refused("a compound command holds no command")
        return found

    def _peek(self) -> str:
        """The plain word at this place, empty where there is none."""
        text = self.text
        end = self.at
        while end < len(text) and text[end] not in " \t\n;&|<>()":
            end += 1
            if end - self.at > 10:
                return ""
        return text[self.at : end]

    def _reserved(self, *words: str) -> str:
        """Take one of these reserved words.

        Raises:
            Refused: another stands there.
        """
        self._lines()
        found = self._peek()
        if found not in words:
            raise Refused(f"`{words[0]}` is missing")
        self.at += len(found)
        return found

    def _chain(self) -> Node:
        first = self._pipeline()
        rest: list[tuple[str, Node]] = []
        text = self.text
        while True:
            self._blanks()
            operator = text[self.at : self.at + 2]
            if operator not in ("&&", "||"):
                return Chain(first, rest) if rest else first
            self.at += 2
            self._lines()
            rest.append((operator, self._pipeline()))

    def _pipeline(self) -> Node:
        parts: list[Node] = []
        text = self.text
        negated = False
        while True:
            self._blanks()
            while text.startswith("!", self.at) and self._peek() == "!":
                if parts:
                    raise Refused("`!` behind `|` is read in different ways")
                self.at += 1
                negated = True
                self._blanks()
            parts.append(self._command())
            self._blanks()
            if not text.startswith("|", self.at) or text.startswith("||", self.at):
                node = parts[0] if len(parts) == 1 else Pipeline(parts)
                node.negated = node.negated or negated
                return node
            self.at += 1
            if text.startswith("&", self.at):
                self.at += 1
            self._lines()

    # --- commands ------------------------------------------------------------------------------

    def _command(self) -> Node:
        text = self.text
        quick = _QUICK(text, self.at)
        if quick is not None:
            words = quick.group().split()
            first = words[0]
            if first not in RESERVED and "=" not in first and first[0] not in "%^" and " =" not in quick.group():
                simple = Simple()
                simple.words = words  # type: ignore[assignment]
                simple.at = self.base + self.at if self.base >= 0 else -1
                self.at = quick.end()
                return simple
        if text.startswith("(", self.at):
            self.rich = True
            self.deeper()
            node: Node
            if text.startswith("((", self.at):
                node = self._double_parenthesis()
            else:
                self.at += 1
                node = Group(self.commands(")"), subshell=True)
                if not node.body.items:
                    raise Refused("a subshell holds no command")
            self.depth -= 1
            self._redirects(node)
            return node
        word = self._peek()
        if word in RESERVED:
            if word not in _OPENING:
                raise Refused(f"`{word}` stands where a command should")
            self.rich = True
            self.deeper()
            self.at += len(word)
            node = self._compound(word)
            self.depth -= 1
            if not isinstance(node, Function | Pipeline | Simple):
                self._redirects(node)
            return node
        return self._simple()

    def _double_parenthesis(self) -> Node:
        self.at += 2
        parts = self._arithmetic()
        written = "".join([part[1] if part[0] in ("text", "quoted") else " $ " for part in parts])
        if _TWO_WORDS(written) is not None:
            raise Refused("`((` may open two subshells")
        return Arithmetic(parts)

    def _compound(self, word: str) -> Node:
        if word == "{":
            body = self._body("}")
            self._reserved("}")
            return Group(body, subshell=False)
        if word in {"while", "until"}:
            condition = self._body("do")
            return Loop(condition, None, None, self._do())
        if word == "if":
            return self._if()
        if word in {"for", "select"}:
            return self._for()
        if word == "case":
            return self._case()
        if word == "[[":
            return self._test()
        if word == "function":
            return self._function()
        if word == "time":
            at = self.at - len(word)
            self._blanks()
            if self._peek() in {"-p", "--"}:
                raise Refused("`time` with options is read in different ways")
            if not self._peek() and self.text[self.at : self.at + 1] != "(":
                raise Refused("`time` times nothing")
            node = self._pipeline()
            first = node.parts[0] if isinstance(node, Pipeline) else node
            if isinstance(first, Simple) and first.at >= 0:
                first.at = self.base + at  # where a shell without this word has its command
            return node
        raise Refused(f"`{word}` is not read")

    def _do(self) -> Sequence:
        self._reserved("do")
        body = self._body("done")
        self._reserved("done")
        return body

    def _if(self) -> Node:
        arms: list[tuple[Sequence, Sequence]] = []
        while True:
            condition = self._body("then")
            self._reserved("then")
            arms.append((condition, self._body("elif else fi")))
            word = self._reserved("elif", "else", "fi")
            if word == "fi":
                return If(arms, None)
            if word == "else":
                other = self._body("fi")
                self._reserved("fi")
                return If(arms, other)

    def _for(self) -> Node:
        self._blanks()
        if self.text.startswith("((", self.at):
            self.at += 2
            condition = Arithmetic(self._arithmetic())
            self._blanks()
            if self.text.startswith(";", self.at):
                self.at += 1
            return Loop(condition, None, None, self._do())
        name = self.word()
        if not isinstance(name, str) or _NAME(name) is None:
            raise Refused("`for` has no name")
        words: list[Word] | None = None
        self._lines()
        if self._peek() == "in":
            self.at += 2
            words = []
            while True:
                self._blanks()
                if self.at >= len(self.text) or self.text[self.at] in ";\n":
                    break
                if self.text[self.at] in "&|)":
                    raise Refused("the words of `for` do not end")
                words.append(self.word())
        self._blanks()
        if self.text.startswith(";", self.at):
            self.at += 1
        return Loop(None, name, words, self._do())

    def _case(self) -> Node:
        self._blanks()
        word = self.word()
        self._reserved("in")
        arms: list[tuple[list[Word], Sequence]] = []
        text = self.text
        while True:
            self._lines()
            if self._peek() == "esac":
                self.at += 4
                return Case(word, arms)
            if text.startswith("(", self.at):
                self.at += 1
            patterns: list[Word] = []
            while True:
                self._blanks()
                if text[self.at : self.at + 1] in ("", ")", "|"):
                    raise Refused("a pattern of `case` is missing")
                patterns.append(self.word())
                self._blanks()
                if text.startswith("|", self.at):
                    self.at += 1
                    continue
                break
            if not text.startswith(")", self.at):
                raise Refused("a pattern of `case` has no `)`")
            self.at += 1
            body = self._sequence(frozenset({"esac"}))
            arms.append((patterns, body))
            if text.startswith(";;", self.at):
                self.at += 2
                if text[self.at : self.at + 1] in ("&", ";"):
                    raise Refused("`;;&` is not read")

    def _test(self) -> Node:
        """``[[ … ]]``: words and operators; what another shell could take for a command is refused."""
        words: list[Word] = []
        text = self.text
        alone = 0  # words since the last operator
        joined = False
        while True:
            self._lines()
            if self.at >= len(text):
                raise Refused("`[[` is not closed")
            if self._peek() == "]]":
                self.at += 2
                if joined and alone == 1:
                    raise Refused("`[[` joins tests that another shell would run")
                return Test(words)
            operator = text[self.at : self.at + 2]
            if operator in ("&&", "||"):
                if alone == 1 and joined:
                    raise Refused("`[[` joins tests that another shell would run")
                joined, alone = True, 0
                words.append(operator)
                self.at += 2
                continue
            here = text[self.at]
            if here in "()<>":
                words.append(here)
                self.at += 1
                continue
            if here in ";&|":
                raise Refused(f"`{here}` stands inside `[[`")
            word = self._operand()
            words.append(word)
            if word != "!":
                alone += 1
            if word == "=~":
                self._blanks()
                words.append(self._pattern())
                alone += 1

    def _operand(self) -> Word:
        if self._peek() in ("=~", "=", "==", "!", "!="):
            found = self._peek()
            self.at += len(found)
            return found
        return self.word()

    def _pattern(self) -> Word:
        """The right side of ``=~``: kept only where it is quoted or plain, since unquoted it has a syntax of its
        own.
        """
        text = self.text
        end = self.at
        while end < len(text) and text[end] not in " \t\n":
            if text[end] in "`;&<>" or (text[end] == "$" and text[end + 1 : end + 2] == "("):
                raise Refused("the pattern behind `=~` is not read")
            if text[end] in "'\"":
                return self.word()
            end += 2 if text[end] == "\\" else 1
        written = text[self.at : end]
        self.at = min(end, len(text))
        return [("quoted", written)]

    def _function(self) -> Node:
        self._blanks()
        name = self._peek()
        if _FUNCTION(name) is None:
            raise Refused("`function` has no plain name")
        self.at += len(name)
        self._blanks()
        if self.text.startswith("(", self.at):
            self._parentheses()
        return self._definition(name)

    def _parentheses(self) -> None:
        self.at += 1
        self._blanks()
        if not self.text.startswith(")", self.at):
            raise Refused("a function's parentheses are not empty")
        self.at += 1

    def _definition(self, name: str) -> Node:
        self._lines()
        self.rich = True
        self.deeper()
        if not (self.text.startswith("(", self.at) or self._peek() in {"{", "if", "for", "while", "case", "until"}):
            raise Refused("a function's body is not a compound command")
        body = self._command()
        self.depth -= 1
        return Function(name, body)

    # --- simple commands --------------------------------------------------------------------

    def _simple(self) -> Node:
        node = Simple()
        text = self.text
        while True:
            self._blanks()
            here = text[self.at : self.at + 1]
            if not here or here in "\n;|)":
                break
            if here == "&" and not text.startswith("&>", self.at):
                break
            if here in "<>&0123456789{" and self._redirect(node):
                continue
            if here == "(":
                name = node.words[0] if len(node.words) == 1 and not node.assignments and not node.redirects else None
                if not isinstance(name, str) or _FUNCTION(name) is None:
                    raise Refused("`(` stands inside a command")
                self._parentheses()
                return self._definition(name)
            if not node.words and self._assignment(node):
                continue
            at = self.at
            word = self.word()
            if not node.words:
                node.at = self.base + at if self.base >= 0 else -1
                self._program(word)
            node.words.append(word)
        if not node.words and not node.assignments and not node.redirects:
            raise Refused("a command is missing")
        return node

    def _program(self, word: Word) -> None:
        """What may stand in a command's first place."""
        if isinstance(word, str):
            if word[0] in "%^":
                raise Refused(f"`{word[:60]}` names a job or recalls a command")
            if "[" in word and word != "[":
                raise Refused(f"`{word[:60]}` may begin an assignment to an array")
            return
        for part in word:
            if part[0] == "brace" and part[1] != ",":
                raise Refused("a command's name holds braces")
            if part[0] == "glob" or (part[0] == "text" and "[" in part[1]):
                raise Refused("a command's name stands for file names")
            if part[0] == "ansi":
                raise Refused("a command's name is written with escapes that some shells do not read")

    def _assignment(self, node: Simple) -> bool:
        found = _ASSIGNMENT(self.text, self.at)
        if found is None:
            return False
        name, subscript, plus = found.groups()
        self.at = found.end()
        self.rich = True
        text = self.text
        if text.startswith("(", self.at):
            self.at += 1
            items: list[Word] = []
            while True:
                self._lines()
                if text.startswith("[", self.at):
                    element = _ELEMENT(text, self.at)
                    if element is None:
                        raise Refused("an element of an array has a subscript that is not plain")
                    items.append([("arithmetic", [("text", element.group(1))], False)])
                if text.startswith(")", self.at):
                    self.at += 1
                    break
                if self.at >= len(text) or text[self.at] in ";&|<>(":
                    raise Refused("an array's words do not end")
                items.append(self.word())
            if self.at < len(self.text) and self.text[self.at] not in " \t\n;&|)":
                raise Refused("what stands behind an array is read in different ways")  # bash: a part of the assignment
            node.assignments.append((name, True, None, items))
            return True
        value: Word = ""
        if self.at < len(text) and text[self.at] not in " \t\n;&|)<>":
            value = self._value()
        items = [[("arithmetic", [("text", subscript[1:-1])], False)]] if subscript else []
        node.assignments.append((name, bool(subscript or plus), value, items))
        return True

    def _value(self) -> Word:
        if self.text[self.at] in "=~":
            if self.text[self.at] == "~":
                return self._parts()
            # `x==y` assigns `=y`
            self.at += 1
            rest = self._value() if self.at < len(self.text) and self.text[self.at] not in " \t\n;&|)<>" else ""
            return "=" + rest if isinstance(rest, str) else [("text", "="), *rest]
        return self.word()

    def _redirect(self, node: Node) -> bool:
        """Take a redirection if one stands here."""
        text = self.text
        found = _DESCRIPTOR(text, self.at)
        if found is None:
            return False
        descriptor, operator = found.group(1) or "", found.group(2)
        if text.startswith("(", found.end()) and operator in "<>" and not descriptor:
            return False  # process substitution
        if descriptor and operator.startswith("&"):
            return False
        self.at = found.end()
        self._blanks()
        if self.at >= len(text) or text[self.at] in "\n;&|)":
            raise Refused(f"`{operator}` has no target")
        if descriptor[:1] == "{":
            self.rich = True
        if operator in ("<<", "<<-"):
            self.rich = True
            self._here(node, operator, descriptor)
            return True
        if operator == "<<<":
            self.rich = True
        if text[self.at] in "<>" and not text.startswith(("<(", ">("), self.at):
            raise Refused(f"`{operator}` has no target")
        target = self.word()
        if operator in ("<&", ">&") and (not isinstance(target, str) or _PLAIN_COPY(target) is None):
            # bash expands the word a second time where it is a file, and ends `>&-` before what follows
            raise Refused(f"what stands behind `{operator}` is read in different ways")
        node.redirects.append(Redirect(operator, descriptor, target))
        return True

    def _here(self, node: Node, operator: str, descriptor: str) -> None:
        word = self.word()
        if isinstance(word, str):
            delimiter, expands = word, True
        else:
            if any(part[0] not in ("text", "quoted") for part in word):
                raise Refused("the end of a here-document is not plain")
            delimiter = "".join([part[1] for part in word])
            expands = all(part[0] == "text" for part in word)
        if not delimiter or "\n" in delimiter or delimiter != delimiter.strip():
            raise Refused("the end of a here-document is not plain")
        redirect = Redirect(operator, descriptor, word, [])
        node.redirects.append(redirect)

        def put(parts: list[tuple[object, ...]]) -> None:
            redirect.body = parts

        put_body: Callable[[list[tuple[object, ...]]], None] = put
        self.pending.append((delimiter, operator == "<<-", expands, put_body))

    def _redirects(self, node: Node) -> None:
        """The redirections behind a compound command."""
        while True:
            self._blanks()
            here = self.text[self.at : self.at + 1]
            if not here or here not in "<>&0123456789{" or (here == "&" and not self.text.startswith("&>", self.at)):
                return
            if not self._redirect(node):
                raise Refused("a compound command is followed by a word")


def duplicates_descriptor(redirect: Redirect) -> bool:
    """Whether a redirection only copies, moves or closes a descriptor."""
    return (
        redirect.operator in ("<&", ">&")
        and isinstance(redirect.target, str)
        and _NUMBER_OR_DASH(redirect.target) is not None
    )
