"""The checks of chaos over several partitions: a run that died and moved is sound, and what is planted is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chaos.checks import check
from chaos.findings import Findings
from chaos.tape import Shape
from schemas.header import Header, pack, unpack
from streams.log import Record
from streams.memory import MemoryLog
from tests.partitioned_desk import SOURCE, PartitionedDesk

PARTITIONS = 2


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> PartitionedDesk:
    """A run that was killed at failpoints and taken over, at rest."""
    folder = tmp_path_factory.mktemp("desk")
    desk = PartitionedDesk(folder, 7, PARTITIONS, kills=0.002)
    names = sorted(task.name for task in desk.plan.tasks)

    def rebalance(rounds: int) -> None:
        if rounds % 60 == 0 and rounds < 900:
            desk.take_over(desk.rng.choice(names))

    desk.run(rebalance)
    assert desk.fenced
    return desk


def checked(desk: PartitionedDesk, log: Any, acknowledged: set[tuple[str, int]] | None = None) -> Findings:
    shape = Shape(SOURCE, tasks=desk.plan.tasks, folder=desk.plan.folder)
    return check(log, shape, acknowledged or set(), starts=40, context=desk.context)


class Planted:
    """The log of a run, with one record of one partition seen otherwise by whoever reads it."""

    def __init__(self, log: MemoryLog, topic: str, partition: int, change: Callable[[Record], list[Record]]) -> None:
        self._log, self._place, self._change = log, (topic, partition), change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def scan(self, topic: str, partition: int, start: int, *, committed: bool) -> Any:
        for record in self._log.scan(topic, partition, start, committed=committed):
            whole = (topic, partition) != self._place or record.offset != self.middle()
            yield from [record] if whole else self._change(record)

    def middle(self) -> int:
        records = list(self._log.scan(*self._place, 0, committed=True))
        return records[len(records) // 2].offset


def seq_of(record: Record) -> Header:
    assert record.header is not None
    return unpack(record.header)


def test_a_run_of_several_partitions_that_died_and_moved_is_sound(desk: PartitionedDesk) -> None:
    acknowledged = {
        (f"{SOURCE}@{partition}", seq_of(record).seq)
        for partition in range(PARTITIONS)
        for record in desk.log.scan(f"raw.{SOURCE}", partition, 0, committed=True)
    }
    found = checked(desk, desk.log, acknowledged)
    assert found.sound, found.messages
    assert found.acknowledged > 1_000


@pytest.mark.parametrize("partition", range(PARTITIONS))
def test_an_input_that_was_acknowledged_and_is_in_no_partition_is_lost(desk: PartitionedDesk, partition: int) -> None:
    found = checked(desk, desk.log, {(f"{SOURCE}@{partition}", 10**6)})
    assert found.lost == 1
    assert f"raw.{SOURCE}[{partition}]: source_seq 1000000 is acknowledged" in found.messages[0]


@pytest.mark.parametrize(
    ("topic", "partition"),
    [(f"ticks.{SOURCE}", 1), ("scores", 1), ("orders.intent", 0), ("executions", 0), ("orders", 0)],
)
def test_what_is_missing_in_any_partition_or_of_any_writer_is_found(
    desk: PartitionedDesk, topic: str, partition: int
) -> None:
    found = checked(desk, Planted(desk.log, topic, partition, lambda _record: []))
    assert found.lost > 0
    assert any(f"{topic}[{partition}]" in message for message in found.messages)


@pytest.mark.parametrize(("topic", "partition"), [("scores", 1), ("executions", 0)])
def test_a_number_that_is_said_twice_is_found(desk: PartitionedDesk, topic: str, partition: int) -> None:
    found = checked(desk, Planted(desk.log, topic, partition, lambda record: [record, record]))
    assert found.duplicated > 0


def test_another_score_in_the_second_partition_diverges_from_its_re_run(desk: PartitionedDesk) -> None:
    def other(record: Record) -> list[Record]:
        value = record.value[:-1] + bytes([record.value[-1] ^ 1])
        header = pack(seq_of(record))
        return [Record(record.topic, record.partition, record.offset, record.key, value, header, record.timestamp_ms)]

    found = checked(desk, Planted(desk.log, "scores", 1, other))
    assert found.diverged > 0
    assert any("scores[1] of hot@1" in message for message in found.messages)
