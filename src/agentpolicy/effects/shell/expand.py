"""Words to values: parameter, brace, tilde and arithmetic expansion and field splitting, as far as they are known
(POSIX.1-2017 XCU 2.6, Bash manual 3.5).
"""

from __future__ import annotations

import itertools
import re
from typing import Final

from agentpolicy.effects.shell.state import State
from agentpolicy.effects.shell.syntax import Parts, Sequence, Word
from agentpolicy.effects.values import Loose, Value

#: Longest text that a variable or word is followed to, in characters.
LONGEST: Final = 65_536
#: Most words that braces of one word are followed to.
MOST_WORDS: Final = 1000
#: Most braces in one word that are opened.
MOST_BRACES: Final = 64
_ACTIVE = frozenset("*?[")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch
#: What stands behind the name in ``${!name@}``, ``${!name*}``, ``${!name[@]}``, ``${!name[*]}``: names are listed.
_LISTING: Final = ("@", "*", "[@]", "[*]")

#: Commands that a word holds, read after the command that it is a word of.
Inner = list[Sequence]


def fields(word: Word, state: State, inner: Inner) -> list[Value]:
    """The words that a word becomes."""
    if isinstance(word, str):
        return [word]
    if any(part[0] == "brace" and part[1] == "{" for part in word):
        alternatives = _braces(word)
        if alternatives is None:
            _gather(word, inner)
            return [Loose("braces that stand for too many words", many=True)]
        found: list[Value] = []
        for parts in alternatives:
            found.extend(_split(parts, state, inner))
        return found
    return _split(word, state, inner)


def single(word: Word, state: State, inner: Inner) -> Value:
    """The value of a word that is not split: what is assigned, a redirection's target, a here-document."""
    if isinstance(word, str):
        return word
    builder = _Builder(state)
    for part in word:
        _expand(part, builder, state, inner, splits=False)
    return builder.value()


def _gather(parts: Parts, inner: Inner) -> None:
    """The commands in parts whose value does not matter."""
    for part in parts:
        if part[0] in ("commands", "process"):
            inner.append(part[1])
        elif part[0] == "variable":
            _gather(part[3], inner)
        elif part[0] == "arithmetic":
            _gather(part[1], inner)


class _Builder:
    """One word being put together."""

    __slots__ = ("_glob", "_head", "_many", "_number", "_state", "_text", "_why", "empty")

    def __init__(self, state: State) -> None:
        self._state = state
        self._text: list[str] = []
        self._glob = False
        self._why: str | None = None
        self._head = ""
        self._many = False
        self._number = False
        self.empty = True

    def text(self, text: str, *, active: bool = False) -> None:
        self.empty = False
        self._text.append(text)
        self._glob = self._glob or active

    def unknown(self, value: Loose, *, many: bool) -> None:
        if value.glob is not None and self._why is None:
            # the name of a file that a pattern stands for
            self.text(value.glob, active=True)
            self._many = self._many or many
            return
        self._number = self.empty and value.number
        self.empty = False
        if self._why is None:
            self._head = "".join(self._text) + value.head
            if self._glob:
                self._head = ""
        self._why = self._why or value.why
        self._many = self._many or many

    def value(self) -> Value:
        if self._why is not None:
            return Loose(self._why, head=self._head, many=self._many or self._glob, number=self._number)
        text = "".join(self._text)
        if len(text) > LONGEST:
            return Loose("a word that is too long to be followed", many=True)
        if self._glob and any(one in text for one in _ACTIVE):
            head = text[: min(at for at, one in enumerate(text) if one in _ACTIVE)]
            return Loose("names of files", head=head, glob=text, many=self._many)
        return text


def _split(parts: Parts, state: State, inner: Inner) -> list[Value]:
    """A word's parts to fields: unquoted expansions are split at blanks."""
    builder = _Builder(state)
    found: list[Value] = []
    for part in parts:
        kind = part[0]
        if kind == "variable" and not part[4]:
            value = _variable(part, state, inner)
            if isinstance(value, str):
                if not state.splits:
                    builder.unknown(Loose("a value that is split at unknown places"), many=True)
                    continue
                builder = _add_split(value, builder, found, state)
            elif value.number:
                builder.unknown(value, many=False)
            elif value.glob is not None:
                builder.unknown(value, many=True)
            else:
                builder.unknown(Loose(value.why), many=True)
        elif kind in ("commands", "arithmetic") and not part[2]:
            _expand(part, builder, state, inner, splits=True)
        else:
            _expand(part, builder, state, inner, splits=True)
    if not builder.empty:
        found.append(builder.value())
    return found


