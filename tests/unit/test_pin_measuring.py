"""What of a log makes a pin: which topics, from where on, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from replay.pins.measuring import measure
from replay.pins.selection import Selection
from replay.pins.starting import Start, lead
from replay.plan import PlayPlan
from replay.recording import DAY_NS, Recording
from schemas.catalog import RAW, RUN
from schemas.codec import encode
from schemas.errors import ConfigError
from schemas.header import Header, pack
from streams.log import Record, TopicSpec
from streams.memory import MemoryLog
from streams.state_bytes import dump

DAY = 20_000 * DAY_NS
SECOND = 10**9
NEXT = Selection(DAY, DAY + DAY_NS, DAY + DAY_NS)


def raw(log: MemoryLog, name: str, *times: int) -> None:
    """Payloads of a source or of an execution system."""
    log.create([TopicSpec(f"raw.{name}")])
    for seq, time in enumerate(times):
        header = Header(schema=RAW.number, version=RAW.version, seq=seq, time=time, writer=name)
        log.appender().append(f"raw.{name}", 0, b"", b"%d" % seq, pack(header))


def opened() -> MemoryLog:
    """A desk that was opened the day before, fed from five seconds before midnight to four behind it."""
    log = MemoryLog()
    log.create([TopicSpec("control"), TopicSpec("orders")])
    header = Header(schema=RUN.number, version=RUN.version, seq=0, time=DAY - 30 * SECOND, writer="people")
    log.appender().append("control", 0, b"", encode(PlayPlan(run="r").opening()), pack(header))
    raw(log, "simulator", *(DAY + n * SECOND for n in range(-5, 5)))
    return log


def nothing(_: Recording, __: Mapping[int, Record]) -> dict[str, Start]:
    return {}


@pytest.mark.parametrize("gateway", ["", "alpaca", "venue"])
def test_where_an_execution_system_reports_is_not_where_the_feed_begins(gateway: str) -> None:
    log = opened()
    if gateway:
        raw(log, gateway, *(DAY + n * 5 * SECOND for n in range(-4, 4)))
    begun: list[dict[int, tuple[str, int]]] = []

    def begin(_: Recording, first: Mapping[int, Record]) -> dict[str, Start]:
        begun.append({p: (record.topic, record.offset) for p, record in first.items()})
        return {}

    found = measure(log, NEXT, begin=begin)
    assert begun == [{0: ("raw.simulator", 5)}]
    lead = {(part.topic, part.records) for part in found.data.lead if part.topic != "control"}
    assert lead == {("raw.simulator", 5), *({(f"raw.{gateway}", 4)} if gateway else ())}
    assert found.lead == {0: 0}


def test_a_topic_of_which_retention_left_nothing_is_not_an_empty_one() -> None:
    log = opened()
    for seq in range(5):
        header = Header(schema=RAW.number, version=1, seq=seq, time=DAY + seq * SECOND, writer="risk")
        log.appender().append("orders", 0, b"", b"o", pack(header))
    assert [part.topic for part in measure(log, NEXT, begin=nothing).data.topics] == ["orders", "raw.simulator"]
    log.truncate("orders", 0, 5)
    with pytest.raises(ConfigError, match="offsets below 5 are removed") as refused:
        measure(log, NEXT, begin=nothing)
    assert refused.value.kind == "config.pin_removed"


@pytest.mark.parametrize(("taken", "kept", "whole"), [(10, 50, False), (10, 11, False), (10, 10, True), (60, 50, True)])
def test_what_was_removed_between_the_state_and_the_range_is_told(taken: int, kept: int, whole: bool) -> None:
    log = MemoryLog()
    raw(log, "simulator", *(DAY + n * SECOND for n in range(100)))
    log.truncate("raw.simulator", 0, kept)
    state = Start("normalise", 1, dump("task/1", {}, {"input": {"offset": taken, "seqs": {"simulator": taken}}}))
    run = Recording(log, "", PlayPlan(run="r").opening(), (), {}, {}, {})
    first = next(iter(log.scan("raw.simulator", 0, 70, committed=True)))
    if whole:
        assert lead(run, first, state) == taken
    else:
        with pytest.raises(ConfigError, match=f"offsets {taken} to {kept - 1} are removed"):
            lead(run, first, state)
