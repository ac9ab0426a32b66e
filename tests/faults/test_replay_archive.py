"""A recorded run comes again to the byte when nothing of it is left but its archive."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest

from replay.archive.day_cuts import DAY_NS
from replay.cut import Cut
from replay.joined_log import JoinedLog
from replay.parity import compare
from replay.pins.measuring import measure
from replay.pins.pinning import pin
from replay.pins.playing import open_pin
from replay.pins.selection import Selection
from replay.replaying import MemoryReplay
from replay.spans import open_recording
from schemas.header import unpack
from streams.frame import decode_rows
from streams.home import HOME_VARIABLE
from streams.memory import MemoryLog
from tests.archive_world import archived
from tests.faults.test_replay_memory import replayed
from tests.replay_desk import MIDNIGHT_NS, plan_of, recorded, recorded_over_days


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


def day(number: int) -> tuple[int, int]:
    """Begin and end of a day of ``recorded_over_days``, counted from 1."""
    since = MIDNIGHT_NS + (number - 2) * DAY_NS
    return since, since + DAY_NS


def kept_for_days(log: MemoryLog, folder: Path) -> MemoryLog:
    """Archive day by day; then retention takes all that it may, and of the states compaction leaves the newest."""
    for number in (1, 2):
        archived(log, folder, day(number)[1])
    archived(log, folder)
    for topic in log.names():
        for partition in range(log.partitions(topic)):
            high = log.bounds(topic, partition)[1]
            if topic not in ("state", "control", "definitions"):
                log.truncate(topic, partition, high)
    for partition in range(log.partitions("state")):
        compact(log, partition)
    return log


def compact(log: MemoryLog, partition: int) -> None:
    tape = log._tape("state", partition)
    newest = {r.key: r.offset for r in log.scan("state", partition, 0, committed=True)}
    for at in range(tape.low, tape.end):
        if at not in newest.values():
            tape.committed[at - tape.low] = tape.written[at - tape.low] = 0


@pytest.mark.parametrize("seed", range(1, 7))
def test_each_day_comes_again_from_the_states_at_its_cut_when_the_archive_is_all_there_is(
    seed: int, tmp_path: Path
) -> None:
    whole = recorded_over_days(seed, split=seed % 3 == 0)
    expected = {n: counted(whole, n) for n in (1, 2, 3)}
    log = kept_for_days(deepcopy(whole), tmp_path)
    for number in (1, 2, 3):
        since, until = day(number)
        for source in (JoinedLog(None, tmp_path), JoinedLog(log, tmp_path)):
            recording = open_recording(source, since_ns=since, until_ns=until)
            assert bool(recording.states) is (number > 1)
            assert all(state.values["input"]["time"] < since for state in recording.states.values())
            assert number == 1 or recording.states["normalise"].values["time"] >= since - DAY_NS
            _, parity = replayed(recording, split=seed % 3 == 0 or seed % 2 == 0)
            assert parity.differing == []
            assert parity.compared["ticks.<source>"] >= expected[number]["ticks.simulator"] > 0
            assert parity.compared["scores"] >= expected[number]["scores"]
            assert parity.compared["orders.intent"] >= expected[number]["orders.intent"]


def counted(log: MemoryLog, number: int) -> dict[str, int]:
    """Rows and documents whose log time is of a day, by topic: a frame may hold those of two."""
    since, until = day(number)
    found: dict[str, int] = {}
    for topic in ("ticks.simulator", "scores", "orders.intent"):
        for record in log.scan(topic, 0, 0, committed=True):
            header = unpack(record.header or b"")
            rows = [header.time]
            if topic in ("ticks.simulator", "scores"):
                rows = decode_rows(header.schema, header.version, record.value, header.count)["ts_log"].tolist()
            found[topic] = found.get(topic, 0) + sum(since <= time < until for time in rows)
    return found


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_pin_of_a_day_or_of_a_part_of_it_has_one_id_from_kafka_and_from_the_archive_and_comes_again_from_both(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    whole = recorded_over_days(seed)
    folder = tmp_path / "archive"
    log = kept_for_days(deepcopy(whole), folder)
    for number, later in ((2, 0), (2, 50_000_000), (3, 0), (3, 50_000_000)):
        since, until = day(number)
        selection = Selection(since + later, until, until)
        made = pin(whole, selection, ts=until)
        assert {state.task for state in made.data.states} == {"normalise", "hot", "risk", "venue"}
        for source in (whole, JoinedLog(None, folder), JoinedLog(log, folder)):
            assert measure(source, selection).data.id == made.id
            recording = open_pin(source, made)
            replay = MemoryReplay(plan_of(recording), cut=Cut(seed, records_max=17))
            replay.run()
            parity = compare(replay.plan, replay.log)
            assert parity.differing == []
            assert parity.compared["ticks.<source>"] > 0
