"""Tick frames that follow each other go as one; nothing else does, and no row is another."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from replay.due import Due
from replay.large_frames import in_large_frames
from schemas.catalog import END, TICK_SCHEMA
from schemas.header import Header, no_stamps
from schemas.tick import TICK
from streams.log import Record

COUNTS = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from(["", "", "", "hole", "writer", "end", "bare"])), max_size=30
)


def frames(cuts: list[tuple[int, str]]) -> list[Due]:
    """Frames of so many rows; before some of them something that ends a run."""
    found: list[Due] = []
    seq, writer = 0, "normalise"
    for offset, (count, odd) in enumerate(cuts):
        seq += odd == "hole"
        writer = f"w{offset}" if odd == "writer" else writer
        rows = np.zeros(count, dtype=TICK)
        rows["root_seq"] = np.arange(seq, seq + count)
        header = Header(
            schema=END.number if odd == "end" else TICK_SCHEMA.number, version=1, count=count, seq=seq, time=offset,
            cause=seq, writer=writer, hops=(0,), stamps=no_stamps(3),
        )  # fmt: skip
        record = Record("ticks", 0, offset, None, rows.tobytes(), b"")
        found.append(Due(offset, 0, record, None if odd == "bare" else header))
        seq += count
    return found


@given(cuts=COUNTS, rows_max=st.integers(1, 12))
def test_joined_frames_hold_the_same_rows_in_order_under_the_same_numbers(
    cuts: list[tuple[int, str]], rows_max: int
) -> None:
    before = frames(cuts)
    after = list(in_large_frames(before, rows_max))
    assert b"".join(d.record.value for d in after) == b"".join(d.record.value for d in before)
    for due in after:
        if due.header is None:
            continue
        rows = np.frombuffer(due.record.value, dtype=TICK)
        assert rows["root_seq"].tolist() == [*range(due.header.seq, due.header.seq + due.header.count)]
        assert due.header.cause == due.header.seq
        assert due.header.count <= max(rows_max, 5)
    assert [d.time for d in after] == sorted({d.time for d in after})
    assert (after[-1].time if after else None) == (before[-1].time if before else None)


def test_frames_of_one_writer_become_one_and_what_differs_stays_apart() -> None:
    plain = [(2, "")] * 4
    assert [d.header.count for d in in_large_frames(frames(plain)) if d.header] == [8]
    for odd in ("hole", "writer", "end", "bare"):
        assert len(list(in_large_frames(frames([*plain, (2, odd)])))) == 2, odd
