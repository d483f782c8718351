"""Whether a pattern is well formed for its type, before parameters are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from agentpolicy.language.checked import Glob, ParamDecl
from agentpolicy.language.findings import Findings
from agentpolicy.language.globs import BraceError, expand_braces

#: ``${name}`` in a text.
PARAMETER = re.compile(r"\$\{([^{}$]*)\}")
#: What stands for ``\$`` in decoded text, so that it is never taken for a parameter.
DOLLAR = "\ue000"
#: Types of parameters that may stand in a pattern.
INTERPOLATED = frozenset({"path", "text", "host", "number"})
_STAND_IN = "\ue001"
_OPEN, _CLOSE = "\ue002", "\ue003"

_OPERATORS = frozenset({"|", "||", "&&", ";", "&", ">", ">>", "<", "<<", "(", ")"})
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*\Z")
_PORT = re.compile(r"(?:[0-9]{1,5}|\*)\Z")


def closed(text: str) -> str:
    """A text whose ``${name}`` keep out of the way while braces are expanded; ``opened`` puts them back."""
    return PARAMETER.sub(lambda found: f"${_OPEN}{found.group(1)}{_CLOSE}", text)


def opened(text: str) -> str:
    """The text that ``closed`` was given, or one of its alternatives."""
    return text.replace(f"${_OPEN}", "${").replace(_CLOSE, "}")


def check_glob(glob: Glob, params: Mapping[str, ParamDecl], findings: Findings) -> None:
    """Report what is wrong with one pattern."""
    if not glob.text:
        findings.add("AP303", "a pattern is empty", glob.place, help="write what it should match, or `any`")
        return
    text = _stand_in(glob, params, findings)
    if text is None:
        return
    try:
        alternatives = expand_braces(text)
    except BraceError as error:
        findings.add("AP303", str(error), glob.place)
        return
    complain = _CHECKS[glob.kind]
    for alternative in alternatives:
        problem = complain(alternative)
        if problem is not None:
            message, help = problem
            findings.add("AP303", _readable(message), glob.place, help=None if help is None else _readable(help))
            return


def check_bound(glob: Glob, text: str, findings: Findings) -> None:
    """Report what the value of a parameter made wrong with a host or URL pattern: ``text`` is ``glob`` filled in."""
    problem = _CHECKS[glob.kind](text) if glob.kind in {"host", "url"} else None
    if problem is not None:
        findings.add(
            "AP404", f"with its parameters this pattern is `{text}`: {problem[0]}", glob.place, help=problem[1]
        )


def _readable(text: str) -> str:
    return text.replace("/" + _STAND_IN, "${…}").replace(_STAND_IN, "${…}").replace(DOLLAR, "$")


def _stand_in(glob: Glob, params: Mapping[str, ParamDecl], findings: Findings) -> str | None:
    """The pattern with a stand-in for each parameter; None where one is not usable there."""
    good = True
    pieces: list[str] = []
    at = 0
    for found in PARAMETER.finditer(glob.text):
        name = found.group(1)
        decl = params.get(name)
        if decl is None:
            from agentpolicy.language.render import suggest

            near = suggest(name, params)
            findings.add(
                "AP311",
                f"`${{{name}}}` names no parameter",
                glob.place,
                help=f"did you mean `${{{near}}}`?" if near else f"declare it: `param {name or 'name'}: path`",
            )
            good = False
            continue
        if decl.type not in INTERPOLATED:
            findings.add("AP311", f"`${{{name}}}` is a `{decl.type}`, which cannot stand in a pattern", glob.place)
            good = False
            continue
        before = glob.text[found.start() - 1 : found.start()]
        after = glob.text[found.end() : found.end() + 1]
        if not _whole_part(glob.kind, before, after):
            findings.add(
                "AP311",
                f"`${{{name}}}` stands for a whole path segment, host label or word, never for a part of one",
                glob.place,
                help="put a separator on both sides of it",
            )
            good = False
            continue
        pieces += [glob.text[at : found.start()], "/" + _STAND_IN if decl.type == "path" else _STAND_IN]
        at = found.end()
    pieces.append(glob.text[at:])
    text = "".join(pieces)
    if good and "${" in text:
        findings.add("AP311", "a `${` is never closed", glob.place, help="write `\\$` for a dollar sign")
        good = False
    return text if good else None


def _whole_part(kind: str, before: str, after: str) -> bool:
    edges = {"path": "/,{}", "argv": " /=,{}", "url": "/.:,{}", "host": ".:,{}", "tool": "/,{}", "table": ".,{}"}
    separators = edges.get(kind)
    if separators is None:
        return True
    return (not before or before in separators) and (not after or after in separators)


Problem = tuple[str, "str | None"]


def _path(text: str) -> Problem | None:
    if "\\" in text:
        return "a path pattern has `/` between its segments, never a backslash", None
    if not (text.startswith(("/", "**", "~/")) or text == "~"):
        if text.startswith("~"):
            return "only `~` itself, your own home directory, is known", None
        return (
            f"the path pattern `{text}` is relative",
            f'write `"**/{text.removeprefix("./")}"`, or start with `/`, `~/` or a path parameter',
        )
    segments = text.split("/")
    if text != "/" and text.endswith("/"):
        return "a path pattern does not end in `/`", f'write `"{text}**"` for everything inside'
    if "" in segments[1:] and text != "/":
        return "a path pattern has an empty segment", "write one `/`"
    for segment in segments:
        if segment in {".", ".."}:
            return f"a path pattern never holds `{segment}`", "write the folded path"
        if "**" in segment and segment != "**":
            return f"`**` stands alone between slashes, not in `{segment}`", "write `*` inside a segment"
    return None


def _argv(text: str) -> Problem | None:
    words = text.split()
    if not words:
        return "a command pattern needs a program", None
    for word in words:
        if word in _OPERATORS:
            return f"a command pattern is the words of one command, and `{word}` joins commands", None
        if word[0] in "'\"" or word[-1] in "'\"":
            return "a command pattern is words, not shell text: quotes would have to be typed literally", (
                "leave the quotes out; `*` is one argument, whatever is in it"
            )
        if "**" in word and word != "**":
            return f"`**` is any number of arguments and stands alone, not in `{word}`", "write `*` inside a word"
    return None


def _url(text: str) -> Problem | None:
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
        if "/" in text:
            return f"`{text}` is neither a host nor a URL", f'write `"https://{text}"`'
    elif not (_SCHEME.match(scheme) or scheme in {"*", _STAND_IN}):
        return f"`{scheme}` is no URL scheme", "a scheme is lower-case letters, as in `https`"
    host, slash, path = rest.partition("/")
    problem = _host(host)
    if problem is not None:
        return problem
    if "?" in path or "#" in path:
        return "the query and fragment of a URL are not matched", "end the pattern before `?`"
    return _path("/" + path.removesuffix("/")) if slash and path != "/" else None


def _host(text: str) -> Problem | None:
    if "@" in text:
        return "a pattern holds no user name or password", None
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket:
            return "an IPv6 address needs its closing `]`", None
        port = port.removeprefix(":") if port else ""
        ok = bool(re.fullmatch(r"[0-9A-Fa-f:.]+", host))
        if not ok:
            return f"`{host}` is no IPv6 address", None
    else:
        host, colon, port = text.partition(":")
        if ":" in port:
            return "an IPv6 address stands in brackets", f'write `"[{text}]"`'
        if colon and not port:
            return "a port is missing after `:`", None
        if not host or any(not label for label in host.removesuffix(".").split(".")):
            return f"`{text}` is no host", "write a name such as `example.com`, or `*.example.com`"
        if any(letter in host for letter in " \\%?#\"'<>|^`"):
            return f"`{host}` holds a character that no host has", None
    if port and port != _STAND_IN and not (_PORT.match(port) and (port == "*" or 0 < int(port) < 65536)):
        return f"`{port}` is no port", "a port is 1 to 65535, or `*`"
    return None


def _tool(text: str) -> Problem | None:
    if any(not part for part in text.split("/")) or text.split() != [text]:
        return f"`{text}` is no tool name", "write `name`, or `server/name` for MCP"
    return None


def _table(text: str) -> Problem | None:
    return (f"`{text}` is no table name", None) if any(not part for part in text.split(".")) else None


def _text(text: str) -> Problem | None:
    return None


_CHECKS: Mapping[str, Callable[[str], Problem | None]] = {
    "path": _path,
    "argv": _argv,
    "url": _url,
    "host": _host,
    "tool": _tool,
    "table": _table,
    "text": _text,
}
