"""Concrete patterns as functions of the value that they are held against.

``wide`` says which way a doubtful reading goes. Ask and deny rules, and exceptions of allow rules, are wide: they
match the thing itself beside what is inside it, a program by its base name, any port. Allow rules, and exceptions of
ask and deny rules, are narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from agentpolicy.compiler.shape import path_shape, segments
from agentpolicy.compiler.table_match import is_every_table, table_test, table_value
from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect, NetEffect, SqlEffect, ToolEffect, Word
from agentpolicy.effects.programs import Options, options_of
from agentpolicy.effects.urls import canonical_host, net_effect
from agentpolicy.language.globs import match_parts, match_star

Test = Callable[[str], bool]
#: A test of a value that has to be read first; None where it cannot be.
Readable = Callable[[str], "bool | None"]
#: Types of sets whose values have to be read first.
READ = frozenset({"url", "host"})
#: Three-valued match of a subject: the effect, and the name of its file that is being judged.
Subject = Callable[[Effect, "str | None"], "bool | None"]


# --- paths --------------------------------------------------------------------


def path_test(pattern: str, itself: bool) -> Test:
    """Whether a canonical path matches; ``itself``: ``x/**`` means x too."""
    kind, key = path_shape(pattern)
    match kind:
        case "all":
            return lambda path: True
        case "exact":
            return key.__eq__
        case "tree":
            own = key[:-1] or "/"
            return (
                (lambda path: path.startswith(key) or path == own)
                if itself
                else (lambda path: path.startswith(key) and path != key)
            )
        case "name":
            end = "/" + key
            return lambda path: path.endswith(end)
        case "ending":
            return lambda path: path.endswith(key)
        case "inside":
            end = key[:-1]
            return (lambda path: key in path or path.endswith(end)) if itself else (lambda path: key in path)
        case _:
            parts = segments(pattern)
            if not itself and parts[-1] == "**":
                parts = [*parts[:-1], "*", "**"]
            return lambda path: match_parts(parts, segments(path))


# --- commands -----------------------------------------------------------------


def base_name(program: str) -> str:
    """The last part of a program's name."""
    return program.rpartition("/")[2]


def program_test(word: str, wide: bool, found: Mapping[str, str | None]) -> Test:
    """Whether a call's program word is the one that a pattern names.

    ``found`` says where the host's PATH finds the programs that narrow patterns name.
    """
    if wide:
        base = base_name(word)
        if "*" in base:
            return lambda program: match_star(base, base_name(program))
        return lambda program: base_name(program) == base
    if "*" in word:
        return partial(match_star, word)
    return frozenset(narrow_names(word, found.get)).__contains__


def narrow_names(word: str, found: Callable[[str], str | None]) -> list[str]:
    """The names of a program as a narrow pattern knows it: as written, and as found on the host's PATH.

    A bare name means also the file that PATH gives for it; a file means also its bare name where PATH gives that file.
    """
    if "/" in word:
        bare = base_name(word)
        return [word, bare] if found(bare) == word else [word]
    also = found(word)
    return [word] if also is None or also == word else [word, also]


def argv_test(pattern: str, wide: bool, found: Mapping[str, str | None]) -> Callable[[tuple[str, ...]], bool]:
    """Whether all words of a command match a pattern of words, all of them known."""
    words = pattern.split()
    if words[0] == "**":
        return lambda argv: match_parts(words, argv)
    program = program_test(words[0], wide, found)
    rest = words[1:]
    if not wide or not rest:
        return lambda argv: bool(argv) and program(argv[0]) and match_parts(rest, argv[1:])
    lead = leading_words(rest)
    return lambda argv: bool(argv) and program(argv[0]) and past_options(rest, lead, argv)


def leading_words(rest: Sequence[str]) -> int:
    """How many words after the program name a subcommand: literal ones before the first option or wildcard."""
    count = 0
    for word in rest:
        if "*" in word or word.startswith("-"):
            break
        count += 1
    return count


def past_options(rest: Sequence[str], lead: int, argv: Sequence[str]) -> bool:
    """Whether words match with options in front of each subcommand word looked past.

    Where it is not known whether an option takes the next word as its value, both readings are tried. The readings
    are followed side by side, one set of places per subcommand word, so time stays linear for each of them.
    """
    if match_parts(rest, argv[1:]):
        return True
    options = options_of(base_name(argv[0]))
    places = {1}
    for word in rest[:lead]:
        places = {place + 1 for place in _after_options(places, argv, options) if argv[place] == word}
        if not places:
            return False
    tail = rest[lead:]
    return any(match_parts(tail, argv[place:]) for place in places)


def _after_options(places: set[int], argv: Sequence[Word], options: Options) -> set[int]:
    """Every place at which a subcommand word may stand, options at the given places looked past."""
    reached: set[int] = set()
    todo = list(places)
    while todo:
        at = todo.pop()
        if at in reached or at >= len(argv):
            continue
        reached.add(at)
        word = argv[at]
        if word is None or not word.startswith("-"):
            continue
        takes = options.takes(word)
        if takes is not True:
            todo.append(at + 1)
        if takes is not False:
            todo.append(at + 2)
    return reached


# --- commands with words that are not known -------------------------------------


def loose_argv_test(pattern: str, wide: bool, found: Mapping[str, str | None]) -> Callable[[ExecEffect], bool | None]:
    """Three-valued match of a pattern on a command some of whose words are not known.

    True where every completion of what is not known matches, False where none does.
    """
    words = pattern.split()
    rest = words[1:]
    program = None if words[0] == "**" else program_test(words[0], wide, found)
    lead = leading_words(rest) if wide else 0

    def match(effect: ExecEffect) -> bool | None:
        argv, loose = effect.argv, effect.loose
        assert argv is not None
        if effect.more:
            argv, loose = (*argv, None), loose | {len(argv)}
        if words == ["**"]:
            return True
        if program is None:
            return True if covers_words(words, argv, loose, 0) else None
        first = argv[0]
        if first is None or 0 in loose:
            return None
        if not program(first):
            return False
        if covers_words(rest, argv, loose, 1):
            return True
        possible = meets_words(rest, argv, loose, 1)
        options = options_of(base_name(first))
        places = {1}
        for word in rest[:lead]:
            reached = _after_options(places, argv, options)
            possible = possible or any(argv[place] is None or place in loose for place in reached)
            places = {place + 1 for place in reached if argv[place] == word and place not in loose}
        tail = rest[lead:]
        if lead and any(covers_words(tail, argv, loose, place) for place in places):
            return True
        if possible or (lead and any(meets_words(tail, argv, loose, place) for place in places)):
            return None
        return False

    return match


def covers_words(pattern: Sequence[str], argv: Sequence[Word], loose: frozenset[int], start: int) -> bool:
    """Whether a pattern matches every completion of the words from ``start`` on."""
    places = _skip_any(pattern, {0})
    for at in range(start, len(argv)):
        word = argv[at]
        held: set[int] = set()
        for place in places:
            if place == len(pattern):
                continue
            piece = pattern[place]
            if piece == "**":
                held.add(place)
            elif at not in loose and (piece == "*" or (word is not None and match_star(piece, word))):
                held.add(place + 1)
        if not held:
            return False
        places = _skip_any(pattern, held)
    return len(pattern) in places


def meets_words(pattern: Sequence[str], argv: Sequence[Word], loose: frozenset[int], start: int) -> bool:
    """Whether a pattern matches some completion of the words from ``start`` on."""
    places = _skip_any(pattern, {0})
    for at in range(start, len(argv)):
        word = argv[at]
        if at in loose:
            places = set(range(min(places), len(pattern) + 1))
            continue
        held: set[int] = set()
        for place in places:
            if place == len(pattern):
                continue
            piece = pattern[place]
            if piece == "**":
                held.add(place)
            elif word is None or match_star(piece, word):
                held.add(place + 1)
        if not held:
            return False
        places = _skip_any(pattern, held)
    return len(pattern) in places


def _skip_any(pattern: Sequence[str], places: set[int]) -> set[int]:
    """The places with those reached by letting ``**`` stand for nothing."""
    found = set(places)
    for place in sorted(places):
        at = place
        while at < len(pattern) and pattern[at] == "**":
            at += 1
            found.add(at)
    return found


# --- addresses ----------------------------------------------------------------


class Address:
    """The parts of a URL or host pattern; a None part is not asked about."""

    __slots__ = ("host", "path", "port", "scheme")

    def __init__(self, pattern: str) -> None:
        scheme, separator, rest = pattern.partition("://")
        if not separator:
            scheme, rest = "", pattern
        authority, slash, path = rest.partition("/")
        if authority.startswith("["):
            host, _, port = authority[1:].partition("]")
            port = port.removeprefix(":")
        else:
            host, _, port = authority.partition(":")
        self.scheme = None if scheme in {"", "*"} else scheme
        self.host = _pattern_host(host)
        self.port: int | str | None = None if not port else port if port == "*" else int(port)
        self.path = "/" + path if slash else None


def plain_host(pattern: str) -> bool:
    """Whether an address pattern asks for nothing but a host."""
    address = Address(pattern)
    return address.scheme is None and address.path in {None, "/**"} and address.port in {None, "*"}


def _pattern_host(host: str) -> str:
    if "*" not in host:
        return canonical_host(host) or host.lower()
    if host.startswith("*.") and "*" not in host[2:]:
        return "*." + (canonical_host(host[2:]) or host[2:].lower())
    return host.lower().removesuffix(".")


def host_test(pattern: str) -> Test:
    """Whether a canonical host matches: ``*.x`` any subdomain of x, ``*`` elsewhere part of one label."""
    host = _pattern_host(pattern)
    if host == "*":
        return lambda value: True
    if "*" not in host:
        return host.__eq__
    if host.startswith("*."):
        end = host[1:]
        if "*" not in end:
            return lambda value: value.endswith(end) and len(value) > len(end)
        labels = ["**", "*", *end[1:].split(".")]
    else:
        labels = host.split(".")
    return lambda value: match_parts(labels, value.split("."))


def net_subject(pattern: str, wide: bool) -> Subject:
    """Three-valued match of one address pattern."""
    address = Address(pattern)
    host = host_test(address.host)
    path = None if address.path is None or address.path == "/**" else url_path_test(address.path, wide)
    any_port = address.port == "*" or (address.port is None and wide)
    anywhere = address.host == "*" and address.scheme is None and path is None and any_port

    def match(effect: Effect, name: str | None) -> bool | None:
        assert isinstance(effect, NetEffect)
        if anywhere:
            return True
        if effect.host is None:
            return None
        value = standard(effect, effect.host)
        if effect.opaque and effect.path is not None:
            # Clients disagree about this address: what the standard reads counts only towards the stricter answer.
            return value if value is wide else None
        return value

    def standard(effect: NetEffect, known: str) -> bool | None:
        if not host(known):
            return False
        parts: list[bool | None] = []
        if address.scheme is not None:
            parts.append(None if effect.scheme is None else effect.scheme == address.scheme)
        if not any_port:
            if address.port is None:
                parts.append(effect.usual_port)
            else:
                parts.append(None if effect.port is None else effect.port == address.port)
        if path is not None:
            parts.append(None if effect.path is None else path(effect.path))
        return False if False in parts else None if None in parts else True

    return match


def url_path_test(pattern: str, wide: bool) -> Test:
    """Whether the path of a URL matches.

    Some servers fold empty segments (``//x``, ``x/``) and others do not: wide patterns match under either reading,
    narrow ones under both.
    """
    plain = path_test(pattern, wide)
    folded, literal = segments(pattern), pattern.split("/")[1:]
    if not wide:
        folded, literal = (
            [*parts[:-1], "*", "**"] if len(parts) > 1 and parts[-1] == "**" else parts for parts in (folded, literal)
        )
    odd = "//" in pattern or pattern.endswith("/")

    def test(path: str) -> bool:
        if not odd and "//" not in path and path[-1:] != "/":
            return plain(path)
        readings = match_parts(folded, segments(path)), match_parts(literal, path.split("/")[1:])
        return any(readings) if wide else all(readings)

    return test


# --- subjects -----------------------------------------------------------------


def subject(
    kind: str, patterns: Sequence[str], *, wide: bool, itself: bool, found: Mapping[str, str | None]
) -> Subject:
    """Three-valued match of a rule's patterns (or its exceptions) on an effect of one family."""
    match kind:
        case "path":
            return _path_subject(patterns, itself, wide)
        case "argv":
            return _argv_subject(patterns, wide, found)
        case "url":
            return _any_of([net_subject(pattern, wide) for pattern in patterns])
        case "table":
            return _table_subject(patterns, wide)
        case _:
            return _tool_subject(patterns)


def _any_of(subjects: Sequence[Subject]) -> Subject:
    def match(effect: Effect, name: str | None) -> bool | None:
        unsure = False
        for one in subjects:
            value = one(effect, name)
            if value:
                return True
            unsure = unsure or value is None
        return None if unsure else False

    return match


def _path_subject(patterns: Sequence[str], itself: bool, wide: bool) -> Subject:
    tests = [path_test(pattern, itself) for pattern in patterns]
    everything = any(path_shape(pattern).kind == "all" for pattern in patterns)

    def match(effect: Effect, name: str | None) -> bool | None:
        if name is None:
            return True if everything else None
        assert isinstance(effect, FileEffect)
        if effect.many:
            return True if everything else _many(patterns, tests, itself, wide, effect, name)
        return any(test(name) for test in tests)

    return match


def _many(
    patterns: Sequence[str], tests: Sequence[Test], itself: bool, wide: bool, effect: FileEffect, name: str
) -> bool | None:
    """Whether patterns match an effect on many files: narrow ones all of them, wide ones any.

    A pattern that begins with ``**`` matches where such a file is there now; where that cannot be told it is unknown.
    """
    parts = [*segments(name), *(["**"] if effect.glob is None else effect.glob.split("/"))]
    if not wide:
        # the directory itself and what is in it may be covered by different patterns
        halves = [parts] if effect.glob is not None else [parts[:-1], [*parts[:-1], "*", "**"]]
        held = [_with_inside(segments(pattern), itself) for pattern in patterns]
        return all(any(covers_parts(one, half) for one in held) for half in halves)
    unsure = False
    names: Sequence[str] | None = ()
    for pattern, test in zip(patterns, tests, strict=True):
        pieces = segments(pattern)
        if not meets_parts(_with_inside(pieces, itself), parts, dots=effect.hidden):
            continue
        if pieces[:1] != ["**"] or test(name):
            return True
        if names == ():
            names = None if effect.inside is None else effect.inside()
        if names is None:
            unsure = True
        elif any(test(one) for one in names):
            return True
    return None if unsure else False


def _with_inside(parts: list[str], itself: bool) -> list[str]:
    return [*parts[:-1], "*", "**"] if not itself and len(parts) > 1 and parts[-1] == "**" else parts


def covers_parts(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether a pattern matches every path that ``parts``, in which ``**`` and ``*`` are free, may stand for."""
    places = _skip_any(pattern, {0})
    for part in parts:
        held: set[int] = set()
        for place in places:
            if place == len(pattern):
                continue
            piece = pattern[place]
            if piece == "**":
                held.add(place)
            elif part != "**" and (piece in ("*", part) or ("*" in piece and match_star(piece, part))):
                held.add(place + 1)
        if not held:
            return False
        places = _skip_any(pattern, held)
    return len(pattern) in places


def meets_parts(pattern: Sequence[str], parts: Sequence[str], *, dots: bool) -> bool:
    """Whether a pattern matches some path that ``parts`` may stand for; ``dots``: a leading ``*`` takes a dot too."""
    places = _skip_any(pattern, {0})
    for part in parts:
        if part == "**":
            reached: set[int] = set()
            for place in sorted(places):
                while place not in reached:
                    reached.add(place)
                    if place < len(pattern) and (dots or pattern[place][:1] != "."):
                        place += 1
            places = reached
            continue
        held: set[int] = set()
        for place in places:
            if place == len(pattern):
                continue
            piece = pattern[place]
            if piece == "**":
                held.add(place)
            elif _meet(piece, part, dots):
                held.add(place + 1)
        if not held:
            return False
        places = _skip_any(pattern, held)
    return len(pattern) in places


def _meet(piece: str, part: str, dots: bool) -> bool:
    """Whether two segments with ``*`` may stand for one name; true where that is not easily told."""
    if "*" not in part:
        return match_star(piece, part)
    if not dots and part[:1] == "*" and piece[:1] == ".":
        return False
    if "*" not in piece:
        return match_star(part, piece)
    head, other = piece.partition("*")[0], part.partition("*")[0]
    tail, end = piece.rpartition("*")[2], part.rpartition("*")[2]
    return (head.startswith(other) or other.startswith(head)) and (tail.endswith(end) or end.endswith(tail))


def _argv_subject(patterns: Sequence[str], wide: bool, found: Mapping[str, str | None]) -> Subject:
    tests = [argv_test(pattern, wide, found) for pattern in patterns]
    doubtful = [loose_argv_test(pattern, wide, found) for pattern in patterns]
    programs = [
        None if pattern.split()[0] == "**" else program_test(pattern.split()[0], wide, found) for pattern in patterns
    ]
    everything = any(pattern.split() == ["**"] for pattern in patterns)

    def match(effect: Effect, name: str | None) -> bool | None:
        assert isinstance(effect, ExecEffect)
        if effect.argv is not None:
            argv = effect.argv
            if effect.loose or effect.more or None in argv:
                return _either([test(effect) for test in doubtful])
            return any(test(argv) for test in tests)  # type: ignore[arg-type]
        if everything:
            return True
        if effect.program is None:
            return None
        known = effect.program
        return None if any(test is None or test(known) for test in programs) else False

    return match


def _tool_subject(patterns: Sequence[str]) -> Subject:
    test = value_test("tool", patterns, itself=True, wide=True)

    def match(effect: Effect, name: str | None) -> bool | None:
        assert isinstance(effect, ToolEffect)
        return test(effect.name)

    return match


def _table_subject(patterns: Sequence[str], wide: bool) -> Subject:
    tests = [table_test(pattern, wide) for pattern in patterns]
    everything = any(is_every_table(pattern) for pattern in patterns)

    def match(effect: Effect, name: str | None) -> bool | None:
        assert isinstance(effect, SqlEffect)
        if everything:
            return True
        table = effect.table
        if table is None:
            return None if effect.opaque else False
        return _either([test(table) for test in tests])

    return match


# --- values in conditions -----------------------------------------------------


def value_test(kind: str, patterns: Sequence[str], *, itself: bool, wide: bool) -> Test | Readable:
    """Whether a text value is matched by one of a set's patterns, read as the set's type says.

    Of the types in ``READ`` a value may be unreadable: the answer is None then.
    """
    if kind in READ:
        read = [_host_value(pattern) if kind == "host" else _url_value(pattern, wide) for pattern in patterns]
        return lambda value: _either([one(value) for one in read])
    tests = [
        table_value(pattern, wide) if kind == "table" else _one_value(kind, pattern, itself) for pattern in patterns
    ]
    if len(tests) == 1:
        return tests[0]
    return lambda value: any(test(value) for test in tests)


def _either(values: list[bool | None]) -> bool | None:
    return True if True in values else None if None in values else False


def _host_value(pattern: str) -> Readable:
    test = host_test(pattern)

    def match(value: str) -> bool | None:
        host = canonical_host(value)
        return True if pattern == "*" else None if host is None else test(host)

    return match


def _url_value(pattern: str, wide: bool) -> Readable:
    match = net_subject(pattern, wide)
    return lambda value: match(net_effect("net.get", value), None)


def _one_value(kind: str, pattern: str, itself: bool) -> Test:
    match kind:
        case "path":
            return path_test(pattern, itself)
        case "tool":
            parts = pattern.split("/")
            return pattern.__eq__ if "*" not in pattern else lambda value: match_parts(parts, value.split("/"))
        case _:
            return pattern.__eq__ if "*" not in pattern else partial(match_star, pattern)


def names_of(effect: Effect) -> tuple[str | None, ...]:
    """The names by which a rule judges an effect: both of a file, one nothing for everything else."""
    if isinstance(effect, FileEffect):
        return (effect.path,) if effect.path == effect.resolved else (effect.path, effect.resolved)
    return (None,)
