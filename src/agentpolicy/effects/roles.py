"""What a word does in each of the roles that the tables of programs give it (docs/programs.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from agentpolicy.effects.acts import Place, Touch, of_command
from agentpolicy.effects.effect import NetEffect
from agentpolicy.effects.names import absolute_value
from agentpolicy.effects.paths import canonical
from agentpolicy.effects.remotes import database_address, image_address, nested_effects, scp_address
from agentpolicy.effects.text import visible
from agentpolicy.effects.touching import is_nothing, touch
from agentpolicy.effects.urls import address_effect, address_of_host, host_effect, net_effect
from agentpolicy.effects.values import Loose, Value, behind, head_of, hides_commands, shown

if TYPE_CHECKING:
    from agentpolicy.effects.commands import Command

Role = Callable[["Command", Value, bool], None]
NETS: Final = {
    "url": "net.get", "url-get": "net.get", "url-post": "net.post", "url-put": "net.put", "url-delete": "net.delete",
    "url-head": "net.head", "url-patch": "net.patch", "url-options": "net.options", "url-connect": "net.connect",
}  # fmt: skip
#: Keys of git's configuration that only change how things look or who is named.
_QUIET_KEYS: Final = frozenset(
    [
        "user.name",
        "user.email",
        "core.quotepath",
        "core.autocrlf",
        "core.safecrlf",
        "core.filemode",
        "core.longpaths",
        "core.ignorecase",
        "stricthostkeychecking",
        "userknownhostsfile",
        "connecttimeout",
        "batchmode",
        "port",
        "user",
        "serveraliveinterval",
        "serveralivecountmax",
        "identitiesonly",
        "loglevel",
        "passwordauthentication",
        "pubkeyauthentication",
        "preferredauthentications",
        "requesttty",
        "addressfamily",
        "compression",
        "tcpkeepalive",
        "hostkeyalgorithms",
        "kexalgorithms",
        "ciphers",
        "macs",
        "exitonforwardfailure",
        "connectionattempts",
        "core.abbrev",
        "commit.gpgsign",
        "tag.gpgsign",
        "init.defaultbranch",
        "pull.rebase",
        "pull.ff",
        "push.default",
        "merge.conflictstyle",
        "protocol.version",
        "http.postbuffer",
        "http.lowspeedlimit",
        "http.lowspeedtime",
        "gc.auto",
        "rebase.autostash",
        "fetch.prune",
    ]
)
_QUIET_SECTIONS: Final = ("advice.", "color.", "column.", "log.", "status.", "blame.")


def _hidden(command: Command) -> bool:
    """Whether the command looks at names that begin with a dot."""
    return not command.entry.visible or bool(command.entry.reveal & command.given)


def _read(command: Command, word: Value, many: bool) -> None:
    touch("fs.read", word, command.context, many=many, hidden=_hidden(command))


def _list(command: Command, word: Value, many: bool) -> None:
    """A name that is looked at: what lies below a directory is not read, or only the sources of one language."""
    touch("fs.read", word, command.context)


def _write(command: Command, word: Value, many: bool) -> None:
    touch("fs.write", word, command.context, many=many)


#: Endings of compressed files.
_PACKED: Final = (".gz", ".tgz", ".bz2", ".xz", ".zst", ".lz4", ".lzma", ".lz", ".Z", ".br", ".lzo")


def _beside(command: Command, word: Value, many: bool) -> None:
    """A file that is replaced by its packed or unpacked form, which lies beside it."""
    if not command.given & {"-k", "--keep"}:
        touch("fs.delete", word, command.context, many=many)
    _beside_kept(command, word, many)


def _beside_kept(command: Command, word: Value, many: bool) -> None:
    """The same, the file itself kept."""
    touch("fs.read", word, command.context, many=many)
    if not isinstance(word, str) or many:
        touch("fs.write", word, command.context, many=True)
        return
    ending = next((one for one in _PACKED if word.endswith(one)), "")
    if ending:
        touch("fs.write", word.removesuffix(ending) + (".tar" if ending == ".tgz" else ""), command.context)
    else:
        _prefix(command, word + ".", False)


def _prefix(command: Command, word: Value, many: bool) -> None:
    """The beginning of the names of files that are written."""
    if isinstance(word, str):
        touch("fs.write", Loose("names that begin so", head=word, glob=word + "*"), command.context)
    else:
        touch("fs.write", word, command.context, many=True)


#: Variables of make that say what it runs, or whose value make itself runs (GNU make manual, 5.3.2, 6.14).
#: Variables that name what make runs or reads, or that hold options for it (GNU make manual, 10.3 and 5.3).
_MAKE_RUNS: Final = frozenset(
    """SHELL .SHELLFLAGS MAKE MAKEFLAGS MAKEFILES GNUMAKEFLAGS CURDIR MAKEOVERRIDES VPATH .LIBPATTERNS .RECIPEPREFIX
    AR AS CC CXX CPP FC LD LEX YACC LINT M2C PC CO GET MAKEINFO TEX TEXI2DVI WEAVE CWEAVE TANGLE CTANGLE RM INSTALL
    INSTALL_PROGRAM INSTALL_DATA LN CP MV NM STRIP RANLIB OBJCOPY OBJDUMP SUDO GO CARGO NODE NPM PYTHON PYTHON3 PIP
    HOSTCC HOSTCXX CROSS_COMPILE LINK EDITOR PAGER
    ARFLAGS ASFLAGS CFLAGS CXXFLAGS COFLAGS CPPFLAGS FFLAGS GFLAGS LDFLAGS LDLIBS LFLAGS YFLAGS PFLAGS RFLAGS LINTFLAGS
    """.split()
)


def _variable(command: Command, word: Value, many: bool) -> None:
    """A target of make, or a variable that is set for it."""
    name, equals, value = head_of(word).partition("=")
    if not equals and isinstance(word, str):
        return
    runs = name.rstrip(":?+!").strip() in _MAKE_RUNS or name.endswith("!")
    if runs or any(one in value for one in "$`;|&\n") or "/" in value or not isinstance(word, str):
        _opaque(command, word, many)


def _tree(command: Command, word: Value, many: bool) -> None:
    touch("fs.write", word, command.context, many=True)


def _delete(command: Command, word: Value, many: bool) -> None:
    touch("fs.delete", word, command.context, many=many)


def _change(command: Command, word: Value, many: bool) -> None:
    hidden = _hidden(command)
    touch("fs.read", word, command.context, many=many, hidden=hidden)
    touch("fs.write", word, command.context, many=many, hidden=hidden)


def _expose(command: Command, word: Value, many: bool) -> None:
    command.exposed.append(word)


def _move(command: Command, word: Value, many: bool) -> None:
    # a directory is moved with all that is in it
    touch("fs.read", word, command.context, many=many)
    touch("fs.delete", word, command.context, many=many)


def destination(command: Command, word: Value, sources: list[Value], many: bool) -> None:
    """Write what other operands name to a file, or inside it where it is a directory."""
    names: list[str] = []
    for source in sources:
        if not isinstance(source, str):
            names = []
            many = True
            break
        name = source.rstrip("/").rpartition("/")[2]
        if name in ("", ".", ".."):
            many = True
        else:
            names.append(name)
    touch("fs.write", word, command.context, many=many, into=tuple(names), leads=_links(command, word))


def _links(command: Command, dest: Value) -> tuple[str, ...]:
    """Where links that the command makes lead; a relative target of a symbolic link starts beside the link."""
    found: list[str] = []
    home = command.context.home
    for target in command.exposed:
        places = [command.context.place]
        relative = head_of(target)[:1] != "/"
        if relative and command.given & {"-s", "--symbolic"} and not command.given & {"-r", "--relative"}:
            # beside the link, or inside the directory that it is put in
            starts = [dest.rpartition("/")[0] or ".", dest] if isinstance(dest, str) else [dest]
            places = [Place(absolute_value(start, places[0], home)[0]) for start in starts]
        for place in places:
            name = absolute_value(target, place, home)[0]
            if name is not None:
                found.append(name)
            why = "where a link leads is not known" if name is None else None
            for action in ("fs.read", "fs.write"):
                command.context.acts.append(Touch(action, name, why=why))
    return tuple(found)


def _script(command: Command, word: Value, many: bool) -> None:
    if isinstance(word, str) and (word == "-" or is_nothing(word) or not word):
        command.opaque(f"`{visible(head_of(command.words[0]))}` runs what it is given on its input")
    touch("fs.read", word, command.context)


def _code(command: Command, word: Value, many: bool) -> None:
    command.opaque(f"`{visible(head_of(command.words[0]))}` runs code that is given to it as text")


def _opaque(command: Command, word: Value, many: bool) -> None:
    text = shown(word)
    said = f" (`{visible(text[:80])}`)" if text else ""
    command.why = (
        command.why or f"`{visible(head_of(command.words[0]))}` is told something that can make it do anything{said}"
    )


def _shell(command: Command, word: Value, many: bool) -> None:
    _read_shell(command, word, (False, False))


def _read_shell(command: Command, word: Value, proven: tuple[bool, bool]) -> None:
    inner = command.context.inside(
        env=command.environment(), elevated=command.elevated(), implied=proven[0], sole=proven[1]
    )
    if isinstance(word, str):
        inner.shell(word, inner)
    else:
        inner.unknown(f"shell text is not known: {word.why}")


def _text_of_shell(command: Command, word: Value, many: bool) -> None:
    # what it starts is judged in its place
    command.tail_role = command.tail_role or "done"
    _read_shell(command, word, command.handed(command.words))


def _module(command: Command, word: Value, many: bool) -> None:
    """``python -m NAME``: judged by the exec rules like a program."""
    if not isinstance(word, str):
        command.opaque(word.why)
    elif word in _RUNNING_MODULES:
        _code(command, word, many)


def _package(command: Command, word: Value, many: bool) -> None:
    """What a package manager installs: a name that its registry resolves, an address, or a directory here."""
    text = word.rpartition("@")[2].lstrip() if isinstance(word, str) and " @ " in word else word
    if not isinstance(text, str):
        return
    plain = text.partition("+")[2] if text[:4] in ("git+", "hg+h", "svn+") else text
    if "://" in plain or text.startswith("git@"):
        _remote(command, plain, many)
    elif text[:1] in (".", "/", "~") or text.startswith("file:"):
        touch("fs.read", text.removeprefix("file:").partition("[")[0], command.context, many=True)


def _config(command: Command, word: Value, many: bool) -> None:
    """``key=value`` of git: some keys only change how things look, any other may run a program."""
    key = head_of(word).partition("=")[0].lower()
    if not isinstance(word, str) or not (key in _QUIET_KEYS or key.startswith(_QUIET_SECTIONS)):
        _opaque(command, word, many)


def _assign(command: Command, word: Value, many: bool) -> None:
    name, equals, _ = head_of(word).partition("=")
    if name.startswith("BASH_FUNC_"):
        _opaque(command, word, many)
    if equals:
        value = behind(word, len(name) + 1)
        command.assigned[name] = value if isinstance(value, str) else None
        if isinstance(value, str) and hides_commands(value):
            command.opaque(f"the value of `{visible(name)}` runs other commands wherever it is calculated")
    elif not isinstance(word, str):
        command.opaque(word.why)


#: Modules that run what their arguments say.
_RUNNING_MODULES: Final = frozenset("timeit code pdb cProfile profile trace runpy bdb pyperf IPython ptpython".split())


def _urlencoded(command: Command, word: Value, many: bool) -> None:
    """``name@file`` and ``@file`` of curl's ``--data-urlencode``."""
    name, at, file = head_of(word).partition("@")
    if at and "=" not in name:
        touch("fs.read", file if isinstance(word, str) else word, command.context)
    elif not isinstance(word, str) and not head_of(word):
        command.unsure = True


