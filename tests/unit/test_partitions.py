"""A topology of several partitions: names, state partitions, admitted writers, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agents.live_plan import LivePlan, load_topology
from agents.opening import open_live
from agents.topology import FUSED, SPLIT, deployment, partitions_of, topic_specs, writers
from console.live_run import chosen, numbers
from operations.live_topics import judge as judge_topics
from operations.live_topics import specs_of
from operations.mend import mend_topics
from schemas.errors import ConfigError
from schemas.partitions import PARTITIONS_MAX, partition_of
from streams.cluster import Partition
from streams.log import TopicSpec
from streams.memory import MemoryLog

WHOLE = Partition(replicas=(1,), in_sync=(1,))


def plan_of(folder: Path, partitions: int) -> LivePlan:
    (folder / "topology.toml").write_text(f"[tasks]\npartitions = {partitions}\n")
    return load_topology(folder / "topology.toml")


@pytest.mark.parametrize("split", [False, True])
def test_one_partition_is_named_and_placed_as_ever(split: bool) -> None:
    assert deployment(split) == (SPLIT if split else FUSED)
    assert topic_specs("", "x") == topic_specs("", "x", 1)


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("partitions", [2, 5])
def test_every_task_has_a_partition_of_state_alone_and_risk_is_there_once(split: bool, partitions: int) -> None:
    tasks = deployment(split, partitions)
    places = [task.state_partition for task in tasks]
    assert len(set(places)) == len(places)
    assert max(places) < partitions_of("state", partitions)
    assert [task.name for task in tasks if task.chain == "risk"] == ["risk"]
    assert [task.name for task in tasks if task.chain == "venue"] == [f"venue@{p}" for p in range(partitions)]
    assert all(task.input_partition == 0 for task in tasks if task.chain in ("risk", "venue"))
    assert [task.input_partition for task in tasks if task.chain == "normalise"] == list(range(partitions))


def test_a_partition_admits_its_own_writer_and_shared_topics_those_of_all() -> None:
    known = writers(deployment(False, 3), "binance", 1)
    assert known["ticks.<source>"] == "normalise@1"
    assert known["orders.intent"] == ("hot@0", "hot@1", "hot@2")
    assert known["executions"] == ("venue@0", "venue@1", "venue@2")
    assert known["orders"] == "risk"
    assert writers(deployment(False, 2), "binance", None)["scores"] == ("hot@0", "hot@1")


def test_keys_spread_over_all_partitions() -> None:
    keys = [f"spot:SIM{n:04d}USDT".encode() for n in range(1, 501)]
    counts = [sum(partition_of(key, 8) == p for key in keys) for p in range(8)]
    assert min(counts) > 30


@pytest.mark.parametrize(("text", "meant"), [("0", {0}), ("0-2", {0, 1, 2}), ("0,3", {0, 3}), ("1-2,3", {1, 2, 3})])
def test_partitions_are_named_singly_or_as_a_range(text: str, meant: set[int]) -> None:
    assert numbers(text, 4) == meant


@pytest.mark.parametrize("text", ["", "4", "0-4", "2-1", "x", "0,,1", "-1", "0-9999999999999"])
def test_what_names_no_partition_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no such partitions"):
        numbers(text, 4)


def test_a_share_is_the_tasks_of_its_partitions_and_partition_0_brings_what_there_is_once(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, 3)
    assert chosen(plan, (), "1-2") == ("normalise@1", "normalise@2", "hot@1", "hot@2", "venue@1", "venue@2")
    assert chosen(plan, (), "0") == ("clock", "normalise@0", "hot@0", "risk", "venue@0", "feed")
    assert chosen(plan, ("hot",)) == ("hot@0", "hot@1", "hot@2")
    assert chosen(plan, ("hot",), "1") == ("hot@1",)
    assert chosen(plan, ()) is None


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 1), (2, 4)])
def test_another_number_of_partitions_is_refused_with_the_reason(before: int, after: int, tmp_path: Path) -> None:
    log = MemoryLog()
    open_live(log, plan_of(tmp_path, before))
    with pytest.raises(ConfigError, match="keys would move") as refused:
        open_live(log, plan_of(tmp_path, after))
    assert (refused.value.got, refused.value.allowed) == (str(after), str(before))
    assert refused.value.fix


def test_a_topic_that_somebody_made_with_fewer_or_more_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for found in (1, 3):
        log = MemoryLog()
        log.create([TopicSpec("ticks.simulator", found)])
        with pytest.raises(ConfigError, match=r"^ticks\.simulator.*keys would move"):
            open_live(log, plan_of(tmp_path, 2))
        assert log.names() == ["ticks.simulator"]


def test_a_topology_may_not_ask_for_more_than_the_bound(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="partitions"):
        plan_of(tmp_path, PARTITIONS_MAX + 1)


class _Enlarged:
    """A cluster whose raw topic has too few partitions; counts what is changed."""

    def __init__(self, topics: dict[str, tuple[Partition, ...]]) -> None:
        self._topics = topics
        self.changed = 0

    def topics(self) -> dict[str, tuple[Partition, ...]]:
        return self._topics

    def __getattr__(self, name: str) -> Any:
        self.changed += 1
        raise AssertionError(name)


def test_mend_does_not_enlarge_a_keyed_topic_and_doctor_says_why(tmp_path: Path) -> None:
    log = MemoryLog()
    open_live(log, plan_of(tmp_path, 4))
    topics = {spec.name: (WHOLE,) * spec.partitions for spec in topic_specs("", "simulator", 4)}
    assert {spec.name: spec.partitions for spec in specs_of(topics, 4)} == {n: len(p) for n, p in topics.items()}
    topics["raw.simulator"] = (WHOLE,)
    cluster = _Enlarged(topics)
    with pytest.raises(ConfigError, match="keys would move"):
        mend_topics(cluster, log)  # type: ignore[arg-type]
    assert cluster.changed == 0
    found = judge_topics(topics, {}, source="simulator", partitions=4, bootstrap="k:1", program="tapedeck")
    few = next(finding for finding in found if finding.status == "fail")
    assert (few.check, "keys would move" in few.found, "mend" in few.fix) == ("topic raw.simulator", True, False)
