"""The files that the text of a patch changes.

Three forms are read: diffs as ``git diff`` and ``diff -u`` write them (POSIX.1-2024 ``diff``, unified form, with git's
extended headers), context diffs (the same page, copied context form), and the envelope of coding agents
(``*** Begin Patch``). Programs that apply patches are lenient, each in its own way: whatever two of them could read
differently is not read at all.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from agentpolicy.effects.patch_names import NULL, SIDES, Unreadable, name_of, plain, sided, twice, unquoted, unsided

#: What is done to which file: ``fs.read``, ``fs.write`` or ``fs.delete``, and its name as the patch means it.
Change: TypeAlias = "tuple[str, str]"

#: Longest patch that is read, in characters, and most files that one may change.
LONGEST_PATCH: Final = 16 * 1024 * 1024
MOST_FILES: Final = 10_000

_BEGIN, _END = "*** Begin Patch", "*** End Patch"
_ADD, _UPDATE, _DELETE, _MOVE = "*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "
_MARKS: Final = (_BEGIN, _END, _ADD.rstrip(), _UPDATE.rstrip(), _DELETE.rstrip(), _MOVE.rstrip())
_EXTENDED: Final = (
    "old mode ", "new mode ", "deleted file mode ", "new file mode ", "copy from ", "copy to ", "rename from ",
    "rename to ", "similarity index ", "dissimilarity index ", "index ",
)  # fmt: skip
_FILE_MODES: Final = frozenset({"100644", "100755"})
# No two parts of these patterns can take the same character, so nothing is tried twice.
_UNIFIED = re.compile(r"@@ -[0-9]{1,9}(?:,([0-9]{1,9}))? \+[0-9]{1,9}(?:,([0-9]{1,9}))? @@(?: .*)?")
_OLD_RANGE = re.compile(r"\*\*\* ([0-9]{1,9})(?:,([0-9]{1,9}))? \*\*\*\*")
_NEW_RANGE = re.compile(r"--- ([0-9]{1,9})(?:,([0-9]{1,9}))? ----")
_BINARY = re.compile(r"[A-Za-z][0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]+")


def patched_files(text: str) -> list[Change] | None:
    """What a patch does to which files, in the order in which it says so; None where that cannot be told.

    Names stand as the patch has them, without the sides that git puts in front (``a/``, ``b/``); ``..`` is kept.
    A file that is moved is read and deleted under its old name and written under the new one. A name without a side
    is a matter of ``patch -p0`` or ``-p1``: both names are given.
    """
    if len(text) > LONGEST_PATCH:
        return None
    # Some programs end lines at line feeds only, others at everything that Unicode calls a line break.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    others = text.splitlines()
    try:
        found = _changes(lines)
        return found if _trimmed(others) == _trimmed(lines) or _changes(others) == found else None
    except Unreadable:
        return None


def _changes(lines: list[str]) -> list[Change]:
    lines = _trimmed(lines)
    if not lines:
        raise Unreadable
    found = _envelope(lines) if lines[0] == _BEGIN else _Diffs(lines).read()
    if not found or len(found) > MOST_FILES:
        raise Unreadable
    return list(dict.fromkeys(found))


def _trimmed(lines: list[str]) -> list[str]:
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return lines[start:end]


# --- the envelope -----------------------------------------------------------------


def _envelope(lines: list[str]) -> list[Change]:
    if lines[-1] != _END:
        raise Unreadable
    found: list[Change] = []
    section, name, fresh = "", "", False
    for line in lines[1:-1]:
        if line.startswith((_ADD, _UPDATE, _DELETE)):
            section = line[4]
            name = plain(line.partition(": ")[2])
            found.append(("fs.delete" if section == "D" else "fs.write", name))
        elif line.startswith(_MOVE) and section == "U" and fresh:
            found[-1:] = [("fs.read", name), ("fs.delete", name), ("fs.write", plain(line.removeprefix(_MOVE)))]
        elif line.lstrip().startswith(_MARKS):
            raise Unreadable  # some programs trim lines before they look
        elif section == "A":
            if line[:1] != "+":
                raise Unreadable
        elif section == "U":
            if line[:1] not in {"", " ", "+", "-"} and not line.startswith("@@") and line != "*** End of File":
                raise Unreadable
        elif line.strip():
            raise Unreadable
        fresh = line.startswith(_UPDATE)
    return found


# --- diffs ------------------------------------------------------------------------


class _Diffs:
    """Reads diffs section by section; ``at`` is the line that comes next."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 0
        self._index: str | None = None
        self._found: list[Change] = []

    def read(self) -> list[Change]:
        while self._at < len(self._lines):
            line = self._next()
            if line.startswith("diff --git "):
                self._git(self._take().removeprefix("diff --git "))
            elif line.startswith("--- "):
                self._section(*self._pair("--- ", "+++ "))
                self._unified()
            elif line.startswith("*** "):
                self._section(*self._pair("*** ", "--- "))
                self._context()
            elif line.startswith("Index: ") and self._index is None:
                self._index = plain(self._take().removeprefix("Index: "))
            elif not line.strip("=") or (line.startswith("diff -") and not line.startswith("diff --c")):
                self._at += 1  # a blank line, svn's ruler, or the command that made the diff
            else:
                raise Unreadable
        if self._index is not None:
            raise Unreadable  # what follows may be an ed script
        return self._found

    def _next(self) -> str:
        return self._lines[self._at] if self._at < len(self._lines) else ""

    def _take(self) -> str:
        if self._at >= len(self._lines):
            raise Unreadable
        self._at += 1
        return self._lines[self._at - 1]

    def _pair(self, before: str, after: str) -> tuple[tuple[str, str], tuple[str, str]]:
        old, new = self._take(), self._take()
        if not old.startswith(before) or not new.startswith(after):
            raise Unreadable
        return name_of(old.removeprefix(before)), name_of(new.removeprefix(after))

    def _section(self, before: tuple[str, str], after: tuple[str, str]) -> None:
        (old, _), (new, date) = before, after
        if self._index is not None and self._index not in (old, new):
            raise Unreadable
        self._index = None
        if NULL in (old, new):
            name, side = (new, "b/") if old == NULL else (old, "a/")
            names = [name[2:]] if name.startswith(side) else unsided(name)
        elif old == new:
            names = unsided(old)
        elif old.startswith("a/") and new.startswith("b/") and old[2:] == new[2:]:
            names = [old[2:]]
        else:
            raise Unreadable
        if "" in names or NULL in names:
            raise Unreadable
        for one in names:
            if new != NULL:
                self._found.append(("fs.write", one))
            if new == NULL or date.lstrip().startswith(("1970-01-01", "1969-12-31")):
                self._found.append(("fs.delete", one))  # GNU patch: what is from the epoch is not there

    def _git(self, header: str) -> None:
        said: dict[str, str] = {}
        while word := next((one for one in _EXTENDED if self._next().startswith(one)), None):
            if word in said:
                raise Unreadable
            said[word] = self._take().removeprefix(word)
        for word in ("old mode ", "new mode ", "deleted file mode ", "new file mode "):
            if said.get(word, "100644") not in _FILE_MODES:
                raise Unreadable  # a link leads elsewhere, a submodule holds what is not seen
        kinds = [one for one in ("copy", "rename") if f"{one} from " in said or f"{one} to " in said]
        created, deleted = "new file mode " in said, "deleted file mode " in said
        if len(kinds) + created + deleted > 1:
            raise Unreadable
        if kinds:
            raw = said.get(f"{kinds[0]} from ", ""), said.get(f"{kinds[0]} to ", "")
            old, new = (unquoted(one) if one.startswith('"') else plain(one) for one in raw)
            if not any(header == f"{sided(a, raw[0])} {sided(b, raw[1])}" for a in SIDES for b in SIDES - {a}):
                raise Unreadable
        else:
            old = new = twice(header)
        if self._next().startswith("--- "):
            (before, _), (after, _) = self._pair("--- ", "+++ ")
            if (before == NULL) is not created or (after == NULL) is not deleted:
                raise Unreadable
            for shown, name in ((before, old), (after, new)):
                if shown != NULL and (shown[:1] not in SIDES or shown[1:] != f"/{name}"):
                    raise Unreadable
            self._unified()
        elif self._next().startswith("Binary files "):
            self._at += 1
        elif self._next() == "GIT binary patch":
            self._at += 1
            self._binary()
        if kinds:
            self._found.append(("fs.read", old))
        if kinds == ["rename"] or deleted:
            self._found.append(("fs.delete", old))
        if not deleted:
            self._found.append(("fs.write", new))

    # Bodies. Their counts must be right: programs that count and programs that do not then see the same sections.

    def _unified(self) -> None:
        some = False
        while self._next().startswith("@@"):
            head = _UNIFIED.fullmatch(self._take())
            if head is None:
                raise Unreadable
            some = True
            old, new = (1 if count is None else int(count) for count in head.groups())
            while old or new:
                line = self._take()
                sign = line[:1] or " "
                if sign not in " -+\\" or (line.startswith("--- ") and self._next().startswith("+++ ")):
                    raise Unreadable
                old -= sign in " -"
                new -= sign in " +"
                if old < 0 or new < 0:
                    raise Unreadable
            while self._next().startswith("\\"):
                self._at += 1
        if not some:
            raise Unreadable

    def _context(self) -> None:
        some = False
        while self._next().startswith("***************"):
            self._at += 1
            some = True
            self._half(_OLD_RANGE, ("  ", "! ", "- "))
            self._half(_NEW_RANGE, ("  ", "! ", "+ "))
        if not some:
            raise Unreadable

    def _half(self, form: re.Pattern[str], signs: tuple[str, ...]) -> None:
        """One side of a context hunk; it may be left out where it holds nothing but context."""
        head = form.fullmatch(self._take())
        if head is None:
            raise Unreadable
        first, last = int(head[1]), int(head[2] or head[1])
        if self._next().startswith(signs):
            for _ in range(last - first + 1 if last else 0):
                if not self._take().startswith(signs):
                    raise Unreadable
        while self._next().startswith("\\"):
            self._at += 1

    def _binary(self) -> None:
        some = False
        while self._next().startswith(("literal ", "delta ")):
            if not self._take().partition(" ")[2].isdecimal():
                raise Unreadable
            some = True
            while self._next():
                if _BINARY.fullmatch(self._take()) is None:
                    raise Unreadable
            self._at += 1
        if not some:
            raise Unreadable
