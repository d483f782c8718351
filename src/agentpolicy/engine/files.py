"""Files that carry something: written under a mark, or from text that is not trusted, they bring it to who reads them.

They are known by their resolved names, on all machines that share the store. A file is forgotten when a call that
deleted it, or wrote it whole and clean, has ended well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import orjson
from attrs import evolve, field, frozen

from agentpolicy.effects.effect import Effect, FileEffect

#: Files that are told apart.
MOST_FILES: Final = 4096
#: Calls under way that are told apart for each file; of more nobody knows when all have ended.
MOST_WRITERS: Final = 16
MANY: Final = frozenset({"*"})
#: Stands for a file that was written and whose name is not known.
ANYWHERE: Final = "*"
KEY: Final = "files"


@frozen
class Carried:
    """What a file carries: marks (False where it is unsure that they are set), and the origins of its text.

    ``last``: the call that was let go last of those that wrote such a thing into it; ``writers``: those under way.
    """

    marks: Mapping[str, bool] = field(factory=dict)
    origins: frozenset[str] = frozenset()
    last: str = ""
    writers: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.marks or self.origins)

    @property
    def unsure(self) -> Carried:
        """The same where nobody knows whether it is this file that is read."""
        return Carried(dict.fromkeys(self.marks, False), self.origins)


NOTHING: Final = Carried()


class Carrying:
    """Everything that carries something, by name; a name that ends in ``/`` is a directory with all that is below."""

    __slots__ = ("_directories", "files")

    def __init__(self, files: Mapping[str, Carried]) -> None:
        self.files = files
        self._directories = any(name.endswith("/") for name in files)

    @classmethod
    def read(cls, value: bytes | None) -> Carrying:
        """What a store holds.

        Raises:
            ValueError: it cannot be read.
        """
        if value is None:
            return cls({})
        try:
            return cls(
                {
                    name: Carried(
                        {mark: bool(state) for mark, state in one["marks"].items()},
                        frozenset(one["from"]),
                        str(one["last"]),
                        frozenset(one["writers"]),
                    )
                    for name, one in orjson.loads(value).items()
                }
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError("what is kept of files cannot be read") from error

    def dump(self) -> bytes:
        """The same as a store keeps it."""
        return orjson.dumps(
            {
                name: {
                    "marks": one.marks,
                    "from": sorted(one.origins),
                    "last": one.last,
                    "writers": sorted(one.writers),
                }
                for name, one in self.files.items()
            }
        )

    def by(self, effect: Effect) -> Carried:
        """What an effect that reads brings back."""
        if not self.files or not isinstance(effect, FileEffect) or effect.action != "fs.read":
            return NOTHING
        found = NOTHING
        for one in self._found(effect):
            found = both(found, one)
        return found.unsure if effect.possible else found

    def _found(self, effect: FileEffect) -> Iterator[Carried]:
        name = effect.resolved
        if ANYWHERE in self.files:
            yield self.files[ANYWHERE].unsure
        if name is None or effect.path is None:
            yield from (one.unsure for one in self.files.values())
            return
        if name in self.files:
            yield self.files[name] if not effect.many else self.files[name].unsure
        if self._directories:
            end = len(name)
            while end > 0:
                if (above := name[:end] + "/") in self.files:
                    yield self.files[above].unsure
                end = name.rfind("/", 0, end)
            if "/" in self.files:
                yield self.files["/"].unsure
        if effect.many:
            inside = name.rstrip("/") + "/"
            yield from (
                one if effect.glob is None else one.unsure for at, one in self.files.items() if at.startswith(inside)
            )

    def written(self, effects: Iterable[Effect], carries: Carried, call_id: str) -> Carrying:
        """The files while a call is under way that writes something that carries."""
        if not carries:
            return self
        found = dict(self.files)
        for effect in effects:
            if not isinstance(effect, FileEffect) or effect.action != "fs.write":
                continue
            name = effect.resolved or ANYWHERE
            several = effect.many and effect.resolved is not None
            new = carries.unsure if effect.possible or several else carries
            for one in (name.rstrip("/") + "/", name) if several else (name,):
                before = found.get(one, NOTHING)
                writers = before.writers | {call_id} if len(before.writers) < MOST_WRITERS else MANY
                found[one] = evolve(both(before, new), last=call_id, writers=writers)
        return Carrying(found)

    def last(self, name: str) -> str:
        """The call that was let go last of those that wrote what a file carries; no call's where some are under way."""
        found = self.files.get(name, NOTHING)
        return "*" if found.writers else found.last

    def ended(self, call_id: str) -> Carrying:
        """The files once a call has ended that wrote into some."""
        if not any(call_id in one.writers for one in self.files.values()):
            return self
        return Carrying({name: evolve(one, writers=one.writers - {call_id}) for name, one in self.files.items()})

    def without(self, names: Mapping[str, str]) -> Carrying:
        """The files without some that are gone, or clean, each with the call that wrote into it last before that.

        One that another call wrote into meanwhile, or still writes into, may carry what that one wrote.
        """
        gone = {
            name
            for name, last in names.items()
            if name in self.files and self.files[name].last == last and not self.files[name].writers
        }
        return Carrying({name: one for name, one in self.files.items() if name not in gone}) if gone else self


def both(one: Carried, other: Carried) -> Carried:
    """What two together carry."""
    marks = {name: one.marks.get(name, False) or other.marks.get(name, False) for name in {**one.marks, **other.marks}}
    return Carried(marks, one.origins | other.origins)
