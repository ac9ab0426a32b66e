"""The log under test: memory and a real broker, one after the other."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from streams.kafka import KafkaLog, connect
from streams.log import Log
from streams.memory import MemoryLog
from tests.kafka.live_desk import LiveDesk


@pytest.fixture(params=["memory", "kafka"])
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    """Both logs, closed at the end. ``kafka`` is the session's broker (``tests/conftest.py``)."""
    if request.param == "memory":
        yield MemoryLog()
        return
    kafka_log = connect(request.getfixturevalue("kafka").bootstrap)
    yield kafka_log
    kafka_log.close()


@pytest.fixture
def name() -> str:
    """A name that no other test uses: topics outlive tests."""
    return f"suite-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDesk]:
    """A home and a broker of the module's own, ended with all that was started there."""
    made = LiveDesk(tmp_path_factory.mktemp("desk"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def desk_log(desk: LiveDesk) -> Iterator[KafkaLog]:
    """The log of that broker."""
    opened = connect(desk.bootstrap)
    yield opened
    opened.close()
