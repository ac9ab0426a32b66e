"""Ticks for benchmarks: recorded captures through the adapter, repeated as often as wanted, framed onto a tick topic.

Where no captures lie, a simulated session stands in, so that every benchmark runs from a bare checkout.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.processes import REPOSITORY
from feeds.sequence import open_sequence, source_of
from feeds.venues import adapter_of
from schemas.catalog import END, TICK_SCHEMA
from schemas.codec import encode
from schemas.control import End
from schemas.errors import ConfigError
from schemas.header import HOP_NUMBER, Header, no_stamps, pack
from streams.agent import Payload, Rows
from streams.clock import wall_ns
from streams.log import Appender, Log

WRITER = "normalise"
"""The writer that a run's tick topic belongs to: here the benchmark writes in its stead."""
HOPS = (HOP_NUMBER["normalise"],)
INGEST_BATCH = 1_024
SIMULATED_S = 60.0
"""Length of the session that stands in for captures."""
CHUNK_ROWS = 128 * 1_024
"""Rows prepared at a time: a multiple of every frame size."""
FLUSH_S_MAX = 60.0
TIMES = ("ts_event", "ts_recv", "ts_log", "ts_touch")
REPEAT_GAP_NS = 1_000_000
"""Log time between the end of the tape and its repetition."""


def tape_captures() -> tuple[Path, ...]:
    """The recorded captures: below ``$TAPEDECK_DATA``, else beside the repository; none where there are none.

    Raises:
        ConfigError: The folder that is named holds none.
    """
    named = os.environ.get("TAPEDECK_DATA")
    folder = (Path(named) if named else REPOSITORY.parent / "shared" / "data") / "binance"
    found = tuple(sorted(folder.glob("*.gz")))
    if named and not found:
        raise ConfigError("no recorded captures", where=str(folder), fix="set TAPEDECK_DATA to the folder of the data")
    return found


def payloads() -> list[Payload]:
    """Every message of the captures, or of a simulated session."""
    files = tape_captures()
    source = source_of(files)
    return [
        Payload(source, i, event.ts_recv, event.key, event.payload)
        for i, event in enumerate(open_sequence(files, seconds=SIMULATED_S, seed=1))
    ]


def normalised() -> Rows:
    """Every tick of them, in the order in which the adapter gives them."""
    messages = payloads()
    adapter = adapter_of("binance")
    state = adapter.start()
    cuts = range(0, len(messages), INGEST_BATCH)
    return np.concatenate([adapter.ingest(state, messages[at : at + INGEST_BATCH])[0] for at in cuts])


def repeated(tape: Rows, begin: int, end: int) -> Rows:
    """Rows ``begin`` to ``end`` of the tape played over and over: times and ``root_seq`` go on where it ended."""
    span = int(tape["ts_log"][-1] - tape["ts_log"][0]) + REPEAT_GAP_NS
    roots = int(tape["root_seq"].max()) + 1
    index = np.arange(begin, end)
    rows = tape[index % len(tape)]
    turns = index // len(tape)
    for name in TIMES:
        rows[name] += np.where(rows[name] > 0, turns * span, 0)
    rows["root_seq"] += (turns * roots).astype(np.uint64)
    return rows


def scheduled(tape: Rows, begin: int, due_ns: Any) -> Rows:
    """Rows from ``begin`` on as a live tape: each due at its own time (int64 wall ns), which is its log time."""
    rows = repeated(tape, begin, begin + len(due_ns))
    shift = due_ns - rows["ts_log"]  # a touch stays as old as it was
    for name in TIMES:
        rows[name] += np.where(rows[name] > 0, shift, 0)
    rows["ts_recv"] = due_ns
    rows["root_seq"] = np.arange(begin, begin + len(due_ns))
    return rows


def tick_record(rows: Rows, seq: int, born: Any) -> tuple[bytes, bytes]:
    """Value and header of a tick frame, as normalise writes it; ``born`` is int64 wall ns, shape (rows,) or (1,)."""
    stamps = np.empty((len(born), 3), dtype=np.int64)
    stamps[:, 0] = born
    stamps[:, 1] = stamps[:, 2] = wall_ns()
    header = Header(
        schema=TICK_SCHEMA.number, version=TICK_SCHEMA.version, count=len(rows), seq=seq, time=int(rows["ts_log"][0]),
        cause=seq, writer=WRITER, hops=HOPS, stamps=stamps,
    )  # fmt: skip
    return rows.tobytes(), pack(header)


def append_frame(appender: Appender, topic: str, rows: Rows, seq: int, born: Any) -> None:
    """One tick frame; see ``tick_record``."""
    appender.append(topic, 0, None, *tick_record(rows, seq, born))


def append_end(appender: Appender, topic: str, run: str, ts: int, count: int) -> None:
    """The end record behind ``count`` rows."""
    header = Header(
        schema=END.number, version=END.version, seq=count, time=ts, cause=count, writer=WRITER, stamps=no_stamps()
    )
    appender.append(topic, 0, b"", encode(End(run=run, ts=ts, inputs=count)), pack(header))


def fill(log: Log, topic: str, run: str, tape: Rows, count: int, frame_rows: int) -> int:
    """Put ``count`` ticks and the end record on a tick topic; returns how many frames."""
    appender = log.appender()
    last = 0
    for begin in range(0, count, CHUNK_ROWS):
        rows = repeated(tape, begin, min(count, begin + CHUNK_ROWS))
        for at in range(0, len(rows), frame_rows):
            frame = rows[at : at + frame_rows]
            append_frame(appender, topic, frame, begin + at, wall_ns() + np.arange(len(frame)))
        last = int(rows["ts_log"][-1])
    append_end(appender, topic, run, last, count)
    appender.flush(FLUSH_S_MAX)
    appender.close()
    return -(-count // frame_rows)
