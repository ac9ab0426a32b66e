"""Pins over the memory log: the same data has the same id wherever it lies; one changed byte has another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from agents.defining import define
from feeds.definitions import DEFINITIONS
from replay import tape_time
from replay.archive.chain import archived_ends
from replay.cut import Cut
from replay.days import days_in
from replay.parity import compare
from replay.pins.manifest import Manifest, hash_of
from replay.pins.measuring import measure
from replay.pins.pinning import event_of, find, pin
from replay.pins.playing import open_pin
from replay.pins.selection import SETTLED_NS, Selection, select
from replay.pins.store import load, path_of
from replay.pins.tags import give, tags_in
from replay.pins.verifying import verify
from replay.replay_what import asked_for
from replay.replaying import MemoryReplay
from schemas.control import Halt
from schemas.errors import ConfigError, SnapshotError, StateDiverged
from streams.home import HOME_VARIABLE
from streams.log import Record, TopicSpec
from streams.memory import MemoryLog
from streams.people import append
from tests.archive_world import archived, payloads
from tests.replay_desk import MIDNIGHT_NS, START_NS, plan_of, recorded, recorded_over_days

DAY = 86_400 * 10**9
NOW = START_NS + 10**15
MIDDLE = START_NS + 180_000_000
END = START_NS + 3_600 * 10**9
SAID = {"author": "j.doe", "reason": "checked"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    return tmp_path


def selection(since: int = START_NS - 10**9, until: int = END, **more: object) -> Selection:
    return replace(Selection(since, until, until), **more)  # type: ignore[arg-type]


def copied(
    log: MemoryLog, change: Callable[[Record], bytes | None] = lambda record: record.value, *, shift: int = 0
) -> MemoryLog:
    """The committed records in another log, at other offsets and under no markers; None leaves one out.

    ``shift``: offsets by which all lie further.
    """
    copy = MemoryLog()
    copy.create([TopicSpec(name, log.partitions(name)) for name in log.names()])
    for name in log.names():
        for partition in range(log.partitions(name)):
            for _ in range(shift):
                copy._tape(name, partition).append(None, 0)
    appender = copy.appender()
    for name in log.names():
        for partition in range(log.partitions(name)):
            for record in log.scan(name, partition, 0, committed=True):
                value = change(record)
                if value is not None:
                    appender.append(name, partition, record.key, value, record.header)
    return copy


def flipped(topic: str, n: int) -> Callable[[Record], bytes]:
    """Flips the last bit of the nth record of a topic."""
    seen = -1

    def change(record: Record) -> bytes:
        nonlocal seen
        seen += record.topic == topic
        hit = record.topic == topic and seen == n
        return record.value[:-1] + bytes([record.value[-1] ^ 1]) if hit else record.value

    return change


@pytest.mark.parametrize("seed", range(3))
def test_a_pin_of_mid_history_is_replayed_from_its_own_states_to_the_byte(seed: int) -> None:
    log = recorded(seed, kinds=("crash", "halt", "limits", "duplicate"))
    made = pin(log, selection(MIDDLE), ts=NOW)
    give(log, event_of(made, "noon", ts=NOW, **SAID), moves=False)
    assert find(log, made.id[:8]) == find(log, "noon") == made
    recording = asked_for(log, "noon").open(log)[0]
    assert recording.pin == made.id
    assert set(recording.states) == {state.task for state in made.data.states}
    for split in (False, True):
        replay = MemoryReplay(plan_of(recording, split=split), cut=Cut(seed, records_max=17))
        replay.run()
        parity = compare(replay.plan, replay.log)
        assert parity.differing == []
        assert parity.compared["ticks.<source>"] > 0


@pytest.mark.parametrize("shift", [0, 7])
@pytest.mark.parametrize("since", [MIDNIGHT_NS - DAY, MIDNIGHT_NS, MIDNIGHT_NS + 50_000_000])
def test_another_log_with_other_offsets_gives_the_same_id_and_the_same_replay(since: int, shift: int) -> None:
    log = recorded_over_days(2)
    other = copied(log, shift=shift)
    assert other.bounds("ticks.simulator", 0) != log.bounds("ticks.simulator", 0)
    wanted = selection(since, MIDNIGHT_NS + DAY)
    made = pin(log, wanted, ts=NOW)
    assert bool(made.data.states) is (since >= MIDNIGHT_NS)
    assert verify(other, made).identical
    there = pin(other, wanted, ts=NOW)
    assert there.id == made.id, "whoever pins it, in either log"
    give(other, event_of(made, "there", ts=NOW, **SAID), moves=False)
    for source in (log, other):
        replay = MemoryReplay(plan_of(open_pin(source, made)), cut=Cut(3))
        replay.run()
        parity = compare(replay.plan, replay.log)
        assert parity.differing == []
        assert parity.compared["orders.intent"] > 0
    assert asked_for(other, "there").open(other)[0].pin == made.id


@pytest.mark.parametrize("topic", ["raw.simulator", "ticks.simulator", "orders.intent", "clock", "definitions"])
def test_one_changed_byte_is_another_id_and_verify_says_where(topic: str) -> None:
    log = recorded(1, kinds=("crash",))
    made = pin(log, selection(MIDDLE), ts=NOW)
    hits = sum(1 for _ in log.scan(topic, 0, 0, committed=True))
    found = [verify(copied(log, flipped(topic, n)), made) for n in sorted({0, hits // 2, hits - 1})]
    differing = [verdict for verdict in found if not verdict.identical]
    assert differing, "in the range, in its lead-in, or known at the cutoff"
    assert all(v.difference is not None and v.difference.topic == topic for v in differing)
    with pytest.raises(StateDiverged, match="does not hold what was pinned"):
        differing[0].check()


def test_a_changed_state_is_refused_though_the_pin_kept_the_right_one() -> None:
    log = recorded_over_days(1)
    wanted = selection(MIDNIGHT_NS, MIDNIGHT_NS + DAY)
    made = pin(log, wanted, ts=NOW)
    used = {state.hash for state in made.data.states}
    at = next(r for r in log.scan("state", 0, 0, committed=True) if sha256(r.value).hexdigest() in used)
    other = copied(log, lambda r: r.value[:-1] + bytes([r.value[-1] ^ 1]) if r == at else r.value)
    with pytest.raises(SnapshotError, match="torn"):
        measure(other, wanted)
    difference = verify(other, made).difference
    assert difference is not None
    assert "torn" in str(difference)


def test_the_place_of_a_changed_a_missing_and_an_added_record_is_told() -> None:
    log = recorded(2, kinds=())
    made = pin(log, selection(), ts=NOW)
    changed = verify(copied(log, flipped("ticks.simulator", 5)), made).difference
    assert changed is not None
    assert (changed.what, changed.topic, changed.partition, changed.position) == ("changed", "ticks.simulator", 0, 5)
    assert changed.offset == 5
    raw = list(log.scan("raw.simulator", 0, 0, committed=True))
    missing = verify(copied(log, lambda r: None if r == raw[-1] else r.value), made).difference
    assert missing is not None
    assert (missing.what, missing.topic, missing.position) == ("missing", "raw.simulator", len(raw) - 1)
    longer = copied(log)
    longer.appender().append("raw.simulator", 0, raw[-1].key, raw[-1].value, raw[-1].header)
    added = verify(longer, made).difference
    assert added is not None
    assert (added.what, added.topic, added.position) == ("added", "raw.simulator", len(raw))
    assert "raw.simulator[0]" in str(added)


def test_a_replay_of_a_pin_whose_log_was_changed_does_not_begin() -> None:
    log = recorded(2, kinds=())
    made = pin(log, selection(), ts=NOW)
    other = copied(log, flipped("raw.simulator", 3))
    give(other, event_of(made, "mine", ts=NOW, **SAID), moves=False)
    with pytest.raises(StateDiverged, match=r"raw.simulator\[0\] record 3"):
        asked_for(other, "mine").open(other)


def test_definitions_and_halts_after_the_cutoff_are_not_seen_and_those_before_are() -> None:
    log = recorded(2, kinds=())
    before = measure(log, selection()).data
    revised = msgspec.structs.replace(DEFINITIONS[0], revision=2)
    define(log, [revised], END + 1)
    append(log, Halt(scope="all", author="j.doe", reason="x", ts=END + 5), ts=END + 5)
    assert measure(log, selection()).data == before, "what came later was not known"
    later = measure(log, selection(known_by=END + 1)).data
    assert later.id != before.id
    assert later.topics == before.topics
    assert later.known[0].records == before.known[0].records + 1
    made = pin(log, selection(), ts=NOW)
    give(log, event_of(made, "first", ts=NOW, **SAID), moves=False)
    recording = asked_for(log, "first").open(log)[0]
    assert revised not in recording.definitions
    assert sum(1 for _ in recording.scan("definitions")) == before.known[0].records
    wider = pin(log, selection(known_by=END + 1), ts=NOW)
    assert revised in asked_for_pin(log, wider).definitions


def asked_for_pin(log: MemoryLog, made: Manifest):  # type: ignore[no-untyped-def]
    return asked_for(log, made.id[:12]).open(log)[0]


def test_a_cutoff_within_the_range_hides_what_was_received_after_it() -> None:
    log = recorded(2, kinds=())
    whole, cut = measure(log, selection()), measure(log, selection(known_by=MIDDLE))
    at = {(part.topic, part.partition): part.records for part in cut.data.topics}
    assert 0 < at["raw.simulator", 0] < whole.data.topics[-2].records + whole.data.topics[-1].records
    assert measure(log, selection(until=MIDDLE + 1)).data == cut.data


def test_tags_move_by_an_event_and_are_read_from_the_log() -> None:
    log = recorded(2, kinds=())
    one, two = pin(log, selection(), ts=NOW), pin(log, selection(MIDDLE), ts=NOW)
    assert give(log, event_of(one, "golden", ts=NOW, **SAID), moves=False) is not None
    assert give(log, event_of(one, "golden", ts=NOW, **SAID), moves=True) is None
    with pytest.raises(ConfigError, match="means another pin"):
        give(log, event_of(two, "golden", ts=NOW, **SAID), moves=False)
    give(log, event_of(two, "golden", ts=NOW + 1, **SAID), moves=True)
    tag = tags_in(log)["golden"]
    assert [event.pin for event in tag.history] == [one.id, two.id]
    assert tag.newest.was == one.id
    assert find(log, "golden") == two
    assert measure(log, selection()).data.id == one.id, "a name does not change what it names"
    with pytest.raises(ConfigError, match="allowed: golden"):
        find(log, "goldn")


def test_a_pin_that_was_made_elsewhere_is_made_again_from_its_event_and_held_to_its_id() -> None:
    log = recorded(2, kinds=())
    made = pin(log, selection(), ts=NOW)
    event = event_of(made, "far", ts=NOW, **SAID)
    path_of(made.id).unlink()
    give(log, event, moves=False)
    assert find(log, "far").data == made.data
    assert load(made.id) is not None
    path_of(made.id).unlink()
    other = copied(log, flipped("raw.simulator", 3))
    with pytest.raises(StateDiverged, match="pinned elsewhere"):
        find(other, "far")


def test_a_state_that_was_compacted_away_is_taken_from_the_pin_and_none_is_made_up() -> None:
    log = recorded_over_days(1)
    wanted = selection(MIDNIGHT_NS + 50_000_000, MIDNIGHT_NS + DAY)
    made = pin(log, wanted, ts=NOW)
    assert made.data.states
    newest = {r.key: r for p in range(log.partitions("state")) for r in log.scan("state", p, 0, committed=True)}
    compacted = copied(log, lambda r: None if r.topic == "state" and newest[r.key] != r else r.value)
    assert verify(compacted, made).identical
    with pytest.raises(SnapshotError, match="no state is there to begin with"):
        measure(compacted, wanted)


def test_a_tag_heard_by_a_live_desk_changes_no_decision() -> None:
    log = recorded(2, kinds=())
    made = pin(log, selection(), ts=NOW)
    give(log, event_of(made, "x", ts=START_NS + 5, **SAID), moves=False)
    replay = MemoryReplay(plan_of(asked_for(log, "live").open(log)[0]), cut=Cut(1))
    replay.run()
    assert compare(replay.plan, replay.log).identical


MIDNIGHT = 20_000 * DAY


def test_days_part_at_midnight_by_receive_time_and_bear_the_hash_of_their_pin() -> None:
    log = payloads(MIDNIGHT - 5, MIDNIGHT - 1, MIDNIGHT - 3, MIDNIGHT, MIDNIGHT + 7, seqs=(0, 1, 2, 5, 6))
    before, after = days_in(log)
    assert (before.records, after.records) == ({"raw.binance": 3}, {"raw.binance": 2})
    assert (before.gaps, after.gaps) == ({}, {"raw.binance": 2})
    assert after.schemas == {"raw": {1}}
    for day in (before, after):
        assert hash_of(measure(log, Selection(day.since, day.until, day.until)).data.topics) == day.hash


def test_days_between_two_times_are_whole_and_the_rest_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape_time, "NEAR_OFFSETS", 16)
    hour = DAY // 24
    log = payloads(*(MIDNIGHT + n * hour for n in range(24 * 10)))
    expected = {day.day: day.hash for day in days_in(log)}
    assert len(expected) == 10
    read: list[int] = []
    days = days_in(log, on_progress=read.append, since=MIDNIGHT + 7 * DAY - hour, until=MIDNIGHT + 9 * DAY)
    assert {day.day: day.hash for day in days} == dict(list(expected.items())[7:9])
    assert sum(read) < 24 * 10 / 2
    for n in range(10):
        since = MIDNIGHT + n * DAY
        data = measure(log, Selection(since, since + DAY, since + DAY)).data
        assert hash_of(data.topics) == list(expected.values())[n]
        assert data.topics[0].records == 24


def test_a_day_is_archived_once_all_of_it_is(tmp_path: Path) -> None:
    log = payloads(MIDNIGHT - 5, MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 7)
    for until, expected in ((MIDNIGHT - 1, [False, False]), (MIDNIGHT, [True, False]), (None, [True, True])):
        archived(log, tmp_path, until)
        assert [day.archived for day in days_in(log, archived=archived_ends(tmp_path, ""))] == expected


def test_a_day_with_one_record_is_a_day_and_an_empty_one_is_refused() -> None:
    log = payloads(MIDNIGHT + 5)
    assert [day.records for day in days_in(log)] == [{"raw.binance": 1}]
    assert pin(log, Selection(MIDNIGHT, MIDNIGHT + DAY, MIDNIGHT + DAY), ts=0).records == 1
    with pytest.raises(ConfigError, match="nothing to pin"):
        measure(log, Selection(MIDNIGHT - DAY, MIDNIGHT, MIDNIGHT))


def test_clocks_that_leap_are_told_by_days_and_refused_by_pins() -> None:
    leaped = payloads(MIDNIGHT, MIDNIGHT + 40 * DAY, MIDNIGHT + 1)
    assert sum(day.leaps for day in days_in(leaped)) == 1
    with pytest.raises(ConfigError, match="leaps"):
        measure(leaped, Selection(MIDNIGHT, MIDNIGHT + DAY, MIDNIGHT + DAY))
    weekend = payloads(MIDNIGHT, MIDNIGHT + 3 * DAY)
    assert [day.leaps for day in days_in(weekend)] == [0, 0], "a pause is no leap"
    assert len(measure(weekend, Selection(MIDNIGHT, MIDNIGHT + DAY, MIDNIGHT + DAY)).data.topics) == 1


def test_a_range_that_has_not_ended_or_whose_beginning_is_gone_is_refused() -> None:
    log = payloads(1 * DAY, 1 * DAY + 5, 2 * DAY)
    for now, ended in ((2 * DAY - 2, False), (2 * DAY + SETTLED_NS - 1, False), (2 * DAY + SETTLED_NS, True)):
        if ended:
            assert select(log.names(), 1 * DAY, 2 * DAY, now=now).known_by == 2 * DAY - 1
        else:
            with pytest.raises(ConfigError, match="not ended"):
                select(log.names(), 1 * DAY, 2 * DAY, now=now)
    log.truncate("raw.binance", 0, 1)
    with pytest.raises(ConfigError, match="no longer in the log"):
        measure(log, Selection(1 * DAY, 2 * DAY, 2 * DAY))
    assert measure(log, Selection(1 * DAY + 6, 3 * DAY, 3 * DAY)).data.topics[0].records == 1
