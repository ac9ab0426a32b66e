"""The archive gives back, byte for byte, what the log held; joined with the log, nobody can tell which it came from."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.archive import archiver as module
from replay.archive.archiver import Archiver
from replay.archive.day_cuts import DAY_NS
from replay.archive.verify import verify
from replay.joined_log import JoinedLog, connect
from schemas.catalog import ORDER
from schemas.errors import ArchiveError, BrokerError, SnapshotError
from schemas.header import Header, pack
from streams.home import archive_dir
from streams.log import Record, Records, TopicSpec
from streams.memory import MemoryLog
from tests.archive_world import PLACE, Triple, archived, committed, extend, log_of

BYTES = st.binary(max_size=40)
TRIPLES: st.SearchStrategy[Triple] = st.tuples(st.none() | BYTES, BYTES, st.none() | BYTES)
BATCHES = st.lists(st.lists(TRIPLES, min_size=1, max_size=6), min_size=1, max_size=8)
FEW: list[list[Triple]] = [[(b"k", b"0", b"h"), (None, b"1", None)], [(b"", b"", b"")], [(b"k", b"3", None)]]


@settings(max_examples=25, deadline=None)
@given(before=BATCHES, behind=BATCHES, records_max=st.integers(1, 9), gone=st.floats(0, 1))
def test_what_comes_back_is_what_was_there(
    before: list[list[Triple]], behind: list[list[Triple]], records_max: int, gone: float
) -> None:
    log = log_of(*before)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SEGMENT_RECORDS_MAX", records_max)
        archived(log, Path(folder))
        kept = log.bounds(*PLACE)[1]
        extend(log, *behind)
        expected = committed(log)
        archived_only = [r for r in expected if r.offset < kept]
        assert committed(JoinedLog(None, Path(folder))) == archived_only
        # Not beyond what is archived: an aborted tail is not, and once it is gone nobody can tell that it was one.
        log.truncate(*PLACE, int(gone * JoinedLog(None, Path(folder)).bounds(*PLACE)[1]))
        joined = JoinedLog(log, Path(folder))
        assert joined.bounds(*PLACE)[1] == log.bounds(*PLACE)[1]
        assert committed(joined) == expected
        for start in (0, kept // 2, kept - 1, kept):
            assert committed(joined, start=start) == [r for r in expected if r.offset >= start]
            assert by_reader(joined, start, records_max) == [r for r in expected if r.offset >= start]
        assert verify(Path(folder)).problems == []


def by_reader(log: JoinedLog, start: int, records_max: int) -> list[Record]:
    reader = log.reader({PLACE: start}, committed=True)
    found: list[Record] = []
    while records := reader.read(records_max, 0.0):
        assert len(records) <= records_max
        columns = Records.of(records)
        assert [r.value for r in records] == columns.values
        assert [r.header for r in records] == columns.headers
        assert [r.offset for r in records] == columns.offsets.tolist()
        found += list(records)
    reader.close()
    return found


def test_markers_and_huge_gaps_are_no_holes(tmp_path: Path) -> None:
    log = log_of(FEW[0])
    tape = log._tape(*PLACE)
    for _ in range(100_000):
        tape.append(None, 0)
    extend(log, FEW[1])
    archived(log, tmp_path)
    log.truncate(*PLACE, log.bounds(*PLACE)[1])
    assert [r.value for r in committed(JoinedLog(log, tmp_path))] == [b"0", b"1", b""]


def test_a_reader_of_several_partitions_starves_none(tmp_path: Path) -> None:
    log = log_of(*FEW * 20)
    log.create([TopicSpec("executions")])
    archived(log, tmp_path)
    log.truncate(*PLACE, log.bounds(*PLACE)[1])
    log.appender().append("executions", 0, b"k", b"live", None)
    reader = JoinedLog(log, tmp_path).reader({PLACE: 0, ("executions", 0): 0}, committed=True)
    assert b"live" in [r.value for _ in range(3) for r in reader.read(1, 0.0)]


def test_without_an_archive_the_log_is_itself(tmp_path: Path) -> None:
    log = log_of(*FEW)
    assert connect(log, tmp_path) is log
    archived(log, tmp_path)
    assert isinstance(connect(log, tmp_path), JoinedLog)


def test_the_archive_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TAPEDECK_HOME", str(tmp_path))
    monkeypatch.delenv("TAPEDECK_ARCHIVE", raising=False)
    assert archive_dir() == tmp_path / "archive"
    monkeypatch.setenv("TAPEDECK_ARCHIVE", str(tmp_path / "tape"))
    assert archive_dir() == tmp_path / "tape"


def test_the_archive_alone_cannot_be_written_through(tmp_path: Path) -> None:
    archived(log_of(*FEW), tmp_path)
    alone = JoinedLog(None, tmp_path)
    assert alone.names() == ["orders"]
    assert (alone.partitions("orders"), alone.partitions("executions")) == (1, 0)
    with pytest.raises(BrokerError):
        alone.appender()
    with pytest.raises(SnapshotError):
        alone.scan(*PLACE, 99, committed=True)


def dated(*times: int) -> MemoryLog:
    log = MemoryLog()
    log.create([TopicSpec("orders")])
    for seq, time in enumerate(times):
        header = Header(schema=ORDER.number, version=1, seq=seq, time=time, writer="risk")
        log.appender().append(*PLACE, b"k", b"%d" % seq, pack(header))
    return log


def test_a_day_ends_before_its_first_later_record(tmp_path: Path) -> None:
    log = dated(DAY_NS + 5, 2 * DAY_NS - 1, 2 * DAY_NS, 2 * DAY_NS - 1, 3 * DAY_NS)
    archived(log, tmp_path, DAY_NS)
    assert JoinedLog(None, tmp_path).names() == []
    for day, values in ((2, [b"0", b"1"]), (3, [b"0", b"1", b"2", b"3"]), (4, [b"0", b"1", b"2", b"3", b"4"])):
        archived(log, tmp_path, day * DAY_NS)
        assert [r.value for r in committed(JoinedLog(None, tmp_path))] == values
    assert archived(log, tmp_path).segments == 0


def test_a_stamp_that_leaps_over_a_day_is_told_and_not_waited_behind(tmp_path: Path) -> None:
    log = dated(1, 2, 400 * DAY_NS, 3, 4)
    for until in (DAY_NS, 2 * DAY_NS):
        with pytest.raises(ArchiveError, match=r"orders\[0\]@2: a clock leaped ahead") as refused:
            archived(log, tmp_path, until)
        assert refused.value.kind == "archive.clock_leaps"
        assert [r.value for r in committed(JoinedLog(None, tmp_path))] == [b"0", b"1"]
    assert archived(log, tmp_path).records == {"orders": 3}
    assert archived(dated(1, 40 * DAY_NS), tmp_path / "pause", DAY_NS).records == {"orders": 1}, "a pause is none"


def snapshots(log: MemoryLog, *taken: tuple[bytes, int]) -> None:
    """Commits of a task's state at those times, ms."""
    for key, at_ms in taken:
        tape = log._tape("state", 0)
        tape.append(Record("state", 0, tape.end, key, b"%d" % at_ms, b"", at_ms), 1)


