"""Laws of pins, for any history: what the id depends on, and what it does not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.definitions import DEFINITIONS
from feeds.venues import adapter_of
from replay.pins.chain import MARK_BYTES, MARKS_MAX, Chain, Marks
from replay.pins.measuring import measure
from replay.pins.selection import Selection
from replay.tape_time import between
from schemas import fingerprints
from schemas.catalog import CATALOG, DEFINITION, RAW, TICK_SCHEMA
from schemas.codec import encode
from schemas.fingerprints import FINGERPRINTS, fingerprint
from schemas.header import Header, pack
from schemas.tick import ACTION_TRADE, FLAG_CORRECTION, FLAG_RETRACTION, TICK
from streams.agent import Payload
from streams.log import Record, TopicSpec
from streams.memory import MemoryLog

EXAMPLES = 30
SINCE, UNTIL = 100, 200
RANGE = Selection(SINCE, UNTIL, UNTIL)


class Said(NamedTuple):
    """A record of a made-up history: ``kind`` is raw, ticks or definitions."""

    kind: str
    time: int
    value: bytes


SAID = st.builds(Said, st.sampled_from(["raw", "ticks", "definitions"]), st.integers(50, 250), st.binary(max_size=4))
HISTORY = st.lists(SAID, max_size=30)
TOPIC = {"raw": "raw.binance", "ticks": "ticks.binance", "definitions": "definitions"}
SCHEMA = {"raw": RAW, "ticks": TICK_SCHEMA, "definitions": DEFINITION}
ANCHOR = Said("raw", SINCE, b"anchor")


def log_of(history: list[Said], cuts: int = 0) -> MemoryLog:
    """A history in a log; ``cuts`` shifts offsets by transactions' markers and aborted records."""
    log = MemoryLog()
    log.create([TopicSpec(topic) for topic in TOPIC.values()])
    seqs = dict.fromkeys(TOPIC, 0)
    for n, said in enumerate(sorted(history, key=lambda said: said.time)):
        schema, topic = SCHEMA[said.kind], TOPIC[said.kind]
        header = pack(
            Header(schema=schema.number, version=schema.version, seq=seqs[said.kind], time=said.time, writer="binance")
        )
        seqs[said.kind] += 1
        if cuts and n % cuts == 0:
            writer = log.writer("w")
            writer.begin()
            writer.append(topic, 0, b"k", b"never committed", header)
            writer = log.writer("w")
            writer.begin()
            writer.append(topic, 0, b"k", said.value, header)
            writer.commit()
        else:
            log.appender().append(topic, 0, b"k", said.value, header)
    return log


def id_of(history: list[Said], cuts: int = 0, selection: Selection = RANGE) -> str:
    return measure(log_of([ANCHOR, *history], cuts), selection).data.id


@settings(max_examples=EXAMPLES)
@given(HISTORY, st.integers(1, 5))
def test_offsets_markers_and_aborted_records_do_not_change_an_id(history: list[Said], cuts: int) -> None:
    assert id_of(history, cuts) == id_of(history)


@settings(max_examples=EXAMPLES)
@given(HISTORY, st.lists(SAID.filter(lambda said: said.time > UNTIL), max_size=5))
def test_what_came_after_the_range_and_the_cutoff_is_not_seen(history: list[Said], later: list[Said]) -> None:
    before = [said for said in history if said.time <= UNTIL]
    assert id_of(before + later) == id_of(before)


@settings(max_examples=EXAMPLES)
@given(HISTORY, st.integers(UNTIL + 1, 240))
def test_a_definition_is_seen_from_the_time_on_at_which_it_became_known(history: list[Said], at: int) -> None:
    revised = Said("definitions", at, encode(DEFINITIONS[0]))
    before = [said for said in history if said.time != at]
    unknown, known = (Selection(SINCE, UNTIL, cutoff) for cutoff in (at - 1, at))
    assert id_of([*before, revised], selection=unknown) == id_of(before, selection=unknown)
    assert id_of([*before, revised], selection=known) != id_of(before, selection=known)


class Word(NamedTuple):
    """What a publisher says of a trade: ``kind`` is trade, correction or bust."""

    time: int
    kind: str
    trade_id: int
    price: int

    @property
    def payload(self) -> bytes:
        told = {"price": str(self.price), "size": "1", "side": "buy"} if self.kind != "bust" else {}
        return orjson.dumps({"type": self.kind, "instrument": "spot:BTCUSDT", "trade_id": self.trade_id, **told})


WORDS = st.lists(
    st.builds(Word, st.integers(SINCE, UNTIL - 1), st.sampled_from(["trade", "correction", "bust"]), st.integers(1, 3),
              st.integers(1, 9)), max_size=12,
)  # fmt: skip


def tape_of(words: list[Word]) -> MemoryLog:
    """Payloads, and the ticks that normalise makes of them, a frame a payload."""
    log = MemoryLog()
    log.create([TopicSpec(topic) for topic in TOPIC.values()])
    adapter = adapter_of("acme")
    state, appender, seq = adapter.start(), log.appender(), 0
    for n, word in enumerate(words):
        appender.append(TOPIC["raw"], 0, b"k", word.payload, pack(
            Header(schema=RAW.number, version=RAW.version, seq=n, time=word.time, writer="binance")))  # fmt: skip
        rows, _, _ = adapter.ingest(state, [Payload("acme", n, word.time, b"spot:BTCUSDT", word.payload)])
        if len(rows):
            appender.append(TOPIC["ticks"], 0, None, rows.tobytes(), pack(
                Header(schema=TICK_SCHEMA.number, version=TICK_SCHEMA.version, seq=seq, time=int(rows["ts_log"][0]),
                       writer="normalise", count=len(rows))))  # fmt: skip
            seq += len(rows)
    return log


