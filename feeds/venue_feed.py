"""A live feed of a venue: what its websocket sends goes to ``raw.<source>`` as it came, whatever happens to the socket.

The adapter that will read the tape reads along: an instrument whose book it does not know is given a snapshot (by HTTP,
or by asking for it in the stream), one request at a time and no oftener than the venue allows. A connection that
closes, or is silent for too long, is opened again after a growing, jittered wait; where it was the only one, it begins
with new snapshots. What could not be received meanwhile is told by the ids of what follows, as any gap is.

Of several connections each payload is published once (``arbiter.py``): one that closes, stalls or lags costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from feeds.adapter import Adapter
from feeds.arbiter import Arbiter
from feeds.backoff import Backoff
from feeds.connection import Unreachable, get
from feeds.frames import Frame, Tally
from feeds.line import Line, Lost
from feeds.recorder import Recorder
from feeds.venue import SESSION_SYMBOL, Dialect, Venue
from schemas.definition import Definition
from streams.agent import Payload
from streams.clock import monotonic_s, sleep_s, wall_ns
from streams.publisher import Publisher

ASK_AGAIN_S = 5.0
"""A snapshot that was asked for and did not come is asked for again after so long."""

LISTEN_S = 0.001
"""Of several connections each is listened to for so long, in turns, while nothing comes."""

Tell = Callable[[str, str], None]
"""Told (event, message) of what people should know."""


@dataclass(slots=True)
class Counts:
    """What a feed has met so far.

    Attributes:
        sent: Payloads published.
        connections: Times that a websocket was opened.
        snapshots: Snapshots fetched or asked for.
        gaps: Holes in the venue's ids.
        rejected: Payloads that the adapter refuses; they are published like all others, and become dead letters.
        by_connection: How each fares beside the others; empty where there is one.
    """

    sent: int = 0
    connections: int = 0
    snapshots: int = 0
    gaps: int = 0
    rejected: int = 0
    by_connection: list[Tally] = field(default_factory=list)


class VenueFeed:
    """Publishes what a venue sends, in turns.

    Args:
        venue: Whose feed it is.
        market: Of the symbols.
        definitions: The instruments asked for.
        dialect: How to speak with the market.
        publisher: Where payloads go.
        connections: How many are open at once.
        recorder: Takes them too; None: nobody.
        tell: Hears of connections, waits, gaps.
        backoff: Makes the waits between attempts, one for each connection.

    Attributes:
        counts: What was met.
        done: Ended, and everything is acknowledged.
    """

    def __init__(
        self, venue: Venue, market: str, definitions: Sequence[Definition], dialect: Dialect, publisher: Publisher, *,
        connections: int = 1, recorder: Recorder | None = None,
        tell: Tell = lambda _event, _message: None, backoff: Callable[[], Backoff] = Backoff,
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
        self._threads = ThreadPoolExecutor(2 * connections + 1, thread_name_prefix="venue")
        url, first = dialect.url + dialect.path(self._symbols), dialect.subscribe(self._symbols)
        self._lines = [Line(url, first, dialect.silence_s_max, backoff(), self._threads) for _ in range(connections)]
        self._arbiter = Arbiter(self._adapter, connections) if connections > 1 else None
        if self._arbiter is not None:
            self.counts.by_connection = self._arbiter.tallies
        self._backoff = backoff()
        self._ask_s = 0.0
        self._asked: dict[str, float] = {}
        self._fetching: tuple[str, Future[bytes]] | None = None
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
            for number in self._open():
                self._lines[number].hang_up()
                if self._arbiter is not None:
                    self._publish(self._arbiter.closed(number, monotonic_s()))
            self.publisher.flush()
            for number, tally in enumerate(self.counts.by_connection):
                self._tell("arbitrated", f"{self._named(number)}{tally}")
            self.done = True
            return False
        self._attend(wait_s)
        if not self._open():
            self.publisher.flush(0)
            sleep_s(min(wait_s, *(line.pause_s for line in self._lines)))
            return False
        self._take_snapshot()
        self._ask_for_snapshots()
        return self._receive(wait_s)

    def close(self) -> None:
        """Release everything."""
        for line in self._lines:
            line.hang_up()
        self._threads.shutdown(wait=False, cancel_futures=False)
        self.publisher.close()
        if self._recorder is not None:
            self._recorder.close()

    def _open(self) -> list[int]:
        return [number for number, line in enumerate(self._lines) if line.connection is not None]

    def _attend(self, wait_s: float) -> None:
        for number, line in enumerate(self._lines):
            if line.connection is not None:
                continue
            others = self._open()
            lost = line.attend(0 if others else wait_s / len(self._lines))
            if lost is not None:
                self._tell_lost(number, lost)
            if line.connection is None:
                continue
            self.counts.connections += 1
            if self._arbiter is not None:
                self._arbiter.opened(number)
            if not others:
                # In the stream, a connection begins with snapshots unasked; by HTTP, each book is asked for anew.
                by_http = self._dialect.snapshot is not None
                self._asked = {} if by_http else dict.fromkeys(self._symbols, monotonic_s())
                self._unsure = set(self._symbols) if by_http else set()
            self._tell("connected", f"{self._named(number)}{self._dialect.url}: {', '.join(self._symbols)}")

    def _receive(self, wait_s: float) -> bool:
        lines = self._open()
        listen_s = wait_s if len(lines) == 1 == len(self._lines) else min(wait_s, LISTEN_S)
        until_s = monotonic_s() + wait_s
        frames: list[Frame] = []
        gone: list[tuple[int, Lost]] = []
        while True:
            for number in lines:
                came, lost = self._lines[number].receive(0 if frames else listen_s)
                frames += [Frame(number, ts_recv, self._key(frame), frame) for ts_recv, frame in came]
                if lost is not None:
                    gone.append((number, lost))
            if frames or gone or monotonic_s() >= until_s:
                break
        now_s = monotonic_s()
        if self._arbiter is not None:
            frames = self._arbiter.take(frames, now_s) + self._arbiter.due(now_s)
        self._publish(frames)
        for number, lost in gone:  # what came before it closed was published first
            self._lose(number, lost)
        if frames:
            self._backoff.succeeded()
        return bool(frames)

    def _lose(self, number: int, lost: Lost) -> None:
        if self._arbiter is not None:
            self._publish(self._arbiter.closed(number, monotonic_s()))
        if not self._open():
            self._fetching = None
        self._tell_lost(number, lost)

    def _tell_lost(self, number: int, lost: Lost) -> None:
        self._tell("disconnected", f"{self._named(number)}{lost.why}; trying again in {lost.pause_s:.1f} s")

    def _named(self, number: int) -> str:
        return f"connection {number + 1}: " if self._arbiter is not None else ""

    def _key(self, frame: bytes) -> bytes:
        return self._venue.key(frame, self._market) or f"{self._market}:{SESSION_SYMBOL}".encode()

    def _publish(self, frames: Sequence[Frame]) -> None:
        payloads = []
        for _, ts_recv, key, frame in frames:
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
        return [
            d.symbol for slot, d in enumerate(self._adapter.definitions)
            if not known[d.instrument] or d.symbol in self._unsure
            or (self._arbiter is not None and self._arbiter.is_adrift(slot))
        ]  # fmt: skip

    def _ask_for_snapshots(self) -> None:
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
            if self._arbiter is not None:
                self._arbiter.want_snapshot(self._symbols.index(symbol))
            number = self._open()[0]
            lost = self._lines[number].send(self._dialect.resubscribe(symbol))
            if lost is not None:
                self._lose(number, lost)
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
        self._publish([Frame(0, wall_ns(), f"{self._market}:{symbol}".encode(), text)])
        # A snapshot older than the first difference leaves a hole: another is asked for when it is due.
        self._asked.pop(symbol, None)
