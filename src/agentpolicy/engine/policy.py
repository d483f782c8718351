"""A compiled policy: immutable, shared by every engine and thread that uses it."""

from __future__ import annotations

import marshal
import os
from collections.abc import Callable, Mapping, Sequence
from types import CodeType, MappingProxyType
from typing import Any

from agentpolicy.compiler.bind import Bindings, bind_params
from agentpolicy.compiler.cache import Cache
from agentpolicy.compiler.compile import Artifact, code_name, compile_program
from agentpolicy.compiler.heads import find_programs, lead, resolver
from agentpolicy.compiler.runtime import LayerRuntime, MarkRow, QuotaRow
from agentpolicy.compiler.verdict import DENY, Verdict
from agentpolicy.effects.effect import Effect
from agentpolicy.effects.host import Host
from agentpolicy.effects.tools import ToolShape, join
from agentpolicy.engine.situation import FactRow, Situation
from agentpolicy.language.load import Reader, load_program, locate
from agentpolicy.language.source import Source
from agentpolicy.language.vocabulary import ACTIONS

PolicyNames = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Answer = Callable[[Effect, Situation], Verdict | None]
_SILENT = Verdict(DENY, "default", "no layer allows this", None, order=1 << 30)


class Policy:
    """One policy with its layers, bound to parameters.

    Make one with ``Policy.load`` or ``Policy.from_text``. ``name`` and ``version`` are the innermost layer's,
    ``digest`` identifies sources, parameters and home, ``tools`` are the declared tools, ``facts`` the declared facts,
    ``sources`` the files it was read from.
    """

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        self.name: str = artifact["name"]
        self.version: str = artifact["version"]
        self.digest: str = artifact["digest"]
        self.sources: tuple[str, ...] = tuple(name for name, _ in artifact["sources"])
        self.facts: Sequence[FactRow] = artifact["facts"]
        self.reads_size: bool = artifact["reads_size"]
        self.reads_time: bool = artifact["reads_time"]
        self._layers = [
            LayerRuntime(layer, _code(layer), at, artifact["programs"]) for at, layer in enumerate(artifact["layers"])
        ]
        #: what sessions keep: marks, what is counted by its name, and whether origins of values are asked for
        self.marks: list[MarkRow] = [row for layer in self._layers for row in layer.marks]
        self.quotas: dict[str, QuotaRow] = {row.key: row for layer in self._layers for row in layer.quotas}
        self.reads_sources: bool = artifact["reads_sources"]
        self.says: Sequence[str] = artifact["says"]
        self.tools: Mapping[str, ToolShape] = MappingProxyType(joined(artifact["tools"]))
        returned = {tool.returns for tool in self.tools.values() if tool.returns is not None}
        self.labels: frozenset[str] = frozenset(returned - {"trusted", "untrusted"})
        self._watched: dict[str, bool] = {}
        self._named: dict[str, bool] = {}
        #: What answers for effects of an action; it gives None where nothing is said of a tool that is answered for.
        self.answers: Mapping[str, Answer] = {action: self._answer(action) for action in ACTIONS}

    @property
    def remembers(self) -> bool:
        """Whether anything is kept of a session under this policy."""
        return bool(self.marks or self.quotas or self.reads_sources)

    @property
    def carries(self) -> bool:
        """Whether files carry marks and origins to whoever reads them."""
        return bool(self.marks or self.reads_sources)

    # --- making one ----------------------------------------------------------------

    @classmethod
    def load(
        cls,
        names: PolicyNames,
        *,
        params: Mapping[str, Any] | None = None,
        host: Host | None = None,
        cache: bool | Cache = True,
    ) -> Policy:
        """Load a policy file, ``preset:NAME``, or several as layers, outermost first.

        Args:
            names: one name or several.
            params: values of the policy's parameters.
            host: the machine whose home, links and PATH the patterns mean.
            cache: whether a compiled policy may be kept on disk and taken from there, or the cache to use.

        Raises:
            PolicyError: with every error that was found.
        """
        listed = [names] if isinstance(names, str | os.PathLike) else list(names)
        plain = [os.fspath(name) for name in listed]
        host = host or Host()
        params = params or {}
        store = cache if isinstance(cache, Cache) else Cache() if cache else None
        if store is not None:
            kept = store.load(
                [_known(name) for name in plain],
                params,
                host.home,
                lambda heads: lead(heads, host.files),
                lambda programs: find_programs(programs, host.files),
            )
            if kept is not None:
                try:
                    return cls(kept)
                except Exception:
                    kept = None
        program = load_program(plain)
        bindings = bindings_on(bind_params(program, params), host)
        artifact = compile_program(program, bindings)
        if store is not None:
            store.save([_known(name) for name in plain], params, host.home, artifact)
        return cls(artifact)

    @classmethod
    def from_text(
        cls,
        text: str,
        *,
        params: Mapping[str, Any] | None = None,
        host: Host | None = None,
        files: Mapping[str, str] | None = None,
        name: str = "<policy>",
    ) -> Policy:
        """A policy from its text; ``files`` holds what it imports or extends, by path.

        Raises:
            PolicyError: with every error that was found.
        """
        program = load_program([name], read=text_reader(name, text, files or {}))
        return cls(compile_program(program, bindings_on(bind_params(program, params or {}), host or Host())))

    # --- answering -------------------------------------------------------------------

    def judge(self, effect: Effect, situation: Situation) -> Verdict | None:
        """The answer to one effect: the strictest of all layers, the outermost's where several are equal.

        None means that nothing was said of a tool whose declared effects answer for it.
        """
        return self.answers[effect.action](effect, situation)

    def _answer(self, action: str) -> Answer:
        """One action's function: that of the only layer where it always has an opinion, else the strictest of all."""
        functions = [layer.decide[action] for layer in self._layers]
        if len(functions) == 1 and self._layers[0].speaks(action):
            return functions[0]

        def strictest(effect: Effect, situation: Situation) -> Verdict | None:
            best: Verdict | None = None
            for function in functions:
                verdict = function(effect, situation)
                if verdict is not None and (best is None or verdict.severity < best.severity):
                    best = verdict
            if best is None and not (
                getattr(effect, "answered", False) or getattr(effect, "wrapper", False) or effect.possible
            ):
                return _SILENT
            return best

        return strictest

    def asking(self, effect: Effect, situation: Situation) -> list[Verdict]:
        """Every ask rule, of every layer, that matches an effect."""
        return [verdict for layer in self._layers for verdict in layer.asking(effect, situation)]

    def watches(self, tool: str) -> bool:
        """Whether an ask or deny rule may match calls of a tool whose effects answer for it."""
        known = self._watched.get(tool)
        if known is None:
            known = any(layer.watches(tool) for layer in self._layers)
            _remember(self._watched, tool, known)
        return known

    def names_tool(self, tool: str) -> bool:
        """Whether a rule names a tool that nobody declares."""
        known = self._named.get(tool)
        if known is None:
            known = any(layer.names_tool(tool) for layer in self._layers)
            _remember(self._named, tool, known)
        return known

    @property
    def generated(self) -> str:
        """The generated source of all layers with the constants that it names, for reading."""
        parts: list[str] = []
        for at, layer in enumerate(self.artifact["layers"]):
            parts.append(f"# layer {at}: {layer['name']} ({os.path.basename(layer['file'])})\n\n{layer['source']}")
            parts.append("# constants\n")
            parts += [f"# K{number} = {_shown(row)}\n" for number, row in enumerate(layer["constants"])]
        return "".join(parts)

    def place_of(self, error: BaseException) -> str | None:
        """Which line of which policy file an error in generated code came from."""
        frame = error.__traceback__
        found: str | None = None
        while frame is not None:
            name = frame.tb_frame.f_code.co_filename
            for at, layer in enumerate(self.artifact["layers"]):
                if name == code_name(layer["name"], at) and frame.tb_lineno in layer["lines"]:
                    found = f"{os.path.basename(layer['file'])}:{layer['lines'][frame.tb_lineno]}"
            frame = frame.tb_next
        return found

    def __repr__(self) -> str:
        return f"<Policy {self.name} {self.version} {self.digest[:19]}>"


