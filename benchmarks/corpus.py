"""Commands of a corpus, one a line: the share that is opaque, what the preset answers, and the time that each takes.

``python -m benchmarks.corpus commands.txt`` (or ``.txt.gz``). Prints one JSON object. Times are wall time in
microseconds of one run, as the commands come: a machine's figures, to be compared with others of the same machine only.
"""

from __future__ import annotations

import collections
import gzip
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentpolicy import Engine, ToolCall
from agentpolicy.effects.effect import ExecEffect
from agentpolicy.effects.shell.read import read_text


def commands(path: Path) -> list[str]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return [line for line in text.split("\n") if line]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = work()
    return (time.perf_counter() - start) * 1e6, found


def spread(times: list[float]) -> dict[str, float]:
    times = sorted(times)
    return {
        "median": round(times[len(times) // 2], 1),
        "p99": round(times[int(len(times) * 0.99)], 1),
        "max": round(times[-1], 1),
    }


def shares(lines: list[str]) -> dict[str, Any]:
    """How many commands have an opaque part, an opaque command, or do not read at all, in per cent; and the time."""
    counts = collections.Counter[str]()
    times: list[float] = []
    for line in lines:
        took, acts = timed(lambda line=line: read_text(line, cwd="/repo", home="/home/user"))
        times.append(took)
        execs = [act for act in acts if isinstance(act, ExecEffect)]
        counts["any part is opaque"] += any(act.opaque for act in execs)
        counts["what runs is not known"] += any(
            act.argv is None or act.argv[0] is None or (act.opaque and None not in act.argv) for act in execs
        )
        counts["not read"] += any(act.argv is None for act in execs)
    return {**{name: round(100 * count / len(lines), 2) for name, count in counts.items()}, "reading": spread(times)}


def decisions(lines: list[str]) -> dict[str, Any]:
    """What the preset answers, and the time of a whole decision: first, and of the same call again."""
    engine = Engine.load("preset:coding-agent", params={"workspace": "/repo"}, cache=False)
    outcomes = collections.Counter[str]()
    first: list[float] = []
    again: list[float] = []
    for line in lines:
        call = ToolCall("bash", {"command": line, "cwd": "/repo"})
        took, decision = timed(lambda call=call: engine.decide(call))
        if decision.rule == "builtin:internal-error":
            raise SystemExit(f"cannot be decided: {line!r}: {decision.reason}")
        outcomes[str(decision.outcome)] += 1
        first.append(took)
        again.append(timed(lambda call=call: engine.decide(call))[0])
    return {"outcomes": dict(outcomes.most_common()), "first": spread(first), "again": spread(again)}


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    lines = commands(Path(sys.argv[1]))
    json.dump({"commands": len(lines), **shares(lines), **decisions(lines)}, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
