"""Rows for the record: held back a moment, joined, and never out of their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from schemas.catalog import SCORE_SCHEMA
from schemas.header import Header, Side, unpack
from schemas.score import SCORE
from streams.frame import decode_rows
from streams.held_rows import HOLD_S, INFINITE, SMALL_ROWS, HeldRows
from streams.log import TopicSpec
from streams.memory import MemoryLog
from streams.outputs import Output

TOPIC = "scores"
HOPS = (0, 1)
PLACES = (Side(place=3, input=0, partition=0, writer_crc=1, seq=2),)


class Held:
    """Held rows over a memory log, and a clock."""

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self.log = MemoryLog()
        self.log.create([TopicSpec(TOPIC)])
        self.now = 100.0
        self.writer = self.log.writer("me")
        self.writer.begin()
        self.held = HeldRows(Output(TOPIC, 0, "me"), SCORE_SCHEMA, lambda: self.now, hold_s)
        self._next = 0

    def add(self, count: int, *, hops: tuple[int, ...] = HOPS, places: tuple[Side, ...] = (), out_ns: int = 9) -> None:
        rows = np.zeros(count, dtype=SCORE)
        rows["root_seq"] = np.arange(self._next, self._next + count)
        rows["ts_log"] = 1
        stamps: Any = np.arange(self._next, self._next + count)[:, None] + np.zeros(3, dtype=np.int64)
        ordinals = np.arange(self._next, self._next + count)
        self._next += count
        self.held.add(self.writer, rows, stamps, ordinals, hops, places, (8, out_ns))

    def frames(self) -> list[tuple[Header, Any]]:
        found = []
        for record in self.log.scan(TOPIC, 0, 0, committed=False):
            header = unpack(record.header or b"")
            found.append((header, decode_rows(header.schema, header.version, record.value, header.count)))
        return found


def test_few_rows_wait_and_leave_as_one_frame() -> None:
    held = Held()
    for out_ns in (9, 10, 11):
        held.add(2, out_ns=out_ns)
    assert not held.frames()
    assert held.held.until_s == held.now + HOLD_S, "counted from the first"
    held.held.publish(held.writer)
    ((header, rows),) = held.frames()
    assert (header.count, header.seq, header.cause, header.hops) == (6, 0, 0, HOPS)
    assert rows["root_seq"].tolist() == [0, 1, 2, 3, 4, 5]
    assert header.stamps.tolist() == [[n, n, n, 8, 9 + n // 2] for n in range(6)], "each row keeps its own times"
    assert held.held.until_s == INFINITE


def test_many_rows_leave_at_once() -> None:
    held = Held()
    held.add(SMALL_ROWS + 1)
    ((header, _),) = held.frames()
    assert header.count == SMALL_ROWS + 1


def test_what_is_held_leaves_before_what_comes_later() -> None:
    held = Held()
    held.add(3)
    held.add(SMALL_ROWS)
    assert [header.seq for header, _ in held.frames()] == [0]
    assert sum(header.count for header, _ in held.frames()) == 3 + SMALL_ROWS


@pytest.mark.parametrize("other", [{"hops": (0, 2)}, {"places": PLACES}])
def test_rows_whose_header_says_something_else_are_not_joined(other: dict[str, Any]) -> None:
    held = Held()
    held.add(2)
    held.add(2, **other)
    held.held.publish(held.writer)
    first, second = held.frames()
    assert (first[0].count, first[0].hops, first[0].sides) == (2, HOPS, ())
    assert (second[0].count, second[0].seq) == (2, 2)
    assert (second[0].hops, second[0].sides) == (other.get("hops", HOPS), other.get("places", ()))


def test_places_are_told_by_the_frame_they_were_given_for() -> None:
    held = Held()
    held.add(1, places=PLACES)
    held.add(1)
    held.held.publish(held.writer)
    ((header, _),) = held.frames()
    assert (header.sides, header.count) == (PLACES, 2)


def test_without_a_time_to_hold_nothing_waits() -> None:
    held = Held(hold_s=0.0)
    held.add(1)
    held.add(1)
    assert [header.count for header, _ in held.frames()] == [1, 1]
