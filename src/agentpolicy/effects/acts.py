"""What commands do, before files are looked up: commands run, addresses reached, files touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import TypeAlias

from agentpolicy.effects.effect import Effect, ExecEffect, NetEffect
from agentpolicy.effects.values import Loose, Value, shown

#: Most effects that one text may have; past them the text is opaque.
MOST_ACTS = 100_000
#: Deepest nesting of commands that start commands.
DEEPEST = 24


class Place:
    """The directory in which a command runs.

    ``path`` is absolute, None where not known; ``instead`` are other directories that it may be: pairs of a directory
    without which the change to ``path`` failed, and the directory then stayed in (an empty first one: always possible).
    ``away``: on another machine or in a container, whose files are not this machine's. ``before`` is the place that a
    change of directory left, where this one is its outcome.
    """

    __slots__ = ("away", "before", "instead", "key", "path")

    def __init__(
        self,
        path: str | None,
        instead: tuple[tuple[str, str], ...] = (),
        away: bool = False,
        before: Place | None = None,
    ) -> None:
        self.path = path
        self.instead = instead
        self.away = away
        self.before = before
        #: what tells places of one machine apart
        self.key = path or ""
        if instead:
            self.key += "".join([f"\1{need}\1{other}" for need, other in instead])

    def same(self, other: Place) -> bool:
        """Whether two places are one."""
        return self.path == other.path and self.instead == other.instead and self.away == other.away


class Touch:
    """A file that a command touches, by a name that is still to be resolved.

    ``hidden`` says whether names that begin with a dot are among many.
    ``name`` is absolute or None where it is not known; ``instead`` as of its place, whole names; ``into`` the names of
    what is put inside it where it is a directory; ``leads`` where a link that is made of it leads.
    ``implied`` says what it says of the command.
    """

    __slots__ = ("action", "glob", "hidden", "implied", "instead", "into", "leads", "many", "name", "possible", "why")

    def __init__(
        self,
        action: str,
        name: str | None,
        *,
        many: bool = False,
        glob: str | None = None,
        hidden: bool = True,
        instead: tuple[tuple[str, str], ...] = (),
        into: tuple[str, ...] = (),
        leads: tuple[str, ...] = (),
        possible: bool = False,
        implied: bool = False,
        why: str | None = None,
    ) -> None:
        self.action = action
        self.implied = implied and not possible and name is not None
        self.leads = leads
        self.name = name
        self.many = many
        self.glob = glob
        self.hidden = hidden
        self.instead = instead
        self.into = into
        self.possible = possible
        self.why = why


Act: TypeAlias = "Effect | Touch"


def of_command(effect: NetEffect, implied: bool) -> NetEffect:
    """The effect of a command on an address. Effects of addresses are shared with calls of other tools."""
    effect = copy(effect)
    effect.implied = implied and not (effect.possible or effect.opaque)
    effect.sole = False
    return effect


def disprove(acts: list[Act], first: int) -> None:
    """Say of what commands do, from a place on, that the call's status proves nothing of it."""
    for at in range(first, len(acts)):
        act = acts[at]
        if act.implied:
            act = acts[at] = copy(act)
            act.implied = False
            if isinstance(act, ExecEffect):
                act.sole = False


class Context:
    """Under what a command runs, and where what it does is gathered.

    ``shell`` reads shell text that the command starts, under a context of its own. ``implied`` and ``sole`` say of the
    command, or of the text, what they say of its effect.
    """

    __slots__ = ("acts", "depth", "elevated", "env", "home", "implied", "piped", "place", "shell", "sole")

    def __init__(
        self,
        acts: list[Act],
        place: Place,
        home: str,
        shell: Callable[[str, Context], None],
        *,
        env: Mapping[str, str | None] | None = None,
        elevated: bool = False,
        depth: int = 0,
        implied: bool = False,
        sole: bool = False,
    ) -> None:
        self.acts = acts
        self.place = place
        self.home = home
        self.shell = shell
        self.env: Mapping[str, str | None] = env or {}
        self.elevated = elevated
        self.depth = depth
        self.implied = implied
        self.sole = sole
        #: what is read from the pipe that a command stands behind, where it is names that are known
        self.piped: Value | None = None

    def inside(
        self,
        *,
        place: Place | None = None,
        env: Mapping[str, str | None] | None = None,
        elevated: bool | None = None,
        implied: bool = False,
        sole: bool = False,
    ) -> Context:
        """The context of what a command of this one starts."""
        return Context(
            self.acts,
            self.place if place is None else place,
            self.home,
            self.shell,
            env=self.env if env is None else env,
            elevated=self.elevated if elevated is None else elevated,
            depth=self.depth + 1,
            implied=implied,
            sole=sole,
        )

    def run(
        self,
        words: Sequence[Value],
        *,
        why: str | None = None,
        wrapper: bool = False,
        readonly: bool | None = False,
        elevated: bool = False,
    ) -> ExecEffect:
        """Add the effect of running a command; ``why`` makes it opaque."""
        more = bool(words) and isinstance(words[-1], Loose) and words[-1].hidden
        seen = words[:-1] if more else words
        argv = tuple([word if isinstance(word, str) else shown(word) for word in seen])
        loose = frozenset(
            [
                at
                for at, word in enumerate(seen)
                if not isinstance(word, str) and (word.many or word.glob is not None or word.written is not None)
            ]
        )
        if why is None:
            for word in seen:
                if not isinstance(word, str) and word.glob is None and word.written is None:
                    why = word.why
                    break
        effect = ExecEffect(
            argv,
            cwd=None if self.place.away else self.place.path,
            env=self.env,
            elevated=self.elevated or elevated,
            opaque=why is not None,
            why=why,
            loose=loose,
            more=more,
            wrapper=wrapper,
            readonly=readonly,
            implied=self.implied,
            sole=self.sole,
        )
        self.acts.append(effect)
        return effect

    def reach(self, effect: NetEffect) -> None:
        """Add an address that is reached."""
        self.acts.append(of_command(effect, self.implied))

    def unknown(self, why: str) -> None:
        """Add a command of which nothing is known."""
        self.acts.append(
            ExecEffect(
                None,
                cwd=None if self.place.away else self.place.path,
                env=self.env,
                elevated=self.elevated,
                why=why,
                readonly=None,
            )
        )
