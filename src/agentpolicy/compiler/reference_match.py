"""How the reference evaluator holds patterns against values: tables of reachable places, one row a pattern piece.

Written from LANGUAGE.md, sharing nothing with the compiler but the canonical form of hosts and the table of options
that take a value. Slow and plain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

from agentpolicy.effects.effect import NetEffect
from agentpolicy.effects.programs import options_of
from agentpolicy.effects.urls import canonical_host, net_effect


def word_matches(pattern: str, word: str) -> bool:
    """``*`` stands for any run of characters."""
    if "*" not in pattern:
        return pattern == word
    places = {0}
    for letter in pattern:
        if letter == "*":
            places = set(range(min(places), len(word) + 1)) if places else set()
        else:
            places = {at + 1 for at in places if at < len(word) and word[at] == letter}
    return len(word) in places


def parts_match(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    """``**`` stands for any number of parts, ``*`` for characters of one."""
    return len(parts) in _after(pattern, parts, {0})


def _after(pattern: Sequence[str], parts: Sequence[str], places: set[int]) -> set[int]:
    for piece in pattern:
        if not places:
            return places
        if piece == "**":
            places = set(range(min(places), len(parts) + 1))
        else:
            places = {at + 1 for at in places if at < len(parts) and word_matches(piece, parts[at])}
    return places


def braces(text: str) -> list[str]:
    """Every text that ``{a,b}`` stands for: the outermost, leftmost braces are opened until none is left.

    From outside in, so that what is chosen leaves the braces of what is not chosen closed, and alternatives add up.
    """
    return list(_opened(text))


@lru_cache(maxsize=4096)
def _opened(text: str) -> tuple[str, ...]:
    done: dict[str, None] = {}
    todo = [text]
    while todo:
        one = todo.pop()
        start = one.find("{")
        if start < 0:
            done[one] = None
            continue
        depth, cuts = 0, [start]
        for at in range(start, len(one)):
            depth += (one[at] == "{") - (one[at] == "}")
            if depth == 0 or (depth == 1 and one[at] == ","):
                cuts.append(at)
            if depth == 0:
                break
        head, tail = one[:start], one[cuts[-1] + 1 :]
        choices = [one[left + 1 : right] for left, right in pairwise(cuts)]
        todo += [head + choice + tail for choice in reversed(choices)]
    return tuple(done)


# --- paths --------------------------------------------------------------------


def path_matches(pattern: str, path: str, itself: bool) -> bool:
    """An absolute pattern, or one that begins with ``**``, on an absolute path; ``itself``: ``x/**`` means x too."""
    wanted = [part for part in pattern.split("/") if part]
    parts = [part for part in path.split("/") if part]
    if len(wanted) > 1 and wanted[-1] == "**" and not itself and set(wanted) != {"**"}:
        return parts_match([*wanted[:-1], "*", "**"], parts)
    return parts_match(wanted, parts)


def is_everything(pattern: str) -> bool:
    """Whether a path pattern matches every path."""
    return bool(pattern.strip("/")) and set(pattern.strip("/").split("/")) == {"**"}


# --- commands -----------------------------------------------------------------


def program_matches(word: str, program: str, wide: bool, which: Callable[[str], str | None]) -> bool:
    """Ask and deny rules know a program by its base name; allow rules as written, and as found on the host's PATH."""
    if wide:
        return word_matches(word.split("/")[-1], program.split("/")[-1])
    if word_matches(word, program):
        return True
    if "*" in word:
        return False
    if "/" in word:
        return program == word.split("/")[-1] and which(program) == word
    return which(word) == program


def argv_matches(pattern: str, argv: Sequence[str], wide: bool, which: Callable[[str], str | None]) -> bool:
    """A pattern of words on the words of a command."""
    words = pattern.split()
    if words[0] == "**":
        return parts_match(words, argv)
    if not argv or not program_matches(words[0], argv[0], wide, which):
        return False
    if parts_match(words[1:], argv[1:]):
        return True
    return wide and _past_options(words[1:], argv)


def _past_options(words: Sequence[str], argv: Sequence[str]) -> bool:
    places = {1}
    rest = list(words)
    while rest and "*" not in rest[0] and not rest[0].startswith("-"):
        wanted = rest.pop(0)
        places = {at + 1 for at in _subcommand_places(argv, places) if argv[at] == wanted}
    return any(parts_match(rest, argv[at:]) for at in places)


def _subcommand_places(argv: Sequence[str | None], starts: set[int]) -> set[int]:
    """Where a subcommand's word may stand if options may stand in front of it, from any of these places on."""
    known = options_of((argv[0] or "").split("/")[-1])
    found: set[int] = set()
    todo = list(starts)
    while todo:
        at = todo.pop()
        if at in found or at >= len(argv):
            continue
        found.add(at)
        word = argv[at]
        if word is None or not word.startswith("-"):
            continue
        if word in known.values:
            todo.append(at + 2)
        elif word in known.alone or "=" in word or word == "--":
            todo.append(at + 1)
        else:
            todo.extend((at + 1, at + 2))
    return found


# Commands with words that are not known: one None, or any number at a loose place.


def loose_argv_matches(
    pattern: str,
    argv: Sequence[str | None],
    loose: frozenset[int],
    wide: bool,
    which: Callable[[str], str | None],
) -> bool | None:
    """True where every completion of the words matches, False where none does."""
    words = pattern.split()
    if words == ["**"]:
        return True
    items = [_ANY if at in loose else _ONE if word is None else word for at, word in enumerate(argv)]
    if words[0] == "**":
        return True if _always(words, items) else None
    if items[0] in (_ANY, _ONE):
        return None
    if not program_matches(words[0], items[0], wide, which):
        return False
    readings = [(words[1:], items[1:])]
    certain = [True]
    if wide:
        rest = words[1:]
        places = {1}
        doubtful = False
        while rest and "*" not in rest[0] and not rest[0].startswith("-"):
            wanted = rest.pop(0)
            reached = _subcommand_places([None if item in (_ANY, _ONE) else item for item in items], places)
            doubtful = doubtful or any(items[at] in (_ANY, _ONE) for at in reached)
            places = {at + 1 for at in reached if items[at] == wanted}
        if rest != words[1:]:
            readings += [(rest, items[at:]) for at in places]
            certain += [True for _ in places]
    else:
        doubtful = False
    if any(sure and _always(part, left) for (part, left), sure in zip(readings, certain, strict=True)):
        return True
    return None if doubtful or any(_ever(part, left) for part, left in readings) else False


_ONE, _ANY = "\0one", "\0any"


def _always(pattern: Sequence[str], items: Sequence[str]) -> bool:
    """Whether every completion matches: nothing but ``**`` takes any number of words, nothing but ``*`` one unknown."""
    table = {(len(pattern), len(items)): True}
    for at in range(len(pattern), -1, -1):
        for place in range(len(items), -1, -1):
            if (at, place) in table:
                continue
            value = False
            if at < len(pattern):
                piece = pattern[at]
                left = items[place] if place < len(items) else None
                if piece == "**":
                    value = table[at + 1, place] or (left is not None and table[at, place + 1])
                elif left is not None and left != _ANY:
                    takes = piece == "*" or (left != _ONE and word_matches(piece, left))
                    value = takes and table[at + 1, place + 1]
            table[at, place] = value
    return table[0, 0]


def _ever(pattern: Sequence[str], items: Sequence[str]) -> bool:
    """Whether some completion matches."""
    table = {(len(pattern), len(items)): True}
    for at in range(len(pattern), -1, -1):
        for place in range(len(items), -1, -1):
            if (at, place) in table:
                continue
            piece = pattern[at] if at < len(pattern) else None
            left = items[place] if place < len(items) else None
            value = False
            if piece == "**":
                value = table[at + 1, place] or (left is not None and table[at, place + 1])
            if left == _ANY and not value:
                value = table[at, place + 1] or (piece is not None and table[at + 1, place])
            elif left is not None and piece not in (None, "**") and not value:
                value = (left == _ONE or word_matches(str(piece), left)) and table[at + 1, place + 1]
            table[at, place] = value
    return table[0, 0]


# Files that stand for many.


def many_matches(
    pattern: str,
    name: str,
    glob: str | None,
    dots: bool,
    names: Callable[[], Sequence[str] | None] | None,
    wide: bool,
    itself: bool,
) -> bool | None:
    """A pattern on whatever is at or below a name, or on what a shell pattern below it takes.

    Allow rules match if all of it does; ask and deny rules if any of it does, where a pattern that begins with ``**``
    asks what is there.
    """
    wanted = [part for part in pattern.split("/") if part]
    if len(wanted) > 1 and wanted[-1] == "**" and not itself and set(wanted) != {"**"}:
        wanted = [*wanted[:-1], "*", "**"]
    parts = [part for part in name.split("/") if part]
    parts += ["**"] if glob is None else glob.split("/")
    if not wide:
        return _always_path(wanted, parts)
    if not _ever_path(wanted, parts, dots):
        return False
    if wanted[:1] != ["**"] or path_matches(pattern, name, itself):
        return True
    there = None if names is None else names()
    return None if there is None else any(path_matches(pattern, one, itself) for one in there)


def _always_path(wanted: Sequence[str], parts: Sequence[str]) -> bool:
    if not parts:
        return all(piece == "**" for piece in wanted)
    if not wanted:
        return False
    if wanted[0] == "**":
        return _always_path(wanted[1:], parts) or _always_path(wanted, parts[1:])
    if parts[0] == "**":
        return False
    return (wanted[0] == "*" or word_matches(wanted[0], parts[0])) and _always_path(wanted[1:], parts[1:])


def _ever_path(wanted: Sequence[str], parts: Sequence[str], dots: bool) -> bool:
    if not parts:
        return all(piece == "**" for piece in wanted)
    if parts[0] == "**":
        taken = 0
        while taken < len(wanted) and (dots or not wanted[taken].startswith(".")):
            taken += 1
        return any(_ever_path(wanted[at:], parts[1:], dots) for at in range(taken + 1))
    if not wanted:
        return False
    if wanted[0] == "**":
        return _ever_path(wanted[1:], parts, dots) or _ever_path(wanted, parts[1:], dots)
    return _names_meet(wanted[0], parts[0], dots) and _ever_path(wanted[1:], parts[1:], dots)


def _names_meet(piece: str, part: str, dots: bool) -> bool:
    if "*" not in part:
        return word_matches(piece, part)
    if part.startswith("*") and piece.startswith(".") and not dots:
        return False
    if "*" not in piece:
        return word_matches(part, piece)
    heads = piece.split("*")[0], part.split("*")[0]
    tails = piece.split("*")[-1], part.split("*")[-1]
    return heads[0][: len(heads[1])] == heads[1][: len(heads[0])] and (
        tails[0].endswith(tails[1]) or tails[1].endswith(tails[0])
    )


# --- addresses ----------------------------------------------------------------


def host_matches(pattern: str, host: str) -> bool:
    """``*`` any host; ``*.x`` any subdomain of x; another ``*`` characters within a label."""
    if pattern == "*":
        return True
    if "*" not in pattern:
        return (canonical_host(f"[{pattern}]" if ":" in pattern else pattern) or pattern.lower()) == host
    if pattern.startswith("*."):
        rest = pattern[2:]
        rest = (canonical_host(rest) or rest.lower()) if "*" not in rest else rest.lower()
        return parts_match(["**", "*", *rest.rstrip(".").split(".")], host.split("."))
    return parts_match(pattern.lower().rstrip(".").split("."), host.split("."))


def address_matches(
    pattern: str, scheme: str | None, host: str | None, port: int | None, usual: bool, path: str | None, wide: bool
) -> bool | None:
    """An address pattern on the parts of an address; None where an unknown part matters."""
    wanted_scheme: str | None = None
    rest = pattern
    if "://" in pattern:
        wanted_scheme, rest = pattern.split("://", 1)
    authority, slash, wanted_path = rest.partition("/")
    if authority.startswith("["):
        wanted_host, _, wanted_port = authority[1:].partition("]")
        wanted_port = wanted_port.lstrip(":")
    else:
        wanted_host, _, wanted_port = authority.partition(":")
    any_scheme = wanted_scheme in (None, "*")
    any_port = wanted_port == "*" or (not wanted_port and wide)
    any_path = not slash or is_everything("/" + wanted_path)
    if wanted_host == "*" and any_scheme and any_port and any_path:
        return True
    if host is None:
        return None
    if not host_matches(wanted_host, host):
        return False
    met: list[bool | None] = []
    if not any_scheme:
        met.append(None if scheme is None else scheme == wanted_scheme)
    if not any_port and not wanted_port:
        met.append(usual)
    elif not any_port:
        met.append(None if port is None else port == int(wanted_port))
    if not any_path:
        met.append(None if path is None else url_path_matches("/" + wanted_path, path, wide))
    return False if False in met else None if None in met else True


def url_path_matches(pattern: str, path: str, wide: bool) -> bool:
    """A path pattern on the path of a URL.

    Some servers fold empty segments (``//x``, ``x/``), others do not: ask and deny rules match under either reading,
    allow rules under both.
    """
    wanted = pattern.split("/")[1:]
    if wanted[-1] == "**" and not wide and len(wanted) > 1:
        wanted = [*wanted[:-1], "*", "**"]
    readings = (path_matches(pattern, path, wide), parts_match(wanted, path.split("/")[1:]))
    return any(readings) if wide else all(readings)


def net_matches(pattern: str, effect: NetEffect, wide: bool) -> bool | None:
    """An address pattern on an address; where clients disagree, what the standard reads may only make it stricter."""
    value = address_matches(pattern, effect.scheme, effect.host, effect.port, effect.usual_port, effect.path, wide)
    disputed = effect.opaque and effect.host is not None and effect.path is not None
    anywhere = address_matches(pattern, None, None, None, False, None, wide) is True
    return None if disputed and value is not wide and not anywhere else value


# --- tables ---------------------------------------------------------------------


def table_matches(pattern: str, table: str, wide: bool) -> bool | None:
    """A pattern on the canonical name of a table.

    Ask and deny rules: letters of any case; unknown where one of the two names more schemas than the other and they
    agree from there on, unless the pattern says nothing of the table's own name.
    """
    if not wide:
        return parts_match(pattern.split("."), table.split("."))
    wanted, parts = _small(pattern).split("."), _small(table).split(".")
    if parts_match(wanted, parts):
        return True
    if not wanted[-1].replace("*", ""):
        return False
    if parts_match(["*", "**", *wanted], parts):
        return None
    return None if any(parts_match(wanted[at:], parts) for at in range(1, len(wanted))) else False


def _small(text: str) -> str:
    return "".join([chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in text])


# --- values -------------------------------------------------------------------


def value_matches(kind: str, pattern: str, value: str, itself: bool, wide: bool) -> bool | None:
    """A pattern of a set's type on a text value; None where the value cannot be read as that type."""
    if kind == "path":
        return path_matches(pattern, value, itself)
    if kind == "tool":
        return parts_match(pattern.split("/"), value.split("/"))
    if kind == "table":
        if wide:
            pattern, value = _small(pattern), _small(value)
        return parts_match(pattern.split("."), value.split("."))
    if kind == "host":
        host = canonical_host(value)
        return True if pattern == "*" else None if host is None else host_matches(pattern, host)
    if kind == "url":
        return net_matches(pattern, net_effect("net.get", value), wide)
    return word_matches(pattern, value)
