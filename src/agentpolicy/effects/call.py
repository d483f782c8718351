"""The call that an agent wants to make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final


class Terms:
    """What a call says of itself beyond its tool and arguments; see ``ToolCall``."""

    __slots__ = ("cwd", "env", "expand_tilde", "facts", "home", "time")

    def __init__(
        self,
        cwd: str | None = None,
        home: str | None = None,
        env: Mapping[str, str] | None = None,
        expand_tilde: bool = True,
        facts: Mapping[str, Any] | None = None,
        time: float | None = None,
    ) -> None:
        self.cwd = cwd
        self.home = home
        self.env = env
        self.expand_tilde = expand_tilde
        self.facts = facts
        self.time = time


USUAL: Final = Terms()


class ToolCall:
    """What an agent wants to do: a tool by name with its arguments.

    Args:
        tool: the tool's name, ``server/tool`` for MCP.
        args: arguments by parameter name; JSON-like values (text, numbers, truth values, lists, maps, None).
        cwd: directory in which relative paths of the call start, absolute; the host's where None.
        home: home directory that ``~`` means, absolute; the host's where None.
        env: variables that the call sets beyond the host's environment.
        expand_tilde: whether ``~`` at the start of a path means the home directory.
        facts: facts that hold for this call only; they take the place of the session's of the same name.
        time: seconds since the epoch at which the call is judged; the engine's clock where None.

    ``ToolCall.of(action, target)`` is a call with a single effect, without a tool: ``of("fs.read", "/etc/hosts")``.
    For ``exec`` a text target is shell text, a sequence is argv.
    """

    # Most calls have the usual terms, which are looked at in one step.
    __slots__ = ("action", "args", "target", "terms", "tool")

    def __init__(
        self,
        tool: str,
        args: Mapping[str, Any] | None = None,
        *,
        cwd: str | None = None,
        home: str | None = None,
        env: Mapping[str, str] | None = None,
        expand_tilde: bool = True,
        facts: Mapping[str, Any] | None = None,
        time: float | None = None,
    ) -> None:
        self.tool = tool
        self.args = {} if args is None else args
        self.action: str | None = None
        self.target: str | Sequence[str] | None = None
        if cwd is None and home is None and not env and facts is None and time is None and expand_tilde is True:
            self.terms = USUAL
        else:
            self.terms = Terms(cwd, home, env, expand_tilde, facts, time)

    @property
    def cwd(self) -> str | None:
        """The directory that the call starts in, None where the host's."""
        return self.terms.cwd

    @property
    def home(self) -> str | None:
        """The home directory, None where the host's."""
        return self.terms.home

    @property
    def env(self) -> Mapping[str, str] | None:
        """The variables that the call sets."""
        return self.terms.env

    @property
    def expand_tilde(self) -> bool:
        """Whether ``~`` at the start of a path means the home directory."""
        return self.terms.expand_tilde

    @property
    def facts(self) -> Mapping[str, Any] | None:
        """The facts of this call alone."""
        return self.terms.facts

    @property
    def time(self) -> float | None:
        """The time at which the call is judged, None for now."""
        return self.terms.time

    @classmethod
    def of(cls, action: str, target: str | Sequence[str], **where: Any) -> ToolCall:
        """A call with one effect: ``action`` on ``target``; ``where`` as for the class itself."""
        call = cls("", None, **where)
        call.action = action
        call.target = target
        return call

    def __repr__(self) -> str:
        if self.action is not None:
            return f"ToolCall.of({self.action!r}, {self.target!r})"
        return f"ToolCall({self.tool!r}, {self.args!r})"
