"""Finite automata over characters: which patterns a text may match together, with a shortest text for each way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from string import ascii_lowercase, digits

#: Ends each word of a command.
END = "\0"
#: What stands for "any other character" in a witness, the first that is free.
_OTHERS = "x" + ascii_lowercase + digits + "_-+@%"

State = frozenset[int]
Marks = frozenset[int]
#: Draws one automaton: from a state it is given, to the states that accept.
Draw = Callable[["Automata", int], Iterable[int]]


class TooLarge(Exception):
    """The search met its cap; ``str()`` names it."""


class Automata:
    """Several nondeterministic automata that read one text side by side.

    ``add`` gives each a number; ``explore`` finds every set of numbers that some text is accepted by.
    """

    def __init__(self) -> None:
        self._exact: list[dict[str, list[int]]] = []
        self._except: list[list[tuple[frozenset[str], int]]] = []
        self._free: list[list[int]] = []
        self._accepts: dict[int, int] = {}
        self._owner: list[int] = []
        self._starts: list[int] = []
        self._known: dict[object, int] = {}
        #: The automata that accept one text only.
        self.single: set[int] = set()
        self._drawing = 0

    # --- drawing -------------------------------------------------------------------

    def add(self, key: object, draw: Draw, *, single: bool = False) -> int:
        """The number of an automaton; equal keys share one. ``single``: it accepts one text only."""
        if key not in self._known:
            self._drawing = self._known[key] = len(self._starts)
            start = self.state()
            self._starts.append(start)
            for state in draw(self, start):
                self._accepts[state] = self._drawing
            if single:
                self.single.add(self._drawing)
        return self._known[key]

    @property
    def count(self) -> int:
        """How many automata there are; their numbers count from 0."""
        return len(self._starts)

    def state(self) -> int:
        """A new state."""
        self._exact.append({})
        self._except.append([])
        self._free.append([])
        self._owner.append(self._drawing)
        return len(self._exact) - 1

    def step(self, at: int, character: str, to: int) -> None:
        """From ``at`` to ``to`` by one character."""
        self._exact[at].setdefault(character, []).append(to)

    def other(self, at: int, excluded: Collection[str], to: int) -> None:
        """From ``at`` to ``to`` by any character that is not excluded."""
        self._except[at].append((frozenset(excluded), to))

    def free(self, at: int, to: int) -> None:
        """From ``at`` to ``to`` without reading."""
        self._free[at].append(to)

    def text(self, at: int, text: str) -> int:
        """The state after a literal text."""
        for character in text:
            after = self.state()
            self.step(at, character, after)
            at = after
        return at

    def run(self, at: int, excluded: Collection[str]) -> int:
        """The state in which any run of characters that are not excluded is read."""
        loop = self.state()
        self.free(at, loop)
        self.other(loop, excluded, loop)
        return loop

    def glob(self, at: int, pattern: str, excluded: Collection[str]) -> int:
        """The state after a text that a pattern matches; ``*`` is any run of characters that are not excluded."""
        pieces = pattern.split("*")
        at = self.text(at, pieces[0])
        for piece in pieces[1:]:
            at = self.text(self.run(at, excluded), piece)
        return at

    # --- reading -------------------------------------------------------------------

    def start(self) -> State:
        """Where every automaton begins."""
        return self._closed(self._starts)

    def read(self, state: State, character: str) -> State:
        """The state after one more character."""
        found: list[int] = []
        for one in state:
            found += self._exact[one].get(character, ())
            found += [to for excluded, to in self._except[one] if character not in excluded]
        return self._closed(found)

    def marks(self, state: State) -> Marks:
        """The numbers of the automata that accept what was read."""
        return frozenset(self._accepts[one] for one in state if one in self._accepts)

    def alive(self, state: State) -> Marks:
        """The numbers of the automata that may still accept."""
        return frozenset(self._owner[one] for one in state)

    def accepts(self, text: str) -> Marks:
        """The numbers of the automata that accept a text."""
        state = self.start()
        for character in text:
            state = self.read(state, character)
        return self.marks(state)

    def explore(
        self,
        *,
        every: int,
        some: Collection[int] | None = None,
        most: int = 20_000,
        stop: int = 2_000,
        work: int = 4_000_000,
    ) -> dict[Marks, str]:
        """A shortest text for each set of numbers that some text is accepted by.

        Args:
            every: only texts that this automaton accepts count.
            some: only texts that one of these may accept are followed; None for no such limit.
            most: states that are looked at, at most.
            stop: sets that are found, at most.
            work: places in the automata that are looked at, at most.

        Raises:
            TooLarge: a cap was met.
        """
        begin = self.start()
        found: dict[Marks, str] = {}
        seen = {begin}
        todo: deque[tuple[State, str]] = deque([(begin, "")])
        while todo:
            state, text = todo.popleft()
            marks = self.marks(state)
            if every in marks and marks not in found and (some is None or not marks.isdisjoint(some)):
                found[marks] = text
                if len(found) > stop:
                    raise TooLarge(f"more than {stop} ways to match the patterns together")
            characters = self._characters(state)
            work -= len(state) * (len(characters) + 1)
            if work < 0:
                raise TooLarge("too many patterns to follow together")
            for character in characters:
                after = self.read(state, character)
                if after in seen:
                    continue
                alive = self.alive(after)
                if every not in alive or (some is not None and alive.isdisjoint(some)):
                    continue
                seen.add(after)
                if len(seen) > most:
                    raise TooLarge(f"more than {most} states of the patterns together")
                todo.append((after, text + character))
        return found

    def _characters(self, state: State) -> list[str]:
        """One character for each way on: those that are named, then one that is not."""
        named = {character for one in state for character in self._exact[one]}
        named.update(character for one in state for excluded, _ in self._except[one] for character in excluded)
        spare = next((one for one in _OTHERS if one not in named), None)
        if spare is None:
            spare = next(one for one in map(chr, range(0x4E00, 0x9FFF)) if one not in named)
        # Ordinary characters first, so that of several shortest texts the plainest is found.
        return [spare, *sorted(named, key=lambda one: (not one.isalnum(), one))]

    def _closed(self, states: Iterable[int]) -> State:
        found = set(states)
        todo = list(found)
        while todo:
            for to in self._free[todo.pop()]:
                if to not in found:
                    found.add(to)
                    todo.append(to)
        return frozenset(found)
