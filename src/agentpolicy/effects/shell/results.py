"""What the status of shell text says of the commands in it, in whichever shell reads it.

``a && b`` succeeds only if both did, ``a; b`` and ``a | b`` tell of ``b`` alone, ``a || true`` of nothing. Nothing is
proven of a command that may never have been reached, or whose status does not count: one in the background, behind
``!``, in an ``if``, a loop, a ``case`` or a substitution. Of a text that can change what becomes of its own status
(``exit``, a trap, a function, an alias, text from elsewhere), nothing is known at all.

Shells that stop at the first failure (``set -e``) or count every part of a pipe (``pipefail``) only fail more often.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from agentpolicy.effects.shell.syntax import (
    Case,
    Chain,
    Function,
    Group,
    If,
    Loop,
    Node,
    Pipeline,
    Sequence,
    Simple,
    Word,
)

#: Builtins of any shell that may end the text, change what its status is, or change what its other words mean.
_DECIDING: Final = frozenset(
    """exit return logout bye trap eval source . alias unalias hash enable disable shopt setopt unsetopt emulate
    autoload functions typeset declare local zmodload sched mapfile readarray complete compgen compopt fc history hist
    login newgrp bind coproc""".split()
)
#: Words in front of a command that is a builtin or a program.
_PREFIXES: Final = frozenset({"command", "builtin", "noglob", "nocorrect", "-"})
#: Builtins that do such things only under an option.
_NAMING: Final = frozenset({"export", "readonly"})
#: All builtins that are looked at.
_WATCHED: Final = _DECIDING | _PREFIXES | _NAMING | {"exec", "set"}
#: Arrays through which a shell finds what words mean.
_MEANINGS: Final = frozenset(
    """BASH_CMDS BASH_ALIASES commands functions dis_functions aliases dis_aliases galiases saliases builtins
    dis_builtins options zshexit_functions""".split()
)
#: What `set` may be given: under these settings a text only fails more often.
_STRICTER: Final = frozenset({"pipefail", "errexit", "nounset", "xtrace", "verbose"})
#: Variables that say what a shell runs before its text, or how it runs that.
_STEERING: Final = frozenset({"BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "BASH_COMPAT", "ZDOTDIR", "FPATH"})
_STEERING_HEADS: Final = ("BASH_FUNC_", "LD_", "DYLD_")


def steered(env: Mapping[str, str | None]) -> bool:
    """Whether variables may change what becomes of a shell that starts under them."""
    return bool(env) and any(
        name in _STEERING or name.startswith(_STEERING_HEADS) or (name == "PATH" and value is None)
        for name, value in env.items()
    )


def proven(text: Sequence) -> tuple[frozenset[Node], Node | None]:
    """The commands that ran and succeeded if a text's status is 0, and the command whose status is the text's."""
    last = _last(text)
    for node in _nodes(text):
        if not _settled(node, node is last):
            return frozenset(), None
    found = _of_sequence(text)
    only = _only(text)
    return frozenset(found), only if only in found else None


# --- what must be so -------------------------------------------------------------------


def _of_sequence(text: Sequence) -> list[Node]:
    if not text.items:
        return []
    node, background = text.items[-1]
    return [] if background else _of_list(node)


def _of_list(node: Node) -> list[Node]:
    """What must be so where commands joined by ``&&`` and ``||`` succeed."""
    steps = [("&&", node.first), *node.rest] if isinstance(node, Chain) else [("&&", node)]
    found: list[Node] = []
    for operator, one in steps:
        parted = _parted(one)
        if parted or operator == "||":
            found = []
        if not parted and operator == "&&":
            found += _of_command(one)
    return found


def _of_command(node: Node) -> list[Node]:
    if node.negated:
        return []
    if isinstance(node, Pipeline):
        last = node.parts[-1]
        # bash does not wait for a redirection without a command at the end of a pipe
        return [] if isinstance(last, Simple) and not last.words else _of_command(last)
    if isinstance(node, Group):
        return [node, *_of_sequence(node.body)]
    return [node]  # of a compound command, only that it ran: what it redirects is opened


def _parted(node: Node) -> bool:
    """Whether ``&>`` stands here, at which a POSIX shell puts all in front of it into the background."""
    if isinstance(node, Pipeline):
        return any(map(_parted, node.parts))
    return bool(node.redirects) and any(redirect.operator[0] == "&" for redirect in node.redirects)


def _last(text: Sequence) -> Node | None:
    """The command that a text ends with."""
    node: Node = text
    while True:
        if isinstance(node, Sequence):
            if not node.items or node.items[-1][1]:
                return None
            node = node.items[-1][0]
        elif isinstance(node, Chain):
            node = node.rest[-1][1]
        elif isinstance(node, Pipeline):
            node = node.parts[-1]
        elif isinstance(node, Group):
            node = node.body
        else:
            return node


def _only(text: Sequence) -> Node | None:
    """The one command that a text consists of."""
    node: Node = text
    while True:
        if isinstance(node, Sequence):
            if len(node.items) != 1:
                return None
            node = node.items[0][0]
        elif isinstance(node, Group) and not node.negated:
            node = node.body
        else:
            return node if isinstance(node, Simple) else None


# --- what would make all that uncertain ---------------------------------------------------


def _nodes(text: Sequence) -> Iterator[Node]:
    """All commands of a text but those in substitutions, which have a shell of their own."""
    todo: list[Node | None] = [one for one, _ in text.items]
    while todo:
        node = todo.pop()
        if node is None:
            continue
        yield node
        if isinstance(node, Simple):
            continue
        if isinstance(node, Sequence):
            todo += [one for one, _ in node.items]
        elif isinstance(node, Chain):
            todo.append(node.first)
            todo += [one for _, one in node.rest]
        elif isinstance(node, Pipeline):
            todo.extend(node.parts)
        elif isinstance(node, Group):
            todo.append(node.body)
        elif isinstance(node, If):
            for condition, body in node.arms:
                todo += (condition, body)
            todo.append(node.other)
        elif isinstance(node, Loop):
            todo += (node.condition, node.body)
        elif isinstance(node, Case):
            todo.extend(body for _, body in node.arms)


def _settled(node: Node, last: bool) -> bool:
    """Whether a command leaves it at what the text's status says; ``last``: the text ends with it."""
    if isinstance(node, Function):
        return False
    if not isinstance(node, Simple):
        return True
    if node.assignments and any(name in _MEANINGS for name, _, _, _ in node.assignments):
        return False
    if not node.words:
        return True
    first = node.words[0]
    if isinstance(first, str) and first not in _WATCHED:
        return True
    words = iter(node.words)
    name: str | None = "-"
    while name is not None and (name in _PREFIXES or name[:1] == "-"):
        name = next(map(_program, words), "")
    if name == "exec":
        return last  # what stands behind it is not reached
    if name == "set":
        return all(map(_stricter, words))
    if name in _NAMING:
        return not any((_program(word) or "-")[:1] == "-" for word in words)
    return name is not None and name not in _DECIDING


def _stricter(word: Word) -> bool:
    """Whether a word of `set` is one that makes a text fail more often, or says nothing of it."""
    return isinstance(word, str) and (
        word in _STRICTER or (len(word) > 1 and word[0] in "-+" and set(word[1:]) <= set("euxvo"))
    )


def _program(word: Word) -> str | None:
    """The name that a command's first word has; None where it could be any, one with a slash where it is a file's."""
    if isinstance(word, str):
        return word
    text = ""
    for part in word:
        if part[0] in ("text", "quoted"):
            text += part[1]
        elif part[0] == "tilde" or (part[0] == "variable" and not part[2] and part[4] and part[1] not in "@*"):
            text += "?"  # some text, and nothing but one word
        else:
            return None
    return text if "/" in text or "?" not in text else None
