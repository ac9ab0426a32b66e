"""A desk whose tasks are not equally far: what it has not worked off yet is no difference, however it is played."""

from __future__ import annotations

import pytest

from replay.recording import Recording, header_of, snapshot_records
from replay.spans import open_recording
from streams.log import TopicSpec
from streams.memory import MemoryLog
from streams.state_bytes import load_values
from tests.faults.test_replay_memory import replayed
from tests.replay_desk import recorded


def half_way(seed: int) -> MemoryLog:
    """A run as its log stood in the middle: all of raw is there, of each task what it had committed by then."""
    whole = open_recording(recorded(seed, kinds=()))
    log = whole.log
    times = sorted(
        header.time for task in whole.tasks for r in snapshot_records(whole, task) if (header := header_of(r))
    )
    kept, made = committed_by(whole, times[len(times) // 2])
    cut = MemoryLog()
    cut.create([TopicSpec(name, log.partitions(name)) for name in log.names()])
    for name, partition in [(topic, p) for topic in log.names() for p in range(log.partitions(topic))]:
        for record in log.scan(name, partition, 0, committed=True):
            header = header_of(record)
            if name == "state" and record.offset > kept.get((record.key or b"").decode(), -1):
                continue
            if header is None or header.seq + header.count <= made.get((header.writer, name), 1 << 60):
                cut.appender().append(name, partition, record.key, record.value, record.header)
    return cut


def committed_by(whole: Recording, time: int) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """Offset of each task's newest snapshot by then, and the number of its next output by topic."""
    kept, made = {}, {}
    for task in whole.tasks:
        for record in snapshot_records(whole, task):
            header = header_of(record)
            if header is not None and header.time <= time:
                kept[task.name] = record.offset
                outputs = load_values(record.value)["outputs"]
                made.update({(task.name, whole.topic(name)): int(seq) for name, (seq, _) in outputs.items()})
    return kept, made


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("seed", [3, 5])
def test_what_a_running_desk_has_not_worked_off_is_no_difference(seed: int, split: bool) -> None:
    _, parity = replayed(open_recording(half_way(seed)), split=split)
    assert parity.differing == []
    assert parity.compared["ticks.<source>"] > 0
