"""Every door through which bytes come in, each as a function of bytes: what it must stand, whatever they are.

A door returns what it made of them, or the error of the tree with which it refused; anything else it raises is a fault.
Hypothesis (``test_doors.py``) and atheris (``atheris_doors.py``) throw at the same doors.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from agents.context import Context, read_context
from agents.limit_keys import parse_change
from agents.limits import load_limits
from agents.live_plan import load_topology
from agents.topology import HOP_FACTORIES
from features.view import DEFAULT_VIEW
from feeds.adapter import Adapter
from feeds.captures import open_captures
from feeds.venues import adapter_of
from models.linear import load_file
from replay.plan import PlayPlan, open_run
from schemas.catalog import BY_EVENT
from schemas.codec import decode, decode_any, encode
from schemas.errors import TapedeckError
from schemas.header import Header, pack, unpack
from schemas.topics import TOPICS
from streams.admission import schemas_of
from streams.agent import Agent, Payload
from streams.config import read_file
from streams.frame import decode_rows
from streams.inputs import BadRecord, Input
from streams.log import Record
from streams.memory import MemoryLog
from streams.snapshot import fitting, from_bytes
from streams.state_bytes import MAGIC, kind_of, load

Door = Callable[[bytes], Any]

TS = 1_723_161_254_000_000_000
CAPTURE_LINES_MAX = 2_000
KEYS = (b"spot:BTCUSDT", b"inverse:ETHUSD_PERP", b"spot:DOGEUSDT", b"bitcoin", b"\xff")
TABLES = tuple(topic.name for topic in TOPICS if topic.name not in ("state", "dlq", "clock", "definitions"))
EVENTS = tuple(BY_EVENT)
STATEFUL = tuple(name for name in HOP_FACTORIES if name != "score")


def header(data: bytes) -> Header:
    """A packed header; what was read packs again."""
    found = unpack(data)
    again = unpack(pack(found))
    assert (again.seq, again.writer, again.sides, again.hops) == (found.seq, found.writer, found.sides, found.hops)
    assert (again.stamps == found.stamps).all()
    return found


def frame(data: bytes) -> Any:
    """Schema, version and count, then rows."""
    head, value = data[:4].ljust(4, b"\x01"), data[4:]
    return decode_rows(head[0], head[1], value, int.from_bytes(head[2:4], "little"))


def any_document(data: bytes) -> Any:
    """A document of whatever type; what was read can be written, or is refused then."""
    return encode(decode_any(data))


def document(data: bytes) -> Any:
    """A document of a given type."""
    return encode(decode(data[1:], EVENTS[(data[:1] or b"\0")[0] % len(EVENTS)]))


def state(data: bytes) -> Any:
    """A snapshot's bytes as they come."""
    return load("task/1", data)


def sealed(body: bytes, kind: str) -> bytes:
    """Bytes with magic, lengths and checksum as they should be around an index and a body that may be anything."""
    index, _, rest = body.partition(b"\0")
    index = index.replace(b"KIND", kind.encode())
    data = MAGIC + len(index).to_bytes(4, "little") + index + rest
    return data + zlib.crc32(data).to_bytes(4, "little")


def sealed_state(data: bytes) -> Any:
    """A snapshot whose checksum holds."""
    return load("task/1", sealed(data, "task/1"))


def snapshot(data: bytes) -> Any:
    """A task's snapshot whose checksum holds."""
    return from_bytes(sealed(data, "task/1"))


@cache
def adapter() -> Adapter:
    return adapter_of("binance")


def payloads(data: bytes) -> Any:
    """Payloads, one a line, the first byte of each its key: rows or rejects for each, whatever it is."""
    lines = data.split(b"\n")
    sent = [Payload("binance", i, TS + i, KEYS[(line[:1] or b"\0")[0] % len(KEYS)], line[1:])
            for i, line in enumerate(lines)]  # fmt: skip
    started = adapter().start()
    rows, index, rejects = adapter().ingest(started, sent)
    assert len(rows) == len(index)
    assert all(isinstance(error, TapedeckError) for _, error in rejects)
    adapter().restore(adapter().snapshot(started))
    return rows


