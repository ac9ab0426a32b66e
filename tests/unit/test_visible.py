"""What was committed is waited for until it can be read: a broker's markers may come late."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agents.defining import define, numbered
from agents.topology import topic_specs
from feeds.definitions import DEFINITIONS
from schemas.control import Halt
from schemas.errors import BrokerError, SnapshotError
from streams import visible
from streams.log import Record
from streams.memory import MemoryLog
from streams.people import append
from streams.visible import wait_visible


class LateMarkers(MemoryLog):
    """Shows committed records only to the reader who has come so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times
        self.hides = False

    def scan(self, topic: str, partition: int, start: int, *, committed: bool) -> Iterator[Record]:
        if committed and self.hides and self.bounds(topic, partition)[1] and self.left:
            self.left -= 1
            if self.left % 2:
                raise SnapshotError("beyond the end", where=f"{topic}[{partition}]")
            return iter(())
        return super().scan(topic, partition, start, committed=committed)


def test_definitions_can_be_read_as_soon_as_they_are_defined() -> None:
    log = LateMarkers(5)
    log.create(topic_specs("", "binance"))
    log.hides = True
    definitions = DEFINITIONS[:3]
    define(log, definitions)
    assert log.left == 0
    assert numbered(log) == 3


def test_what_people_say_can_be_read_as_soon_as_it_is_said() -> None:
    log = LateMarkers(3)
    log.create(topic_specs("", "binance"))
    log.hides = True
    said = append(log, Halt(scope="all", author="a", reason="r", ts=1))
    assert [record.offset for record in log.scan("control", 0, 0, committed=True)] == [said.offset]


def test_a_record_that_stays_hidden_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visible, "VISIBLE_S_MAX", 0.05)
    log = LateMarkers(1_000_000)
    log.create(topic_specs("", "binance"))
    append(log, Halt(scope="all", author="a", reason="r", ts=1))
    log.hides = True
    with pytest.raises(BrokerError, match=r"control\[0\]@0: committed, and not to be read yet"):
        wait_visible(log, "control", 0, 0)
