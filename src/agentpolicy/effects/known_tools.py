"""Tools as widespread agents name and call them: knowledge, kept as data.

Nothing here makes a tool known to an engine: a host whose tools are what their names say declares those that it has,
one by one (``engine.declare(KNOWN_TOOLS["bash"])``). ``agentpolicy effects`` without a policy reads calls by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from agentpolicy.effects.shape import Declared, Parameter, ToolShape


class Known(NamedTuple):
    """One kind of tool. Every parameter is optional: of several names for one thing an agent uses one.

    ``names``: what such tools are called, in lower case, ``_`` between words. ``does``: for each effect the action,
    the type, and the names that its parameter goes by. ``places``: names of the parameter that says where. ``more``:
    parameters that change nothing about what the call may touch; whatever else is given is refused, as
    ``env``, ``shell`` and ``stdin`` of a command are.
    """

    names: str
    does: tuple[tuple[str, str, str], ...]
    places: str = ""
    more: str = ""


_FILE: Final = "path file_path filepath file filename file_name target_file absolute_path"
_DIRECTORY: Final = "cwd workdir working_directory working_dir directory dir dir_path"
_WAITING: Final = (
    "timeout timeout_ms timeout_seconds yield_time_ms max_output_tokens max_output_length description explanation"
)
_CONTENT: Final = (
    "content contents text file_text data old_string new_string old_str new_str old_text new_text replace_all "
    "expected_replacements insert_line insert_text code_edit instruction instructions edits encoding overwrite "
    "description explanation"
)
_LINES: Final = (
    "offset limit start_line end_line line_start line_end view_range head tail encoding description explanation"
)
_HTTP: Final = "headers params query timeout timeout_ms max_length start_index raw format prompt description"
_BODY: Final = "body data json payload"

KINDS: Final = (
    Known(
        "bash shell sh terminal exec exec_command run_command execute_command shell_command run_shell "
        "run_shell_command execute_shell run_bash execute_bash run_terminal_cmd run_terminal_command "
        "run_in_terminal local_shell",
        (("exec", "command", "command cmd"), ("exec", "shell", "script")),
        _DIRECTORY,
        f"{_WAITING} is_background run_in_background background login tty restart justification "
        "with_escalated_permissions",
    ),
    Known(
        "python python_repl ipython code_interpreter run_python execute_python run_code execute_code code_execution",
        (("exec", "code", "code script source"),),
        _DIRECTORY,
        f"{_WAITING} language reset",
    ),
    Known(
        "write write_file write_to_file write_text_file create create_file save_file append_file edit edit_file "
        "multiedit multi_edit str_replace replace search_replace replace_string_in_file insert insert_edit_into_file "
        "notebookedit",
        (("fs.write", "path", f"{_FILE} notebook_path"),),
        _DIRECTORY,
        f"{_CONTENT} new_source cell_id cell_type edit_mode",
    ),
    Known("replace_in_file", (("fs.write", "path", _FILE),), _DIRECTORY, f"{_CONTENT} diff"),
    Known(
        "str_replace_based_edit_tool str_replace_editor text_editor",
        (("fs", "path", "path"),),
        more=f"command {_CONTENT} {_LINES}",
    ),
    Known("apply_patch patch", (("fs", "patch", "patch input diff"),), _DIRECTORY, "description explanation"),
    Known("read read_file read_text_file view view_file view_image open open_file cat", (("fs.read", "path", _FILE),),
          _DIRECTORY, f"{_LINES} pages should_read_entire_file line_numbers"),
    Known("read_files read_multiple_files", (("fs.read", "[path]", "paths files file_paths"),), _DIRECTORY, _LINES),
    Known("delete_file remove_file", (("fs.delete", "path", _FILE),), _DIRECTORY, "description explanation"),
    Known("fetch http http_request curl web_fetch webfetch fetch_url fetch_webpage get_url",
          (("http", "url", "url uri"), ("http", "[url]", "urls")), more=f"method {_HTTP} {_BODY}"),
    Known("http_get", (("net.get", "url", "url uri"),), more=_HTTP),
    *(Known(f"http_{method}", ((f"net.{method}", "url", "url uri"),), more=f"{_HTTP} {_BODY}")
      for method in ("post", "put", "patch", "delete")),
    Known("download download_file",
          (("net.get", "url", "url uri"), ("fs.write", "path", f"{_FILE} destination dest output output_path")),
          more=_WAITING),
    Known("sql run_sql execute_sql sql_query run_query query_database", (("sql", "sql", "query sql statement"),),
          "database db", "parameters params limit timeout description"),
)  # fmt: skip


class _KnownTools(Mapping[str, ToolShape]):
    """Shapes by name, letters in any case, ``-`` and ``_`` alike; each is made when it is asked for."""

    def __init__(self, kinds: tuple[Known, ...]) -> None:
        self._kinds = {name: kind for kind in kinds for name in kind.names.split()}

    def __getitem__(self, name: str) -> ToolShape:
        if not isinstance(name, str):
            raise KeyError(name)
        kind = self._kinds[name.lower().replace("-", "_")]
        places = tuple(kind.places.split())
        parameters: dict[str, Parameter] = dict.fromkeys(kind.more.split(), ("any", False, None))
        parameters |= dict.fromkeys(places, ("text", False, None) if "database" in places else ("path", False, None))
        effects: list[Declared] = []
        for action, type_, spellings in kind.does:
            for one in spellings.split():
                parameters[one] = (type_, False, None)
                effects.append((action, one, places or None))
        return ToolShape(name, parameters, tuple(effects), only=True)

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


#: What well-known tools do, by name: ``bash``, ``Edit``, ``apply_patch``… Tools of MCP servers are not among them.
KNOWN_TOOLS: Final[Mapping[str, ToolShape]] = _KnownTools(KINDS)
