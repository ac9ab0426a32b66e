"""Two connections of one feed publish what one clean connection would have: whatever becomes of either, no gap."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from feeds.adapter import Adapter
from feeds.arbiter import Arbiter
from feeds.check import check
from feeds.frames import Frame
from feeds.live_instruments import asked_for
from feeds.venues import VENUES as VENUES_BY_NAME
from schemas.tick import FLAG_CORRECTION, FLAG_RETRACTION
from streams.agent import Payload
from tests.faults.test_live_feed import Running, recorded, symbols_of
from tests.venue_server import STALL, TOGETHER, VenueServer

FRAMES = 1_000
LAG_S = 0.3
EVERY = 97
"""One frame of so many is dropped, or changes places."""

Script = list[Any]
VENUES = ("kraken", "coinbase", "binance", "spot")
"""``binance`` is its linear market, ``spot`` the other: without event times at the touch, chained by counting on."""
SLOW = [pytest.param("kraken"), *(pytest.param(v, marks=pytest.mark.long) for v in VENUES[1:])]
"""A stall takes seconds: one venue is in the default suite."""
FILES = {
    "kraken": "venues/KRAKEN_FUTURES.ws.1.0.gz",
    "coinbase": "venues/COINBASE.ws.28.0.gz",
    "binance": "binance/usdm_btcusdt_20240808.gz",
    "spot": "binance/spot_btcusdt_20240808.gz",
}


class Tape:
    """What a venue sends, and how a feed asks for it."""

    def __init__(self, folder: Path, name: str) -> None:
        path = folder / FILES[name]
        source = "binance" if name == "spot" else name
        check([path], wanted=source)  # kernels are compiled now, not while a server waits
        lines = [line.payload for line in recorded([path], FRAMES)]
        self.name, self.source = name, source
        self.snapshots = (
            {"/depth": next((v for v in lines if b"lastUpdateId" in v), b"")} if source == "binance" else {}
        )
        self.frames = [line for line in lines if line not in self.snapshots.values()]
        self.symbols = ["BTCUSDT"] if source == "binance" else symbols_of(self.frames)
        self.market = {"binance": "linear", "spot": "spot"}.get(name)

    def run(self, scripts: Sequence[Script], wanted: int, **changed: Any) -> Running:
        """Two connections that follow scripts, until so many payloads of theirs are published."""
        with VenueServer([[TOGETHER, *script] for script in scripts], self.snapshots) as server:
            running = Running(
                server, self.source, self.symbols, self.market, connections=2,
                **{"request_gap_s": 99.0, "silence_s_max": 30.0, **changed},
            )  # fmt: skip
            running.until(lambda: len(self.streamed(running)) >= wanted and running.feed.counts.connections >= 2)
        return running

    def streamed(self, running: Running) -> list[bytes]:
        """What was published, snapshots by HTTP left out."""
        records = running.log.scan(f"raw.{self.source}", 0, 0, committed=True)
        return [record.value for record in records if record.value not in self.snapshots.values()]

    def numbered(self) -> list[int]:
        """Places of frames, some way apart, that the venue numbers."""
        marks = {
            "kraken": b'"feed":"book"',
            "coinbase": b'"type":"match"',
            "binance": b"depthUpdate",
            "spot": b"depthUpdate",
        }[self.name]
        return [i for i, frame in enumerate(self.frames) if marks in frame and i > len(self.frames) // 4][::7]


@pytest.fixture(scope="module")
def tapes(data_dir: Path) -> dict[str, Tape]:
    return {name: Tape(data_dir, name) for name in VENUES}


@pytest.fixture(params=VENUES)
def tape(request: pytest.FixtureRequest, tapes: dict[str, Tape]) -> Tape:
    return tapes[request.param]


def as_of_one(tape: Tape, running: Running) -> None:
    """The same payloads as one clean connection's, each as often, and no hole in them."""
    published = tape.streamed(running)
    assert Counter(published) == Counter(tape.frames)
    assert running.feed.counts.gaps == 0
    assert "gap" not in running.events()
    assert sum(tally.won for tally in running.feed.counts.by_connection) == len(published)


