"""Which stamps make which latency, that nothing is counted twice, and that stock tools read the logs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from replay.hdr import HIGHEST_NS, LOWEST_NS, SIGNIFICANT_FIGURES
from replay.hops import INTERVALS, HopLatencies
from schemas.catalog import DECISION, END, EXECUTION, INTENT, ORDER, SCORE_SCHEMA, TICK_SCHEMA, Schema
from schemas.header import HOP_NUMBER, HOPS, Header, no_stamps, pack, unpack
from schemas.topics import TOPICS

KEYS = ["publish_to_normalise", "normalise", "normalise_to_feature", "feature", "score", "strategy", "strategy_to_risk",
        "risk", "risk_to_venue", "tick_to_order"]  # fmt: skip
BORN_NS = 1_700_000_000_000_000_000
GAP_US = 10.0
WORK_US = 2.0

WAY = (
    ("ticks.<source>", TICK_SCHEMA, "normalise"),
    ("scores", SCORE_SCHEMA, "score"),
    ("orders.intent", INTENT, "strategy"),
    ("orders.decision", DECISION, "risk"),
    ("orders", ORDER, "risk"),
    ("executions", EXECUTION, "venue"),
)
"""Topics in the order of the way, and the last hop that their records have passed."""


def header(schema: Schema, last_hop: str, rows: int = 1, late_ns: int = 0) -> Header:
    """Of a record that took 10 us between any two hops and 2 us within each, as read from its bytes."""
    hops = tuple(range(HOP_NUMBER[last_hop] + 1))
    stamps = [BORN_NS]
    for _ in hops:
        stamps.append(stamps[-1] + int(GAP_US * 1_000))
        stamps.append(stamps[-1] + int(WORK_US * 1_000))
    array = np.array([stamps], dtype=np.int64)
    array[:, 1:] += late_ns
    made = Header(schema=schema.number, version=1, seq=1, time=1, writer="w", count=rows, hops=hops, stamps=array)
    return unpack(pack(made))


def counts(latencies: HopLatencies) -> dict[str, int]:
    return {name: figures["count"] for name, figures in latencies.summary().items()}


def test_every_key_is_reported_though_nothing_was_counted() -> None:
    summary = HopLatencies().summary()
    assert sorted(summary) == sorted(KEYS)
    assert all(figures == {"count": 0, "p50_us": None, "p95_us": None, "p99_us": None, "p999_us": None, "max_us": None}
               for figures in summary.values())  # fmt: skip


def test_each_latency_is_measured_between_its_stamps_and_counted_once() -> None:
    latencies = HopLatencies(split=True)
    for topic, schema, last_hop in WAY:
        latencies.record(topic, header(schema, last_hop))
    summary = latencies.summary()
    assert sorted(summary) == sorted([*KEYS, "feature_to_score", "score_to_strategy"])
    assert set(counts(latencies).values()) == {1}
    for name, figures in summary.items():
        expected = WORK_US if name in HOPS else GAP_US
        if name == "tick_to_order":
            expected = 5 * (GAP_US + WORK_US)
        assert figures["p50_us"] == pytest.approx(expected, rel=1e-3)
        assert figures["p50_us"] == figures["p999_us"] == figures["max_us"]


def test_the_gaps_inside_one_process_are_not_measured() -> None:
    latencies = HopLatencies()
    for topic, schema, last_hop in WAY:
        latencies.record(topic, header(schema, last_hop))
    assert counts(latencies) == dict.fromkeys(summary_order(), 1)


def summary_order() -> list[str]:
    return [interval.name for interval in INTERVALS if not (interval.split_only or interval.external_only)]


def test_a_frame_counts_by_its_rows() -> None:
    latencies = HopLatencies()
    latencies.record("ticks.<source>", header(TICK_SCHEMA, "normalise", rows=250))
    assert counts(latencies)["normalise"] == 250


def test_rows_with_stamps_of_their_own_count_one_by_one() -> None:
    made = header(TICK_SCHEMA, "normalise", rows=3)
    made.stamps = np.repeat(made.stamps, 3, axis=0)
    made.stamps[:, 0] -= np.array([0, 1_000_000, 2_000_000])
    latencies = HopLatencies()
    latencies.record("ticks.<source>", unpack(pack(made)))
    figures = latencies.summary()["publish_to_normalise"]
    assert figures["count"] == 3
    assert figures["p50_us"] == pytest.approx(1_010.0, rel=1e-3)
    assert figures["max_us"] == pytest.approx(2_010.0, rel=1e-3)


def test_end_records_and_further_reports_are_not_counted() -> None:
    latencies = HopLatencies()
    latencies.record("orders", header(END, "risk"))
    latencies.record("executions", header(EXECUTION, "venue"))
    latencies.record("executions", header(EXECUTION, "venue"), repeat=True)
    assert counts(latencies)["tick_to_order"] == 0
    assert counts(latencies)["risk_to_venue"] == 1


def test_topics_and_headers_that_give_no_interval_are_passed_over() -> None:
    latencies = HopLatencies()
    latencies.record("state", header(TICK_SCHEMA, "venue"))
    latencies.record("executions", header(EXECUTION, "risk"))
    latencies.record("ticks.<source>", Header(schema=TICK_SCHEMA.number, version=1, seq=1, time=1, writer="w"))
    assert set(counts(latencies).values()) == {0}
    assert latencies.anomalies() == {}


def test_rows_without_stamps_and_clocks_that_step_are_counted_apart() -> None:
    latencies = HopLatencies()
    blank = header(TICK_SCHEMA, "normalise", rows=5)
    blank.stamps = no_stamps(3)
    latencies.record("ticks.<source>", blank)
    latencies.record("ticks.<source>", header(TICK_SCHEMA, "normalise", late_ns=-1_000_000))
    latencies.record("ticks.<source>", header(TICK_SCHEMA, "normalise", late_ns=2 * HIGHEST_NS))
    assert latencies.anomalies() == {
        "publish_to_normalise": {"negatives": 1, "overflows": 1, "unstamped": 5},
        "normalise": {"unstamped": 5},
    }
    assert counts(latencies)["publish_to_normalise"] == 2


@pytest.mark.parametrize(
    ("born", "seen", "anomaly"),
    [(-(2**63), 2**63 - 1, "overflows"), (2**63 - 1, -(2**63), "negatives"), (1, 2**63 - 1, "overflows")],
)
def test_absurd_stamps_are_counted_apart(born: int, seen: int, anomaly: str) -> None:
    latencies = HopLatencies()
    made = header(TICK_SCHEMA, "normalise")
    made.stamps = np.array([[born, seen, seen]])
    latencies.record("ticks.<source>", made)
    assert latencies.anomalies() == {"publish_to_normalise": {anomaly: 1}}


def test_merged_latencies_count_both_and_take_over_what_only_one_has() -> None:
    one, other = HopLatencies(), HopLatencies(split=True)
    for topic, schema, last_hop in WAY:
        one.record(topic, header(schema, last_hop))
        other.record(topic, header(schema, last_hop, rows=2))
    one.merge(other)
    assert counts(one)["normalise"] == 3
    assert counts(one)["feature_to_score"] == 2
    one.record("scores", header(SCORE_SCHEMA, "score"))
    assert counts(one)["feature_to_score"] == 3
    assert list(one.summary()) == [interval.name for interval in INTERVALS if not interval.external_only]


def test_every_interval_reads_a_topic_of_the_table_that_carries_its_schema() -> None:
    carried = {topic.name: topic.schemas for topic in TOPICS}
    assert all(interval.schema in carried[interval.topic] for interval in INTERVALS)


def test_stock_tools_read_the_logs_back(tmp_path: Path) -> None:
    latencies = HopLatencies()
    for late_us in range(500):
        latencies.record("orders", header(ORDER, "risk", late_ns=late_us * 1_000))
    paths = latencies.write_hlog(tmp_path / "hops")
    assert sorted(path.name for path in paths) == sorted(f"{key}.hlog" for key in KEYS)
    for path in paths:
        reader = HistogramLogReader(str(path), HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_FIGURES))
        histogram = reader.get_next_interval_histogram()
        last = reader.get_next_interval_histogram()
        reader.input_file.close()
        assert last is None
        if path.stem != "tick_to_order":
            assert histogram is None
            continue
        assert histogram.equals(latencies.intervals["tick_to_order"].histogram())
        assert reader.get_start_time_sec() == BORN_NS / 1e9
        assert histogram.get_value_at_percentile(50) / 1_000 == latencies.summary()["tick_to_order"]["p50_us"]


def test_a_log_names_its_format_start_and_unit(tmp_path: Path) -> None:
    latencies = HopLatencies()
    latencies.record("orders", header(ORDER, "risk"))
    latencies.write_hlog(tmp_path)
    lines = (tmp_path / "tick_to_order.hlog").read_text().splitlines()
    assert lines[0] == "#[Histogram log format version 1.2]"
    assert "nanoseconds" in lines[1]
    assert lines[2] == "#[StartTime: 1700000000.000000 (seconds since epoch), 2023-11-14 22:13:20+00:00]"
    assert lines[3].startswith('"StartTimestamp"')
    assert lines[4].startswith("1700000000.000000,0.000000,")
