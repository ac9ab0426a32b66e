"""A play run is replayed, also from the middle of its history, wherever its tasks stood at their states."""

from __future__ import annotations

import pytest

from replay.cut import Cut
from replay.parity import compare
from replay.plan import PlayPlan
from replay.recording import Recording
from replay.replaying import MemoryReplay
from replay.session import MemorySession
from replay.spans import open_recording
from replay.trace import trace
from schemas.codec import decode
from schemas.header import unpack
from schemas.order import Order
from streams.clock import monotonic_s, sleep_s
from streams.log import Log
from tests.replay_desk import plan_of


def played(seed: int, *, split: bool) -> MemorySession:
    """A simulated session, flat out, with states every few turns."""
    plan = PlayPlan(run="r", seconds=6.0, seed=seed, speed=0.0, split=split)
    session = MemorySession(plan, cut=Cut(seed, records_max=64, frame_rows=64, commit_interval_s=0.02))
    session.run(lambda: None)
    return session


def middle(log: Log, topic: str, share: float) -> int:
    """Receive time of the payload so far into a recording, ns."""
    record = next(iter(log.scan(topic, 0, int(log.bounds(topic, 0)[1] * share), committed=True)))
    assert record.header is not None
    return unpack(record.header).time


def sides_behind(recording: Recording) -> int:
    """How many answers were made before the beginning and not heard by it."""
    made = {
        (name, task): seq for task, state in recording.states.items()
        for name, (seq, _) in state.values["outputs"].items()
    }  # fmt: skip
    return sum(
        max(0, made.get((name, writer), 0) - at["seqs"].get(writer, 0))
        for state in recording.states.values()
        for name, at in state.values["sides"].items() if name in ("executions", "orders.decision")
        for writer in ("risk", "venue")
    )  # fmt: skip


@pytest.mark.parametrize(("seed", "was_split", "split"), [(0, False, False), (1, False, False), (2, True, True)])
def test_answers_that_were_made_and_not_yet_heard_are_there(seed: int, was_split: bool, split: bool) -> None:
    session = played(seed, split=was_split)
    behind = 0
    sleep_s(2.0)  # so that what was recorded is older than any replay takes
    for share in (0.3, 0.5, 0.7):
        since = middle(session.log, session.plan.topic("raw.<source>"), share)
        began = monotonic_s()
        recording = open_recording(session.log, session.plan.namespace, since_ns=since)
        assert recording.states
        behind += sides_behind(recording)
        replay = MemoryReplay(plan_of(recording, split=split), cut=Cut(seed))
        judge = replay.watch()
        replay.run()
        parity = judge.finish(whole=True)
        assert parity.differing == []
        made = parity.compared
        assert (judge.ticks, judge.orders) == (made["ticks.<source>"], made["orders"]), "what was copied was not made"
        hops = judge.hops.summary()
        assert hops["risk"]["count"] == made["orders.decision"]
        longest = max(hop["max_us"] or 0.0 for hop in hops.values())
        assert longest < 1e6 * (monotonic_s() - began), "no figure of the recording's is among them"
        assert parity.compared["orders.intent"] > 0
        replay = MemoryReplay(plan_of(recording, split=split, since="ticks"), cut=Cut(seed))
        replay.run()
        assert compare(replay.plan, replay.log).differing == []
    assert behind > 0, "else nothing is shown"


def test_ticks_behind_the_end_are_not_fed_though_their_frame_began_before_it() -> None:
    session = played(3, split=False)
    until = middle(session.log, session.plan.topic("raw.<source>"), 0.6)
    recording = open_recording(session.log, session.plan.namespace, until_ns=until)
    compared = []
    for since in ("raw", "ticks"):
        replay = MemoryReplay(plan_of(recording, since=since), cut=Cut(3))
        replay.run()
        parity = compare(replay.plan, replay.log)
        assert parity.differing == []
        compared.append((parity.compared["scores"], parity.compared["orders.intent"]))
    assert compared[0] == compared[1]


def test_an_order_of_a_replay_is_told_as_the_replays_and_not_as_the_recordings() -> None:
    session = played(0, split=False)
    replay = MemoryReplay(plan_of(open_recording(session.log, session.plan.namespace)), cut=Cut(1))
    replay.run()
    record = next(iter(replay.log.scan(replay.plan.topic("orders"), 0, 0, committed=True)))
    order = decode(record.value, Order)
    assert trace(replay.log, order.client_order_id, "r1")["run"] == "r1"
    assert trace(session.log, order.client_order_id, "r")["run"] == "r"
