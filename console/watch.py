"""Looks at a run now and then and shows what it finds: what ``demo`` and ``up`` call in their loops."""

from __future__ import annotations

from collections.abc import Mapping

from console.live_view import View
from replay.observer import Observer
from replay.watched import Watched
from streams.clock import monotonic_s
from streams.log import Log

LOOK_EVERY_S = 0.5
"""Seconds between looks at the run's topics."""


class Watch:
    """An observer and a view.

    Args:
        log: Where the run is.
        watched: The run; its topics must be there.
        view: Where to show it; one that wants no figures costs nothing.
    """

    def __init__(self, log: Log, watched: Watched, view: View) -> None:
        self._view = view
        self._observer = Observer(log, watched) if view.wants_figures else None
        self._next_s = 0.0

    def look(
        self, *, restarts: Mapping[str, int] | None = None, stage: str = "", elapsed_s: float | None = None
    ) -> None:
        """Show what has come, unless it was shown a moment ago.

        Args:
            restarts: How often each task was brought back.
            stage: What is going on; empty: what the topics tell.
            elapsed_s: Seconds since the feed began; None: since the run was opened.

        Raises:
            BrokerError: The log cannot be read.
        """
        now_s = monotonic_s()
        if self._observer is None or now_s < self._next_s:
            return
        self._next_s = now_s + LOOK_EVERY_S
        self._view.show(self._observer.poll(restarts=restarts, stage=stage, elapsed_s=elapsed_s))

    def know_length(self, seconds: float) -> None:
        """Tell how much log time the session has: then its share played and the time left are shown."""
        if self._observer is not None:
            self._observer.know_length(seconds)

    def close(self) -> None:
        """Stop looking."""
        if self._observer is not None:
            self._observer.close()
