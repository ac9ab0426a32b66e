"""Any payload to columns and spans of text, by msgspec: the reader that knows every rule and every reason.

It reads what ``binance_hot.py`` does not take: snapshots, messages of an unusual shape, and whatever is wrong. msgspec
parses, checks types and bounds, and leaves numbers as text, in one pass; a plain JSON parser would make an object of
every level first, and leave the checks to a second pass in Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import UNSET, Raw

from feeds.arrays import Ints
from feeds.binance_numbers import (
    FAULT_BEGIN,
    FAULT_CODE,
    FAULT_END,
    FAULT_KINDS,
    FAULT_SPAN,
    FAULTS,
    NOTE_COLUMNS,
    SPANS,
    level_room,
    read_numbers,
)  # fmt: skip
from feeds.binance_wire import Event, Frame, decode
from feeds.envelope import Unfit, missing, publisher_of, unknown_key
from feeds.messages import BUST, DEPTH, MESSAGE, NANOS_PER_MS, QUOTE, SNAPSHOT, TRADE, Messages, Reject
from feeds.wire import excerpt
from schemas.definition import Definition
from schemas.errors import BadInput, BadPayload
from streams.agent import Payload

_GIVEN = 12
"""Columns that Python fills; the others come from ``read_numbers``."""


class CheckedReader:
    """Reads payloads of the instruments it has definitions of."""

    def __init__(self, definitions: Sequence[Definition]) -> None:
        self._slots = {d.instrument.encode(): (slot, d.symbol, d.market != "spot")
                       for slot, d in enumerate(definitions)}  # fmt: skip
        self._increments = np.array([d.size_increment for d in definitions], np.int64)

    def read(self, payloads: Sequence[Payload], causes: Iterable[int]) -> tuple[Messages, list[Reject]]:
        """Valid messages among the payloads at these places, and rejects, both in the order of the places.

        Raises nothing, whatever the bytes.
        """
        columns: list[int] = []
        spans: list[Raw] = []
        rejects: list[Reject] = []
        for cause in causes:
            try:
                self._read_one(cause, payloads[cause], columns, spans)
            except BadInput as error:
                rejects.append((cause, error))
        batch, faulty = _numbers(columns, spans, self._increments)
        if faulty:
            rejects = sorted(rejects + faulty, key=lambda reject: reject[0])
        return batch, rejects

    def _read_one(self, cause: int, payload: Payload, columns: list[int], spans: list[Raw]) -> None:
        """Append a message's columns and spans; nothing is appended when it raises."""
        known = self._slots.get(payload.key)
        if known is None:
            raise unknown_key(payload.key)
        publisher = publisher_of(payload)
        slot, symbol, futures = known
        frame = decode(payload.value)
        event = frame.data
        try:
            if event is not UNSET:
                kind, last, first, previous, seller, texts = _event(frame.stream, event, futures)
                said, ts, ts_venue = event.s, event.T, event.E
                if said != symbol:
                    raise Unfit("other_symbol", "s", f"the key's symbol {symbol}", repr(said))
                if ts is UNSET and ts_venue is UNSET and kind != QUOTE:
                    raise Unfit("missing_field", "E", "an event time in ms")
            else:
                kind, last, first, previous, seller, texts = _snapshot(frame)
                said, ts, ts_venue = frame.symbol, frame.T, frame.E
                if said and said != symbol:
                    raise Unfit("other_symbol", "symbol", f"the key's symbol {symbol}", repr(said))
        except Unfit as unfit:
            raise unfit.told(payload.value) from None
        ts_event = ts if ts is not UNSET else ts_venue if ts_venue is not UNSET else 0
        ts_venue = ts_venue if ts_venue is not UNSET else ts_event
        columns.extend((
            kind, slot, publisher, payload.seq, cause, payload.ts_recv, ts_event * NANOS_PER_MS,
            ts_venue * NANOS_PER_MS, first, last, previous, seller,
        ))  # fmt: skip
        spans.extend(texts)


