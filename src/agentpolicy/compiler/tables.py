"""Indexes over a large set of rules, as plain data: settled answers first, candidates where a condition must be asked.

A *rank* is a rule's place when rules stand by severity, then file order: of several that match, the lowest rank is the
answer. Every table entry is ``(best, more)``: the lowest rank that is certain there, and the ranks below it that still
need asking. What encloses an entry is settled into it when the table is built, so that one look is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import frozen

from agentpolicy.compiler.match import Address, base_name, leading_words, narrow_names
from agentpolicy.compiler.shape import path_shape

Entry = tuple[int, tuple[int, ...]]


@frozen
class Alternative:
    """One concrete pattern of one rule. ``certain``: nothing else has to hold for the rule to match."""

    rank: int
    pattern: str | None  # None for ``any``
    wide: bool
    itself: bool
    certain: bool


class Slots:
    """Entries under construction, by key."""

    def __init__(self, nothing: int) -> None:
        self._nothing = nothing
        self._sure: dict[Any, int] = {}
        self._more: dict[Any, set[int]] = {}

    def add(self, key: Any, rank: int, *, certain: bool) -> None:
        """Put a rank under a key."""
        if certain:
            self._sure[key] = min(rank, self._sure.get(key, self._nothing))
        else:
            self._more.setdefault(key, set()).add(rank)

    def ordered(self) -> list[Any]:
        """All keys, sorted."""
        return sorted({*self._sure, *self._more})

    def entry(self, key: Any, *around: Entry) -> Entry:
        """The entry of a key, settled with those that enclose it."""
        best = min([self._sure.get(key, self._nothing), *(one[0] for one in around)])
        more = set(self._more.get(key, ())).union(*(one[1] for one in around))
        return best, tuple(sorted(rank for rank in more if rank < best))

    def table(self) -> dict[Any, Entry]:
        """All entries."""
        return {key: self.entry(key) for key in self.ordered()}


def path_tables(alternatives: Iterable[Alternative], nothing: int) -> dict[str, Any]:
    """``everywhere``, ``exact``, ``names`` and ``endings`` entries; ``keys``, ``parents`` and ``trees`` for bisecting.

    ``rest`` holds ranks whose patterns no table holds, ``loose`` those whose entries do not say all of a pattern.
    """
    exact, names, endings, trees, everywhere = (Slots(nothing) for _ in range(5))
    rest: set[int] = set()
    for one in alternatives:
        if one.pattern is None:
            everywhere.add("", one.rank, certain=one.certain)
            continue
        kind, key = path_shape(one.pattern)
        match kind:
            case "all":
                everywhere.add("", one.rank, certain=one.certain)
            case "exact":
                exact.add(key, one.rank, certain=one.certain)
            case "tree":
                trees.add(key, one.rank, certain=one.certain)
                if one.itself:
                    exact.add(key[:-1], one.rank, certain=one.certain)
            case "name":
                names.add(key, one.rank, certain=one.certain)
            case "ending" if key.startswith(".") and "." not in key[1:]:
                endings.add(key, one.rank, certain=one.certain)
            case _:
                rest.add(one.rank)
    keys: list[str] = trees.ordered()
    parents: list[int] = []
    settled: list[Entry] = []
    open_keys: list[int] = []
    for at, key in enumerate(keys):
        while open_keys and not key.startswith(keys[open_keys[-1]]):
            open_keys.pop()
        parent = open_keys[-1] if open_keys else -1
        parents.append(parent)
        settled.append(trees.entry(key, *([settled[parent]] if parent >= 0 else [])))
        open_keys.append(at)
    return {
        "everywhere": everywhere.entry(""),
        "exact": exact.table(),
        "names": names.table(),
        "endings": endings.table(),
        "keys": keys,
        "parents": parents,
        "trees": settled,
        "rest": tuple(sorted(rest)),
        "loose": rest,
    }


def argv_tables(alternatives: Iterable[Alternative], nothing: int, found: dict[str, str | None]) -> dict[str, Any]:
    """``narrow`` by program as written and ``wide`` by base name: ``(entry, {first argument: entry})``.

    ``plain`` settles both, with ``everywhere``, for programs without a directory, and adds ``deep`` as a third part;
    where options may stand in front of a subcommand, it holds none.

    ``deep`` gives, by base name, how many words of a command may name a subcommand of a wide pattern, so that commands
    with an option among them take the careful way. ``rest`` as for paths.
    """
    programs: dict[bool, dict[str, tuple[Slots, Slots]]] = {False: {}, True: {}}
    deep: dict[str, int] = {}
    rest: set[int] = set()
    loose: set[int] = set()
    everywhere = Slots(nothing)
    for one in alternatives:
        words = [] if one.pattern is None else one.pattern.split()
        if one.pattern is None or words == ["**"]:
            everywhere.add("", one.rank, certain=one.certain)
            continue
        if "*" in words[0]:
            rest.add(one.rank)
            continue
        if one.wide:
            base = base_name(words[0])
            keys = [base]
            deep[base] = max(deep.get(base, 0), leading_words(words[1:]))
        else:
            keys = narrow_names(words[0], found.get)
        for key in keys:
            own, subs = programs[one.wide].setdefault(key, (Slots(nothing), Slots(nothing)))
            if words[1:] == ["**"]:
                own.add("", one.rank, certain=one.certain)
            elif len(words) > 1 and "*" not in words[1]:
                whole = words[2:] == ["**"]
                subs.add(words[1], one.rank, certain=one.certain and whole)
                if not whole:
                    loose.add(one.rank)
            else:
                own.add("", one.rank, certain=False)
                loose.add(one.rank)
    result: dict[str, Any] = {"everywhere": everywhere.entry(""), "rest": tuple(sorted(rest)), "deep": deep}
    result["loose"] = rest | loose
    for wide, name in ((False, "narrow"), (True, "wide")):
        table: dict[str, tuple[Entry, dict[str, Entry]]] = {}
        for program, (own, subs) in sorted(programs[wide].items()):
            entry = own.entry("")
            table[program] = entry, {sub: subs.entry(sub, entry) for sub in subs.ordered()}
        result[name] = table
    result["plain"] = _plain(result, nothing)
    result["narrow"] = {name: one for name, one in result["narrow"].items() if "/" in name}
    return result


def _plain(tables: dict[str, Any], nothing: int) -> dict[str, tuple[Entry, dict[str, Entry], int]]:
    empty: tuple[Entry, dict[str, Entry]] = ((nothing, ()), {})
    everywhere: Entry = tables["everywhere"]
    plain: dict[str, tuple[Entry, dict[str, Entry], int]] = {}
    for name in sorted({*tables["wide"], *(name for name in tables["narrow"] if "/" not in name)}):
        (own, subs), (also, others) = tables["wide"].get(name, empty), tables["narrow"].get(name, empty)
        depth = tables["deep"].get(name, 0)
        plain[name] = (
            _settled(nothing, everywhere, own, also),
            {
                sub: _settled(nothing, everywhere, subs.get(sub, own), others.get(sub, also))
                for sub in sorted({*subs, *others})
                if not (depth and sub[:1] == "-")
            },
            depth,
        )
    return plain


def _settled(nothing: int, *entries: Entry) -> Entry:
    """Entries that hold at once as one; the very object where only one of them says anything."""
    saying = [one for one in entries if one != (nothing, ())]
    if len(saying) == 1:
        return saying[0]
    best = min((one[0] for one in saying), default=nothing)
    return best, tuple(sorted({rank for one in saying for rank in one[1] if rank < best}))


def host_tables(alternatives: Iterable[Alternative], nothing: int) -> dict[str, Any]:
    """``hosts`` and ``domains`` (parent domains, with the label counts that occur) give two entries each:

    the first for any port, the second, settled with the first, for a scheme's usual port. ``rest`` as for paths.
    """
    hosts, domains = (Slots(nothing), Slots(nothing)), (Slots(nothing), Slots(nothing))
    everywhere = Slots(nothing)
    rest: set[int] = set()
    loose: set[int] = set()
    for one in alternatives:
        if one.pattern is None:
            everywhere.add("", one.rank, certain=one.certain)
            continue
        address = Address(one.pattern)
        plain = address.scheme is None and address.path in {None, "/**"}
        any_port = address.port == "*" or (address.port is None and one.wide)
        usual_port = address.port is None and not one.wide
        certain = one.certain and plain and (any_port or usual_port)
        if "*" not in address.host:
            slots, key = hosts, address.host
        elif address.host.startswith("*.") and "*" not in address.host[2:]:
            slots, key = domains, address.host[2:]
        else:
            rest.add(one.rank)
            continue
        slots[1 if usual_port else 0].add(key, one.rank, certain=certain)
        if not (plain and (any_port or usual_port)):
            loose.add(one.rank)
    counts = sorted({key.count(".") + 1 for slots in domains for key in slots.ordered()})
    return {
        "everywhere": everywhere.entry(""),
        "hosts": _two(hosts),
        "domains": _two(domains),
        "counts": counts,
        "rest": tuple(sorted(rest)),
        "loose": rest | loose,
    }


def _two(slots: tuple[Slots, Slots]) -> dict[str, tuple[Entry, Entry]]:
    keys = sorted({*slots[0].ordered(), *slots[1].ordered()})
    return {key: (slots[0].entry(key), slots[1].entry(key, slots[0].entry(key))) for key in keys}


def tool_tables(alternatives: Iterable[Alternative], nothing: int) -> dict[str, Any]:
    """``names`` entries by tool name; ``rest`` as for paths."""
    names, everywhere = Slots(nothing), Slots(nothing)
    rest: set[int] = set()
    for one in alternatives:
        if one.pattern is None:
            everywhere.add("", one.rank, certain=one.certain)
        elif "*" in one.pattern:
            rest.add(one.rank)
        else:
            names.add(one.pattern, one.rank, certain=one.certain)
    return {"everywhere": everywhere.entry(""), "names": names.table(), "rest": tuple(sorted(rest)), "loose": rest}
