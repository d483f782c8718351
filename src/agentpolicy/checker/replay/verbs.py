"""Which tools only look, told from their names: data."""

from __future__ import annotations

import re

#: First words of tools that change nothing: neither here nor anywhere else.
LOOKING = frozenset(
    "browse calculate check compare compute count current describe detect diff download estimate explain fetch find "
    "get glob grep inspect list load locate look lookup ls measure open preview query read recall recommend resolve "
    "retrieve scan search see show stat status suggest summarize tail translate validate verify view visit".split()
)
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def looks(tool: str) -> bool:
    """Whether a tool only looks, as its name says: ``get_webpage``, ``github/searchIssues``."""
    found = _PART.findall(tool.rpartition("/")[2].rpartition("__")[2])
    return bool(found) and found[0].lower() in LOOKING
