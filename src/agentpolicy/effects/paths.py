"""Names of files: the canonical one that was given, and the one that it leads to."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from os.path import normpath
from stat import S_ISDIR, S_ISLNK, S_ISREG
from unicodedata import is_normalized, normalize

from agentpolicy.effects.effect import FileEffect
from agentpolicy.effects.host import Files
from agentpolicy.effects.text import visible, well_formed

#: Longest name that is looked at, in bytes of UTF-8 (Linux: PATH_MAX).
LONGEST = 4096
#: Links followed in one name before it counts as a loop (Linux: MAXSYMLINKS).
MOST_LINKS = 40

_ESCAPE = re.compile("%([0-9A-Fa-f]{2})?")
_MISSING = ""  # what a look at a name gives where nothing is there

# --- views of a file system ---------------------------------------------------


class DiskFiles:
    """The file system of this machine, read at each question: nothing about it is remembered."""

    __slots__ = ()

    def resolve(self, path: str) -> str | None:
        """The name after following every link as the kernel would (path_resolution(7)); missing parts stay.

        ``..`` goes up from where a link led, not from the link. None on a loop, on a name that is too long, and where
        a directory may not be searched, because what lies behind it is then unknown.
        """
        try:
            return _follow(path, _read_link)
        except (OSError, ValueError):
            return None

    def size(self, path: str) -> int | None:
        """Size in bytes of the regular file that the name leads to, None where there is none."""
        try:
            found = os.stat(path)
        except (OSError, ValueError):
            return None
        return found.st_size if S_ISREG(found.st_mode) else None

    def is_directory(self, path: str) -> bool | None:
        """Whether the name leads to a directory; None where the system does not say."""
        try:
            return S_ISDIR(os.stat(path).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except (OSError, ValueError):
            return None

    def listing(self, path: str, most: int) -> list[str] | None:
        """Everything below a directory, read now; None where a part cannot be read, or there is more than ``most``."""
        found: list[str] = []
        todo = [path]
        while todo:
            try:
                with os.scandir(todo.pop()) as entries:
                    for entry in entries:
                        found.append(entry.path)
                        if entry.is_dir(follow_symlinks=False):
                            todo.append(entry.path)
                    if len(found) > most:
                        return None
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, ValueError):
                return None
        return found

    def children(self, path: str, most: int) -> list[str] | None:
        """The names directly in a directory, read now; None where it cannot be read, or holds more than ``most``."""
        found: list[str] = []
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if len(found) == most:
                        return None
                    found.append(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError):
            return None
        return found

    def exists(self, path: str) -> bool:
        """Whether anything, a link too, is at the name."""
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except (OSError, ValueError):
            return True
        return True

    def listed_programs(self) -> frozenset[str] | None:
        """Every name in the directories of PATH; None where one cannot be listed, or case may be folded."""
        if sys.platform in {"darwin", "win32"}:
            return None
        found: set[str] = set()
        for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
            if directory.startswith("/"):
                try:
                    found.update(os.listdir(directory))
                except (FileNotFoundError, NotADirectoryError):
                    continue
                except OSError:
                    return None
        return frozenset(found)

    def which(self, program: str) -> str | None:
        """The file that PATH gives for a program's bare name; relative and empty entries of PATH are passed over."""
        if not program or "/" in program or "\0" in program:
            return None
        for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
            if directory.startswith("/"):
                candidate = directory.rstrip("/") + "/" + program
                if os.access(candidate, os.X_OK) and os.path.isfile(candidate):
                    return candidate
        return None


class MemoryFiles:
    """A file system that is only imagined; no question touches the disk.

    Args:
        links: name of each link and where it leads, absolute or relative to the link's directory.
        sizes: size in bytes of files that have one.
        programs: absolute name of each program that is found by its bare name.
        directories: absolute names of directories.
    """

    __slots__ = ("directories", "links", "programs", "sizes")

    def __init__(
        self,
        links: Mapping[str, str] | None = None,
        sizes: Mapping[str, int] | None = None,
        programs: Mapping[str, str] | None = None,
        directories: Iterable[str] = (),
    ) -> None:
        self.directories = frozenset(directories)
        self.links: dict[str, str] = dict(links or {})
        self.sizes: dict[str, int] = dict(sizes or {})
        self.programs: dict[str, str] = dict(programs or {})

    def resolve(self, path: str) -> str | None:
        """The name after following the given links, None on a loop."""
        if self.links:
            return _follow(path, self.links.get)
        return _fold(path)

    def size(self, path: str) -> int | None:
        """The given size of the file that the name leads to."""
        found = self.resolve(path)
        return None if found is None else self.sizes.get(found)

    def is_directory(self, path: str) -> bool | None:
        """True of the directories that were given, else None: what is there is not told."""
        return True if path.rstrip("/") in self.directories else None

    def listing(self, path: str, most: int) -> list[str] | None:
        """None: what is there is not told."""
        return None

    def children(self, path: str, most: int) -> list[str] | None:
        """None: what is there is not told."""
        return None

    def exists(self, path: str) -> bool:
        """Always true: what is there is not told."""
        return True

    def listed_programs(self) -> frozenset[str] | None:
        """None: ``which`` is as quick."""
        return None

    def which(self, program: str) -> str | None:
        """The given file of a program."""
        return self.programs.get(program)


def _read_link(name: str) -> str | None:
    """Where a link leads, None for anything else, ``_MISSING`` for nothing."""
    try:
        mode = os.lstat(name).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return _MISSING
    return os.readlink(name) if S_ISLNK(mode) else None


def _follow(path: str, look: Callable[[str], str | None]) -> str | None:
    """Walk an absolute name part by part from the root."""
    parts = path.split("/")
    parts.reverse()
    done = ""
    links = 0
    nothing = False  # below a name that does not exist there are no links to look for
    while parts:
        part = parts.pop()
        if not part or part == ".":
            continue
        if part == "..":
            done = done[: done.rfind("/")] if done else done
            nothing = False
            continue
        here = f"{done}/{part}"
        if nothing:
            done = here
            continue
        target = look(here)
        if target is None:
            done = here
        elif target is _MISSING or not target:
            done = here
            nothing = True
        else:
            links += 1
            if links > MOST_LINKS:
                return None
            if target[0] == "/":
                done = ""
            parts.extend(reversed(target.split("/")))
    return done or "/"


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
    if not path or "\0" in path:
        return None
    first = path[0]
    if first == "/":
        full = path
    elif first == "~" and expand_tilde:
        if len(path) > 1 and path[1] != "/":
            return None
        full = home + path[1:]
    elif first == "\\" and path.startswith("\\\\"):
        return None
    elif ":" in path and (path[:5].lower() == "file:" or _drive(path)):
        local = _from_uri(path)
        if local is None:
            return None
        full = local
    else:
        full = f"{cwd}/{path}"
    if full[:1] != "/":
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

    ``want_size`` asks for the file's size in bytes, which costs a look at the disk.
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
    return FileEffect(action, name, resolved, size=files.size(full) if want_size else None)


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
