"""What one text or result holds: its words and identifiers as fingerprints."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from operator import add
from typing import Final

from attrs import frozen

from agentpolicy.engine.provenance.compounds import (
    accounts,
    compounds_in,
    digit_runs,
    is_host,
    owner,
    pieces,
    signs_in,
    tidy,
    unicode_host,
)
from agentpolicy.engine.provenance.encodings import SHORTEST_SEEN, decoded_runs
from agentpolicy.engine.provenance.fingerprints import Hasher, hasher, packed, unpacked
from agentpolicy.engine.provenance.normal import fold, likeness, squeezed, unescape, words_of
from agentpolicy.engine.provenance.quantities import dates_in, numbers_in, times_in, without_moments
from agentpolicy.engine.provenance.walk import texts_of

#: Characters that are read of one result. Past them the rest counts as not observed.
MOST_CHARACTERS: Final = 1_000_000
#: How deep encodings inside of encodings are read.
_MOST_DEPTH: Final = 2
#: How much longer than `MOST_CHARACTERS` a folded text may be, and how long one character becomes (Unicode 15, U+FDFA).
_MOST_GROWTH: Final = 2
_WIDEST: Final = 18

_HEAD: Final = struct.Struct("<?I")


@frozen
class Seen:
    """What one text holds, ready to be folded into `Sightings` and to be stored.

    ``fingerprints`` are of what anybody would call the same text. ``likenesses`` are of what may come from it all the
    same: other letters that look alike, what base64 and hex say, names written in one. They count towards untrusted
    only. ``partial``: the text was too long or could not be read to its end.
    """

    fingerprints: bytes = b""
    likenesses: bytes = b""
    partial: bool = False

    def without(self, other: Seen) -> Seen:
        """What is left without what another holds: a result without the echo of its call's arguments."""
        if not other.fingerprints and not other.likenesses:
            return self
        echoed = {*unpacked(other.fingerprints), *unpacked(other.likenesses)}
        return Seen(
            packed(one for one in unpacked(self.fingerprints) if one not in echoed),
            packed(one for one in unpacked(self.likenesses) if one not in echoed),
            self.partial,
        )

    def pack(self) -> bytes:
        """The bytes that `unpack` reads."""
        return _HEAD.pack(self.partial, len(self.fingerprints)) + self.fingerprints + self.likenesses

    @classmethod
    def unpack(cls, raw: bytes) -> Seen:
        """What `pack` wrote.

        Raises:
            ValueError: the bytes are something else.
        """
        if len(raw) < _HEAD.size:
            raise ValueError("a stored sighting is too short")
        partial, length = _HEAD.unpack_from(raw)
        first, second = raw[_HEAD.size : _HEAD.size + length], raw[_HEAD.size + length :]
        if len(first) != length or length % 8 or len(second) % 8:
            raise ValueError("a stored sighting is cut short")
        return cls(first, second, partial)


def seen_in(value: object, *, key: bytes) -> Seen:
    """What a result, a message or any other value holds.

    Text counts, bytes (read leniently), numbers, the texts of errors, and everything that lists, maps and objects hold,
    keys and names of fields too. The work is linear in the size; what is past `MOST_CHARACTERS` or cannot be read makes
    the answer ``partial``.
    """
    texts, partial = texts_of(value, MOST_CHARACTERS)
    forms: set[str] = set()
    alike: set[str] = set()
    text = "\n".join(texts)
    if not text.isascii() and len(fold(text)) > _MOST_GROWTH * MOST_CHARACTERS:
        # A few characters stand for many under NFKC, none of which is in everyday use.
        text, partial = text[: MOST_CHARACTERS // _WIDEST], True
    _collect(text, forms, alike, 0)
    alike -= forms
    hashes = hasher(key)
    return Seen(_hashed(hashes, forms), _hashed(hashes, alike), partial)


def _hashed(hashes: Hasher, forms: Iterable[str]) -> bytes:
    return hashes.all_of(forms) if forms else b""


def _collect(text: str, forms: set[str], alike: set[str], depth: int) -> None:
    _forms(fold(text), forms, alike)
    plain = unescape(text)
    if plain != text:
        _forms(fold(plain), forms, alike)
    if not text.isascii() or not plain.isascii():
        _forms(likeness(plain), alike, alike)
    if depth < _MOST_DEPTH:
        # What consecutive runs say is read as one text: encoders break long output into lines.
        said = "".join([said for _, said in decoded_runs(plain, SHORTEST_SEEN)])
        if said:
            _collect(said, alike, alike, depth + 1)


def _forms(folded: str, forms: set[str], alike: set[str]) -> None:
    words = words_of(folded)
    forms.update(words)
    # Two words that follow each other count joined, so that a name is found however it is spaced.
    pairs = list(map(add, words, words[1:]))
    forms.update(pairs)
    alike.update(map(add, pairs, words[2:]))
    for compound in compounds_in(folded):
        _compound(compound, forms, alike)
    forms.update(signs_in(folded))
    if any(map(folded.__contains__, "0123456789")):
        rest, moments = without_moments(folded)
        if moments:
            # The 13 of June 13 vouches for no number 13 elsewhere.
            figures = {word for word in words_of(moments) if word.isdecimal()}.difference(words_of(rest))
            forms -= figures
            alike |= figures
        _quantities(folded, forms)


def _compound(compound: str, forms: set[str], alike: set[str]) -> None:
    forms.add(tidy(compound))
    alike.add(squeezed(compound))
    for piece in pieces(compound):
        forms.add(piece)
        if "." in piece and is_host(piece):
            host = owner(piece)
            forms.add(host)
            alike.add(squeezed(host))
            if "xn--" in piece:
                read = unicode_host(piece)
                alike.update((read, owner(read)))
        if piece != compound:
            alike.add(squeezed(piece))


def _quantities(folded: str, forms: set[str]) -> None:
    forms.update(digit_runs(folded))
    forms.update(accounts(folded))
    forms.update(numbers_in(folded))
    forms.update(times_in(folded))
    for full, short in dates_in(folded):
        if full is not None:
            forms.add(full)
        forms.add(short)