def test_two_clean_ones_publish_everything_once_and_each_stream_in_order(tape: Tape) -> None:
    running = tape.run([[*tape.frames, STALL]] * 2, len(tape.frames))
    as_of_one(tape, running)
    assert by_stream(tape, tape.streamed(running)) == by_stream(tape, tape.frames)


def test_one_that_closes_loses_nothing(tape: Tape) -> None:
    begun, middle = 50, len(tape.frames) // 2  # both have brought what a connection begins with
    whole = [*tape.frames[:begun], TOGETHER, *tape.frames[begun:], STALL]
    running = tape.run([whole[: middle + 1], whole], len(tape.frames))
    as_of_one(tape, running)


@pytest.mark.parametrize("tape", SLOW, indirect=True)
def test_one_that_stalls_loses_nothing_and_is_opened_again(tape: Tape) -> None:
    middle = len(tape.frames) // 2
    few = [step for frame in tape.frames[middle : middle + 4] for step in (frame, 0.5)]
    slow = [*tape.frames[:middle], *few, *tape.frames[middle + 4 :], STALL]
    running = tape.run([[*tape.frames[:middle], STALL], slow], len(tape.frames), silence_s_max=1.2)
    published = Counter(tape.streamed(running))
    assert not Counter(tape.frames) - published
    assert running.feed.counts.gaps == 0
    assert any("silent for" in message for event, message in running.told if event == "disconnected")


def test_one_that_lags_is_counted_with_how_much(tape: Tape) -> None:
    middle = len(tape.frames) // 2
    late = [*tape.frames[:middle], LAG_S, *tape.frames[middle:], STALL]
    with_lag = tape.run([[*tape.frames, STALL], late], len(tape.frames))
    as_of_one(tape, with_lag)
    tallies = with_lag.feed.counts.by_connection
    assert all(tally.lag_ms_mean <= tally.lag_ms_max for tally in tallies)


def test_what_one_drops_comes_of_the_other(tape: Tape) -> None:
    dropped = set(tape.numbered())
    holed = [frame for i, frame in enumerate(tape.frames) if i not in dropped]
    assert len(holed) < len(tape.frames)
    running = tape.run([[*holed, STALL], [*tape.frames, STALL]], len(tape.frames))
    as_of_one(tape, running)


def test_what_both_bring_out_of_order_leaves_in_order(tape: Tape) -> None:
    running = tape.run([[*swapped(tape, 0), STALL], [*swapped(tape, 1), STALL]], len(tape.frames))
    as_of_one(tape, running)