def _cookie(command: Command, word: Value, many: bool) -> None:
    """``name=value`` or a file of cookies."""
    if "=" not in head_of(word):
        touch("fs.read", word, command.context)


def _saved(command: Command, word: Value, many: bool) -> None:
    """An address whose last part is the name under which it is saved."""
    reach(command, "net.get" if command.method is None else f"net.{command.method}", word)
    name = word.partition("?")[0].partition("#")[0].rpartition("/")[2] if isinstance(word, str) else None
    _output(command, name or Loose("the name that the server gives", many=True), many)


def _output(command: Command, word: Value, many: bool) -> None:
    """A file that is written, in the directory for what is saved."""
    folder = command.output
    if folder == "" or head_of(word)[:1] == "/":
        touch("fs.write", word, command.context)
    elif isinstance(folder, str) and isinstance(word, str):
        touch("fs.write", f"{folder.rstrip('/')}/{word}", command.context)
    else:
        touch("fs.write", folder, command.context, many=True)


def _route(command: Command, word: Value, many: bool) -> None:
    """``host:port:other…`` of curl: what is reached in place of a host."""
    if not isinstance(word, str):
        _add(command, _unknown_address("net.connect", word))
        return
    rest = word.split(":", 2)
    for one in (rest[2] if len(rest) == 3 else word).split(","):
        target = one.strip("[]").removesuffix(":")
        if target:
            _host(command, f"[{target}]" if target.count(":") > 1 else target, many)


