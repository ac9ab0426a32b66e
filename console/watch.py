"""Looks at a run now and then and shows what it finds: what ``demo`` and ``up`` call in their loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

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


class Watch:
    """An observer and a view.

    Args:
        log: Where the run is.
        watched: The run; its topics must be there.
        view: Where to show it; one that wants no figures costs nothing.
    """

    def __init__(self, log: Log, watched: Watched, view: View) -> None:
        self._log = log
        self._watched = watched
        self._view = view
        self._observer: Observer | None = None
        self._next_s = 0.0 if view.wants_figures else float("inf")

    def look(
        self, *, restarts: Mapping[str, int] | None = None, stage: str = "", elapsed_s: float | None = None
    ) -> None:
        """Show what has come, unless it was shown a moment ago.

        Args:
            restarts: How often each task was brought back.
            stage: What is going on; empty: what the topics tell.
            elapsed_s: Seconds since the feed began; None: since the run was opened.

        Where the broker is away it says so, and looks again ``BLIND_S`` later.
        """
        now_s = monotonic_s()
        if now_s < self._next_s:
            return
        self._next_s = now_s + LOOK_EVERY_S
        try:
            if self._observer is None:
                self._observer = Observer(self._log, self._watched)
            figures = self._observer.poll(restarts=restarts, stage=stage, elapsed_s=elapsed_s)
        except BrokerError as error:
            # A display must not end what it shows: the tasks have their own patience with a broker that is away.
            self._view.stage(f"cannot look: {error.message}")
            self.close()
            self._next_s = now_s + BLIND_S
            return
        self._view.show(figures)

    def know_length(self, seconds: float) -> None:
        """Tell how much log time the session has: then its share played and the time left are shown."""
        self._watched = replace(self._watched, seconds=seconds)
        if self._observer is not None:
            self._observer.know_length(seconds)

    def close(self) -> None:
        """Stop looking."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.close()
