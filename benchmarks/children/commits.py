"""Child process: the hot task as it is, or changed from outside in how it commits.

``as it is``: a transaction every two seconds, its snapshot in it. ``plain``: the same records by a plain idempotent
producer, no transaction and no snapshot: what exactly-once is measured against. ``each batch``: a transaction, with its
snapshot, for every batch. With a worker's spec as the second argument it is that worker; else it works runs off to
order, as ``benchmarks/children/hot.py`` does.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from streams.home import use_kernel_cache

use_kernel_cache()

from agents import worker  # noqa: E402 - the kernel cache must have its place before numba is imported
from agents.topology import TaskHops  # noqa: E402
from benchmarks.children import hot  # noqa: E402
from streams import runner  # noqa: E402
from streams.kafka import KafkaLog  # noqa: E402

WAYS = ("as it is", "plain", "each batch")
FLUSH_S_MAX = 60.0


class PlainWriter:
    """A producer without transactions in the place of a task's writer."""

    def __init__(self, log: KafkaLog) -> None:
        self._appender = log.appender()

    def begin(self) -> None:
        """Nothing begins."""

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes, header: bytes,
        extra: Sequence[tuple[str, bytes]] = (),
    ) -> None:  # fmt: skip
        """Leaves at once."""
        self._appender.append(topic, partition, key, value, header, None, extra)

    def serve(self) -> None:
        """Handle delivery reports."""
        self._appender.serve()

    def delivered(self, topic: str, partition: int) -> int:
        """Nobody recovers from here."""
        del topic, partition
        return -1

    def commit(self) -> None:
        """Everything acknowledged."""
        self._appender.flush(FLUSH_S_MAX)

    def close(self) -> None:
        """Release the producer."""
        self._appender.close()


class PlainTask(runner.Task):
    """A task that commits nothing; at its end all is acknowledged."""

    def commit(self) -> None:
        self._outputs.prepare()
        self._outputs.begun = self._dirty = False
        self._sides.committed(self._outputs.sides_told)
        for output in self._outputs.outputs.values():
            output.sides_told = 0
        self._committed_at = self._monotonic()
        if self._end is not None:
            self._writer.commit()


def choose(way: str) -> None:
    """Have every task of this process commit in one way."""
    if way == "plain":
        runner.Task = hot.Task = PlainTask  # type: ignore[misc, attr-defined]
        KafkaLog.writer = lambda log, _id: PlainWriter(log)  # type: ignore[method-assign, assignment, return-value]
    elif way == "each batch":
        TaskHops.commit_every_batch = True  # type: ignore[method-assign, assignment]
    elif way != "as it is":
        raise ValueError(f"no such way: {way}; there are {WAYS}")


def main(argv: list[str]) -> int:
    spec = msgspec.json.decode(argv[0])
    choose(spec["way"])
    if len(argv) > 1:
        return worker.main(argv[1:])
    hot.main(spec)
    return 0


if __name__ == "__main__":
    found: Any = main(sys.argv[1:])
    sys.exit(found)
