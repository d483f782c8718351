"""A clock that nobody sets: what sessions count must not move when the machine's clock is put right."""

from __future__ import annotations

import time
from typing import Final

# CLOCK_BOOTTIME goes on while the machine sleeps; where there is none, the monotonic clock stands still then, and
# windows last longer.
_BOOT: Final = getattr(time, "CLOCK_BOOTTIME", None)


def _elapsed() -> float:
    return time.monotonic() if _BOOT is None else time.clock_gettime(_BOOT)


_START: Final = time.time() - _elapsed()


def steady() -> float:
    """Seconds since the epoch as the clock stood when the process started, whatever was done to it since."""
    return _START + _elapsed()
