"""Turns the grammar into the parse tables that the package ships: ``python grammar/build.py [--check]``."""

from __future__ import annotations

import json
import sys
from collections import deque
from pathlib import Path
from typing import Any

from lark import Lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

HERE = Path(__file__).parent
GRAMMAR = HERE / "agentpolicy.lark"
TABLES = HERE.parent / "src" / "agentpolicy" / "language" / "tables.json"


def build() -> str:
    """The tables as JSON text, the same for the same grammar on every machine.

    Raises:
        lark.exceptions.LarkError: the grammar is ambiguous, or two of its tokens collide.
    """
    lark = Lark(
        GRAMMAR.read_text("utf-8"),
        parser="lalr",
        lexer="basic",
        strict=True,
        keep_all_tokens=True,
        maybe_placeholders=True,
    )
    data, memo = lark.memo_serialize([TerminalDef, Rule])
    data = json.loads(json.dumps(data))
    memo = json.loads(json.dumps(memo))
    return json.dumps(_canonical(data, memo), indent=None, separators=(",", ":"), sort_keys=True) + "\n"


def _canonical(data: dict[str, Any], memo: dict[str, Any]) -> dict[str, Any]:
    """Number everything in an order that the grammar gives, since lark's own order follows string hashes."""
    order = sorted(memo, key=lambda key: json.dumps(memo[key], sort_keys=True))
    new_memo = {old: new for new, old in enumerate(order)}

    def renumber(value: Any) -> Any:
        if isinstance(value, dict):
            if set(value) == {"@"}:
                return {"@": new_memo[str(value["@"])]}
            return {key: renumber(part) for key, part in value.items()}
        return [renumber(part) for part in value] if isinstance(value, list) else value

    table = data["parser"]["parser"]
    names = table["tokens"]
    states = {
        int(state): {names[token]: action for token, action in actions.items()}
        for state, actions in table["states"].items()
    }
    numbers: dict[int, int] = {}
    waiting = deque(state for _, state in sorted(table["start_states"].items()))
    while waiting:
        state = waiting.popleft()
        if state in numbers:
            continue
        numbers[state] = len(numbers)
        waiting.extend(target for _, (kind, target) in sorted(states[state].items()) if kind == 0)
    tokens = sorted(set(names.values()))
    token_numbers = {token: number for number, token in enumerate(tokens)}
    table["tokens"] = dict(enumerate(tokens))
    table["states"] = {
        numbers[state]: {
            token_numbers[token]: [kind, numbers[arg] if kind == 0 else arg] for token, (kind, arg) in actions.items()
        }
        for state, actions in states.items()
        if state in numbers
    }
    for key in ("start_states", "end_states"):
        table[key] = {name: numbers[state] for name, state in table[key].items()}

    def by_number(values: list[Any]) -> list[Any]:
        return sorted(values, key=lambda value: json.dumps(value, sort_keys=True))

    data = renumber(data)
    data["rules"] = by_number(data["rules"])
    data["parser"]["lexer_conf"]["terminals"] = by_number(data["parser"]["lexer_conf"]["terminals"])
    return {"data": data, "memo": {new: memo[old] for old, new in new_memo.items()}}


def main() -> int:
    """Write the tables, or with ``--check`` say whether those in place are right."""
    text = build()
    if "--check" in sys.argv[1:]:
        same = TABLES.is_file() and TABLES.read_text("utf-8") == text
        print("tables are up to date" if same else "tables are stale: run `python grammar/build.py`")
        return 0 if same else 1
    TABLES.write_text(text, "utf-8")
    print(f"wrote {TABLES.name}, {len(text)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
