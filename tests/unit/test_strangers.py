"""What anybody but a topic's own writer has put there is refused, once, and moves nothing."""

from __future__ import annotations

import pytest

from agents.topology import FUSED, SPLIT, writers
from schemas.catalog import END, RAW
from schemas.codec import encode
from schemas.control import End
from schemas.errors import BadFrame
from schemas.header import Header, pack
from streams.admission import JUMP_MAX, schemas_of
from streams.agent import Batch
from streams.inputs import BadRecord, Input
from streams.log import TopicSpec
from streams.memory import MemoryLog


def raw_log() -> MemoryLog:
    log = MemoryLog()
    log.create([TopicSpec("raw.x")])
    return log


def put(log: MemoryLog, writer: str, seq: int, *, end: bool = False) -> None:
    schema = END if end else RAW
    header = Header(schema=schema.number, version=schema.version, seq=seq, time=1, writer=writer)
    value = encode(End(run="r", ts=1, inputs=0)) if end else b"{}"
    log.appender().append("raw.x", 0, b"k", value, pack(header))


def taken(log: MemoryLog) -> list[str]:
    source = Input(
        log, "raw.x", 0, source="x", gapless=False, accepts=schemas_of("raw.<source>"), writer="x", records_max=1
    )
    found = []
    while source.fill(0.0):
        arrival = source.take()
        if isinstance(arrival, BadRecord):
            assert isinstance(arrival.error, BadFrame)
            found.append("refused")
        elif isinstance(arrival, Batch):
            found += [str(item.seq) for item in arrival.items]
        elif arrival is not None:
            found.append("end")
    return found


def test_a_strangers_payloads_and_end_are_refused_and_the_sources_own_go_on() -> None:
    log = raw_log()
    put(log, "x", 0)
    put(log, "evil", 0)
    put(log, "evil", 7, end=True)
    put(log, "x", 1)
    put(log, "x", 2, end=True)
    assert taken(log) == ["0", "refused", "refused", "1", "end"]


def test_a_forged_number_far_ahead_does_not_make_all_that_follow_repeats() -> None:
    log = raw_log()
    put(log, "x", 0)
    put(log, "x", JUMP_MAX + 2)
    put(log, "x", 1)
    assert taken(log) == ["0", "refused", "1"]


@pytest.mark.parametrize("tasks", [FUSED, SPLIT])
def test_every_topic_that_a_task_reads_has_one_known_writer(tasks: tuple[object, ...]) -> None:
    known = writers(tasks, "binance")  # type: ignore[arg-type]
    assert known["raw.<source>"] == "binance"
    read = {"ticks.<source>", "features", "scores", "orders.intent", "orders.decision", "orders", "executions"}
    assert read <= known.keys()
    assert known["orders"] == known["orders.decision"] == "risk"
