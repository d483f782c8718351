"""A program with its parameters: values checked, patterns made concrete.

``${param}`` becomes its value, ``~`` the home directory, ``{a,b}`` two patterns, and a path pattern whose literal
head leads elsewhere through links becomes two: the head as written and where it leads.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Mapping

from attrs import field, frozen

from agentpolicy.language.checked import Constant, Glob, ParamDecl, Program, Scalar
from agentpolicy.language.findings import Findings
from agentpolicy.language.globs import expand_braces
from agentpolicy.language.patterns import DOLLAR, PARAMETER, check_bound, closed, opened
from agentpolicy.language.scope import suggestion
from agentpolicy.language.source import Diagnostic, PolicyError

Bound = Scalar | tuple[Scalar, ...]


@frozen
class Bindings:
    """What a program is bound to.

    ``resolve`` gives where an absolute path leads (itself where nothing does), ``which`` where the host's PATH finds
    a program. ``heads`` and ``programs`` remember what they answered, so that a cached policy can be checked against
    the disk again.
    """

    params: Mapping[str, Bound]
    home: str
    resolve: Callable[[str], str | None]
    which: Callable[[str], str | None]
    heads: dict[str, str] = field(factory=dict, eq=False)
    programs: dict[str, str | None] = field(factory=dict, eq=False)

    def text(self, written: str) -> str:
        """A text with its parameters in place."""
        if "$" not in written and DOLLAR not in written:
            return written
        filled = PARAMETER.sub(lambda found: _as_text(self.params.get(found.group(1), found.group(0))), written)
        return filled.replace(DOLLAR, "$")

    def value(self, literal: Constant) -> Bound:
        """A constant with its parameters in place."""
        value = literal.value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, tuple):
            return tuple(self.text(item) if isinstance(item, str) else item for item in value)
        return value

    def patterns(self, glob: Glob) -> tuple[str, ...]:
        """The concrete patterns that a written one stands for.

        Raises:
            PolicyError: AP404 where a parameter's value makes no host, port or word.
        """
        # Braces are opened first: a comma in a parameter's value is part of a name.
        texts = [self.text(opened(text)) for text in expand_braces(closed(glob.text))]
        if glob.kind == "argv":
            self._one_word(glob)
        if glob.kind != "path":
            if "${" in glob.text:
                findings = Findings()
                for text in texts:
                    check_bound(glob, text, findings)
                findings.stop_on_errors()
            return tuple(texts)
        found: dict[str, None] = {}
        for text in texts:
            if text == "~" or text.startswith("~/"):
                text = self.home.rstrip("/") + text[1:] or "/"
            text = unicodedata.normalize("NFC", text)
            found[text] = None
            head, rest = _literal_head(text)
            if head:
                found[self.led(head) + rest] = None
        return tuple(found)

    def _one_word(self, glob: Glob) -> None:
        """Parameters stand for parts of one word.

        Raises:
            PolicyError: AP404 for a value with a blank in it.
        """
        for found in PARAMETER.finditer(glob.text):
            if any(letter.isspace() for letter in _as_text(self.params.get(found.group(1), ""))):
                name = found.group(1)
                message = f"the parameter `{name}` holds a blank and cannot stand in a command pattern"
                raise PolicyError((Diagnostic("AP404", message, glob.place.source, glob.place.span),))

    def led(self, head: str) -> str:
        """Where a literal head of a pattern leads."""
        known = self.heads.get(head)
        if known is None:
            known = self.heads[head] = self.resolve(head) or head
        return known

    def found(self, program: str) -> str | None:
        """Where the host's PATH finds a program."""
        if program not in self.programs:
            self.programs[program] = self.which(program)
        return self.programs[program]


class Written(str):
    """A value typed by a person, read as whatever type is declared: ``3`` for a number, ``a,b`` for a list."""

    __slots__ = ()

    def as_type(self, kind: str) -> object:
        """The value as a declared type; the text itself where it does not read as one."""
        if kind == "number":
            try:
                return float(self) if any(letter in self for letter in ".eE") else int(self)
            except ValueError:
                return str(self)
        if kind == "bool":
            return {"true": True, "false": False}.get(self, str(self))
        if kind.startswith("["):
            return [Written(part.strip()).as_type(kind[1:-1]) for part in self.split(",") if part.strip()]
        return self.split() if kind == "argv" else str(self)


def _as_text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _literal_head(pattern: str) -> tuple[str, str]:
    """The part of a path pattern before the first segment with a wildcard, and the rest with its slash."""
    star = pattern.find("*")
    if star < 0:
        return pattern, ""
    cut = pattern.rfind("/", 0, star)
    return pattern[:cut] if cut > 0 else "", pattern[max(cut, 0) :]


def bind_params(program: Program, given: Mapping[str, object]) -> dict[str, Bound]:
    """The value of every declared parameter, checked.

    Raises:
        PolicyError: AP403 for one that is missing, AP404 for a bad value, AP405 for one that nobody declares.
    """
    findings = Findings()
    declared = {name: decl for layer in program.layers for name, decl in layer.params.items()}
    values: dict[str, Bound] = {}
    for name, decl in declared.items():
        if name in given:
            value = _checked(decl, given[name], findings)
        elif decl.default is not None:
            value = _checked(decl, decl.default, findings)
        elif decl.type.endswith("?"):
            continue
        else:
            findings.add(
                "AP403",
                f"the parameter `{name}` has no value",
                decl.place,
                help=f"give it: `params={{{name!r}: …}}` or `--param {name}=…`",
            )
            continue
        if value is not None:
            values[name] = value
    for name in given:
        if name not in declared:
            layer = program.layers[-1]
            from agentpolicy.language.checked import Place
            from agentpolicy.language.tree import NOWHERE

            findings.add(
                "AP405",
                f"no layer has a parameter `{name}`",
                Place(layer.source, NOWHERE),
                help=suggestion(name, declared),
            )
    findings.stop_on_errors()
    return values


def _checked(decl: ParamDecl, value: object, findings: Findings) -> Bound | None:
    problem: str | None = None
    kind = decl.type.removesuffix("?")
    if isinstance(value, Written):
        value = value.as_type(kind)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float):
            problem = "is no number"
    elif kind == "bool":
        if not isinstance(value, bool):
            problem = "is neither true nor false"
    elif kind.startswith("[") or kind == "argv":
        if not isinstance(value, list | tuple) or not all(isinstance(item, str | int | float) for item in value):
            problem = "is no list"
        else:
            value = tuple(value)
    elif not isinstance(value, str):
        problem = "is no text"
    elif not value:
        problem = "is empty"
    elif any(letter in value for letter in "*{}") or not _encodable(value) or "\x00" in value:
        problem = "holds a wildcard or a character that no name has"
    elif kind == "path":
        if not value.startswith("/"):
            problem = "is a relative path"
        else:
            value = unicodedata.normalize("NFC", os.path.normpath("/" + value.lstrip("/")))
            if value == "/":
                problem = "is the root of the file system"
    elif value in {".", ".."} or (kind == "host" and ("/" in value or value.startswith("."))):
        problem = "is no name"
    if problem is not None:
        findings.add("AP404", f"the parameter `{decl.name}` {problem}", decl.place, help=f"it is a `{decl.type}`")
        return None
    return value  # type: ignore[return-value]


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
