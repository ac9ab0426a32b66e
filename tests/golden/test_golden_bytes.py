"""One golden per schema version: the wire format cannot change unnoticed, and what was once written stays readable.

A changed golden is a changed format: raise the version, append the field with a default, keep the old file and add a
new one. Files hold what stands on the wire: hex for packed bytes, 32 to a line; JSON as it is for documents.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from schemas import catalog
from schemas.catalog import CATALOG, Schema
from schemas.clock import Clock
from schemas.codec import decode, decode_any, encode
from schemas.control import End, Halt, LimitChange, LimitsChanged, PeerBand, ReleaseCut, Resume, RunOpened, TaskStart
from schemas.dead_letter import DeadLetter
from schemas.decision import Check, Decision
from schemas.definition import Definition
from schemas.document import Document, Root
from schemas.execution import Execution
from schemas.feature import feature_dtype
from schemas.feed_health import FeedHealth
from schemas.header import HEADER_VERSION, Header, Side, pack, unpack
from schemas.intent import Intent, Touch
from schemas.order import Order
from schemas.pin_tag import PinTagged
from schemas.retry import Retried, Retry
from schemas.score import SCORE
from schemas.tick import TICK
from streams.agent import Rows
from streams.frame import decode_rows, encode_rows
from streams.state_bytes import dump, load

HERE = Path(__file__).parent / "wire"
LINE_BYTES = 32
TS = 1_723_161_600_000_000_007
ROOT = Root(source="binance", seq=2**53 + 1, part=2)
TOUCH = Touch(bid_price=61_000_500_000_000, ask_price=61_000_600_000_000, bid_size=1_500, ask_size=2**40, ts=TS - 5)
ORDERED: dict[str, Any] = {
    "client_order_id": "binance-9007199254740993-2",
    "root": ROOT,
    "ts": TS,
    "account": "demo",
    "strategy": "spine",
    "instrument_id": 3,
    "instrument": "linear:BTCUSDT",
}

DOCUMENTS: dict[str, Document] = {
    "definition": Definition(
        instrument_id=3, instrument="inverse:BTCUSD", venue="binance", market="inverse", symbol="BTCUSD_PERP",
        base="BTC", quote="USD", settlement="BTC", price_increment=100_000_000, size_increment=1_000_000_000,
        multiplier=100_000_000_000, inverse=True, valid_from=TS, revision=2,
        author="j.doe", reason="tick size halved",
    ),
    "intent": Intent(
        **ORDERED, side="buy", quantity=1_500, limit_price=61_000_600_000_000, valid_until=TS + 1_000_000_000,
        touch=TOUCH, score=-0.1, position=-(2**40), target=12, model="m" * 64, view="v" * 64,
        time_in_force="gtc", action="replace", cancels="binance-9007199254740993-1", flags=2,
    ),
    "decision": Decision(
        **ORDERED, verdict="denied", reasons=["price_collar"],
        checks=[Check(name="price_collar", value=51, limit=50, unit="bps_1e0", passed=False)],
    ),
    "order": Order(
        **ORDERED, venue="binance", symbol="BTCUSDT", side="sell", quantity=1_500, quantity_decimal="1.500",
        limit_price=61_000_600_000_000, limit_price_decimal="61000.6", valid_until=TS + 1,
        time_in_force="gtc", action="replace", cancels="binance-9007199254740993-1", gateway="okx",
    ),
    "execution": Execution(
        **ORDERED, execution_id="binance-9007199254740993-2-1", side="sell", status="partially_filled",
        last_quantity=500, last_price=61_000_600_000_000, cumulative_quantity=500, leaves_quantity=1_000,
        report_index=1, final=False, ts_event=TS - 1, venue_order_id="8886774", author="j.doe",
    ),
    "run": RunOpened(
        run="20240809t000000-ab12", mode="play", source="binance", publisher_id=1, seed=7,
        venue_latency_ns=50_000_000, account="demo", strategy="spine", parameters={"threshold_bps": 0.5},
        limits={"price_collar": {"bps": 50}}, model={"weights": [0.5, -1e-300]},
        view=[{"family": "volatility", "half_life_ns": 10_000_000_000, "name": "slow"}],
        code=[{"kind": "strategy", "load": "strategy.py:STRATEGY", "sha256": "c" * 64}], split=True,
        partitions=4, gateway="okx", build="b" * 64,
        starts={"hot": TaskStart(offset=2**40, inputs=217_091, seqs={"scores": 2**53 + 1})},
        defined=2**53 + 1,
        peers=PeerBand(
            floor_ppm=1_000, dispersions=8, fresh_ns=2 * 10**9, calibrate_ns=10**10, half_life_ns=6 * 10**10,
            shift_ns=2**53 + 1,
        ),
    ),
    "end": End(run="20240809t000000-ab12", ts=TS, inputs=217_091),
    "clock": Clock(ts=TS),
    "dead_letter": DeadLetter(
        code="bad_payload", reason="a price is not a number", task="normalise", topic="raw.binance", partition=0,
        offset=17, writer="binance", seq=17, ts=TS, key="c3BvdDpCVENVU0RU", payload="eyJwIjoiTmFOIn0=",
        kind="bad_payload.not_finite",
    ),
    "halt": Halt(
        scope="instrument", name="spot:BTCUSDT", state="REDUCING", author="j.doe", reason="venue maintenance", ts=TS
    ),
    "resume": Resume(scope="all", author="j.doe", reason="maintenance is over", ts=TS),
    "limits": LimitsChanged(
        changes=[
            LimitChange(table="account", key="message_rate_max", was=25, value=5),
            LimitChange(table="default", key="price_collar_bps", was=10.5, value=None),
            LimitChange(table="instrument", name="spot:BTCUSDT", key="quantity_max", value="0.1"),
        ],
        author="j.doe", reason="volatility", ts=TS,
    ),
    "retry": Retry(
        letters=[17, 2**53 + 1], dlq_partition=1, topic="raw.binance", partition=2, since=4_711, again=True,
        author="j.doe", reason="definition added", ts=TS,
    ),
    "pin_tag": PinTagged(
        name="q3-study", pin="0a" * 32, was="0b" * 32, namespace="demo.r.", since=TS, until=TS + 2, known_by=TS + 1,
        topics=["raw.binance"], author="j.doe", reason="revised definitions", ts=TS,
    ),
    "feed_health": FeedHealth(
        source="binance", instrument="linear:BTCUSDT", instrument_id=3, window_start=TS - 7, window_ns=10**10,
        topic="ticks.binance", partition=1, begin_offset=5, begin_row=2, end_offset=2**40, end_row=7, part=1, parts=3,
        ticks=2**40, trades=12, suspect=3, out_of_order=1, gaps=2, stale_ns=10**9, skew_ns_min=-5, skew_ns_mean=11,
        skew_ns_max=2**40, last_ts=TS, synced=True, rejected=2, reasons={"bad_payload.not_finite": 2}, retracted=4,
    ),
    "retried": Retried(retry=9, first_seq=2**46 + 5, copies=1, gone=1, ts=TS),
}  # fmt: skip
DOCUMENTS["release"] = ReleaseCut(
    release="rel-0123456789ab", from_run="live-0123456789ab",
    opening=msgspec.structs.replace(
        cast("RunOpened", DOCUMENTS["run"]), gateway=msgspec.UNSET, defined=msgspec.UNSET, peers=msgspec.UNSET
    ),
    definitions=[], topology="desk/topology.toml", commit="d" * 40, author="j.doe", reason="model 14", ts=TS,
)  # fmt: skip


def some_rows(dtype: np.dtype[Any]) -> Rows:
    """Two rows in which every byte counts: a run of bytes, and the extremes."""
    rows = np.zeros(2, dtype)
    rows[:1] = np.frombuffer(bytes(i % 251 for i in range(dtype.itemsize)), dtype)
    for name in dtype.names or ():
        kind = dtype[name].base
        rows[name][1] = -0.5 if kind.kind == "f" else np.iinfo(kind).max
    return rows


ROWS: dict[str, Rows] = {"tick": some_rows(TICK), "feature": some_rows(feature_dtype(8)), "score": some_rows(SCORE)}

HEADER = Header(
    schema=3, version=1, seq=2**53 + 1, time=TS, writer="normalise", count=2, cause=17,
    sides=(Side(place=17, input=1, partition=2, writer_crc=0xDEADBEEF, seq=9),), hops=(0, 1),
    stamps=np.array([[1, 2, 3, 4, 5], [1, 2, 3, 4, 6]], dtype=np.int64),
)  # fmt: skip

STATE_ARRAYS = {"position": np.array([[1, -2], [3, 4]], dtype="<i8"), "touch": some_rows(TICK)}
STATE_VALUES = {"seen": ["a", "b"], "high": 2**63 - 1, "decay": 0.1}


def golden(name: str) -> Path:
    return HERE / f"{name}.txt"


def hex_lines(data: bytes) -> str:
    return "\n".join(data[i : i + LINE_BYTES].hex() for i in range(0, len(data), LINE_BYTES))


def packed(name: str) -> bytes:
    return bytes.fromhex(golden(name).read_text())


def check(name: str, text: str) -> None:
    path = golden(name)
    assert path.exists(), f"no golden {path.name} yet; if its bytes are right, put this there:\n{text}"
    assert path.read_text() == text + "\n"


def of_kind(kind: str) -> list[Any]:
    return [pytest.param(s, id=f"{s.name}_v{s.version}") for s in CATALOG if s.kind == kind]


def test_the_header_has_its_golden_bytes() -> None:
    check(f"header_v{HEADER_VERSION}", hex_lines(pack(HEADER)))


def test_the_golden_header_reads_as_it_did() -> None:
    header = unpack(packed("header_v1"))
    assert (header.seq, header.time, header.writer, header.sides) == (HEADER.seq, TS, "normalise", HEADER.sides)
    assert header.stamps.tolist() == HEADER.stamps.tolist()


@pytest.mark.parametrize("schema", of_kind("rows"))
def test_rows_have_their_golden_bytes(schema: Schema) -> None:
    check(f"{schema.name}_v{schema.version}", hex_lines(encode_rows(ROWS[schema.name])))


@pytest.mark.parametrize("schema", of_kind("rows"))
def test_golden_rows_of_every_version_read_as_they_did(schema: Schema) -> None:
    for version in range(1, schema.version + 1):
        rows = decode_rows(schema.number, version, packed(f"{schema.name}_v{version}"), 2)
        for name in rows.dtype.names or ():
            assert rows[name].tobytes() == ROWS[schema.name][name].tobytes()


@pytest.mark.parametrize("schema", of_kind("document"))
def test_documents_have_their_golden_text(schema: Schema) -> None:
    check(f"{schema.name}_v{schema.version}", encode(DOCUMENTS[schema.name]).decode())


@pytest.mark.parametrize("schema", of_kind("document"))
def test_golden_documents_of_every_version_are_read(schema: Schema) -> None:
    assert schema.event is not None
    for version in range(1, schema.version + 1):
        text = golden(f"{schema.name}_v{version}").read_bytes().rstrip()
        assert decode(text, schema.event) == decode_any(text)
    assert decode_any(text) == DOCUMENTS[schema.name]


def test_a_snapshot_has_its_golden_bytes_and_reads_as_it_did() -> None:
    check(f"snapshot_v{catalog.SNAPSHOT.version}", hex_lines(dump("golden/1", STATE_ARRAYS, STATE_VALUES)))
    arrays, values = load("golden/1", packed("snapshot_v1"))
    assert values == STATE_VALUES
    for name, array in STATE_ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].tobytes() == array.tobytes()


def test_numbers_and_versions_on_the_wire_are_fixed() -> None:
    check("catalog", "\n".join(f"{s.number} {s.name} {s.version} {s.kind}" for s in CATALOG))
