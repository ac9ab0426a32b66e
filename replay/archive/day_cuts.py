"""Which snapshots are archived: of each task the newest before each UTC midnight, and the first of each run.

A snapshot's log time is that of the newest that its task had heard. So the newest one before a midnight stands before
all that the day behind it holds, however late it was written; and it is the same one whoever looks, once a later one
has come. With the first snapshot of a run its task took over from the run before: nothing that follows can be made
without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from replay.archive.columns import log_time
from replay.header_peek import peek
from schemas.errors import SnapshotError
from streams.log import Record
from streams.state_bytes import load_values

DAY_NS = 86_400_000_000_000
NUMBER_FIRST = 1
"""Of a task's first snapshot."""


@dataclass(slots=True)
class _Newest:
    """The newest snapshot of a task; ``record`` is None once it is archived. ``first``: of its run."""

    record: Record | None
    day: int
    run: str
    first: bool = False


class DayCuts:
    """Takes the snapshots of a partition in their order, and holds those that are to be archived.

    Args:
        begin: Offset of the next one.
        archived: The newest that are archived already.

    Attributes:
        next: Offset of the next one.
    """

    def __init__(self, begin: int, archived: Iterable[Record] = ()) -> None:
        self.next = begin
        self._kept: list[Record] = []
        self._newest = {r.key: _Newest(None, log_time(r) // DAY_NS, _run_of(r)) for r in archived}

    @property
    def due(self) -> bool:
        """Whether something is held that no later snapshot takes the place of."""
        return bool(self._kept)

    def take(self, record: Record) -> None:
        """Look at the next one."""
        day, run = log_time(record) // DAY_NS, _run_of(record)
        before = self._newest.get(record.key)
        head = peek(record.header)
        first = head is not None and head.seq == NUMBER_FIRST
        if before is not None:
            first |= before.run != run
            if before.record is not None and (first or before.first or day > before.day):
                self._kept.append(before.record)
        self._newest[record.key] = _Newest(record, day, run, first)
        self.next = record.offset + 1

    def drain(self) -> list[Record]:
        """All that is held, in the order of offsets; from now on it counts as archived."""
        held = [newest.record for newest in self._newest.values() if newest.record is not None]
        found = sorted((*self._kept, *held), key=lambda record: record.offset)
        self._kept = []
        for newest in self._newest.values():
            newest.record = None
        return found


def _run_of(record: Record) -> str:
    try:
        return str(load_values(record.value).get("run", ""))
    except SnapshotError:  # whoever begins with it says so
        return ""
