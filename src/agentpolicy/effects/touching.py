"""Words that name files, and the operands of programs that nobody knows, as acts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from agentpolicy.effects.acts import Context, Touch
from agentpolicy.effects.names import absolute_value
from agentpolicy.effects.remotes import looks_like_address, remote_address
from agentpolicy.effects.urls import address_effect
from agentpolicy.effects.values import Loose, Value

#: Names that are no files: inherited descriptors, and what is thrown away.
NOTHING: Final = frozenset({"/dev/null", "/dev/stdin", "/dev/stdout", "/dev/stderr"})
#: Most operands of an unknown program that are looked at.
MOST_OPERANDS: Final = 2000
_DESCRIPTOR = re.compile(r"/dev/fd/[0-9]+|/proc/self/fd/[0-2]").fullmatch
_ACTIVE = re.compile(r"[*?\[]").search


def is_nothing(name: str) -> bool:
    """Whether a name stands for an inherited descriptor or for what is thrown away."""
    return name in NOTHING or _DESCRIPTOR(name) is not None


def possible_operands(words: Sequence[Value], context: Context) -> None:
    """What an unknown program may do with its operands."""
    if len(words) > MOST_OPERANDS:
        context.unknown(f"a program that nobody knows has more than {MOST_OPERANDS} operands")
        words = words[:MOST_OPERANDS]
    for word in words:
        if isinstance(word, str):
            texts = [word.rpartition("=")[2]] if word[:1] == "-" and "=" in word else [] if word[:1] == "-" else [word]
            if word[:1] != "-" and "=" in word:
                texts.append(word.partition("=")[2])
        else:
            texts = []
            if word.glob is not None and "/" in word.glob and not context.place.away:
                for action in ("fs.read", "fs.write", "fs.delete"):
                    touch(action, word, context, possible=True)
        for text in texts:
            if not text:
                continue
            if looks_like_address(text):
                address = remote_address(text)
                if address is not None:
                    effect = address_effect("net.connect", address)
                    effect.possible = True
                    context.reach(effect)
                    continue
            if context.place.away or text == "-" or is_nothing(text) or not _like_a_path(text):
                continue
            for action in ("fs.read", "fs.write", "fs.delete"):
                touch(action, text, context, possible=True)


def _like_a_path(text: str) -> bool:
    return len(text) <= 4096 and "\n" not in text and (
        "/" in text or text[0] in ".~" or ("." in text[1:-1] and " " not in text) or text.lower().startswith("file:")
    )  # fmt: skip


def touch(
    action: str,
    word: Value,
    context: Context,
    *,
    many: bool = False,
    into: tuple[str, ...] = (),
    leads: tuple[str, ...] = (),
    hidden: bool = True,
    possible: bool = False,
) -> None:
    """Add a file that is touched; nothing where the word names no file."""
    if isinstance(word, str):
        if word == "-" or is_nothing(word):
            return
        if not word:
            return  # no file has an empty name
    place = context.place
    if place.away:
        return
    if isinstance(word, Loose) and word.below and not word.loosely and not _ACTIVE(word.head):
        word, many = word.head or "/", True
    if isinstance(word, Loose) and word.loosely and action != "fs.read":
        word = Loose("names that are read from a pipe may hold blanks", many=True)
    name, glob, instead, why = absolute_value(word, place, context.home)
    context.acts.append(
        Touch(
            action,
            name,
            many=many or glob is not None or (isinstance(word, Loose) and word.many),
            glob=glob,
            instead=instead,
            into=into,
            leads=leads,
            hidden=hidden and (glob is None or "**" in glob),
            possible=possible,
            implied=context.implied,
            why=why,
        )
    )
