"""The loose reader: every command that shell text may hold, found by tree-sitter's grammar of bash.

It walks everything and promises nothing. Where the strict reader accepts a text, the two must see commands at the same
places; where the strict reader refuses, what is found here can still make an answer stricter.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

_ANSI = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|u([0-9A-Fa-f]{1,4})|(.))", re.DOTALL)
_COMMANDS: Final = frozenset({"command", "declaration_command", "unset_command", "test_command"})
#: Most nodes that are looked at.
MOST_NODES: Final = 400_000


@lru_cache(maxsize=1)
def _parser() -> Any:
    import tree_sitter
    import tree_sitter_bash

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


class Found:
    """What the loose reader sees: ``places`` of the first words of commands in bytes, the ``commands`` as words (None
    where a word is not known), the targets of redirections, and whether the grammar did not fit or much was left out.
    """

    __slots__ = ("broken", "commands", "places", "targets")

    def __init__(self) -> None:
        self.places: set[int] = set()
        self.commands: list[list[str | None]] = []
        self.targets: list[tuple[str, str | None]] = []
        self.broken = False


def read_loosely(text: str, *, words: bool) -> Found:
    """The commands of a text; their words only where ``words`` asks for them."""
    found = Found()
    data = text.encode("utf-8", "surrogatepass")
    tree = _parser().parse(data)
    found.broken = tree.root_node.has_error
    cursor = tree.walk()
    seen = 0
    descending = True
    while True:
        if descending:
            seen += 1
            node = cursor.node
            kind = node.type
            if kind in _COMMANDS:
                _command(node, kind, data, found, words)
            elif words and kind == "file_redirect":
                _redirect(node, data, found)
            if seen > MOST_NODES:
                found.broken = True
                return found
            if cursor.goto_first_child():
                continue
        if cursor.goto_next_sibling():
            descending = True
            continue
        if not cursor.goto_parent():
            return found
        descending = False


def _command(node: Any, kind: str, data: bytes, found: Found, words: bool) -> None:
    if kind == "test_command" and not data.startswith(b"[", node.start_byte):
        return
    if kind == "test_command" and data.startswith((b"[[", b"(("), node.start_byte):
        return
    name = node.child_by_field_name("name") if kind == "command" else node
    if name is None:
        return
    found.places.add(name.start_byte)
    if not words:
        return
    if kind == "command":
        argv = [_word(name, data)]
        argv += [_word(one, data) for one in node.children_by_field_name("argument")]
    else:
        argv = [_word(one, data) for one in node.children]
    found.commands.append(argv)


def _redirect(node: Any, data: bytes, found: Found) -> None:
    target = node.child_by_field_name("destination")
    operator = next((one.type for one in node.children if one.type[:1] in "<>&"), ">")
    if target is not None and operator not in (">&", "<&"):
        found.targets.append(("fs.read" if operator == "<" else "fs.write", _word(target, data)))


def _word(node: Any, data: bytes) -> str | None:
    """The text of a word where it is plain or quoted, None where it holds anything else."""
    kind = node.type
    raw = data[node.start_byte : node.end_byte].decode("utf-8", "replace")
    if kind == "command_name":
        return _word(node.children[0], data) if node.child_count == 1 else None
    if kind in ("word", "number", "variable_name", "[", "]", "test_operator", "regex", "extglob_pattern"):
        return re.sub(r"\\(.)", r"\1", raw, flags=re.DOTALL) if "*" not in raw and "?" not in raw else None
    if kind == "raw_string":
        return raw[1:-1]
    if kind == "ansi_c_string":
        return _ANSI.sub(_unescape, raw[2:-1])
    if kind == "string":
        if any(one.type not in ('"', "string_content") for one in node.children):
            return None
        return re.sub(r'\\([$`"\\\n])', r"\1", raw[1:-1])
    if kind in ("concatenation", "variable_assignment"):
        parts = [_word(one, data) for one in node.children]
        return None if None in parts else "".join([part for part in parts if part is not None])
    if node.child_count == 0 and not node.is_named:
        return raw
    return None


def _unescape(found: re.Match[str]) -> str:
    byte, octal, short, other = found.groups()
    if other is not None:
        return {"n": "\n", "t": "\t", "r": "\r"}.get(other, other)
    return chr(int(byte or short, 16) if octal is None else int(octal, 8))
