"""Looks at a run now and then and shows what it finds: what ``demo`` and ``up`` call in their loops.

On Kafka it looks in a thread of its own: a broker that is away lets who asks wait for many seconds, and meanwhile
whoever supervises the run must bring back what dies. A memory log is read by the thread that writes it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from console.live_view import View
from replay.observer import Observer
from replay.watched import Watched
from schemas.errors import BrokerError
from streams.clock import monotonic_s
from streams.log import Log

LOOK_EVERY_S = 0.5
"""Seconds between looks at the run's topics."""
BLIND_S = 5.0
"""The same where the last one met a broker that is away."""
CLOSE_S_MAX = 2.0
"""How long a look that is under way may take to end once nobody will see it."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What whoever runs the tasks says beside what the topics tell."""

    restarts: Mapping[str, int] | None = None
    stage: str = ""
    elapsed_s: float | None = None


class Watch:
    """An observer and a view.

    Args:
        log: Where the run is.
        watched: The run, or what finds it in the log; its topics must be there.
        view: Where to show it; one that wants no figures costs nothing.
        apart: Whether to look in a thread of its own; never with a memory log.
    """

    def __init__(self, log: Log, watched: Watched | Callable[[], Watched], view: View, *, apart: bool = False) -> None:
        self._log = log
        self._watched = watched
        self._view = view
        self._observer: Observer | None = None
        self._seconds: float | None = None
        self._next_s = 0.0 if view.wants_figures else float("inf")
        self._asked = _Asked()
        self._wake = threading.Event()
        self._closing = False
        self._failed: Exception | None = None
        self._thread: threading.Thread | None = None
        if apart and view.wants_figures:
            self._thread = threading.Thread(target=self._serve, daemon=True, name="watch")
            self._thread.start()

    def look(
        self, *, restarts: Mapping[str, int] | None = None, stage: str = "", elapsed_s: float | None = None
    ) -> None:
        """Show what has come, unless it was shown a moment ago; apart, have it shown soon and return at once.

        Args:
            restarts: How often each task was brought back.
            stage: What is going on; empty: what the topics tell.
            elapsed_s: Seconds since the feed began; None: since the run was opened.

        Where the broker is away it says so, and looks again ``BLIND_S`` later.
        """
        if self._failed is not None:
            raise self._failed
        now_s = monotonic_s()
        if now_s < self._next_s:
            return
        self._next_s = now_s + LOOK_EVERY_S
        asked = _Asked(restarts, stage, elapsed_s)
        if self._thread is None:
            self._look(asked)
        else:
            self._asked = asked
            self._wake.set()

    def know_length(self, seconds: float) -> None:
        """Tell how much log time the session has: then its share played and the time left are shown."""
        self._seconds = seconds
        if self._observer is not None:
            self._observer.know_length(seconds)

    def close(self) -> None:
        """Stop looking. A look under way shows nothing any more; it is not waited for where the broker is away."""
        self._closing = True
        if self._thread is None:
            self._forget()
        else:
            self._wake.set()
            self._thread.join(CLOSE_S_MAX)

    def _serve(self) -> None:
        """In a thread of its own, which alone holds the observer."""
        try:
            while not self._closing:
                self._wake.wait()
                self._wake.clear()
                if not self._closing:
                    self._look(self._asked)
            self._forget()
        except Exception as error:  # raised again where it was asked; once it is closed the log may be as well
            self._failed = error

    def _look(self, asked: _Asked) -> None:
        try:
            if self._observer is None:
                found = self._watched if isinstance(self._watched, Watched) else self._watched()
                seconds = found.seconds if self._seconds is None else self._seconds
                self._observer = Observer(self._log, replace(found, seconds=seconds))
            figures = self._observer.poll(restarts=asked.restarts, stage=asked.stage, elapsed_s=asked.elapsed_s)
        except BrokerError as error:
            # A display must not end what it shows: the tasks have their own patience with a broker that is away.
            self._next_s = monotonic_s() + BLIND_S
            self._wake.clear()  # what was asked meanwhile
            if not self._closing:
                self._view.stage(f"cannot look: {error.message}")
            self._forget()
            return
        if not self._closing:
            self._view.show(figures)

    def _forget(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.close()
