"""From file names to a checked program: layers found, imports read, everything wrong reported at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePath

from attrs import evolve

from agentpolicy.language import tree as t
from agentpolicy.language.check import LayerReader
from agentpolicy.language.checked import Layer, Place, Program
from agentpolicy.language.declare import declare
from agentpolicy.language.findings import Findings
from agentpolicy.language.parser import parse, read_source
from agentpolicy.language.scope import Scope, suggestion
from agentpolicy.language.source import Diagnostic, PolicyError, Source

PRESETS = Path(__file__).parent.parent / "presets"
#: Files that one policy may be made of, and how deeply they may refer to each other.
MAX_FILES, MAX_DEPTH = 256, 32

#: Reads a file: its name to text and the SHA-256 of its bytes, or PolicyError.
Reader = Callable[[str], tuple[Source, str]]


def locate(name: str) -> str:
    """The file that a policy's name means: a path, or ``preset:NAME``.

    Raises:
        PolicyError: there is no such preset.
    """
    if not name.startswith("preset:"):
        return name
    preset = name.removeprefix("preset:")
    known = sorted(path.stem for path in PRESETS.glob("*.agp"))
    if preset not in known:
        source = Source(name, name)
        help = suggestion(preset, known, "presets are " + ", ".join(known))
        raise PolicyError((Diagnostic("AP401", f"there is no preset `{preset}`", source, t.Span(0, len(name)), help),))
    return str(PRESETS / f"{preset}.agp")


def load_program(names: Sequence[str], read: Reader = read_source) -> Program:
    """The checked program of one policy or several layers, outermost first.

    Args:
        names: paths of policy files, or ``preset:NAME``.
        read: how a file is read; tests give their own.

    Raises:
        PolicyError: holding every error of every file.
    """
    program, findings = check_program(names, read)
    if program is None:
        raise PolicyError(findings.all)
    findings.stop_on_errors()
    return program


def check_program(names: Sequence[str], read: Reader = read_source) -> tuple[Program | None, Findings]:
    """The program as far as it could be read (None where a file has no tree), and everything found, lint included."""
    findings = Findings()
    loader = _Loader(read, findings)
    layers: list[Layer] = []
    good = bool(names)
    for name in names:
        try:
            path = locate(name)
        except PolicyError as error:
            findings.extend(error.diagnostics)
            good = False
            continue
        good = loader.layers(path, layers) and good
    if not good:
        return None, findings
    program = Program(tuple(_keyed(layers)), tuple(loader.sources.items()))
    _across_layers(program, findings)
    return program, findings


class _Loader:
    """Reads each file once, whoever refers to it."""

    def __init__(self, read: Reader, findings: Findings) -> None:
        self._read = read
        self._findings = findings
        self._files: dict[str, tuple[t.File, Source] | None] = {}
        self._scopes: dict[str, Scope | None] = {}
        self._layered: set[str] = set()
        self.sources: dict[str, str] = {}

    def layers(self, path: str, into: list[Layer], chain: tuple[str, ...] = (), at: Place | None = None) -> bool:
        """Append the layers of a file, outer ones first; False where one could not be read."""
        key = _key(path)
        if key in chain or len(chain) >= MAX_DEPTH:
            self._circle("extends", [*chain, key], at)
            return False
        loaded = self._file(path, at)
        if loaded is None:
            return False
        if key in self._layered:
            return True
        file, source = loaded
        good = True
        for item in file.items:
            if isinstance(item, t.Extends):
                outer = self._beside(path, item.path, Place(source, item.path.span))
                good = (
                    outer is not None
                    and self.layers(outer, into, (*chain, key), Place(source, item.path.span))
                    and good
                )
        scope = self._scope(path, (), at)
        if scope is None or not good:
            return False
        self._layered.add(key)
        into.append(LayerReader(file, scope, self._findings).read())
        return True

    def _scope(self, path: str, chain: tuple[str, ...], at: Place | None) -> Scope | None:
        key = _key(path)
        if key in chain or len(chain) >= MAX_DEPTH:
            self._circle("imports", [*chain, key], at)
            return None
        if key in self._scopes:
            return self._scopes[key]
        loaded = self._file(path, at)
        if loaded is None:
            self._scopes[key] = None
            return None
        file, source = loaded
        imports: dict[str, Scope] = {}
        good = True
        for item in file.items:
            if not isinstance(item, t.Import):
                continue
            place = Place(source, item.path.span)
            other = self._beside(path, item.path, place)
            scope = None if other is None else self._scope(other, (*chain, key), place)
            if scope is None:
                good = False
                continue
            if item.alias.text in imports:
                self._findings.add(
                    "AP202",
                    f"the name `{item.alias.text}` is taken",
                    Place(source, item.alias.span),
                    help="choose another name",
                )
            imports[item.alias.text] = scope
        self._scopes[key] = declare(file, source, imports, self._findings) if good else None
        return self._scopes[key]

    def _file(self, path: str, at: Place | None) -> tuple[t.File, Source] | None:
        key = _key(path)
        if key in self._files:
            return self._files[key]
        loaded: tuple[t.File, Source] | None = None
        if len(self._files) >= MAX_FILES:
            place = at or Place(Source(path, ""), t.NOWHERE)
            self._findings.add("AP402", f"a policy is made of {MAX_FILES} files at most", place)
        else:
            try:
                source, digest = self._read(path)
                self.sources[key] = digest
                loaded = parse(source), source
            except PolicyError as error:
                self._report(error, at)
        self._files[key] = loaded
        return loaded

    def _report(self, error: PolicyError, at: Place | None) -> None:
        for one in error.diagnostics:
            # A file that could not be read is reported where it was named.
            if at is not None and one.code == "AP401":
                self._findings.add(one.code, one.message, at, help=one.help)
            else:
                self._findings.extend((one,))

    def _beside(self, path: str, name: t.Text, place: Place) -> str | None:
        text = name.value
        if not text or "\x00" in text or "${" in text:
            self._findings.add("AP401", "a file's name is plain text", place)
            return None
        try:
            found = locate(text)
        except PolicyError as error:
            self._report(error, place)
            return None
        return found if text.startswith("preset:") else os.path.join(os.path.dirname(path), found)

    def _circle(self, what: str, chain: list[str], at: Place | None) -> None:
        names = " → ".join(PurePath(one).name for one in chain[-4:])
        place = at or Place(Source(chain[-1], ""), t.NOWHERE)
        self._findings.add("AP402", f"{what} go in a circle: {names}", place, help="take one of them out")


def _key(path: str) -> str:
    return os.path.realpath(path)


def _keyed(layers: Iterable[Layer]) -> list[Layer]:
    """The layers with the names under which sessions keep what is theirs: of two of one name the outer has it."""
    found: list[Layer] = []
    taken: dict[str, int] = {}
    for layer in layers:
        taken[layer.name] = taken.get(layer.name, 0) + 1
        again = taken[layer.name]
        found.append(evolve(layer, key=layer.name if again == 1 else f"{layer.name}#{again}"))
    return found


def _across_layers(program: Program, findings: Findings) -> None:
    """What only shows when all layers are known."""
    rules = {rule.id for layer in program.layers for rule in layer.rules}
    for layer in program.layers:
        for test in layer.tests:
            for step in test.steps:
                by = step.expect.by if isinstance(step, t.Step) and step.expect is not None else None
                if by is not None and by.text not in rules and by.text != "default":
                    findings.add(
                        "AP211",
                        f"no rule is called `{by.text}`",
                        Place(layer.source, by.span),
                        help=suggestion(by.text, [*rules, "default"]),
                    )
        _known_givens(program, layer, findings)
    _agree(program.layers, findings)


def _known_givens(program: Program, layer: Layer, findings: Findings) -> None:
    from agentpolicy.language.vocabulary import CONTEXT

    known = {name for one in program.layers for name in (*one.params, *one.facts)} | {*CONTEXT}
    givens = [step for test in layer.tests for step in test.steps if isinstance(step, t.Given)]
    givens += [proof.tree.given for proof in layer.proofs if proof.tree.given is not None]
    for given in givens:
        for binding in given.bindings:
            if binding.ref.text not in known:
                findings.add(
                    "AP201",
                    f"there is no parameter, fact or context name `{binding.ref.text}`",
                    Place(layer.source, binding.ref.span),
                    help=suggestion(binding.ref.text, known),
                )


def _agree(layers: Iterable[Layer], findings: Findings) -> None:
    """Parameters, facts and tools of one name mean the same in every layer."""
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    for layer in layers:
        named = [("parameter", one) for one in layer.params.values()] + [("fact", one) for one in layer.facts.values()]
        for what, decl in named:
            kind, where = seen.setdefault((what, decl.name), (decl.type, layer.source.name))
            if kind != decl.type:
                findings.add(
                    "AP407",
                    f"the {what} `{decl.name}` is `{kind}` in `{where}` and `{decl.type}` here",
                    decl.place,
                    help="give both the same type",
                )
        for tool in layer.tools.values():
            for parameter in tool.parameters:
                kind, where = seen.setdefault((tool.name, parameter.name), (parameter.type, layer.source.name))
                if kind != parameter.type:
                    findings.add(
                        "AP406",
                        f"`{tool.name}` takes `{parameter.name}: {kind}` in `{where}` and `{parameter.type}` here",
                        parameter.place,
                        help="give both the same type",
                    )