def standing(log: MemoryLog, selection: Selection) -> dict[int, int]:
    """Prices by trade id, as the ticks of a selection tell them to who does as the contract says."""
    trades: dict[int, int] = {}
    for entry in between(log, TOPIC["ticks"], 0, selection.since, selection.end, raw=False):
        for row in np.frombuffer(entry.record.value, TICK):
            if row["flags"] & FLAG_RETRACTION:
                assert trades.pop(int(row["sequence"])) == row["price"]
            elif row["action"] == ACTION_TRADE or row["flags"] & FLAG_CORRECTION:
                trades[int(row["sequence"])] = int(row["price"])
    return {trade: price // 10**9 for trade, price in trades.items()}


def said_by(words: list[Word], time: int) -> dict[int, int]:
    """The same, by what had been said at a time; a trade that was busted never comes back."""
    trades: dict[int, int | None] = {}
    for word in words:
        if word.time > time or (word.trade_id in trades) == (word.kind == "trade"):
            continue
        if trades.get(word.trade_id, 0) is not None:
            trades[word.trade_id] = None if word.kind == "bust" else word.price
    return {trade: price for trade, price in trades.items() if price is not None}


@settings(max_examples=100, deadline=None)
@given(WORDS, st.integers(SINCE, UNTIL))
def test_a_retraction_is_seen_from_the_time_on_at_which_it_came(words: list[Word], cutoff: int) -> None:
    """And not before: until then the trade stands as it was told, whatever has become known since."""
    words.sort(key=lambda word: word.time)
    words = [Word(SINCE, "trade", 1, 5), *words]
    known = Selection(SINCE, UNTIL, cutoff)
    then = [word for word in words if word.time <= cutoff]
    assert standing(tape_of(words), known) == standing(tape_of(then), known) == said_by(words, cutoff)
    assert measure(tape_of(words), known).data.id == measure(tape_of(then), known).data.id
    all_of_it = Selection(SINCE, UNTIL, UNTIL)
    assert standing(tape_of(words), all_of_it) == said_by(words, UNTIL)
    changed = measure(tape_of(words), all_of_it).data.id != measure(tape_of(then), all_of_it).data.id
    assert changed == (len(then) < len(words))


@settings(max_examples=EXAMPLES)
@given(HISTORY, st.data())
def test_any_changed_byte_within_is_another_id(history: list[Said], data: st.DataObject) -> None:
    seen = [n for n, s in enumerate(history) if s.value and (s.kind == "definitions" or s.time >= SINCE)]
    seen = [n for n in seen if history[n].time < UNTIL]
    if not seen:
        return
    n = data.draw(st.sampled_from(seen))
    at, bit = data.draw(st.integers(0, len(history[n].value) - 1)), data.draw(st.integers(0, 7))
    value = bytearray(history[n].value)
    value[at] ^= 1 << bit
    assert id_of([*history[:n], history[n]._replace(value=bytes(value)), *history[n + 1 :]]) != id_of(history)


KEYS = st.none() | st.binary(max_size=3)
RECORDS = st.lists(st.tuples(KEYS, st.binary(max_size=3), KEYS), max_size=8)


def digest(parts: list[tuple[bytes | None, bytes, bytes | None]], offset: int = 0) -> str:
    chain = Chain()
    for n, (key, value, header) in enumerate(parts):
        chain.add(Record("t", 0, offset + n, key, value, header))
    return chain.digest


@given(RECORDS, RECORDS)
def test_two_chains_agree_only_where_their_records_do(one: list, other: list) -> None:  # type: ignore[type-arg]
    assert (digest(one) == digest(other, 17)) == (one == other)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 40), st.integers(1, 8))
def test_marks_find_a_changed_record_within_their_stride(changed: int, power: int) -> None:
    """As if marks had been thinned out: every second is dropped each time."""
    one, other = Chain(), Chain()
    for n in range(41):
        one.add(Record("t", 0, n, None, b"x", b""))
        other.add(Record("t", 0, n, None, b"y" if n == changed else b"x", b""))
    stride = 1 << (power % 4)
    thinned = Marks(stride, b"".join(one.marks._at(stride)))
    found = thinned.first_difference(other.marks)
    assert found == changed // stride * stride or (found is None and changed >= 41 // stride * stride)


def test_marks_stay_bounded_and_right_when_they_are_thinned_out() -> None:
    one, other = Chain(), Chain()
    records = MARKS_MAX * 2 + 3
    for n in range(records):
        one.add(Record("t", 0, n, None, b"", b""))
        other.add(Record("t", 0, n, None, b"!" if n == 100_001 else b"", b""))
    assert len(one.marks.hashes) <= MARKS_MAX * MARK_BYTES
    assert one.marks.stride == 4
    assert one.marks.first_difference(other.marks) == 100_000


def test_the_newest_version_of_each_schema_has_its_frozen_fingerprint() -> None:
    assert set(FINGERPRINTS) == {(s.name, v) for s in CATALOG for v in range(1, s.version + 1)}, fingerprints.__name__
    for schema in CATALOG:
        assert FINGERPRINTS[schema.name, schema.version] == fingerprint(schema), schema.name
