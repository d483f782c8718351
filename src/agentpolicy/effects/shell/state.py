"""What is known of a shell while its commands are followed: variables, directory, functions, options."""

from __future__ import annotations

import re
from typing import Final

from agentpolicy.effects.acts import Place
from agentpolicy.effects.values import Loose, Value, hides_commands

#: Most variables that are followed; past them none is known.
MOST_VARIABLES: Final = 200
#: Variables whose value changes what later commands run or how the text is read, exported or not.
STEERING: Final = frozenset(
    [
        "PATH",
        "IFS",
        "ENV",
        "BASH_ENV",
        "SHELLOPTS",
        "BASHOPTS",
        "PS0",
        "PS1",
        "PS2",
        "PS4",
        "PROMPT_COMMAND",
        "CDPATH",
        "HOME",
        "SHELL",
        "EDITOR",
        "VISUAL",
        "FCEDIT",
        "PAGER",
        "MANPAGER",
        "LESSOPEN",
        "LESSCLOSE",
        "BROWSER",
        "MANPATH",
        "NODE_OPTIONS",
        "NODE_PATH",
        "PERL5LIB",
        "PERL5OPT",
        "PERL5DB",
        "RUBYOPT",
        "RUBYLIB",
        "JAVA_TOOL_OPTIONS",
        "_JAVA_OPTIONS",
        "JDK_JAVA_OPTIONS",
        "CLASSPATH",
        "MAKEFLAGS",
        "GNUMAKEFLAGS",
        "MAKEFILES",
        "CC",
        "CXX",
        "LD",
        "CFLAGS",
        "LDFLAGS",
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
        "GOFLAGS",
        "GOPROXY",
        "TAR_OPTIONS",
        "RSYNC_RSH",
        "CVS_RSH",
        "SSH_ASKPASS",
        "SUDO_ASKPASS",
        "TMPDIR",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "ftp_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "FTP_PROXY",
        "PSQLRC",
        "FPATH",
        "ZDOTDIR",
        "POSIXLY_CORRECT",
        "GREP_OPTIONS",
        "WGETRC",
        "CURL_HOME",
        "KUBECONFIG",
        "AWS_CONFIG_FILE",
    ]
)
#: Variables by which a shell says what names run: bash's tables, and those of zsh, where ``path`` is ``PATH``.
_TABLES: Final = frozenset(
    [
        "BASH_CMDS",
        "BASH_ALIASES",
        "aliases",
        "galiases",
        "saliases",
        "functions",
        "commands",
        "builtins",
        "path",
        "fpath",
    ]
)
#: Variables whose values the shell takes for arithmetic when they are set.
_NUMBERS: Final = frozenset({"RANDOM", "SECONDS", "OPTIND", "LINENO", "HISTCMD", "BASHPID", "SRANDOM"})
#: Variables whose values the shell itself runs or expands.
_PROMPTS: Final = frozenset({"PROMPT_COMMAND", "PS0", "PS1", "PS2", "PS4"})
_STEERING_HEADS: Final = (
    "LD_", "DYLD_", "GIT_", "BASH_FUNC_", "PYTHON", "NPM_CONFIG_", "npm_config_", "PIP_", "UV_", "CARGO_", "DOCKER_",
    "GCONV_", "GLIBC_", "MALLOC_",
)  # fmt: skip
_NAMES = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[|\s*(?:\+\+|--|(?:<<|>>|[-+*/%&^|])?=(?!=)))?")
_BEFORE = re.compile(r"(?:\+\+|--)\s*([A-Za-z_][A-Za-z0-9_]*)")


def steers(name: str) -> bool:
    """Whether assigning to a variable can change what later commands run although nothing exports it."""
    return name in STEERING or name.startswith(_STEERING_HEADS)


