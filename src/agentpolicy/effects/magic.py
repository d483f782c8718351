"""Names that mean something else in each process: ``/proc/self``, ``/dev/fd`` and the magic links of ``/proc``.

A call is judged in one process and runs in another. What these names lead to is known only there, so that asking our
own kernel would give our own directory, our own descriptors, our own environment.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Meaning(Enum):
    """What a name is, as far as it is known before the process that uses it runs."""

    PLAIN = "the same in every process"
    ROOT = "the root directory"
    UNKNOWN = "known only to the process that uses it"


#: First parts of names that are worth a look.
SPECIAL: Final = frozenset({"/proc", "/dev"})

# Directories of /proc in which every entry is a magic link, and entries of a process that are one (proc(5)).
_DIRECTORIES = frozenset({"fd", "map_files", "ns"})
_LINKS = frozenset({"cwd", "exe", "root"})
_DESCRIPTORS = frozenset({"/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"})
_OWN = frozenset({"/proc/self", "/proc/thread-self", "/proc/curproc"})


def meaning(here: str, rest: list[str]) -> Meaning:
    """What an absolute name below ``/proc`` or ``/dev`` is; every part before the last is known to be plain.

    ``rest`` holds the parts that follow, the next one last. ``/proc/self/root`` is the root in every process that was
    not given another one, and such a process is not one of this machine's names: there ``root`` is taken from ``rest``.
    ``/proc/self/cwd`` stays unknown: a program may go elsewhere before it opens its files, as ``tar -C`` does.
    """
    name = here.lower()
    if name in _DESCRIPTORS:
        return Meaning.UNKNOWN
    if name in _OWN:
        while rest and rest[-1] in ("", "."):
            rest.pop()
        if rest and rest[-1] == "root" and name == "/proc/self":
            rest.pop()
            return Meaning.ROOT
        return Meaning.UNKNOWN
    if not name.startswith("/proc/"):
        return Meaning.PLAIN
    parts = name.split("/")[2:]
    if not parts[0].isdigit():
        return Meaning.PLAIN
    parts = parts[3:] if parts[1:2] == ["task"] else parts[1:]
    if not parts:
        return Meaning.PLAIN
    if parts[0] in _LINKS or (len(parts) > 1 and parts[0] in _DIRECTORIES):
        return Meaning.UNKNOWN
    return Meaning.PLAIN
