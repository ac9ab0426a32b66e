"""Laws of exports: what is written is what is on the tape, in any framing; DBN comes back as the same ticks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds.dbn_feed import DbnFeed
from feeds.definitions import DEFINITIONS
from feeds.file_map import FileMap, MapFile
from feeds.simulator import SOURCE, simulate
from feeds.venues import KNOWN, adapter_of
from replay.export.exporting import export
from replay.replay_what import Asked
from schemas.catalog import DEFINITION, TICK_SCHEMA
from schemas.codec import encode
from schemas.columns import PRICE_SCALE, PRICE_UNDEFINED
from schemas.errors import ConfigError
from schemas.header import Header, pack
from schemas.sources import SOURCES
from schemas.tick import TICK
from streams.agent import Payload
from streams.log import TopicSpec
from streams.memory import MemoryLog

TOPIC = "ticks.simulator"
CARRIED = ("ts_recv", "price", "size", "action", "side", "bid_price", "ask_price", "bid_size", "ask_size",
           "instrument_id", "ts_event")  # fmt: skip
"""What a trip through DBN must not change."""
quick = settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def ticks() -> Any:
    payloads = [Payload(SOURCE, i, m.ts_recv, m.key, m.payload) for i, m in enumerate(simulate(seconds=4, seed=5))]
    adapter = adapter_of(SOURCE)
    rows = adapter.ingest(adapter.start(), payloads)[0]
    assert len(rows) > 1_000
    return rows


def tape(rows: Any, cuts: Sequence[int] = ()) -> MemoryLog:
    """A log of frames, cut at the given places, with the definitions before them."""
    log = MemoryLog()
    log.create([TopicSpec(TOPIC), TopicSpec("definitions")])
    appender = log.appender()
    for n, definition in enumerate(DEFINITIONS):
        header = Header(schema=DEFINITION.number, version=DEFINITION.version, seq=n, time=0, writer="people")
        appender.append("definitions", 0, definition.instrument.encode(), encode(definition), pack(header))
    places = sorted({0, len(rows), *cuts, *range(0, len(rows), 1_000)})
    for begin, end in pairwise(places):
        header = Header(schema=TICK_SCHEMA.number, version=TICK_SCHEMA.version, count=end - begin, seq=begin,
                        time=int(rows["ts_log"][begin]), writer="normalise")  # fmt: skip
        appender.append(TOPIC, 0, b"", rows[begin:end].tobytes(), pack(header))
    return log


def back(paths: Sequence[Path]) -> Any:
    """The ticks that a feed of DBN files gives, and how many of its rows were refused."""
    feed = DbnFeed(paths, FileMap("no map", MapFile(), KNOWN))
    payloads = [Payload(feed.source, i, line.ts_recv, line.key, line.payload) for i, line in enumerate(feed)]
    adapter = adapter_of(feed.source, feed.definitions)
    rows, _, rejects = adapter.ingest(adapter.start(), payloads)
    assert not feed.faults
    assert rejects == []
    return rows


@pytest.mark.parametrize("ending", [".dbn", ".dbn.zst"])
def test_ticks_come_back_from_dbn_as_they_left(ticks: Any, tmp_path: Path, ending: str) -> None:
    export(tape(ticks), Asked("live"), TOPIC, tmp_path / f"a{ending}")
    found = back([tmp_path / f"a{ending}"])
    assert len(found) == len(ticks)
    for name in CARRIED:
        assert (found[name] == ticks[name]).all(), name
    assert (found["publisher_id"] == SOURCES["history"]).all()


@st.composite
def any_ticks(draw: st.DrawFn) -> Any:
    """Ticks at the edges of what can be carried."""
    rows = np.zeros(draw(st.integers(1, 20)), TICK)
    definition = {d.instrument_id: d for d in DEFINITIONS}
    ts = 1_723_161_254_000_000_000
    for row in rows:
        row["instrument_id"] = draw(st.sampled_from(sorted(definition)))
        step = definition[int(row["instrument_id"])].price_increment
        price = st.sampled_from([1, 2, 6_171_234, PRICE_SCALE * PRICE_SCALE // step - 1])
        size_max = min(2**32 - 1, PRICE_SCALE * PRICE_SCALE // definition[int(row["instrument_id"])].size_increment)
        size = st.integers(1, size_max)
        trade = draw(st.booleans())
        row["action"], row["side"] = (ord("T"), ord(draw(st.sampled_from("AB")))) if trade else (ord("M"), ord("N"))
        row["price"], row["size"] = draw(price) * step, draw(size)
        for side in ("bid", "ask"):
            empty = draw(st.booleans())
            row[f"{side}_price"] = PRICE_UNDEFINED if empty else draw(price) * step
            row[f"{side}_size"] = 0 if empty else draw(size)
        ts += draw(st.integers(0, 10**12))
        row["ts_recv"] = row["ts_log"] = ts
        row["ts_event"] = draw(st.sampled_from([0, ts - 5, ts + 10**9]))
    return rows


@given(any_ticks())
@quick
def test_whatever_ticks_there_are_dbn_brings_them_back(tmp_path: Path, rows: Any) -> None:
    export(tape(rows), Asked("live"), TOPIC, tmp_path / "any.dbn")
    found = back([tmp_path / "any.dbn"])
    for name in CARRIED:
        assert found[name].tolist() == rows[name].tolist(), name


@given(st.lists(st.integers(1, 1_000), max_size=5))
@quick
def test_framing_is_no_part_of_a_parquet(ticks: Any, tmp_path: Path, cuts: list[int]) -> None:
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    export(tape(ticks), Asked("live"), TOPIC, one)
    export(tape(ticks, cuts), Asked("live"), TOPIC, other)
    assert one.read_bytes() == other.read_bytes()


def test_a_parquet_holds_every_column_exactly(ticks: Any, tmp_path: Path) -> None:
    export(tape(ticks), Asked("live"), TOPIC, tmp_path / "a.parquet")
    found = pq.read_table(tmp_path / "a.parquet")
    assert found["seq"].to_pylist() == list(range(len(ticks)))
    for name in ("price", "bid_price", "ask_price"):
        told = [None if price == PRICE_UNDEFINED else price for price in ticks[name].tolist()]
        assert found[name].to_pylist() == told
    for name in ("size", "bid_size", "ask_size", "sequence", "root_seq", "flags"):
        assert found[name].to_pylist() == ticks[name].tolist()
    assert found["ts_recv"].cast("int64").to_pylist() == ticks["ts_recv"].tolist()
    assert found["ts_event"].cast("int64").to_pylist() == [ns or None for ns in ticks["ts_event"].tolist()]
    assert found["action"].to_pylist() == [chr(letter) for letter in ticks["action"].tolist()]
    names = {d.instrument_id: d.instrument for d in DEFINITIONS}
    assert found["instrument"].to_pylist() == [names[number] for number in ticks["instrument_id"].tolist()]


def test_a_csv_tells_prices_and_sizes_as_decimals_beside_them(ticks: Any, tmp_path: Path) -> None:
    export(tape(ticks), Asked("live"), TOPIC, tmp_path / "a.csv")
    options = pyarrow.csv.ConvertOptions(column_types={"price_decimal": "string", "bid_size_decimal": "string"})
    found = pyarrow.csv.read_csv(tmp_path / "a.csv", convert_options=options)
    steps = {d.instrument_id: d.size_increment for d in DEFINITIONS}
    assert found["price"].to_pylist() == ticks["price"].tolist()
    assert found["price_decimal"].to_pylist() == [decimal(price) for price in ticks["price"].tolist()]
    sizes = zip(ticks["bid_size"].tolist(), ticks["instrument_id"].tolist(), strict=True)
    assert found["bid_size_decimal"].to_pylist() == [decimal(size * steps[number]) for size, number in sizes]


def decimal(scaled: int) -> str:
    return f"{scaled // PRICE_SCALE}.{scaled % PRICE_SCALE:09}"


def test_a_size_of_an_instrument_that_is_not_defined_has_no_text(ticks: Any, tmp_path: Path) -> None:
    """Not that of a neighbour's increment."""
    rows = ticks.copy()
    rows["instrument_id"][:2] = (0, 999_999)
    export(tape(rows), Asked("live"), TOPIC, tmp_path / "t.csv")
    told = pyarrow.csv.read_csv(tmp_path / "t.csv")
    assert told["size_decimal"].to_pylist()[:2] == [None, None]
    assert None not in told["size_decimal"].to_pylist()[2:]


