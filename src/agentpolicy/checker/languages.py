"""Patterns as automata: each gives a test on the set of automata that accept a text.

The texts are canonical: a path as it is, a command as its words each ended by NUL, a tool's name with ``/`` in front, a
host or table with ``.`` in front. The tests say exactly what ``compiler.match`` says of the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from string import ascii_lowercase

from agentpolicy.checker.automata import END, Automata, Draw, Marks
from agentpolicy.compiler.match import base_name, leading_words
from agentpolicy.compiler.shape import path_shape, segments
from agentpolicy.compiler.table_match import fold, names_last_part
from agentpolicy.effects.programs import Options, options_of, programs_with_subcommands
from agentpolicy.language.globs import match_star

Held = Callable[[Marks], bool]


def always(marks: Marks) -> bool:
    """Holds of every text."""
    return True


def _one(automata: Automata, key: object, draw: Draw, *, single: bool = False) -> Held:
    number = automata.add(key, draw, single=single)
    return lambda marks: number in marks


def any_of(tests: Iterable[Held]) -> Held:
    """Holds where one of the tests does."""
    listed = list(tests)
    return lambda marks: any(test(marks) for test in listed)


# --- paths --------------------------------------------------------------------------


def path_pattern(automata: Automata, pattern: str, itself: bool) -> Held:
    """As ``compiler.match.path_test``."""
    kind, key = path_shape(pattern)
    if kind == "all":
        return always
    return _one(
        automata,
        ("path", pattern, itself),
        lambda a, start: _draw_path(a, start, pattern, kind, key, itself),
        single=kind == "exact",
    )


def _draw_path(a: Automata, start: int, pattern: str, kind: str, key: str, itself: bool) -> list[int]:
    match kind:
        case "exact":
            return [a.text(start, key)]
        case "tree":
            first = a.state()
            a.other(a.text(start, key), (), first)
            inside = [a.run(first, ())]
            # What begins with ``x/`` and is longer is inside; ``x/`` itself is no canonical path, but an address may
            # end so.
            return [*inside, a.text(start, key), a.text(start, key[:-1] or "/")] if itself else inside
        case "name":
            return [a.text(a.run(start, ()), "/" + key)]
        case "ending":
            return [a.text(a.run(start, ()), key)]
        case "inside":
            before = a.run(start, ())
            inside = [a.run(a.text(before, key), ())]
            return [*inside, a.text(before, key[:-1])] if itself else inside
        case _:
            parts = segments(pattern)
            if not itself and parts[-1] == "**":
                parts = [*parts[:-1], "*", "**"]
            return _draw_segments(a, start, parts)


def _draw_segments(a: Automata, start: int, parts: Sequence[str]) -> list[int]:
    """Segments that are not empty, with any number of slashes between and around them."""
    at = a.state()
    a.free(start, at)
    a.step(at, "/", at)
    ends = [at]
    for part in parts:
        if part == "**":
            inside = a.state()
            a.other(at, ("/",), inside)
            a.other(inside, ("/",), inside)
            a.step(inside, "/", at)
            ends = [*ends, at, inside]
            continue
        if part.strip("*"):
            end = a.glob(at, part, ("/",))
        else:
            end = a.state()
            a.other(at, ("/",), end)
            a.other(end, ("/",), end)
        at = a.state()
        a.step(end, "/", at)
        a.step(at, "/", at)
        ends = [at, end]
    return ends


# --- names in parts -------------------------------------------------------------------


def _draw_parts(a: Automata, at: int, separator: str, parts: Sequence[str]) -> list[int]:
    for part in parts:
        if part == "**":
            here, inside = a.state(), a.state()
            a.free(at, here)
            a.step(here, separator, inside)
            a.other(inside, (separator,), inside)
            a.free(inside, here)
            at = here
        else:
            at = a.glob(a.text(at, separator), part, (separator,))
    return [at]


def tool_pattern(automata: Automata, pattern: str) -> Held:
    """As ``compiler.match.value_test`` for tools."""
    if "*" not in pattern:
        return _one(automata, ("text", "/" + pattern), lambda a, start: [a.text(start, "/" + pattern)], single=True)
    parts = pattern.split("/")
    return _one(automata, ("tool", pattern), lambda a, start: _draw_parts(a, start, "/", parts))


def table_pattern(automata: Automata, pattern: str, wide: bool) -> tuple[Held, Held]:
    """As ``compiler.table_match.table_test``: where it is true, and where it is true or cannot be told."""
    parts = (fold(pattern) if wide else pattern).split(".")
    single = not wide and "*" not in pattern
    whole = _one(
        automata, ("table", pattern, wide), lambda a, start: _draw_tables(a, start, [parts], wide), single=single
    )
    if not wide or not names_last_part(parts):
        return whole, whole
    readings = [["*", "**", *parts], *(parts[at:] for at in range(1, len(parts)))]
    perhaps = _one(automata, ("like table", pattern), lambda a, start: _draw_tables(a, start, readings, wide))
    return whole, perhaps


def _draw_tables(a: Automata, start: int, readings: Iterable[Sequence[str]], wide: bool) -> list[int]:
    ends: list[int] = []
    for parts in readings:
        at = a.state()
        a.free(start, at)
        if not wide:
            ends += _draw_parts(a, at, ".", parts)
            continue
        for part in parts:
            if part == "**":
                here, inside = a.state(), a.state()
                a.free(at, here)
                a.step(here, ".", inside)
                a.other(inside, (".",), inside)
                a.free(inside, here)
                at = here
                continue
            at = a.text(at, ".")
            for letter in part:
                if letter == "*":
                    at = a.run(at, (".",))
                    continue
                after = a.state()
                for one in {letter, letter.upper()} if letter in ascii_lowercase else {letter}:
                    a.step(at, one, after)
                at = after
        ends.append(at)
    return ends


def host_pattern(automata: Automata, host: str) -> Held:
    """As ``compiler.match.host_test`` for the host of an ``Address``."""
    if host == "*":
        return always
    if "*" not in host:
        return _one(automata, ("text", "." + host), lambda a, start: [a.text(start, "." + host)], single=True)
    labels = ["**", "*", *host[2:].split(".")] if host.startswith("*.") else host.split(".")
    if host.startswith("*.") and "*" not in host[2:]:

        def below(a: Automata, start: int) -> list[int]:
            first = a.state()
            a.other(a.text(start, "."), (), first)
            return [a.text(a.run(first, ()), host[1:])]

        return _one(automata, ("below", host), below)
    return _one(automata, ("host", host), lambda a, start: _draw_parts(a, start, ".", labels))


# --- commands -------------------------------------------------------------------------


def argv_pattern(automata: Automata, pattern: str, wide: bool, found: Mapping[str, str | None]) -> Held:
    """As ``compiler.match.argv_test``."""
    words = pattern.split()
    if words == ["**"]:
        return always
    if words[0] == "**":
        return _one(automata, ("words", pattern), lambda a, start: [_draw_words(a, start, words)])
    if not wide:
        programs = _narrow_programs(words[0], found)
        return _one(
            automata,
            ("narrow", pattern),
            lambda a, start: [_draw_words(a, _draw_program(a, start, one), words[1:]) for one in programs],
            single=len(programs) == 1 and "*" not in pattern,
        )
    base = base_name(words[0])
    rest = words[1:]
    plain = _one(automata, ("wide", base, *rest), lambda a, start: [_draw_words(a, _draw_base(a, start, base), rest)])
    lead = leading_words(rest)
    if not lead:
        return plain
    if "*" not in base:
        return any_of([plain, _past(automata, base, rest, lead, options_of(base))])
    # Each program whose options are known is read by what is known of it, all others alike.
    known = [program for program in programs_with_subcommands() if match_star(base, program)]
    is_known = any_of(
        _one(
            automata,
            ("wide", program, "**"),
            lambda a, start, program=program: [  # type: ignore[misc]
                _draw_words(a, _draw_base(a, start, program), ["**"])
            ],
        )
        for program in known
    )
    as_known = any_of(_past(automata, program, rest, lead, options_of(program)) for program in known)
    as_unknown = _past(automata, base, rest, lead, options_of(""))
    return lambda marks: plain(marks) or (as_known(marks) if is_known(marks) else as_unknown(marks))


def _narrow_programs(word: str, found: Mapping[str, str | None]) -> list[str]:
    if "*" in word:
        return [word]
    bare = base_name(word)
    if "/" in word:
        return [word, bare] if found.get(bare) == word else [word]
    also = found.get(word)
    return [word] if also is None else [word, also]


def _draw_program(a: Automata, at: int, word: str) -> int:
    return a.text(a.glob(at, word, (END,)), END)


def _draw_base(a: Automata, at: int, base: str) -> int:
    """A program's name by its last part, any directory before it."""
    last, directory = a.state(), a.state()
    a.free(at, last)
    a.free(at, directory)
    a.other(directory, (END,), directory)
    a.step(directory, "/", last)
    return a.text(a.glob(last, base, ("/", END)), END)


