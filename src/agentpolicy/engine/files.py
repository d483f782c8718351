"""Files that carry something: written under a mark, or from text that is not trusted, they bring it to who reads them.

They are known by their resolved names on this machine. A file is forgotten when it is deleted, or when a call that
writes it whole writes something clean.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from typing import Final

import orjson
from attrs import field, frozen

from agentpolicy.effects.effect import Effect, FileEffect

#: Files that are told apart.
MOST_FILES: Final = 4096
#: Stands for a file that was written and whose name is not known.
ANYWHERE: Final = "*"
KEY: Final = f"files:{platform.node() or 'localhost'}"


@frozen
class Carried:
    """What a file carries: marks (False where it is unsure that they are set), and the origins of its text."""

    marks: Mapping[str, bool] = field(factory=dict)
    origins: frozenset[str] = frozenset()


NOTHING: Final = Carried()
Carrying = Mapping[str, Carried]


def read(value: bytes | None) -> Carrying:
    """What a store holds.

    Raises:
        ValueError: it cannot be read.
    """
    if value is None:
        return {}
    try:
        return {
            name: Carried({mark: bool(state) for mark, state in one["marks"].items()}, frozenset(one["from"]))
            for name, one in orjson.loads(value).items()
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("what is kept of files cannot be read") from error


def dump(files: Carrying) -> bytes:
    """The same as a store keeps it."""
    return orjson.dumps({name: {"marks": one.marks, "from": sorted(one.origins)} for name, one in files.items()})


def carried(effect: Effect, files: Carrying) -> Carried:
    """What an ``fs.read`` brings back."""
    if not files or not isinstance(effect, FileEffect):
        return NOTHING
    unknown = effect.path is None or effect.resolved is None
    inside = "" if effect.resolved is None else effect.resolved.rstrip("/") + "/"
    found = NOTHING
    for name, one in files.items():
        if unknown or name in {effect.resolved, ANYWHERE} or (effect.many and name.startswith(inside)):
            sure = not unknown and not effect.possible and name != ANYWHERE
            found = both(found, one if sure else Carried(dict.fromkeys(one.marks, False), one.origins))
    return found


def both(one: Carried, other: Carried) -> Carried:
    """What two together carry."""
    marks = {name: one.marks.get(name, False) or other.marks.get(name, False) for name in {**one.marks, **other.marks}}
    return Carried(marks, one.origins | other.origins)


def written(files: Carrying, effects: Iterable[Effect], carries: Carried, *, whole: bool) -> dict[str, Carried]:
    """The files after a call that writes and deletes; ``whole`` says that what was there is replaced."""
    found = dict(files)
    for effect in effects:
        if not isinstance(effect, FileEffect) or effect.possible:
            continue
        name = effect.resolved or ANYWHERE
        if effect.action == "fs.delete" and not effect.many and name != ANYWHERE:
            found.pop(name, None)
        elif effect.action == "fs.write":
            old = NOTHING if whole and not effect.many and name != ANYWHERE else found.get(name, NOTHING)
            found.pop(name, None)
            new = both(old, carries)
            if new.marks or new.origins:
                found[name] = new
    return found
