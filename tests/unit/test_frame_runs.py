"""Frames decoded in runs are what they are when each is read in full: rows, places, stamps, and all that is refused."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from schemas.catalog import END, RAW
from schemas.codec import encode
from schemas.control import End
from schemas.errors import StateDiverged
from schemas.header import Header, Side, pack
from schemas.tick import TICK
from streams.admission import schemas_of
from streams.agent import Batch
from streams.frame import FRAME_ROWS_DEFAULT, FRAME_ROWS_MAX, encode_rows
from streams.inputs import FRAMES_MAX, READ_ROWS, RECORDS_MAX, Input
from streams.log import Place, Record, TopicSpec
from streams.memory import MemoryLog, MemoryReader

TOPIC = "ticks.test"
SIDE = Side(place=1, input=0, partition=0, writer_crc=1, seq=1)


def frame(seq: int, stamps: Any, **fields: Any) -> tuple[bytes, bytes]:
    """Value and header of a frame whose rows are told by their number."""
    rows = np.zeros(len(stamps), dtype=TICK)
    rows["root_seq"] = np.arange(seq, seq + len(rows))
    about = {"schema": 3, "version": 1, "time": 0, "writer": "normalise", "hops": (0,), "cause": seq, **fields}
    return encode_rows(rows), pack(Header(count=len(rows), seq=seq, stamps=stamps, **about))


def stamps_of(rng: random.Random, count: int, columns: int) -> Any:
    """Some columns the same for all rows, some not."""
    stamps = np.repeat(np.array([[rng.randrange(-5, 10**18) for _ in range(columns)]], dtype=np.int64), count, axis=0)
    for i in range(columns):
        if rng.random() < 0.4:
            stamps[:, i] += np.arange(count)
    return stamps


def tape(seed: int) -> list[Record]:
    """Frames that follow each other, and now and then what does not."""
    rng = random.Random(seed)
    records: list[Record] = []

    def put(value: bytes, header: bytes | None, key: bytes | None = None) -> None:
        records.append(Record(TOPIC, 0, len(records) * 2 if seed % 2 else len(records), key, value, header))

    at = {"normalise": 0, "another": 0}
    while len(records) < 60:
        writer = "another" if rng.random() < 0.05 else "normalise"
        hops = (0, 1) if rng.random() < 0.05 else (0,)
        count = rng.choice([1, 1, 1, 2, 7])
        value, header = frame(at[writer], stamps_of(rng, count, 1 + 2 * len(hops)), writer=writer, hops=hops)
        odd = rng.random()
        if odd < 0.05:
            put(value[:-1], header)
        elif odd < 0.10:
            put(value, rng.choice([None, b"", header[:-1], header + b"x", b"\0" * len(header)]))
        elif odd < 0.15 and at[writer] > 1:
            put(*frame(at[writer] - 2, stamps_of(rng, 4, 3), writer=writer))
            at[writer] += 2
        elif odd < 0.20:
            put(*frame(at[writer], stamps_of(rng, 2, 3), writer=writer, sides=(SIDE,)))
            at[writer] += 2
        elif odd < 0.23:
            put(b"{}", pack(Header(schema=RAW.number, version=1, seq=at[writer], time=1, writer=writer)))
        else:
            put(value, header)
            at[writer] += count
    end = encode(End(run="r", ts=1, inputs=0))
    put(end, pack(Header(schema=END.number, version=1, seq=at["normalise"], time=1, writer="normalise")), b"")
    return records


def heard(records: list[Record], rng: random.Random, *, runs: bool, writer: str | None = None) -> tuple[list[Any], Any]:
    """All that an input hands out, item by item, and where it stands at the end."""
    source = Input(MemoryLog(), TOPIC, 0, accepts=schemas_of("ticks.<source>"), writer=writer)
    source._runs = runs
    found: list[Any] = []
    at = 0
    while at < len(records):
        n = rng.randrange(1, 30)
        source.push(records[at : at + n])
        at += n
        while (arrival := source.take(rng.choice([1, 3, 1000]))) is not None:
            if isinstance(arrival, Batch):
                items = zip(arrival.items, arrival.origins, arrival.stamps, strict=True)
                found += [(bytes(row), origin.tolist(), stamps.tolist(), arrival.hops) for row, origin, stamps in items]
            else:
                found.append(str(arrival))
    return found, (source.offset, source.ordinal, source.seqs)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("writer", [None, "normalise"])
def test_runs_hand_out_what_reading_each_in_full_hands_out(seed: int, writer: str | None) -> None:
    records = tape(seed)
    in_full = heard(records, random.Random(seed), runs=False, writer=writer)
    in_runs = heard(records, random.Random(seed + 1), runs=True, writer=writer)
    assert len(in_full[0]) > 30
    assert in_runs == in_full


def test_most_frames_are_decoded_in_runs() -> None:
    source = Input(MemoryLog(), TOPIC, 0, accepts=schemas_of("ticks.<source>"))
    frames = [frame(i, np.zeros((1, 3), dtype=np.int64)) for i in range(50)]
    source.push([Record(TOPIC, 0, i, None, value, header) for i, (value, header) in enumerate(frames)])
    source._items = None  # type: ignore[method-assign,assignment]
    with pytest.raises(TypeError):
        source.take()
    del source._items
    assert len(source.take() or ()) == 50  # type: ignore[arg-type]
    source.push([Record(TOPIC, 0, 50, None, *frame(50, np.zeros((1, 3), dtype=np.int64)))])
    source._items = None  # type: ignore[method-assign,assignment]
    assert len(source.take() or ()) == 1  # type: ignore[arg-type]


def test_a_hole_behind_a_run_stops_the_task() -> None:
    source = Input(MemoryLog(), TOPIC, 0, accepts=schemas_of("ticks.<source>"))
    frames = [frame(seq, np.zeros((2, 3), dtype=np.int64)) for seq in (0, 2, 5)]
    source.push([Record(TOPIC, 0, i, None, value, header) for i, (value, header) in enumerate(frames)])
    batch = source.take()
    assert isinstance(batch, Batch)
    assert len(batch) == 4
    with pytest.raises(StateDiverged, match="hole"):
        source.take()


def test_a_count_that_no_frame_may_have_is_refused_within_a_run() -> None:
    value, header = frame(1, np.zeros((1, 3), dtype=np.int64))
    forged = bytearray(header)
    forged[4:8] = (FRAME_ROWS_MAX + 1).to_bytes(4, "little")
    source = Input(MemoryLog(), TOPIC, 0, accepts=schemas_of("ticks.<source>"))
    first = frame(0, np.zeros((1, 3), dtype=np.int64))
    source.push([Record(TOPIC, 0, 0, None, *first), Record(TOPIC, 0, 1, None, value, bytes(forged))])
    assert len(source.take() or ()) == 1  # type: ignore[arg-type]
    assert "count is out of range" in str(source.take())


class Counting(MemoryLog):
    """Remembers how many records were asked for at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def reader(self, start: Mapping[Place, int], *, committed: bool = False) -> MemoryReader:
        reader, asked = super().reader(start, committed=committed), self.asked

        class Noting(MemoryReader):
            def __init__(self) -> None:
                """Reads by the other."""

            def read(self, records_max: int, timeout_s: float) -> list[Record]:
                asked.append(records_max)
                return reader.read(records_max, timeout_s)

        return Noting()


@pytest.mark.parametrize("rows", [1, 64, 256])
def test_a_read_of_frames_aims_at_so_many_rows(rows: int) -> None:
    log = Counting()
    log.create([TopicSpec(TOPIC)])
    appender = log.appender()
    for i in range(40):
        appender.append(TOPIC, 0, None, *frame(i * rows, np.zeros((rows, 3), dtype=np.int64)))
    source = Input(log, TOPIC, 0, accepts=schemas_of("ticks.<source>"))
    while source.fill(0.0):
        source.take()
    assert log.asked[0] == READ_ROWS // FRAME_ROWS_DEFAULT, "what frames hold is not known yet"
    assert log.asked[-1] == min(FRAMES_MAX, READ_ROWS // rows)


def test_a_read_of_payloads_takes_as_many_as_it_may() -> None:
    log = Counting()
    log.create([TopicSpec("raw.test")])
    Input(log, "raw.test", 0, source="test", gapless=False, accepts=schemas_of("raw.<source>")).fill(0.0)
    assert log.asked == [RECORDS_MAX]
