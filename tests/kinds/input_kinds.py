"""Input that cannot be used: records, frames, documents, payloads and rows, each refused by the code that reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import orjson

from agents.context import Context, context_of, read_context
from agents.live_plan import load_topology
from agents.normalise import Normalise
from agents.topology import HOP_FACTORIES
from features.view import DEFAULT_VIEW
from feeds.definitions import DEFINITIONS
from feeds.json_ticks import said as json_said
from feeds.messages import MESSAGE_LEVELS_MAX
from feeds.venues import adapter_of
from feeds.wire import PAYLOAD_BYTES_MAX
from replay.plan import PlayPlan, open_run
from schemas.catalog import INTENT, RAW, TICK_SCHEMA
from schemas.clock import Clock
from schemas.codec import decode, decode_any, encode
from schemas.control import End
from schemas.errors import BadFrame, BadInput, BadPayload, TapedeckError, UnknownInstrument
from schemas.feature import feature_dtype
from schemas.header import Header, pack, unpack
from schemas.tick import TICK
from streams.admission import JUMP_MAX, SEQ_MAX, TS_MAX, WRITERS_MAX, schemas_of
from streams.agent import Batch, Payload
from streams.frame import FRAME_ROWS_MAX, decode_rows
from streams.inputs import BadRecord, Input
from streams.log import Record
from streams.memory import MemoryLog
from tests.kinds.registry import Desk, trigger

TS = 1_723_161_254_000_000_000
QUOTE = {"u": 7, "s": "BTCUSDT", "b": "9.01", "B": "2", "a": "9.02", "A": "1"}
TRADE = {"e": "trade", "E": 1, "T": 1, "s": "BTCUSDT", "t": 1, "p": "9.01", "q": "1.00000", "m": True}
DEPTH = {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": 1, "u": 2, "b": [], "a": []}


@trigger("bad_input")
def an_extension_refuses_without_a_reason(_: Desk) -> TapedeckError:
    return BadInput("not for this strategy", got="x", allowed="y", where="raw.x[0]@1")


@trigger("bad_frame")
def an_extension_refuses_bytes(_: Desk) -> TapedeckError:
    return BadFrame("no frame of ours", got="x", allowed="y")


@trigger("bad_payload")
def an_extension_refuses_a_payload(_: Desk) -> TapedeckError:
    return BadPayload("no message of ours", got="x", allowed="y")


@trigger("unknown_instrument")
def an_extension_knows_no_instrument(_: Desk) -> TapedeckError:
    return UnknownInstrument("not traded here", got="x")


# ---- headers, frames, documents


def header(**changed: Any) -> Header:
    return Header(
        **{"schema": TICK_SCHEMA.number, "version": 1, "seq": 0, "time": TS, "writer": "normalise", **changed}
    )


def cut_header(_: Desk) -> Any:
    return unpack(pack(header())[:20])


trigger("bad_frame.header_truncated")(cut_header)
trigger("bad_frame.header_unknown")(lambda _: unpack(b"\x00" + pack(header())[1:]))
trigger("bad_frame.header_torn")(lambda _: unpack(pack(header()) + b"\x00"))
trigger("bad_frame.header_writer")(lambda _: unpack(pack(header()).replace(b"normalise", b"normalis\xff")))
trigger("bad_frame.frame_count")(lambda _: decode_rows(TICK_SCHEMA.number, 1, b"", FRAME_ROWS_MAX + 1))
trigger("bad_frame.frame_size")(lambda _: decode_rows(TICK_SCHEMA.number, 1, b"\x00" * 107, 1))
trigger("bad_frame.not_a_document")(lambda _: decode(b'{"type":"end"}', End))
trigger("bad_frame.unknown_document")(lambda _: decode_any(b'{"type":"poem"}'))
trigger("bad_frame.unwritable")(lambda _: encode(Clock(ts=2**63)))


# ---- records, as a task's input takes them


def refused(records: list[tuple[bytes | None, bytes]], table: str = "ticks.<source>", ms: int = 0) -> TapedeckError:
    """Why the last of the records is refused."""
    raw = table == "raw.<source>"
    source = Input(
        MemoryLog(), "t", 0, source="x" if raw else "", gapless=not raw, accepts=schemas_of(table), sole=raw,
        writer="normalise" if not raw else None,
    )  # fmt: skip
    source.push([Record("t", 0, i, b"k", value, head, ms) for i, (head, value) in enumerate(records)])
    last: Any = None
    while (arrival := source.take()) is not None:
        last = arrival
    assert isinstance(last, BadRecord)
    return last.error


def ticks(**changed: Any) -> TapedeckError:
    return refused([(pack(header(**changed)), bytes(TICK.itemsize))])


def payload(seq: int = 0, writer: str = "x", **changed: Any) -> tuple[bytes, bytes]:
    return pack(header(schema=RAW.number, seq=seq, writer=writer, **changed)), b"{}"


trigger("bad_frame.no_header")(lambda _: refused([(None, b"{}")]))
trigger("bad_frame.schema_unknown")(lambda _: ticks(schema=250))
trigger("bad_frame.schema_misplaced")(lambda _: ticks(schema=INTENT.number))
trigger("bad_frame.absurd_seq")(lambda _: ticks(seq=SEQ_MAX))
trigger("bad_frame.unknown_hops")(lambda _: ticks(hops=(9,)))
trigger("bad_frame.stranger")(lambda _: ticks(writer="evil"))
trigger("bad_frame.count_not_one")(lambda _: refused([payload(count=2)], "raw.<source>"))
trigger("bad_frame.seq_jump")(lambda _: refused([payload(), payload(JUMP_MAX + 2)], "raw.<source>"))
trigger("bad_frame.schema_future")(lambda _: refused([payload(version=RAW.version + 1)], "raw.<source>"))
trigger("bad_payload.second_publisher")(lambda _: refused([payload(cause=5), payload(cause=6)], "raw.<source>"))
trigger("bad_payload.absurd_time")(lambda _: refused([payload(time=TS_MAX + 1)], "raw.<source>"))


@trigger("bad_frame.too_many_writers")
def one_writer_more_than_are_told_apart(_: Desk) -> TapedeckError:
    return refused([payload(writer=f"w{i}") for i in range(WRITERS_MAX + 1)], "raw.<source>")


# ---- payloads, as the adapter takes them


def rejected(value: bytes, key: bytes = b"spot:BTCUSDT", **envelope: Any) -> TapedeckError:
    adapter = adapter_of("binance")
    sent = Payload(**{"source": "binance", "seq": 0, "ts_recv": TS, "key": key, "value": value, **envelope})
    ((_, error),) = adapter.ingest(adapter.start(), [sent])[2]
    return error


def told(data: dict[str, Any], stream: str = "btcusdt@x", without: str = "", **changed: Any) -> TapedeckError:
    said = {name: value for name, value in {**data, **changed}.items() if name != without}
    return rejected(orjson.dumps({"stream": stream, "data": said}))


trigger("bad_payload.bad_key")(lambda _: rejected(b"{}", key=b"bitcoin"))


@trigger("bad_payload.misplaced")
def a_payload_where_another_instruments_lie(_: Desk) -> TapedeckError:
    run = msgspec.structs.replace(load_topology(None).opening("r"), partitions=2)
    stage = Normalise(replace(context_of(run, DEFINITIONS), partition=1))
    sent = Payload(source="simulator", seq=0, ts_recv=TS, key=b"spot:BTCUSDT", value=b"{}")
    return stage.step(stage.start(), Batch.of([sent])).rejects[0].error


trigger("unknown_instrument.not_defined")(lambda _: rejected(b"{}", key=b"spot:DOGEUSDT"))
trigger("bad_payload.envelope")(lambda _: rejected(b"{}", seq=-1))
trigger("bad_payload.too_large")(lambda _: rejected(b" " * (PAYLOAD_BYTES_MAX + 1)))
trigger("bad_payload.too_deep")(lambda _: rejected(b"[" * 20))
trigger("bad_payload.not_a_message")(lambda _: rejected(b"garbage"))
trigger("bad_payload.unknown_event")(lambda _: told(TRADE, e="aggTrade"))
trigger("bad_payload.missing_field")(lambda _: told(TRADE, without="p"))
trigger("bad_payload.future_version")(lambda _: json_said(b'{"type":"auction","version":3}'))
trigger("bad_payload.unknown_trade")(lambda _: told(TRADE, e="tradeBust"))
trigger("bad_payload.other_symbol")(lambda _: told(TRADE, s="ETHUSDT"))
trigger("bad_payload.ids_reversed")(lambda _: told(DEPTH, U=9))
trigger("bad_payload.not_a_string")(lambda _: told(TRADE, p=9.01))
trigger("bad_payload.not_a_number")(lambda _: told(TRADE, p="9,01"))
trigger("bad_payload.not_finite")(lambda _: told(TRADE, p="NaN"))
trigger("bad_payload.negative")(lambda _: told(TRADE, p="-9.01"))
trigger("bad_payload.too_fine")(lambda _: told(TRADE, p="0.0000000001"))
trigger("bad_payload.absurd_number")(lambda _: told(TRADE, p="1000000001"))
trigger("bad_payload.zero_price")(lambda _: told(TRADE, p="0.00"))
trigger("bad_payload.zero_size")(lambda _: told(TRADE, q="0.00"))
trigger("bad_payload.off_grid")(lambda _: told(TRADE, q="0.000001"))
trigger("bad_payload.not_levels")(lambda _: told(DEPTH, b=[["1.0"]]))
trigger("bad_payload.too_many_levels")(lambda _: told(DEPTH, b=[["1.0", "1.0"]] * (MESSAGE_LEVELS_MAX + 1)))


# ---- rows and documents, as hops take them


def hop(name: str, items: Callable[[Context], Any]) -> TapedeckError:
    log, plan = MemoryLog(), PlayPlan(run="r", speed=0.0)
    open_run(log, plan)
    context = read_context(log, plan.namespace)
    agent = HOP_FACTORIES[name](context)
    (reject,) = agent.step(agent.start(), Batch.of(items(context))).rejects
    return reject.error


@trigger("bad_payload.absurd_tick")
def a_tick_before_time(_: Desk) -> TapedeckError:
    def row(context: Context) -> Any:
        rows = np.zeros(1, dtype=TICK)
        rows["instrument_id"] = context.instruments[0].instrument_id
        return rows

    return hop("feature", row)


trigger("bad_payload.other_view")(
    lambda _: hop("score", lambda _c: np.zeros(1, feature_dtype(len(DEFAULT_VIEW.names))))
)
trigger("bad_payload.not_an_intent")(lambda _: hop("risk", lambda _c: [End(run="r", ts=1, inputs=0)]))
