"""One identifier: what it is, as what it is looked for, and what it is made of."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from agentpolicy.engine.provenance.fingerprints import hasher

Kind = Literal["account", "amount", "compound", "date", "host", "key", "name", "passage", "time"]
#: Forms that all have to be seen under one origin.
Forms = tuple[str, ...]


@frozen
class Identifier:
    """One thing inside of a value that names something.

    ``text`` is it as compared, ``form`` what an approval of it is kept under. It was seen whole under an origin if all
    forms of one of ``wholes`` were; ``likes`` are further such lists that count towards untrusted only. One that was
    never seen whole is judged by its ``parts``; ``assembled`` says whether parts of the user's make it the user's.
    A ``common`` part tells nothing unless somebody vouches for it.
    """

    kind: Kind
    text: str
    form: str
    wholes: tuple[Forms, ...]
    likes: tuple[Forms, ...] = ()
    parts: tuple[Identifier, ...] = field(default=(), repr=False)
    assembled: bool = True
    common: bool = False

    def fingerprints(self, key: bytes) -> list[int]:
        """The fingerprints by which it is known whole: the one of its form first."""
        hashes = hasher(key)
        forms = dict.fromkeys((self.form, *(one[0] for one in self.wholes if len(one) == 1)))
        return [hashes.of(one) for one in forms]
