"""A record's way back to its payload, in a simulated session."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from replay.cut import Cut
from replay.plan import PlayPlan
from replay.provenance import WAY, provenance
from replay.session import MemorySession
from schemas.codec import decode_any
from schemas.errors import ConfigError
from schemas.execution import Execution
from streams.log import Log

RUN = "20261124t090000-prov"


@pytest.fixture(scope="module")
def log() -> Log:
    session = MemorySession(PlayPlan(run=RUN, seconds=20.0, seed=3, speed=0.0), cut=Cut(seed=1))
    session.run(lambda: None)
    return session.log


def topic(name: str) -> str:
    return f"demo.{RUN}.{name}"


def last(log: Log, name: str, event: type[Any] | None = None) -> int:
    records = list(log.scan(topic(name), 0, 0, committed=True))
    meant = [r.offset for r in records if event is None or isinstance(decode_any(r.value), event)]
    return meant[-2]


def test_an_execution_walks_back_through_every_step_to_the_bytes_received(log: Log) -> None:
    told = provenance(log, topic("executions"), 0, last(log, "executions", Execution))
    assert told["missing"] == []
    assert [step["table"] for step in told["steps"]] == list(WAY[1:])
    raw = told["raw"]
    (payload,) = [r for r in log.scan(topic("raw.simulator"), 0, raw["offset"], committed=True)
                  if r.offset == raw["offset"]]  # fmt: skip
    assert raw["sha256"] == sha256(payload.value).hexdigest()
    tick = told["steps"][0]["columns"]
    assert (tick["root_seq"], tick["ts_recv"]) == (raw["source_seq"], raw["first_seen_ns"])
    assert (raw["source"], raw["source_seq"]) == ("simulator", told["root"]["seq"])
    for step in told["steps"]:
        assert len(step["code"]["build"]) == 64
        assert step["run"] == RUN
    by_table = {step["table"]: step for step in told["steps"]}
    intent = by_table["orders.intent"]["document"]
    assert by_table["features"]["code"]["view"] == intent["view"]
    assert by_table["scores"]["code"]["model"] == intent["model"]
    assert {step["document"]["client_order_id"] for step in told["steps"][3:]} == {intent["client_order_id"]}


def test_a_row_is_its_own_and_not_its_neighbours(log: Log) -> None:
    places = [(r.offset, n) for r in log.scan(topic("ticks.simulator"), 0, 0, committed=True) for n in (0, 1)]
    roots = []
    for offset, row in places[:40]:
        try:
            told = provenance(log, topic("ticks.simulator"), 0, offset, row)
        except ConfigError:
            continue
        roots.append((told["root"]["seq"], told["root"]["part"]))
        assert told["raw"]["source_seq"] == told["root"]["seq"]
        assert told["instrument"]["instrument_id"] == told["steps"][0]["columns"]["instrument_id"]
    assert len(set(roots)) == len(roots) > 10


def test_a_payload_is_its_own_origin(log: Log) -> None:
    told = provenance(log, topic("raw.simulator"), 0, 5)
    assert (told["steps"], told["raw"]["offset"], told["raw"]["publisher"]) == ([], 5, "simulator")


@pytest.mark.parametrize(
    ("name", "offset", "row", "kind"),
    [
        ("clock", 0, 0, "no_provenance"),
        ("ticks.simulator", 10**9, 0, "no_record"),
        ("ticks.simulator", 0, 10**6, "no_record"),
    ],
)  # fmt: skip
def test_what_has_no_origin_is_one_line(log: Log, name: str, offset: int, row: int, kind: str) -> None:
    with pytest.raises(ConfigError) as refused:
        provenance(log, topic(name), 0, offset, row)
    assert refused.value.kind == f"config.{kind}"
