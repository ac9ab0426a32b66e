"""Frames whose headers are looked at all at once are joined as those that are unpacked one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from replay import tick_stretch
from replay.due import Due
from replay.large_frames import in_large_frames
from replay.tick_stretch import Stretch, heads_of, in_batches, one_by_one
from schemas.catalog import END, TICK_SCHEMA
from schemas.header import Header, Side, no_stamps, pack
from schemas.tick import TICK
from streams.log import Record

ODD = ("hole", "writer", "end", "bare", "torn", "hops", "back")
"""What may be amiss with a frame, or end a run of them."""
CUTS = st.lists(st.tuples(st.integers(1, 700), st.sampled_from(["", "varying", "sides"])), min_size=1, max_size=24)
BROKEN = st.lists(st.tuples(st.integers(0, 23), st.sampled_from(ODD)), max_size=3)
WRITER = "normalise"


def records(cuts: list[tuple[int, str]], broken: dict[int, str]) -> list[Record]:
    found: list[Record] = []
    seq = 0
    for at, (count, how) in enumerate(cuts):
        odd = broken.get(at, "")
        seq += odd == "hole"
        rows = np.zeros(count, dtype=TICK)
        rows["root_seq"] = np.arange(seq, seq + count)
        stamps = no_stamps(3) if how != "varying" else np.arange(3 * count, dtype=np.int64).reshape(count, 3)
        header = Header(
            schema=END.number if odd == "end" else TICK_SCHEMA.number, version=1, count=1 if odd == "end" else count,
            seq=seq, time=10 * at - 25 * (odd == "back"), cause=3 * seq, writer="other" if odd == "writer" else WRITER,
            hops=() if odd == "hops" else (0,), sides=(Side(1, 0, 0, 7, 9),) if how == "sides" else (),
            stamps=no_stamps(1) if odd == "hops" else no_stamps(3) if odd == "end" else stamps,
        )  # fmt: skip
        packed = None if odd == "bare" else pack(header)[: -3 if odd == "torn" else None]
        found.append(Record("ticks", 0, at, None, rows.tobytes(), packed))
        seq += count
    return found


def told(dues: list[Due]) -> list[tuple[object, ...]]:
    return [
        (d.time, d.partition, d.record.offset, d.record.value, d.header and (d.header.seq, d.header.count,
         d.header.cause, d.header.writer, d.header.hops, d.header.time)) for d in dues
    ]  # fmt: skip


@given(
    cuts=CUTS, broken=BROKEN, seq=st.integers(0, 3_000), first=st.integers(0, 100), last=st.integers(0, 260),
)  # fmt: skip
def test_a_batch_is_joined_as_its_frames_one_by_one(
    cuts: list[tuple[int, str]], broken: list[tuple[int, str]], seq: int, first: int, last: int
) -> None:
    made, stretch = records(cuts, dict(broken)), Stretch(WRITER, seq, first, last)
    found = in_large_frames(in_batches(iter(made), 5, stretch))
    assert told(list(found)) == told(list(in_large_frames(one_by_one(made, 5, stretch))))


@given(cuts=CUTS, broken=BROKEN, size=st.integers(1, 1_000_000))
def test_wherever_batches_are_cut_the_rows_are_the_same(
    cuts: list[tuple[int, str]], broken: list[tuple[int, str]], size: int
) -> None:
    made, stretch = records(cuts, dict(broken)), Stretch(WRITER, 0, 0, 1_000)
    known, tick_stretch.BATCH_BYTES = tick_stretch.BATCH_BYTES, size
    try:
        found = list(in_large_frames(in_batches(iter(made), 5, stretch)))
    finally:
        tick_stretch.BATCH_BYTES = known
    assert b"".join(d.record.value for d in found) == b"".join(d.record.value for d in one_by_one(made, 5, stretch))
    assert [d.time for d in found] == sorted(d.time for d in found)


def test_what_is_not_all_of_one_way_is_not_looked_at_at_once() -> None:
    cuts = [(4, ""), (5, "varying"), (6, "sides")]
    assert heads_of(records(cuts, {}), WRITER) is not None
    for odd in ("writer", "end", "bare", "torn", "hops"):
        for at in range(3):
            assert heads_of(records(cuts, {at: odd}), WRITER) is None, odd