class State:
    """One shell at one moment. ``doubts`` gathers why something that cannot be seen may run."""

    __slots__ = (
        "constants", "counted", "directories", "doubts", "env", "exits", "functions", "home", "no_globs", "piped",
        "place", "positional", "shadowed", "splits", "unknown_all", "variables",
    )  # fmt: skip

    def __init__(self, place: Place, home: str, env: dict[str, str | None]) -> None:
        self.place = place
        self.home = home
        #: what commands run under beyond the host's own
        self.env = env
        self.variables: dict[str, Value] = {}
        for name, value in env.items():
            self.variables[name] = Loose(f"`${name}` is not known") if value is None else value
        self.functions: dict[str, tuple[frozenset[str], bool]] = {}
        #: names that no longer mean the program or builtin of that name
        self.shadowed: frozenset[str] = frozenset()
        self.directories: tuple[Place | None, ...] = ()
        #: the words of `$@`, None where not known
        self.positional: tuple[Value, ...] | None = None
        self.doubts: list[str] = []
        #: variables that can no longer be set
        self.constants: frozenset[str] = frozenset()
        #: variables whose values are taken for arithmetic when they are set
        self.counted = _NUMBERS
        #: what is read from the pipe that the command stands behind
        self.piped: Loose | None = None
        self.exits = False
        self.splits = True
        self.no_globs = False
        self.unknown_all = False

    def fork(self) -> State:
        """The same, free to change on its own; doubts are shared."""
        other = State.__new__(State)
        other.place = self.place
        other.home = self.home
        other.env = self.env
        other.variables = self.variables.copy() if self.variables else {}
        other.functions = self.functions.copy() if self.functions else {}
        other.shadowed = self.shadowed
        other.directories = self.directories
        other.positional = self.positional
        other.doubts = self.doubts
        other.piped = None
        other.constants = self.constants
        other.counted = self.counted
        other.exits = self.exits
        other.splits = self.splits
        other.no_globs = self.no_globs
        other.unknown_all = self.unknown_all
        return other

    # --- variables ------------------------------------------------------------------------

    def variable(self, name: str) -> Value:
        """The value of a variable or a special parameter."""
        known = self.variables.get(name)
        if known is not None:
            return known
        if name == "HOME":
            return self.home
        if name == "PWD":
            if self.place.path is not None and not self.place.instead:
                return self.place.path
            return Loose("the directory that the command runs in is not known")
        if self.positional is not None and name.isdigit() and name != "0":
            at = int(name) - 1
            return self.positional[at] if at < len(self.positional) else ""
        number = name in "#?$!" or name in ("RANDOM", "SECONDS", "LINENO", "UID", "EUID", "PPID", "BASHPID")
        return Loose(f"`${name}` is not known", many=name in "@*", number=number)

    def assign(self, name: str, value: Value, *, export: bool = False) -> None:
        """Set a variable; it reaches commands where it is exported or steers them."""
        if len(self.variables) >= MOST_VARIABLES and name not in self.variables:
            self.unknown_all = True
            for other in self.variables:
                self.variables[other] = Loose("too many variables to be followed")
            value = Loose("too many variables to be followed")
            if len(self.variables) >= 2 * MOST_VARIABLES:
                if export or steers(name):
                    self.env = {**self.env, "PATH": None}
                return
        if self.unknown_all:
            value = Loose("too many variables to be followed")
        if name in self.constants:
            value = Loose(f"`${name}` may not be changed")
        if name in _TABLES:
            self.doubts.append(f"`{name}` says what the names of commands run")
        if (
            name in _PROMPTS
            and value != ""
            and not (isinstance(value, str) and name != "PROMPT_COMMAND" and "$" not in value and "`" not in value)
        ):
            self.doubts.append(f"`{name}` is run before each prompt or command")
        if isinstance(value, str):
            if hides_commands(value):
                self.doubts.append(f"the value of `{name}` runs other commands wherever it is taken for a number")
            elif name in self.counted:
                self.calculated(value)
        elif name in self.counted and not value.number:
            self.doubts.append(f"`{name}` is calculated, which can run other commands")
        self.variables[name] = value
        if name == "IFS":
            self.splits = False
        if export or name in self.env or steers(name):
            self.env = {**self.env, name: value if isinstance(value, str) else None}

    def forget(self, names: frozenset[str] | set[str]) -> None:
        """Make variables unknown."""
        for name in names:
            self.assign(name, Loose(f"`${name}` changes along the way"))

    def calculated(self, written: str) -> None:
        """What evaluating arithmetic text changes, and what it may run: values are themselves evaluated."""
        seen: set[str] = set()
        todo = [written]
        while todo:
            todo.extend(self._calculated(todo.pop(), seen))

    def _calculated(self, written: str, seen: set[str]) -> list[str]:
        """One text of arithmetic; the values that it evaluates in turn, each variable's once."""
        deeper: list[str] = []
        if "`" in written or "$(" in written:
            self.doubts.append("arithmetic can run other commands")
        for found in _NAMES.finditer(written):
            name, behind = found.groups()
            if found.start() and (written[found.start() - 1].isalnum() or written[found.start() - 1] == "#"):
                continue
            value = self.variables.get(name)
            if isinstance(value, str):
                if any(one in value for one in "$`["):
                    self.doubts.append(f"arithmetic with `{name}` can run other commands")
                elif name not in seen:
                    deeper.append(value)
                seen.add(name)
            elif value is not None and not value.number:
                self.doubts.append(f"arithmetic with `{name}` can run other commands")
            if behind and behind != "[":
                self.assign(name, Loose(f"`${name}` is a number that is not known", number=True))
        for found in _BEFORE.finditer(written):
            self.assign(found.group(1), Loose("a number that is not known", number=True))
        return deeper


