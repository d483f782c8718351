"""Files that commands touch to effects: looked up on the disk anew at each question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agentpolicy.effects.acts import Act, Touch
from agentpolicy.effects.effect import Effect, FileEffect
from agentpolicy.effects.host import Host
from agentpolicy.effects.paths import DiskFiles, file_effect
from agentpolicy.language.globs import match_parts

#: Most names below a directory that are looked at.
MOST_NAMES: Final = 100_000
#: Most names that a shell pattern takes whose links are followed.
MOST_FOLLOWED: Final = 5_000


def effects_of_acts(acts: Sequence[Act], host: Host, *, want_size: bool = False) -> list[Effect]:
    """The effects that acts are on this machine, in their order; acts that are effects already are passed on."""
    found: list[Effect] = []
    links: list[tuple[str, str]] = []
    for act in acts:
        if not isinstance(act, Touch):
            found.append(act)
            continue
        names = _names(act, host)
        own: list[FileEffect] = []
        for name in names:
            effect = _effect(act, name, host, want_size)
            own.append(effect)
            if act.glob is not None and name is not None and "**" not in act.glob:
                own.extend(_led_elsewhere(act, effect, host, want_size))
            if links and name is not None:
                # a link that the same text makes is not there yet
                for link, target in links:
                    if name == link or name.startswith(link + "/"):
                        own.append(_effect(act, target + name[len(link) :], host, want_size))
        implied = act.implied and len(names) == 1  # of several that it may be, none is proven
        for effect in own:
            effect.implied = implied and not effect.opaque
            effect.sole = False
        found += own
        if act.leads:
            links.extend((name, target) for name in names if name is not None for target in act.leads)
    return found


def _led_elsewhere(act: Touch, effect: FileEffect, host: Host, want_size: bool) -> list[FileEffect]:
    """Effects on what a shell pattern takes that leads out of its directory; the effect is opaque where that is too
    much.
    """
    names = effect.inside() if effect.inside is not None and isinstance(host.files, DiskFiles) else []
    if names is None or len(names) > MOST_FOLLOWED:
        effect.opaque = True
        effect.why = "the pattern stands for too many files"
        return []
    found: list[FileEffect] = []
    own = (effect.resolved or "").rstrip("/") + "/"
    for name in names:
        resolved = host.files.resolve(name)
        if resolved is None or not resolved.startswith(own):
            found.append(file_effect(act.action, name, cwd="/", home=host.home, expand_tilde=False, files=host.files))
    return found


def _names(act: Touch, host: Host) -> list[str | None]:
    """The names that an act is on: more than one where it depends on what is there."""
    if act.name is None:
        return [None]
    bases = [act.name]
    for need, other in act.instead:
        if not need or host.files.is_directory(need) is False:
            bases.append(other)
    if not act.into:
        return list(dict.fromkeys(bases))
    found: list[str | None] = []
    for base in bases:
        directory = True if base.endswith("/") or len(act.into) > 1 else host.files.is_directory(base)
        if directory is not True:
            found.append(base)
        if directory is not False:
            found.extend(f"{base.rstrip('/')}/{name}" for name in act.into)
    return list(dict.fromkeys(found))


def _effect(act: Touch, name: str | None, host: Host, want_size: bool) -> FileEffect:
    if name is None:
        return FileEffect(act.action, None, None, why=act.why, many=act.many, possible=act.possible)
    effect = file_effect(
        act.action, name, cwd="/", home=host.home, expand_tilde=False, files=host.files, want_size=want_size
    )
    if act.many or act.possible:
        effect.many = act.many
        effect.possible = act.possible
        effect.single = False
        if act.many and effect.resolved is not None:
            parts = None if act.glob is None else glob_parts(act.glob[len(act.name or "") :])
            effect.glob = None if parts is None else "/".join(parts)
            effect.hidden = act.hidden
            effect.inside = _Inside(effect.resolved, parts, act.hidden, host)
    return effect


class _Inside:
    """The names that an effect on many files is on now, looked up once for each effect and only where a rule asks."""

    __slots__ = ("_directory", "_found", "_hidden", "_host", "_looked", "_parts")

    def __init__(self, directory: str, parts: list[str] | None, hidden: bool, host: Host) -> None:
        self._directory = directory
        self._hidden = hidden
        self._parts = parts
        self._host = host
        self._looked = False
        self._found: list[str] | None = None

    def __call__(self) -> list[str] | None:
        """The names, None where they cannot be told."""
        if not self._looked:
            self._found = self._look()
            self._looked = True
        return self._found

    def _look(self) -> list[str] | None:
        names = self._host.files.listing(self._directory, MOST_NAMES)
        if names is None:
            return None
        depth = len([part for part in self._directory.split("/") if part])
        if self._parts is None:
            return [
                self._directory,
                *(name for name in names if self._hidden or not _is_hidden(name.split("/")[1 + depth :])),
            ]
        return [
            name
            for name in names
            if match_parts(self._parts, below := name.split("/")[1 + depth :])
            and (self._hidden or not any(map(_kept_hidden, below, self._parts)))
        ]


def _is_hidden(parts: Sequence[str]) -> bool:
    return any(part[:1] == "." for part in parts)


def _kept_hidden(part: str, glob: str) -> bool:
    """Whether a shell pattern passes over a name because it begins with a dot."""
    return part[:1] == "." and glob[:1] == "*"


def glob_parts(glob: str) -> list[str] | None:
    """A shell pattern, relative, in parts as patterns of policies are matched; None where it cannot be said that way.

    ``?`` and ``[…]`` become ``*``: more names than the shell would take.
    """
    text: list[str] = []
    at = 0
    while at < len(glob):
        letter = glob[at]
        if letter == "[":
            end = glob.find("]", at + 2)
            if end < 0:
                return None
            letter, at = "*", end
        text.append("*" if letter == "?" else letter)
        at += 1
    parts = [part for part in "".join(text).split("/") if part and part != "."]
    if ".." in parts:
        return None
    return ["**" if part == "**" else part.replace("**", "*") for part in parts]
