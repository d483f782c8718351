"""Public functions of Python source as tools. The source is parsed and never run."""

from __future__ import annotations

import ast
import warnings
from typing import Final

from agentpolicy.checker.draft.annotations import Annotation, read_annotation
from agentpolicy.checker.draft.names import unfit
from agentpolicy.checker.draft.schema_types import default_of
from agentpolicy.checker.draft.tool import MOST_PARAMETERS, MOST_READ, Parameter, Tool, Tools, UnreadableError

#: Decorators that make tools; where a module uses one, its other functions are none.
_DECORATORS: Final = frozenset({"tool", "function_tool", "guard", "ai_function", "kernel_function", "tool_plain"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def from_source(data: bytes, server: str = "") -> Tools:
    """The tools of a module: its public functions, or where some are decorated as tools, those.

    Args:
        data: the source.
        server: put in front of the names.

    Raises:
        UnreadableError: it is no Python, or has no public function.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = ast.parse(data)
    except SyntaxError as error:
        raise UnreadableError(f"this is no Python: {error.msg} (line {error.lineno})") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnreadableError(f"this Python cannot be read ({type(error).__name__})") from None
    exported = _exported(module)
    functions: dict[str, _Function] = {}
    for node in module.body:
        if isinstance(node, _Function) and (node.name in exported if exported else not node.name.startswith("_")):
            functions[node.name] = node
    decorated = {name: node for name, node in functions.items() if _decorator(node) is not None}
    found: dict[str, Tool] = {}
    left_out: list[tuple[str, str]] = []
    for node in (decorated or functions).values():
        name = f"{server}/{_called(node)}" if server else _called(node)
        why = unfit(name)
        if why is not None:
            left_out.append((name, why))
        else:
            found[name] = _tool(name, node)
    if not found and not left_out:
        raise UnreadableError("this module has no public function")
    return Tools(tuple(found.values()), tuple(left_out))


def _exported(module: ast.Module) -> frozenset[str]:
    """The names in ``__all__``; none where there is no such list."""
    for node in module.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if any(isinstance(one, ast.Name) and one.id == "__all__" for one in targets):
            items = value.elts if isinstance(value, ast.List | ast.Tuple) else []
            return frozenset(one.value for one in items if isinstance(one, ast.Constant) and isinstance(one.value, str))
    return frozenset()


def _decorator(node: _Function) -> ast.expr | None:
    """The decorator that makes a function a tool, such as ``@tool`` and ``@server.tool("name")``."""
    for one in node.decorator_list:
        inner = one.func if isinstance(one, ast.Call) else one
        name = inner.attr if isinstance(inner, ast.Attribute) else inner.id if isinstance(inner, ast.Name) else ""
        if name in _DECORATORS:
            return one
    return None


def _called(node: _Function) -> str:
    """The tool's name: the function's, unless its decorator gives another."""
    one = _decorator(node)
    if isinstance(one, ast.Call):
        given = [key.value for key in one.keywords if key.arg in {"name", "name_override"}] or one.args[:1]
        for value in given:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                return value.value
    return node.name


def _tool(name: str, node: _Function) -> Tool:
    about = (ast.get_docstring(node) or "")[:MOST_READ]
    told = _told(about)
    arguments = node.args
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults))
    pairs = [*zip(plain, [*defaults, *arguments.defaults], strict=True)]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    loose = "it takes any number of arguments" if arguments.vararg or arguments.kwarg else ""
    if len(pairs) > MOST_PARAMETERS:
        loose, pairs = f"it has more than {MOST_PARAMETERS} parameters", []
    parameters: list[Parameter] = []
    for argument, default in pairs:
        read = read_annotation(argument.annotation)
        if not read.injected:
            parameters.append(_parameter(argument.arg, read, default, told.get(argument.arg, "")))
    return Tool(name, tuple(parameters), about, loose=loose)


def _parameter(name: str, read: Annotation, default: ast.expr | None, about: str) -> Parameter:
    value: object = None
    if default is not None:
        try:
            value = ast.literal_eval(default)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            value = None
    return Parameter(
        name,
        read.type,
        read.what,
        default is None and not read.optional,
        default_of(value, read.type),
        about,
        read.choices,
        read.format,
        read.action,
    )


def _told(docstring: str) -> dict[str, str]:
    """What a docstring says of parameters, in Google's form or Sphinx's."""
    found: dict[str, str] = {}
    inside = False
    for line in docstring.splitlines():
        text = line.strip()
        if text.rstrip(":") in {"Args", "Arguments", "Parameters"}:
            inside = True
        elif text.startswith(":param "):
            name, _, about = text.removeprefix(":param ").partition(":")
            found[name.split()[-1] if name.split() else ""] = about.strip()
        elif inside and ":" in text:
            name, _, about = text.partition(":")
            found[name.partition("(")[0].strip()] = about.strip()
    return found
