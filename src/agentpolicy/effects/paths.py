"""Names of files: the canonical one that was given, and the one that it leads to."""

from __future__ import annotations

import re
from os.path import normpath
from unicodedata import is_normalized, normalize

from agentpolicy.effects.disk import DiskFiles
from agentpolicy.effects.effect import FileEffect
from agentpolicy.effects.host import Files
from agentpolicy.effects.links import LONGEST
from agentpolicy.effects.memory import MemoryFiles
from agentpolicy.effects.text import misleading_path, visible, well_formed

__all__ = ["LONGEST", "DiskFiles", "MemoryFiles", "absolute", "canonical", "file_effect"]

_ESCAPE = re.compile("%([0-9A-Fa-f]{2})?")

# --- canonical names ----------------------------------------------------------


def canonical(path: str, *, cwd: str, home: str, expand_tilde: bool) -> str | None:
    """The one absolute name under which a path is judged: ``.``, ``..``, ``//`` folded, NFC, links not followed.

    ``~`` and ``~/x`` lie in ``home`` where ``expand_tilde``; relative names lie in ``cwd``; local ``file:`` addresses
    (RFC 8089) are read. None where the name cannot be known: empty, NUL or lone surrogates, another user's home,
    Windows forms, other hosts, longer than 4096 bytes.
    """
    full = absolute(path, cwd=cwd, home=home, expand_tilde=expand_tilde)
    return None if full is None else _fold(full)


def absolute(path: str, *, cwd: str, home: str, expand_tilde: bool) -> str | None:
    """The path as an absolute name, nothing folded: what a kernel would be given. None as ``canonical``."""
    if not path:
        return None
    first = path[0]
    if first == "/":
        full = path
    elif first == "~" and expand_tilde:
        if path[1:2] not in ("", "/") or home[:1] != "/":
            return None
        full = home + path[1:]
    elif path.startswith("\\\\"):
        return None
    elif ":" in path and (path[:5].lower() == "file:" or _drive(path)):
        local = _from_uri(path)
        if local is None:
            return None
        full = local
    elif cwd[:1] != "/":
        return None
    else:
        full = f"{cwd}/{path}"
    if "\0" in full:
        return None
    if full.isascii():
        return full if len(full) <= LONGEST else None
    try:
        return full if len(full.encode()) <= LONGEST else None
    except UnicodeEncodeError:
        return None


def _fold(full: str) -> str:
    folded = normpath(full)
    if folded.startswith("//"):  # POSIX lets two slashes mean something else; no system here does
        folded = folded[1:]
    if folded.isascii() or is_normalized("NFC", folded):
        return folded
    return normalize("NFC", folded)


def _drive(path: str) -> bool:
    return path[1:2] == ":" and path[0].isascii() and path[0].isalpha() and (len(path) == 2 or path[2] in "\\/")


def _from_uri(uri: str) -> str | None:
    """The local name of a ``file:`` address; None for other hosts, queries and escapes that hide a slash."""
    if uri[:5].lower() != "file:":
        return None
    rest = uri[5:]
    if rest.startswith("//"):
        host, slash, rest = rest[2:].partition("/")
        if not slash or host.lower() not in ("", "localhost"):
            return None
        rest = "/" + rest
    if not rest.startswith("/") or "?" in rest or "#" in rest or "\\" in rest:
        return None
    if "%" not in rest:
        return rest
    for found in _ESCAPE.finditer(rest):
        digits = found.group(1)
        if digits is None or digits.lower() in ("00", "2f"):
            return None
    from urllib.parse import unquote_to_bytes

    try:
        return unquote_to_bytes(rest).decode()
    except UnicodeError:
        return None


# --- the effect ---------------------------------------------------------------


def file_effect(
    action: str,
    path: str,
    *,
    cwd: str,
    home: str,
    expand_tilde: bool,
    files: Files,
    want_size: bool = False,
) -> FileEffect:
    """The effect of ``action`` on one path, under the name as given and the name that it leads to.

    ``want_size`` asks for the file's size in bytes, which costs a look at the disk. The effect is opaque where one of
    the names is not known, and where one may not be what it looks like.
    """
    full = absolute(path, cwd=cwd, home=home, expand_tilde=expand_tilde)
    if full is None:
        return FileEffect(action, None, None, why=_unknown(path))
    name = _fold(full)
    # Links are followed from the name as given: folding `link/..` first would miss where the link leads.
    resolved = files.resolve(full)
    if resolved is None or not well_formed(resolved):  # a link to a name that is not UTF-8 has no name to judge
        return FileEffect(action, name, None, why=f"where `{visible(path)}` leads cannot be known")
    if resolved == name:
        resolved = name
    elif not resolved.isascii():
        resolved = normalize("NFC", resolved)
        if resolved == name:
            resolved = name
    effect = FileEffect(action, name, resolved, size=files.size(full) if want_size else None)
    if not (_plain(full) and (resolved is name or _plain(resolved))):
        why = misleading_path(full) or misleading_path(resolved)
        if why is not None:
            effect.opaque = True
            effect.single = False
            effect.why = why
    return effect


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _unknown(path: str) -> str:
    """Why ``absolute`` gave nothing."""
    if not path:
        return "the path is empty"
    if "\0" in path:
        return "the path holds a NUL character"
    shown = visible(path if len(path) <= 200 else path[:200] + "…")
    if path[0] == "~":
        return f"`{shown}` may lie in another user's home directory"
    if len(path) > LONGEST // 4 and len(path.encode(errors="replace")) > LONGEST:
        return f"the path is longer than {LONGEST} bytes"
    if path[:5].lower() == "file:":
        return f"`{shown}` is not a plain local file address"
    if path.startswith("\\\\") or path[1:2] == ":":
        return f"`{shown}` is a Windows path"
    return f"`{shown}` has no absolute name"
