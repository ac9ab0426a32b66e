"""Which log a user who names none gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import BrokerError
from streams.bootstrap import find_bootstrap, open_log
from streams.memory import MemoryLog


@pytest.fixture(autouse=True)
def _a_bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAPEDECK_BOOTSTRAP", raising=False)
    monkeypatch.setenv("TAPEDECK_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_a_log_that_is_handed_over_stays_its_owners_to_close() -> None:
    log = MemoryLog()
    assert open_log(log) == (log, False)


def test_the_environment_names_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPEDECK_BOOTSTRAP", "kafka-1:9092")
    assert find_bootstrap() == "kafka-1:9092"


def test_the_configuration_file_names_the_cluster(tmp_path: Path) -> None:
    (tmp_path / "tapedeck.toml").write_text('bootstrap = "kafka-2:9092"\n')
    assert find_bootstrap() == "kafka-2:9092"


def test_without_a_name_or_an_embedded_broker_it_says_what_to_do() -> None:
    with pytest.raises(BrokerError, match="tapedeck broker up"):
        find_bootstrap()
