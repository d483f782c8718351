"""The seam behind which decisions are kept, and its first filling: one JSON line for each."""

from __future__ import annotations

import datetime
import os
import threading
from typing import Any, Protocol

import orjson

from agentpolicy.engine.decision import Decision


class Recorder(Protocol):
    """Keeps what was decided. It is called before a call is let go; if it raises, the call does not run."""

    def record(self, event: dict[str, Any]) -> None:
        """Keep one event: plain values, as ``decided`` and ``settled`` make them."""


def decided(
    decision: Decision, *, call_id: str, released: bool, approved: bool, mode: str, moment: float
) -> dict[str, Any]:
    """The event of one decision: outcome, rule, effects and digest, without the call's arguments.

    ``released`` says whether the call was let go, ``approved`` whether a person agreed.
    """
    return {
        "kind": "decision",
        "id": call_id,
        "time": _timestamp(moment),
        "session": decision.session,
        "tool": decision.call.tool or None,
        "outcome": decision.outcome,
        "rule": decision.rule,
        "reason": decision.reason,
        "layer": decision.layer,
        "effects": [
            {**effect.as_json(), "outcome": verdict.outcome, "rule": verdict.rule}
            for effect, verdict in zip(decision.effects, decision.verdicts, strict=True)
        ],
        "digest": decision.digest,
        "policy": decision.policy,
        "mode": mode,
        "approved": approved,
        "released": released,
    }


def settled(call_id: str, session: str | None, result: str, moment: float) -> dict[str, Any]:
    """The event of a call that ended: ``ok``, ``error``, or ``not run``."""
    return {"kind": "outcome", "id": call_id, "time": _timestamp(moment), "session": session, "result": result}


def _timestamp(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="milliseconds")


class JsonLines:
    """Appends events to a file, one JSON object a line, readable by its owner alone.

    Args:
        path: the file; it and its directory are made where they are missing.
        sync: whether each line is forced to disk before the call goes on.

    Raises:
        OSError: from ``record``, where the line could not be written whole.
    """

    def __init__(self, path: str | os.PathLike[str], *, sync: bool = False) -> None:
        self.path = os.path.abspath(os.fspath(path))
        self._sync = sync
        self._lock = threading.Lock()
        self._torn = False
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)

    def record(self, event: dict[str, Any]) -> None:
        """Append one event."""
        line = orjson.dumps(event, default=str) + b"\n"
        with self._lock:
            if self._torn:
                # What was left of a line that failed stays a line of its own.
                line = b"\n" + line
            self._torn = True
            written = 0
            while written < len(line):
                count = os.write(self._file, line[written:])
                if count <= 0:
                    raise OSError("the log took no more bytes")
                written += count
            if self._sync:
                os.fsync(self._file)
            self._torn = False

    def close(self) -> None:
        """Close the file. Recording afterwards fails, so that calls stop."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
