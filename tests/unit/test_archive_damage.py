"""Whatever is done to an archive behind its back is found; whatever kills its writer, segments are whole."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.archive import archiver as module
from replay.archive import merging as merging_module
from replay.archive.archiver import Archiver
from replay.archive.durable import FAILPOINTS
from replay.archive.merging import MERGE_AT, merge_small
from replay.archive.verify import verify
from replay.archive.writer import ArchiveWriter
from replay.joined_log import JoinedLog
from schemas.errors import ArchiveError
from streams.failpoints import Failpoint, nothing
from streams.memory import MemoryLog
from tests.archive_world import BATCHES, PLACE, archived, committed, extend, log_of, tape


class Died(BaseException):
    """A SIGKILL, as far as a process can do it to itself and live."""


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEGMENT_RECORDS_MAX", 3)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "archive"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SEGMENT_RECORDS_MAX", 3)
        patch.setattr(merging_module, "MERGE_AT", 2)
        log = tape()
        archived(log, folder)
        assert len(list(folder.rglob("*.parquet"))) == 5
        writer = ArchiveWriter(folder)
        assert merge_small(writer, PLACE, 6, 1 << 20) == 2, "one merged segment among others"
        writer.close()
    return folder


@pytest.mark.parametrize("commits", [0, 3])
@pytest.mark.parametrize("point", FAILPOINTS)
def test_a_writer_may_die_anywhere(point: str, commits: int, tmp_path: Path) -> None:
    died = []

    def die(name: str, number: int) -> None:
        if name == point and number >= commits:
            died.append(name)
            raise Died

    log = tape()
    with pytest.raises(Died):
        archived(log, tmp_path, failpoint=die)
    assert died == [point]
    if (tmp_path / "heads.json").exists():
        assert verify(tmp_path).problems == []
        expected = committed(log)
        joined = JoinedLog(None, tmp_path)
        if "orders" in joined.names() and joined.bounds(*PLACE) != (0, 0):
            found = committed(joined)
            assert found == expected[: len(found)]
        assert committed(JoinedLog(log, tmp_path)) == expected
    extend(log, *BATCHES)
    archived(log, tmp_path)
    found_then = verify(tmp_path)
    assert (found_then.problems, found_then.left) == ([], [])
    assert committed(JoinedLog(None, tmp_path)) == committed(log)
    assert not list(tmp_path.rglob("*.new"))


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.archive_world import archived, tape
def die(name, number):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
archived(tape(), Path(sys.argv[1]), failpoint=die)
"""


@pytest.mark.parametrize("point", ["segment.half", "manifest.named"])
def test_a_writer_that_is_killed_leaves_whole_segments_and_no_lock(point: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), point], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert verify(tmp_path).problems == []
    archived(tape(), tmp_path)
    assert verify(tmp_path).problems == []
    assert committed(JoinedLog(None, tmp_path)) == committed(tape())


def merging(folder: Path, log: MemoryLog, failpoint: Failpoint = nothing) -> int:
    """Merge what fits into one of the orders' segments; returns how many."""
    writer = ArchiveWriter(folder, failpoint=failpoint)
    try:
        return merge_small(writer, PLACE, 100, 1 << 20)
    finally:
        writer.close()


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, MemoryLog]:
    """An archive of three segments of orders, of which the newest two will be merged, and the log."""
    monkeypatch.setattr(merging_module, "MERGE_AT", 2)
    monkeypatch.setattr(module, "merge_small", lambda *_: 0)
    log = tape()
    archived(log, tmp_path)
    return tmp_path, log


def test_small_segments_become_one_with_the_same_records(many: tuple[Path, MemoryLog]) -> None:
    folder, log = many
    reading = JoinedLog(None, folder).scan(*PLACE, 0, committed=True)
    first = next(reading)
    assert merging(folder, log) == 3
    names = sorted(path.name for path in (folder / "orders" / "0").iterdir())
    end = JoinedLog(None, folder).bounds(*PLACE)[1]
    assert names == [f"{0:020}-{end:020}.{ending}" for ending in ("json", "parquet")]
    assert [first, *reading] == committed(log), "who was reading goes on in the merged one"
    found = verify(folder)
    assert (found.problems, found.left) == ([], [])
    extend(log, *BATCHES)
    archived(log, folder)
    assert committed(JoinedLog(None, folder)) == committed(log)
    assert merging(folder, log) > 1
    assert verify(folder).problems == []
    assert committed(JoinedLog(None, folder)) == committed(log)