def _add_split(value: str, builder: _Builder, found: list[Value], state: State) -> _Builder:
    pieces = value.split()
    if not pieces:
        if value and not builder.empty:
            found.append(builder.value())
            return _Builder(state)
        return builder
    if value[0].isspace() and not builder.empty:
        found.append(builder.value())
        builder = _Builder(state)
    for at, piece in enumerate(pieces):
        if at:
            found.append(builder.value())
            builder = _Builder(state)
        builder.text(piece, active=not _ACTIVE.isdisjoint(piece))
    if value[-1].isspace():
        found.append(builder.value())
        builder = _Builder(state)
    return builder


def _expand(part: tuple[object, ...], builder: _Builder, state: State, inner: Inner, *, splits: bool) -> None:
    kind = part[0]
    if kind in ("text", "quoted"):
        builder.text(str(part[1]))
    elif kind == "glob":
        builder.text(str(part[1]), active=splits and not state.no_globs)
    elif kind == "brace":
        builder.text(str(part[1]))
    elif kind == "tilde":
        if part[1] == "":
            home = state.variable("HOME")
            if isinstance(home, str):
                builder.text(home)
            else:
                builder.unknown(home, many=False)
        else:
            builder.unknown(Loose(f"`~{part[1]}` stands for a directory that is not known"), many=False)
    elif kind == "tilde-after":
        # expanded in assignments, and by some shells in other words too
        builder.unknown(Loose("`~` may stand for a home directory"), many=False)
    elif kind == "variable":
        value = _variable(part, state, inner)
        if isinstance(value, str):
            builder.text(value)
        else:
            builder.unknown(value, many=part[1] == "@" or (splits and not part[4] and not value.number))
    elif kind == "commands":
        commands = part[1]
        assert isinstance(commands, Sequence)
        inner.append(commands)
        builder.unknown(Loose("the output of a command is not known"), many=splits and not part[2])
    elif kind == "process":
        commands = part[1]
        assert isinstance(commands, Sequence)
        inner.append(commands)
        builder.text("/dev/fd/63")
    elif kind == "arithmetic":
        parts = part[1]
        assert isinstance(parts, list)
        calculate(parts, state, inner)
        builder.unknown(Loose("the result of arithmetic is not known", number=True), many=False)


def _variable(part: tuple[object, ...], state: State, inner: Inner) -> Value:
    _, name, operator, rest, _ = part
    assert isinstance(name, str)
    assert isinstance(rest, list)
    subscript = any(piece[0] == "subscript" for piece in rest)
    if subscript or operator == ":":
        # a subscript, an offset and a length are arithmetic
        calculate([piece for piece in rest if piece[0] != "subscript"], state, inner)
    elif rest:
        _gather_arguments(rest, state, inner)
    if operator == "#length" or (operator == "" and name in "#?$!" and name):
        return Loose(f"`${name}` is a number that is not known", number=True)
    if operator == "!indirect":
        value = state.variable(name)
        if not (isinstance(value, str) and _NAME(value)) and "".join([str(piece[1]) for piece in rest]) not in _LISTING:
            state.doubts.append(f"`${{!{name}}}` can run other commands by a subscript in its value")
        return Loose(f"`${{!{name}}}` stands for a variable that is not known")
    value = state.variable(name)
    if operator == "":
        return value
    if subscript:
        return Loose(f"an element of `{name}` is not known")
    if operator in (":=", "="):
        state.assign(name, Loose(f"`${name}` is not known"))
    if operator in (":-", "-", ":=", "=") and isinstance(value, str) and (value or operator[0] != ":"):
        return value
    return Loose(f"`${{{name}{operator}…}}` is not known")


def _gather_arguments(rest: Parts, state: State, inner: Inner) -> None:
    for piece in rest:
        if piece[0] == "commands" or piece[0] == "process":
            inner.append(piece[1])
        elif piece[0] == "variable":
            _variable(piece, state, inner)
        elif piece[0] == "arithmetic":
            calculate(piece[1], state, inner)


