"""Reading the calls of declared tools on one host, quickly where the same text comes again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentpolicy.effects.call import USUAL, ToolCall
from agentpolicy.effects.effect import Effect
from agentpolicy.effects.host import Host
from agentpolicy.effects.recent import Recent
from agentpolicy.effects.shape import ToolShape
from agentpolicy.effects.tools import effects_of

#: Longest text whose effects are remembered, in characters, and most effects of one.
_LONGEST = 2048
_MOST = 256


class Reader:
    """What calls of some tools do on one host.

    A command or an address that says by itself what it does, to a tool that is given nothing else, is read once.
    Nothing that a disk, a variable or a clock has a say in is remembered.

    Args:
        shapes: the declared tools by name.
        host: where calls start.
        want_size: whether the sizes of files are wanted.
    """

    __slots__ = ("_host", "_soles", "_want_size", "shapes")

    def __init__(self, shapes: Mapping[str, ToolShape], host: Host, *, want_size: bool = False) -> None:
        self.shapes = shapes
        self._host = host
        self._want_size = want_size
        self._soles = {name: sole for name, shape in shapes.items() if (sole := _sole(shape)) is not None}

    def effects(self, call: ToolCall) -> Sequence[Effect]:
        """The effects of a call; they may be shared between calls.

        Raises:
            BadCall: the call cannot be read; it must be denied.
        """
        try:
            sole = self._soles.get(call.tool)
        except TypeError:
            sole = None
        args = call.args
        if sole is None or call.terms is not USUAL or type(args) is not dict or len(args) != 1:
            return effects_of(call, self.shapes, self._host, want_size=self._want_size)
        text = args.get(sole.parameter)
        if type(text) is not str:  # a subclass may say that it equals what it does not
            return effects_of(call, self.shapes, self._host, want_size=self._want_size)
        seen = sole.lately.young.get(text)
        if seen is not None and (seen[1] is None or seen[1] == self._host.cwd):
            return seen[0]
        return self._read(call, sole, text)

    def _read(self, call: ToolCall, sole: _Sole, text: str) -> Sequence[Effect]:
        cwd = _directory(self._host) if sole.starts else None
        effects = tuple(effects_of(call, self.shapes, self._host, want_size=self._want_size))
        if len(text) <= _LONGEST and len(effects) <= _MOST and all(effect.family != "fs" for effect in effects):
            if not sole.starts or not self._host.moving:
                sole.lately.keep(text, (effects, None))
            elif cwd is not None and cwd == _directory(self._host):
                sole.lately.keep(text, (effects, cwd))
        return effects


def _directory(host: Host) -> str | None:
    try:
        return host.cwd
    except OSError:  # it is gone
        return None


class _Sole:
    """A tool's only parameter that counts, and the effects of its texts, with the directory where that may change.

    ``starts``: whether calls start in a directory.
    """

    __slots__ = ("lately", "parameter", "starts")

    def __init__(self, parameter: str, starts: bool) -> None:
        self.parameter = parameter
        self.starts = starts
        self.lately: Recent[tuple[tuple[Effect, ...], str | None]] = Recent()


def _sole(shape: ToolShape) -> _Sole | None:
    """What to remember of a tool's texts; None where they do not say by themselves what a call does."""
    if not shape.quiet or len(shape.steps) != 1:
        return None
    action, sole, place, kind = shape.steps[0]
    if not (kind == "shell" if action == "exec" else kind == "url" and action.startswith("net.")):
        return None
    for one, (_, required, default) in shape.parameters.items():
        if one != sole and (required or (default is not None and place is not None)):
            return None
    return _Sole(sole, starts=action == "exec")