def test_of_snapshots_each_tasks_newest_of_each_day_is_kept(tmp_path: Path) -> None:
    day = DAY_NS // 1_000_000
    log = MemoryLog()
    log.create([TopicSpec("state", compacted=True)])
    snapshots(log, (b"hot", 1), (b"risk", 2), (b"hot", 3), (b"hot", day + 1), (b"hot", day + 2))
    stop: list[bool] = []
    archiver = Archiver(log, tmp_path, stopping=lambda: bool(stop))
    archiver.follow(0.0, lambda _done, _took: stop.append(True))
    archiver.close()
    kept = [(r.key, r.offset) for r in committed(JoinedLog(None, tmp_path), "state")]
    assert kept == [(b"risk", 1), (b"hot", 2), (b"hot", 4)], "what is newest then goes with those of the day"
    archived(log, tmp_path)
    assert [r.offset for r in committed(JoinedLog(None, tmp_path), "state")] == [1, 2, 4]
    tape = log._tape("state", 0)
    tape.committed[:4] = bytes(4)  # compacted away
    snapshots(log, (b"hot", day + 9))
    joined = JoinedLog(log, tmp_path)
    assert [r.offset for r in committed(joined, "state")] == [1, 2, 4, 5]
    assert joined.bounds("state", 0) == (0, 6)


def test_another_topic_of_the_same_name_is_refused(tmp_path: Path) -> None:
    archived(log_of(*FEW), tmp_path)
    other: list[Triple] = [(b"other", b"", b"")]
    longer = log_of(other * 2, *FEW)
    with pytest.raises(ArchiveError, match="not the log that was archived") as caught:
        archived(longer, tmp_path)
    assert caught.value.kind == "archive.other_log"
    with pytest.raises(ArchiveError, match="not the log"):
        committed(JoinedLog(log_of(other), tmp_path))