def calculate(parts: Parts, state: State, inner: Inner) -> None:
    """What evaluating arithmetic does: commands in it, names that it changes, values that it would run."""
    text: list[str] = []
    for part in parts:
        if part[0] in ("text", "quoted"):
            text.append(part[1])
        elif part[0] == "commands":
            inner.append(part[1])
            state.doubts.append("arithmetic with the output of a command can run other commands")
        elif part[0] == "variable":
            value = _variable(part, state, inner)
            if isinstance(value, str):
                if not _is_number(value):
                    text.append(f" {value} ")
                    if any(one in value for one in "$`["):
                        state.doubts.append(f"arithmetic with `${part[1]}` can run other commands")
            elif not value.number and (part[1] in state.variables or str(part[1]).isdigit() or part[1] in ("@", "*")):
                state.doubts.append(f"arithmetic with `${part[1]}` can run other commands")
        elif part[0] == "arithmetic":
            calculate(part[1], state, inner)
    written = "".join(text)
    state.calculated(written)


def _is_number(text: str) -> bool:
    return text.lstrip("+-").isascii() and text.lstrip("+-").isalnum() and text.lstrip("+-")[:1].isdigit()


def _braces(word: Parts) -> list[Parts] | None:
    """The alternatives of brace expansion, None where there are too many (Bash manual 3.5.1)."""
    if sum(part == ("brace", "{") for part in word) > MOST_BRACES:
        return None
    done: list[Parts] = []
    todo: list[Parts] = [list(word)]
    steps = 0
    while todo:
        steps += 1
        if steps > 4 * MOST_WORDS or len(done) + len(todo) > MOST_WORDS:
            return None
        parts = todo.pop()
        opened = _first_braces(parts)
        if opened is None:
            done.append([("text", part[1]) if part[0] == "brace" else part for part in parts])
            continue
        start, cuts, end = opened
        head, tail = parts[:start], parts[end + 1 :]
        if len(cuts) == 0:
            inside = parts[start + 1 : end]
            numbers = (
                _range("".join([str(part[1]) for part in inside])) if all(p[0] == "text" for p in inside) else None
            )
            if numbers is None:
                # not an expansion: the braces are letters
                todo.append([*head, ("text", "{"), *inside, ("text", "}"), *tail])
                continue
            if len(numbers) > MOST_WORDS:
                return None
            todo.extend([*head, ("text", number), *tail] for number in reversed(numbers))
            continue
        bounds = [start, *cuts, end]
        choices = [parts[left + 1 : right] for left, right in itertools.pairwise(bounds)]
        todo.extend([*head, *choice, *tail] for choice in reversed(choices))
    return done


def _first_braces(parts: Parts) -> tuple[int, list[int], int] | None:
    """The first pair of braces that closes: its place, the commas of its level, its end."""
    stack: list[tuple[int, list[int]]] = []
    closed: list[tuple[int, list[int], int]] = []
    for at, part in enumerate(parts):
        if part[0] != "brace":
            continue
        if part[1] == "{":
            stack.append((at, []))
        elif part[1] == "," and stack:
            stack[-1][1].append(at)
        elif part[1] == "}" and stack:
            start, cuts = stack.pop()
            closed.append((start, cuts, at))
    return min(closed) if closed else None


def _range(text: str) -> list[str] | None:
    """``1..5``, ``a..e``, ``01..10..2`` (Bash manual 3.5.1)."""
    ends = text.split("..")
    if len(ends) not in (2, 3) or not all(ends):
        return None
    try:
        step = abs(int(ends[2])) or 1 if len(ends) == 3 else 1
        if len(ends[0]) == 1 and len(ends[1]) == 1 and ends[0].isalpha() and ends[1].isalpha():
            first, last = ord(ends[0]), ord(ends[1])
            letters = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
            return [chr(one) for one in letters]
        first, last = int(ends[0]), int(ends[1])
    except ValueError:
        return None
    if abs(first - last) // step > MOST_WORDS:
        return [""] * (MOST_WORDS + 1)
    width = (
        max(len(ends[0]), len(ends[1])) if any(one.lstrip("-")[:1] == "0" and len(one) > 1 for one in ends[:2]) else 0
    )
    numbers = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    return [str(one).zfill(width) for one in numbers]