def merged(a: State | None, b: State | None) -> State | None:
    """What holds whichever of two ways was taken; None where neither goes on."""
    if a is None or b is None or a is b:
        return b if a is None else a
    found = b.fork()
    for name in {*a.variables, *b.variables}:
        one, other = a.variables.get(name), b.variables.get(name)
        if one is not other and not (isinstance(one, str) and one == other):
            number = isinstance(one, Loose) and isinstance(other, Loose) and one.number and other.number
            found.variables[name] = Loose(f"`${name}` is not the same on every way", number=number)
    if a.env is not b.env:
        found.env = {name: a.env[name] if a.env.get(name) == b.env.get(name) else None for name in a.env}
        found.env.update({name: None for name in b.env if name not in a.env})
    if not a.place.same(b.place):
        found.place = _either(a.place, b.place)
    found.functions = {name: body for name, body in a.functions.items() if b.functions.get(name) == body}
    lost = (a.functions.keys() | b.functions.keys()) - found.functions.keys()
    found.constants = a.constants | b.constants
    found.counted = a.counted | b.counted
    found.shadowed = a.shadowed | b.shadowed | lost
    if a.directories != b.directories:
        found.directories = (None,)
    if a.positional != b.positional:
        found.positional = None
    found.exits = a.exits and b.exits
    found.splits = a.splits and b.splits
    found.no_globs = a.no_globs and b.no_globs
    found.unknown_all = a.unknown_all or b.unknown_all
    return found


def _either(a: Place, b: Place) -> Place:
    """One of two places."""
    if a.path is None or b.path is None or a.away or b.away:
        return Place(None, away=a.away or b.away)
    if b.before is not None and b.before.same(a):
        return Place(b.path, ((b.path, a.path), *a.instead, *b.instead)[:8])
    if a.before is not None and a.before.same(b):
        return Place(a.path, ((a.path, b.path), *b.instead, *a.instead)[:8])
    ways = dict.fromkeys((*b.instead, *([("", a.path)] if a.path != b.path else ()), *a.instead))
    if len(ways) > 8:
        return Place(None)
    return Place(b.path, tuple(ways))
