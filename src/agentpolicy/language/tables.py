"""Loads the saved parse tables through lark, in the form that the parser's loop reads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from attrs import frozen


class Reduction(NamedTuple):
    """Replace the top ``size`` entries of the stack by what rule ``index`` makes of them."""

    size: int
    origin: str
    rule: int


#: What a state does at a token: shift to a state, or reduce by a rule.
Action = int | Reduction


@frozen(eq=False)
class Tables:
    """Everything that parsing needs, loaded once per process and never changed."""

    actions: tuple[Mapping[str, Action], ...]
    start: int
    end: int
    #: One token after blanks; the group that matched names its kind.
    scan: re.Pattern[str]
    keywords: Mapping[str, str]
    #: What each kind of token that is always written alike looks like: ``{"ARROW": "->"}``.
    spelling: Mapping[str, str]
    #: For each rule by its number: what makes a node of its parts, by the builder's method of that name.
    callbacks: Callable[[object], list[Callable[[list[Any]], Any]]]


@cache
def load_tables() -> Tables:
    """The tables that ``grammar/build.py`` made."""
    from lark import Lark, Tree
    from lark.grammar import Rule
    from lark.lexer import PatternStr
    from lark.parse_tree_builder import ParseTreeBuilder

    saved = json.loads(files("agentpolicy.language").joinpath("tables.json").read_text("utf-8"))
    table = saved["data"]["parser"]["parser"]
    # JSON has no numbers as keys.
    table["tokens"] = _numbered(table["tokens"])
    table["states"] = {state: _numbered(row) for state, row in _numbered(table["states"]).items()}
    lark = Lark._load_from_dict(saved["data"], _numbered(saved["memo"]))  # type: ignore[no-untyped-call]
    parse_table = lark.parser.parser._parse_table
    index: dict[Rule, int] = {rule: number for number, rule in enumerate(lark.rules)}
    for row in parse_table.states.values():
        for _, arg in row.values():
            if isinstance(arg, Rule):
                index.setdefault(arg, len(index))
    rules = list(index)

    def action(arg: int | Rule) -> Action:
        return Reduction(len(arg.expansion), arg.origin.name, index[arg]) if isinstance(arg, Rule) else arg

    make = ParseTreeBuilder(lark.rules, Tree, maybe_placeholders=True)  # type: ignore[no-untyped-call]

    def callbacks(builder: object) -> list[Callable[[list[Any]], Any]]:
        made = make.create_callback(builder)  # type: ignore[no-untyped-call]
        return [made.get(rule, list) for rule in rules]

    states = parse_table.states
    fixed = {t.name: t.pattern.value for t in lark.terminals if isinstance(t.pattern, PatternStr)}
    keywords = {text: name for name, text in fixed.items() if text.isalpha()}
    scanned = sorted(
        (t for t in lark.terminals if t.pattern.value not in keywords and t.name != "WS"),
        key=lambda t: (-t.pattern.max_width, -len(t.pattern.value), t.name),
    )
    tokens = "|".join(f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in scanned)
    return Tables(
        actions=tuple(
            {token: action(arg) for token, (_, arg) in states[number].items()} for number in range(len(states))
        ),
        start=parse_table.start_states["start"],
        end=parse_table.end_states["start"],
        scan=re.compile(rf"[ \t\r\n]*(?:{tokens})"),
        keywords=keywords,
        spelling=fixed,
        callbacks=callbacks,
    )


def _numbered(table: Mapping[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in table.items()}
