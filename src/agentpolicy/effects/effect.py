"""Effects: the typed things that a call would do, in the one form in which they are judged, shown and logged.

Plain slotted classes, because one is built for each call. A part that is not known is ``None`` and makes the
effect ``opaque``; ``why`` then says what could not be known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

#: Names whose assignment in front of a command cannot change what runs.
HARMLESS_ENV = frozenset(
    {"LANG", "LANGUAGE", "TZ", "TERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CI"}
)

#: What stands in a word's place that is not known, one word or any number of them.
Word: TypeAlias = "str | None"


class Effect:
    """Base of all effects. ``action`` is the action's name, ``opaque`` whether a part is unknown.

    ``possible`` is true of an effect that an unknown program may have: no rule has to allow it, and an ask or deny
    rule that matches it makes the answer at least ask.

    ``implied``: success of the whole call proves that this effect took place and succeeded. ``sole``: failure of a call
    proves that this effect failed, as far as it is the call's only one. Both hold for what tools are declared to do; of
    commands and what they touch, ``shell/results.py`` says for which.
    """

    __slots__ = ("action", "opaque", "why")
    family: ClassVar[str] = ""

    action: str
    opaque: bool
    why: str | None
    possible: bool = False
    implied: bool = True
    sole: bool = True
    #: what has looked for something of its own in the effect and found nothing; kept where effects are shared by calls
    cleared: object = None

    def as_json(self) -> dict[str, Any]:
        """The effect as the command line prints it; unknown parts are ``None``."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Effect) and type(self) is type(other) and self.as_json() == other.as_json()

    def __hash__(self) -> int:
        return hash((self.action, self.opaque))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.as_json()!r})"


class FileEffect(Effect):
    """``fs.*`` on one file, or on many.

    ``path`` is the canonical name as given (absolute, ``.`` and ``..`` folded, NFC), ``resolved`` the name after
    following links. ``single`` is true where both are known and equal and stand for one file, so that one look decides.
    ``many``: the effect is on whatever is at or below ``path`` (recursion), or on the files below it that a shell
    pattern
    stands for: ``glob``, relative to ``path``, with ``*`` inside a segment and ``**`` across; ``hidden`` says whether
    names that begin with a dot are among them.
    ``inside`` gives the names that are there now, None where that cannot be told. ``size`` is the file's size in bytes
    where it is known. What a command does to a known file is ``implied`` where the command is, and never ``sole``.
    """

    __slots__ = (
        "glob", "hidden", "implied", "inside", "many", "path", "possible", "resolved", "single", "size", "sole",
    )  # fmt: skip
    family = "fs"

    def __init__(
        self,
        action: str,
        path: str | None,
        resolved: str | None,
        *,
        size: int | None = None,
        why: str | None = None,
        many: bool = False,
        glob: str | None = None,
        hidden: bool = True,
        inside: Callable[[], Sequence[str] | None] | None = None,
        possible: bool = False,
    ) -> None:
        self.action = action
        self.path = path
        self.resolved = resolved
        self.opaque = path is None or resolved is None
        self.many = many
        self.glob = glob
        self.hidden = hidden
        self.inside = inside
        self.possible = possible
        self.implied = self.sole = True
        self.single = path is not None and path == resolved and not many and not possible
        self.size = size
        self.why = why

    def as_json(self) -> dict[str, Any]:
        """The effect as the command line and the log show it; what is not known is None."""
        shown = {
            "action": self.action,
            "path": self.path,
            "resolved": self.resolved,
            "many": self.many,
            "opaque": self.opaque,
        }
        return {**shown, "possible": True} if self.possible else shown


class ExecEffect(Effect):
    """``exec`` of one command.

    ``argv`` holds the words, the program first; a word that is not known is None. ``loose`` are the places of words
    that stand for any number of words: unquoted expansions that are not known, and shell patterns, which are written as
    they stand; ``more`` says that words follow that are only read later (``xargs``). ``flags`` are its options
    (joined short ones split, ``=value`` cut); ``env`` the assignments that it runs
    under beyond the host's own, None where a value is not known; ``elevated`` whether it gains rights.
    Where the command is opaque, ``program`` and ``argv`` may be None; a command that starts others which could not be
    read is ``opaque`` although its own words are known. ``wrapper``: it starts the command that follows, which is
    judged
    in its place; only ask and deny rules judge the wrapper itself. ``readonly``: it is known to change nothing, reach
    nothing and start nothing besides its other effects; None where that is not known.

    ``implied``: status 0 of the whole call proves that this command ran, and ended with status 0. ``sole``: the status
    of the call is this command's, whatever other effects there are, so that failure of the call is failure of the
    command, a failure to start included. An opaque command is neither.
    """

    __slots__ = (
        "argv", "cleared", "cwd", "elevated", "env", "flags", "guarded", "implied", "loose", "more", "program",
        "readonly", "sole", "unsettled", "wrapper",
    )  # fmt: skip
    family = "exec"

    def __init__(
        self,
        argv: tuple[Word, ...] | None,
        *,
        cwd: str | None = None,
        env: Mapping[str, Word] | None = None,
        elevated: bool = False,
        program: str | None = None,
        opaque: bool = False,
        why: str | None = None,
        loose: frozenset[int] = frozenset(),
        more: bool = False,
        wrapper: bool = False,
        readonly: bool | None = False,
        implied: bool = False,
        sole: bool = False,
    ) -> None:
        self.action = "exec"
        self.argv = argv
        self.program = argv[0] if argv else program
        self.flags = None if argv is None else (*flags_of(argv), None) if more else flags_of(argv)
        self.more = more
        self.cwd = cwd
        self.env = dict(env) if env else {}
        self.elevated = elevated
        self.opaque = opaque or argv is None or None in argv
        self.why = why
        self.loose = loose
        self.wrapper = wrapper
        self.readonly = readonly
        self.implied = implied and not self.opaque
        self.sole = sole and self.implied
        self.cleared = None
        #: whether only a rule that reads ``elevated`` or ``env`` may allow it
        self.guarded = elevated or bool(self.env and any(_matters(name) for name in self.env))
        #: whether more than a look at the words is needed to judge it
        self.unsettled = self.opaque or self.guarded or wrapper or more or bool(loose)

    def as_json(self) -> dict[str, Any]:
        """The effect as the command line and the log show it; what is not known is None."""
        return {
            "action": "exec",
            "program": self.program,
            "argv": None if self.argv is None else list(self.argv),
            "cwd": self.cwd,
            "flags": None if self.flags is None else list(self.flags),
            "env": dict(self.env),
            "elevated": self.elevated,
            "opaque": self.opaque,
        }


