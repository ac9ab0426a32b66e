"""Watches a run while it goes: rates, orders, denials, latency, from the topics' headers. Changes nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from replay.hops import HopLatencies
from replay.plan import PlayPlan
from schemas.catalog import DECISION, EXECUTION, ORDER, TICK_SCHEMA
from schemas.codec import decode
from schemas.decision import Decision
from schemas.errors import BadInput
from schemas.header import Header, unpack
from streams.log import Log, Reader, Record

WATCHED = ("ticks.<source>", "orders.decision", "orders", "executions")
RECORDS_MAX = 2_000
"""Records looked at in one poll, so that a screen stays live however fast the run goes."""


@dataclass(slots=True)
class Seen:
    """Figures so far. A record that a killed task left uncommitted and its successor wrote again counts once."""

    ticks: int = 0
    orders: int = 0
    denied: int = 0
    executions: int = 0
    log_time_ns: int = 0
    first_log_time_ns: int = 0
    denials: Counter[str] = field(default_factory=Counter)


class Observer:
    """Tails the run's topics."""

    def __init__(self, log: Log, plan: PlayPlan) -> None:
        self.seen = Seen()
        self.hops = HopLatencies(split=plan.split)
        self._log = log
        self._tables = {plan.topic(name): name for name in WATCHED}
        self._reader: Reader | None = None
        self._next_seq: dict[tuple[str, str], int] = {}

    def poll(self) -> Seen:
        """Take in what has come since the last poll."""
        if self._reader is None:
            self._reader = self._log.reader(dict.fromkeys(((topic, 0) for topic in self._tables), 0))
        left = RECORDS_MAX
        while left > 0 and (records := self._reader.read(left, 0.0)):
            left -= len(records)
            for record in records:
                self._take(record)
        return self.seen

    def close(self) -> None:
        """Stop watching."""
        if self._reader is not None:
            self._reader.close()

    def _take(self, record: Record) -> None:
        if record.header is None:
            return
        try:
            header = unpack(record.header)
        except BadInput:
            return
        next_seq = self._next_seq.get((record.topic, header.writer), 0)
        if header.seq + header.count <= next_seq:
            return
        self._next_seq[(record.topic, header.writer)] = header.seq + header.count
        self._count(record, header, header.seq + header.count - max(header.seq, next_seq))

    def _count(self, record: Record, header: Header, new: int) -> None:
        seen = self.seen
        if header.schema == TICK_SCHEMA.number:
            seen.ticks += new
            seen.first_log_time_ns = seen.first_log_time_ns or header.time
            seen.log_time_ns = max(seen.log_time_ns, header.time)
        elif header.schema == DECISION.number:
            decision = _decision(record)
            if decision is not None and decision.verdict == "denied":
                seen.denied += 1
                seen.denials.update(decision.reasons[:1])
        elif header.schema == ORDER.number:
            seen.orders += 1
            self.hops.record("orders", header)
        elif header.schema == EXECUTION.number:
            seen.executions += 1


def _decision(record: Record) -> Decision | None:
    try:
        return decode(record.value, Decision)
    except BadInput:
        return None
