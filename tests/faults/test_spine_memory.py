"""The whole way over the memory log: however it is cut, paused, killed or fed garbage, the same orders once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agents.context import Context
from agents.strategy import Strategy
from agents.topology import FEED, FUSED, SPLIT, TaskHops
from feeds.capture_infer import INFER_MESSAGES
from replay.cut import Cut
from replay.plan import PlayPlan
from replay.session import MemorySession
from replay.summary import summarise
from schemas.catalog import RAW, TICK_SCHEMA
from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.header import Header, pack, unpack
from streams.agent import Agent
from streams.failpoints import COMMITTING, STARTING, WORKING
from streams.scheduler import SimulatedCrash
from tests.spine_runs import SAME, Captures, assert_same, assert_sound, played, sliced

LINES, LINES_SHORT = 12_000, 3_000
DEATHS_MAX = 25


@pytest.fixture(scope="module")
def captures(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Captures:
    return sliced(data_dir, tmp_path_factory.mktemp("captures"), LINES)


@pytest.fixture(scope="module")
def short(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Captures:
    return sliced(data_dir, tmp_path_factory.mktemp("short"), LINES_SHORT)


@pytest.fixture(scope="module")
def reference(captures: Captures) -> dict[str, Any]:
    summary = played(captures)
    assert_sound(summary)
    assert summary["captured"] == 2 * LINES
    assert min(summary["intents"], summary["orders"], summary["denied"], summary["executions"]) > 50
    return summary


@pytest.fixture(scope="module")
def short_reference(short: Captures) -> dict[str, Any]:
    summary = played(short)
    assert_sound(summary)
    assert summary["orders"] > 20
    return summary


@pytest.mark.parametrize(
    "cut",
    [
        Cut(seed=1, records_max=7, frame_rows=5),
        Cut(seed=2, records_max=2_000, frame_rows=4_096, commit_interval_s=60.0),
        Cut(seed=3, records_max=3, frame_rows=33, commit_interval_s=0.2),
    ],
    ids=["small", "large", "uneven"],
)
def test_any_batching_gives_the_same_orders(captures: Captures, reference: dict[str, Any], cut: Cut) -> None:
    assert_same(played(captures, cut), reference)


@pytest.mark.parametrize("seed", range(4))
def test_any_interleaving_with_pauses_gives_the_same_orders(
    captures: Captures, reference: dict[str, Any], seed: int
) -> None:
    assert_same(played(captures, Cut(seed=seed, pause_share=0.05 + 0.1 * seed)), reference)


def test_split_gives_the_same_orders(captures: Captures, reference: dict[str, Any]) -> None:
    assert_same(played(captures, split=True), reference)
    assert_same(played(captures, Cut(seed=5, pause_share=0.2, records_max=11), split=True), reference)


def test_the_files_may_be_named_in_any_order(short: Captures, short_reference: dict[str, Any]) -> None:
    assert_same(played(short[::-1]), short_reference)


class Deaths:
    """Kills one task at one point, again and again, by the seed."""

    def __init__(self, task: str, point: str, seed: int, share: float) -> None:
        self.counted = 0
        self._at = (task, point)
        self._rng = random.Random(seed)
        self._share = share

    def __call__(self, task: str, point: str, _inputs: int) -> None:
        meant = self._at in ((task, point), ("any", "any")) and point not in STARTING and self.counted < DEATHS_MAX
        if meant and self._rng.random() < self._share:
            self.counted += 1
            raise SimulatedCrash(task)


@pytest.mark.parametrize("point", [*WORKING, *COMMITTING])
@pytest.mark.parametrize("task", [t.name for t in FUSED])
def test_a_task_killed_at_any_point_changes_nothing(
    short: Captures, short_reference: dict[str, Any], task: str, point: str
) -> None:
    deaths = Deaths(task, point, seed=7, share=0.2)
    cut = Cut(seed=1, records_max=40, frame_rows=24, commit_interval_s=0.03)
    assert_same(played(short, cut, fault=deaths), short_reference)
    assert deaths.counted >= 3, "it was killed"


@pytest.mark.parametrize("task", [t.name for t in SPLIT])
def test_a_split_task_killed_anywhere_changes_nothing(
    short: Captures, short_reference: dict[str, Any], task: str
) -> None:
    cut = Cut(seed=2, records_max=40, frame_rows=24, commit_interval_s=0.05)
    for point in ("produced", "committing", "committed"):
        deaths = Deaths(task, point, seed=3, share=0.2)
        assert_same(played(short, cut, fault=deaths, split=True), short_reference)
        assert deaths.counted >= 2


@pytest.mark.parametrize("split", [False, True], ids=["fused", "split"])
@pytest.mark.parametrize("seed", range(3))
def test_all_of_them_killed_at_random_with_pauses_change_nothing(
    short: Captures, short_reference: dict[str, Any], seed: int, split: bool
) -> None:
    deaths = Deaths("any", "any", seed, share=0.02)
    cut = Cut(seed=seed, records_max=9 + 50 * seed, frame_rows=13, commit_interval_s=0.1, pause_share=0.1)
    assert_same(played(short, cut, fault=deaths, split=split), short_reference)
    assert deaths.counted > 5


@pytest.mark.parametrize("commit_interval_s", [1e-9, 1e9], ids=["every turn", "only at the end"])
def test_commits_may_be_as_frequent_or_rare_as_one_likes(
    short: Captures, short_reference: dict[str, Any], commit_interval_s: float
) -> None:
    deaths = Deaths("any", "any", 5, share=0.01)
    cut = Cut(seed=4, records_max=64, commit_interval_s=commit_interval_s)
    assert_same(played(short, cut, fault=deaths), short_reference)


def test_killed_by_number_each_comes_back_once(short: Captures, short_reference: dict[str, Any]) -> None:
    kills = {FEED: [500], "normalise": [400, 2_000], "hot": [700], "risk": [9], "venue": [3]}
    summary = played(short, kills=kills)
    assert_same(summary, short_reference)
    assert summary["restarts"] == {task: len(after) for task, after in kills.items()}


def deaf(hops: TaskHops, context: Context) -> list[Agent]:
    agents = hops.build(context)
    return [Strategy(context, listens=False) if isinstance(a, Strategy) else a for a in agents]


def test_orders_depend_on_executions(short: Captures, short_reference: dict[str, Any]) -> None:
    assert played(short, build=deaf)["order_hash"] != short_reference["order_hash"]


def test_orders_depend_on_the_venues_latency(short: Captures, short_reference: dict[str, Any]) -> None:
    summary = played(short, venue_latency_ns=120_000_000)
    assert_sound(summary)
    assert summary["order_hash"] != short_reference["order_hash"]


@pytest.mark.parametrize("latency_ns", [1, 10_000_000_000_000])
def test_latency_may_be_next_to_nothing_or_longer_than_the_run(short: Captures, latency_ns: int) -> None:
    summary = played(short, venue_latency_ns=latency_ns)
    assert_sound(summary)
    # With a latency beyond the run each instrument sends one intent, before its book is known: risk denies it.
    assert summary["intents"] == summary["orders"] + summary["denied"] > 0


BAD_LINES = {
    b"garbage": "bad_payload",
    b"": "bad_payload",
    b'{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"NaN","B":"1","a":"2","A":"1"}}': "bad_payload",
    b'{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1","B":"-1","a":"2","A":"1"}}': "bad_payload",
    b'{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"inf","B":"1","a":"2","A":"1"}}': "bad_payload",
    b'{"stream":"dogeusdt@bookTicker","data":{"u":1,"s":"DOGEUSDT","b":"1","B":"1","a":"2","A":"1"}}':
        "unknown_instrument",
    b'{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1","B"': "bad_payload",
    b"\xff\xfe\x00\x01": "bad_payload",
    b"[" * 3_000: "bad_payload",
    b"NaN": "bad_payload",
}  # fmt: skip


def spoilt(path: Path, into: Path, every: int = 97) -> int:
    """A capture with bad lines among the others, stamped and not; how many."""
    lines, count = [], 0
    bad = list(BAD_LINES)
    for i, line in enumerate(path.read_bytes().splitlines()):
        lines.append(line)
        if i % every == every - 1:
            stamp = line.split(b" ")[0] + b" " if count % 3 else b""
            value = bad[count % len(bad)]
            if b"DOGE" in value and i < INFER_MESSAGES:
                continue  # a file's instrument is told by its first messages, and this is no test of that
            lines.append(stamp + value)
            count += 1
    into.write_bytes(b"\n".join(lines) + b"\n")
    return count


@pytest.mark.parametrize("kills", [{}, {"normalise": [100, 1_000], "hot": [300], "feed": [800]}], ids=["", "killed"])
def test_bad_lines_are_refused_counted_and_change_nothing(
    short: Captures, short_reference: dict[str, Any], tmp_path: Path, kills: dict[str, Sequence[int]]
) -> None:
    paths = [tmp_path / path.name for path in short]
    planted = sum(spoilt(path, into) for path, into in zip(short, paths, strict=True))
    heard: list[dict[str, Any]] = []
    summary = played(paths, kills=kills, on_event=heard.append)
    assert_sound(summary)
    # Ids come from the place in the source, where bad lines count too; all else is as if they had not been there.
    assert {k: summary[k] for k in SAME[1:]} == {k: short_reference[k] for k in SAME[1:]}
    assert summary["order_hash"] == played(paths, Cut(seed=9, records_max=5, frame_rows=3))["order_hash"]
    assert summary["dead_letters"] == planted >= 50
    assert summary["captured"] == 2 * LINES_SHORT
    letters = letters_of(summary)
    assert {letter.code for letter in letters} == {"bad_payload", "unknown_instrument"}
    assert {letter.task for letter in letters} == {"normalise"}
    assert all(letter.payload and letter.ts and letter.reason for letter in letters if letter.payload)
    assert len(heard) >= planted


def letters_of(summary: dict[str, Any]) -> list[DeadLetter]:
    return [
        decode(record.value, DeadLetter)
        for record in summary["log"].scan(summary["plan"].topic("dlq"), 0, 0, committed=True)
    ]


class Strangers:
    """Writes bad records to a run's topics with a producer that knows nothing of us."""

    def __init__(self, at: int = 8) -> None:
        self.session: MemorySession | None = None
        self._rounds = 0
        self._at = at

    def records(self) -> list[tuple[str, bytes | None, bytes, bytes | None]]:
        assert self.session is not None
        ticks = self.session.plan.topic("ticks.<source>")
        genuine = next(iter(self.session.log.scan(ticks, 0, 0, committed=False)))
        assert genuine.header is not None
        header = unpack(genuine.header)
        newer = {name: getattr(header, name) for name in header.__struct_fields__}
        return [
            ("raw.<source>", b"spot:BTCUSDT", b"no header, no message", None),
            ("raw.<source>", None, b"", None),
            ("raw.<source>", b"spot:BTCUSDT", b"{}", pack(header)[:25]),
            ("raw.<source>", b"spot:BTCUSDT", b"{}", pack(Header(**newer | {"schema": 99}))),
            ("raw.<source>", b"spot:BTCUSDT", b"{}", pack(Header(**newer | {"schema": RAW.number, "version": 9}))),
            ("raw.<source>", b"spot:BTCUSDT", genuine.value, genuine.header),
            ("ticks.<source>", None, genuine.value[:-1], genuine.header),
            ("ticks.<source>", None, genuine.value, None),
            ("ticks.<source>", None, genuine.value, b"\x54\x01"),
            ("ticks.<source>", None, genuine.value, pack(Header(**newer | {"version": 2}))),
            (
                "ticks.<source>",
                None,
                b"x",
                pack(Header(schema=TICK_SCHEMA.number, version=1, seq=9, time=0, writer="x")),
            ),
            ("orders.intent", b"k", b"{", None),
            (
                "orders.intent",
                b"k",
                b'{"type":"intent"}',
                pack(Header(schema=17, version=1, seq=0, time=0, writer="x")),
            ),
            ("orders", b"k", b"\xff", pack(Header(schema=19, version=1, seq=0, time=0, writer="x"))),
        ]

    def __call__(self) -> None:
        self._rounds += 1
        if self._rounds == self._at and self.session is not None:
            appender = self.session.log.appender()
            for table_name, key, value, header in self.records():
                appender.append(self.session.plan.topic(table_name), 0, key, value, header)


