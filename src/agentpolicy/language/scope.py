"""What the names of one file mean: declarations gathered, duplicates found, imports looked through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from attrs import field, frozen

from agentpolicy.language import tree
from agentpolicy.language.checked import Constant, Glob, ParamDecl, PatternKind, Place, Scalar, ToolDecl
from agentpolicy.language.findings import Findings
from agentpolicy.language.source import Source
from agentpolicy.language.vocabulary import SET_TYPES, TYPES


@frozen
class Scope:
    """The names that one file declares, and the scopes of the files that it imports under an alias."""

    source: Source
    params: dict[str, ParamDecl] = field(factory=dict)
    facts: dict[str, ParamDecl] = field(factory=dict)
    sets: dict[str, tree.SetDecl] = field(factory=dict)
    defines: dict[str, tree.Define] = field(factory=dict)
    tools: dict[str, ToolDecl] = field(factory=dict)
    marks: set[str] = field(factory=set)
    approvals: dict[str, tree.Block] = field(factory=dict)
    imports: dict[str, Scope] = field(factory=dict)
    used: set[str] = field(factory=set)

    def place(self, span: tree.Span) -> Place:
        """A place in this file."""
        return Place(self.source, span)

    def through(self, ref: tree.Ref) -> tuple[Scope, str]:
        """The scope that a possibly dotted reference leads to, and the name in it."""
        scope: Scope = self
        parts = ref.parts
        while len(parts) > 1 and parts[0] in scope.imports:
            scope.used.add(parts[0])
            scope = scope.imports[parts[0]]
            parts = parts[1:]
        return scope, ".".join(parts)

    def walk(self) -> Iterator[Scope]:
        """This scope and every one imported, each once."""
        seen: set[int] = set()
        todo: list[Scope] = [self]
        while todo:
            scope = todo.pop()
            if id(scope) not in seen:
                seen.add(id(scope))
                yield scope
                todo.extend(scope.imports.values())

    def all_params(self) -> dict[str, ParamDecl]:
        """Parameters of this file and of what it imports, by name."""
        return {name: decl for scope in self.walk() for name, decl in scope.params.items()} | self.params

    def all_facts(self) -> dict[str, ParamDecl]:
        """Facts of this file and of what it imports, by name."""
        return {name: decl for scope in self.walk() for name, decl in scope.facts.items()} | self.facts

    def all_tools(self) -> dict[str, ToolDecl]:
        """Tools of this file and of what it imports, by name."""
        return {name: decl for scope in self.walk() for name, decl in scope.tools.items()} | self.tools

    def names(self) -> list[str]:
        """What a bare word in a condition may mean here, for suggestions."""
        here = [*self.params, *self.facts, *self.sets, *self.defines]
        return here + [f"{alias}.{name}" for alias, scope in self.imports.items() for name in scope.names()]


def suggestion(word: str, candidates: Iterable[str], otherwise: str | None = None) -> str | None:
    """Help text for an unknown word."""
    from agentpolicy.language.render import suggest

    near = suggest(word, list(candidates))
    return f"did you mean `{near}`?" if near else otherwise


class SetReader:
    """Expands sets to their patterns; cycles and wrong types are reported once."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._done: dict[tuple[int, str], tuple[Glob, ...]] = {}

    def globs(
        self, patterns: Iterable[tree.Pattern], kind: PatternKind, scope: Scope, accepted: Mapping[str, PatternKind]
    ) -> tuple[Glob, ...]:
        """The globs that patterns stand for.

        ``kind`` is that of quoted patterns; ``accepted`` maps the set types that may stand here to the kind that
        their patterns are read as.
        """
        found: list[Glob] = []
        for pattern in patterns:
            if isinstance(pattern, tree.Text):
                found.append(Glob(kind, pattern.value, scope.place(pattern.span)))
                continue
            place = scope.place(pattern.span)
            home, name = scope.through(pattern)
            decl = home.sets.get(name)
            if decl is None:
                sets = [one for one in scope.names() if _is_set(scope, one)]
                self._findings.add(
                    "AP204",
                    f"no set is called `{pattern.text}`",
                    place,
                    help=suggestion(pattern.text, sets, "quote it if it is a pattern"),
                )
                continue
            home.used.add(name)
            read_as = accepted.get(decl.type.name)
            if read_as is None:
                wanted = " or ".join(f"`{one}`" for one in accepted)
                self._findings.add(
                    "AP302", f"`{pattern.text}` is a set of `{decl.type.name}`, and {wanted} is needed here", place
                )
                continue
            found += (Glob(read_as, one.text, one.place) for one in self.expand(home, name))
        return tuple(found)

    def expand(self, scope: Scope, name: str) -> tuple[Glob, ...]:
        """All patterns of one set, sets inside it included."""
        # A worklist in place of recursion: how deep sets refer to sets is the file's to choose.
        path: list[tuple[Scope, str]] = [(scope, name)]
        while path:
            home, current = path[-1]
            key = (id(home), current)
            decl = home.sets[current]
            waiting = None
            for pattern in decl.patterns:
                if isinstance(pattern, tree.Ref):
                    inner_home, inner = home.through(pattern)
                    if inner in inner_home.sets and (id(inner_home), inner) not in self._done:
                        waiting = (inner_home, inner)
                        break
            if waiting is None or key in self._done:
                if key not in self._done:
                    self._done[key] = self._own(home, decl)
                path.pop()
            elif any(one[0] is waiting[0] and one[1] == waiting[1] for one in path):
                self._findings.add(
                    "AP209",
                    f"the set `{waiting[1]}` is made of itself",
                    home.place(decl.name.span),
                    help="take one of the sets out of the circle",
                )
                self._done[(id(waiting[0]), waiting[1])] = ()
            else:
                path.append(waiting)
        return self._done[(id(scope), name)]

    def _own(self, scope: Scope, decl: tree.SetDecl) -> tuple[Glob, ...]:
        kind = decl.type.name
        if kind not in SET_TYPES:
            return ()
        read_as: PatternKind = kind  # type: ignore[assignment]
        return self.globs(decl.patterns, read_as, scope, {kind: read_as})


