"""A run as it looks from outside: the figures of the log alone are those that the audit comes to."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from feeds.definitions import DEFINITIONS
from replay.audit import Audit
from replay.documents_tail import HISTORY_OFFSETS_MAX
from replay.observer import Observer
from replay.plan import PlayPlan
from replay.rows_tail import BEHIND_POLLS_MAX, RowsTail
from replay.run_figures import RunFigures
from replay.session import MemorySession
from replay.summary import summarise
from replay.touches import Touches
from replay.watched import watched, watched_plan
from schemas.catalog import DECISION, TICK_SCHEMA
from schemas.columns import PRICE_UNDEFINED
from schemas.control import Halt, Resume
from schemas.errors import ConfigError
from schemas.header import Header, pack
from schemas.tick import FLAG_CROSSED, FLAG_DEPTH_UNSYNCED, FLAG_SUSPECT, TICK
from streams import people
from streams.memory import MemoryLog

RUN = "20261123t142501-ab12"
POLL_EVERY = 10


class Played:
    """A run that was watched while it went, and what is known of it."""

    def __init__(self, **more: Any) -> None:
        self.plan = PlayPlan(run=RUN, seconds=4.0, speed=0.0, **more)
        self.session = MemorySession(self.plan)
        self.seen: list[RunFigures] = []
        observer: Observer | None = None
        turns = 0

        def look() -> None:
            nonlocal observer, turns
            turns += 1
            observer = observer or Observer(self.session.log, watched_plan(self.plan))
            if turns % POLL_EVERY == 0:
                self.seen.append(observer.poll(restarts=self.session.restarts))

        self.session.run(look)
        assert observer is not None
        observer.poll()
        self.seen.append(observer.poll(restarts=self.session.restarts))
        self.settled = observer.settled
        self.summary, self.audit = summarise(self.session)


@pytest.fixture(scope="module", params=[{}, {"split": True, "kills": {"risk": [5], "normalise": [900]}}])
def played(request: pytest.FixtureRequest) -> Played:
    return Played(**request.param)


def assert_agrees(figures: RunFigures, summary: dict[str, Any], audit: Audit) -> None:
    """Everything that both of them count."""
    assert figures.stage == "ended"
    assert figures.ticks.total == summary["ticks"]
    assert figures.intents.total == summary["intents"]
    assert figures.orders.total == summary["orders"]
    assert figures.denied.total == summary["denied"]
    assert figures.denials == dict(audit.denials)
    assert figures.executions.total == summary["executions"]
    assert sum(figures.dead_letters.values()) == summary["dead_letters"]
    assert figures.gaps == summary["gaps"]
    assert sum(i.gaps or 0 for i in figures.instruments) == summary["gaps"]
    assert {currency: money.total for currency, money in figures.pnl.items()} == summary["pnl"]
    for money in figures.pnl.values():
        assert money.realised + money.unrealised == pytest.approx(money.total)
    ids = {d.instrument: d.instrument_id for d in DEFINITIONS}
    positions = {ids[i.instrument]: i.position for i in figures.instruments if i.position}
    assert positions == {number: held for number, held in audit.pnl.positions().items() if held}


def test_what_was_watched_to_the_end_is_what_the_audit_counts(played: Played) -> None:
    assert_agrees(played.seen[-1], played.summary, played.audit)
    assert played.settled
    assert [task.lag for task in played.seen[-1].tasks if task.hops] == [0] * len(played.plan.tasks)
    restarts = {task.name: task.restarts for task in played.seen[-1].tasks if task.restarts}
    assert restarts == played.summary["restarts"]


def test_who_comes_late_sees_the_same(played: Played) -> None:
    found = watched(played.session.log)
    assert (found.run, found.tasks) == (RUN, played.plan.tasks)
    late = Observer(played.session.log, found)
    assert_agrees(late.poll(), played.summary, played.audit)
    assert late.settled


def test_latencies_are_those_of_the_audit(played: Played) -> None:
    figures = played.seen[-1]
    expected = played.audit.hops.summary()
    assert list(figures.hops) == list(expected)
    documents = ("strategy", "strategy_to_risk", "risk", "risk_to_venue", "tick_to_order")
    for name in documents:  # of rows a sample may have been taken
        hop = figures.hops[name]
        found = (hop.count, hop.p50_us, hop.p99_us)
        assert found == (expected[name]["count"], expected[name]["p50_us"], expected[name]["p99_us"])


def test_on_the_way_totals_only_grow_and_the_share_played_with_them(played: Played) -> None:
    on_the_way = [f for f in played.seen if f.log_time_ns]
    assert len(on_the_way) > 3
    for before, after in pairwise(on_the_way):
        assert before.ticks.total <= after.ticks.total
        assert before.executions.total <= after.executions.total
        assert (before.share or 0) <= (after.share or 0) <= 1
    assert {f.stage for f in on_the_way} >= {"playing", "ended"}
    assert any(task.lag for f in on_the_way for task in f.tasks), "nobody was ever behind at full speed"


def test_figures_are_one_json_object(played: Played) -> None:
    document = played.seen[-1].document()
    assert document["run"] == RUN
    assert document["ticks"]["total"] == played.summary["ticks"]
    assert {task["name"] for task in document["tasks"]} == {"feed", *(task.name for task in played.plan.tasks)}
    assert set(document["pnl"]["USDT"]) == {"realised", "unrealised", "total", "decimals"}


def test_halts_count_once_committed_until_the_same_scope_is_resumed() -> None:
    log = Played().session.log
    namespace = f"demo.{RUN}."

    def figures() -> RunFigures:
        return Observer(log, watched(log, RUN)).poll()

    def say(document: Halt | Resume) -> None:
        people.append(log, document, namespace=namespace)

    assert (figures().halts, figures().trading_state) == ((), "ACTIVE")
    say(Halt(scope="instrument", name="spot:BTCUSDT", author="jane", reason="fat finger", ts=7))
    say(Halt(scope="all", state="REDUCING", author="joe", reason="close", ts=8))
    found = figures()
    assert [(h.scope, h.name, h.state, h.author, h.since_ns) for h in found.halts] == [
        ("all", "", "REDUCING", "joe", 8), ("instrument", "spot:BTCUSDT", "HALTED", "jane", 7)
    ]  # fmt: skip
    assert found.trading_state == "REDUCING"
    assert {i.state for i in found.instruments if i.instrument == "spot:BTCUSDT"} == {"HALTED"}
    say(Resume(scope="all", author="joe", reason="open", ts=9))
    assert [h.scope for h in figures().halts] == ["instrument"]
    assert figures().trading_state == "ACTIVE"


def test_what_a_stranger_writes_is_not_counted(played: Played) -> None:
    log, plan = played.session.log, played.plan
    appender = log.appender()
    for topic, schema in (("orders.decision", DECISION), ("ticks.<source>", TICK_SCHEMA)):
        header = pack(Header(schema=schema.number, version=1, seq=10**9, time=1, writer="stranger"))
        appender.append(plan.topic(topic), 0, b"", b'{"type": "decision"}', header)
        appender.append(plan.topic(topic), 0, b"", b"no header", None)
    assert_agrees(Observer(log, watched(log)).poll(), played.summary, played.audit)


def test_a_history_that_is_too_long_is_said_to_be_cut(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = {**HISTORY_OFFSETS_MAX, "executions": 8, "orders.decision": 8}
    monkeypatch.setattr("replay.documents_tail.HISTORY_OFFSETS_MAX", bounds)
    figures = Observer(played.session.log, watched(played.session.log)).poll()
    assert set(figures.counted_from) == {"executions", "orders.decision"}
    assert figures.executions.total == played.summary["executions"], "a total needs no history"
    assert figures.denied.total == played.summary["denied"], "what gave no order was denied"


def test_which_run_is_meant() -> None:
    log = MemoryLog()
    with pytest.raises(ConfigError, match="there is no run to watch"):
        watched(log)
    log = Played().session.log  # type: ignore[assignment]
    assert watched(log).run == RUN
    with pytest.raises(ConfigError, match=rf"no such run; got nobody; allowed: {RUN}, live"):
        watched(log, "nobody")
    with pytest.raises(ConfigError, match="was not opened yet; got live"):
        watched(log, "live")


def test_a_display_that_cannot_keep_up_goes_on_near_the_end(monkeypatch: pytest.MonkeyPatch, played: Played) -> None:
    monkeypatch.setattr("replay.rows_tail.POLL_RECORDS_MAX", 1)
    monkeypatch.setattr("replay.rows_tail.CHUNK_RECORDS", 1)
    monkeypatch.setattr("replay.rows_tail.LOOK_BACK_OFFSETS", 2)
    log, topic = MemoryLog(), "ticks"
    from streams.log import TopicSpec

    log.create([TopicSpec(topic)])
    tail = RowsTail(log, [topic])
    assert tail.open() == []
    appender = log.appender()
    for n in range(100):
        appender.append(topic, 0, None, b"%d" % n, None)
    assert [r.value for _ in range(BEHIND_POLLS_MAX) for r in tail.poll()] == [b"0", b"1"]
    assert tail.skips == 0
    assert [r.value for r in tail.poll()] == [b"98", b"99"]
    assert tail.skips == 1


def test_of_many_ticks_the_last_of_each_instrument_counts() -> None:
    rows = np.zeros(5, dtype=TICK)
    rows["instrument_id"] = [1, 2, 1, 2, 3]
    rows["ts_log"] = [1, 2, 3, 4, 5]
    rows["bid_price"] = [10, 20, 11, 30, PRICE_UNDEFINED]
    rows["ask_price"] = [12, 22, 13, 30, 9]
    rows["flags"] = [FLAG_SUSPECT, 0, FLAG_DEPTH_UNSYNCED, FLAG_CROSSED, FLAG_SUSPECT]
    touches = Touches()
    touches.take(rows)
    assert touches.log_time_ns == 5
    found = {number: (t.bid, t.ask, t.unsynced, t.crossed) for number, t in touches.newest.items()}
    assert found == {1: (11, 13, True, False), 2: (30, 30, False, True), 3: (None, 9, False, False)}
    assert [touches.newest[number].suspect for number in (1, 2, 3)] == [False, False, True]
    older, newer = (touches.newest[1]._replace(bid=1, log_time_ns=t) for t in (2, 6))
    assert not touches.older(1, older)
    assert touches.older(1, newer)
    assert touches.newest[1].bid == 1