def test_a_hole_is_told_with_its_offsets(tmp_path: Path) -> None:
    log = log_of(*FEW)
    archived(log, tmp_path)
    end = log.bounds(*PLACE)[1]
    extend(log, *FEW)
    log.truncate(*PLACE, end + 2)
    joined = JoinedLog(log, tmp_path)
    with pytest.raises(ArchiveError, match=rf"orders\[0\].*offsets {end} to {end + 1}"):
        committed(joined)
    with pytest.raises(ArchiveError, match=f"offsets {end} to {end + 1}"):
        by_reader(joined, 0, 5)
    assert committed(joined, start=end + 2) == committed(log)
    with pytest.raises(ArchiveError, match="before they were archived"):
        archived(log, tmp_path)


def test_what_was_archived_since_a_chain_was_read_is_no_hole(tmp_path: Path) -> None:
    log = log_of(*FEW)
    archived(log, tmp_path)
    joined = JoinedLog(log, tmp_path)
    joined.bounds(*PLACE)
    extend(log, *FEW)
    whole = committed(log)
    archived(log, tmp_path)
    log.truncate(*PLACE, log.bounds(*PLACE)[1] - 1)
    assert committed(joined) == whole


@pytest.mark.parametrize("call", range(6))
def test_a_full_disk_is_one_line_and_leaves_whole_segments(
    call: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = log_of(*FEW)
    archived(log, tmp_path)
    extend(log, *FEW)
    real, calls = os.fsync, iter(range(99))

    def full(descriptor: int) -> None:
        if next(calls) >= call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ArchiveError, match="disk is full") as caught:
            archived(log, tmp_path)
    assert "\n" not in str(caught.value)
    found = verify(tmp_path)
    assert (found.problems, found.left) == ([], [])
    archived(log, tmp_path)
    assert committed(JoinedLog(None, tmp_path)) == committed(log)
    assert verify(tmp_path).problems == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own that holds a few segments."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("nobody may mount a disk here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_that_fills_up_holds_whole_segments_and_what_is_left_follows_on_a_larger_one(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_RECORDS_MAX", 16)
    batches: list[list[Triple]] = [[(b"k", os.urandom(1_000), None) for _ in range(8)] for _ in range(32)]
    log = log_of(*batches)
    with pytest.raises(ArchiveError, match="disk is full") as caught:
        archived(log, small_disk)
    assert caught.value.kind == "archive.disk_full"
    assert not list(small_disk.rglob("*.new"))
    found = verify(small_disk)
    assert (found.problems, found.left) == ([], [])
    kept = committed(JoinedLog(None, small_disk))
    assert 0 < len(kept) < 256
    assert kept == committed(log)[: len(kept)]
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    archived(log, small_disk)
    assert committed(JoinedLog(None, small_disk)) == committed(log)
    assert verify(small_disk).problems == []


def test_an_aborted_tail_is_nothing_to_archive_and_nothing_to_be_behind_of(tmp_path: Path) -> None:
    log = log_of(*FEW)
    writer = log.writer("w")
    for _ in range(3):
        writer.begin()
        writer.append(*PLACE, b"k", b"never", b"")
        writer = log.writer("w")
    archiver = Archiver(log, tmp_path)
    assert archiver.write().records == {"orders": 4}
    assert archiver.behind_s() == 0
    assert archiver.write().segments == 0
    archiver.close()
    assert committed(JoinedLog(log, tmp_path)) == committed(log)
    assert committed(JoinedLog(None, tmp_path)) == committed(log)
    assert verify(tmp_path).problems == []


def test_how_far_it_is_behind_is_the_logs_time_and_not_how_long_a_look_took(tmp_path: Path) -> None:
    log = dated(DAY_NS, DAY_NS + 10**9)
    told: list[float] = []
    archiver = Archiver(log, tmp_path, stopping=lambda: bool(told))
    assert archiver.behind_s() == 1.0, "nothing is archived yet"
    archiver.follow(0.0, lambda _pass, behind_s: told.append(behind_s))
    assert told == [0.0]
    header = Header(schema=ORDER.number, version=1, seq=2, time=DAY_NS + 31 * 10**9, writer="risk")
    log.appender().append(*PLACE, b"k", b"2", pack(header))
    assert archiver.behind_s() == 30.0
    archiver.close()
