"""Demands 95 % of the lines and of the branches of each floor that decides: ``coverage_floors.py coverage.json``."""

from __future__ import annotations

import json
import sys
from pathlib import PurePath
from typing import Any

FLOORS = ("language", "compiler", "engine", "effects")
WANTED = 95.0
#: Files that are named where a floor is too low.
WORST = 6


def main(report: str) -> int:
    with open(report, encoding="utf-8") as file:
        files: dict[str, Any] = json.load(file)["files"]
    low = 0
    for floor in FLOORS:
        mine = {name: one for name, one in files.items() if floor in PurePath(name).parts}
        lines = _share(mine, "covered_lines", "num_statements")
        branches = _share(mine, "covered_branches", "num_branches")
        print(f"{floor:9} lines {lines:6.2f} %   branches {branches:6.2f} %   ({len(mine)} files)")
        # A floor without files is a report of something else, and not a floor that is well tested.
        if not mine or min(lines, branches) < WANTED:
            low += 1
            print(f"    below {WANTED:g} %; most is missing in:")
            for name, one in sorted(mine.items(), key=lambda item: -len(item[1]["missing_branches"]))[:WORST]:
                jumps = ", ".join(f"{start}->{'exit' if end < 0 else end}" for start, end in one["missing_branches"])
                print(f"    {name}: {jumps}")
    return 1 if low else 0


def _share(files: dict[str, Any], hit: str, all_of_them: str) -> float:
    total = sum(one["summary"][all_of_them] for one in files.values())
    return 100.0 * sum(one["summary"][hit] for one in files.values()) / total if total else 100.0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
