"""The parts of a live run: the clock, the feed's times, the opening that is written once, the stall that is seen."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from agents.live_plan import LivePlan, load_topology
from agents.opening import newest_opening, open_live
from agents.stalls import LOOK_S, STALL_S_MAX, Stalls
from agents.topology import FUSED, TaskHops, topic_specs
from agents.worker_live import DRAIN_S_MAX, QUIET_S, Draining
from feeds.live_feed import LiveFeed
from schemas.clock import Clock
from schemas.codec import decode
from schemas.definition import Definition
from schemas.errors import ConfigError
from schemas.header import unpack
from streams.log import TopicSpec
from streams.memory import MemoryLog
from streams.publisher import Publisher
from streams.snapshot import TaskState, record_header, to_bytes
from streams.ticker import TICK_S, Ticker

START_NS = 1_795_557_600_000_000_000


class Time:
    """A wall and a monotonic clock that stand still until they are told."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.back_ns = 0

    def wall(self) -> int:
        return START_NS + int(self.now_s * 1e9) - self.back_ns

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


def ticked(log: MemoryLog) -> list[tuple[int, int]]:
    found = []
    for record in log.scan("clock", 0, 0, committed=True):
        assert record.header is not None
        found.append((unpack(record.header).seq, decode(record.value, Clock).ts))
    return found


def test_the_clock_ticks_ten_times_a_second_and_goes_on_numbering_in_its_next_life(log: MemoryLog) -> None:
    log.create([TopicSpec("clock")])
    time = Time()
    for _life in range(2):
        ticker = Ticker(log, "clock", wall=time.wall, monotonic=time.monotonic)
        for _ in range(100):
            ticker.turn(0.0)
            time.now_s += TICK_S / 10
        ticker.close()
    seqs, times = zip(*ticked(log), strict=True)
    assert list(seqs) == list(range(len(seqs)))
    assert 18 <= len(seqs) <= 22
    assert sorted(times) == list(times)


def test_a_wall_that_is_set_back_makes_the_clock_stand_and_never_step_back(log: MemoryLog) -> None:
    log.create([TopicSpec("clock")])
    time = Time()
    ticker = Ticker(log, "clock", wall=time.wall, monotonic=time.monotonic)
    for step in range(30):
        time.back_ns = 3_600_000_000_000 if step > 10 else 0
        ticker.turn(0.0)
        time.now_s += TICK_S
    times = [ts for _, ts in ticked(log)]
    assert sorted(times) == times
    assert times[-1] == times[11], "an hour back, and it stands"


class Said(NamedTuple):
    ts_recv: int
    key: bytes = b"spot:BTCUSDT"
    payload: bytes = b"{}"


def test_each_payload_leaves_when_it_is_due_and_is_stamped_as_received_then(log: MemoryLog) -> None:
    time = Time()
    recorded = [Said(7_000_000_000 + at * 1_000_000_000) for at in (0, 1, 1, 4, 3)]
    feed = LiveFeed(iter(recorded), Publisher(log, "binance"), origin_ns=START_NS, speed=2.0, wall=time.wall)
    left: list[tuple[float, int]] = []
    while not feed.done:
        feed.turn(0.0)
        for record in log.scan("raw.binance", 0, len(left), committed=False):
            assert record.header is not None
            left.append((time.now_s, unpack(record.header).time - START_NS))
        time.now_s += 0.25
    assert [at for at, _ in left] == [0.0, 0.5, 0.5, 2.0, 2.0], "twice as fast, a stamp that steps back at once"
    assert [stamp for _, stamp in left] == [0, 500_000_000, 500_000_000, 2_000_000_000, 2_000_000_000]


def test_a_feed_that_is_asked_to_stop_publishes_no_more(log: MemoryLog) -> None:
    def endless() -> Iterator[Said]:
        at = 0
        while True:
            yield Said(at := at + 1)

    time = Time()
    feed = LiveFeed(endless(), Publisher(log, "binance"), origin_ns=START_NS, wall=time.wall)
    time.now_s = 1.0
    feed.turn(0.0)
    feed.stop()
    sent = feed.sent
    assert feed.turn(0.0) is False
    assert (feed.done, feed.sent) == (True, sent)
    assert sent > 0


def opened(log: MemoryLog, plan: LivePlan) -> tuple[str, bool]:
    opening, fresh = open_live(log, plan)
    return opening.run, fresh


def test_a_run_is_opened_once_and_gone_on_with_by_whoever_comes_later(log: MemoryLog) -> None:
    plan = load_topology(None)
    run, fresh = opened(log, plan)
    assert fresh
    assert opened(log, plan) == (run, False)
    definitions = [decode(r.value, Definition) for r in log.scan("definitions", 0, 0, committed=True)]
    assert definitions == list(plan.definitions), "written once"


