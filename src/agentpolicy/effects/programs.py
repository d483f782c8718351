"""What is known of programs: the tables of ``knowledge/``, made ready entry by entry when a program is first met."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any, Final

#: Programs that run a command under more rights than the caller has.
ELEVATING: Final = frozenset(
    ["sudo", "sudoedit", "doas", "dzdo", "gsudo", "pkexec", "please", "run0", "runas", "su", "calife", "super"]
)
#: Directories whose programs are those of the system, so that a full name means the program of that name.
SYSTEM: Final = frozenset({"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"})


class Form:
    """How a command reads its words, under some of its options.

    ``operands`` are roles in order, ``does`` effects that need no operand; ``readonly``, ``opaque`` as in the tables.
    """

    __slots__ = ("bare", "does", "flags", "opaque", "operands", "readonly", "unless", "values", "when")

    def __init__(self, row: Mapping[str, Any], base: Form | None = None) -> None:
        self.when: tuple[str, ...] = tuple(row.get("when", "").split())
        self.unless: tuple[str, ...] = tuple(row.get("unless", "").split())
        self.operands: tuple[str, ...] = tuple(row.get("operands", base.operands if base else ()))
        self.bare: tuple[str, ...] = tuple(row.get("bare", base.bare if base else ()))
        self.does: tuple[str, ...] = tuple(row.get("does", base.does if base else ()))
        self.readonly: bool = row.get("readonly", base.readonly if base else False)
        self.opaque: str | None = row.get("opaque", base.opaque if base else None)
        self.flags: frozenset[str] = frozenset(row.get("flags", "").split())
        self.values: Mapping[str, str] = _values(row.get("values", {}))


class Entry:
    """One program, or one subcommand, ready to be used.

    ``flags`` and ``values`` hold every option, with and without a value, those of the program in front of a subcommand
    too; ``long`` all long names, sorted, for abbreviations.
    """

    __slots__ = (
        "elevates", "flags", "form", "forms", "keys", "long", "many", "name", "open",
        "reveal", "visible", "parent", "plus", "special", "style",
        "subcommands", "unknown", "values",
    )  # fmt: skip

    def __init__(self, name: str, row: Mapping[str, Any], parent: Entry | None = None) -> None:
        self.name = name
        self.parent = parent
        self.form = Form(row)
        self.forms = tuple([Form(one, self.form) for one in row.get("forms", ())])
        self.open: bool = row.get("open", False)
        self.style: str = row.get("style", "gnu" if parent is None or parent.style == "posix" else parent.style)
        self.elevates: bool = row.get("elevates", False)
        self.plus: str = row.get("plus", "")
        self.special: str | None = row.get("special")
        self.keys: Mapping[str, str] = row.get("keys", {})
        self.unknown: str = row.get("unknown", "opaque")
        #: whether names that begin with a dot are passed over, and options under which they are not
        self.visible: bool = row.get("visible", "reveal" in row)
        self.reveal: frozenset[str] = frozenset(row.get("reveal", "").split())
        self.many: frozenset[str] = frozenset(row.get("many", "").split())
        self.values: dict[str, str] = dict(parent.values) if parent is not None else {}
        own = _values(row.get("values", {}))
        flags = set(parent.flags) if parent is not None else set()
        own_flags = {*row.get("flags", "").split(), *self.many} - {"*"}
        for form in self.forms:
            own_flags |= {one for one in (*form.when, *form.unless) if one not in own} | form.flags
            for option, role in form.values.items():
                own.setdefault(option, role)
        for option in own_flags:
            self.values.pop(option, None)
        self.values.update(own)
        self.flags: frozenset[str] = frozenset((flags | own_flags) - set(own))
        self.long: tuple[str, ...] = tuple(sorted(one for one in {*self.flags, *self.values} if one[:2] == "--"))
        self.subcommands: Mapping[str, Any] = row.get("sub", {})

    def form_under(self, given: frozenset[str] | set[str]) -> Form:
        """The form that holds under the options given."""
        for form in self.forms:
            if (not form.when or not given.isdisjoint(form.when)) and given.isdisjoint(form.unless):
                return form
        return self.form

    def subcommand(self, name: str) -> Entry | None:
        """The entry of a subcommand."""
        if name not in self.subcommands:
            return None
        return _subcommand(self, name)

    def spelled(self, option: str) -> list[str]:
        """The listed options that a word spells: itself, or those that it shortens (GNU ``getopt_long``)."""
        if option in self.values or option in self.flags:
            return [option]
        if option[:2] != "--" or len(option) < 3:
            return []
        return [one for one in self.long if one.startswith(option)]


_made: dict[tuple[int, str], Entry] = {}


def _subcommand(parent: Entry, name: str) -> Entry:
    key = (id(parent), name)
    found = _made.get(key)
    if found is None:
        row = parent.subcommands[name]
        if isinstance(row, str):  # another name of a subcommand
            row = parent.subcommands[row]
        found = _made[key] = Entry(f"{parent.name} {name}", row, parent)
    return found


def _values(row: Mapping[str, str]) -> dict[str, str]:
    return {option: role for options, role in row.items() for option in options.split()}


@lru_cache(maxsize=1)
def _tables() -> Mapping[str, Any]:
    from orjson import loads

    text = resources.files("agentpolicy.effects.knowledge").joinpath("knowledge.json").read_bytes()
    tables: Mapping[str, Any] = loads(text)
    return tables


@lru_cache(maxsize=4096)
def entry_of(name: str) -> Entry | None:
    """What is known of a program under one name, None where nothing is."""
    row = _tables().get(name)
    if isinstance(row, str):
        return entry_of(row)
    return None if row is None else Entry(name, row)


def program_entry(program: str) -> Entry | None:
    """What is known of the program that a command names, looked up by its base name and without its version."""
    for name in known_as(program):
        found = entry_of(name)
        if found is not None:
            return found
    return None


def base_name(program: str) -> str:
    """The name under which a program is known: no directory, lower case, no ``.exe``."""
    return program.rpartition("/")[2].lower().removesuffix(".exe")


def known_as(program: str) -> tuple[str, ...]:
    """Every name under which to look a program up: as it is, and without a version (``python3.11``)."""
    name = base_name(program)
    bare = name.rstrip("0123456789.-")
    return (name, bare) if bare and bare != name else (name,)


class Options:
    """What is known of the options that may stand in front of a subcommand: those whose value is the next word, and
    those
    that stand alone. Of any other it is not known whether it takes the next word.
    """

    __slots__ = ("alone", "values")

    def __init__(self, values: frozenset[str], alone: frozenset[str]) -> None:
        self.values = values
        self.alone = alone

    def takes(self, word: str) -> bool | None:
        """Whether an option's word takes the next one; None where that is not known."""
        if word in self.values:
            return True
        return False if word in self.alone or "=" in word or word == "--" else None


