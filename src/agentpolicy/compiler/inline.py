"""Tests of a small rule set as Python expressions on known values, one for each concrete pattern."""

from __future__ import annotations

from agentpolicy.compiler.bind import Bindings
from agentpolicy.compiler.expression import Constants
from agentpolicy.compiler.match import Address, base_name, narrow_names
from agentpolicy.compiler.shape import path_shape
from agentpolicy.language.vocabulary import family


class Inline:
    """Writes pattern tests of one action. Generated code calls the path ``p`` and the words ``argv``."""

    def __init__(self, action: str, bindings: Bindings, constants: Constants) -> None:
        self._family = family(action)
        self._bindings = bindings
        self._constants = constants

    def any_of(self, patterns: tuple[str, ...], *, wide: bool, itself: bool) -> str:
        """An expression that is true where one of the patterns matches."""
        match self._family:
            case "fs":
                parts = self._paths(patterns, itself)
            case "exec":
                parts = [self._argv(pattern, wide) for pattern in patterns]
            case "net":
                parts = [self._address(pattern, wide) for pattern in patterns]
            case _:
                parts = self._names(patterns)
        return parts[0] if len(parts) == 1 else "(" + " or ".join(parts) + ")"

    def _name(self, *row: object) -> str:
        return self._constants.name(*row)

    def _paths(self, patterns: tuple[str, ...], itself: bool) -> list[str]:
        exact: list[str] = []
        starts: list[str] = []
        ends: list[str] = []
        inner: list[str] = []
        others: list[str] = []
        for pattern in patterns:
            kind, key = path_shape(pattern)
            match kind:
                case "all":
                    return ["True"]
                case "exact":
                    exact.append(key)
                case "tree":
                    starts.append(key)
                    if itself:
                        exact.append(key[:-1])
                case "name":
                    ends.append("/" + key)
                case "ending":
                    ends.append(key)
                case "inside":
                    inner.append(key)
                    if itself:
                        ends.append(key[:-1])
                case _:
                    others.append(pattern)
        parts: list[str] = []
        if starts:
            parts.append(f"p.startswith({self._one_or_all(starts)})")
        if ends:
            parts.append(f"p.endswith({self._one_or_all(ends)})")
        if len(exact) == 1:
            parts.append(f"p == {self._name('value', exact[0])}")
        elif exact:
            parts.append(f"p in {self._name('set', tuple(exact))}")
        parts += [f"{self._name('value', key)} in p" for key in inner]
        if others:
            parts.append(f"{self._name('test', 'path', tuple(others), itself, itself)}(p)")
        return parts

    def _one_or_all(self, keys: list[str]) -> str:
        return self._name("value", keys[0] if len(keys) == 1 else tuple(keys))

    def _argv(self, pattern: str, wide: bool) -> str:
        words = pattern.split()
        if "*" in words[0] or words[0] == "**":
            return f"{self._name('argv', pattern, wide)}(argv)"
        if wide:
            program = f"base == {self._name('value', base_name(words[0]))}"
        else:
            names = tuple(narrow_names(words[0], self._bindings.found))
            one = len(names) == 1
            program = (
                f"e.program == {self._name('value', names[0])}" if one else f"e.program in {self._name('set', names)}"
            )
        if words[1:] == ["**"]:
            return program
        if words[-1] == "**" and len(words) == 3 and not any("*" in word for word in words[:-1]):
            first = self._name("value", words[1])
            if not wide or words[1].startswith("-"):
                return f"({program} and len(argv) > 1 and argv[1] == {first})"
            # Only behind an option may the subcommand stand elsewhere.
            moved = f"argv[1][:1] == '-' and {self._name('argv', pattern, wide)}(argv)"
            return f"({program} and len(argv) > 1 and (argv[1] == {first} or ({moved})))"
        if not wide and not any("*" in word for word in words):
            return f"({program} and argv[1:] == {self._name('value', tuple(words[1:]))})"
        return f"({program} and {self._name('argv', pattern, wide)}(argv))"

    def _address(self, pattern: str, wide: bool) -> str:
        address = Address(pattern)
        tests: list[str] = []
        if address.host.startswith("*.") and "*" not in address.host[2:]:
            tests.append(f"host.endswith({self._name('value', address.host[1:])})")
        elif "*" not in address.host:
            tests.append(f"host == {self._name('value', address.host)}")
        elif address.host != "*":
            tests.append(f"{self._name('host', address.host)}(host)")
        if address.scheme is not None:
            tests.append(f"e.scheme == {self._name('value', address.scheme)}")
        if address.port is None:
            if not wide:
                tests.append("e.usual_port")
        elif address.port != "*":
            tests.append(f"e.port == {self._name('value', address.port)}")
        if address.path is not None and address.path != "/**":
            tests.append(f"{self._name('url path', address.path, wide)}(e.path)")
        return "(" + " and ".join(tests) + ")" if tests else "True"

    def _names(self, patterns: tuple[str, ...]) -> list[str]:
        plain = tuple(pattern for pattern in patterns if "*" not in pattern)
        globs = tuple(pattern for pattern in patterns if "*" in pattern)
        parts: list[str] = []
        if len(plain) == 1:
            parts.append(f"e.name == {self._name('value', plain[0])}")
        elif plain:
            parts.append(f"e.name in {self._name('set', plain)}")
        if globs:
            parts.append(f"{self._name('test', 'tool', globs, True, True)}(e.name)")
        return parts