def test_another_topology_opens_another_run_and_back_again_is_a_third(log: MemoryLog, tmp_path: Path) -> None:
    file = tmp_path / "topology.toml"
    file.write_text("[venue]\nlatency_ms = 20\n")
    plan, other = load_topology(None), load_topology(file)
    runs = [opened(log, p) for p in (plan, other, plan)]
    assert all(fresh for _, fresh in runs)
    assert len({run for run, _ in runs}) == 3
    newest = newest_opening(log)
    assert newest is not None
    assert newest.run == runs[-1][0]
    twin = MemoryLog()
    assert [opened(twin, p) for p in (plan, other, plan)] == runs, "the same openings mean the same runs everywhere"


def test_live_topics_never_change_their_source(log: MemoryLog, tmp_path: Path) -> None:
    opened(log, load_topology(None))
    file = tmp_path / "topology.toml"
    file.write_text('[feed]\nkind = "none"\nsource = "binance"\n')
    with pytest.raises(ConfigError, match="fed by another source"):
        open_live(log, load_topology(file))


def snapshot(log: MemoryLog, task: TaskHops, number: int) -> None:
    writer = log.writer(task.name)
    writer.begin()
    values = {"input": {"ordinal": number, "offset": number}, "snapshots": number}
    data = to_bytes(TaskState(values, [], []))
    header = record_header(task.name, number, 0)
    writer.append("state", task.state_partition, task.name.encode(), data, header)
    writer.commit()


def test_a_task_that_commits_nothing_for_too_long_has_stalled_and_only_that_one(log: MemoryLog) -> None:
    log.create(topic_specs("", "simulator"))
    time, tasks = Time(), {task.name: task for task in FUSED}
    stalls = Stalls(log, tasks, monotonic=time.monotonic)
    down = {"venue"}
    found: list[tuple[str, float]] = []
    for step in range(int(2.5 * STALL_S_MAX / LOOK_S)):
        for name, task in tasks.items():
            if name == "normalise" or (name == "risk" and time.now_s < 20):
                snapshot(log, task, step + 1)
        found += [(stalled.name, time.now_s) for stalled in stalls.look(lambda name: name not in down)]
        time.now_s += LOOK_S
    assert {name for name, _ in found} == {"hot", "risk"}, "normalise commits, and venue is not up at all"
    first = {name: min(at for n, at in found if n == name) for name, _ in found}
    assert STALL_S_MAX < first["hot"] <= STALL_S_MAX + 2 * LOOK_S, "it never committed"
    assert 15 + STALL_S_MAX < first["risk"] <= 20 + STALL_S_MAX + 2 * LOOK_S, "it committed until then"
    assert len(found) <= 4, "told once for every such span"


class SlowlyFetched:
    """A task on a busy machine: what lies ahead of it comes late, or never."""

    succession = None
    done = False

    def __init__(self) -> None:
        self.task = self
        self.offset = 5
        self.came = False
        self.committed_at: list[int] = []

    def last_ahead(self) -> int:
        return 8 if self.offset <= 8 else -1

    def turn(self, wait_s: float) -> bool:
        return self.came

    def commit(self) -> None:
        self.committed_at.append(self.offset)


@pytest.fixture
def draining(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SlowlyFetched, Draining, Time]]:
    time, task = Time(), SlowlyFetched()
    time.now_s = 1.0
    monkeypatch.setattr("agents.worker_live.monotonic_s", time.monotonic)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)}
    yield task, Draining(cast("Any", task), cast("Any", None)), time
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_task_that_ends_works_off_what_lies_ahead_however_late_it_comes(
    draining: tuple[SlowlyFetched, Draining, Time],
) -> None:
    task, work, time = draining
    work.stop()
    for _ in range(4):
        time.now_s += QUIET_S
        work.turn(0.0)
    assert not work.done, "nothing came for a while, and three records lie ahead"
    task.came, task.offset = True, 9
    work.turn(0.0)
    assert not work.done
    task.came = False
    time.now_s += QUIET_S
    work.turn(0.0)
    assert (work.done, task.committed_at) == (True, [9])


def test_a_task_that_ends_waits_for_what_does_not_come_no_longer_than_its_bound(
    draining: tuple[SlowlyFetched, Draining, Time],
) -> None:
    task, work, time = draining
    work.stop()
    time.now_s += DRAIN_S_MAX
    work.turn(0.0)
    assert (work.done, task.committed_at) == (True, [5])
