"""``python -m benchmarks``: measures, prints a table of ratios, and writes ``build/bench.json``."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import rows
from benchmarks.measure import Ratio

OUT = Path("build/bench.json")


def main() -> None:
    """Everything, in about two minutes."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as cache:
        os.environ["AGENTPOLICY_CACHE"] = cache
        print(
            f"medians of interleaved rounds (quartiles); {platform.python_implementation()} {platform.python_version()}"
        )
        found = [show(row) for row in measured()]
        crossing = rows.crossover()
    print("\ninline tests ÷ tables, by number of patterns of one action (under 1: inline is faster)")
    for action in dict.fromkeys(one["action"] for one in crossing):
        part = [f"{one['patterns']}: {one['ratio']['median']:.2f}" for one in crossing if one["action"] == action]
        print(f"  {action:<8} " + "  ".join(part))
    OUT.parent.mkdir(exist_ok=True)
    whole = {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "processors": os.cpu_count(),
        "seconds": round(time.perf_counter() - start, 1),
        "rows": [row.as_json() for row in found],
        "crossover": crossing,
    }
    OUT.write_text(json.dumps(whole, indent=1) + "\n")
    missed = [row for row in found if not row.held]
    print(f"\n{len(found)} measures in {whole['seconds']} s, {len(missed)} over their bound; written to {OUT}")


def measured() -> Iterator[rows.Row]:
    """The rows, in the order of the table."""
    yield from rows.ten_rules()
    hundred, thousand, ten_thousand = rows.Large(100), rows.Large(1000), rows.Large(10_000)
    yield from rows.many_rules(thousand)
    yield from rows.many_rules(ten_thousand)
    yield from rows.loading(ten_thousand)
    yield from rows.whole_calls(thousand)
    yield from rows.shell_text()
    yield from rows.history(thousand)
    huge = rows.Large(100_000)
    yield rows.Row("100000 rules: text to ready", Ratio(huge.built, huge.built, huge.built, 1), None, "s")
    yield from rows.flat(huge, hundred)


def show(row: rows.Row) -> rows.Row:
    """Print one row at once."""
    bound = "" if row.bound is None else f"{row.bound:g} {row.unit}".rstrip()
    verdict = "" if row.bound is None else "holds" if row.held else "OVER"
    print(f"  {row.name:<66} {row.value!s:>24} {row.unit:<2}  {bound:>6}  {verdict}", flush=True)
    return row


if __name__ == "__main__":
    main()
