"""A TCP proxy between tasks and broker that delays, stalls and cuts; also in the very middle of a commit.

It stands behind the address that the broker advertises, so every connection of a task passes it. Kafka's frames are
followed far enough to know a request's kind: where an ``EndTxn`` passes, the connection can be cut before the broker
hears of it, or after it and before its answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from streams.broker_settings import LOOPBACK

CHUNK_BYTES = 65_536
END_TXN = 26
"""Kafka's API key of the request that ends a transaction."""
_HEAD_BYTES = 6
"""A frame's length (4), then the request's API key (2)."""
START_S_MAX = 10.0

BEFORE, AFTER = "request", "answer"
"""Where a commit is cut: the request does not arrive; or it does, and nobody hears the answer."""


class RequestKinds:
    """API keys of the requests in a stream of bytes, however it is cut.

    >>> frame = (10).to_bytes(4, "big") + (26).to_bytes(2, "big") + bytes(8)
    >>> kinds = RequestKinds()
    >>> [kinds.feed(part) for part in (frame[:5], frame[5:] + frame)]
    [[], [26, 26]]
    """

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    def feed(self, data: bytes) -> list[int]:
        """Keys of the requests whose heads are complete now."""
        found = []
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            step = min(_HEAD_BYTES - len(self._head), len(data) - at)
            self._head += data[at : at + step]
            at += step
            if len(self._head) == _HEAD_BYTES:
                found.append(int.from_bytes(self._head[4:], "big", signed=True))
                self._left = max(0, int.from_bytes(self._head[:4], "big") - 2)
                self._head = b""
        return found


class Proxy:
    """Listens on one loopback port and passes on to another. Runs in a thread of its own.

    Args:
        port: Where tasks connect.
        target: Where the broker listens.
    """

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"proxy {port}")
        self._up = threading.Event()
        self._failed: OSError | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._delay_s = 0.0
        self._refusing = False
        self._cut_commit = ""
        self._cut_done = threading.Event()
        self._pumps: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Return when it listens.

        Raises:
            OSError: The port is taken.
        """
        self._thread.start()
        self._up.wait(START_S_MAX)
        if self._failed is not None:
            raise self._failed

    def delay(self, seconds: float) -> None:
        """Hold each piece back for so long; 0 ends it."""
        self._call(lambda: setattr(self, "_delay_s", seconds))

    def stall(self) -> None:
        """Pass nothing on, in either direction, until ``flow``."""
        self._call(self._open.clear)

    def flow(self) -> None:
        """Pass everything on at once, and accept connections."""
        self._call(self._flow)

    def cut(self) -> None:
        """Cut every connection, and refuse new ones until ``flow``."""
        self._call(self._cut)

    def arm_commit_cut(self, where: str) -> threading.Event:
        """Cut the connection on which the next commit passes, ``BEFORE`` or ``AFTER`` it; the event tells."""
        self._cut_done.clear()
        self._call(lambda: setattr(self, "_cut_commit", where))
        return self._cut_done

    def close(self) -> None:
        """End it and every connection."""
        if self._thread.is_alive():
            self._call(self._loop.stop)
            self._thread.join()

    def _call(self, what: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(what)

    def _flow(self) -> None:
        self._delay_s, self._refusing, self._cut_commit = 0.0, False, ""
        self._open.set()

    def _cut(self) -> None:
        self._refusing = True
        for pump in self._pumps:
            pump.cancel()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            server = self._loop.run_until_complete(asyncio.start_server(self._accept, LOOPBACK, self.port))
        except OSError as error:
            self._failed = error
            self._up.set()
            self._loop.close()
            return
        self._up.set()
        self._loop.run_forever()
        server.close()
        for pump in self._pumps:
            pump.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._pumps, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        me = asyncio.current_task()
        if me is None or self._refusing:
            writer.transport.abort()
            return
        self._pumps.add(me)
        back: asyncio.StreamWriter | None = None
        try:
            there, back = await asyncio.open_connection(LOOPBACK, self._target)
            ways = [asyncio.create_task(self._pump(reader, back, RequestKinds())),
                    asyncio.create_task(self._pump(there, writer, None))]  # fmt: skip
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # the broker is away, or the connection was cut: to the task it is the same
        finally:
            self._pumps.discard(me)
            writer.transport.abort()
            if back is not None:
                back.close()  # what was passed on still arrives

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kinds: RequestKinds | None
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._open.wait()
                cut = self._commit_cut(kinds, data)
                if cut != BEFORE:
                    writer.write(data)
                    await writer.drain()
                if cut:
                    self._cut_done.set()
                    return

    def _commit_cut(self, kinds: RequestKinds | None, data: bytes) -> str:
        """Where to cut, if what passes ends a transaction and a cut was asked for; empty: nowhere."""
        if kinds is None or END_TXN not in kinds.feed(data):
            return ""
        cut, self._cut_commit = self._cut_commit, ""
        return cut
