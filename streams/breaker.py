"""The breaker: when too much of a task's input is refused, the task halts, rather than empty its feed into ``dlq``.

Counted by ordinals of inputs, and kept in the snapshot: it trips at the same input however the input was cut, and
however often the task died on the way. What was refused up to then is committed, whole, with the position behind it.
Where it has tripped it stays so through every restart, until somebody allows more.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any

from schemas.errors import TaskFailed

BAD_WINDOW = 1_000
"""Inputs looked back over: the share of refused ones among the last so many counts."""

BAD_SHARE_MAX = 0.5
"""Largest share of refused inputs among them. 1 allows everything."""

BAD_MIN = 100
"""Fewer refused inputs among them never halt a task, whatever their share: a feed may begin badly."""

UNCOUNTED = frozenset({"bad_payload.second_publisher"})
"""Kinds that say nothing of this input: somebody else has sent under its name, and its own payloads go on."""


class Breaker:
    """Counts what one task refuses.

    Args:
        task: Name of the task.
        place: Topic and partition of its input, for the message.
        share_max: Largest share of refused inputs among the last ``BAD_WINDOW``.
        least: So many must be refused before their share counts.
    """

    def __init__(self, task: str, place: str, share_max: float, least: int) -> None:
        self._task = task
        self._place = place
        self._share_max = share_max
        self._least = least
        self._refused: list[int] = []
        self._found: tuple[int, int, int] | None = None

    @property
    def tripped(self) -> bool:
        """Whether too much was refused."""
        return self._found is not None

    def refused(self, ordinal: int, kind: str = "") -> None:
        """One input was refused.

        Args:
            ordinal: Its number. A later hop of the task may refuse one that stands before another's.
            kind: Its kind of error.
        """
        if kind in UNCOUNTED:
            return
        insort(self._refused, ordinal)
        newest = self._refused[-1]
        del self._refused[: bisect_left(self._refused, newest - BAD_WINDOW + 1)]
        bad, among = len(self._refused), min(BAD_WINDOW, newest + 1)
        if self._found is None and self._too_much(bad, among):
            self._found = (bad, among, newest)

    def check(self) -> None:
        """Halt where it has tripped, unless more is allowed now than was found then.

        Raises:
            TaskFailed: Too much was refused. All of it is committed to ``dlq``, and the position behind it.
        """
        if self._found is None:
            return
        bad, among, newest = self._found
        if not self._too_much(bad, among):
            self._found = None
            return
        raise TaskFailed(
            "too much of the input is refused: the task halts", kind="too_much_bad",
            got=f"{bad:,} bad of {among:,} inputs, up to input {newest:,}",
            allowed=f"a share of {self._share_max:g}, or fewer than {self._least:,}",
            where=f"{self._place} of {self._task}",
            fix="see them: tapedeck dlq list; mend the cause, or allow more by bad_share_max under [tasks] of the "
            "topology, then start again: it goes on behind them",
        )  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """JSON-able form, for the snapshot."""
        return {"refused": self._refused, "tripped": self._found}

    def restore(self, data: dict[str, Any] | None) -> None:
        """From ``dump``'s form; None of a snapshot that was taken before there was a breaker."""
        if data is not None:
            self._refused = [int(ordinal) for ordinal in data["refused"]]
            self._found = tripped(data)

    def _too_much(self, bad: int, among: int) -> bool:
        return bad >= self._least and bad > self._share_max * among


def tripped(data: Any) -> tuple[int, int, int] | None:
    """What a snapshot says of a breaker that has tripped: refused inputs, of so many, the newest one's number."""
    found = None if data is None else data["tripped"]
    if found is None:
        return None
    bad, among, newest = (int(number) for number in found)
    return bad, among, newest