def _code(layer: Mapping[str, Any]) -> CodeType:
    code: CodeType = marshal.loads(layer["code"])  # noqa: S302 - part of an artifact that was just made or checked
    return code


def joined(rows: Sequence[tuple[Any, ...]]) -> dict[str, ToolShape]:
    """Tools by name; several lines of one tool add up."""
    tools: dict[str, ToolShape] = {}
    for row in rows:
        shape = ToolShape.from_row(row)
        tools[shape.name] = join(tools[shape.name], shape) if shape.name in tools else shape
    return tools


def _shown(row: tuple[Any, ...]) -> str:
    if row[0] == "value":
        return repr(row[1])
    if row[0] == "set":
        return "{" + ", ".join(map(repr, row[1])) + "}"
    if row[0] != "test":
        return f"{row[0]} like {row[1]!r}"
    return f"{row[1]} like any of {', '.join(map(repr, row[2]))}"


def _remember(memory: dict[str, bool], key: str, value: bool) -> None:
    # Tool names come from the agent: what is remembered of them stays bounded.
    if len(memory) >= 4096:
        memory.clear()
    memory[key] = value


def _known(name: str) -> str:
    try:
        return locate(name)
    except Exception:
        return name


def bindings_on(params: Mapping[str, Any], host: Host) -> Bindings:
    """Checked parameters bound on a host, whose links and PATH the patterns mean."""
    heads = resolver(host.files)
    return Bindings(params, host.home, heads.__getitem__, host.files.which)


def text_reader(name: str, text: str, files: Mapping[str, str]) -> Reader:
    """Reads a policy that is there as text, and the files that it names from a map."""
    import hashlib

    from agentpolicy.language.parser import missing_file, source_of

    known = {os.path.realpath(path): content for path, content in {**files, name: text}.items()}

    def read(path: str) -> tuple[Source, str]:
        content = known.get(os.path.realpath(path))
        if content is None:
            raise missing_file(path)
        return source_of(path, content), hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()

    return read
