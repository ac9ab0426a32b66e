"""One output partition: numbered and framed; what a former life left is compared with what comes again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from schemas.catalog import TICK_SCHEMA
from schemas.clock import Clock
from schemas.codec import encode
from schemas.errors import SnapshotError, StateDiverged
from schemas.header import Header, Side, no_stamps, pack, unpack
from schemas.tick import TICK
from streams.log import Record, TopicSpec
from streams.memory import MemoryLog
from streams.outputs import Output, Recorded

TOPIC = "ticks.test"


def ticks(first: int, count: int) -> Any:
    rows = np.zeros(count, dtype=TICK)
    rows["root_seq"] = np.arange(first, first + count)
    rows["ts_log"] = 1_000 + rows["root_seq"]
    return rows


class Life:
    """One life of a task that writes to one output."""

    def __init__(self, log: MemoryLog, *, seq: int = 0, frame_rows: int = 4) -> None:
        self.log = log
        self.output = Output(TOPIC, 0, "me", frame_rows=frame_rows)
        self.output.seq = seq
        self._writer = log.writer("me")
        self._writer.begin()
        self.recorded: Recorded = self.output.recall(log)

    def rows(self, first: int, count: int, *, cause: int = 0, sides: tuple[Side, ...] = ()) -> None:
        rows = ticks(first, count)
        self.written(rows, cause, sides)

    def written(self, rows: Any, cause: int = 0, sides: tuple[Side, ...] = ()) -> None:
        stamps = np.repeat(no_stamps(), len(rows), axis=0)
        ordinals = np.arange(cause, cause + len(rows))
        self.output.append_rows(self._writer, TICK_SCHEMA, rows, stamps, ordinals, (), sides)

    def document(self, ts: int, key: bytes = b"k") -> None:
        self.output.append_document(self._writer, key, Clock(ts=ts), no_stamps(), 0, (), ())


@pytest.fixture
def log() -> MemoryLog:
    log = MemoryLog()
    log.create([TopicSpec(TOPIC)])
    return log


def records(log: MemoryLog) -> list[tuple[Record, Header]]:
    found = []
    for record in log.scan(TOPIC, 0, 0, committed=False):
        assert record.header is not None
        found.append((record, unpack(record.header)))
    return found


def test_rows_are_numbered_without_a_gap_however_they_are_framed(log: MemoryLog) -> None:
    life = Life(log)
    for first, count in ((0, 10), (10, 1), (11, 4)):
        life.rows(first, count, cause=first)
    headers = [header for _, header in records(log)]
    assert [(h.seq, h.count) for h in headers] == [(0, 4), (4, 4), (8, 2), (10, 1), (11, 4)]
    assert [h.cause for h in headers] == [0, 4, 8, 10, 11]
    assert [h.time for h in headers] == [1_000 + h.seq for h in headers]
    assert life.output.seq == 15


def test_documents_count_with_rows(log: MemoryLog) -> None:
    life = Life(log)
    life.rows(0, 3)
    life.document(7)
    assert [h.seq for _, h in records(log)] == [0, 3]
    assert life.output.seq == 4


def test_what_comes_again_the_same_passes_in_any_framing(log: MemoryLog) -> None:
    first = Life(log, frame_rows=5)
    first.rows(0, 12)
    first.document(1)
    second = Life(log, frame_rows=3)
    assert second.output.recalls
    second.rows(0, 7)
    second.rows(7, 5)
    assert second.output.recalls
    second.document(1)
    assert not second.output.recalls
    second.output.check_regenerated()


def test_lives_that_each_wrote_a_part_are_one_record(log: MemoryLog) -> None:
    Life(log).rows(0, 5)
    Life(log, frame_rows=2).rows(0, 9)
    third = Life(log)
    assert sum(len(rows) for rows in third.recorded.rows) == 9
    third.rows(0, 20)
    assert not third.output.recalls


def test_from_a_snapshot_on_only_what_follows_is_recalled(log: MemoryLog) -> None:
    Life(log, frame_rows=6).rows(0, 12)
    second = Life(log, seq=8)
    assert sum(len(rows) for rows in second.recorded.rows) == 4
    second.rows(8, 4)
    assert not second.output.recalls


@pytest.mark.parametrize("at", [0, 5, 11])
def test_another_row_is_named_by_its_place_and_column(log: MemoryLog, at: int) -> None:
    Life(log).rows(0, 12)
    changed = ticks(0, 12)
    changed["size"][at] = 99
    with pytest.raises(StateDiverged, match=rf"ticks.test\[0\] seq {at} of me: .*got size=99; allowed: size=0"):
        Life(log).written(changed)


def test_another_document_is_named_by_its_place(log: MemoryLog) -> None:
    Life(log).document(1)
    with pytest.raises(StateDiverged, match="seq 0 of me"):
        Life(log).document(2)


def test_another_key_is_another_document(log: MemoryLog) -> None:
    Life(log).document(1)
    with pytest.raises(StateDiverged):
        Life(log).document(1, key=b"other")


def test_less_than_the_log_holds_is_noticed_at_the_end(log: MemoryLog) -> None:
    first = Life(log)
    first.rows(0, 6)
    second = Life(log)
    second.rows(0, 5)
    with pytest.raises(StateDiverged, match="regenerated less than the log holds"):
        second.output.check_regenerated()


def test_what_others_wrote_is_none_of_its_business(log: MemoryLog) -> None:
    appender = log.appender()
    clock = encode(Clock(ts=1))
    strange: list[tuple[bytes, bytes | None]] = [
        (b"x", None), (b"x", b""), (b"x", b"\x54\x01 cut"),
        (clock, pack(Header(schema=23, version=1, seq=0, time=0, writer="another"))),
        (b"x", pack(Header(schema=99, version=1, seq=0, time=0, writer="me"))),
        (b"cut", pack(Header(schema=3, version=1, seq=0, time=0, writer="me", count=7))),
    ]  # fmt: skip
    for value, header in strange:
        appender.append(TOPIC, 0, None, value, header)
    life = Life(log)
    assert not life.output.recalls
    assert life.recorded.cause_max == -1
    life.rows(0, 3)


def test_it_tells_how_far_its_forerunners_had_come_and_which_sides_they_had_heard(log: MemoryLog) -> None:
    side = Side(place=4, input=0, partition=0, writer_crc=1, seq=2)
    Life(log, frame_rows=2).rows(0, 6, cause=10, sides=(side,))
    recorded = Life(log, seq=2).recorded
    assert recorded.sides == {side}, "told once, in a frame that this life has gone past"
    assert recorded.cause_max == 15, "of the last row, where each input gave one"


def test_a_place_is_told_once_in_a_partition(log: MemoryLog) -> None:
    sides = tuple(Side(place=at, input=0, partition=0, writer_crc=1, seq=at) for at in (1, 2))
    life = Life(log, frame_rows=2)
    life.rows(0, 6, sides=sides[:1])
    life.rows(6, 2, sides=sides[1:])
    told = [unpack(record.header or b"").sides for record in log.scan(TOPIC, 0, 0, committed=False)]
    assert told == [sides[:1], (), (), sides[1:]]


def test_a_log_that_ends_before_where_it_should_be_read_from_is_refused(log: MemoryLog) -> None:
    life = Life(log)
    life.output.since = 10**6
    with pytest.raises(SnapshotError, match="position"):
        life.output.recall(log)


def test_the_last_cause_of_a_sample_is_known(log: MemoryLog) -> None:
    life = Life(log, frame_rows=16)
    rows = ticks(0, 3)
    stamps = np.repeat(no_stamps(), 3, axis=0)
    life.output.append_rows(life._writer, TICK_SCHEMA, rows, stamps, np.array([0, 64, 128]), (), ())
    assert Life(log).recorded.cause_max == 128


def test_several_rows_of_the_very_first_input_are_written(log: MemoryLog) -> None:
    stamps = np.repeat(no_stamps(), 3, axis=0)
    life = Life(log)
    life.output.append_rows(life._writer, TICK_SCHEMA, ticks(0, 3), stamps, np.zeros(3, np.int64), (), ())
    assert unpack(next(iter(log.scan(TOPIC, 0, 0, committed=False))).header or b"").cause == 0
