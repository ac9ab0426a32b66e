"""What this build cannot answer for is refused by the command in one line, before anything starts."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from console import replay_play
from console.recorded import tell_lost
from console.replay_play import Wanted, play_again
from replay.trace import trace
from schemas.catalog import RAW, SCORE_SCHEMA
from schemas.errors import ConfigError, SnapshotError
from schemas.header import Header, pack
from streams.home import HOME_VARIABLE
from streams.memory import MemoryLog
from tests.replay_desk import START_NS, recorded

OTHER = "f" * 64


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryLog:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    made = recorded(4, kinds=())
    monkeypatch.setattr(replay_play, "open_recorded", lambda _bootstrap: made)
    return made


def wanted(**more: object) -> Wanted:
    return Wanted("live", "", "", 0.0, "raw", None, (), on_kafka=False, **more)  # type: ignore[arg-type]


def test_what_another_build_recorded_is_refused_unless_this_one_is_to_be_held_against_it(
    log: MemoryLog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert log.names()
    monkeypatch.setattr("replay.known.build_hash", lambda: OTHER)
    with pytest.raises(ConfigError, match="recorded by another build") as refused:
        play_again("", wanted(), as_json=True)
    assert refused.value.kind == "config.replay_build"
    assert play_again("", wanted(any_build=True), as_json=True) == 0
    assert orjson.loads(capsys.readouterr().out)["identical"]
    assert play_again("", wanted(simulated=True), as_json=True) == 0, "what if is asked of the code that is here"


@pytest.mark.parametrize("schema", [RAW, SCORE_SCHEMA])
def test_a_schema_version_of_a_build_to_come_is_refused(log: MemoryLog, schema: object) -> None:
    topic = "raw.simulator" if schema is RAW else "scores"
    if schema is SCORE_SCHEMA:
        log._topics[topic][0].__init__()  # type: ignore[misc]  # all of it is of a later version
    header = Header(schema=schema.number, version=99, seq=1_000, time=START_NS + 10**9, writer="simulator")  # type: ignore[attr-defined]
    log.appender().append(topic, 0, b"k", b"{}", pack(header))
    with pytest.raises(ConfigError, match="schema that this build does not know") as refused:
        play_again("", wanted(), as_json=True)
    assert refused.value.kind == "config.unknown_schema"
    assert f"{topic}[0]@" in refused.value.told


def test_payloads_that_are_removed_are_named_where_no_state_is_left_to_begin_with(
    log: MemoryLog, capsys: pytest.CaptureFixture[str]
) -> None:
    log.truncate("raw.simulator", 0, 3)
    for partition in range(log.partitions("state")):
        log.truncate("state", partition, log.bounds("state", partition)[1])
    with pytest.raises(SnapshotError, match="no state is there to begin with") as refused:
        play_again("", wanted(), as_json=True)
    assert "offsets below 3 of raw.simulator[0] are removed" in refused.value.told
    tell_lost(log, ["raw.simulator", "orders"])
    assert capsys.readouterr().err.splitlines()[-1].startswith("offsets below 3 of raw.simulator[0] are removed, and")


def test_an_order_that_retention_took_is_told_from_one_that_never_was(log: MemoryLog) -> None:
    log.truncate("orders.intent", 0, 1)
    with pytest.raises(ConfigError, match="no such order") as unknown:
        trace(log, "nothing", "live")
    assert "offsets below 1 of orders.intent[0] are removed" in unknown.value.where
