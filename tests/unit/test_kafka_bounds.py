"""Where a partition begins and ends is never guessed: a broker that goes away in between is asked again."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.errors import BrokerError
from streams import kafka
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


def log_over(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> KafkaLog:
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