def _is_set(scope: Scope, dotted: str) -> bool:
    home, name = scope.through(tree.Ref(tuple(dotted.split("."))))
    return name in home.sets


def literal(value: tree.Value) -> Scalar | tuple[Scalar, ...] | None:
    """The plain value that a written one means; None for nested lists."""
    if isinstance(value, tree.ListValue):
        items = [literal(item) for item in value.items]
        return None if any(item is None or isinstance(item, tuple) for item in items) else tuple(items)  # type: ignore[arg-type]
    if isinstance(value, tree.Unit):
        return unit_value(value)
    return value.value


def unit_value(unit: tree.Unit) -> int | None:
    """Seconds of a duration or bytes of a size; None for an unknown unit."""
    from agentpolicy.language.vocabulary import DURATIONS, SIZES

    factor = DURATIONS.get(unit.unit) or SIZES.get(unit.unit)
    return None if factor is None else unit.amount * factor


def type_of(value: tree.Value) -> str:
    """The type of a written value as the language names it."""
    if isinstance(value, tree.Text):
        return "text"
    if isinstance(value, tree.Bool):
        return "bool"
    if isinstance(value, tree.Number):
        return "number"
    if isinstance(value, tree.Unit):
        from agentpolicy.language.vocabulary import DURATIONS

        return "duration" if value.unit in DURATIONS else "size"
    kinds = {type_of(item) for item in value.items}
    return f"[{kinds.pop()}]" if len(kinds) == 1 else "[]" if not kinds else "[mixed]"


def fits(value_type: str, wanted: str) -> bool:
    """Whether a written value of one type may stand where another is wanted."""
    from agentpolicy.language.vocabulary import TEXTUAL

    if wanted in {"any", value_type}:
        return True
    if wanted.startswith("["):
        return value_type == "[]" or (value_type.startswith("[") and fits(value_type[1:-1], wanted[1:-1]))
    if value_type == "text":
        return wanted in TEXTUAL
    if wanted == "argv":
        return value_type in {"[]", "[text]"}
    return wanted == "size" and value_type == "number"


def check_type(ref: tree.TypeRef, scope: Scope, findings: Findings) -> None:
    """Report a type that the language does not have."""
    if ref.name not in TYPES:
        findings.add(
            "AP212",
            f"there is no type `{ref.name}`",
            scope.place(ref.span),
            help=suggestion(ref.name, TYPES, "types are " + ", ".join(TYPES)),
        )


def _known_parameters(text: tree.Text, scope: Scope, findings: Findings) -> None:
    from agentpolicy.language.patterns import PARAMETER

    params = scope.all_params()
    for found in PARAMETER.finditer(text.value):
        if found.group(1) not in params:
            findings.add(
                "AP311",
                f"`{found.group(0)}` names no parameter",
                scope.place(text.span),
                help=suggestion(found.group(1), params, "write `\\$` for a dollar sign"),
            )


def constant(value: tree.Value, wanted: str, scope: Scope, findings: Findings) -> Constant:
    """A written value of the wanted type, reported where it does not fit."""
    kind = type_of(value)
    plain = literal(value)
    if isinstance(value, tree.Text):
        _known_parameters(value, scope, findings)
    if plain is None or not fits(kind, wanted):
        findings.add(
            "AP306", f"a value of type `{wanted}` is needed here, and this is `{kind}`", scope.place(value.span)
        )
    return Constant("" if plain is None else plain)
