"""Kinds of effects that a policy tells apart: one view for each way in which its patterns may match.

Two effects of one view are matched by the same patterns; there are finitely many views, and together they are every
effect of the action.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from attrs import frozen

from agentpolicy.checker.automata import END, Automata, Marks, TooLarge
from agentpolicy.checker.canonical import (
    address_paths,
    canonical_paths,
    commands,
    names,
    plain_commands,
    plain_names,
)
from agentpolicy.checker.languages import (
    Held,
    always,
    argv_pattern,
    host_pattern,
    path_pattern,
    table_pattern,
    tool_pattern,
)
from agentpolicy.checker.truths import ANYTHING, FALSE, TRUE, UNKNOWN, Values
from agentpolicy.compiler.match import Address
from agentpolicy.compiler.table_match import is_every_table
from agentpolicy.effects.urls import OTHER_PORTS, SPECIAL_PORTS
from agentpolicy.language.vocabulary import family


@frozen
class Text:
    """A path, command, tool or host by the automata that accept it, with a shortest one of its kind.

    ``only``: there is no other one of its kind.
    """

    marks: Marks
    witness: str
    only: bool = False


@frozen
class Net:
    """An address. ``host`` None: not known; ``path`` None: the effect has none."""

    host: Text | None
    path: Text | None
    scheme: str | None
    port: int | None
    usual: bool


#: Kinds of address that are looked at, at most.
MOST_VIEWS = 50_000
#: What a subject is held against; None is a name or command that is not known.
View = Text | Net | None
#: What a subject may be on a view, the effect opaque or not.
Subject = Callable[[View, bool], Values]


class Unlimited:
    """Subjects before any automaton is drawn: a pattern may match or not."""

    def subject(self, patterns: Sequence[str], wide: bool, itself: bool) -> Subject:
        """A subject of which nothing is known."""
        return lambda view, opaque: ANYTHING if patterns else FALSE


class Views:
    """Subjects of one action's rules as automata, and every view of its effects."""

    def __init__(self, action: str, found: Callable[[str], str | None]) -> None:
        self._family = family(action)
        self._found = _Found(found)
        self._automata = Automata()
        self._paths = Automata()
        self._addresses: list[Address] = []
        self._anything = False
        match self._family:
            case "fs":
                self._every = canonical_paths(self._automata)
            case "exec":
                self._every = commands(self._automata)
                self._plain = plain_commands(self._automata)
            case _:
                separator = "/" if self._family == "tool" else "."
                self._every = names(self._automata, separator)
                self._plain = plain_names(self._automata, separator)
        self._every_path = address_paths(self._paths)
        self._drawn = self._automata.count
        self._limit: range | None = None

    # --- subjects ----------------------------------------------------------------------

    def subject(self, patterns: Sequence[str], wide: bool, itself: bool) -> Subject:
        """The subject that matches where one of the patterns does."""
        if self._family == "net":
            return self._net(patterns, wide)
        if self._family == "sql":
            return self._tables(patterns, wide)
        held = [self._held(pattern, wide, itself) for pattern in patterns]
        everything = always in held
        self._anything = self._anything or everything
        elsewhere = UNKNOWN if self._family == "fs" else frozenset({None, False})

        def look(view: View, opaque: bool) -> Values:
            if everything:
                return TRUE
            if view is None:
                return elsewhere if held else FALSE
            assert isinstance(view, Text)
            marks = view.marks
            return TRUE if any(one(marks) for one in held) else FALSE

        return look

    def _held(self, pattern: str, wide: bool, itself: bool) -> Held:
        match self._family:
            case "fs":
                return path_pattern(self._automata, pattern, itself)
            case "exec":
                return argv_pattern(self._automata, pattern, wide, self._found)
            case _:
                return tool_pattern(self._automata, pattern)

    def _tables(self, patterns: Sequence[str], wide: bool) -> Subject:
        held = [table_pattern(self._automata, pattern, wide) for pattern in patterns]
        everything = any(is_every_table(pattern) for pattern in patterns)
        self._anything = self._anything or everything

        def look(view: View, opaque: bool) -> Values:
            if everything:
                return TRUE
            if view is None:
                return UNKNOWN if opaque and held else FALSE
            assert isinstance(view, Text)
            marks = view.marks
            if any(whole(marks) for whole, _ in held):
                return TRUE
            return UNKNOWN if any(perhaps(marks) for _, perhaps in held) else FALSE

        return look

    def _net(self, patterns: Sequence[str], wide: bool) -> Subject:
        tests = [self._address(pattern, wide) for pattern in patterns]

        def look(view: View, opaque: bool) -> Values:
            found = FALSE
            for test in tests:
                values = test(view, opaque)
                if values == TRUE:
                    return TRUE
                found = frozenset(
                    True if a or b else None if a is None or b is None else False for a in found for b in values
                )
            return found

        return look

    def _address(self, pattern: str, wide: bool) -> Subject:
        address = Address(pattern)
        self._addresses.append(address)
        host = host_pattern(self._automata, address.host)
        self._anything = self._anything or host is always
        path = None
        if address.path is not None and address.path != "/**":
            path = path_pattern(self._paths, address.path, wide)
        anywhere = (
            host is always
            and address.scheme is None
            and path is None
            and (address.port == "*" or (wide and address.port is None))
        )

        def standard(view: Net, known: Text) -> bool | None:
            if not host(known.marks) or (address.scheme is not None and view.scheme != address.scheme):
                return False
            if address.port is None:
                if not wide and not view.usual:
                    return False
            elif address.port != "*" and view.port != address.port:
                return False
            if path is None:
                return True
            return None if view.path is None else path(view.path.marks)

        def look(view: View, opaque: bool) -> Values:
            assert isinstance(view, Net)
            if anywhere:
                return TRUE
            if view.host is None:
                return UNKNOWN
            value = standard(view, view.host)
            if opaque and view.path is not None:
                # Clients disagree about such an address: what the standard reads counts only towards the stricter.
                return frozenset({value if value is wide else None})
            return frozenset({value})

        return look

    def limit(self) -> None:
        """Take the subjects made so far for those that ``texts`` is limited to."""
        if not self._anything:
            self._limit = range(self._drawn, self._automata.count)

    # --- every view ----------------------------------------------------------------------

    def texts(self, *, limited: bool = True) -> list[Text]:
        """Every kind of path, command, tool or host, those with plain witnesses first, shorter ones first.

        ``limited``: only those that the subjects made before ``limit`` match.

        Raises:
            TooLarge: there are too many.
        """
        found = self._automata.explore(every=self._every, some=self._limit if limited else None)
        plain = self._every if self._family == "fs" else self._plain
        single = self._automata.single
        texts = [Text(marks, text, not single.isdisjoint(marks)) for marks, text in found.items()]
        return sorted(texts, key=lambda one: (plain not in one.marks, len(one.witness)))

    def nets(self, opaque: bool, ports: Iterable[int], schemes: bool) -> list[Net]:
        """Every kind of address.

        Args:
            opaque: whether of opaque ones.
            ports: ports that conditions tell apart.
            schemes: whether conditions tell schemes apart.

        Raises:
            TooLarge: there are too many.
        """
        hosts = self.texts()
        paths = [Text(marks, text) for marks, text in self._paths.explore(every=self._every_path).items()]
        paths.sort(key=lambda one: (not one.witness, len(one.witness)))
        ends = self._ends({port for port in ports if 0 < port < 65536}, opaque, schemes)
        if len(hosts) * len(paths) * len(ends) > MOST_VIEWS:
            raise TooLarge(f"more than {MOST_VIEWS} kinds of address")
        found = [Net(host, path, *end) for host in hosts for path in paths for end in ends]
        # A host alone, as a tool's parameter names it: nothing is said of the scheme, and perhaps not of the port.
        ports = sorted({port for _, port, _ in ends if port is not None})
        bare: list[tuple[str | None, int | None, bool]] = [(None, None, True), *((None, port, False) for port in ports)]
        if opaque:
            bare += [*ends, (None, None, False)]
            found.append(Net(None, None, None, None, usual=False))
        return [*found, *(Net(host, None, *end) for host in hosts for end in bare)]

    def _ends(self, mentioned: set[int], opaque: bool, apart: bool) -> list[tuple[str, int | None, bool]]:
        """Every scheme and port that may be told apart."""
        usual = {**SPECIAL_PORTS, **OTHER_PORTS}
        named = {address.scheme for address in self._addresses if address.scheme is not None}
        if apart:
            named |= {*usual}
        mentioned |= {address.port for address in self._addresses if isinstance(address.port, int)}
        spare = next(port for port in range(8080, 65536) if port not in mentioned and port not in usual.values())
        bounds = sorted(mentioned)
        schemes: dict[object, str] = {}
        for scheme in sorted(usual, key=lambda one: (one not in {"http", "https"}, one != "https", one)):
            # Schemes that nothing names differ by their own port only, and that by the numbers it lies between.
            port = usual[scheme]
            between = (port in mentioned, bisect_left(bounds, port))
            schemes.setdefault(scheme if scheme in named else between, scheme)
        ends: list[tuple[str, int | None, bool]] = [
            (scheme, port, port == usual[scheme])
            for scheme in schemes.values()
            for port in (usual[scheme], *sorted(mentioned - {usual[scheme]}), spare)
        ]
        if opaque:
            ends += [
                (scheme, port, False) for scheme in sorted(named - {*usual}) for port in (None, *sorted(mentioned))
            ]
        return ends


class _Found(dict[str, "str | None"]):
    """Where programs are found, asked when first needed."""

    def __init__(self, find: Callable[[str], str | None]) -> None:
        super().__init__()
        self._find = find

    def get(self, program: str, default: str | None = None) -> str | None:  # type: ignore[override]
        return self._find(program) or default


def words(witness: str) -> tuple[str, ...]:
    """The words of a command's canonical text."""
    return tuple(witness.split(END)[:-1])
