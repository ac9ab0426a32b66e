"""Carries a schedule out, each fault in a thread of its own at its time, and counts what was done."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence

from chaos.faults import RUN
from chaos.scene import Scene
from chaos.schedule import Planned
from schemas.errors import TapedeckError
from streams.clock import monotonic_s

FINISH_S_MAX = 150.0
"""How long the last faults may take to end behind the run: the longest waits for a task twice over."""

Say = Callable[[str], None]


class Injector:
    """Faults under way.

    Args:
        scene: What they act upon.
        planned: What is to be done.
        say: Told of each, in one line.

    Attributes:
        done: How often each kind was carried out.
    """

    def __init__(self, scene: Scene, planned: Sequence[Planned], say: Say) -> None:
        self.done: Counter[str] = Counter()
        self._scene = scene
        self._left = list(planned)
        self._say = say
        self._began_s: float | None = None
        self._threads: list[threading.Thread] = []

    @property
    def begun_looking(self) -> bool:
        """Whether time counts already."""
        return self._began_s is not None

    @property
    def begun(self) -> int:
        """Faults begun so far."""
        return len(self._threads)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first look."""
        return 0.0 if self._began_s is None else monotonic_s() - self._began_s

    def look(self) -> None:
        """Begin what is due. Time counts from the first look."""
        if self._began_s is None:
            self._began_s = monotonic_s()
        while self._left and self._left[0].at_s <= self.elapsed_s:
            fault = self._left.pop(0)
            self._say(str(fault))
            thread = threading.Thread(target=self._run, args=(fault,), daemon=True, name=fault.kind)
            thread.start()
            self._threads.append(thread)

    @property
    def busy(self) -> bool:
        """Whether a fault has not ended yet."""
        return any(thread.is_alive() for thread in self._threads)

    def _run(self, fault: Planned) -> None:
        try:
            done = RUN[fault.kind](self._scene, fault.arguments)
        except TapedeckError as error:  # a broker that does not come back: what follows from it is found in the log
            self._say(f"{fault.kind}: {error.told}")
            return
        if done:
            self.done[fault.kind] += 1
        else:
            self._say(f"{fault.kind} could not be done here: not counted")
