"""Demands branch coverage of 95 % or more from each floor that a decision stands on: ``coverage_floors.py coverage.json``."""

from __future__ import annotations

import json
import sys
from pathlib import PurePath

FLOORS = ("language", "compiler", "engine", "effects")
WANTED = 95.0


def main(report: str) -> int:
    with open(report, encoding="utf-8") as file:
        files = json.load(file)["files"]
    low = 0
    for floor in FLOORS:
        mine = {name: one["summary"] for name, one in files.items() if floor in PurePath(name).parts}
        total = sum(one["num_statements"] + one["num_branches"] for one in mine.values())
        hit = sum(one["covered_lines"] + one["covered_branches"] for one in mine.values())
        share = 100.0 * hit / total if total else 0.0
        print(f"{floor:10} {share:6.2f} %  ({len(mine)} files)")
        if share < WANTED:
            low += 1
            for name, one in sorted(mine.items(), key=lambda item: item[1]["percent_covered"])[:6]:
                print(f"    {one['percent_covered']:6.2f} %  {name}: lines {files[name]['missing_lines']}")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
