"""Walks scores to the next one that wants an answer applied, an intent sent or a resting order moved.

The strategy's kernel is asked on the way.

One loop for every strategy. The shipped one is compiled into it and cached; any other is compiled into a copy of it
when its task starts, which takes a second or two.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit

from agents.answers import NEVER
from agents.target import Target
from agents.touch_pressure import STRATEGY, touch_pressure
from schemas.columns import PRICE_UNDEFINED
from schemas.errors import ConfigError
from schemas.tick import FLAG_CROSSED, FLAGS_AMENDED

WANT_NOTHING, WANT_ANSWERS, WANT_INTENT, WANT_ANOTHER = 0, 1, 2, 3

UNFIT = FLAG_CROSSED | FLAGS_AMENDED
"""Rows that no intent is formed on: a crossed book, and what tells of a trade in the past."""

Scan = Callable[..., tuple[int, int, int]]

_target = touch_pressure


def _loop(
    rows: Any, at: int, slots: Any, position: Any, position_max: Any, unanswered: Any, rests_until: Any, overdue: Any,
    due: int, parameters: Any, memory: Any,
) -> tuple[int, int, int]:  # fmt: skip
    """Walk rows from ``at`` to the next one that wants something: (index, target, want)."""
    n = len(rows)
    while at < n:
        row = rows[at]
        now = row["ts_log"]
        if due != NEVER and now >= due:
            return at, 0, WANT_ANSWERS
        slot = slots[row["instrument_id"]] if row["instrument_id"] < len(slots) else -1
        if (
            slot >= 0
            and row["bid_price"] != PRICE_UNDEFINED
            and row["ask_price"] != PRICE_UNDEFINED
            and row["flags"] & UNFIT == 0
            and abs(row["score"]) < np.inf  # neither infinite nor NaN: no opinion
        ):
            # Asked for every row, whether an intent may follow or not: what it remembers must not depend on answers.
            target = _target(row, position[slot], position_max[slot], parameters, memory[slot])
            target = min(position_max[slot], max(-position_max[slot], target))
            if target != position[slot] and unanswered[slot] == 0 and now >= rests_until[slot]:
                return at, target, WANT_INTENT
            if overdue[slot] != NEVER and now >= overdue[slot]:
                return at, target, WANT_ANOTHER
        at += 1
    return at, 0, WANT_NOTHING


_shipped: Scan = njit(cache=True)(_loop)


def scan_of(target: Target) -> Scan:
    """The loop with a strategy's kernel in it.

    Raises:
        ConfigError: The kernel cannot be compiled for what it is called with.
    """
    if target is STRATEGY:
        return _shipped
    loop = FunctionType(_loop.__code__, {**globals(), "_target": target.kernel}, f"scan_{target.name}")
    return _Told(njit(loop), target.name)


class _Told:
    """A loop that has not been compiled yet: what is wrong with the user's kernel is said in one line."""

    def __init__(self, loop: Scan, name: str) -> None:
        self._loop = loop
        self._name = name

    def __call__(self, *arguments: Any) -> tuple[int, int, int]:
        from numba.core.errors import NumbaError

        try:
            return self._loop(*arguments)
        except NumbaError as error:
            said = " ".join(line.strip() for line in str(error).splitlines() if line.strip())
            raise ConfigError(
                "a strategy's kernel cannot be compiled", kind="plugin_compile", got=said, where=self._name,
                allowed="(row, position, position_max, parameters, memory) -> int, in numba's Python",
            ) from error  # fmt: skip