@pytest.mark.parametrize("split", [False, True], ids=["fused", "split"])
@pytest.mark.parametrize("share", [0.0, 0.03], ids=["undisturbed", "killed"])
def test_what_strangers_write_is_refused_once_each_and_changes_nothing(
    short: Captures, short_reference: dict[str, Any], split: bool, share: float
) -> None:
    strangers = Strangers()
    deaths = Deaths("any", "any", 11, share)
    plan = PlayPlan(run="r", captures=short, speed=0.0, split=split)
    session = MemorySession(plan, cut=Cut(records_max=50, commit_interval_s=0.1), fault=deaths)
    strangers.session = session
    session.run(strangers)
    summary, _ = summarise(session)
    assert_same(summary, short_reference)
    summary["log"], summary["plan"] = session.log, plan
    letters = letters_of(summary)
    planted = strangers.records()
    by_topic = {name: sum(plan.topic(t) == name for t, *_ in planted) for name in {plan.topic(t) for t, *_ in planted}}
    found = {name: sum(letter.topic == name for letter in letters) for name in by_topic}
    assert found == by_topic
    assert summary["dead_letters"] == len(planted)
    assert {letter.code for letter in letters} == {"bad_frame", "bad_payload"}


def test_a_stock_producers_good_payload_is_played_like_any_other(short: Captures) -> None:
    value = b'{"stream":"btcusdt@bookTicker","data":{"u":9,"s":"BTCUSDT","b":"9.01","B":"2","a":"9.02","A":"1"}}'
    plan = PlayPlan(run="r", captures=short, speed=0.0)
    session = MemorySession(plan)
    rounds = [0]

    def progress() -> None:
        rounds[0] += 1
        if rounds[0] == 20:
            session.log.appender().append(plan.topic("raw.<source>"), 0, b"spot:BTCUSDT", value, None)

    session.run(progress)
    summary, _ = summarise(session)
    assert_sound(summary)
    assert summary["captured"] == 2 * LINES_SHORT + 1
    assert summary["dead_letters"] == 0
