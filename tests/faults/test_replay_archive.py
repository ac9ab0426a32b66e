"""A recorded run comes again to the byte when nothing of it is left but its archive."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.joined_log import JoinedLog
from replay.spans import open_recording
from tests.archive_world import archived
from tests.faults.test_replay_memory import replayed
from tests.replay_desk import recorded


@pytest.mark.parametrize("seed", range(3))
def test_a_recorded_run_comes_again_from_the_archive_alone_and_from_both_joined(seed: int, tmp_path: Path) -> None:
    log = recorded(seed)
    expected, parity = replayed(open_recording(log), split=False)
    assert archived(log, tmp_path).segments > 5
    alone = JoinedLog(None, tmp_path)
    for topic in alone.names():  # retention removes all that it may
        for partition in range(log.partitions(topic)):
            if topic != "state":
                log.truncate(topic, partition, alone.bounds(topic, partition)[1])
    for source in (alone, JoinedLog(log, tmp_path)):
        replay, found = replayed(open_recording(source), split=bool(seed % 2))
        assert found.differing == []
        assert found.compared == parity.compared
        assert replay.log.names() == expected.log.names()
