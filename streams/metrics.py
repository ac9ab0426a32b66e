"""The one table of metrics: what ``/metrics`` of every process of a live topology tells. START HERE.

A metric is named here once, typed, with its unit and what it means; whoever reads it off names it by this table, and a
name that is not in it is refused. ``docs/metrics.md`` is written from it: ``python -m streams.metrics``.

Counters count what this life of a process has seen, so that they begin at 0 when it does, as Prometheus expects: what
recovery regenerates is counted again. Figures that go on over all lives are gauges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
Of = Literal["every process", "up", "a task", "normalise", "risk", "gateway", "feed and clock"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: As Prometheus has it.
        of: Which processes tell it.
        type: Prometheus type.
        unit: What a value is; of what is counted, what one of it is.
        help: What it means.
        labels: Beside ``task``, which every metric of ours has.
    """

    name: str
    of: Of
    type: Kind
    unit: str
    help: str
    labels: tuple[str, ...] = ()


COMMIT_BUCKETS_S = (0.002, 0.005, 0.010, 0.020, 0.050, 0.100, 0.250, 0.500, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets in which commits are counted: up to the longest that one may take."""

TABLE: tuple[Metric, ...] = (
    Metric("tapedeck_process_info", "every process", "gauge", "1", "Always 1; the labels say which run and build.",
           ("run", "version")),
    Metric("tapedeck_scrape_failures_total", "every process", "counter", "readings",
           "Readings that changed under the scrape and were left out of its answer."),
    Metric("tapedeck_task_up", "up", "gauge", "0 or 1", "Whether a process is up and at work.", ("process",)),
    Metric("tapedeck_task_restarts_total", "up", "counter", "restarts", "How often a process was brought back.",
           ("process",)),
    Metric("tapedeck_task_stalls_total", "up", "counter", "stalls",
           "How often a task was killed because it committed nothing.", ("process",)),
    Metric("tapedeck_inputs_total", "a task", "counter", "inputs",
           "Payloads, rows or documents taken from the task's input."),
    Metric("tapedeck_inputs_position", "a task", "gauge", "inputs", "Inputs taken over all lives of the task."),
    Metric("tapedeck_input_offset", "a task", "gauge", "offset", "Kafka offset of the next input record."),
    Metric("tapedeck_input_end_offset", "a task", "gauge", "offset",
           "Offset after the last input record, as told with the newest fetch."),
    Metric("tapedeck_input_lag_records", "a task", "gauge", "records",
           "Input records that are not taken yet; markers of transactions count, so it is at most so many."),
    Metric("tapedeck_log_time_behind_seconds", "a task", "gauge", "s",
           "Wall time less the log time of the newest input taken; of an input that is quiet it grows."),
    Metric("tapedeck_outputs_total", "a task", "counter", "rows or documents", "Written, by topic.", ("topic",)),
    Metric("tapedeck_dead_letters_total", "a task", "counter", "inputs",
           "Inputs refused, by kind of error (docs/errors.md).", ("kind",)),
    Metric("tapedeck_commit_seconds", "a task", "histogram", "s", "How long commits take; their number is its count."),
    Metric("tapedeck_commit_age_seconds", "a task", "gauge", "s", "Since the newest commit, or since the task began."),
    Metric("tapedeck_snapshot_bytes", "a task", "gauge", "bytes", "Size of the newest snapshot; 0 before the first."),
    Metric("tapedeck_transaction_age_seconds", "a task", "gauge", "s",
           "Since the open transaction was begun; 0 where none is open. Readers of committed records wait so long."),
    Metric("tapedeck_held_by_clock", "a task", "gauge", "0 or 1",
           "Whether the task takes no input because its newest clock record is too old."),
    Metric("tapedeck_waiting", "a task", "gauge", "0 or 1",
           "Whether the task waits for an answer before it goes on (by log time alone)."),
    Metric("tapedeck_recovery_active", "a task", "gauge", "0 or 1",
           "Whether the task still works off what lay on its input when this life began."),
    Metric("tapedeck_recovery_inputs_done", "a task", "gauge", "inputs", "Of that, inputs worked off."),
    Metric("tapedeck_recovery_inputs_to_do", "a task", "gauge", "inputs", "Of that, all inputs."),
    Metric("tapedeck_recovery_seconds", "a task", "gauge", "s", "How long it has taken so far, or took."),
    Metric("tapedeck_recovery_left_seconds", "a task", "gauge", "s",
           "How long it will take at its mean speed so far; 0 once it is over."),
    Metric("tapedeck_producer_queue_records", "a task", "gauge", "records",
           "Records handed to the Kafka client and not acknowledged; also of feed and clock."),
    Metric("tapedeck_producer_errors_total", "a task", "counter", "errors",
           "Errors that the producing Kafka client told of, lost connections included; also of feed and clock."),
    Metric("tapedeck_reader_errors_total", "a task", "counter", "errors",
           "Errors that the reading Kafka client told of, lost connections included."),
    Metric("tapedeck_feed_gaps_total", "normalise", "counter", "gaps",
           "Holes in the venue's update ids, by instrument.", ("instrument",)),
    Metric("tapedeck_books_unsynced", "normalise", "gauge", "instruments",
           "Instruments whose order book is not known now."),
    Metric("tapedeck_decisions_total", "risk", "counter", "decisions", "Intents decided, approved or denied.",
           ("verdict",)),
    Metric("tapedeck_denials_total", "risk", "counter", "denials", "Denials, by the first check that failed.",
           ("reason",)),
    Metric("tapedeck_halts", "risk", "gauge", "halts", "Halts in force."),
    Metric("tapedeck_instruments", "risk", "gauge", "instruments",
           "Instruments by trading state, as people ordered it or for want of a limit: ACTIVE, REDUCING, HALTED.",
           ("state",)),
    Metric("tapedeck_open_orders", "risk", "gauge", "orders", "Approved orders without a final report."),
    Metric("tapedeck_position", "risk", "gauge", "size", "Signed position, in the instrument's own size.",
           ("instrument",)),
    Metric("tapedeck_working_orders", "gateway", "gauge", "orders", "Orders that the execution system has yet to end."),
    Metric("tapedeck_report_repeats_total", "gateway", "counter", "reports",
           "Reports dropped because they had been taken before, over all lives."),
    Metric("tapedeck_published_total", "feed and clock", "counter", "records", "Records handed to Kafka."),
    Metric("tapedeck_acknowledged_total", "feed and clock", "counter", "records",
           "Records that Kafka has acknowledged; of the feed alone."),
    Metric("process_cpu_seconds_total", "every process", "counter", "s", "CPU time, user and system."),
    Metric("process_resident_memory_bytes", "every process", "gauge", "bytes", "Resident memory."),
    Metric("process_virtual_memory_bytes", "every process", "gauge", "bytes", "Virtual memory."),
    Metric("process_start_time_seconds", "every process", "gauge", "s", "When the process began, Unix time."),
    Metric("process_open_fds", "every process", "gauge", "descriptors", "Open file descriptors."),
    Metric("process_max_fds", "every process", "gauge", "descriptors", "Most that it may open."),
)  # fmt: skip
"""All of them, in the order of the page. Those of ``process_`` are the Prometheus library's own, on Linux alone."""

METRICS: dict[str, Metric] = {metric.name: metric for metric in TABLE}


@dataclass(frozen=True, slots=True)
class Counted:
    """A histogram's value: how many fell into each bucket of ``COMMIT_BUCKETS_S`` and above, and their sum."""

    buckets: tuple[int, ...]
    total: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A value of a metric, with the values of its own labels in the table's order."""

    name: str
    value: float | Counted
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert len(METRICS[self.name].labels) == len(self.labels), f"{self.name}: other labels than the table has"


if __name__ == "__main__":
    from streams.metrics_page import page

    print(page(), end="")
