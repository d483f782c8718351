"""Shell text that is a plain list of words; everything else is opaque."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agentpolicy.effects.effect import Effect, ExecEffect
from agentpolicy.effects.programs import ELEVATING, RESERVED, known_as, opens
from agentpolicy.effects.recent import Recent
from agentpolicy.effects.text import misleading, visible

#: Longest shell text that is read, in characters.
LONGEST_TEXT = 1_000_000
#: Longest text that is remembered, in characters.
_REMEMBERED = 2048

#: What a text alone says: its words with ``~`` unexpanded marked by None, or why it is opaque.
Words = tuple[str, ...]

# Characters that mean themselves wherever they stand in a word, in sh, bash and zsh.
_PLAIN = re.compile(r"[A-Za-z0-9_./@%+,\- ]+").fullmatch
_PIECE = re.compile(r"""([A-Za-z0-9_./@%+,\-:^=~\]#]+|[^\x00-\x7f]+)|'([^']*)'|"([^"$`\\!]*)"|\\([ -/:-@\[-`{-~])""")
_BLANKS = " \t"
_TILDE_AFTER = re.compile("[=:]~").search
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=").match

_MEANING = {
    "|": "joins commands, which is not read yet",
    "&": "joins commands or puts one into the background, which is not read yet",
    ";": "joins commands, which is not read yet",
    "<": "redirects input, which is not read yet",
    ">": "redirects output, which is not read yet",
    "(": "starts a subshell, which is not read yet",
    ")": "ends a subshell, which is not read yet",
    "$": "expands a variable or a command, which is not read yet",
    "`": "runs a command inside this one, which is not read yet",
    "*": "stands for file names, which is not read yet",
    "?": "stands for file names, which is not read yet",
    "[": "stands for file names, which is not read yet",
    "{": "stands for several words, which is not read yet",
    "}": "stands for several words, which is not read yet",
    "!": "negates a command or recalls an earlier one, which is not read yet",
    "\n": "starts another command, which is not read yet",
}


def read_shell(text: str, *, cwd: str | None, home: str, env: Mapping[str, str] | None = None) -> list[Effect]:
    """The effects of running shell text: one command where the text is a plain list of words, else one opaque command.

    Plain means: words between blanks, single quotes, double quotes around nothing that expands, a backslash before
    ASCII punctuation or a blank, ``~`` and ``~/x`` for ``home``. What is accepted reads the same in sh, bash and zsh
    (POSIX.1-2017, Shell Command Language, 2.2 and 2.6). Time is linear in the length of the text.
    """
    words = _remembered(text)
    if isinstance(words, str):
        return [ExecEffect(None, cwd=cwd, env=dict(env) if env else None, why=words)]
    if "~" in text:
        words = tuple([_at_home(word, home) for word in words])
    return [_command(words, cwd, env)]


def exec_effect(
    target: str | Sequence[str], *, cwd: str | None, home: str, env: Mapping[str, str] | None = None
) -> list[Effect]:
    """The effects of an ``exec`` target: text is shell text, a sequence is the words of one command."""
    if isinstance(target, str):
        return read_shell(target, cwd=cwd, home=home, env=env)
    argv = tuple(target)
    if not argv or not argv[0]:
        return [ExecEffect(None, cwd=cwd, env=dict(env) if env else None, why="the command is empty")]
    for word in argv:
        if "\0" in word:
            return [ExecEffect(None, cwd=cwd, env=dict(env) if env else None, why="a word holds a NUL character")]
    if sum(map(len, argv)) > LONGEST_TEXT:
        return [ExecEffect(None, cwd=cwd, env=dict(env) if env else None, why=_TOO_LONG)]
    return [_command(argv, cwd, env)]


_TOO_LONG = f"the command is longer than {LONGEST_TEXT} characters"


def _command(argv: Words, cwd: str | None, env: Mapping[str, str] | None) -> ExecEffect:
    program = argv[0]
    if not (program.isascii() and program.isprintable()):
        why: str | None = f"the program `{visible(program)}` has a name with unusual characters"
    else:
        why = opens(argv)
    elevated = why is not None and not ELEVATING.isdisjoint(known_as(program))
    return ExecEffect(argv, cwd=cwd, env=dict(env) if env else None, elevated=elevated, opaque=why is not None, why=why)


# --- words ----------------------------------------------------------------------

# A word whose unquoted `~` stands for the home directory begins with this; no accepted text can hold a NUL.
_HOME = "\0~"


def _at_home(word: str, home: str) -> str:
    if not word.startswith(_HOME):
        return word
    rest = word[len(_HOME) :]
    return home.rstrip("/") + rest if rest else home


_known: Recent[Words | str] = Recent(2048)


def _remembered(text: str) -> Words | str:
    found = _known.get(text)
    if found is None:
        found = split_words(text)
        if len(text) <= _REMEMBERED:
            _known.keep(text, found)
    return found


def split_words(text: str) -> Words | str:
    """The words of a plain command, or why the text is not one."""
    if _PLAIN(text) is not None and len(text) <= LONGEST_TEXT:
        words = tuple(text.split())
    else:
        read = _read(text)
        if isinstance(read, str):
            return read
        words = read
    if not words or not words[0]:
        return "the command is empty"
    program = words[0]
    if program[0] == "%":
        return f"`{visible(program)}` names a job of the shell, which is not read yet"
    if program in RESERVED:
        return f"`{program}` is a word of the shell's own grammar, which is not read yet"
    return words


def _read(text: str) -> Words | str:
    if len(text) > LONGEST_TEXT:
        return f"the text is longer than {LONGEST_TEXT} characters"
    text = text.strip(" \t\n")
    odd = misleading(text.replace("\t", " ").replace("\n", " "))
    if odd is not None:
        return f"the text holds {odd}"
    words: list[str] = []
    at = 0
    end = len(text)
    while at < end:
        if text[at] in _BLANKS:
            at += 1
            continue
        start = at
        parts: list[str] = []
        while at < end and text[at] not in _BLANKS:
            piece = _PIECE.match(text, at)
            if piece is None:
                return _refused(text, at)
            bare, single, double, escaped = piece.groups()
            if bare is not None:
                why = _bare(bare, at == start, piece.end() == end or text[piece.end()] in _BLANKS, bool(words))
                if why is not None:
                    return why
                if at == start and bare[0] == "~":
                    bare = "\0" + bare
                parts.append(bare)
            elif single is not None or double is not None:
                quoted = single if single is not None else double
                if "\n" in quoted:
                    return "a line break inside quotes is not read yet"
                parts.append(quoted)
            else:
                parts.append(escaped)
            at = piece.end()
        words.append("".join(parts))
    return tuple(words)


def _bare(bare: str, begins: bool, ends: bool, later: bool) -> str | None:
    """Why an unquoted piece of a word does not mean itself. ``later``: it is not in the program's place."""
    if begins:
        first = bare[0]
        if first == "#":
            return "`#` starts a comment, which is not read yet"
        if first == "=":
            return "`=` in front of a name stands for a program's path in zsh, which is not read yet"
        if first == "^" and not later:
            return "`^` in front of a command recalls an earlier one, which is not read yet"
        if first == "~" and not (bare.startswith("~/") or (len(bare) == 1 and ends)):
            return f"`{bare}` stands for a directory that is not known"
        if not later and _ASSIGNMENT(bare) is not None:
            return f"`{bare}` sets a variable in front of a command, which is not read yet"
    if _TILDE_AFTER(bare) is not None:
        return f"`{bare}` may stand for a home directory"
    return None


def _refused(text: str, at: int) -> str:
    """What the character at ``at`` would do, for a person."""
    found = text[at]
    if found == "'":
        return "`'` opens a quotation that never ends"
    if found == '"':
        closing = text.find('"', at + 1)
        inside = text[at + 1 :] if closing < 0 else text[at + 1 : closing]
        active = next((one for one in inside if one in "$`\\!"), None)
        if active is not None:
            meaning = _MEANING.get(active, "escapes a character, which is not read there yet")
            return f"`{active}` inside double quotes {meaning}"
        return '`"` opens a quotation that never ends'
    if found == "\\":
        return "`\\` in front of this character is not read yet" if at + 1 < len(text) else "`\\` ends the text"
    if found == "\n":
        return "a line break starts another command, which is not read yet"
    return f"`{found}` {_MEANING[found]}"
