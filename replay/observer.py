"""Watches a run while it goes, or after it has ended, from its topics alone. Changes nothing.

::

    watched(log, "live")  or  watched_plan(plan)          what is watched (replay/watched.py)
              │
              ▼
    observer = Observer(log, watched)                     costs nothing yet
    figures = observer.poll(restarts=supervisor.restarts) the first reads the history; call it a few times a second
    observer.close()

What is read: the documents (decisions, orders, executions, dead letters, control), each one, as they are few and every
one counts; the rows (ticks, scores) by their headers and, of ticks, the last row of each instrument, as a sample where
they come faster than a display can read; ``state``, for how far each task has committed. Totals are never estimated: a
header's ``seq`` says how many its writer has written. A poll is bounded in time, so a screen stays live.

Records are read uncommitted, as the tasks do. What a dead task has left and its successor wrote again has the same
``seq``, and counts once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from agents.topology import CLOCK, writers
from replay.acknowledged import Acknowledged
from replay.books import Books
from replay.counted import Counted
from replay.desk import Desk
from replay.documents_tail import DocumentsTail
from replay.header_peek import peek
from replay.meter import Meter
from replay.recent_hops import RecentHops
from replay.rows_tail import RowsTail
from replay.run_figures import RunFigures, Stage, Tally, TaskFigures
from replay.task_watch import STALLED_S, TaskWatch
from replay.touches import Touches
from replay.watched import NANOS_PER_MS, Watched
from schemas.catalog import TICK_SCHEMA
from schemas.errors import BadInput
from schemas.header import Header, unpack
from schemas.tick import TICK
from streams.clock import monotonic_s, wall_ns
from streams.log import Log, Record

TICKS = "ticks.<source>"
ROWS = (TICKS, "scores")
SPLIT_ROWS = (TICKS, "features", "scores")
"""``features`` is there row for row only where deployed split; then it is a task's input."""
DOCUMENTS = ("executions", "orders.decision", "orders", "orders.intent", "dlq")
PEOPLE_SAY = ("control",)
CHAIN = ("scores", "orders.intent", "orders.decision", "orders", "executions")
"""Topics whose end records end a run."""
FOLDED = ("executions", "orders.decision", "dlq")
"""Topics whose documents are added up, so that it must be told where the history of one was not read whole."""
ROW_HEADERS_MAX = 400
"""Headers of rows whose stamps are looked at in one poll: of more, each nth."""
TASKS_EVERY_S = 1.0
"""Seconds between looks at what the tasks have committed."""
NANOS = 1_000_000_000


