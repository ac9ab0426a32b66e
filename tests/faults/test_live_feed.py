"""A live feed publishes what a venue serves, whatever happens to the connection, and tells what it missed."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from feeds.backoff import Backoff
from feeds.captures import Line, open_captures
from feeds.check import check
from feeds.live_instruments import asked_for
from feeds.recorder import Recorder
from feeds.venue_feed import VenueFeed
from schemas.header import unpack
from streams.memory import MemoryLog
from streams.publisher import Publisher
from tests.venue_server import STALL, VenueServer

FRAMES = 3_000
TURN_S = 0.02
TEST_S_MAX = 60.0


class Running:
    """A feed against a server, on a log in memory."""

    def __init__(
        self, server: VenueServer, source: str, symbols: Sequence[str], market: str | None = None,
        record: Path | None = None, connections: int = 1, **changed: Any,
    ) -> None:  # fmt: skip
        asked = asked_for(source, symbols, market, server.url, server.rest_url)
        self.log = MemoryLog()
        self.told: list[tuple[str, str]] = []
        self.source = source
        self.feed = VenueFeed(
            asked.venue, asked.market, asked.definitions, dataclasses.replace(asked.dialect, **changed),
            Publisher(self.log, source), recorder=None if record is None else Recorder(record),
            tell=lambda event, message: self.told.append((event, message)),
            backoff=lambda: Backoff(first_s=0.05), connections=connections,
        )  # fmt: skip

    def until(self, reached: Callable[[], bool]) -> None:
        """Turn until something is so, then end in order."""
        end = time.monotonic() + TEST_S_MAX
        try:
            while not reached():
                assert time.monotonic() < end, (self.feed.counts, self.told[-5:])
                self.feed.turn(TURN_S)
            self.feed.stop()
            while not self.feed.done:
                self.feed.turn(TURN_S)
        finally:
            self.feed.close()

    def published(self) -> list[bytes]:
        records = list(self.log.scan(f"raw.{self.source}", 0, 0, committed=True))
        assert [unpack(record.header or b"").seq for record in records] == list(range(len(records)))
        return [record.value for record in records]

    def events(self) -> list[str]:
        return [event for event, _ in self.told]


def recorded(paths: Sequence[Path], count: int) -> list[Line]:
    return list(islice(open_captures(paths), count))


@pytest.fixture(scope="module")
def kraken(data_dir: Path) -> list[bytes]:
    path = data_dir / "venues" / "KRAKEN_FUTURES.ws.1.0.gz"
    check([path], wanted="kraken")  # kernels are compiled now, not while a server waits
    return [line.payload for line in recorded([path], FRAMES)]


def symbols_of(frames: Sequence[bytes]) -> list[str]:
    found = (frame.partition(b'"product_id":"')[2].partition(b'"')[0].decode() for frame in frames)
    return sorted({symbol for symbol in found if symbol})


def test_what_is_published_is_what_was_served_over_a_close_a_stall_and_garbage(
    kraken: list[bytes], tmp_path: Path
) -> None:
    served = [*kraken[:1000], b"garbage", *kraken[1000:2000]]
    again = [frame for frame in kraken if b"snapshot" in frame]
    scripts = [served, [*again, STALL], [*again, STALL]]
    with VenueServer(scripts) as server:
        running = Running(
            server, "kraken", symbols_of(kraken), record=tmp_path / "recorded", silence_s_max=2.0, request_gap_s=99.0
        )
        whole = served + again + again
        running.until(lambda: running.feed.counts.sent == len(whole))
        assert running.published() == whole
        assert running.feed.counts.connections == 3
        assert running.feed.counts.rejected == 1
        assert any("silent for 2" in message for event, message in running.told if event == "disconnected")
        assert any("trying again in" in message for event, message in running.told if event == "disconnected")
    report = check([tmp_path / "recorded"], wanted="kraken")
    assert (report.lines, report.rejected) == (len(whole), 1)


def test_a_hole_is_told_and_the_book_asked_for_again(kraken: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.venue_feed.ASK_AGAIN_S", 0.1)
    dropped = next(i for i, frame in enumerate(kraken) if i > 1000 and b'"PI_ETHUSD"' in frame and b'"book"' in frame)
    served = kraken[:dropped] + kraken[dropped + 1 :]
    with VenueServer([[*served, STALL]]) as server:
        running = Running(server, "kraken", symbols_of(kraken), request_gap_s=0.05)
        running.until(lambda: running.feed.counts.snapshots >= 1 and running.feed.counts.sent == len(served))
        time.sleep(0.1)
        assert running.published() == served
        assert running.feed.counts.gaps == 1
        assert "gap" in running.events()
        assert any("unsubscribe" in message and "PI_ETHUSD" in message for message in server.heard)


def test_frames_out_of_order_are_published_as_they_came_and_told(kraken: list[bytes]) -> None:
    books = [i for i, frame in enumerate(kraken) if i > 1000 and b'"PI_ETHUSD"' in frame and b'"book"' in frame]
    swapped = list(kraken)
    swapped[books[0]], swapped[books[1]] = swapped[books[1]], swapped[books[0]]
    with VenueServer([[*swapped, STALL]]) as server:
        running = Running(server, "kraken", symbols_of(kraken), request_gap_s=99.0)
        running.until(lambda: running.feed.counts.sent == len(swapped))
        assert running.published() == swapped
        assert "gap" in running.events()


def test_binance_is_synchronised_by_a_snapshot_over_http(data_dir: Path) -> None:
    lines = recorded([data_dir / "binance" / "spot_btcusdt_20240808.gz"], FRAMES)
    snapshot = next(line.payload for line in lines if b"lastUpdateId" in line.payload)
    frames = [line.payload for line in lines if b"lastUpdateId" not in line.payload]
    with VenueServer([[*frames, STALL]], {"/api/v3/depth?symbol=BTCUSDT": snapshot}) as server:
        running = Running(server, "binance", ["BTCUSDT"])
        running.until(lambda: running.feed.counts.sent == len(frames) + 1)
        published = running.published()
        assert [value for value in published if value != snapshot] == frames
        assert published.count(snapshot) == 1
        assert running.feed._adapter.synchronised(running.feed._state)["spot:BTCUSDT"]
        assert running.feed.counts.gaps == 0


def test_a_venue_that_cannot_be_reached_is_tried_again(kraken: list[bytes]) -> None:
    with VenueServer([]) as server:
        port = int(server.url.rpartition(":")[2])
    running = Running(server, "kraken", symbols_of(kraken), request_gap_s=99.0)
    for _ in range(10):
        running.feed.turn(TURN_S)
    assert set(running.events()) == {"disconnected"}
    with VenueServer([[*kraken[:100], STALL]], port=port):
        running.until(lambda: running.feed.counts.sent == 100)
    assert running.published() == kraken[:100]
