"""What no guarded call may touch, without any rule: the policy, its cache, the log, and whatever the host adds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from agentpolicy.compiler.verdict import DENY, Verdict
from agentpolicy.effects.call import ToolCall
from agentpolicy.effects.effect import Effect, ExecEffect, FileEffect, NetEffect

OWN_FILES = Verdict(
    DENY, "builtin:own-files", "this is part of what guards the agent, and no call may touch it", None, order=-1
)


class Protected:
    """Files and directories under all their names."""

    def __init__(self, paths: Iterable[str]) -> None:
        names: set[str] = set()
        for path in paths:
            full = os.path.abspath(path)
            names |= {full, os.path.realpath(full)}
        self._files = frozenset(names)
        self._inside = tuple(name.rstrip("/") + "/" for name in sorted(names))
        self._bases = tuple(sorted({os.path.basename(name) for name in names if os.path.basename(name)}))
        # A directory's last name alone may be any word; with the one before it, it hardly is.
        self._tails = tuple(sorted({"/".join(name.split("/")[-1 if os.path.isfile(name) else -2 :]) for name in names}))

    def __bool__(self) -> bool:
        return bool(self._files)

    def hit(self, effect: Effect, call: ToolCall) -> bool:
        """Whether an effect of a call touches something protected, or may."""
        if effect.family == "fs":
            return self._file(effect)  # type: ignore[arg-type]
        # Effects of texts are shared by calls of the same text, and what they mention does not change.
        if effect.cleared is self:
            return False
        if not isinstance(effect, ExecEffect):
            if isinstance(effect, NetEffect):
                effect.cleared = self
            return False
        if effect.argv is not None:
            words = [word for word in effect.argv if word is not None]
            text = "\0".join(words)
            if not any(base in text for base in self._bases):
                if not effect.opaque:
                    effect.cleared = self
                    return False
            elif any(self._word(word, effect.cwd) for word in words):
                return True
            if not effect.opaque:
                return False
        # The words of an opaque command are not known; the text that they come from is.
        return self._mentioned(call.target) or any(self._mentioned(value) for value in call.args.values())

    def _file(self, effect: FileEffect) -> bool:
        names = (effect.path,) if effect.single else (effect.path, effect.resolved)
        for name in names:
            if name is None:
                continue
            if name.startswith(self._inside) or name in self._files:
                return True
            if (effect.action == "fs.delete" or (effect.many and effect.action == "fs.write")) and self._holds(name):
                return True
        return False

    def _holds(self, directory: str) -> bool:
        inside = directory.rstrip("/") + "/"
        return any(name.startswith(inside) for name in self._files)

    def _word(self, word: str, cwd: str | None) -> bool:
        if not any(base in word for base in self._bases):
            return False
        for part in (word, word.rpartition("=")[2]):
            path = os.path.normpath(os.path.join(cwd or "/", os.path.expanduser(part)))
            if path in self._files or path.startswith(self._inside):
                return True
            if os.path.realpath(path) in self._files:
                return True
        return False

    def _mentioned(self, value: Any) -> bool:
        if isinstance(value, str):
            return any(tail in value for tail in self._tails)
        return isinstance(value, list | tuple) and any(self._mentioned(one) for one in value)
