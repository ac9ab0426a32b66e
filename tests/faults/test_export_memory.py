"""A desk's day, exported: from the log, from the archive alone, as a pin; whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from replay.export.exporting import export
from replay.joined_log import JoinedLog
from replay.pins.pinning import event_of, pin
from replay.pins.tags import give
from replay.replay_what import Asked, asked_for
from schemas.codec import decode
from schemas.errors import ConfigError, StateDiverged
from schemas.order import Order
from schemas.tick import TICK
from streams.home import HOME_VARIABLE
from streams.memory import MemoryLog
from tests.archive_world import archived
from tests.faults.test_pins_memory import MIDDLE, NOW, SAID, copied, flipped, selection
from tests.replay_desk import START_NS, recorded

TICKS = "ticks.simulator"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    return recorded(1, kinds=("crash",))


def ticks_of(log: MemoryLog) -> Any:
    values = [r.value for r in log.scan(TICKS, 0, 0, committed=True) if len(r.value) % TICK.itemsize == 0]
    return np.concatenate([np.frombuffer(value, TICK) for value in values])


def exported(log: Any, asked: Asked, topic: str, out: Path) -> pa.Table:
    assert export(log, asked, topic, out).rows > 0
    return pq.read_table(out)


def test_a_day_is_all_that_was_recorded_on_it_and_nothing_else(log: MemoryLog, tmp_path: Path) -> None:
    ticks = ticks_of(log)
    day = datetime.fromtimestamp(START_NS // 10**9, UTC).date()
    whole = exported(log, asked_for(log, day.isoformat()), TICKS, tmp_path / "day.parquet")
    assert whole["root_seq"].to_pylist() == ticks["root_seq"].tolist()
    assert whole["seq"].to_pylist() == list(range(len(ticks)))
    half = exported(log, Asked("live", since_ns=MIDDLE), TICKS, tmp_path / "half.parquet")
    assert 0 < len(half) < len(ticks)
    assert pc.min(half["ts_log"]).cast("int64").as_py() >= MIDDLE
    assert half["seq"].to_pylist() == list(range(len(ticks) - len(half), len(ticks)))
    with pytest.raises(ConfigError, match="nothing to export"):
        export(log, asked_for(log, "2001-01-01"), TICKS, tmp_path / "none.parquet")
    assert not [path for path in tmp_path.iterdir() if "none" in path.name]


def test_the_archive_alone_gives_the_same_bytes(log: MemoryLog, tmp_path: Path) -> None:
    archived(log, tmp_path / "archive")
    for topic in (TICKS, "orders", "executions", "orders.decision"):
        export(log, Asked("live"), topic, tmp_path / "log.parquet")
        export(JoinedLog(None, tmp_path / "archive"), Asked("live"), topic, tmp_path / "archive.parquet")
        one, other = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("log", "archive"))
        assert one.equals(other)


def test_orders_and_what_is_nested_in_decisions_come_out_as_they_are(log: MemoryLog, tmp_path: Path) -> None:
    orders = [decode(r.value, Order) for r in log.scan("orders", 0, 0, committed=True) if b'"type":"order"' in r.value]
    found = exported(log, Asked("live"), "orders", tmp_path / "orders.parquet")
    assert found["client_order_id"].to_pylist() == [order.client_order_id for order in orders]
    assert found["limit_price"].to_pylist() == [order.limit_price for order in orders]
    assert found["ts"].cast("int64").to_pylist() == [order.ts for order in orders]
    assert orjson.loads(found["root"][0].as_py())["source"] == "simulator"
    decisions = exported(log, Asked("live"), "orders.decision", tmp_path / "decisions.parquet")
    assert all(orjson.loads(checks) for checks in decisions["checks"].to_pylist())


def test_features_stand_under_their_names_and_scores_beside_their_touch(log: MemoryLog, tmp_path: Path) -> None:
    features = exported(log, Asked("live"), "features", tmp_path / "features.parquet")
    assert "values" not in features.schema.names
    assert pa.float64() in features.schema.types
    scores = exported(log, Asked("live"), "scores", tmp_path / "scores.parquet")
    assert scores["score"].null_count == 0


def test_a_pin_is_verified_before_it_leaves(log: MemoryLog, tmp_path: Path) -> None:
    made = pin(log, selection(MIDDLE), ts=NOW)
    give(log, event_of(made, "noon", ts=NOW, **SAID), moves=False)
    asked = asked_for(log, "noon")
    found = exported(log, asked, TICKS, tmp_path / "pin.parquet")
    assert found.schema.metadata[b"tapedeck.pin"].decode() == made.id
    assert 0 < len(found) < len(ticks_of(log))
    frames = sum(1 for _ in log.scan(TICKS, 0, 0, committed=True))
    damaged = copied(log, flipped(TICKS, frames - 2))  # the last frame within the pin
    with pytest.raises(StateDiverged):
        export(damaged, replace(asked), TICKS, tmp_path / "damaged.parquet")
    assert not (tmp_path / "damaged.parquet").exists()


def test_an_export_that_fails_leaves_what_stood_there(
    log: MemoryLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "ticks.parquet"
    export(log, Asked("live"), TICKS, out)
    before = out.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        export(log, Asked("live"), TICKS, out)
    assert out.read_bytes() == before
    assert not [path.name for path in tmp_path.iterdir() if path.name.endswith(".new")]
