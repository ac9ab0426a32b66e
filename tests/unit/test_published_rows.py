"""Rows of a purchased file that are on the tape are known by the file's hash, by key."""

from __future__ import annotations

import hashlib

import pytest

from feeds.history import Provenance, Row, payload
from feeds.published import published_rows
from streams.memory import MemoryLog
from streams.publisher import Publisher

ONE, OTHER = (hashlib.sha256(name).hexdigest() for name in (b"one", b"other"))


@pytest.mark.parametrize("name", ["a.csv", 'x","sha256":"' + "0" * 64 + '","row":9,"stood":.csv'])
def test_the_last_row_of_each_key_is_found_whatever_a_file_is_called(name: str) -> None:
    log = MemoryLog()
    publisher = Publisher(log, "history", partitions=3)
    for sha256, key, row in ((ONE, "spot:A", 0), (ONE, "spot:A", 2), (ONE, "spot:B", 3), (OTHER, "spot:A", 8)):
        publisher.publish(payload(Row(instrument=key), Provenance(name, sha256, row), "1,2"), key, 1)
    publisher.publish(b"a stranger's", "spot:A", 1)
    publisher.close()
    told: list[int] = []
    assert published_rows(log, [ONE, "0" * 64], told.append) == {(ONE, b"spot:A"): 2, (ONE, b"spot:B"): 3}
    assert told == []


def test_before_the_first_run_nothing_is_there() -> None:
    assert published_rows(MemoryLog(), [ONE]) == {}
