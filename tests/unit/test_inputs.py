"""One input partition: frames cut and repeated, ends and bad records told apart, strangers kept from doing harm."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import orjson
import pytest

from schemas.catalog import END, EXECUTION, INTENT, RAW, SCORE_SCHEMA, TICK_SCHEMA, Schema
from schemas.codec import encode
from schemas.control import End
from schemas.errors import StateDiverged
from schemas.header import Header, pack
from schemas.score import SCORE
from schemas.tick import TICK
from streams.admission import SEQ_MAX, TS_MAX, UNNUMBERED_FROM, WRITERS_MAX, schemas_of
from streams.agent import Batch, Payload
from streams.frame import encode_rows
from streams.inputs import BadRecord, Input
from streams.log import Record, TopicSpec
from streams.memory import MemoryLog

TICKS, RAWS = "ticks.test", "raw.test"


def ticks(first: int, count: int) -> Any:
    rows = np.zeros(count, dtype=TICK)
    rows["root_seq"] = np.arange(first, first + count)
    return rows


class Tape:
    """Records for an input, one after the other."""

    def __init__(self, topic: str = TICKS) -> None:
        self.topic = topic
        self.records: list[Record] = []

    def put(self, value: bytes, header: Header | bytes | None, key: bytes | None = None, ms: int = 0) -> None:
        packed = pack(header) if isinstance(header, Header) else header
        self.records.append(Record(self.topic, 0, len(self.records), key, value, packed, ms))

    def frame(self, seq: int, count: int, writer: str = "normalise", hops: tuple[int, ...] = (0,)) -> None:
        self.put(encode_rows(ticks(seq, count)), tick_header(seq, count, writer, hops))

    def payload(self, seq: int, value: bytes = b"{}", writer: str = "test", ts_recv: int = 5) -> None:
        self.put(value, Header(schema=RAW.number, version=1, seq=seq, time=ts_recv, writer=writer), b"spot:BTCUSDT")

    def end(self, seq: int, writer: str = "normalise", value: bytes | None = None) -> None:
        end = encode(End(run="r", ts=1, inputs=seq)) if value is None else value
        self.put(end, Header(schema=END.number, version=1, seq=seq, time=1, writer=writer))


def tick_header(seq: int, count: int, writer: str = "normalise", hops: tuple[int, ...] = (0,)) -> Header:
    return Header(schema=3, version=1, count=count, seq=seq, time=0, writer=writer, hops=hops)


def reader_of(tape: Tape) -> Input:
    raw = tape.topic == RAWS
    table_name = "raw.<source>" if raw else "ticks.<source>"
    source = Input(
        MemoryLog(), tape.topic, 0, source="test" if raw else "", gapless=not raw, accepts=schemas_of(table_name)
    )
    source.push(tape.records)
    return source


def taken(source: Input, items_max: int = 100) -> list[Any]:
    """Everything an input hands out: lists of root_seq (or of payloads), BadRecords, Ends."""
    found = []
    while (arrival := source.take(items_max)) is not None:
        if isinstance(arrival, Batch):
            assert len(arrival) == len(arrival.origins) == len(arrival.stamps)
            items = arrival.items
            found.append(items if isinstance(items, list) else items["root_seq"].tolist())
        else:
            found.append(arrival)
    return found


def rows_in(found: list[Any]) -> list[int]:
    return [seq for part in found if isinstance(part, list) for seq in part]


def bad_in(found: list[Any]) -> list[BadRecord]:
    return [part for part in found if isinstance(part, BadRecord)]


def test_records_of_one_kind_come_as_one_batch() -> None:
    tape = Tape()
    tape.frame(0, 3)
    tape.frame(3, 2)
    tape.end(5)
    found = taken(reader_of(tape))
    assert found[0] == [0, 1, 2, 3, 4]
    assert isinstance(found[1], End)


@pytest.mark.parametrize("items_max", [1, 2, 3, 7])
def test_a_frame_is_handed_out_in_parts_that_add_up(items_max: int) -> None:
    tape = Tape()
    tape.frame(0, 5)
    tape.frame(5, 4)
    source = reader_of(tape)
    places, ordinals, seqs = [], [], []
    while (batch := source.take(items_max)) is not None:
        assert isinstance(batch, Batch)
        assert len(batch) <= items_max
        ordinals += batch.origins["ordinal"].tolist()
        seqs += batch.origins["seq"].tolist()
        places += batch.origins["offset"].tolist()
    assert ordinals == seqs == list(range(9))
    assert places == [0] * 5 + [1] * 4
    assert source.ordinal == 9


@pytest.mark.parametrize("seed", range(20))
def test_a_successor_goes_on_anywhere_within_a_frame(seed: int) -> None:
    rng = random.Random(seed)
    tape, at = Tape(), 0
    while at < 60:
        count = rng.randrange(1, 9)
        tape.frame(at, count)
        if rng.random() < 0.3:
            tape.frame(max(0, at - 2), min(at, 2) + rng.randrange(1, count + 1))  # a dead writer's frame, framed anew
        at += count
    log = MemoryLog()
    log.create([TopicSpec(TICKS)])
    for record in tape.records:
        log.appender().append(TICKS, 0, record.key, record.value, record.header)
    source, seen = Input(log, TICKS, 0), []
    while source.fill(0.0):
        arrival = source.take(rng.randrange(1, 7))
        if isinstance(arrival, Batch):
            seen += arrival.items["root_seq"].tolist()  # type: ignore[call-overload]
        if rng.random() < 0.4:
            successor = Input(log, TICKS, 0)
            successor.offset, successor.ordinal, successor.seqs = source.offset, source.ordinal, dict(source.seqs)
            source = successor
    assert seen == list(range(at))
    assert source.ordinal == at


def test_what_a_writer_has_said_before_is_dropped_even_when_framed_otherwise() -> None:
    tape = Tape()
    tape.frame(0, 4)
    tape.frame(0, 2)
    tape.frame(2, 4)
    tape.frame(5, 2)
    assert rows_in(taken(reader_of(tape))) == list(range(7))


def test_writers_are_counted_each_for_itself() -> None:
    tape = Tape()
    tape.frame(0, 2, "a")
    tape.frame(0, 2, "b")
    tape.frame(2, 1, "a")
    tape.frame(1, 2, "b")
    source = reader_of(tape)
    assert rows_in(taken(source)) == [0, 1, 0, 1, 2, 2]
    assert source.seqs == {"a": 3, "b": 3}


def test_a_hole_in_a_transactional_writers_numbers_stops_the_task() -> None:
    tape = Tape()
    tape.frame(0, 2)
    tape.frame(3, 1)
    source = reader_of(tape)
    with pytest.raises(StateDiverged, match=r"ticks.test\[0\]@1: a hole .* got seq 3 of normalise; allowed: seq 2"):
        taken(source)


def test_a_publisher_may_leave_a_hole() -> None:
    tape = Tape(RAWS)
    tape.payload(0)
    tape.payload(2)
    assert [p.seq for part in taken(reader_of(tape)) for p in part] == [0, 2]


def test_a_twin_of_a_payload_is_dropped() -> None:
    tape = Tape(RAWS)
    tape.payload(0)
    tape.payload(1)
    tape.payload(1)
    tape.payload(0)
    assert [p.seq for part in taken(reader_of(tape)) for p in part] == [0, 1]


def unknown(seq: int = 0, writer: str = "stranger", **fields: Any) -> Header:
    return Header(**{"schema": 99, "version": 1, "seq": seq, "time": 0, "writer": writer, **fields})


BAD: dict[str, tuple[bytes, Header | bytes | None, str]] = {
    "no header": (b"x", None, "without a header"),
    "an empty header": (b"x", b"", "truncated header"),
    "a header cut short": (encode_rows(ticks(0, 1)), pack(tick_header(0, 1))[:-3], "parts do not add up"),
    "another magic": (b"x", b"\x00" * 60, "no header of this build"),
    "an unknown schema": (b"x", unknown(), "unknown schema or version"),
    "an unknown version": (encode_rows(ticks(0, 1)), unknown(schema=3, version=2), "unknown schema or version"),
    "a frame cut short": (encode_rows(ticks(0, 2))[:-1], tick_header(0, 2, "stranger"), "truncated"),
    "a frame too long": (encode_rows(ticks(0, 2)), tick_header(0, 1, "stranger"), "too long"),
    "an empty frame": (b"", tick_header(0, 1, "stranger"), "truncated"),
    "another topic's rows": (np.zeros(1, SCORE).tobytes(), unknown(schema=SCORE_SCHEMA.number), "does not belong"),
    "another topic's document": (b"{}", unknown(schema=INTENT.number), "does not belong"),
    "a snapshot": (b"TDS1", unknown(schema=2), "does not belong"),
    "garbage for an end": (b"\xff\x00", unknown(schema=END.number), "not a end document"),
    "an end of two": (encode(End(run="r", ts=1, inputs=0)), unknown(schema=END.number, count=2), "more than one row"),
    "an absurd seq": (encode_rows(ticks(0, 1)), tick_header(2**64 - 1, 1, "stranger"), "absurd seq"),
    "unknown hops": (encode_rows(ticks(0, 1)), tick_header(0, 1, "stranger", (9,)), "unknown hops"),
    "more hops than there are": (encode_rows(ticks(0, 1)), tick_header(0, 1, "stranger", (0,) * 15), "unknown hops"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_is_refused_with_its_place_and_the_others_go_on(name: str) -> None:
    value, header, reason = BAD[name]
    tape = Tape()
    tape.frame(0, 3)
    tape.put(value, header)
    tape.frame(3, 2)
    source = reader_of(tape)
    found = taken(source)
    (bad,) = bad_in(found)
    assert reason in str(bad.error)
    assert bad.error.code == "bad_frame"
    assert (bad.record.offset, bad.ordinal) == (1, 3)
    assert rows_in(found) == list(range(5))
    assert source.ordinal == 6


NAMED = [name for name, (_, header, _) in BAD.items() if isinstance(header, Header) and header.seq < SEQ_MAX]


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("seq", [0, 2, 77])
def test_a_bad_record_in_a_writers_name_moves_nothing(name: str, seq: int) -> None:
    value, header, _ = BAD[name]
    assert isinstance(header, Header)
    tape = Tape()
    tape.frame(0, 3)
    tape.put(
        value, Header(**{f: getattr(header, f) for f in header.__struct_fields__} | {"seq": seq, "writer": "normalise"})
    )
    tape.frame(3, 2)
    found = taken(reader_of(tape))
    assert len(bad_in(found)) == 1
    assert rows_in(found) == list(range(5))


def test_a_bad_record_where_the_writers_next_one_must_stand_takes_its_place() -> None:
    tape = Tape()
    tape.frame(0, 3)
    tape.put(encode_rows(ticks(3, 2))[:-1], tick_header(3, 2))
    tape.frame(5, 2)
    found = taken(reader_of(tape))
    (bad,) = bad_in(found)
    assert (bad.writer, bad.seq) == ("normalise", 3)
    assert rows_in(found) == [0, 1, 2, 5, 6]


def test_a_repeat_that_cannot_be_read_is_refused_and_not_taken_for_a_repeat() -> None:
    tape = Tape()
    tape.frame(0, 3)
    tape.put(encode_rows(ticks(0, 3))[:-7], tick_header(0, 3))
    assert len(bad_in(taken(reader_of(tape)))) == 1


@pytest.mark.parametrize("items_max", [1, 3, 100])
def test_bad_records_have_the_same_ordinals_in_any_batching(items_max: int) -> None:
    tape = Tape()
    tape.put(b"x", None)
    tape.frame(0, 4)
    tape.put(b"x", unknown())
    tape.put(b"", tick_header(0, 1))
    tape.frame(4, 2)
    tape.put(b"", None)
    found = taken(reader_of(tape), items_max)
    assert [bad.ordinal for bad in bad_in(found)] == [0, 5, 6, 9]
    assert rows_in(found) == list(range(6))


def test_a_document_that_claims_rows_does_not_upset_its_batch() -> None:
    tape = Tape(RAWS)
    tape.payload(0)
    tape.put(b"{}", Header(schema=RAW.number, version=1, seq=1, time=5, writer="test", count=4))
    tape.payload(5)
    found = taken(reader_of(tape))
    assert len(bad_in(found)) == 1
    assert [p.seq for part in found if isinstance(part, list) for p in part] == [0, 5]


def test_a_stock_record_is_numbered_by_its_place_and_stamped_by_the_broker() -> None:
    tape = Tape(RAWS)
    tape.payload(0)
    tape.put(b"stock", None, b"spot:BTCUSDT", ms=1_723_161_254_087)
    tape.payload(1)
    found = [p for part in taken(reader_of(tape)) for p in part]
    stock = found[1]
    assert stock == Payload("test", UNNUMBERED_FROM + 1, 1_723_161_254_087_000_000, b"spot:BTCUSDT", b"stock")
    assert len({p.seq for p in found}) == 3


def test_a_stock_record_without_key_or_value_is_still_a_payload() -> None:
    tape = Tape(RAWS)
    tape.put(b"", None)
    ((payload,),) = taken(reader_of(tape))
    assert (payload.key, payload.value) == (b"", b"")


@pytest.mark.parametrize("ms", [-1, TS_MAX // 1_000_000 + 1, 2**62])
def test_a_stock_record_with_an_absurd_time_is_refused(ms: int) -> None:
    tape = Tape(RAWS)
    tape.put(b"stock", None, ms=ms)
    (bad,) = taken(reader_of(tape))
    assert bad.error.code == "bad_payload"


@pytest.mark.parametrize("ts_recv", [-1, TS_MAX + 1, 2**63 - 1])
def test_a_payload_with_an_absurd_time_is_refused(ts_recv: int) -> None:
    tape = Tape(RAWS)
    tape.payload(0, ts_recv=ts_recv)
    tape.payload(1)
    bad, (good,) = taken(reader_of(tape))
    assert bad.error.code == "bad_payload"
    assert good.seq == 1


def test_a_stranger_cannot_end_a_source() -> None:
    tape = Tape(RAWS)
    tape.payload(0)
    tape.end(1, writer="stranger")
    tape.payload(1)
    tape.end(2, writer="test")
    found = taken(reader_of(tape))
    assert len(bad_in(found)) == 1
    assert isinstance(found[-1], End)
    assert not bad_in(found[-1:])


def test_an_end_that_is_said_again_is_dropped() -> None:
    tape = Tape()
    tape.frame(0, 1)
    tape.end(1)
    tape.end(1)
    found = taken(reader_of(tape))
    assert [isinstance(part, End) for part in found] == [False, True]


def test_writers_are_bounded_and_what_one_too_many_writes_is_refused() -> None:
    tape = Tape()
    tape.frame(0, 1)
    for i in range(WRITERS_MAX + 10):
        tape.frame(0, 1, f"stranger{i}")
    tape.frame(1, 1)
    source = reader_of(tape)
    found = taken(source, 10_000)
    assert len(bad_in(found)) == 11
    assert len(source.seqs) == WRITERS_MAX
    assert source.seqs["normalise"] == 2


def test_a_crowd_of_strangers_does_not_shut_a_source_out() -> None:
    tape = Tape(RAWS)
    for i in range(WRITERS_MAX):
        tape.payload(0, writer=f"stranger{i}")
    tape.payload(0)
    found = taken(reader_of(tape), 10_000)
    assert bad_in(found) == []
    assert found[-1][-1].source == "test"


def test_positions_can_always_be_kept_in_a_snapshot() -> None:
    tape = Tape()
    for value, header, _ in BAD.values():
        tape.put(value, header)
    source = reader_of(tape)
    taken(source)
    assert orjson.dumps(source.seqs)


@pytest.mark.parametrize("schema", [TICK_SCHEMA, EXECUTION], ids=lambda s: s.name)
def test_every_topic_names_its_schemas(schema: Schema) -> None:
    table_name = {"tick": "ticks.<source>", "execution": "executions"}[schema.name]
    assert schemas_of(table_name) == (schema, END)
