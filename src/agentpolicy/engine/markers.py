"""Marks for annotations: what a parameter of a guarded function is to the policy.

``command: Annotated[str, Shell]``, ``path: Annotated[str, Writes]``, ``url: Annotated[str, Gets]``.
"""

from __future__ import annotations

from typing import Final


class Marker:
    """One mark: the parameter's type in the language, and the effect that the call has through it."""

    __slots__ = ("action", "name", "type")

    def __init__(self, name: str, type: str, action: str) -> None:
        self.name = name
        self.type = type
        self.action = action

    def __repr__(self) -> str:
        return self.name


Shell: Final = Marker("Shell", "shell", "exec")
Reads: Final = Marker("Reads", "path", "fs.read")
Writes: Final = Marker("Writes", "path", "fs.write")
Deletes: Final = Marker("Deletes", "path", "fs.delete")
Gets: Final = Marker("Gets", "url", "net.get")
Posts: Final = Marker("Posts", "url", "net.post")
Connects: Final = Marker("Connects", "url", "net.connect")
