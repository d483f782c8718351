"""Words of a command as names of files: absolute, links not followed, unknown parts kept unknown."""

from __future__ import annotations

from agentpolicy.effects.acts import Place
from agentpolicy.effects.text import well_formed
from agentpolicy.effects.values import Value

#: (absolute name or None, shell pattern, other names that it may be, why it is not known)
Named = tuple[str | None, str | None, tuple[tuple[str, str], ...], str | None]
_ACTIVE = frozenset("*?[")


def absolute_value(word: Value, place: Place, home: str) -> Named:
    """The absolute name of a file that a command names, as the kernel would be given it.

    Of a shell pattern the name is the directory in which everything that it stands for lies. Where the directory that
    the command runs in is not known, a relative name is not either.
    """
    glob: str | None = None
    if isinstance(word, str):
        text = word
    elif word.glob is not None:
        glob = word.glob
        first = min(at for at, letter in enumerate(glob) if letter in _ACTIVE)
        if ".." in glob[first:].split("/"):
            return None, None, (), "a shell pattern leads upwards"
        text = glob[: glob.rfind("/", 0, first) + 1]
    else:
        return None, None, (), word.why
    if not well_formed(text) or "\0" in text:
        return None, None, (), "the name is no text"
    if text[:1] == "/":
        return text, glob, (), None
    if place.path is None:
        return None, None, (), "the directory that the command runs in is not known"
    name = _joined(place.path, text)
    instead = tuple([(need, _joined(other, text)) for need, other in place.instead])
    return name, None if glob is None else _joined(place.path, glob), instead, None


def directory_value(word: Value, place: Place, home: str) -> tuple[Place, str | None]:
    """The place after going into a directory, and why it is not known."""
    if not isinstance(word, str):
        return Place(None, away=place.away), word.why
    if place.away:
        return place, None
    name, _, instead, why = absolute_value(word or ".", place, home)
    return Place(name, instead), why


def _joined(directory: str, name: str) -> str:
    return name if name[:1] == "/" else f"{directory.rstrip('/')}/{name}" if name else directory