class Observer:
    """Tails a run's topics.

    Args:
        log: Where. A memory log is read in the thread that writes it.
        watched: The run; its topics must be there when ``poll`` is called.
    """

    def __init__(self, log: Log, watched: Watched) -> None:
        self._watched = watched
        self._log = log
        documents = (*DOCUMENTS, CLOCK) if watched.live else DOCUMENTS
        self._split = watched.opened.split
        self._counted = Counted(writers(watched.tasks, watched.source, None))
        self._table = {watched.topic(name): name for name in (*SPLIT_ROWS, *documents, *PEOPLE_SAY)}
        self._tasks = TaskWatch(log, watched)
        self._documents = DocumentsTail(log, {name: watched.topic(name) for name in documents})
        self._control = DocumentsTail(log, {name: watched.topic(name) for name in PEOPLE_SAY}, committed=True)
        self._rows: RowsTail | None = None
        self._desk = Desk(watched)
        self._touches = Touches()
        self._books = {task.name: Books() for task in watched.tasks if task.hops[0] == "normalise"}
        self._hops = RecentHops()
        self._acknowledged = Acknowledged()
        self._counted_from: dict[str, int] = {}
        self._meters = {name: Meter() for name in (TICKS, "orders.intent", "orders", "executions", "denied")}
        self._first_log_time_ns = 0
        self._newest_stamp_ns = 0
        self._tasks_next_s = 0.0

    def poll(
        self, *, restarts: Mapping[str, int] | None = None, stage: str = "", elapsed_s: float | None = None
    ) -> RunFigures:
        """Take in what has come since the last poll, and sum up.

        Args:
            restarts: How often each task was brought back, from whoever runs them.
            stage: What whoever runs them says; empty: what the topics tell.
            elapsed_s: Likewise.

        Raises:
            BrokerError: The log cannot be read, or lacks the run's topics.
        """
        now_s, now_ns = monotonic_s(), wall_ns()
        self._hops.turn(now_s)
        if self._rows is None:
            self._tasks.poll(now_s)
            for record in chain(self._control.history(), self._documents.history()):
                self._document(record, now_ns)
            self._rows = RowsTail(self._log, self._row_topics())
            self._take_rows(self._rows.open(), now_ns)
        else:
            for record in chain(self._control.poll(), self._documents.poll()):
                self._document(record, now_ns)
            self._take_rows(self._rows.poll(), now_ns)
            if now_s >= self._tasks_next_s or self.ended:
                self._tasks_next_s = now_s + TASKS_EVERY_S
                self._tasks.poll(now_s)
        self._look_at_books(now_s)
        return self._figures(now_s, now_ns, restarts, stage, elapsed_s)

    def know_length(self, seconds: float) -> None:
        """The session's length, log time, where it was not known when the run was opened."""
        self._watched = replace(self._watched, seconds=seconds)

    @property
    def ended(self) -> bool:
        """Whether every hop has forwarded the run's end."""
        return self._counted.ended.issuperset(CHAIN)

    @property
    def settled(self) -> bool:
        """Whether every task has committed that end as well: no figure will change."""
        return self.ended and self._tasks.done

    def close(self) -> None:
        """Stop watching."""
        self._tasks.close()
        self._documents.close()
        self._control.close()
        if self._rows is not None:
            self._rows.close()

    def _row_topics(self) -> list[str]:
        return [self._watched.topic(name) for name in (SPLIT_ROWS if self._split else ROWS)]

    def _document(self, record: Record, now_ns: int) -> None:
        table_name = self._table[record.topic]
        head = peek(record.header)
        if head is None or not self._counted.take(table_name, head):
            return
        if table_name in self._documents.cut and table_name in FOLDED:
            self._counted_from.setdefault(table_name, head.time)
        repeat = self._desk.take(table_name, record.value) > 0
        header = _unpacked(record)
        if header is not None:
            header = self._acknowledged.joined(table_name, header, record.value)
            self._hops.record(table_name, header, now_ns, repeat=repeat)

    def _take_rows(self, records: Sequence[Record], now_ns: int) -> None:
        """Count by all headers, measure by a sample of them, and take the last tick of each instrument."""
        step = -(-len(records) // ROW_HEADERS_MAX) or 1
        frames: list[bytes] = []
        newest_tick: Record | None = None
        for i, record in enumerate(records):
            table_name = self._table[record.topic]
            head = peek(record.header)
            if head is None or not self._counted.take(table_name, head):
                continue
            if (head.schema, head.version) == (TICK_SCHEMA.number, TICK_SCHEMA.version):
                newest_tick = record
                if len(record.value) == head.items * TICK.itemsize:
                    frames.append(record.value)
            if i % step == 0 and (header := _unpacked(record)) is not None:
                self._hops.record(table_name, header, now_ns)
        if frames:
            rows = np.frombuffer(b"".join(frames), dtype=TICK)
            self._first_log_time_ns = self._first_log_time_ns or self._first(int(rows[0]["ts_log"]))
            self._touches.take(rows)
            self._desk.pnl.ticks(rows)
        if newest_tick is not None:
            header = _unpacked(newest_tick)
            stamp = 0 if header is None else int(header.stamps[-1, -1])
            self._newest_stamp_ns = stamp or newest_tick.timestamp_ms * NANOS_PER_MS

    def _first(self, otherwise: int) -> int:
        """Log time of the run's first tick, for what has been played of it."""
        record = None if self._rows is None else self._rows.first(self._watched.topic(TICKS))
        head = None if record is None else peek(record.header)
        return otherwise if head is None else head.time

    def _look_at_books(self, now_s: float) -> None:
        for name, snapshot in self._tasks.snapshots_of("normalise").items():
            books = self._books[name]
            if not books.look(snapshot, now_s, at_once=self.ended):
                continue
            for instrument_id, touch in books.touches.items():
                if self._touches.older(instrument_id, touch) and touch.bid is not None and touch.ask is not None:
                    self._desk.pnl.touch(instrument_id, touch.bid, touch.ask)

    def _gaps(self) -> dict[int, int] | None:
        """Holes by instrument, over all partitions; None before any was told."""
        told = [books.gaps for books in self._books.values() if books.gaps is not None]
        if not told:
            return None
        return {number: sum(gaps.get(number, 0) for gaps in told) for gaps in told for number in gaps}

    def _figures(
        self, now_s: float, now_ns: int, restarts: Mapping[str, int] | None, stage: str, elapsed_s: float | None
    ) -> RunFigures:
        watched, desk = self._watched, self._desk
        log_time_ns = self._touches.log_time_ns
        if elapsed_s is None:
            until_ns = self._newest_stamp_ns if self.ended else now_ns
            elapsed_s = max(0.0, (until_ns - watched.opened_ns) / NANOS) if watched.opened_ns else 0.0
        tasks = self._tasks.figures(
            self._counted, ended=self.ended, now_s=now_s, wall_ns=now_ns, restarts=restarts,
            clock_ns=desk.clock_ns, clock_age_max_s=desk.clock_age_max_s(),
        )  # fmt: skip
        tick_age_s = (now_ns - self._newest_stamp_ns) / NANOS if self._newest_stamp_ns else None
        share, left_s = self._progress((log_time_ns - self._first_log_time_ns) / NANOS, elapsed_s)
        gaps = self._gaps()
        return RunFigures(
            run=watched.run, mode=watched.opened.mode, source=watched.source,
            stage=stage or self._stage(tasks, tick_age_s),
            log_time_ns=log_time_ns, elapsed_s=elapsed_s, share=share, left_s=left_s,
            tick_age_s=tick_age_s,
            ticks=self._tally(TICKS, now_s), intents=self._tally("orders.intent", now_s),
            orders=self._tally("orders", now_s), executions=self._tally("executions", now_s),
            denied=self._denied(now_s), denials=dict(desk.denials.most_common()),
            dead_letters=dict(desk.dead_letters.most_common()),
            tasks=tasks,
            hops=self._hops.figures(split=self._split, external=bool(watched.opened.gateway)),
            instruments=desk.instruments(self._touches.newest, gaps, log_time_ns),
            gaps=None if gaps is None else sum(gaps.values()), pnl=desk.money(), halts=desk.halts(),
            trading_state=desk.trading_state(), counted_from=dict(self._counted_from),
            sampled=self._rows is not None and (self._rows.skips > 0 or (self._rows.cut and self.ended)),
        )  # fmt: skip

    def _tally(self, table_name: str, now_s: float) -> Tally:
        total = self._counted.totals.get(table_name, 0)
        return Tally(total, self._meters[table_name].rate(now_s, total))

    def _denied(self, now_s: float) -> Tally:
        """Counted; where the decisions were too many to be read, those that gave no order."""
        denied = self._desk.denied
        if "orders.decision" in self._documents.cut:
            denied = max(denied, self._counted.totals.get("orders.decision", 0) - self._counted.totals.get("orders", 0))
        return Tally(denied, self._meters["denied"].rate(now_s, denied))

    def _stage(self, tasks: tuple[TaskFigures, ...], tick_age_s: float | None) -> Stage:
        if tick_age_s is None:
            return "opened"
        if self.ended:
            return "ended"
        ages = [tick_age_s, *(task.commit_age_s for task in tasks if task.commit_age_s is not None)]
        if min(ages) > STALLED_S:
            return "silent"
        if TICKS in self._counted.ended:
            return "draining"
        return "live" if self._watched.live else "playing"

    def _progress(self, played_s: float, elapsed_s: float) -> tuple[float | None, float | None]:
        """Share played and seconds left, where the length is known: a simulated session's is."""
        watched = self._watched
        if watched.seconds is None or played_s <= 0:
            return None, None
        share = min(played_s / watched.seconds, 1.0)
        left_s = (watched.seconds - played_s) / watched.speed if watched.speed else elapsed_s * (1 - share) / share
        return share, max(left_s, 0.0)


def _unpacked(record: Record) -> Header | None:
    try:
        return None if record.header is None else unpack(record.header)
    except BadInput:
        return None
