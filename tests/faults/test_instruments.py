"""Instruments that people add: what waited for them is put back, and a run knows only what was defined before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.context import read_context
from agents.defining import added_since, all_defined, known_to
from agents.live_plan import load_topology
from agents.opening import open_live
from agents.release_cut import announce
from agents.release_watch import ReleaseWatch
from operations.instruments import add, history_of, read_instruments
from operations.retries import retry
from schemas.errors import ConfigError
from streams.publisher import Publisher
from tests.refused_world import SOURCE, Life, World

KEY = "spot:DOGEUSDT"
FILE = """[[instrument]]
instrument = "spot:DOGEUSDT"
venue = "binance"
base = "DOGE"
quote = "USDT"
price_increment = "{price}"
size_increment = "{size}"
valid_from = 2026-01-01T00:00:00Z
"""
BY: dict[str, Any] = {"author": "j.doe", "reason": "listed"}


def trade(number: int, price: str = "0.12345", size: str = "7") -> bytes:
    return (
        b'{"stream":"dogeusdt@trade","data":{"e":"trade","E":1795557600000,"s":"DOGEUSDT","t":%d,"p":"%s","q":"%s",'
        b'"T":1795557600000,"m":true}}' % (number, price.encode(), size.encode())
    )


class Desk(World):
    """The world, and a folder for files."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def trades(self, *numbers: int) -> None:
        with Publisher(self.log, SOURCE) as publisher:
            for number in numbers:
                publisher.publish(trade(number), KEY, 1_795_557_600_000_000_000 + number)

    def add(self, price: str = "0.00001", size: str = "1", file: str = FILE) -> list[int]:
        path = self.folder / "acme.toml"
        path.write_text(file.format(price=price, size=size))
        return [d.revision for d in add(self.log, read_instruments(path), **BY)]

    def reopen(self) -> bool:
        """What ``tapedeck up`` does before its tasks start."""
        opening, written = open_live(self.log, load_topology(None))
        self.run, self.context = opening.run, read_context(self.log, "")
        return written


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_what_waited_is_put_back_after_its_instrument_is_added_and_the_run_was_opened_anew(desk: Desk) -> None:
    desk.feed([], 20)
    desk.trades(1, 2)
    Life(desk).run()
    assert [f.letter.kind for f in desk.filed()] == ["unknown_instrument.not_defined"] * 2
    before = len(desk.ticks())
    assert desk.add() == [1]
    assert desk.reopen()
    assert [d.instrument_id for d in desk.context.instruments if d.instrument == KEY] == [20_000]
    retry(desk.log, "", desk.filed, most=None, named=True, again=False, **BY)
    desk.trades(3)
    Life(desk, seed=3, kills={"any": 0.1}).run()
    assert len(desk.ticks()) == before + 3
    assert len(desk.filed()) == 2
    runs = [release.opening for release in ReleaseWatch(desk.log).history]
    known = [{d.instrument for d in known_to(opening, all_defined(desk.log))} for opening in runs]
    assert [KEY in names for names in known] == [False, True]  # a replay of the first refuses it again


def test_a_run_under_way_goes_on_by_what_it_knows_whoever_dies(desk: Desk) -> None:
    desk.trades(1)
    Life(desk).run()
    desk.add()
    desk.trades(2)
    desk.context = read_context(desk.log, "")  # a task that comes back
    Life(desk, seed=1, kills={"any": 0.2}).run()
    assert (len(desk.filed()), desk.ticks()) == (2, [])
    opening = ReleaseWatch(desk.log).opening
    assert opening is not None
    assert added_since(desk.log, opening)


def test_a_running_desk_takes_it_up_by_a_cut_to_the_same_release(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="at work already"):
        announce(desk.log, ReleaseWatch(desk.log), load_topology(None), **BY)
    desk.add()
    cut = announce(desk.log, ReleaseWatch(desk.log), load_topology(None), **BY)
    assert cut.from_run == desk.run
    assert desk.reopen()  # nobody is at work: the cut is completed
    assert (desk.run, desk.context.instruments[-1].instrument) == (cut.opening.run, KEY)


def test_a_revision_is_appended_with_who_and_why_and_the_same_again_is_not(desk: Desk) -> None:
    assert [desk.add(), desk.add(), desk.add(price="0.000005")] == [[1], [], [2]]
    first, second = (d.definition for d in history_of(desk.log, KEY))
    assert (second.author, second.reason, second.price_increment) == ("j.doe", "listed", 5_000)
    assert (second.instrument_id, first.valid_from) == (first.instrument_id, 1_767_225_600_000_000_000)
    assert history_of(desk.log, KEY, history_of(desk.log, KEY)[0].ts_known)[-1].definition == first
    assert msgspec.structs.replace(first, price_increment=5_000, revision=2) == second


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (FILE.format(price="0.0001", size="1"), "0.12345 at raw.simulator"),
        (FILE.format(price="0.00001", size="2"), "size_increment does not divide"),
        (FILE.format(price="0.00001", size="1") + "inverse = true\n", "false: so says its market"),
        (FILE.format(price="0.00001", size="1") + "instrument_id = 1000\n" + FILE.format(price="1", size="1"), "twice"),
        (FILE.format(price="0.00001", size="1") + "instrument_id = 3\n", "1000 or more"),
        (FILE.format(price="0", size="1"), "not an increment: 0"),
        (FILE.format(price="0.00001", size="1").replace('"DOGE"', '""'), "length >= 1"),
        (FILE.format(price="0.00001", size="1").replace("base", "bsae"), "unknown field `bsae`"),
        (FILE.format(price="0.01", size="1").replace("DOGE", "BTC"), "got size_increment 1000000000"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_whole(desk: Desk, file: str, said: str) -> None:
    desk.trades(1)
    there = len(all_defined(desk.log))
    with pytest.raises(ConfigError, match=r"\S") as refused:
        desk.add(file=file.replace("{", "{{"))
    assert said in str(refused.value)
    assert len(all_defined(desk.log)) == there
