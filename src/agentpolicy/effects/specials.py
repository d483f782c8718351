"""Programs whose words are a language of their own: find, sed, awk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from agentpolicy.effects.acts import Place
from agentpolicy.effects.programs import Entry
from agentpolicy.effects.scripts.awk import read_awk
from agentpolicy.effects.scripts.sed import read_sed
from agentpolicy.effects.values import Loose, Value, head_of, shown

if TYPE_CHECKING:
    from agentpolicy.effects.commands import Command, Special

# --- find ------------------------------------------------------------------------------

#: Words of find's expressions that take no word, one word, one file of which only attributes are read.
_FIND_NONE: Final = frozenset(
    [
        "-daystart",
        "-depth",
        "-d",
        "-mount",
        "-xdev",
        "-x",
        "-follow",
        "-ignore_readdir_race",
        "-noignore_readdir_race",
        "-warn",
        "-nowarn",
        "-noleaf",
        "-empty",
        "-executable",
        "-readable",
        "-writable",
        "-false",
        "-true",
        "-nogroup",
        "-nouser",
        "-print",
        "-print0",
        "-ls",
        "-prune",
        "-quit",
        "-a",
        "-and",
        "-o",
        "-or",
        "-not",
        "!",
        "(",
        ")",
        ",",
        "-help",
        "--help",
        "-version",
        "--version",
        "-sparse",
        "-acl",
        "-xattr",
    ]
)
_FIND_ONE: Final = frozenset(
    [
        "-amin",
        "-cmin",
        "-mmin",
        "-atime",
        "-ctime",
        "-mtime",
        "-Btime",
        "-Bmin",
        "-fstype",
        "-gid",
        "-group",
        "-ilname",
        "-iname",
        "-inum",
        "-ipath",
        "-iregex",
        "-iwholename",
        "-links",
        "-lname",
        "-name",
        "-path",
        "-perm",
        "-regex",
        "-size",
        "-type",
        "-uid",
        "-used",
        "-user",
        "-wholename",
        "-xtype",
        "-context",
        "-maxdepth",
        "-mindepth",
        "-regextype",
        "-printf",
        "-flags",
        "-xattrname",
    ]
)
_FIND_FILE: Final = frozenset(["-newer", "-anewer", "-cnewer", "-samefile"])
_FIND_WRITES: Final = frozenset(["-fprint", "-fprint0", "-fls"])


def _find(command: Command) -> None:
    words = command.words
    at = 1
    while at < len(words) and head_of(words[at])[:2] in ("-H", "-L", "-P", "-D", "-O") and words[at] not in _FIND_ALL:
        at += 2 if words[at] == "-D" else 1
    starts: list[Value] = []
    while at < len(words):
        word = words[at]
        if isinstance(word, str) and ((word[:1] == "-" and len(word) > 1) or word in ("(", ")", "!", ",")):
            break
        starts.append(word)
        at += 1
    for start in starts or ["."]:
        command.use("list", start)
    found = _names_found(words, at, starts or ["."])
    while at < len(words):
        word = words[at]
        at += 1
        if not isinstance(word, str):
            if word.glob is None and not word.head:
                command.opaque("a word of find's expression is not known, which may be an action")
            continue
        if word in _FIND_NONE:
            continue
        if word in _FIND_ONE or (word.startswith("-newer") and len(word) == 8):
            at += 1
        elif word in _FIND_FILE or word == "-files0-from":
            if at < len(words):
                command.use("read" if word == "-files0-from" else "list", words[at])
            if word == "-files0-from":
                command.opaque("where find starts is read from a file")
            at += 1
        elif word in _FIND_WRITES or word == "-fprintf":
            if at < len(words):
                command.use("write", words[at])
            at += 2 if word == "-fprintf" else 1
        elif word == "-delete":
            for one in found:
                command.use("delete", one)
        elif word in ("-exec", "-execdir", "-ok", "-okdir"):
            at = _find_exec(command, word, at, found)
        elif word[:1] != "-" or len(word) == 1:
            command.use("list", word)
        else:
            command.opaque(f"nothing is known of `{word}` of find")


_FIND_ALL: Final = (
    _FIND_NONE | _FIND_ONE | _FIND_FILE | _FIND_WRITES | {"-delete", "-exec", "-execdir", "-ok", "-okdir"}
)


def _names_found(words: Sequence[Value], at: int, starts: Sequence[Value]) -> list[Value]:
    """What find acts on, as patterns: everything below its starts, or what one plain `-name` leaves."""
    tests = [word for word in words[at:] if isinstance(word, str)]
    name = "*"
    if not {"-o", "-or", "!", "-not", ",", "-iname", "-false"} & {*tests} and tests.count("-name") == 1:
        where = next(index for index in range(at, len(words)) if words[index] == "-name")
        value = words[where + 1] if where + 1 < len(words) else None
        if isinstance(value, str) and "/" not in value and value and value not in (".", ".."):
            name = value
    found: list[Value] = []
    for start in starts:
        base = shown(start)
        if base is None:
            found.append(Loose("what find finds below a directory that is not known", many=True, written="{}"))
            continue
        base = base.rstrip("/")
        found.append(
            Loose(
                "names that find finds", head=base, glob=f"{base}/**/{name}", many=True, written="{}", below=name == "*"
            )
        )
    return found


def _find_exec(command: Command, action: str, at: int, found: list[Value]) -> int:
    """The command that an action of find runs; the place behind it."""
    words = command.words
    end = at
    while end < len(words):
        word = words[end]
        if word == ";" or (word == "+" and end > at and words[end - 1] == "{}"):
            break
        end += 1
    place = Place(None, away=command.context.place.away) if action.endswith("dir") else None
    run = words[at:end]
    for one in found if any("{}" in (shown(word) or "") for word in run) else found[:1]:
        command.start([_filled(word, one) for word in run], place=place)
    return end + 1


def _filled(word: Value, found: Value) -> Value:
    if not isinstance(word, str) or "{}" not in word:
        return word
    if word == "{}" or not isinstance(found, Loose):
        return found
    before = word.partition("{}")[0]
    glob = None if found.glob is None else word.replace("{}", found.glob)
    return Loose("a name that find finds is part of a word", head=before + found.head, glob=glob, written=word)


def names_printed(words: Sequence[Value]) -> Loose | None:
    """What a command of find prints: the names that it finds, None where it prints anything else.

    ``number`` is true where a NUL stands behind each name, so that no name can look like two.
    """
    texts = {word for word in words if isinstance(word, str)}
    if len(texts) < len({*map(str, words)}) or texts & _FIND_SPEAKS:
        return None
    at = 1
    while at < len(words) and head_of(words[at]) in ("-H", "-L", "-P"):
        at += 1
    starts: list[Value] = []
    while at < len(words) and not (head_of(words[at])[:1] == "-" or words[at] in ("(", ")", "!", ",")):
        starts.append(words[at])
        at += 1
    if len(starts) > 1:
        return None
    found = _names_found(words, at, starts or ["."])[0]
    if not isinstance(found, Loose) or found.glob is None:
        return None
    return Loose(found.why, head=found.head, glob=found.glob, many=True, below=found.below, number="-print0" in texts)


_FIND_SPEAKS: Final = frozenset(
    ["-printf", "-ls", "-exec", "-execdir", "-ok", "-okdir", "-fprint", "-D", "-files0-from", "-delete"]
)


# --- sed, awk -------------------------------------------------------------------------------

_SED: Final = Entry(
    "sed",
    {
        "flags": "-n -E -r -s -u -z --quiet --silent --regexp-extended --separate --unbuffered --null-data "
        "--zero-terminated --posix --debug --sandbox --follow-symlinks --binary -b --help --version -a",
        "values": {
            "-e --expression": "sed", "-f --file": "script", "-i --in-place": "in-place?", "-l --line-length": "text",
        },
        "operands": ["text*"],
    },
)  # fmt: skip
_AWK: Final = Entry(
    "awk",
    {
        "style": "posix",
        "flags": "-b -c -C -g -h -M -n -N -O -P -r -s -S -t -V --version --help --posix --traditional --re-interval "
        "--sandbox --non-decimal-data "
        "--characters-as-bytes --use-lc-numeric --bignum --optimize --no-optimize --csv -k",
        "values": {
            "-F --field-separator": "text", "-v --assign": "text", "-f --file": "script", "-e --source": "awk",
            "-i --include": "opaque", "-l --load": "opaque", "-E --exec": "script", "-o --pretty-print": "write?",
            "-d --dump-variables": "write?", "-p --profile": "write?", "-D --debug": "opaque?", "-L --lint": "text?",
            "-W": "opaque",
        },
        "operands": ["text*"],
    },
)  # fmt: skip


def _sed(command: Command) -> None:
    uses, operands = command.parsed(_SED)
    scripts = [word for role, word in uses if role == "sed"]
    files = [word for role, word in uses if role == "script"]
    for word in files:
        command.use("script", word)
    if not scripts and not files and operands:
        scripts, operands = operands[:1], operands[1:]
    changes = bool(command.given & {"-i", "--in-place"})
    for word in scripts:
        if not isinstance(word, str):
            command.opaque("what sed does is not known")
            continue
        why, touched = read_sed(word)
        if why is not None and "--sandbox" not in command.given:
            command.opaque(why)
        for action, name in touched:
            command.use(action, name)
    for word in operands:
        command.use("change" if changes else "read", word)


def _awk(command: Command) -> None:
    uses, operands = command.parsed(_AWK)
    scripts = [word for role, word in uses if role == "awk"]
    files = [word for role, word in uses if role == "script"]
    for role, word in uses:
        if role in ("script", "write", "opaque"):
            command.use(role, word)
    if not scripts and not files and operands:
        scripts, operands = operands[:1], operands[1:]
    for word in scripts:
        if not isinstance(word, str):
            command.opaque("what awk runs is not known")
            continue
        why, touched = read_awk(word)
        if why is not None:
            command.opaque(why)
        for action, name in touched:
            command.use(action, name)
    for word in operands:
        if "=" not in head_of(word).partition("/")[0]:
            command.use("read", word)


SPECIALS: Final[Mapping[str, Special]] = {"find": _find, "sed": _sed, "awk": _awk}
