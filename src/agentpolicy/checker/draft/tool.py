"""Tools as every kind of list describes them, in one form."""

from __future__ import annotations

from typing import Final, TypeAlias

from attrs import frozen

Scalar: TypeAlias = "str | int | float | bool"
#: The value of a parameter that is left out; None where nothing is said.
Default: TypeAlias = "Scalar | tuple[Scalar, ...] | None"

#: Characters of a description that are read.
MOST_READ: Final = 2000
#: Parameters of one tool that are declared; of a tool with more nothing is.
MOST_PARAMETERS: Final = 100


@frozen
class Parameter:
    """One parameter.

    Attributes:
        name: as a call names it.
        type: the language's type; None where no type of the language holds its values.
        what: its type in words, where ``type`` is None.
        required: whether a call must give it.
        default: what stands for it where a call does not.
        about: its description, cut short.
        choices: the only values that it may have, where there are such.
        format: its JSON Schema format, such as ``email``.
        action: the effect that an annotation gives it, such as ``fs.read``.
    """

    name: str
    type: str | None
    what: str = ""
    required: bool = True
    default: Default = None
    about: str = ""
    choices: tuple[Scalar, ...] = ()
    format: str = ""
    action: str = ""


@frozen
class Tool:
    """One tool.

    Attributes:
        name: ``server/tool`` for MCP tools of a named server.
        parameters: in the order in which they are written.
        about: its description, cut short.
        reads_only, destroys: hints of the tool's own server; None where there are none.
        loose: why its parameters are not all known; empty where they are.
    """

    name: str
    parameters: tuple[Parameter, ...] = ()
    about: str = ""
    reads_only: bool | None = None
    destroys: bool | None = None
    loose: str = ""


@frozen
class Tools:
    """The tools of one list.

    Attributes:
        tools: those that a policy can name, in the order of the list.
        left_out: the others: name, and why.
        notes: what else a person should know of the list.
    """

    tools: tuple[Tool, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


class UnreadableError(ValueError):
    """A list of tools that cannot be read; the text says why."""
