"""Two runs side by side: identical ones say so, and the first difference is named with its chain."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.topology import TaskHops
from replay.cut import Cut
from replay.diff import compare
from replay.difference import Difference
from replay.plan import PlayPlan
from replay.session import MemorySession
from replay.shape import Shape, shape_of
from streams.agent import Batch, Out
from streams.log import Log

SECONDS = 30.0
COLUMN = 4
PLANTED_ROOT = 640
"""A root whose feature vector is in the log: every 64th is."""


def played(run: str, cut: Cut | None = None, build: Any = TaskHops.build, **plan: Any) -> Log:
    session = MemorySession(
        PlayPlan(run=run, seconds=SECONDS, seed=3, speed=0.0, **plan), cut=cut or Cut(seed=1), build=build
    )
    session.run(lambda: None)
    return session.log


def differences(a: Log, b: Log, runs: tuple[str, str] = ("a", "b")) -> Difference:
    return compare(a, shape_of(a, runs[0]), b, shape_of(b, runs[1]))


class OneUlp:
    """A feature hop whose one column is one step higher in some rows."""

    def __init__(self, hop: Any, planted: Any) -> None:
        self._hop = hop
        self._planted = planted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hop, name)

    def step(self, state: Any, batch: Batch) -> Out:
        out: Out = self._hop.step(state, batch)
        for made in out.rows:
            which = self._planted(made.rows["root_seq"])
            made.rows["values"][which, COLUMN] = np.nextafter(made.rows["values"][which, COLUMN], math.inf)
        return out


def planted(which: Any) -> Any:
    def build(hops: TaskHops, context: Any) -> list[Any]:
        return [OneUlp(stage, which) if stage.name == "feature" else stage for stage in hops.build(context)]

    return build


@pytest.fixture(scope="module")
def reference() -> Log:
    return played("a")


def test_runs_cut_otherwise_are_identical_and_say_the_hash(reference: Log) -> None:
    other = played("b", Cut(seed=9, records_max=7, frame_rows=3, commit_interval_s=0.1, pause_share=0.3))
    found = differences(reference, other)
    assert found.identical
    assert found.first is None
    assert found.hashes[0] == found.hashes[1]
    assert found.counts["ticks"].same > 1_000
    assert found.counts["executions"].same > 0
    assert found.document()["hash"] == found.hashes[0]
    assert found.economics[0] == found.economics[1]


def test_a_split_run_is_identical_to_a_fused_one(reference: Log) -> None:
    found = differences(reference, played("b", split=True))
    assert found.identical, found.document()["first_divergence"]
    assert found.notes


def test_one_ulp_in_one_feature_is_the_first_divergence(reference: Log) -> None:
    found = differences(reference, played("b", build=planted(lambda seqs: seqs == PLANTED_ROOT)))
    first = found.first
    assert first is not None
    assert (first.what, first.hop, first.kind) == ("features", "feature", "changed")
    (column,) = first.columns
    assert (column["name"], column["ulps"]) == ("order_flow_imbalance", 1)
    assert column["b"] == np.nextafter(column["a"], math.inf)
    assert int(column["b_bits"], 16) - int(column["a_bits"], 16) in (1, -1)
    assert first.root["seq"] == PLANTED_ROOT
    assert first.b is not None
    assert first.b["topic"] == "demo.b.features"
    chain = first.chain
    assert chain["raw"]["same"]
    assert chain["tick"]["same"]
    assert chain["features"]["a"]["agrees"]
    assert not chain["features"]["b"]["agrees"]
    assert chain["features"]["b"]["recomputed"] == chain["features"]["a"]["logged"]["columns"]


def test_a_feature_that_is_not_in_the_log_where_it_first_differs_is_named_by_the_next_that_is(reference: Log) -> None:
    found = differences(reference, played("b", build=planted(lambda seqs: seqs > PLANTED_ROOT)))
    first = found.first
    assert first is not None
    assert (first.what, first.hop) == ("features", "feature")
    assert [c["name"] for c in first.columns] == ["order_flow_imbalance"]
    assert first.root["seq"] > PLANTED_ROOT
    assert not found.identical


def test_another_seed_differs_from_the_first_tick_on(reference: Log) -> None:
    session = MemorySession(PlayPlan(run="b", seconds=SECONDS, seed=4, speed=0.0), cut=Cut(seed=1))
    session.run(lambda: None)
    found = differences(reference, session.log)
    assert found.first is not None
    assert (found.first.what, found.first.hop) == ("ticks", "normalise")
    assert found.order_hashes[0] != found.order_hashes[1]


def test_what_one_part_lacks_is_missing_or_added(reference: Log) -> None:
    whole = shape_of(reference, "a")
    end = reference.bounds(whole.topic("ticks.<source>"), 0)[1]
    part = Shape(whole.watched, ranges={("ticks.<source>", 0): (0, end // 2)})
    found = compare(reference, whole, reference, part)
    ticks = found.counts["ticks"]
    assert (ticks.added, ticks.changed, ticks.moved) == (0, 0, 0)
    assert ticks.missing == ticks.a - ticks.b > 0
    assert found.first is not None
    assert (found.first.kind, found.first.b) == ("missing", None)
    assert found.counts["scores"].identical
    assert compare(reference, part, reference, whole).counts["ticks"].added == ticks.missing


def test_other_limits_differ_first_in_a_decision(reference: Log, tmp_path: Path) -> None:
    from agents.limits import default_limits
    from feeds.definitions import DEFINITIONS

    limits = dict(default_limits(DEFINITIONS))
    limits["default"] = {**limits["default"], "quantity_max": 1}
    limits["instrument"] = {name: {**table, "quantity_max": 1} for name, table in limits.get("instrument", {}).items()}
    found = differences(reference, played("b", limits=limits))
    assert found.first is not None
    assert (found.first.what, found.first.hop) == ("decisions", "risk")
    assert found.counts["ticks"].identical
