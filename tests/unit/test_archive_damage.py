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
from replay.archive.durable import FAILPOINTS
from replay.archive.verify import verify
from replay.joined_log import JoinedLog
from schemas.errors import ArchiveError
from tests.archive_world import BATCHES, PLACE, archived, committed, extend, tape


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
        archived(tape(), folder)
    assert len(list(folder.rglob("*.parquet"))) == 5
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


def test_every_bit_of_every_file_counts(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    shutil.copytree(whole, folder)
    for path in files_of(folder):
        content = path.read_bytes()
        for at in range(0, len(content), 1 if path.suffix == ".json" else 97):
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
    assert problem.offset == int(segment.stem)
