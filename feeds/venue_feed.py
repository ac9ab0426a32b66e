"""A live feed of a venue: what its websocket sends goes to ``raw.<source>`` as it came, whatever happens to the socket.

The adapter that will read the tape reads along: an instrument whose book it does not know is given a snapshot (by HTTP,
or by asking for it in the stream), one request at a time and no oftener than the venue allows. A connection that
closes, or is silent for too long, is opened again after a growing, jittered wait; the new one begins with new
snapshots. What could not be received meanwhile is told by the ids of what follows, as any gap is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from feeds.adapter import Adapter
from feeds.backoff import Backoff
from feeds.connection import Connection, Unreachable, get
from feeds.recorder import Recorder
from feeds.venue import SESSION_SYMBOL, Dialect, Venue
from schemas.definition import Definition
from streams.agent import Payload
from streams.clock import monotonic_s, sleep_s, wall_ns
from streams.publisher import Publisher

FRAMES_MAX = 256
"""Frames taken in one turn."""

ASK_AGAIN_S = 5.0
"""A snapshot that was asked for and did not come is asked for again after so long."""

Tell = Callable[[str, str], None]
"""Told (event, message) of what people should know."""


@dataclass(slots=True)
class Counts:
    """What a feed has met so far.

    Attributes:
        sent: Payloads published.
        connections: Times that the websocket was opened.
        snapshots: Snapshots fetched or asked for.
        gaps: Holes in the venue's ids.
        rejected: Payloads that the adapter refuses; they are published like all others, and become dead letters.
    """

    sent: int = 0
    connections: int = 0
    snapshots: int = 0
    gaps: int = 0
    rejected: int = 0


class VenueFeed:
    """Publishes what a venue sends, in turns.

    Args:
        venue: Whose feed it is.
        market: Of the symbols.
        definitions: The instruments asked for.
        dialect: How to speak with the market.
        publisher: Where payloads go.
        recorder: Takes them too; None: nobody.
        tell: Hears of connections, waits, gaps.
        backoff: Waits between attempts.

    Attributes:
        counts: What was met.
        done: Ended, and everything is acknowledged.
    """

    def __init__(
        self, venue: Venue, market: str, definitions: Sequence[Definition], dialect: Dialect, publisher: Publisher, *,
        recorder: Recorder | None = None, tell: Tell = lambda _event, _message: None, backoff: Backoff | None = None,
    ) -> None:  # fmt: skip
        self.counts = Counts()
        self.done = False
        self.publisher = publisher
        self._venue, self._market, self._dialect = venue, market, dialect
        self._symbols = [definition.symbol for definition in definitions]
        self._adapter = Adapter(venue, definitions)
        self._state = self._adapter.start()
        self._recorder = recorder
        self._tell = tell
        self._backoff = backoff or Backoff()
        self._connection: Connection | None = None
        self._retry_s = self._heard_s = self._ask_s = 0.0
        self._asked: dict[str, float] = {}
        self._fetching: tuple[str, Future[bytes]] | None = None
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="snapshot")
        self._unsure: set[str] = set()
        self._stopping = False

    def stop(self) -> None:
        """Publish no more; everything sent is acknowledged first."""
        self._stopping = True

    def turn(self, wait_s: float) -> bool:
        """Publish what has come; waits up to ``wait_s`` where nothing has.

        Raises:
            DeliveryError: The broker is away.
        """
        if self._stopping:
            self._hang_up()
            self.publisher.flush()
            self.done = True
            return False
        try:
            if self._connection is None:
                return self._connect(wait_s)
            self._take_snapshot()
            self._ask_for_snapshots(self._connection)
            return self._receive(self._connection, wait_s)
        except Unreachable as error:
            self._hang_up()
            pause = self._backoff.failed(error.retry_after_s)
            self._retry_s = monotonic_s() + pause
            self._tell("disconnected", f"{error}; trying again in {pause:.1f} s")
            return False

    def close(self) -> None:
        """Release everything."""
        self._hang_up()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.publisher.close()
        if self._recorder is not None:
            self._recorder.close()

    def _connect(self, wait_s: float) -> bool:
        ahead = self._retry_s - monotonic_s()
        if ahead > 0:
            self.publisher.flush(0)
            sleep_s(min(ahead, wait_s))
            return False
        url = self._dialect.url + self._dialect.path(self._symbols)
        self._connection = Connection(url, self._dialect.subscribe(self._symbols))
        self.counts.connections += 1
        self._heard_s = monotonic_s()
        # In the stream, every connection begins with snapshots unasked; by HTTP, each book is asked for anew.
        self._asked = {} if self._dialect.snapshot else dict.fromkeys(self._symbols, self._heard_s)
        self._unsure = set(self._symbols) if self._dialect.snapshot else set()
        self._tell("connected", f"{self._dialect.url}: {', '.join(self._symbols)}")
        return True

    def _receive(self, connection: Connection, wait_s: float) -> bool:
        frames: list[tuple[int, bytes, bytes]] = []
        gone: Unreachable | None = None
        while len(frames) < FRAMES_MAX:
            try:
                frame = connection.receive(0 if frames else wait_s)
            except Unreachable as error:
                gone = error  # what came before it closed is published first
                break
            if frame is None:
                break
            frames.append((wall_ns(), self._key(frame), frame))
        self._publish(frames)
        if gone is not None:
            raise gone
        if frames:
            self._backoff.succeeded()
            self._heard_s = monotonic_s()
        elif monotonic_s() - self._heard_s > self._dialect.silence_s_max:
            raise Unreachable(f"silent for {self._dialect.silence_s_max:g} s")
        return bool(frames)

    def _key(self, frame: bytes) -> bytes:
        return self._venue.key(frame, self._market) or f"{self._market}:{SESSION_SYMBOL}".encode()

    def _publish(self, frames: Sequence[tuple[int, bytes, bytes]]) -> None:
        payloads = []
        for ts_recv, key, frame in frames:
            if self._recorder is not None:
                self._recorder.take(ts_recv, frame)
            self.publisher.publish(frame, key, ts_recv)
            payloads.append(Payload(self._venue.name, self.counts.sent, ts_recv, key, frame))
            self.counts.sent += 1
        self.publisher.flush(0)
        _, _, rejects = self._adapter.ingest(self._state, payloads)
        for index, error in rejects:
            self.counts.rejected += 1
            self._tell("rejected", f"{payloads[index].key!r}: {error.told} [{error.kind}]")
        gaps = int(self._state.tables.instruments["gaps"].sum())
        if gaps > self.counts.gaps:
            self._tell("gap", f"{gaps - self.counts.gaps} holes in the venue's ids; {gaps} since the start")
            self.counts.gaps = gaps

    def _unknown_books(self) -> list[str]:
        known = self._adapter.synchronised(self._state)
        return [d.symbol for d in self._adapter.definitions if not known[d.instrument] or d.symbol in self._unsure]

    def _ask_for_snapshots(self, connection: Connection) -> None:
        now = monotonic_s()
        if now < self._ask_s or self._fetching is not None:
            return
        waits = [s for s in self._unknown_books() if now - self._asked.get(s, -ASK_AGAIN_S) >= ASK_AGAIN_S]
        if not waits:
            return
        symbol = min(waits, key=lambda s: self._asked.get(s, 0.0))
        self._asked[symbol] = now
        self._ask_s = now + self._dialect.request_gap_s
        self.counts.snapshots += 1
        if self._dialect.snapshot is None:
            for message in self._dialect.resubscribe(symbol):
                connection.send(message)
        else:
            url = self._dialect.rest_url + self._dialect.snapshot(symbol)
            self._fetching = symbol, self._threads.submit(get, url)

    def _take_snapshot(self) -> None:
        """Publish the snapshot that was fetched, once it is there: it comes in among what the socket sends."""
        if self._fetching is None or not self._fetching[1].done():
            return
        (symbol, fetched), self._fetching = self._fetching, None
        try:
            text = fetched.result()
        except Unreachable as error:
            self._asked.pop(symbol, None)
            self._ask_s = monotonic_s() + self._backoff.failed(error.retry_after_s)
            self._tell("snapshot_failed", str(error))
            return
        self._unsure.discard(symbol)
        self._publish([(wall_ns(), f"{self._market}:{symbol}".encode(), text)])
        # A snapshot older than the first difference leaves a hole: another is asked for when it is due.
        self._asked.pop(symbol, None)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._fetching = None