def written(data: bytes) -> Path:
    """A file of these bytes, gone with the process's own folder."""
    path = Path(_folder().name) / "file"
    path.write_bytes(data)
    return path


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    shared = Path("/dev/shm")  # memory, where there is such a folder
    return tempfile.TemporaryDirectory(prefix=f"tapedeck-fuzz-{os.getpid()}-", dir=shared if shared.is_dir() else None)


def capture(data: bytes) -> Any:
    """A capture file, plain or gzip, through the adapter."""
    lines = list(islice(open_captures([written(data)]), CAPTURE_LINES_MAX))
    return adapter().read([Payload("binance", i, line.ts_recv, line.key, line.payload) for i, line in enumerate(lines)])


def limits(data: bytes) -> Any:
    """A limits file."""
    return load_limits(written(data))


def model(data: bytes) -> Any:
    """A model file."""
    return load_file(written(data), view=DEFAULT_VIEW.hash, features=DEFAULT_VIEW.names)


def config(data: bytes) -> Any:
    """tapedeck.toml."""
    return read_file(written(data))


def topology(data: bytes) -> Any:
    """A topology file; it names no code that is there."""
    return load_topology(written(data))


def change(data: bytes) -> Any:
    """A change of a limit, as typed."""
    return parse_change(data.decode(errors="surrogateescape"), "KEY=VALUE")


def records_of(data: bytes, topic: str) -> list[Record]:
    """Records cut from bytes: lengths of header and value, then these; a header of length 255 is none."""
    found: list[Record] = []
    at = 0
    while at + 3 <= len(data):
        n_header, n_value = data[at], int.from_bytes(data[at + 1 : at + 3], "little")
        head = None if n_header == 255 else data[at + 3 : at + 3 + n_header]
        at += 3 + (0 if head is None else n_header)
        found.append(Record(topic, 0, len(found), data[at : at + 4] or None, data[at : at + n_value], head, n_value))
        at += n_value
    return found


def record_input(data: bytes) -> Any:
    """Records of any topic, as a task's input takes them: all are handed out, once each."""
    table = TABLES[(data[:1] or b"\0")[0] % len(TABLES)]
    raw = table.startswith("raw.")
    source = Input(
        MemoryLog(), table, 0, source="binance" if raw else "", gapless=not raw, accepts=schemas_of(table),
        writer="binance" if raw else None,
    )  # fmt: skip
    records = records_of(data[1:], table)
    source.push(records)
    taken = []
    while (arrival := source.take(64)) is not None:
        taken.append(arrival)
        assert len(taken) <= len(records) * 4_096
    assert not source.buffered
    assert all(isinstance(a.error, TapedeckError) for a in taken if isinstance(a, BadRecord))
    return taken


@cache
def context() -> Context:
    """A run as agents see it."""
    log, plan = MemoryLog(), PlayPlan(run="r", speed=0.0)
    open_run(log, plan)
    return read_context(log, plan.namespace)


def agent_state(data: bytes) -> Any:
    """A hop's own snapshot, its checksum in order, as the runner restores it."""
    agent = hop(STATEFUL[(data[:1] or b"\0")[0] % len(STATEFUL)])
    with fitting(agent.name):
        return agent.restore(sealed(data[1:], kind_of(agent.snapshot(agent.start()))))


@cache
def hop(name: str) -> Agent:
    """An agent by the name of its hop."""
    return HOP_FACTORIES[name](context())


DOORS: dict[str, Door] = {
    "header": header, "frame": frame, "document": document, "any_document": any_document, "state": state,
    "sealed_state": sealed_state, "snapshot": snapshot, "agent_state": agent_state, "payloads": payloads,
    "capture": capture, "limits": limits, "model": model, "config": config, "topology": topology, "change": change,
    "record_input": record_input,
}  # fmt: skip
"""By name."""


def knocked(name: str, data: bytes) -> Any:
    """What a door made of the bytes, or the error of the tree with which it refused them, in one line."""
    try:
        return DOORS[name](data)
    except TapedeckError as error:
        refused = error
    assert len(str(refused).splitlines()) == len(refused.told.splitlines()) == 1
    return refused
