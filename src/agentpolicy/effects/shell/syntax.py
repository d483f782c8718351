"""What the strict reader makes of shell text: commands, words and their parts.

A *word* is plain text where it stands for itself, else a list of parts. A part is a tuple that begins with its kind:

* ``("text", TEXT)``: unquoted text that stands for itself
* ``("quoted", TEXT)``: quoted text
* ``("glob", TEXT)``: ``*``, ``?`` or ``[…]``, active
* ``("brace", "{" or "," or "}")``: unquoted, may be a brace expansion
* ``("tilde", USER)``: a home directory; the empty text is the caller's
* ``("variable", NAME, OPERATOR, PARTS, QUOTED)``: parameter expansion; ``OPERATOR`` is empty for ``$x`` and ``${x}``
* ``("commands", LIST, QUOTED)``: command substitution
* ``("process", LIST)``: process substitution
* ``("arithmetic", PARTS, QUOTED)``: ``$((…))``
"""

from __future__ import annotations

from typing import Any, TypeAlias

Part: TypeAlias = tuple[Any, ...]
Parts: TypeAlias = list[Part]
Word: TypeAlias = "str | Parts"


class Refused(Exception):
    """The strict reader does not read this text; ``why`` is a sentence for a person."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Redirect:
    """One redirection: operator, number or ``{name}`` of the descriptor (empty where not said), target.

    ``body`` holds the parts of a here-document.
    """

    __slots__ = ("body", "descriptor", "operator", "target")

    def __init__(self, operator: str, descriptor: str, target: Word, body: Parts | None = None) -> None:
        self.operator = operator
        self.descriptor = descriptor
        self.target = target
        self.body = body


class Node:
    """Base of commands. ``redirects`` hold for the whole of it; ``negated``: a ``!`` stands in front."""

    __slots__ = ("negated", "redirects")

    def __init__(self) -> None:
        self.redirects: list[Redirect] = []
        self.negated = False


class Simple(Node):
    """A simple command: assignments, words. ``at`` is where its first word stands in the text, -1 where not known."""

    __slots__ = ("assignments", "at", "words")

    def __init__(self) -> None:
        super().__init__()
        #: (name, whether ``+=`` or a subscript keeps a part of the old value, value; None for an array's)
        self.assignments: list[tuple[str, bool, Word | None, list[Word]]] = []
        self.words: list[Word] = []
        self.at = -1


class Pipeline(Node):
    """Commands joined by ``|``."""

    __slots__ = ("parts",)

    def __init__(self, parts: list[Node]) -> None:
        super().__init__()
        self.parts = parts


class Chain(Node):
    """Pipelines joined by ``&&`` and ``||``."""

    __slots__ = ("first", "rest")

    def __init__(self, first: Node, rest: list[tuple[str, Node]]) -> None:
        super().__init__()
        self.first = first
        self.rest = rest


class Sequence(Node):
    """A list of commands, each with whether it runs in the background."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        super().__init__()
        self.items: list[tuple[Node, bool]] = []


class Group(Node):
    """``{ … }``, or with ``subshell`` ``( … )``."""

    __slots__ = ("body", "subshell")

    def __init__(self, body: Sequence, subshell: bool) -> None:
        super().__init__()
        self.body = body
        self.subshell = subshell


class If(Node):
    """``if``: pairs of condition and body, and the body of ``else``."""

    __slots__ = ("arms", "other")

    def __init__(self, arms: list[tuple[Sequence, Sequence]], other: Sequence | None) -> None:
        super().__init__()
        self.arms = arms
        self.other = other


class Loop(Node):
    """``while``, ``until``, ``for`` and ``select``: what is asked or computed before each round, the name that changes,
    the words it takes (None: not such a loop), the body.
    """

    __slots__ = ("body", "condition", "name", "words")

    def __init__(self, condition: Node | None, name: str | None, words: list[Word] | None, body: Sequence) -> None:
        super().__init__()
        self.condition = condition
        self.name = name
        self.words = words
        self.body = body


class Case(Node):
    """``case``: the word, and for each arm its patterns and its body."""

    __slots__ = ("arms", "word")

    def __init__(self, word: Word, arms: list[tuple[list[Word], Sequence]]) -> None:
        super().__init__()
        self.word = word
        self.arms = arms


class Function(Node):
    """A function's definition."""

    __slots__ = ("body", "name")

    def __init__(self, name: str, body: Node) -> None:
        super().__init__()
        self.name = name
        self.body = body


class Test(Node):
    """``[[ … ]]``: the words and operators in it, in their order."""

    __slots__ = ("words",)

    def __init__(self, words: list[Word]) -> None:
        super().__init__()
        self.words = words


class Arithmetic(Node):
    """``(( … ))``."""

    __slots__ = ("parts",)

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.parts = parts
