"""What is known of a word at the moment that its command runs."""

from __future__ import annotations

from typing import TypeAlias


class Loose:
    """A word that is not known letter by letter.

    * ``head``: the text that it certainly begins with;
    * ``glob``: the whole word where it is text with active ``*``, ``?`` and ``[…]`` (``**`` across directories);
    * ``below``: whether it stands for whatever is at or below ``head``;
    * ``written``: how it stands in the command where that is not its pattern;
    * ``many``: whether it may stand for no word or for several;
    * ``number``: whether it is a number;
    * ``hidden``: whether it does not stand in the text at all;
    * ``loosely``: whether a name with a blank in it would make it something else;
    * ``why``: what is not known, for a person.
    """

    __slots__ = ("below", "glob", "head", "hidden", "loosely", "many", "number", "why", "written")

    def __init__(
        self,
        why: str,
        *,
        head: str = "",
        glob: str | None = None,
        many: bool = False,
        number: bool = False,
        below: bool = False,
        written: str | None = None,
        hidden: bool = False,
        loosely: bool = False,
    ) -> None:
        self.hidden = hidden
        self.loosely = loosely
        self.why = why
        self.head = head
        self.glob = glob
        self.many = many
        self.number = number
        self.below = below
        self.written = written

    def __repr__(self) -> str:
        return f"Loose({self.why!r}, head={self.head!r}, glob={self.glob!r}, many={self.many})"


Value: TypeAlias = "str | Loose"


def shown(value: Value) -> str | None:
    """A value as the word of an effect: text, a shell pattern as it is written, None where it is not known."""
    return value if isinstance(value, str) else value.written or value.glob


def head_of(value: Value) -> str:
    """The text that a value certainly begins with."""
    return value if isinstance(value, str) else value.head


def behind(value: Value, count: int) -> Value:
    """A value without its first ``count`` letters, which have to be known."""
    if isinstance(value, str):
        return value[count:]
    glob = None if value.glob is None else value.glob[count:]
    return Loose(value.why, head=value.head[count:], glob=glob, many=value.many, number=value.number)


def hides_commands(value: str) -> bool:
    """Whether a text, taken as a number, would run something: bash evaluates a value, and subscripts in it, again."""
    return "[" in value and ("$(" in value or "${" in value or "`" in value)
