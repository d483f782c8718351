"""What kind of test a concrete path pattern is: the cheap shapes that indexes and inline tests know."""

from __future__ import annotations

from typing import NamedTuple


class PathShape(NamedTuple):
    """``kind`` says how to test, ``key`` with what.

    =========  =====================================================  ==========================
    kind       matches                                                key
    =========  =====================================================  ==========================
    all        every path                                             ``""``
    exact      the path itself                                        the path
    tree       everything inside a directory                          the directory and ``/``
    name       any path whose last segment is the key                 the name
    ending     any path whose last segment ends so                    the end
    inside     any path with this run of segments before its last     ``/run/``
    parts      by its segments                                        the pattern
    =========  =====================================================  ==========================
    """

    kind: str
    key: str


def path_shape(pattern: str) -> PathShape:
    """The cheapest shape that says the same as the pattern."""
    if pattern in {"/**", "**", "**/**"}:
        return PathShape("all", "")
    if "*" not in pattern:
        return PathShape("exact", pattern)
    if pattern.endswith("/**"):
        inner = pattern[:-3]
        if "*" not in inner:
            return PathShape("tree", inner + "/")
        if inner.startswith("**/") and "*" not in inner[3:]:
            return PathShape("inside", inner[2:] + "/")
    if pattern.startswith("**/"):
        name = pattern[3:]
        if "/" not in name:
            if "*" not in name:
                return PathShape("name", name)
            if name[0] == "*" and "*" not in name[1:] and len(name) > 1:
                return PathShape("ending", name[1:])
    return PathShape("parts", pattern)


def segments(path: str) -> list[str]:
    """The segments of an absolute path or of a pattern; none for the root."""
    return [part for part in path.split("/") if part]
