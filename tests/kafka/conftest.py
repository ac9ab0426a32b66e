"""The log under test: memory and a real broker, one after the other."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from streams.kafka import connect
from streams.log import Log
from streams.memory import MemoryLog


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
