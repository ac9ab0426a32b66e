"""Flags the ticks of one partition whose mid lies outside the band of its peers: one pass over the rows, in order.

For each pair of peers the relative distance of their mids, ``2 (a - b) / (a + b)``, is followed by its exponentially
weighted mean (the basis) and mean absolute deviation (the dispersion), weighted by the log time in which both were
fresh: ``keep = 2 ** (-step / half-life)``, and no less than one over the number of comparisons, so that a young pair
has the plain mean. A distance further from the basis than ``max(floor, dispersions * dispersion)`` is outside. It moves
neither basis nor dispersion: an outlier cannot widen the band that judges it. Where a pair has been outside for longer
than ``shift_ns`` of that time, the level has shifted: the pair forgets all and calibrates anew.

A tick is suspect where more than half of the calibrated pairs that can be compared say outside. A suspect mid is no
peer to others, so whoever left the others is flagged, and they are not.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from features.arithmetic import LN2, decay
from features.kernel import kernel
from schemas.columns import PRICE_UNDEFINED
from schemas.tick import FLAG_BUFFERED, FLAG_CROSSED, FLAG_DEPTH_UNSYNCED, FLAG_SUSPECT, TICK

MID = np.dtype([("mid", "<f8"), ("ts", "<i8"), ("first", "<i8"), ("peers", "<i8")])
"""By slot. mid: bid plus offer, 1e-9; 0 where it is no peer to others. ts: log time that set it. first, peers: whose
sides of pairs are its own."""
SIDE = np.dtype([("other", "<i8"), ("pair", "<i8"), ("sign", "<i8")])
"""A pair as one of the two sees it. other: the slot of its peer; sign: -1 where the distance is told from there."""
MID_WORDS, SIDE_WORDS = MID.itemsize // 8, SIDE.itemsize // 8
PAIR = np.dtype(
    [("basis", "<f8"), ("dispersion", "<f8"), ("compared", "<i8"), ("seen_ns", "<i8"), ("last", "<i8"),
     ("outside_ns", "<i8")]
)  # fmt: skip
"""Two peers. compared: how often their distance was taken in. seen_ns: log time over which it was. last: log time of
the newest comparison. outside_ns: for how long it has been outside."""

COMPARED_MIN = 50
"""Comparisons before a pair says anything, however long it has been seen."""
DOUBT = FLAG_DEPTH_UNSYNCED | FLAG_CROSSED | FLAG_BUFFERED
"""A tick with one of these flags is judged, and nothing is learned from it."""
UNKNOWN, INSIDE, OUTSIDE = 0, 1, 2
PPM = 1e6
NANOS = 1e9
TABLE, MIDS, SIDES, PAIRS, FLOOR_PPM, DISPERSIONS, FRESH_NS, CALIBRATE_NS, HALF_LIFE_NS, SHIFT_NS = range(10)
"""Places in a memory's head: how many words and rows of each part follow, and ``schemas.control.PeerBand``."""
HEAD_WORDS = 10


class Parts(NamedTuple):
    """What stands in a memory, as views.

    Attributes:
        head: int64, shape (10,).
        slots: int64 by instrument_id; -1 where undefined.
        mids: MID by slot.
        sides: SIDE; ``MID.first`` and ``MID.peers`` say whose.
        pairs: PAIR.
    """

    head: Any
    slots: Any
    mids: Any
    sides: Any
    pairs: Any


@kernel
def parts_of(memory: Any) -> Parts:
    """The parts of a memory.

    One run of int64, because a call into compiled code costs by the arrays that are handed over, and most by arrays of
    records; one message a call is usual where a feed is live.
    """
    mids = HEAD_WORDS + memory[TABLE]
    sides = mids + memory[MIDS] * MID_WORDS
    pairs = sides + memory[SIDES] * SIDE_WORDS
    return Parts(
        memory[:HEAD_WORDS],
        memory[HEAD_WORDS:mids],
        memory[mids:sides].view(MID),
        memory[sides:pairs].view(SIDE),
        memory[pairs:].view(PAIR),
    )


@kernel
def flag_suspects(data: Any, memory: Any) -> int:
    """Set ``FLAG_SUSPECT`` where it belongs.

    Args:
        data: TICK rows as their bytes, uint8, writable; ``ts_log`` does not fall.
        memory: What is remembered (``parts_of``).

    Returns:
        How many were flagged.
    """
    rows = data.view(TICK)
    band, slots, mids, sides, pairs = parts_of(memory)
    flagged = 0
    for i in range(len(rows)):
        row = rows[i]
        number = row.instrument_id
        slot = slots[number] if number < len(slots) else np.int64(-1)
        if slot < 0 or mids[slot].peers == 0:
            continue
        own = mids[slot]
        bid, ask = row.bid_price, row.ask_price
        if bid == PRICE_UNDEFINED or ask == PRICE_UNDEFINED or bid <= 0 or ask <= 0:
            own.mid = 0.0
            continue
        mid = float(bid) + float(ask)
        now = row.ts_log
        clean = row.flags & DOUBT == 0
        learns = clean and now - row.ts_touch <= band[FRESH_NS]
        judged = outside = 0
        for at in range(own.first, own.first + own.peers):
            side = sides[at]
            peer = mids[side.other]
            if peer.mid == 0.0 or now - peer.ts > band[FRESH_NS]:
                continue
            distance = side.sign * 2.0 * (mid - peer.mid) / (mid + peer.mid)
            verdict = _judge(pairs[side.pair], distance, now, learns, band)
            judged += verdict != UNKNOWN
            outside += verdict == OUTSIDE
        if 2 * outside > judged:
            row.flags |= FLAG_SUSPECT
            flagged += 1
        own.mid = mid if clean and 2 * outside <= judged else 0.0
        own.ts = row.ts_touch
    return flagged


@kernel
def _judge(pair: Any, distance: float, now: int, learns: bool, band: Any) -> int:
    """What a pair says of a distance; it is taken in where it may be."""
    step = min(max(now - pair.last, 0), band[FRESH_NS]) if pair.compared > 0 else 0
    pair.last = now
    deviation = abs(distance - pair.basis)
    verdict = UNKNOWN
    if pair.seen_ns >= band[CALIBRATE_NS] and pair.compared >= COMPARED_MIN:
        if deviation > max(band[FLOOR_PPM] / PPM, band[DISPERSIONS] * pair.dispersion):
            pair.outside_ns += step
            if pair.outside_ns <= band[SHIFT_NS]:
                return OUTSIDE
            pair.compared = 0
            pair.seen_ns = 0
            deviation = 0.0
            step = 0
        else:
            verdict = INSIDE
        pair.outside_ns = 0
    if learns:
        if pair.compared == 0:
            pair.basis = distance
            pair.dispersion = 0.0
        else:
            keep = decay(step / NANOS, LN2 * NANOS / band[HALF_LIFE_NS])
            weight = max(1.0 - keep, 1.0 / (pair.compared + 1))
            pair.basis += weight * (distance - pair.basis)
            pair.dispersion += weight * (deviation - pair.dispersion)
        pair.compared += 1
        pair.seen_ns += step
    return verdict