def _image(command: Command, word: Value, many: bool) -> None:
    """An image, whose name may begin with a registry."""
    address = image_address(word) if isinstance(word, str) else None
    if address is not None:
        command.context.acts.append(of_command(address_effect("net.connect", address), False))  # it may be here already


def _context_tree(command: Command, word: Value, many: bool) -> None:
    """An address, or a directory that is read as a whole."""
    if isinstance(word, str) and ("://" in word or word.startswith("git@")):
        _remote(command, word, many)
    else:
        touch("fs.read", word, command.context, many=True)


def _source(command: Command, word: Value, many: bool) -> None:
    """A file that is read, or ``@file`` with more words."""
    if head_of(word)[:1] == "@":
        touch("fs.read", behind(word, 1), command.context)
        _opaque(command, word, many)
    else:
        touch("fs.read", word, command.context)


def _file_or_text(command: Command, word: Value, many: bool) -> None:
    head = head_of(word)
    if head[:1] == "@":
        touch("fs.read", behind(word, 1), command.context)
    elif not isinstance(word, str) and not head:
        command.unsure = True


def _form_field(command: Command, word: Value, many: bool) -> None:
    """``name=@file;type=…`` and ``name=<file`` of curl."""
    _, equals, value = head_of(word).partition("=")
    if equals and value[:1] in ("@", "<"):
        touch("fs.read", value[1:].partition(";")[0] if isinstance(word, str) else word, command.context)
    elif not isinstance(word, str):
        command.unsure = True


