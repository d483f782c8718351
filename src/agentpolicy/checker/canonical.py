"""The texts that there are at all, as automata: canonical paths, commands, names, paths of addresses."""

from __future__ import annotations

from agentpolicy.checker.automata import END, Automata


def canonical_paths(automata: Automata) -> int:
    """The automaton of absolute paths with no empty, ``.`` or ``..`` segment."""

    def draw(a: Automata, start: int) -> list[int]:
        root = a.text(start, "/")
        inside, dot, dots, slash = a.state(), a.state(), a.state(), a.state()
        for begin in (root, slash):
            a.other(begin, ("/", ".", END), inside)
            a.step(begin, ".", dot)
        a.other(dot, ("/", ".", END), inside)
        a.step(dot, ".", dots)
        a.other(dots, ("/", END), inside)
        a.other(inside, ("/", END), inside)
        a.step(inside, "/", slash)
        return [root, inside]

    return automata.add("canonical paths", draw)


def commands(automata: Automata) -> int:
    """The automaton of commands: at least one word, the first not empty."""

    def draw(a: Automata, start: int) -> list[int]:
        program, end, word = a.state(), a.state(), a.state()
        a.other(start, (END,), program)
        a.other(program, (END,), program)
        a.step(program, END, end)
        a.step(end, END, end)
        a.other(end, (END,), word)
        a.other(word, (END,), word)
        a.step(word, END, end)
        return [end]

    return automata.add("commands", draw)


def names(automata: Automata, separator: str) -> int:
    """The automaton of names that are not empty, the separator in front."""

    def draw(a: Automata, start: int) -> list[int]:
        begin, more = a.text(start, separator), a.state()
        a.other(begin, (END,), more)
        a.other(more, (END,), more)
        return [more]

    return automata.add(("names", separator), draw)


def plain_names(automata: Automata, separator: str) -> int:
    """The automaton of names of which no part is empty: those that a person would write."""

    def draw(a: Automata, start: int) -> list[int]:
        begin, inside = a.text(start, separator), a.state()
        a.other(begin, (separator, END), inside)
        a.other(inside, (separator, END), inside)
        a.step(inside, separator, begin)
        return [inside]

    return automata.add(("plain names", separator), draw)


def plain_commands(automata: Automata) -> int:
    """The automaton of commands without an empty word."""

    def draw(a: Automata, start: int) -> list[int]:
        word, end = a.state(), a.state()
        for begin in (start, end):
            a.other(begin, ("-", END) if begin == start else (END,), word)
        a.other(word, (END,), word)
        a.step(word, END, end)
        return [end]

    return automata.add("plain commands", draw)


def address_paths(automata: Automata) -> int:
    """The automaton of the paths of addresses: nothing, or a slash and what follows."""

    def draw(a: Automata, start: int) -> list[int]:
        more = a.text(start, "/")
        a.other(more, ("?", "#", END), more)
        return [start, more]

    return automata.add("address paths", draw)
