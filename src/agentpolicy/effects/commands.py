"""A command's words to what it does: runs, files, addresses, by what is known of its program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from agentpolicy.effects.acts import DEEPEST, MOST_ACTS, Act, Context, Place, Touch, disprove
from agentpolicy.effects.effect import ExecEffect, NetEffect
from agentpolicy.effects.names import directory_value
from agentpolicy.effects.passing import MAY_FAIL_ALONE, passes
from agentpolicy.effects.programs import SYSTEM, Entry, Form, program_entry
from agentpolicy.effects.recent import Recent
from agentpolicy.effects.roles import NETS, ROLES, destination, reach
from agentpolicy.effects.text import misleading_program, visible
from agentpolicy.effects.touching import possible_operands
from agentpolicy.effects.values import Loose, Value, behind, head_of, shown

#: Longest command that is remembered, in characters, and most acts of one.
_REMEMBERED: Final = 512
_MOST_REMEMBERED: Final = 32
# What commands do, by what success proves of them, the place, the home and the words.
# Effects among it are shared and not changed.
_seen: Recent[list[Act]] = Recent(2048)
_ASSIGNMENT = re.compile(r"[^=]+=").match
_METHODS: Final = frozenset({"get", "head", "post", "put", "patch", "delete", "options"})
#: Roles of what an interpreter is given to run, so that it does not read that from its input.
_GIVEN_CODE: Final = frozenset({"code", "shell", "script", "module"})
#: Roles that say how others are meant.
_EARLY: Final = frozenset({"dir", "chdir", "method", "placeholder", "split", "output-dir"})
#: Roles that take a word and all that follow.
_RESTS: Final = frozenset(
    {"package-command", "command-or-script", "command", "appended", "away-command", "away-shell", "words-shell"}
)


_PACKAGE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*").fullmatch
_VERSION = re.compile(r"[A-Za-z0-9._^~<>=*+-]*").fullmatch


def read_command(words: Sequence[Value], context: Context) -> None:
    """Add to the context what a command does: its own effect first, then files and addresses, then what it starts.

    A program that nobody knows is known to be unknown: its operands are possible effects. An option that the tables do
    not list makes the command opaque, unless they say that such options are harmless.
    """
    program = words[0]
    if context.depth > DEEPEST:
        context.unknown("commands start each other too deeply to be read")
        return
    if len(context.acts) > MOST_ACTS:
        if len(context.acts) == MOST_ACTS + 1:
            context.unknown(f"the text has more than {MOST_ACTS} effects")
        return
    if not isinstance(program, str):
        context.run(words, why=program.why if program.glob is None else "its name stands for file names", readonly=None)
        possible_operands(words[1:], context)
        return
    # What known words do depends on nothing but themselves and the place: commands return in ever new texts.
    key = ""
    place = context.place
    if place.path is not None and not (
        context.depth or context.env or context.elevated or place.away or context.piped is not None
    ):
        proven = "sole" if context.sole else "implied" if context.implied else ""
        try:
            key = "\0".join((proven, place.key, context.home, *words))  # type: ignore[arg-type]
        except TypeError:  # a word that is not known
            key = ""
        known = _seen.get(key) if key else None
        if known is not None:
            context.acts.extend(known)
            return
    before = len(context.acts)
    _read_known(program, words, context)
    if 0 < len(key) <= _REMEMBERED and len(context.acts) - before <= _MOST_REMEMBERED:
        _seen.keep(key, context.acts[before:])


def _read_known(program: str, words: Sequence[Value], context: Context) -> None:
    odd = misleading_program(program)
    entry = program_entry(program) if program else None
    if program.startswith(("/proc/", "/dev/")):
        odd, entry = f"`{visible(program)}` is not a program of its own", None
    if not program or odd is not None or entry is None:
        why = odd if odd is not None else None if program else "the command is empty"
        context.run(words, why=why, readonly=None)
        possible_operands(words[1:], context)
        return
    Command(words, context, entry).read()


class Command:
    """One command being read: its words, what is known of its program, and what its words come to."""

    def __init__(self, words: Sequence[Value], context: Context, entry: Entry) -> None:
        self.words = words
        self.outer = context
        self.context = context
        self.entry = entry
        self.given: set[str] = set()
        self.uses: list[tuple[Entry, str, str, Value]] = []  # options given a value: by whom, which, role, value
        self.placeholder = ""  # what stands for words that are read later
        self.operands: list[Value] = []
        self.tail: list[Value] = []  # the command that this one starts
        self.tail_role = ""
        self.why: str | None = None
        self.unsure = False  # an option may hide in a word that is not known
        self.method: str | None = None
        self.assigned: dict[str, str | None] = {}
        self.output: Value = ""  # the directory for what is saved
        self.exposed: list[Value] = []  # what links that are made lead to

    def read(self) -> None:
        """Read the command: its own effect, then what its words do."""
        program = self.words[0]
        assert isinstance(program, str)
        entry = self.entry
        special = None
        if entry.special is not None:
            special = specials().get(entry.special)
            if special is None:
                self.why = f"`{visible(program)}` is not read"
        first = 1
        if special is None:
            first = self._parse(entry, 1)
            while self.entry.subcommands:
                first = self._subcommand(first)
                if first < 0:
                    break
        form = self.entry.form_under(self.given)
        if form.opaque and self.why is None:
            self.why = f"`{visible(program)}` {form.opaque}"
        effect = self.outer.run(self.words, why=self.why)
        if effect.more and not self.entry.open:
            self.unsure = True
        if effect.opaque and self.why is None:
            # A word is not known; what the others say still counts.
            self.why = effect.why
        before = len(self.outer.acts)
        if special is not None:
            special(self)
        else:
            self._apply(form)
        self._judge(effect, form, program, before)

    def _judge(self, effect: ExecEffect, form: Form, program: str, before: int) -> None:
        """Say of the command's own effect what only its words together tell."""
        if self.why is not None and not effect.opaque:
            effect.opaque = effect.unsettled = True
            effect.why = self.why
            effect.implied = effect.sole = False
        if effect.opaque and self.outer.implied:
            disprove(self.outer.acts, before)
        own = _own(program)
        quiet = form.readonly and own and not self.tail_role and all(_quiet(act) for act in self.outer.acts[before:])
        spoiled = effect.opaque and not (self.entry.open and None in (effect.argv or ()) and self.why == effect.why)
        effect.readonly = False if not quiet else None if spoiled or self.unsure else True
        if self.tail_role or self.entry.elevates:
            # A program of a wrapper's name in another place is nobody's wrapper: it is judged itself.
            effect.wrapper = bool(self.tail_role) and own and not effect.opaque
            effect.elevated = effect.elevated or self.entry.elevates
            effect.guarded = effect.guarded or self.entry.elevates
            effect.unsettled = True
        if not own:
            # a program of the same name in another place may do anything
            possible_operands(list(self.words[1:]), self.outer)

    # --- what readers of programs with a language of their own use -----------------------

    def use(self, role: str, word: Value) -> None:
        """What a word in a role does."""
        self._use(role, word, False)

    def opaque(self, why: str) -> None:
        """Say that nobody knows what the command does."""
        self.why = self.why or why

    def start(self, words: Sequence[Value], place: Place | None = None) -> None:
        """Read a command that this one starts."""
        self.tail_role = "done"
        inner = self.context.inside(env=self.environment(), elevated=self.elevated(), place=place)
        if words:
            read_command(words, inner)
        else:
            inner.unknown("the command that is started is missing")

    def parsed(self, entry: Entry) -> tuple[list[tuple[str, Value]], list[Value]]:
        """Options with their roles and operands, read as another entry says."""
        self.entry = entry
        self._parse(entry, 1)
        return [(role, word) for _, _, role, word in self.uses], self.operands

    def handed(self, before: Sequence[Value]) -> tuple[bool, bool]:
        """What is ``implied`` and ``sole`` of the one command that this one starts; ``before`` are its own words."""
        outer = self.outer
        program = self.words[0]
        if not outer.implied or self.why is not None or not all(isinstance(word, str) for word in before):
            return False, False
        assert isinstance(program, str)
        name = program.rpartition("/")[2]
        if self.entry.parent is not None:
            name += self.entry.name[self.entry.name.index(" ") :]
        settings = [word for _, option, _, word in self.uses if option == "-o"]
        if not _own(program) or not passes(name, self.given, settings):
            return False, False
        return True, outer.sole and name not in MAY_FAIL_ALONE

    # --- options -------------------------------------------------------------------------

    def _parse(self, entry: Entry, first: int) -> int:
        """Take options and operands from a word on; the place of the first operand, where only that was asked for."""
        words = self.words
        style = entry.style
        roles = entry.form.operands
        # where a command begins that this one starts: its options are its own
        rest = next((place for place, role in enumerate(roles) if role in _RESTS), len(words))
        if roles[:1] == ("assign*",):
            rest = 0
        at = first
        if style == "words":
            self.operands.extend(words[at:])
            return len(words)
        if style == "tar" and at < len(words):
            at = self._bundled(entry, at)
        ended = False
        while at < len(words):
            word = words[at]
            head = head_of(word)
            if entry.plus and not ended and head[:1] == "+" and len(head) > 1:
                self._given("-+", entry.plus, behind(word, 1))
                at += 1
                continue
            if word == "-" and not ended and "-" in entry.flags:
                self.given.add("-")
                at += 1
                continue
            if ended or head[:1] != "-" or head == "-":
                if not ended and not isinstance(word, str) and not head:
                    # it may turn out to be an option
                    self.unsure = self.unsure or not entry.open
                if entry.subcommands:
                    return at
                assigns = roles[:1] == ("assign*",) and isinstance(word, str) and _ASSIGNMENT(word) is not None
                if not assigns and (style == "posix" or len(self.operands) >= rest):
                    self.operands.extend(words[at:])
                    return len(words)
                if style == "keys":
                    self._key(entry, word)
                else:
                    self.operands.append(word)
                at += 1
                continue
            if word == "--":
                ended = True
                at += 1
                if entry.subcommands:
                    return at
                continue
            at = self._option(entry, at)
        return at

    def _bundled(self, entry: Entry, at: int) -> int:
        """The first word of an old style command, options without a dash."""
        word = self.words[at]
        if not isinstance(word, str) or not word or word[0] == "-" or not word.isalpha():
            return at
        at += 1
        for letter in word:
            option = "-" + letter
            role = entry.values.get(option)
            if role is None:
                self._flag(entry, option)
            elif at < len(self.words) and not role.endswith("?"):
                self._given(option, role, self.words[at])
                at += 1
        return at

    def _option(self, entry: Entry, at: int) -> int:
        """Take the option at a place, with its value; the place behind."""
        word = self.words[at]
        head = head_of(word)
        name, equals, _ = head.partition("=")
        if head[:2] == "--" or entry.style == "single":
            if not isinstance(word, str) and not equals:
                self._unlisted(entry, word)
                return at + 1
            names = entry.spelled(name)
            if not names and entry.style == "single" and head[:2] == "--":
                names = entry.spelled(name[1:])
            if names:
                return self._long(entry, names, word, bool(equals), at)
            if entry.style == "single" and head[:2] != "--" and name not in entry.flags:
                attached = next(
                    (one for one in (head[:2], head[:3]) if one in entry.values and len(head) > len(one)), ""
                )
                if attached:
                    self._given(attached, entry.values[attached], behind(word, len(attached)))
                    return at + 1
            self._unlisted(entry, word)
            return at + 1
        return self._short(entry, word, at)

    def _long(self, entry: Entry, names: list[str], word: Value, attached: bool, at: int) -> int:
        valued = [one for one in names if one in entry.values]
        for one in names:
            if one not in entry.values:
                self.given.add(one)
        if len(names) > 1 and len({entry.values.get(one, "") for one in names}) > 1 and not entry.open:
            self.why = self.why or f"`{visible(shown(word) or '')}` shortens more than one option"
        if attached:
            value = behind(word, head_of(word).index("=") + 1)
            for one in valued:
                self._given(one, entry.values[one], value)
            if not valued and not entry.open:
                self._unlisted(entry, word)
            return at + 1
        takes = [one for one in valued if not entry.values[one].endswith("?")]
        for one in valued:
            if one not in takes:
                self.given.add(one)
        if takes and at + 1 < len(self.words):
            for one in takes:
                self._given(one, entry.values[one], self.words[at + 1])
            return at + 2
        if takes:
            self.given.update(takes)
        return at + 1

    def _short(self, entry: Entry, word: Value, at: int) -> int:
        """Joined one-letter options, the last of which may take the rest of the word or the next one."""
        head = head_of(word)
        whole = head if isinstance(word, str) else ""
        if whole and whole in entry.flags:
            self.given.add(whole)
            return at + 1
        if whole and whole in entry.values and len(whole) > 2:
            if not entry.values[whole].endswith("?") and at + 1 < len(self.words):
                self._given(whole, entry.values[whole], self.words[at + 1])
                return at + 2
            self.given.add(whole)
            return at + 1
        named = head.partition("=")[0]
        if len(named) > 2 and "=" in head and named in entry.values:
            self._given(named, entry.values[named], behind(word, len(named) + 1))
            return at + 1
        for index in range(1, len(head)):
            option = "-" + head[index]
            role = entry.values.get(option)
            if role is None:
                self._flag(entry, option)
                continue
            if index + 1 < len(head) or (not isinstance(word, str)):
                self._given(option, role, behind(word, index + 1))
                return at + 1
            if role.endswith("?"):
                self.given.add(option)
                return at + 1
            if at + 1 < len(self.words):
                self._given(option, role, self.words[at + 1])
                return at + 2
            self.given.add(option)
            return at + 1
        if not isinstance(word, str):
            self._unlisted(entry, word)
        return at + 1

    def _flag(self, entry: Entry, option: str) -> None:
        self.given.add(option)
        if option not in entry.flags and not entry.open and not (option[1:].isdigit() and "-0" in entry.flags):
            self.why = self.why or f"nothing is known of the option `{visible(option)}` of `{entry.name}`"

    def _given(self, option: str, role: str, value: Value) -> None:
        self.given.add(option)
        self.uses.append((self.entry, option, role.removesuffix("?"), value))

    def _unlisted(self, entry: Entry, word: Value) -> None:
        text = shown(word)
        self.given.add((text or head_of(word)).partition("=")[0])
        if not entry.open:
            self.why = (
                self.why or f"nothing is known of the option `{visible(text or head_of(word))}` of `{entry.name}`"
            )
        if isinstance(word, str) and "=" in word:
            possible_operands([word], self.context)

    def _key(self, entry: Entry, word: Value) -> None:
        name, equals, _ = head_of(word).partition("=")
        role = entry.keys.get(name) if equals else None
        if role is not None:
            self._given(name, role, behind(word, len(name) + 1))
        elif equals and (entry.open or name in entry.flags):
            self.given.add(name)
        else:
            self.operands.append(word)
            if not entry.open:
                self.why = self.why or f"nothing is known of `{visible(shown(word) or '')}` of `{entry.name}`"

    # --- subcommands ------------------------------------------------------------------------

    def _subcommand(self, at: int) -> int:
        """Go to the subcommand at a place; its first operand, -1 where there is none."""
        entry = self.entry
        if at >= len(self.words):
            return -1
        word = self.words[at]
        found = entry.subcommand(word) if isinstance(word, str) else None
        if found is None:
            if not isinstance(word, str):
                self.why = self.why or word.why
            elif entry.unknown != "plain" and not (entry.parent is not None and entry.form.operands):
                self.why = self.why or f"nothing is known of `{entry.name} {visible(word)}`"
            if entry.form.operands and entry.parent is not None:
                # operands and subcommands in one place: `docker image`, `git stash`
                self.operands.extend(self.words[at:])
            else:
                possible_operands(self.words[at + 1 :], self.context)
            return -1
        self.entry = found
        if found.special is not None:
            self.why = self.why or f"`{found.name}` is not read"
        return self._parse(found, at + 1)

    # --- what it comes to -----------------------------------------------------------------------

    def _apply(self, form: Form) -> None:
        uses = [
            (form.values.get(option, role).removesuffix("?") if entry is self.entry else role, word)
            for entry, option, role, word in self.uses
        ]
        for role, word in uses:
            if role == "dir":
                self._enter(word)
            elif role == "method":
                name = word.lower() if isinstance(word, str) else None
                self.method = name if name in _METHODS else "connect"
            elif role == "split":
                self.operands = [*_split(word), *self.operands]
            elif role == "output-dir":
                self.output = word
            elif role == "placeholder":
                self.placeholder = word if isinstance(word, str) and word else "{}"
        told = any(role in _GIVEN_CODE for role, _ in uses)
        if form.operands[:1] == ("script",) and not self.operands and not told:
            self.opaque(f"`{visible(head_of(self.words[0]))}` runs what it is given on its input")
        many = bool(self.entry.many & (self.given | {"*"}))
        operands = self._matched(form)
        dest = [word for role, word in operands if role == "dest"]
        sources = [word for role, word in operands if role in ("read", "move", "expose", "change")]
        for role, word in uses:
            if role == "dest":
                dest.append(word)
            elif role not in _EARLY:
                self._use(role, word, False)
        for role, word in uses:
            if role == "chdir":
                self._enter(word)
        for role, word in operands:
            if role != "dest":
                self._use(role, word, many)
        if self.exposed and not dest:
            dest = [self.exposed[0].rpartition("/")[2] or "." if isinstance(self.exposed[0], str) else "."]
        for word in dest:
            destination(self, word, sources, many)
        star = next((role.rstrip("*") for role in form.operands if role.endswith("*")), None)
        taken = star is None or any(role == star for role, _ in operands)
        for effect in form.does if taken else (*form.does, *form.bare):
            role, _, target = effect.partition(" ")
            self._use(role.removesuffix("-many"), target or ".", role.endswith("-many") or many)
        if self.tail_role:
            self._start()

    def _matched(self, form: Form) -> list[tuple[str, Value]]:
        """Operands with their roles: those in front of the starred role, those behind, the starred one the rest."""
        roles = list(form.operands)
        words = list(self.operands)
        found: list[tuple[str, Value]] = []
        if not roles:
            possible_operands(words, self.context)
            return found
        star = next((at for at, role in enumerate(roles) if role.endswith("*")), None)
        rest = next((at for at, role in enumerate(roles) if role in _RESTS), None)
        if rest is not None:
            for role in roles[:rest]:
                if role.endswith("*") and role.startswith("assign"):
                    while words and isinstance(words[0], str) and _ASSIGNMENT(words[0]) is not None:
                        found.append(("assign", words.pop(0)))
                elif words:
                    found.append((role.rstrip("?*"), words.pop(0)))
            if words:
                self.tail = words
                self.tail_role = roles[rest]
            return found
        if star is None:
            for role, word in zip(roles, words, strict=False):
                found.append((role.rstrip("?"), word))
            if len(words) > len(roles):
                possible_operands(words[len(roles) :], self.context)
            return found
        front, back = roles[:star], roles[star + 1 :]
        # A word that may be several moves what stands behind it: everything is then what any of them is.
        if any(isinstance(word, Loose) and word.many and word.glob is None for word in words):
            for word in words:
                found.extend((role.rstrip("?*"), word) for role in dict.fromkeys(roles) if role != "text")
            return found
        needed = len([role for role in back if not role.endswith("?")])
        while front and words and (not front[0].endswith("?") or len(words) > needed):
            found.append((front.pop(0).rstrip("?"), words.pop(0)))
        ends: list[tuple[str, Value]] = []
        while back and words and (not back[-1].endswith("?") or len(words) > 1):
            ends.append((back.pop().rstrip("?"), words.pop()))
        found.extend((roles[star].rstrip("*"), word) for word in words)
        return found + ends[::-1]

    def _enter(self, word: Value) -> None:
        place, why = directory_value(word, self.context.place, self.context.home)
        if why is not None:
            self.why = self.why or why
        self.context = self.context.inside(place=place, implied=self.outer.implied, sole=self.outer.sole)
        self.context.depth -= 1

    def _use(self, role: str, word: Value, many: bool) -> None:
        """What a word in a role does."""
        handler = ROLES.get(role)
        if handler is not None:
            handler(self, word, many)
        elif role in NETS:
            reach(self, NETS[role] if self.method is None else f"net.{self.method}", word)
        elif role == "dest":
            destination(self, word, [], many)
        elif role in _RESTS:
            self.tail, self.tail_role = [word, *self.tail], role
        elif role != "text":
            self.why = self.why or f"`{role}` is nothing that is known"

    def environment(self) -> dict[str, str | None]:
        """The variables that what it starts runs under."""
        return {**self.context.env, **self.assigned}

    def elevated(self) -> bool:
        """Whether what it starts has more rights."""
        return self.context.elevated or self.entry.elevates

    # --- what it starts --------------------------------------------------------------------

    def _start(self) -> None:
        role, words = self.tail_role, self.tail
        if role == "done":
            return
        if head_of(words[0])[:1] == "-":
            self.opaque(f"`{visible(shown(words[0]) or '')}` stands where a command should")
        away = role.startswith("away")
        implied, sole = self.handed(self.words[: len(self.words) - len(words)])
        inner = self.context.inside(
            place=Place(None, away=True) if away else None,
            env={} if away else self.environment(),
            elevated=False if away else self.elevated(),
            implied=implied,
            sole=sole,
        )
        if role in ("away-shell", "words-shell"):
            texts = [word for word in words if isinstance(word, str)]
            if len(texts) != len(words):
                inner.unknown("the command on the other side is not known")
                inner.run(words, readonly=None)
            else:
                inner.shell(" ".join(texts), inner)
            return
        if role == "appended":
            words = self._appended(words)
        first = words[0]
        if role == "package-command" and isinstance(first, str):
            name, _, version = first.partition("@")
            if not _PACKAGE(name) or not _VERSION(version):
                # a scope, an address or a path: whoever owns it chooses what runs, whatever its last part is called
                inner.run(words, why=f"`{visible(first[:80])}` is not the plain name of a package", readonly=None)
                possible_operands(words[1:], inner)
                return
            words = [name, *words[1:]]
        if role == "command-or-script" and isinstance(first, str) and first.endswith((".py", ".pyw")):
            self._use("script", first, False)
            return
        read_command(words, inner)

    def _appended(self, words: list[Value]) -> list[Value]:
        """The words of a command with those that xargs reads and puts behind them, or in a placeholder's place."""
        mark = self.placeholder or "{}"
        later: Value = Loose("words that are only read later", many=True, hidden=True)
        piped = self.outer.piped
        if isinstance(piped, Loose) and not self.given & {"-a", "--arg-file"}:
            exact = bool(self.given & {"-0", "--null"}) and piped.number
            later = Loose(
                piped.why,
                head=piped.head,
                glob=piped.glob,
                many=True,
                below=piped.below,
                hidden=True,
                loosely=not exact,
            )
        marked = [self._later(word, mark, later) for word in words]
        return marked if self.placeholder or marked != words else [*words, later]

    def _later(self, word: Value, mark: str, later: Value) -> Value:
        """A word in which something stands for what is only read later."""
        if not isinstance(word, str) or mark not in word or not isinstance(later, Loose):
            return word
        glob = None if later.glob is None else word.replace(mark, later.glob)
        return Loose(
            "words that are only read later", head=word.partition(mark)[0] + (later.head if glob else ""), glob=glob,
            written=word, loosely=later.loosely, below=later.below and word == mark,
        )  # fmt: skip


def _split(word: Value) -> list[Value]:
    """A text that env or the like splits into words itself."""
    if not isinstance(word, str) or any(one in word for one in "\\$#"):
        return [word if isinstance(word, Loose) else Loose("words that are split in a way of their own", many=True)]
    try:
        return list(shlex.split(word))
    except ValueError:
        return [Loose("words whose quotes do not close", many=True)]


def _own(program: str) -> bool:
    """Whether a program's name is the one by which it is known, and not that of another in some directory."""
    home = program.rpartition("/")[0]
    return not home or home in SYSTEM


def _quiet(act: object) -> bool:
    """Whether an act of a command leaves everything as it is."""
    if isinstance(act, Touch):
        return act.action == "fs.read" or act.possible
    if isinstance(act, NetEffect):
        return act.possible
    return False


Special = Callable[[Command], None]


def specials() -> Mapping[str, Special]:
    """The readers of programs with a language of their own, by the name that tables give them."""
    from agentpolicy.effects.specials import SPECIALS

    return SPECIALS
