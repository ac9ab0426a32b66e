"""An archive beside its writer, and beside a log: no damage is told that is none, and no other log is joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from replay.archive import merging
from replay.archive.archiver import Archiver
from replay.archive.chain import archived_ends, current
from replay.archive.verify import chains_in, verify
from replay.days import days_in
from replay.joined_log import JoinedLog, connect
from schemas.errors import ArchiveError
from streams.memory import MemoryLog
from tests.archive_world import PLACE, archived, extend, log_of, payloads

MERGE_AT = 4
PASSES = 80
"""So many segments are committed meanwhile, and merged again and again."""


@contextmanager
def archiving(log: MemoryLog, folder: Path) -> Iterator[Callable[[], int]]:
    """Another thread commits a small segment after another, and merges them; gives how many passes there were."""
    ended, passes = Event(), 0

    def work() -> None:
        nonlocal passes
        archiver = Archiver(log, folder)
        try:
            while not ended.is_set() and passes < PASSES:
                extend(log, [(b"k", b"v%d" % passes, None)])
                archiver.write()
                passes += 1
        finally:
            archiver.close()

    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(work)
        try:
            yield lambda: passes
        finally:
            ended.set()
            done.result()


def test_verify_list_and_readers_beside_a_writer_find_nothing_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "MERGE_AT", MERGE_AT)
    log = log_of([(b"k", b"first", None)])
    first = Archiver(log, tmp_path)
    first.write()
    first.close()
    known = looks = 0
    with archiving(log, tmp_path) as passes:
        while passes() < PASSES:
            looks += 1
            found = verify(tmp_path)
            assert found.problems == []
            assert found.records >= known, "what was archived stays"
            known = found.records
            chains, problems = chains_in(tmp_path)
            assert problems == []
            assert [p for chain in chains for p in chain.problems] == []
            end = archived_ends(tmp_path, "")[PLACE]
            read = [r.value for r in JoinedLog(None, tmp_path).scan(*PLACE, 0, committed=True)]
            assert len(read) >= known
            assert read[:2] in ([b"first"], [b"first", b"v0"])
            assert current(tmp_path, PLACE).check().end >= end
    assert looks > 3
    assert verify(tmp_path).problems == []
    assert verify(tmp_path).records == passes() + 1


def test_an_archive_is_not_joined_with_another_log_however_long_that_is(tmp_path: Path) -> None:
    day = 86_400 * 10**9
    archived(payloads(*(20_000 * day + n for n in range(5))), tmp_path)
    other = payloads(*(20_001 * day + n for n in range(8)))
    joined = connect(other, tmp_path)
    for asked in (lambda: days_in(joined), lambda: joined.bounds("raw.binance", 0)):
        with pytest.raises(ArchiveError, match=r"raw.binance\[0\]: this is not the log that was archived") as refused:
            asked()
        assert refused.value.kind == "archive.other_log"