def _volume(command: Command, word: Value, many: bool) -> None:
    """``source:target`` of containers: a directory of this machine in which what runs may change anything."""
    if not isinstance(word, str):
        touch("fs.read", word, command.context, many=True)
        touch("fs.write", word, command.context, many=True)
        return
    source = word.partition(":")[0]
    for part in word.split(","):
        name, equals, value = part.partition("=")
        if equals and name in ("source", "src"):
            source = value
    if source[:1] in ("/", ".", "~"):
        touch("fs.read", source, command.context, many=True)
        if not word.endswith((":ro", ",readonly", ",ro")):
            touch("fs.write", source, command.context, many=True)


def _add(command: Command, effect: NetEffect) -> None:
    command.context.reach(effect)


def reach(command: Command, action: str, word: Value) -> None:
    """Reach the address that a word names; one without a scheme is of http, as clients read it."""
    if action == "net.?":
        action = "net.connect"
    if not isinstance(word, str):
        _add(command, _unknown_address(action, word))
        return
    text = word
    if "://" not in text:
        if text[:5].lower() == "file:":
            _local(command, text)
            return
        text = "http://" + text
    elif text[:7].lower() == "file://":
        _local(command, text)
        return
    if any(one in text for one in "{}[]") and "://[" not in text:
        _add(command, _unknown_address(action, Loose("the address stands for several")))
        return
    _add(command, net_effect(action, text))
    for nested in nested_effects(text):
        _add(command, nested)


def _local(command: Command, uri: str) -> None:
    """A file that a ``file:`` address names."""
    name = canonical(uri, cwd="/", home="/", expand_tilde=False)
    touch("fs.read", name if name is not None else Loose("a local address that is not plain"), command.context)


def _host(command: Command, word: Value, many: bool) -> None:
    if not isinstance(word, str):
        _add(command, _unknown_address("net.connect", word))
        return
    if "://" in word:
        _add(command, net_effect("net.connect", word))
        return
    _add(command, host_effect("net.connect", word.rpartition("@")[2]))


def _name(command: Command, word: Value, many: bool) -> None:
    _host(command, word, many)


def _remote_file(command: Command, action: str, word: Value, many: bool) -> None:
    if not isinstance(word, str):
        head, colon, _ = word.head.partition(":")
        if colon and "/" not in head:
            _host(command, head, many)
        else:
            touch(action, word, command.context, many=many)
            if "/" not in word.head[:1] and not word.head.startswith("."):
                _add(command, _unknown_address("net.connect", word))
        return
    address = net_or_scp(word)
    if address is not None:
        _add(command, address)
    else:
        touch(action, word, command.context, many=many)


def _remote_read(command: Command, word: Value, many: bool) -> None:
    _remote_file(command, "fs.read", word, many)


def _remote_write(command: Command, word: Value, many: bool) -> None:
    _remote_file(command, "fs.write", word, many)