def test_a_stretch_is_read_by_the_definitions_of_its_end(ticks: Any, tmp_path: Path) -> None:
    """What was corrected later means what is written later; within a stretch no definition reads all of it."""
    log, first, last = tape(ticks), int(ticks["ts_log"][0]), int(ticks["ts_log"][-1])
    appender = log.appender()
    for n, definition in enumerate(DEFINITIONS, len(DEFINITIONS)):
        header = Header(schema=DEFINITION.number, version=DEFINITION.version, seq=n, time=last + 10, writer="people")
        corrected = msgspec.structs.replace(definition, revision=2, size_increment=definition.size_increment * 10)
        appender.append("definitions", 0, definition.instrument.encode(), encode(corrected), pack(header))
    export(tape(ticks), Asked("live"), TOPIC, tmp_path / "before.csv")
    export(log, Asked("live", since_ns=first, until_ns=last + 1), TOPIC, tmp_path / "then.csv")
    assert (tmp_path / "then.csv").read_bytes() == (tmp_path / "before.csv").read_bytes()
    with pytest.raises(ConfigError) as caught:
        export(log, Asked("live"), TOPIC, tmp_path / "both.csv")
    assert caught.value.kind == "config.export_redefined"
    assert not (tmp_path / "both.csv").exists()
    export(log, Asked("live"), "definitions", tmp_path / "definitions.csv")
