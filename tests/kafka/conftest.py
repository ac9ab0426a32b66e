"""The log under test: memory and a real broker, one after the other."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from replay.plan import PlayPlan
from replay.session import KafkaSession
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
def played(kafka: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, PlayPlan]:
    """Bootstrap, and a short run that has ended."""
    log = connect(kafka.bootstrap)
    plan = PlayPlan(run=f"t{uuid.uuid4().hex[:12]}", seconds=5.0, seed=3, speed=0.0)
    session = KafkaSession(log, plan, tmp_path_factory.mktemp("run"), lambda _event: None)
    try:
        session.run(lambda: None)
    finally:
        session.close()
        log.close()
    return kafka.bootstrap, plan


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