@pytest.mark.parametrize("at", range(24))
def test_a_merge_may_die_anywhere(at: int, many: tuple[Path, MemoryLog]) -> None:
    folder, log = many
    passed = []

    def die(name: str, _number: int) -> None:
        passed.append(name)
        if len(passed) > at:
            raise Died

    with pytest.raises(Died):
        merging(folder, log, die)
    assert verify(folder).problems == []
    assert committed(JoinedLog(None, folder)) == committed(log)
    extend(log, *BATCHES)
    archived(log, folder)
    found = verify(folder)
    assert (found.problems, found.left) == ([], [])
    assert committed(JoinedLog(None, folder)) == committed(log)


def test_an_archive_is_verified_while_its_segments_are_merged(many: tuple[Path, MemoryLog]) -> None:
    folder, log = many
    looks: list[int] = []

    def merge(_: str, records: int) -> None:
        looks.append(records)
        if len(looks) == 2:
            assert merging(folder, log)

    found = verify(folder, on_progress=merge)
    assert found.problems == []
    again = verify(folder)
    assert (found.records, found.segments, found.bytes) == (again.records, again.segments, again.bytes)


def test_who_follows_a_log_leaves_few_segments_however_often_it_looks(tmp_path: Path) -> None:
    log = log_of()
    archiver = Archiver(log, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SEGMENT_RECORDS_MAX", 500)
        for _ in range(400):
            extend(log, [(b"k", b"v", None)])
            archiver.write()
    archiver.close()
    assert len(list(tmp_path.rglob("*.parquet"))) <= 400 / 500 + 1 + MERGE_AT
    assert verify(tmp_path).problems == []
    assert committed(JoinedLog(None, tmp_path)) == committed(log)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.parent.name != "locks")


def damage(folder: Path, data: st.DataObject) -> str:
    """One thing that was done to it."""
    files = files_of(folder)
    path = data.draw(st.sampled_from(files), "file")
    content = bytearray(path.read_bytes())
    what = data.draw(st.sampled_from(["flip", "cut", "longer", "remove", "swap", "add", "fold"]), "what")
    if what == "flip":
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
    elif what == "cut":
        path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    elif what == "longer":
        path.write_bytes(content + data.draw(st.binary(min_size=1, max_size=9)))
    elif what == "remove":
        path.unlink()
    elif what == "swap":
        other = data.draw(st.sampled_from([f for f in files if f.read_bytes() != content]), "with")
        path.write_bytes(other.read_bytes())
        other.write_bytes(content)
    elif what == "add":
        name = data.draw(st.sampled_from(["notes.txt", f"{99:020}.json", f"{1:020}.parquet", "x.parquet", ".hidden"]))
        path.with_name(name).write_bytes(content)
    else:
        shutil.rmtree(folder / data.draw(st.sampled_from(["orders", "executions", "orders/0"])))
    return what


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_whatever_is_done_to_an_archive_is_found(whole: Path, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "archive"
        shutil.copytree(whole, folder)
        assert verify(folder).problems == []
        damage(folder, data)
        assert verify(folder).problems != []
        expected, told = tape(), []
        for topic in ("orders", "executions"):
            got = []
            try:
                for record in JoinedLog(None, folder).scan(topic, 0, 0, committed=True):
                    got.append(record)
            except ArchiveError as error:
                told.append(error.where)
            # What came before is what was written, to the byte, and ends with a segment.
            assert got == committed(expected, topic)[: len(got)]
        assert all(str(folder) in where for where in told)


@pytest.mark.parametrize(("manifests", "segments"), [(11, 397), pytest.param(1, 97, marks=pytest.mark.long)])
def test_every_bit_of_every_file_counts(whole: Path, tmp_path: Path, manifests: int, segments: int) -> None:
    """One bit of every so many bytes."""
    folder = tmp_path / "archive"
    shutil.copytree(whole, folder)
    for path in files_of(folder):
        content = path.read_bytes()
        for at in range(0, len(content), manifests if path.suffix == ".json" else segments):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            found = verify(folder).problems
            assert found, (path, at)
            assert any(path.with_suffix("") == problem.file.with_suffix("") for problem in found)
        path.write_bytes(content)
    assert verify(folder).problems == []


def test_a_problem_says_where(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    shutil.copytree(whole, folder)
    segment = sorted(folder.glob("orders/0/*.parquet"))[1]
    segment.write_bytes(segment.read_bytes()[:-1])
    (problem,) = verify(folder).problems
    assert (problem.file, problem.topic, problem.partition) == (segment, "orders", 0)
    assert problem.offset == int(segment.stem.partition("-")[0])
