"""What a tool declaration says of a tool's calls, in plain values."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

#: Types whose values are text.
TEXTUAL: Final = frozenset({"text", "path", "url", "host", "shell", "code", "sql", "table", "tool", "patch"})

#: (type, whether it must be given, the value where it is not)
Parameter: TypeAlias = tuple[str, bool, Any]
#: (action, parameter, parameter that names the directory or database, or several names of it)
Declared: TypeAlias = tuple[str, str, "str | tuple[str, ...] | None"]


class ToolShape:
    """What a call of one tool does.

    Args:
        name: the tool's name, ``server/tool`` for MCP.
        parameters: type, whether required, and default of each parameter, by name. Types are those of the language
            (``text``, ``[path]``…), ``any``, ``command`` (shell text or a list of words) and ``patch``.
        effects: the declared effects: action, parameter, parameter that names the directory or database. Besides
            actions: ``net`` (kind from ``method``), ``http`` (the same, ``GET`` where nothing is sent), ``sql``, and
            ``fs`` (of a patch, or kind from ``command`` as editing tools name it).
        only: whether the effects answer for the tool.
        returns: label of what the tool returns; None where nothing is said.
    """

    __slots__ = ("answered", "effects", "name", "only", "parameters", "plan", "quiet", "returns", "steps")

    def __init__(
        self,
        name: str,
        parameters: dict[str, Parameter],
        effects: tuple[Declared, ...],
        only: bool = False,
        returns: str | None = None,
    ) -> None:
        self.name = name
        self.parameters = parameters
        self.effects = effects
        self.only = only
        self.returns = returns
        #: whether nothing judges the tool's own call, so that its effects alone are read
        self.quiet = False
        #: the parameters as the reader of calls walks them
        self.plan = tuple(
            [
                (key, type_, type_ in TEXTUAL, required, default)
                for key, (type_, required, default) in parameters.items()
            ]
        )
        #: whether the declared effects answer for the tool itself
        self.answered = only and bool(effects)
        for action, parameter, place in effects:
            for one in (parameter, *((place,) if place is None or isinstance(place, str) else place)):
                if one is not None and one not in parameters:
                    raise ValueError(f"`{action}` of tool `{name}` speaks of `{one}`, which is no parameter of it")
        #: the effects with the type of their parameter
        self.steps = tuple([(action, one, place, parameters[one][0]) for action, one, place in effects])

    def silent(self) -> ToolShape:
        """The same tool, its own call left out of its effects because nothing judges it."""
        other = ToolShape.from_row(self.row())
        other.quiet = True
        return other

    def row(self) -> tuple[Any, ...]:
        """The shape as nested tuples of text, numbers, truth values and None."""
        parameters = tuple([(key, *value) for key, value in self.parameters.items()])
        return (self.name, parameters, self.effects, self.only, self.returns)

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> ToolShape:
        """The shape that ``row`` gave."""
        name, declared, effects, only, returns = row
        parameters = {key: (type_, required, default) for key, type_, required, default in declared}
        return cls(name, parameters, tuple([(a, p, d) for a, p, d in effects]), only, returns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ToolShape) and self.row() == other.row()

    def __hash__(self) -> int:
        return hash((self.name, self.only, self.returns))

    def __repr__(self) -> str:
        return f"ToolShape.from_row({self.row()!r})"


def join(a: ToolShape, b: ToolShape) -> ToolShape:
    """Two layers' declarations of one tool as one that is as strict as both.

    Effects add up, ``only`` holds where both say it, a parameter is required where either requires it, the outer
    layer's (``a``'s) default stands, and two different ``returns`` make ``untrusted``.

    Raises:
        ValueError: a parameter has different types; the message names it.
    """
    parameters = dict(a.parameters)
    for name, (type_, required, default) in b.parameters.items():
        known = parameters.get(name)
        if known is None:
            parameters[name] = (type_, required, default)
        elif known[0] != type_:
            raise ValueError(
                f"parameter `{name}` of tool `{a.name}` is `{known[0]}` in one layer and `{type_}` in another"
            )
        else:
            parameters[name] = (type_, known[1] or required, default if known[2] is None else known[2])
    effects = a.effects + tuple(one for one in b.effects if one not in a.effects)
    returns = a.returns if a.returns == b.returns else "untrusted"
    return ToolShape(a.name, parameters, effects, a.only and b.only, returns)
