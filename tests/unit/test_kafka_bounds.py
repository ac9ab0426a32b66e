"""Where a partition begins and ends is never guessed: a broker that goes away in between is asked again."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.errors import BrokerError
from streams import kafka, kafka_reader
from streams.kafka import KafkaLog

NO_OFFSET = -1_001
"""What librdkafka leaves where a broker did not answer (``OFFSET_INVALID``)."""


class Admin:
    """Answers with the offsets it is given, the last of them for ever."""

    def __init__(self, *offsets: int) -> None:
        self.offsets = list(offsets)

    def list_offsets(self, places: dict[Any, Any]) -> dict[Any, Future[Any]]:
        offset = self.offsets.pop(0) if len(self.offsets) > 1 else self.offsets[0]
        answered: dict[Any, Future[Any]] = {}
        for place in places:
            answered[place] = Future()
            answered[place].set_result(SimpleNamespace(offset=offset))
        return answered


def log_over(admin: Admin | Silent, monkeypatch: pytest.MonkeyPatch) -> KafkaLog:
    monkeypatch.setattr(kafka, "ADMIN_PAUSE_S", 0.0)
    log = KafkaLog.__new__(KafkaLog)
    log.bootstrap = "here:1"
    monkeypatch.setattr(log, "_admin", admin, raising=False)
    return log


def test_an_offset_that_is_none_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    log = log_over(Admin(0, NO_OFFSET, NO_OFFSET, 7, 3, 7), monkeypatch)
    assert log.bounds("ticks", 0) == (3, 7)


def test_a_broker_that_gives_none_for_too_long_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "ADMIN_S_MAX", 0.05)
    log = log_over(Admin(NO_OFFSET), monkeypatch)
    with pytest.raises(BrokerError, match="broker away"):
        log.bounds("ticks", 0)


class Silent:
    """Never answers: a partition without a leader, which the client goes on waiting for."""

    def list_offsets(self, places: dict[Any, Any]) -> dict[Any, Future[Any]]:
        return {place: Future() for place in places}


def test_an_answer_that_never_comes_is_a_broker_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "ADMIN_S_MAX", 0.05)
    with pytest.raises(BrokerError, match="broker away: no offsets of a partition"):
        log_over(Silent(), monkeypatch).bounds("ticks", 0)


class Mute:
    """A reader of a partition that gives neither records nor its end."""

    def __init__(self, *_arguments: Any, **_flags: Any) -> None:
        self.ended: set[Any] = set()

    def read(self, _records_max: int, _timeout_s: float) -> list[Any]:
        return []

    def close(self) -> None:
        pass


def test_a_scan_of_a_partition_that_gives_nothing_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_reader, "KafkaReader", Mute)
    monkeypatch.setattr(kafka_reader, "SCAN_STILL_S_MAX", 0.05)
    with pytest.raises(BrokerError, match=r"ticks\[0\] gives neither a record nor its end"):
        list(kafka_reader.scan("here:1", ("ticks", 0), 0, 7, committed=True))
