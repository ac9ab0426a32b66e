"""The player: each payload at its scheduled time, lateness in the open, and on from where the log says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from feeds.ledger import BUFFER_SEQS, Ledger
from feeds.player import BURST_MAX, Pace, Player
from schemas.catalog import END, RAW
from schemas.codec import decode
from schemas.control import End
from schemas.header import Header, unpack
from streams.log import Record
from streams.memory import MemoryLog
from streams.publisher import Publisher

MS = 1_000_000
ORIGIN = 1_000_000_000_000


@dataclass(frozen=True)
class Said:
    ts_recv: int
    payload: bytes
    key: bytes = b"spot:BTCUSDT"


class Wall:
    """Wall time that only sleep (and the test) moves."""

    def __init__(self) -> None:
        self.now = ORIGIN
        self.naps: list[float] = []

    def read(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.naps.append(seconds)
        self.now += round(seconds * 1e9)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    wall = Wall()
    monkeypatch.setattr("feeds.player.wall_ns", wall.read)
    monkeypatch.setattr("feeds.player.sleep_s", wall.sleep)
    return wall


def events(count: int, every_ns: int = 10 * MS) -> Iterator[Said]:
    return (Said(7_000 + i * every_ns, b"%d" % i) for i in range(count))


class Stage:
    """A log, and players that publish to it one after the other."""

    def __init__(self, path: Path | None = None) -> None:
        self.log = MemoryLog()
        self.ledger = Ledger(path)

    def player(self, said: Iterator[Said], speed: float = 0.0) -> Player:
        publisher = Publisher(self.log, "test", on_ack=self.ledger.acknowledge)
        return Player(said, publisher, self.ledger, run="r", pace=Pace(speed, ORIGIN))

    def records(self) -> list[tuple[Record, Header]]:
        found = []
        for record in self.log.scan("raw.test", 0, 0, committed=True):
            assert record.header is not None
            found.append((record, unpack(record.header)))
        return found

    def payloads(self) -> list[bytes]:
        return [record.value for record, header in self.records() if header.schema == RAW.number]

    def end(self) -> End:
        (end,) = [record for record, header in self.records() if header.schema == END.number]
        assert end is self.records()[-1][0]
        return decode(end.value, End)


def play(player: Player) -> None:
    while not player.done:
        player.turn(0.0)


def test_as_fast_as_it_goes_it_plays_everything_and_then_the_end(wall: Wall) -> None:
    stage = Stage()
    play(stage.player(events(1_000)))
    assert stage.payloads() == [b"%d" % i for i in range(1_000)]
    assert stage.end() == End(run="r", ts=7_000 + 999 * 10 * MS, inputs=1_000)
    assert not wall.naps
    assert [header.seq for _, header in stage.records()] == list(range(1_001))
    assert stage.ledger.seqs() == set(range(1_001))


@pytest.mark.parametrize("speed", [1.0, 4.0, 0.5])
def test_paced_each_leaves_at_its_scheduled_time(wall: Wall, speed: float) -> None:
    stage = Stage()
    play(stage.player(events(20), speed))
    born = [int(header.stamps[0, 0]) for _, header in stage.records()[:-1]]
    assert born == [ORIGIN + int(i * 10 * MS / speed) for i in range(20)]
    assert wall.now >= born[-1]
    assert max(wall.naps) <= 0.002 + 1e-9, "a nap is short, so that other tasks in the process go on"


def test_nothing_leaves_before_its_time(wall: Wall) -> None:
    stage = Stage()
    player = stage.player(events(20), 1.0)
    while not player.done:
        player.turn(0.0)
        assert all(int(header.stamps[0, 0]) <= wall.now for _, header in stage.records()[:20])


def test_a_player_that_falls_behind_does_not_hide_it(wall: Wall) -> None:
    stage = Stage()
    player = stage.player(events(100), 1.0)
    player.turn(0.0)
    wall.now += 500 * MS  # a stall of half a second: fifty payloads are late
    player.turn(0.0)
    assert len(stage.payloads()) == 51, "the late ones leave at once"
    born = [int(header.stamps[0, 0]) for _, header in stage.records()]
    assert born == [ORIGIN + i * 10 * MS for i in range(51)], "and count from when they were due"
    play(player)
    assert len(stage.payloads()) == 100


def test_a_stamp_that_steps_back_leaves_with_the_one_before_it(wall: Wall) -> None:
    stage = Stage()
    said = [Said(1_000, b"a"), Said(1_000 + 50 * MS, b"b"), Said(1_000 + 20 * MS, b"c"), Said(1_000 + 60 * MS, b"d")]
    play(stage.player(iter(said), 1.0))
    assert [int(h.stamps[0, 0]) - ORIGIN for _, h in stage.records()[:-1]] == [0, 50 * MS, 50 * MS, 60 * MS]
    assert [h.time for _, h in stage.records()[:-1]] == [s.ts_recv for s in said], "receive times stay what they were"


def test_it_looks_at_the_clock_between_bursts(wall: Wall) -> None:
    stage = Stage()
    player = stage.player(events(3 * BURST_MAX))
    player.turn(0.0)
    assert player.sent == BURST_MAX


@pytest.mark.parametrize("turns", [[], [1], [2], [1, 1], [0, 2]])
def test_a_new_player_goes_on_where_the_log_says(wall: Wall, turns: list[int]) -> None:
    stage = Stage()
    for life in turns:
        player = stage.player(events(700))
        for _ in range(life):
            player.turn(0.0)
    last = stage.player(events(700))
    play(last)
    assert stage.payloads() == [b"%d" % i for i in range(700)]
    assert stage.end().inputs == last.sent == 700
    assert stage.ledger.seqs() == set(range(701))


def test_a_new_player_keeps_the_schedule_of_the_first(wall: Wall) -> None:
    stage = Stage()
    first = stage.player(events(50), 1.0)
    while first.sent < 20:
        first.turn(0.0)
    wall.now += 100 * MS
    play(stage.player(events(50), 1.0))
    born = [int(header.stamps[0, 0]) for _, header in stage.records()[:-1]]
    assert born == [ORIGIN + i * 10 * MS for i in range(50)]


def test_a_run_that_has_ended_is_not_played_on(wall: Wall) -> None:
    stage = Stage()
    play(stage.player(events(3)))
    again = stage.player(events(5))
    assert again.done
    assert again.turn(0.0) is False
    assert len(stage.payloads()) == 3


def test_stopped_early_it_ends_what_it_has_sent_in_order(wall: Wall) -> None:
    stage = Stage()
    player = stage.player(events(1_000), 1.0)
    while player.sent < 5:
        player.turn(0.0)
    player.stop()
    play(player)
    assert len(stage.payloads()) == 5
    assert stage.end() == End(run="r", ts=7_000 + 4 * 10 * MS, inputs=5)


def test_stopped_before_it_has_caught_up_it_still_says_what_the_log_holds(wall: Wall) -> None:
    stage = Stage()
    stage.player(events(300)).turn(0.0)
    player = stage.player(events(300))
    player.stop()
    play(player)
    assert stage.end() == End(run="r", ts=7_000 + 255 * 10 * MS, inputs=BURST_MAX)


def test_stopped_before_anything_it_ends_an_empty_run(wall: Wall) -> None:
    stage = Stage()
    player = stage.player(events(300))
    player.stop()
    play(player)
    assert stage.payloads() == []
    assert stage.end() == End(run="r", ts=0, inputs=0)


def test_nothing_to_play_is_an_empty_run(wall: Wall) -> None:
    stage = Stage()
    play(stage.player(iter(())))
    assert stage.end().inputs == 0


def test_the_ledger_on_disk_holds_every_acknowledgement_over_two_lives(wall: Wall, tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    stage = Stage(path)
    stage.player(events(2_000)).turn(0.0)
    stage.ledger = Ledger(path)  # the first life's buffer died with it
    player = stage.player(events(2_000))
    play(player)
    player.close()
    assert Ledger(path).seqs() == set(range(2_001))


def test_a_ledger_torn_within_a_number_is_read_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_bytes(np.arange(3, dtype="<u8").tobytes() + b"\x07\x00\x00")
    ledger = Ledger(path)
    assert ledger.seqs() == {0, 1, 2}
    for seq in range(10, 10 + BUFFER_SEQS):
        ledger.acknowledge(seq)
    assert Ledger(path).seqs() == {0, 1, 2, *range(10, 10 + BUFFER_SEQS)}
