"""One of a live feed's connections: opened in the background, heard, given up when it is silent, opened again."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from feeds.backoff import Backoff
from feeds.connection import Connection, Unreachable
from streams.clock import monotonic_s, wall_ns

FRAMES_MAX = 256
"""Frames taken in one turn."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A connection that is gone, or could not be opened.

    Attributes:
        why: What happened.
        pause_s: The next attempt begins after so long.
        was_open: Whether it had been there.
    """

    why: str
    pause_s: float
    was_open: bool


class Line:
    """A connection, and the one after it.

    Args:
        url: Where to.
        first: Messages to send first.
        silence_s_max: One that is silent for longer is given up.
        backoff: Waits between attempts.
        threads: Where it is opened and closed, so that nobody waits for either.

    Attributes:
        connection: The open one; None: none is.
    """

    def __init__(
        self, url: str, first: Sequence[str], silence_s_max: float, backoff: Backoff, threads: ThreadPoolExecutor
    ) -> None:
        self.connection: Connection | None = None
        self._url, self._first = url, first
        self._silence_s_max = silence_s_max
        self._backoff = backoff
        self._threads = threads
        self._opening: Future[Connection] | None = None
        self._retry_s = self._heard_s = 0.0

    def attend(self, wait_s: float) -> Lost | None:
        """Open it where it is closed and its time has come; waits for the opening up to ``wait_s``."""
        if self.connection is not None:
            return None
        if self._opening is None:
            if monotonic_s() < self._retry_s:
                return None
            self._opening = self._threads.submit(Connection, self._url, self._first)
        wait((self._opening,), wait_s)
        if not self._opening.done():
            return None
        opening, self._opening = self._opening, None
        try:
            self.connection = opening.result()
        except Unreachable as error:
            return self._lost(error)
        self._heard_s = monotonic_s()
        return None

    @property
    def pause_s(self) -> float:
        """Until it may be opened again; 0 while it is open or opening."""
        ahead = self._retry_s - monotonic_s()
        return 0.0 if self.connection is not None or self._opening is not None else max(ahead, 0.0)

    def receive(self, wait_s: float) -> tuple[list[tuple[int, bytes]], Lost | None]:
        """What has come, with its receive time, wall ns; waits up to ``wait_s`` for the first. Lost: after these."""
        frames: list[tuple[int, bytes]] = []
        if self.connection is None:
            return frames, None
        try:
            while len(frames) < FRAMES_MAX:
                frame = self.connection.receive(0 if frames else wait_s)
                if frame is None:
                    break
                frames.append((wall_ns(), frame))
        except Unreachable as error:
            return frames, self._lost(error)
        if frames:
            self._backoff.succeeded()
            self._heard_s = monotonic_s()
        elif monotonic_s() - self._heard_s > self._silence_s_max:
            return frames, self._lost(Unreachable(f"silent for {self._silence_s_max:g} s"))
        return frames, None

    def send(self, messages: Sequence[str]) -> Lost | None:
        """Send messages on the open connection."""
        try:
            for message in messages:
                if self.connection is not None:
                    self.connection.send(message)
        except Unreachable as error:
            return self._lost(error)
        return None

    def hang_up(self) -> None:
        """Close it, or what is about to open."""
        if self._opening is not None:
            self._opening.add_done_callback(_close_opened)
            self._opening = None
        if self.connection is not None:
            self._threads.submit(self.connection.close)
            self.connection = None

    def _lost(self, error: Unreachable) -> Lost:
        was_open = self.connection is not None
        self.hang_up()
        pause_s = self._backoff.failed(error.retry_after_s)
        self._retry_s = monotonic_s() + pause_s
        return Lost(str(error), pause_s, was_open)


def _close_opened(opening: Future[Connection]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
