"""When to ask again."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Callable

from .errors import PoolUnavailable

#: The longest sleep between two looks at the pool: most sessions are released long before their time is over.
LONGEST_WAIT = 60.0
#: Between attempts at a gateway that fails: doubled each time.
FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


@dataclass(frozen=True)
class Timing:
    """Where a Pool has time and chance from; tests bring their own."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    #: What a wait is multiplied by, so that not all who wait come back at the same moment; never too early.
    jitter: Callable[[], float] = lambda: random.uniform(1.0, 1.1)


class Retries:
    """How long to pause after each failure of a row, and when to give up."""

    def __init__(self, timing: Timing, retry_for: float) -> None:
        self._timing = timing
        self._give_up_at = timing.monotonic() + retry_for
        self._failures = 0

    def pause(self, failure: PoolUnavailable, is_patient: bool = False) -> float:
        self._failures += 1
        seconds = doubled(FIRST_PAUSE, _LONGEST_PAUSE, self._failures)
        if failure.retry_after is not None:
            seconds = min(max(seconds, failure.retry_after), LONGEST_WAIT)
        if not is_patient and self._timing.monotonic() + seconds > self._give_up_at:
            raise failure
        return seconds


def doubled(first: float, longest: float, times: int) -> float:
    return min(first * 2.0 ** min(times - 1, 16), longest)