_Parts = tuple[int, int, int, int, int, tuple[Raw, ...]]
"""kind, last, first, previous, seller, texts."""


def _event(stream: str, event: Event, futures: bool) -> _Parts:
    name = event.e
    if name == "bookTicker" or (name == "" and stream.endswith("@bookTicker")):
        u, b, b_size, a, a_size = event.u, event.b, event.B, event.a, event.A
        if u is UNSET or b is UNSET or b_size is UNSET or a is UNSET or a_size is UNSET:
            raise missing(u=u, b=b, B=b_size, a=a, A=a_size)
        return QUOTE, u, u, -1, 0, (b, b_size, a, a_size)
    if name == "trade":
        t, p, q, m = event.t, event.p, event.q, event.m
        if t is UNSET or p is UNSET or q is UNSET or m is UNSET:
            raise missing(t=t, p=p, q=q, m=m)
        return TRADE, t, t, -1, 1 if m else 0, (p, q)
    if name == "depthUpdate":
        first, u, pu, b, a = event.U, event.u, event.pu, event.b, event.a
        if first is UNSET or u is UNSET or b is UNSET or a is UNSET:
            raise missing(U=first, u=u, b=b, a=a)
        if pu is UNSET:
            if futures:
                raise missing(pu=pu)
            pu = -1
        if first > u:
            raise Unfit("ids_reversed", "U", "not above u", f"U {first}, u {u}")
        return DEPTH, u, first, pu, 0, (b, a)
    if name == "tradeBust":  # no event of the venue's: the simulator's
        if event.t is UNSET:
            raise missing(t=event.t)
        return BUST, event.t, event.t, -1, 0, ()
    allowed = "depthUpdate, bookTicker or trade" + (" (trade carries every fill)" if name == "aggTrade" else "")
    raise Unfit("unknown_event", "e", allowed, repr(name))


def _snapshot(frame: Frame) -> _Parts:
    last, bids, asks = frame.last_update_id, frame.bids, frame.asks
    if last is UNSET:
        raise Unfit("not_a_message", "data", "a combined-stream frame, or a REST depth snapshot with lastUpdateId")
    if bids is UNSET or asks is UNSET:
        raise missing(bids=bids, asks=asks)
    return SNAPSHOT, last, last, -1, 0, (bids, asks)


def _numbers(columns: list[int], spans: list[Raw], increments: Ints) -> tuple[Messages, list[Reject]]:
    given = np.array(columns, np.int64).reshape(-1, _GIVEN)
    wide = np.zeros((len(given), len(MESSAGE.names or ())), np.int64)
    wide[:, :_GIVEN] = given
    messages = wide.view(MESSAGE)[:, 0]
    text = b"".join(spans)
    offsets = np.zeros(len(spans) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, spans), np.int64, len(spans)), out=offsets[1:])
    prices, sizes = level_room(len(text))
    notes = np.zeros((len(messages), NOTE_COLUMNS), np.int64)
    bad = read_numbers(messages, np.frombuffer(text, np.uint8), offsets, increments, prices, sizes, notes)
    if not bad:
        return Messages(messages, prices, sizes), []
    rejects = [_fault(m, note, text) for m, note in zip(messages, notes, strict=True) if note[FAULT_CODE]]
    return Messages(messages[notes[:, FAULT_CODE] == 0], prices, sizes), rejects


def _fault(message: Any, note: Ints, text: bytes) -> Reject:
    field = SPANS[int(message["kind"])][int(note[FAULT_SPAN])]
    got = text[int(note[FAULT_BEGIN]) : int(note[FAULT_END])]
    return int(message["cause"]), BadPayload(
        f"field {field}: {FAULTS[int(note[FAULT_CODE])]}", kind=FAULT_KINDS[int(note[FAULT_CODE])], got=excerpt(got)
    )