def _matters(name: str) -> bool:
    return name not in HARMLESS_ENV and not name.startswith("LC_")


def flags_of(argv: tuple[Word, ...]) -> tuple[Word, ...]:
    """The options among a command's words: ``-fu`` gives ``-f -u``, ``--x=1`` gives ``--x``; none after ``--``.

    A word that is not known may be one: it gives None.
    """
    found: list[Word] = []
    for word in argv[1:]:
        if word is None:
            found.append(None)
        elif word == "--":
            break
        elif word.startswith("--"):
            found.append(word.partition("=")[0])
        elif word[0:1] == "-" and len(word) > 1:
            found.extend("-" + letter for letter in word[1:].partition("=")[0])
    return tuple(found)


class NetEffect(Effect):
    """``net.*`` to one address.

    ``host`` is canonical (lower case, IDNA, no trailing dot, IPv6 without brackets), ``port`` always a number where
    known; ``usual_port`` says whether it is the scheme's default; ``path`` is the URL's path without its query;
    ``private`` whether the host is an address or name that is not globally reachable.
    """

    __slots__ = (
        "cleared", "host", "implied", "method", "path", "port", "possible", "private", "scheme", "size", "sole",
        "usual_port",
    )  # fmt: skip
    family = "net"

    def __init__(
        self,
        action: str,
        *,
        scheme: str | None = None,
        host: str | None = None,
        port: int | None = None,
        path: str | None = None,
        private: bool | None = None,
        usual_port: bool = False,
        opaque: bool = False,
        size: int | None = None,
        why: str | None = None,
        possible: bool = False,
    ) -> None:
        self.action = action
        self.possible = possible
        self.implied = self.sole = True
        self.cleared = None
        self.method = None if action == "net.connect" else action[4:].upper()
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = path
        self.private = private
        self.usual_port = usual_port
        self.opaque = opaque or host is None
        self.size = size
        self.why = why

    def as_json(self) -> dict[str, Any]:
        """The effect as the command line and the log show it; what is not known is None."""
        shown = {
            "action": self.action,
            "scheme": self.scheme,
            "host": self.host,
            "port": self.port,
            "path": self.path,
            "method": self.method,
            "private": self.private,
            "opaque": self.opaque,
        }
        return {**shown, "possible": True} if self.possible else shown


class SqlEffect(Effect):
    """``sql.*`` on one table, or of SQL that cannot be read.

    ``table`` is the table's canonical name: its parts as written, joined by dots, those in lower case that are not
    quoted. None where the SQL names no table (``select 1``), and where the effect is ``opaque``: then nothing is known
    of it, and SQL that cannot be read has one such effect of every kind. ``database`` is what the call says, None where
    it says nothing.
    """

    __slots__ = ("database", "table")
    family = "sql"

    def __init__(
        self,
        action: str,
        table: str | None,
        database: str | None = None,
        *,
        opaque: bool = False,
        why: str | None = None,
    ) -> None:
        self.action = action
        self.table = None if opaque else table
        self.database = database
        self.opaque = opaque
        self.why = why

    def as_json(self) -> dict[str, Any]:
        """The effect as the command line and the log show it; what is not known is None."""
        return {"action": self.action, "table": self.table, "database": self.database, "opaque": self.opaque}


class ToolEffect(Effect):
    """The call of a tool itself: its name, its MCP server (the part before ``/``) and its arguments.

    ``answered`` is true where a ``does only`` line says that other effects answer for it: ask and deny rules still
    judge it, allow rules and defaults do not.
    """

    __slots__ = ("answered", "args", "name")
    family = "tool"
    # The same for every tool, and known: one of these is built for each call, so they are the class's.
    action = "tool"
    opaque = False
    why = None

    def __init__(self, name: str, args: dict[str, Any], answered: bool = False) -> None:
        self.name = name
        self.args = args
        self.answered = answered

    @property
    def server(self) -> str | None:
        """The MCP server that the tool belongs to, None for a tool of the host's own."""
        head, slash, _ = self.name.partition("/")
        return head if slash else None

    def as_json(self) -> dict[str, Any]:
        """The effect as the command line and the log show it; what is not known is None."""
        return {"action": self.action, "name": self.name, "server": self.server}
