"""Books as normalise knew them at its newest committed snapshot: gaps counted, and the touch of each instrument.

Gaps are told nowhere else while a run goes. The touch serves where no tick of the instrument was seen of late.
"""

from __future__ import annotations

from replay.touches import Touch, touch_of
from schemas.errors import SnapshotError
from streams.log import Record
from streams.snapshot import from_bytes
from streams.state_bytes import kind_of, load

EVERY_S = 2.0
"""Seconds between looks: a snapshot of normalise holds whole books."""


class Books:
    """Looks into snapshots now and then.

    Attributes:
        gaps: Holes in the venue's update ids by instrument id; None before there was a snapshot that can be read.
        touches: By instrument id.
    """

    def __init__(self) -> None:
        self.gaps: dict[int, int] | None = None
        self.touches: dict[int, Touch] = {}
        self._offset = -1
        self._next_s = 0.0

    def look(self, snapshot: Record | None, now_s: float, *, at_once: bool) -> bool:
        """Look into a snapshot unless it was seen, or the last look was a moment ago; whether something was learnt.

        Args:
            snapshot: Newest of the task that begins with normalise.
            now_s: Monotonic time.
            at_once: Even where the last look was a moment ago.
        """
        if snapshot is None or snapshot.offset == self._offset or (now_s < self._next_s and not at_once):
            return False
        self._offset, self._next_s = snapshot.offset, now_s + EVERY_S
        try:
            agent = from_bytes(snapshot.value).agents[0]
            rows = load(kind_of(agent), agent)[0]["instruments"]
            self.gaps = dict(zip(rows["instrument_id"].tolist(), rows["gaps"].tolist(), strict=True))
            self.touches = {
                int(row["instrument_id"]): touch_of(
                    int(row["bid_price"]), int(row["ask_price"]), int(row["ts_touch"]), unsynced=not row["synced"]
                )
                for row in rows[rows["ts_touch"] > 0]
            }
        except (SnapshotError, KeyError, IndexError, ValueError):
            return False  # of another build, or torn: for the task that recovers to judge
        return True
