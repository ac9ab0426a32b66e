"""The newest touch of each instrument, and what its flags say of the book. Vectorised: no look at single rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from schemas.columns import PRICE_UNDEFINED
from schemas.tick import FLAG_CROSSED, FLAG_DEPTH_UNSYNCED, FLAG_SUSPECT


class Touch(NamedTuple):
    """An instrument's last row: prices in 1e-9, None for an empty side; log time, ns."""

    bid: int | None
    ask: int | None
    unsynced: bool
    crossed: bool
    log_time_ns: int
    suspect: bool = False


def touch_of(bid: int, ask: int, log_time_ns: int, *, unsynced: bool) -> Touch:
    """A touch from columns as they stand in rows."""
    sides = [None if price <= 0 or price == PRICE_UNDEFINED else price for price in (bid, ask)]
    crossed = None not in sides and bid >= ask
    return Touch(sides[0], sides[1], unsynced, crossed, log_time_ns)


class Touches:
    """Takes ticks in their order.

    Attributes:
        newest: Last touch by instrument id.
        log_time_ns: Newest log time; 0 before any tick.
    """

    def __init__(self) -> None:
        self.newest: dict[int, Touch] = {}
        self.log_time_ns = 0

    def take(self, rows: Any) -> None:
        """Take the last row of each instrument."""
        newest_first = rows[::-1]
        ids, at = np.unique(newest_first["instrument_id"], return_index=True)
        for instrument_id, row in zip(ids.tolist(), newest_first[at], strict=True):
            flags = int(row["flags"])
            touch = touch_of(
                int(row["bid_price"]), int(row["ask_price"]), int(row["ts_log"]),
                unsynced=bool(flags & FLAG_DEPTH_UNSYNCED),
            )  # fmt: skip
            self.newest[instrument_id] = touch._replace(
                crossed=bool(flags & FLAG_CROSSED), suspect=bool(flags & FLAG_SUSPECT)
            )
            self.log_time_ns = max(self.log_time_ns, touch.log_time_ns)

    def older(self, instrument_id: int, touch: Touch) -> bool:
        """Take what is known from elsewhere, unless a row was seen that is as new; whether it was taken."""
        known = self.newest.get(instrument_id)
        if known is not None and known.log_time_ns >= touch.log_time_ns:
            return False
        self.newest[instrument_id] = touch
        return True
