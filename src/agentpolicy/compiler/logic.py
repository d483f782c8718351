"""Three-valued helpers that generated code calls where a value may be missing or of any type.

Everything answers True, False, or None for unknown; nothing raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _kind(value: object) -> int:
    if isinstance(value, bool):
        return 1
    if isinstance(value, int | float):
        return 2
    if isinstance(value, str):
        return 3
    return 4 if isinstance(value, list | tuple) else 0


def same(left: Any, right: Any) -> bool | None:
    """``left == right``; unknown where one is missing or they are of different kinds."""
    kind = _kind(left)
    if not kind or kind != _kind(right):
        return None
    if kind != 4:
        return bool(left == right)
    if len(left) != len(right):
        return False
    values = [same(one, other) for one, other in zip(left, right, strict=True)]
    return False if False in values else None if None in values else True


def differs(left: Any, right: Any) -> bool | None:
    """``left != right``, with the same unknowns."""
    value = same(left, right)
    return None if value is None else not value


def less(left: Any, right: Any) -> bool | None:
    """``left < right`` of two numbers."""
    return bool(left < right) if _kind(left) == 2 == _kind(right) else None


def at_most(left: Any, right: Any) -> bool | None:
    """``left <= right`` of two numbers."""
    return bool(left <= right) if _kind(left) == 2 == _kind(right) else None


def more(left: Any, right: Any) -> bool | None:
    """``left > right`` of two numbers."""
    return less(right, left)


def at_least(left: Any, right: Any) -> bool | None:
    """``left >= right`` of two numbers."""
    return at_most(right, left)


def among(value: Any, values: Any) -> bool | None:
    """Whether a value is one of a list's."""
    if value is None or not isinstance(values, list | tuple):
        return None
    found = [same(value, one) for one in values]
    return True if True in found else None if None in found else False


def matched(test: Callable[[str], bool | None], value: Any) -> bool | None:
    """Whether a text value is matched by patterns."""
    return test(value) if isinstance(value, str) else None


def any_among(many: Any, values: Any) -> bool | None:
    """Whether some element of a list is among the values."""
    if not isinstance(many, list | tuple) or not isinstance(values, list | tuple):
        return None
    found = [among(one, values) for one in many]
    return True if True in found else None if None in found else False


def all_among(many: Any, values: Any) -> bool | None:
    """Whether every element of a list is among the values; true of an empty list."""
    if not isinstance(many, list | tuple) or not isinstance(values, list | tuple):
        return None
    found = [among(one, values) for one in many]
    return False if False in found else None if None in found else True


def any_matched(test: Callable[[str], bool | None], many: Any) -> bool | None:
    """Whether some element of a list is matched by patterns."""
    if not isinstance(many, list | tuple):
        return None
    found = [matched(test, one) for one in many]
    return True if True in found else None if None in found else False


def all_matched(test: Callable[[str], bool | None], many: Any) -> bool | None:
    """Whether every element of a list is matched by patterns; true of an empty list."""
    if not isinstance(many, list | tuple):
        return None
    found = [matched(test, one) for one in many]
    return False if False in found else None if None in found else True


def truth(value: Any) -> bool | None:
    """A truth value, or unknown."""
    return value if isinstance(value, bool) else None


#: The names under which generated code finds these.
HELPERS: dict[str, Callable[..., Any]] = {
    "same": same,
    "differs": differs,
    "less": less,
    "at_most": at_most,
    "more": more,
    "at_least": at_least,
    "among": among,
    "matched": matched,
    "any_among": any_among,
    "all_among": all_among,
    "any_matched": any_matched,
    "all_matched": all_matched,
    "truth": truth,
}