_NO_OPTIONS: Final = Options(frozenset(), frozenset())


@lru_cache(maxsize=4096)
def options_of(program: str) -> Options:
    """The options of a program by its base name; none of a program that nobody knows, or that has no subcommands."""
    found = entry_of(program)
    if found is None or not found.subcommands:
        return _NO_OPTIONS
    if found.name != program:
        return options_of(found.name)
    values = frozenset([option for option, role in found.values.items() if not role.endswith("?")])
    return Options(values, found.flags | (found.values.keys() - values))


def program_names() -> list[str]:
    """Every name of a program that something is known of."""
    return list(_tables())


@lru_cache(maxsize=1)
def programs_with_subcommands() -> tuple[str, ...]:
    """Every name of a program whose options in front of a subcommand are known."""
    tables = _tables()
    return tuple([name for name, row in tables.items() if "sub" in (tables[row] if isinstance(row, str) else row)])


def complete(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Tables as they are kept: other names of a program or a subcommand point to it."""
    found: dict[str, Any] = {}
    for name, row in tables.items():
        kept = {key: value for key, value in row.items() if key != "also"}
        if "sub" in kept:
            kept["sub"] = complete(kept["sub"])
        found[name] = kept
    for name, row in tables.items():
        for other in row.get("also", ()):
            found.setdefault(other, name)
    return found
