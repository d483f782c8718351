"""The call that an agent wants to make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


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

    __slots__ = ("action", "args", "cwd", "env", "expand_tilde", "facts", "home", "target", "time", "tool")

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
        self.cwd = cwd
        self.home = home
        self.env = env
        self.expand_tilde = expand_tilde
        self.facts = facts
        self.time = time
        self.action: str | None = None
        self.target: str | Sequence[str] | None = None

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