def test_what_both_drop_is_a_hole_that_is_told(tapes: dict[str, Tape], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.arbiter.HOLD_S", 0.1)
    monkeypatch.setattr("feeds.venue_feed.ASK_AGAIN_S", 0.1)
    tape = tapes["kraken"]
    at = next(i for i in tape.numbered() if b'"PI_ETHUSD"' in tape.frames[i])
    holed = tape.frames[:at] + tape.frames[at + 1 :]
    with VenueServer([[TOGETHER, *holed, STALL]] * 2) as server:
        running = Running(server, "kraken", tape.symbols, connections=2, request_gap_s=0.05)
        running.until(
            lambda: (
                running.feed.counts.gaps == 1
                and running.feed.counts.snapshots >= 1
                and running.feed.counts.sent >= len(holed)
                and any("unsubscribe" in message and "PI_ETHUSD" in message for message in server.heard)
            )
        )
    assert Counter(tape.streamed(running)) == Counter(holed)


def by_stream(tape: Tape, frames: Sequence[bytes]) -> dict[tuple[bytes | None, bytes], list[bytes]]:
    """Frames by instrument and kind, which the beginning of a message tells: one stream may wait while others go on."""
    found: dict[tuple[bytes | None, bytes], list[bytes]] = {}
    for frame in frames:
        found.setdefault((VENUES_BY_NAME[tape.source].key(frame, tape.market or "spot"), frame[:24]), []).append(frame)
    return found


def swapped(tape: Tape, turn: int) -> list[bytes]:
    """Frames of which some that follow each other in one numbered stream have changed places."""
    frames = list(tape.frames)
    for place in tape.numbered()[turn::2]:
        if place + 1 < len(frames) and frames[place] != frames[place + 1]:
            frames[place], frames[place + 1] = frames[place + 1], frames[place]
    return frames


def test_spot_payloads_of_any_kind_that_one_drops_come_of_the_other(tapes: dict[str, Tape]) -> None:
    tape = tapes["spot"]
    begun = len(tape.frames) // 4
    holed = [[f for i, f in enumerate(tape.frames) if i < begun or i % 14 != turn * 7] for turn in (0, 1)]
    assert all(len(frames) < len(tape.frames) for frames in holed)
    running = tape.run([[*frames, STALL] for frames in holed], len(tape.frames))
    as_of_one(tape, running)


CORRECTED, LAGGING, AGAIN = 5, 11, 17
"""Places among the trades: told anew at once; told anew later; corrected, and corrected back."""


def amended(tape: Tape) -> tuple[list[bytes], list[bytes]]:
    """Spot frames among which trades are told anew under their ids, and those further frames alone."""
    trades = [frame for frame in tape.frames if b'"e":"trade"' in frame]
    told: dict[bytes, list[bytes]] = {
        trades[CORRECTED]: [anew(trades[CORRECTED], 1, "0.00100000")],
        trades[LAGGING + 20]: [anew(trades[LAGGING], 900, "0.00200000")],
        trades[AGAIN]: [anew(trades[AGAIN], 1, "0.00300000"), anew(trades[AGAIN], 2, None)],
    }
    frames = [frame for recorded in tape.frames for frame in (recorded, *told.get(recorded, ()))]
    return frames, [frame for further in told.values() for frame in further]


def anew(frame: bytes, later_ms: int, size: str | None) -> bytes:
    """A trade told again so much later; with another size, or as it was."""
    message = json.loads(frame)
    trade = message.get("data", message)
    trade["E"] += later_ms
    trade["q"] = size or trade["q"]
    return json.dumps(message, separators=(",", ":")).encode()


def amendments(tape: Tape, frames: Sequence[bytes]) -> list[tuple[int, ...]]:
    """Retractions and corrections that a reader of the tape makes of payloads: price, size, side, flags."""
    asked = asked_for(tape.source, tape.symbols, tape.market)
    adapter = Adapter(asked.venue, asked.definitions)
    key = asked.definitions[0].instrument.encode()
    state = adapter.start()
    rows, _, rejects = adapter.ingest(state, [Payload(tape.source, i, i + 1, key, f) for i, f in enumerate(frames)])
    assert not rejects
    return [tuple(int(row[c]) for c in ("price", "size", "side", "flags")) for row in rows
            if row["flags"] & (FLAG_CORRECTION | FLAG_RETRACTION)]  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_a_trade_that_is_told_anew_is_published_once_however_two_connections_interleave(
    tapes: dict[str, Tape], seed: int
) -> None:
    tape, draw = tapes["spot"], random.Random(seed)
    frames, further = amended(tape)
    asked = asked_for(tape.source, tape.symbols, tape.market)
    arbiter = Arbiter(Adapter(asked.venue, asked.definitions), 2)
    key = asked.definitions[0].instrument.encode()
    queues, left = [list(frames), list(frames)], []
    for line in (0, 1):
        arbiter.opened(line)
    while any(queues):
        line = draw.choice([i for i, queue in enumerate(queues) if queue])
        count = draw.choice((1, 2, 5, 200))
        taken, queues[line] = queues[line][:count], queues[line][count:]
        left += [f.payload for f in arbiter.take([Frame(line, 1, key, payload) for payload in taken], 0.0)]
    assert Counter(left) == Counter(frames)
    assert amendments(tape, left) == amendments(tape, frames)
    assert len(amendments(tape, frames)) == 2 * len(further)


def test_a_trade_that_is_told_anew_on_both_connections_is_amended_once(tapes: dict[str, Tape]) -> None:
    tape = tapes["spot"]
    frames, further = amended(tape)
    lagging = [*frames[:60], LAG_S, *frames[60:]]
    without = [frame for frame in frames if frame not in further[:1]]
    running = tape.run([[*lagging, STALL], [*without, STALL]], len(frames))
    published = tape.streamed(running)
    assert Counter(published) == Counter(frames)
    assert sorted(amendments(tape, published)) == sorted(amendments(tape, frames))
    assert "gap" not in running.events()