def _remote_delete(command: Command, word: Value, many: bool) -> None:
    _remote_file(command, "fs.write", word, many)
    if command.context.acts and isinstance(last := command.context.acts[-1], Touch) and last.action == "fs.write":
        _remote_file(command, "fs.delete", word, many)


def _secret(command: Command, word: Value, many: bool) -> None:
    """A pass phrase as openssl takes it: ``file:NAME`` is read."""
    if head_of(word)[:5] == "file:":
        touch("fs.read", behind(word, 5), command.context)


def _file_uri(command: Command, word: Value, many: bool) -> None:
    """``file://NAME`` and ``fileb://NAME`` are read, anything else is text."""
    for scheme in ("file://", "fileb://"):
        if head_of(word).startswith(scheme):
            touch("fs.read", behind(word, len(scheme)), command.context)


def _bucket(command: Command, action: str, word: Value, many: bool) -> None:
    head = head_of(word)
    if "://" not in head:
        touch(action, word, command.context, many=many)


def _bucket_read(command: Command, word: Value, many: bool) -> None:
    _bucket(command, "fs.read", word, many)


def _bucket_write(command: Command, word: Value, many: bool) -> None:
    _bucket(command, "fs.write", word, many)


def _host_or_path(command: Command, word: Value, many: bool) -> None:
    if head_of(word)[:1] == "/":
        touch("fs.read", word, command.context)
    else:
        _host(command, word, many)


def _remote(command: Command, word: Value, many: bool) -> None:
    if not isinstance(word, str):
        _add(command, _unknown_address("net.connect", word))
        return
    if "::" in word.partition("/")[0] and not word.startswith("["):
        command.opaque(f"`{visible(word[:80])}` names a program that fetches")
        return
    address = net_or_scp(word)
    if address is not None:
        _add(command, address)
    elif "/" in word or word in (".", ".."):
        touch("fs.read", word, command.context, many=True)


def _remote_push(command: Command, word: Value, many: bool) -> None:
    """A repository that is written to: an address, a directory, or a name that configuration explains."""
    if isinstance(word, str) and net_or_scp(word) is None and "::" not in word.partition("/")[0]:
        if "/" in word or word in (".", ".."):
            touch("fs.write", word, command.context, many=True)
        return
    _remote(command, word, many)


def _database(command: Command, word: Value, many: bool) -> None:
    if not isinstance(word, str):
        return
    address = database_address(word)
    if address is not None:
        _add(command, address_effect("net.connect", address))


def net_or_scp(word: str) -> NetEffect | None:
    """The effect of a network program on an address or ``host:path``, None where the word is neither."""
    if "://" in word:
        return net_effect("net.connect", word) if word[:7].lower() != "file://" else None
    if word[1:2] == ":" and word[:1].isalpha():
        # a host of one letter; only Windows reads a drive here
        return address_effect("net.connect", address_of_host(word[0]))
    address = scp_address(word)
    return None if address is None else address_effect("net.connect", address)


def _unknown_address(action: str, word: Loose) -> NetEffect:
    return NetEffect(action, opaque=True, why=word.why)


ROLES: Final[Mapping[str, Role]] = {
    "read": _read,
    "list": _list,
    "write": _write,
    "tree": _tree,
    "variable": _variable,
    "beside": _beside,
    "beside-kept": _beside_kept,
    "prefix": _prefix,
    "append": _write,
    "delete": _delete,
    "change": _change,
    "move": _move,
    "expose": _expose,
    "script": _script,
    "code": _code,
    "opaque": _opaque,
    "shell": _text_of_shell,
    "program": _shell,
    "module": _module,
    "package": _package,
    "config": _config,
    "assign": _assign,
    "file-or-text": _file_or_text,
    "urlencoded": _urlencoded,
    "cookie": _cookie,
    "url-saved": _saved,
    "output": _output,
    "route": _route,
    "image": _image,
    "tree-or-url": _context_tree,
    "source": _source,
    "form": _form_field,
    "volume": _volume,
    "host": _host,
    "name": _name,
    "remote-read": _remote_read,
    "remote-write": _remote_write,
    "remote": _remote,
    "remote-push": _remote_push,
    "remote-delete": _remote_delete,
    "secret": _secret,
    "file-uri": _file_uri,
    "bucket-read": _bucket_read,
    "bucket-write": _bucket_write,
    "host-or-path": _host_or_path,
    "database": _database,
}
