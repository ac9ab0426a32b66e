"""An order's story from the log alone: every piece is there, and what can be computed again agrees."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agents.topology import TaskHops
from replay.cut import Cut
from replay.plan import PlayPlan
from replay.session import MemorySession
from replay.trace import trace
from schemas.codec import decode_any
from schemas.decision import Decision
from schemas.errors import ConfigError
from streams.agent import Batch, Out
from streams.log import Log, Record


class AnotherSpread:
    """A feature hop whose spread is one step too high in every row."""

    def __init__(self, hop: Any) -> None:
        self._hop = hop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hop, name)

    def step(self, state: Any, batch: Batch) -> Out:
        out: Out = self._hop.step(state, batch)
        for made in out.rows:
            made.rows["values"][:, 2] = np.nextafter(made.rows["values"][:, 2], math.inf)
        return out


def planted(hops: TaskHops, context: Any) -> list[Any]:
    return [AnotherSpread(stage) if stage.name == "feature" else stage for stage in hops.build(context)]


def played(run: str, build: Any = TaskHops.build, **plan: Any) -> Log:
    session = MemorySession(PlayPlan(run=run, seconds=30.0, seed=3, speed=0.0, **plan), cut=Cut(seed=1), build=build)
    session.run(lambda: None)
    return session.log


def decisions(log: Log, run: str) -> list[Decision]:
    records = log.scan(f"demo.{run}.orders.decision", 0, 0, committed=True)
    return [d for r in records if isinstance(d := decode_any(r.value), Decision)]


@pytest.fixture(scope="module")
def log() -> Log:
    return played("a")


def test_an_order_s_story_is_whole_and_agrees(log: Log) -> None:
    approved = [d for d in decisions(log, "a") if d.verdict == "approved"][-1]
    story = trace(log, approved.client_order_id)
    assert story["verified"], story["doubts"]
    assert story["run"] == "a"
    assert story["raw"]["topic"] == "demo.a.raw.simulator"
    assert story["raw"]["seq"] == approved.root.seq
    assert story["tick"]["columns"]["root_seq"] == approved.root.seq
    assert story["features"]["agrees"] is True
    assert story["score"]["agrees"] is True
    assert story["model"]["hash_agrees"]
    assert story["model"]["view_agrees"]
    assert [c["name"] for c in story["decision"]["document"]["checks"]] == [c.name for c in approved.checks]
    assert story["order"]["document"]["client_order_id"] == approved.client_order_id
    assert story["executions"][-1]["document"]["final"]
    assert [hop["hop"] for hop in story["hops"]] == [
        "publish", "normalise", "feature", "score", "strategy", "risk", "venue",
    ]  # fmt: skip
    assert all(hop["took_us"] >= 0 for hop in story["hops"][1:])


def test_a_denied_intent_has_a_story_too(log: Log) -> None:
    denied = next(d for d in decisions(log, "a") if d.verdict == "denied")
    story = trace(log, denied.client_order_id, "a")
    assert story["outcome"] == f"denied: {', '.join(denied.reasons)}"
    assert story["order"] is None
    assert story["executions"] == []
    assert story["verified"]


def test_a_vector_that_the_ticks_do_not_give_is_told() -> None:
    log = played("b", planted)
    decision = decisions(log, "b")[0]
    story = trace(log, decision.client_order_id)
    assert not story["verified"]
    assert [column["name"] for column in story["features"]["differs"]] == ["spread"]
    assert story["features"]["differs"][0]["ulps"] == 1


def test_what_was_in_force_stands_in_the_story(log: Log) -> None:
    story = trace(log, decisions(log, "a")[-1].client_order_id)
    assert story["in_force"]["state"] == "ACTIVE"
    assert story["in_force"]["agrees"] is True
    assert story["in_force"]["halts"] == []
    assert story["in_force"]["limits"]["message_rate_max"] > 0


def test_an_id_whose_payload_led_to_no_intent_is_told_where_the_payload_lies(log: Log) -> None:
    known = decisions(log, "a")[0]
    asked = known.client_order_id.removesuffix(f"{known.root.seq}-{known.root.part}") + f"{known.root.seq}-99"
    with pytest.raises(ConfigError) as refused:
        trace(log, asked)
    assert "demo.a.raw.simulator[0]@" in refused.value.where
    assert "led to no intent" in refused.value.where


@pytest.mark.long
def test_a_late_order_s_story_reads_little_of_a_long_log() -> None:
    played_long = MemorySession(PlayPlan(run="l", seconds=300.0, seed=3, speed=0.0), cut=Cut(seed=1, frame_rows=8))
    played_long.run(lambda: None)
    read: Counter[str] = Counter()
    scan = played_long.log.scan

    def counted(topic: str, *place: Any, **more: Any) -> Iterator[Record]:
        for record in scan(topic, *place, **more):
            read[topic.removeprefix("demo.l.")] += 1
            yield record

    order = [d for d in decisions(played_long.log, "l") if d.verdict == "approved"][-1]
    played_long.log.scan = counted  # type: ignore[method-assign]
    assert trace(played_long.log, order.client_order_id, "l")["verified"]
    for topic in ("orders.intent", "orders.decision", "orders", "executions", "scores", "ticks.simulator"):
        there = played_long.log.bounds(f"demo.l.{topic}", 0)[1]
        assert read[topic] < there / 2, f"{topic}: {read[topic]} of {there}"


def test_an_unknown_order_is_refused_with_the_nearest(log: Log) -> None:
    known = decisions(log, "a")[0].client_order_id
    with pytest.raises(ConfigError, match="no such order") as refused:
        trace(log, known + "9")
    assert known in refused.value.allowed
    with pytest.raises(ConfigError, match="no such run"):
        trace(log, known, "elsewhere")


def test_a_split_run_is_traced_alike(log: Log) -> None:
    split = played("s", split=True)
    known = decisions(log, "a")[0].client_order_id
    story = trace(split, known)
    assert story["verified"], story["doubts"]
    assert story["features"]["recomputed"] == trace(log, known)["features"]["recomputed"]
