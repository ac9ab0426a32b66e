"""Benchmarks: what is counted as late, lost, behind and why. And one that runs, on the memory log."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks import flat_memory, hdr
from benchmarks.burst import lag
from benchmarks.children.echo_like_hot import LikeHot, Mimic
from benchmarks.children.worker import COLLECTION, COMMIT
from benchmarks.harness import Harness
from benchmarks.rig import RigFound
from benchmarks.schedule import MS_NS, Segment
from benchmarks.tail import CAUSES, explained, overlap, parts_ns
from benchmarks.ticks import normalised, scheduled
from schemas.catalog import INTENT
from schemas.header import HEADER_KEY, Header, pack, unpack
from schemas.score import SCORE
from schemas.tick import TICK


def test_a_burst_has_its_rate_and_its_spikes() -> None:
    segment = Segment(side="hot", label="burst", rate=1_000, seconds=2.0, burst_s=1.0)
    due = segment.due_ns()
    assert (np.diff(due) >= 0).all()
    begin, end = segment.burst_ns
    inside = due[(due >= begin) & (due < end)]
    assert len(due) - len(inside) == 2_000
    in_ms = np.bincount((inside - begin) // MS_NS, minlength=1_000)
    assert in_ms[0] == in_ms[100] == 100
    assert in_ms[50] == 10


def test_ticks_are_due_at_their_times_and_keep_their_order() -> None:
    tape = np.zeros(3, dtype=TICK)
    tape["ts_log"] = tape["ts_recv"] = (10, 20, 40)
    tape["ts_touch"] = (5, 20, 40)
    due = np.array([1_000, 2_000, 3_000, 4_000])
    rows = scheduled(tape, 2, due)
    assert rows["ts_log"].tolist() == due.tolist()
    assert rows["root_seq"].tolist() == [2, 3, 4, 5]
    assert (rows["ts_log"] - rows["ts_touch"])[1] == 5


def test_lag_is_what_is_due_and_not_received() -> None:
    due = np.arange(100) * MS_NS
    received = due + 20 * MS_NS
    points = {point[0]: point[1] for point in lag(due, received, 0, 90 * MS_NS)}
    assert points[50] == 20
    assert points[-10] == 0


def test_overlap_counts_each_window_once() -> None:
    windows = np.array([[0, 10, 0], [20, 30, 0]])
    got = overlap(np.array([5, 12, 0]), np.array([25, 18, 40]), windows)
    assert got.tolist() == [10, 0, 20]


def rig(intents: Any, notes: list[tuple[int, int, int]], waits: Any) -> RigFound:
    memory = np.array([[0.0, 1.0, 0.0], [1e9, 1.0, 0.5]])
    return RigFound(
        {"orders.intent": intents}, [], np.array(notes, dtype=np.int64).reshape(-1, 3), ["hot"], waits, memory
    )


def way(born: int, *, late: int = 0, taken: int, left: int, received: int) -> list[int]:
    """An intent's columns: received, seq, born, in and out of normalise, feature, score, strategy."""
    published = born + late
    return [received, 0, born, published, published, taken, taken, taken, taken, taken, left]


def test_the_parts_of_an_intents_way_add_up_and_are_named() -> None:
    ms = MS_NS
    intents = np.array(
        [
            way(0, taken=ms, left=ms, received=2 * ms),
            way(0, late=9 * ms, taken=10 * ms, left=10 * ms, received=11 * ms),
            way(100 * ms, taken=140 * ms, left=140 * ms, received=141 * ms),
            way(200 * ms, taken=240 * ms, left=240 * ms, received=241 * ms),
            way(300 * ms, taken=340 * ms, left=340 * ms, received=341 * ms),
            way(400 * ms, taken=401 * ms, left=440 * ms, received=441 * ms),
            way(500 * ms, taken=540 * ms, left=540 * ms, received=541 * ms),
        ]
    )  # fmt: skip
    notes = [(101 * ms, 139 * ms, COMMIT), (201 * ms, 239 * ms, COLLECTION)]
    waits = np.array([[0, 0], [300 * ms, 0], [350 * ms, 45 * ms], [600 * ms, 0]])
    found = rig(intents, notes, waits)
    parts = parts_ns(intents, found)
    assert (parts.sum(axis=1) == intents[:, 0] - intents[:, 2]).all()
    main = [CAUSES[i] for i in np.argmax(parts, axis=1)]
    assert main == ["broker", "late", "commit", "collection", "scheduler", "hot", "broker"]
    assert explained(intents, found)["slowest"] >= 1


def test_the_first_send_after_a_commit_counts_as_the_commits() -> None:
    ms = MS_NS
    intents = np.array([way(10 * ms, taken=11 * ms, left=11 * ms, received=40 * ms)])
    found = rig(intents, [(0, 9 * ms, COMMIT)], np.zeros((2, 2), dtype=np.int64))
    assert parts_ns(intents, found)[0].tolist()[CAUSES.index("commit")] == 29 * ms


class Message:
    def __init__(self, rows: int, seq: int) -> None:
        stamps = np.arange(3 * rows, dtype=np.int64).reshape(rows, 3) + 1_000 * seq
        header = Header(schema=3, version=1, seq=seq, time=0, writer="normalise", count=rows, hops=(0,), stamps=stamps)
        self._headers = [(HEADER_KEY, pack(header))]
        self._rows = rows

    def value(self) -> bytes:
        return b"\1" * (self._rows * TICK.itemsize)

    def key(self) -> None:
        return None

    def headers(self) -> list[tuple[str, bytes]]:
        return self._headers


def test_the_echo_writes_as_many_scores_and_the_intents_of_the_ticks_that_are_due() -> None:
    written: list[tuple[str, bytes, Any]] = []
    like = LikeHot(intents="i", scores="s", features="f", intent_every=10, intent_bytes=800)
    mimic = Mimic(like, lambda topic, value, _key, headers: written.append((topic, value, headers)))
    mimic.write([Message(4, 0), Message(4, 4), Message(4, 8)])
    mimic.write([Message(1, 12)] * 60)
    scores = sum(len(value) for topic, value, _ in written if topic == "s")
    assert scores == 72 * SCORE.itemsize
    intents = [(value, unpack(headers[0][1])) for topic, value, headers in written if topic == "i"]
    assert len(intents) == 8
    assert {len(value) for value, _ in intents} == {800}
    assert {header.schema for _, header in intents} == {INTENT.number}
    assert intents[0][1].stamps[0, 0] == 0  # the first tick's own time
    assert intents[1][1].stamps[0, 0] == 8_000 + 2 * 3  # the eleventh: third row of the third record
    assert sum(1 for topic, _, _ in written if topic == "f") == 1


def test_a_benchmark_runs_from_a_bare_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAPEDECK_DATA", raising=False)
    monkeypatch.setattr("benchmarks.ticks.tape_captures", lambda: ())
    monkeypatch.setattr("benchmarks.ticks.SIMULATED_S", 1.0)
    assert len(normalised()) > 100
    with Harness(quick=True, pairs=1) as harness:
        found = flat_memory.run(harness, frame_rows=256, ticks=20_000)
        counted = hdr.run(harness)
    assert found.detail["ticks"] == 5_000
    for series in (*found.series.values(), *counted.series.values()):
        assert len(series.values) == 1
        assert series.values[0] > 0
