"""Records as lines: documents as they stand, rows as columns, payloads as text.

JSON keeps every column as it is in the log (prices in 1e-9, sizes in units of the instrument's increment) and adds the
instrument's name. Columns for people are in the instrument's own decimals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from console.figures import moment, time_of_day
from schemas.catalog import BY_NUMBER, END, FEATURE_SCHEMA, SCORE_SCHEMA, TICK_SCHEMA
from schemas.codec import decode
from schemas.columns import PRICE_SCALE, PRICE_UNDEFINED
from schemas.definition import Definition
from schemas.errors import BadFrame
from schemas.header import Header, unpack
from schemas.tick import FLAG_RETRACTION, FLAGS_AMENDED
from streams.frame import decode_rows
from streams.log import Record

NANOS_PER_MS = 1_000_000
PRICES = ("price", "bid_price", "ask_price")
LETTERS = ("action", "side")

HEADINGS = {
    TICK_SCHEMA.number: f"{'time (UTC)':12} {'instrument':19} a/s {'price':>10} {'size':>9} {'bid':>10} {'ask':>10}",
    SCORE_SCHEMA.number: f"{'time (UTC)':12} {'instrument':19} {'score':>10} {'bid':>10} {'ask':>10}",
    FEATURE_SCHEMA.number: f"{'time (UTC)':12} {'instrument':19} values, in the order of the view",
}
"""First line for people, by schema number of rows."""

Definitions = Mapping[int, Definition]


@dataclass(frozen=True, slots=True)
class Event:
    """One row, document or payload of a record, or a record that cannot be read.

    Attributes:
        time: Log time (payloads: receive time), ns.
        record: Where it stands.
        header: None where there is none that can be read.
        row: A row; None for everything else.
        error: Why the record cannot be read; empty when it can.
    """

    time: int
    record: Record
    header: Header | None = None
    row: Any = None
    error: str = ""


def events_of(record: Record) -> list[Event]:
    """What a record holds; nothing for an end record."""
    try:
        header = None if record.header is None else unpack(record.header)
        if header is None:
            return [Event(record.timestamp_ms * NANOS_PER_MS, record)]
        if header.schema == END.number:
            return []
        schema = BY_NUMBER.get(header.schema)
        if schema is None:
            raise BadFrame(
                "unknown schema", kind="schema_unknown", got=str(header.schema), allowed=", ".join(map(str, BY_NUMBER))
            )
        if schema.kind == "rows":
            rows = decode_rows(header.schema, header.version, record.value, header.count)
            return [Event(int(row["ts_log"]), record, header, row) for row in rows]
        if schema.event is not None:
            decode(record.value, schema.event)
        return [Event(header.time, record, header)]
    except BadFrame as error:
        return [Event(record.timestamp_ms * NANOS_PER_MS, record, error=str(error))]


def heading(event: Event) -> str:
    """Line above columns; empty where there are none."""
    return "" if event.row is None or event.header is None else HEADINGS.get(event.header.schema, "")


def as_json(event: Event, definitions: Definitions) -> str:
    """One line of JSON."""
    if event.error:
        place = {"topic": event.record.topic, "partition": event.record.partition, "offset": event.record.offset}
        return orjson.dumps({**place, "error": event.error}).decode()
    if event.row is not None:
        return orjson.dumps(_columns(event.row, definitions)).decode()
    if _is_document(event):
        return event.record.value.decode()
    key = _text(event.record.key or b"")
    number = None if event.header is None else event.header.seq
    if _kind(event) == "state":
        return orjson.dumps({"task": key, "seq": number, "bytes": len(event.record.value)}).decode()
    payload = _text(event.record.value)
    return orjson.dumps({"ts_recv": event.time, "source_seq": number, "key": key, "payload": payload}).decode()


def as_text(event: Event, definitions: Definitions) -> str:
    """One line for people."""
    if event.error:
        return f"{event.record.topic}@{event.record.offset} cannot be read: {event.error}"
    if event.row is not None:
        return _row_text(event, definitions)
    if _is_document(event):
        return event.record.value.decode()
    key = _text(event.record.key or b"")
    if _kind(event) == "state":
        return f"{key} snapshot {'' if event.header is None else event.header.seq}, {len(event.record.value)} bytes"
    return f"{moment(event.time)} {key} {_text(event.record.value)}"


def decimals(scaled: int) -> str:
    """A number in units of 1e-9 as people write it.

    >>> decimals(61_712_340_000_000), decimals(-500), decimals(3_000_000_000)
    ('61712.34', '-0.0000005', '3')
    """
    whole, part = divmod(abs(scaled), PRICE_SCALE)
    text = f"{whole}.{part:09}".rstrip("0").rstrip(".")
    return f"-{text}" if scaled < 0 else text


def _columns(row: Any, definitions: Definitions) -> dict[str, Any]:
    columns: dict[str, Any] = {"instrument": _instrument(row, definitions)}
    for name in row.dtype.names:
        value = row[name].tolist()
        if name in LETTERS:
            value = chr(value)
        elif name in PRICES and value == PRICE_UNDEFINED:
            value = None
        columns[name] = value
    return columns


def _row_text(event: Event, definitions: Definitions) -> str:
    row = event.row
    start = f"{time_of_day(event.time):12} {_instrument(row, definitions) or row['instrument_id']:19}"
    bid, ask = _price(row["bid_price"]), _price(row["ask_price"])
    schema = 0 if event.header is None else event.header.schema
    if schema == TICK_SCHEMA.number:
        definition = definitions.get(int(row["instrument_id"]))
        size = int(row["size"]) if definition is None else decimals(int(row["size"]) * definition.size_increment)
        happened = f"{chr(row['action'])} {chr(row['side'])}"
        amended = int(row["flags"]) & FLAGS_AMENDED
        if amended:  # what is taken off the trades told so far, and what is added
            happened = f"{'-' if amended & FLAG_RETRACTION else '+'} {chr(row['side'])}"
        elif chr(row["action"]) != "T":
            size = "-"  # of a depth difference it is the number of levels, no size
        return f"{start} {happened} {_price(row['price']):>10} {size:>9} {bid:>10} {ask:>10}"
    if schema == SCORE_SCHEMA.number:
        return f"{start} {float(row['score']):>10.4f} {bid:>10} {ask:>10}"
    return f"{start} {' '.join(f'{value:.6g}' for value in row['values'].tolist())}"


def _instrument(row: Any, definitions: Definitions) -> str | None:
    definition = definitions.get(int(row["instrument_id"]))
    return None if definition is None else definition.instrument


def _price(price: Any) -> str:
    return "-" if price == PRICE_UNDEFINED else decimals(int(price))


def _kind(event: Event) -> str:
    return "raw" if event.header is None else BY_NUMBER[event.header.schema].kind


def _is_document(event: Event) -> bool:
    return _kind(event) == "document"


def _text(data: bytes) -> str:
    return data.decode(errors="backslashreplace")