def _draw_words(a: Automata, at: int, pieces: Sequence[str]) -> int:
    for piece in pieces:
        here = a.state()
        a.free(at, here)
        at = here
        if piece == "**":
            inside = a.state()
            a.step(here, END, here)
            a.other(here, (END,), inside)
            a.other(inside, (END,), inside)
            a.step(inside, END, here)
        else:
            at = a.text(a.glob(here, piece, (END,)), END)
    return at


def _past(automata: Automata, base: str, rest: Sequence[str], lead: int, options: Options) -> Held:
    """Options in front of each subcommand word looked past, as ``compiler.match.past_options`` does."""

    def draw(a: Automata, start: int) -> list[int]:
        at = _draw_base(a, start, base)
        for word in rest[:lead]:
            here = a.state()
            a.free(at, here)
            _draw_options(a, here, options)
            at = a.text(here, word + END)
        return [_draw_words(a, at, rest[lead:])]

    return _one(automata, ("past", base, id(options), *rest), draw)


def _draw_options(a: Automata, here: int, options: Options) -> None:
    """From ``here`` back to it by one option, with the next word where the option takes or may take it.

    A trie of the options that are known; every other stands alone or, without ``=``, may take the next word.
    """
    value, inside_value = a.state(), a.state()
    a.step(value, END, here)
    a.other(value, (END,), inside_value)
    a.other(inside_value, (END,), inside_value)
    a.step(inside_value, END, here)
    dash = a.text(here, "-")
    free, assigned = a.state(), a.state()  # an option that is not known, before and behind its ``=``
    a.step(free, END, here)
    a.step(free, END, value)
    a.step(free, "=", assigned)
    a.other(free, ("=", END), free)
    a.other(assigned, (END,), assigned)
    a.step(assigned, END, here)
    known = sorted(word[1:] for word in {*options.values, *options.alone, "--"} if word.startswith("-"))
    trie: dict[str, int] = {"": dash}
    for option in known:
        for end in range(1, len(option) + 1):
            if option[:end] not in trie:
                trie[option[:end]] = a.state()
                a.step(trie[option[: end - 1]], option[end - 1], trie[option[:end]])
    for text, state in trie.items():
        onward = {option[len(text)] for option in trie if len(option) == len(text) + 1 and option.startswith(text)}
        if "=" not in text:
            a.other(state, (*onward, "=", END), free)
            if "=" not in onward:
                a.step(state, "=", assigned)
        else:
            a.other(state, (*onward, END), assigned)
        takes = options.takes("-" + text)
        if takes is not True:
            a.step(state, END, here)
        if takes is not False:
            a.step(state, END, value)
