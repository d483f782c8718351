"""Two ways of doing the same thing, timed in turns: ratios with their spread."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen

Work = Callable[[], Any]


@frozen
class Ratio:
    """The median of the per-round ratios, and the quartiles around it."""

    median: float
    low: float
    high: float
    rounds: int

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(ours: Work, theirs: Work, *, rounds: int = 21, empty: Work | None = None, repeat: int = 1) -> Ratio:
    """How often ``theirs`` fits into ``ours``: both run in every round, in changing order.

    Args:
        ours: the work that is measured, run once beforehand, untimed.
        theirs: what it is measured against, likewise.
        rounds: how many rounds.
        empty: the loop around both without its body; what it takes is subtracted from both.
        repeat: how often each runs within a round, of which the fastest counts.
    """
    ours()
    theirs()
    found = []
    for at in range(rounds):
        gc.collect()
        gc.disable()
        try:
            spent = _time(empty, repeat) if empty is not None else 0.0
            if at % 2:
                first, second = _time(ours, repeat), _time(theirs, repeat)
            else:
                second, first = _time(theirs, repeat), _time(ours, repeat)
        finally:
            gc.enable()
        found.append((first - spent) / (second - spent))
    return spread(found)


def spread(values: Sequence[float]) -> Ratio:
    """Median and quartiles."""
    low, median, high = statistics.quantiles(values, n=4)
    return Ratio(median, low, high, len(values))


def _time(work: Work, repeat: int) -> float:
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def each(function: Callable[..., Any], stream: Sequence[tuple[Any, ...]]) -> Work:
    """Work that puts every pair of a stream to a function."""

    def run() -> None:
        for first, second in stream:
            function(first, second)

    return run


def nothing(stream: Sequence[tuple[Any, ...]]) -> Work:
    """The loop of ``each`` without its body."""

    def run() -> None:
        for _first, _second in stream:
            pass

    return run
