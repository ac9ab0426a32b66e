"""Judges a replay, while it is under way or once it has ended: the comparison, counts, and the latency of each hop."""

from __future__ import annotations

from typing import Any

from agents.topology import partitions_of
from replay.hops import INTERVALS, HopLatencies
from replay.parity import Comparison, Parity
from replay.pieces import Tail
from replay.recording import TICKS_TOPIC, Recording
from replay.replay_plan import ReplayPlan
from schemas.catalog import END
from schemas.codec import decode_any
from schemas.execution import Execution
from schemas.header import Header
from schemas.partitions import PARTITIONS_MAX
from streams.log import Log, Place, Record

MEASURED = tuple(dict.fromkeys(interval.topic for interval in INTERVALS))
"""Table names of the topics whose headers tell latencies."""


class Judge:
    """One replay's. It reads each record once, and needs none that it has read.

    Args:
        plan: The replay.
        log: Where its topics are, or will be.
        hops: Histograms of the spans before this one, which go on.

    Attributes:
        ticks, orders: How many it made: what it was seeded with is not among them.
    """

    def __init__(self, plan: ReplayPlan, log: Log, hops: HopLatencies | None = None) -> None:
        self.plan = plan
        self.hops = HopLatencies(split=plan.split) if hops is None else hops
        self.ticks = 0
        self.orders = 0
        self._comparison = Comparison(plan, log)
        run = Recording(log, plan.namespace, plan.opening, (), {}, {}, {})
        count = min(plan.recording.opening.partitions, PARTITIONS_MAX)
        self._made = {
            (name, task): int(seq)
            for task, state in plan.states().items()
            for name, (seq, _) in state.values["outputs"].items()
        }  # fmt: skip
        self._tails = [
            Tail(run, name, partition) for name in MEASURED for partition in range(partitions_of(name, count))
        ]

    def look(self) -> None:
        """Judge what has been committed by now."""
        self._comparison.look()
        self._count()

    def finish(self, *, whole: bool) -> Parity:
        """Judge the rest; the replay has ended.

        Args:
            whole: Whether it was fed all of the stretch; else what is recorded behind its last tick is left out.

        Raises:
            BrokerError: A topic cannot be read.
        """
        self._count()
        return self._comparison.finish(whole=whole)

    def needs(self) -> dict[Place, int]:
        """First offset of each partition of the replay that it has yet to read."""
        found: dict[Place, int] = {}
        for tail in (*self._comparison.tails, *self._tails):
            place = (self.plan.topic(tail.table_name), tail.partition)
            found[place] = min(found.get(place, tail.offset), tail.offset)
        return found

    def _count(self) -> None:
        for tail in self._tails:
            for record, header in tail:
                if header is None or header.schema == END.number:
                    continue
                if header.seq >= self._made.get((tail.table_name, header.writer), 0):
                    self._take(tail.table_name, record, header)

    def _take(self, name: str, record: Record, header: Header) -> None:
        self.ticks += header.count if name == TICKS_TOPIC else 0
        self.orders += name == "orders"
        repeat = False
        if name == "executions":
            said: Any = decode_any(record.value)
            repeat = isinstance(said, Execution) and said.report_index > 0
        self.hops.record(name, header, repeat=repeat)
