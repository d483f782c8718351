"""Lists of tools as MCP servers and model interfaces write them in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from agentpolicy.checker.draft.names import shown, unfit
from agentpolicy.checker.draft.schema_types import parameter
from agentpolicy.checker.draft.tool import MOST_PARAMETERS, MOST_READ, Tool, Tools, UnreadableError

#: Tools of one list.
MOST_TOOLS: Final = 20_000
#: Where the schema of the parameters stands: MCP, Anthropic, OpenAI.
_SCHEMAS: Final = ("inputSchema", "input_schema", "parameters")
_FORMS: Final = 'a list of tools, `{"tools": […]}`, or an answer to `tools/list`'


def from_json(data: bytes, server: str = "") -> Tools:
    """The tools of a JSON text.

    Read are MCP's answer to ``tools/list`` with or without its JSON-RPC envelope, the two forms of OpenAI's tools
    (``{"type": "function", "function": {…}}`` and flat), Anthropic's, and lists of any of them. The same tool twice
    counts once.

    Args:
        data: the text.
        server: the MCP server that has the tools; empty where they have no server.

    Raises:
        UnreadableError: it is no such list, or two different tools have one name.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UnreadableError(f"this is no JSON: {error}") from None
    items, more = _items(value)
    if len(items) > MOST_TOOLS:
        raise UnreadableError(f"these are {len(items)} tools, and {MOST_TOOLS} can be read at once")
    tools: dict[str, Tool] = {}
    left_out: list[tuple[str, str]] = []
    for number, item in enumerate(items, 1):
        whole = _described(item, number)
        name = whole.get("name")
        if name is None and isinstance(whole.get("type"), str):
            left_out.append((whole["type"], "it is built into a model, which runs it itself"))
            continue
        if not isinstance(name, str):
            raise UnreadableError(f"tool {number} of the list has no name")
        name = f"{server}/{name}" if server else name
        why = unfit(name)
        if why is not None:
            left_out.append((name, why))
            continue
        tool = _tool(name, whole)
        if tools.setdefault(name, tool) != tool:
            told = f"two different tools are called `{shown(name)}`"
            raise UnreadableError(f"{told}: give the tools of one server at a time")
    notes = ("the list has further pages, which are not read: it ends with `nextCursor`",) if more else ()
    return Tools(tuple(tools.values()), tuple(dict.fromkeys(left_out)), notes)


def _items(value: Any) -> tuple[list[Any], bool]:
    """The tools in what was read, and whether there are more of them elsewhere."""
    if isinstance(value, Mapping) and "error" in value and "jsonrpc" in value:
        raise UnreadableError("this is an error that a server answered, not its tools")
    if isinstance(value, Mapping) and isinstance(value.get("result"), Mapping):
        value = value["result"]
    more = False
    if isinstance(value, Mapping):
        more = bool(value.get("nextCursor"))
        value = [value] if "tools" not in value and ("name" in value or "function" in value) else value.get("tools")
    if not isinstance(value, list):
        raise UnreadableError(f"this holds no tools: {_FORMS} is read")
    return value, more


def _described(item: Any, number: int) -> Mapping[str, Any]:
    """What describes a tool, inside its envelope if it has one."""
    inner = item.get("function") if isinstance(item, Mapping) else None
    whole = inner if isinstance(inner, Mapping) else item
    if not isinstance(whole, Mapping):
        raise UnreadableError(f"tool {number} of the list is no object")
    return whole


def _tool(name: str, whole: Mapping[str, Any]) -> Tool:
    about = whole.get("description")
    hints = whole.get("annotations")
    hints = hints if isinstance(hints, Mapping) else {}
    schema = next((whole[key] for key in _SCHEMAS if key in whole), None)
    loose = _loose(schema)
    root: Mapping[str, Any] = schema if isinstance(schema, Mapping) else {}
    properties = {} if loose else root.get("properties") or {}
    wanted = root.get("required")
    required = {one for one in wanted if isinstance(one, str)} if isinstance(wanted, list) else set()
    return Tool(
        name,
        tuple([parameter(key, value, key in required, root) for key, value in properties.items()]),
        about[:MOST_READ] if isinstance(about, str) else "",
        _hint(hints, "readOnlyHint"),
        _hint(hints, "destructiveHint"),
        loose,
    )


def _loose(schema: Any) -> str:
    """Why the parameters are not known; empty where they are."""
    if not isinstance(schema, Mapping):
        return "nothing says what its parameters are"
    properties = schema.get("properties")
    if properties is None:
        if any(schema.get(key) for key in ("additionalProperties", "anyOf", "oneOf", "allOf", "$ref")):
            return "its schema does not name its parameters one by one"
        return ""
    if not isinstance(properties, Mapping):
        return "its schema does not name its parameters one by one"
    return f"it has more than {MOST_PARAMETERS} parameters" if len(properties) > MOST_PARAMETERS else ""


def _hint(hints: Mapping[str, Any], name: str) -> bool | None:
    found = hints.get(name)
    return found if isinstance(found, bool) else None
