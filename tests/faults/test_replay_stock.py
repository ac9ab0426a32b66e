"""Payloads of stock producers, which number nothing: a replay gives them the numbers and times that they had live."""

from __future__ import annotations

import pytest

from feeds.simulator import simulate
from replay.cut import Cut
from replay.parity import compare
from replay.replaying import MemoryReplay
from replay.spans import open_recording
from schemas.header import unpack
from streams.admission import UNNUMBERED_FROM
from streams.frame import decode_rows
from tests.faults.test_live_memory import SOURCE, Desk
from tests.replay_desk import START_NS, plan_of

EVERY = 20
"""Rounds between two payloads of the stranger's."""


def stock_roots(desk_log: object, topic: str) -> list[int]:
    found: list[int] = []
    for record in desk_log.scan(topic, 0, 0, committed=True):  # type: ignore[attr-defined]
        header = unpack(record.header or b"")
        if header.count and record.value[:1] != b"{":
            rows = decode_rows(header.schema, header.version, record.value, header.count)
            found += rows["root_seq"][rows["root_seq"] >= UNNUMBERED_FROM].tolist()
    return found


@pytest.mark.parametrize("since_ns", [None, START_NS + 2_000_000_000])
def test_a_day_with_payloads_of_a_stock_producer_comes_again_with_the_same_roots(since_ns: int | None) -> None:
    desk = Desk(5, kill_share=0.003)
    strange = simulate(60.0, 99, start_ns=START_NS)

    def send(rounds: int) -> None:
        if rounds % EVERY == 0 and not desk.feed.done:
            event = next(strange)
            desk.log.appender().append(f"raw.{SOURCE}", 0, event.key, event.payload, None)

    desk.run(send)
    recorded = stock_roots(desk.log, f"ticks.{SOURCE}")
    assert len(recorded) > 10
    recording = open_recording(desk.log, since_ns=since_ns)
    assert bool(recording.states) == (since_ns is not None)
    for run, split in (("r1", False), ("r2", True)):
        replay = MemoryReplay(plan_of(recording, split=split, run=run), cut=Cut(1, records_max=50))
        replay.run()
        parity = compare(replay.plan, replay.log)
        assert parity.differing == []
        assert parity.compared["orders"] > 0
        again = stock_roots(replay.log, replay.plan.topic("ticks.<source>"))
        assert again == recorded[-len(again) :]
        assert again
