"""Named places in a task's life at which tests and drills kill it. In a desk's own runs nothing happens there."""

from __future__ import annotations

from collections.abc import Callable

Failpoint = Callable[[str, int], None]
"""Called with a name of ``FAILPOINTS`` and the number of inputs consumed so far."""

STARTING = ("takeover", "recovering", "recovered")
"""Before the transactional id is taken over; behind it, before the log is read back; behind that, before any work."""

WORKING = ("poll", "step", "produce", "produced")
"""Before input is read; before a batch is stepped; before each record is handed to the writer; when all have been."""

COMMITTING = ("snapshot", "committing", "committed")
"""Before the state is put together; before its record is appended and Kafka is asked to commit; when it has."""

FAILPOINTS = (*STARTING, *WORKING, *COMMITTING)


def nothing(_name: str, _inputs: int) -> None:
    """What happens at a failpoint of a desk's own run."""
