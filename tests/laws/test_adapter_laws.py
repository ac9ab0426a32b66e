"""Laws of every listed venue's adapter: batching has no meaning, a snapshot is all of memory, no bytes can hurt it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.adapters import RECORDED
from feeds.adapter import Adapter, State
from feeds.captures import Line, open_captures
from feeds.file_feed import FileFeed
from feeds.file_map import FileMap, MapFile
from feeds.simulated_json import json_session
from feeds.simulator import SOURCE, simulate
from feeds.venue import Venue
from feeds.venues import KNOWN, LISTED, VENUES, adapter_of
from schemas.errors import BadInput, SnapshotError
from streams.agent import Payload

PREFIX = 6_000
"""Recorded lines: all four snapshots come within."""

BEGINS_A_HOLE = {"binance": b"depthUpdate", "coinbase": b'"match".*SKL-USD', "kraken": b'"feed":"book"',
                 "bitstamp_l3": b"trade", "history": b"stood", "json": b'"type":"change"'}  # fmt: skip
"""What is refused in the middle of each recording: something whose absence shows in the numbers of what follows."""
OWN_HOLES = {SOURCE: 1, "bitstamp_l3": 4}
"""The simulator makes a hole of its own; of the recording of orders four trades are missing."""
quick = settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Session(list[Payload]):
    """Payloads of a source that do not print themselves whole."""

    adapter: Adapter

    def __repr__(self) -> str:
        return f"{len(self)} payloads"


@pytest.fixture(scope="module", params=[*VENUES, SOURCE])
def payloads(request: pytest.FixtureRequest) -> Session:
    source: str = request.param
    if source == SOURCE:
        messages = simulate(seconds=3, seed=7)
        session = Session(Payload(SOURCE, i, m.ts_recv, m.key, m.payload) for i, m in enumerate(messages))
    elif not RECORDED[source]:
        session = Session(Payload(source, i, *message) for i, message in enumerate(json_session(seconds=3, seed=7)))
    else:
        folder: Path = request.getfixturevalue("data_dir")
        paths = sorted(folder.glob(RECORDED[source]))
        lines = islice(quotes(paths) if source == "history" else open_captures(paths), PREFIX)
        session = Session(Payload(source, i, line.ts_recv, line.key, line.payload) for i, line in enumerate(lines))
    if source != SOURCE:
        # A refused message tears a hole: what follows waits, and is part of what must not depend on batching.
        hole = next(p for p in session[len(session) // 2 :] if re.search(BEGINS_A_HOLE[source], p.value))
        session[session.index(hole)] = Payload(source, hole.seq, hole.ts_recv, hole.key, b"garbage")
    session.adapter = adapter_of(source)
    return session


def play(
    adapter: Adapter, payloads: Sequence[Payload], cuts: Sequence[int], state: State | None = None
) -> tuple[str, State]:
    """sha256 of rows, of causes and of rejects, and the state at the end."""
    state = state or adapter.start()
    of_rows, of_causes, of_rejects = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    for begin, end in pairwise(sorted({0, *cuts, len(payloads)})):
        rows, index, rejects = adapter.ingest(state, payloads[begin:end])
        of_rows.update(rows.tobytes())
        of_causes.update((index + begin).tobytes())
        for at, error in rejects:
            of_rejects.update(f"{begin + at} {error}".encode())
    return " ".join(h.hexdigest() for h in (of_rows, of_causes, of_rejects)), state


def test_a_hole_in_a_recording_is_told(payloads: Session) -> None:
    _, state = play(payloads.adapter, payloads, [])
    gaps = sum(counted["gaps"] for counted in payloads.adapter.counters(state).values())
    assert gaps == 1 + OWN_HOLES.get(payloads[0].source, 0)


@given(cuts=st.lists(st.integers(0, PREFIX), max_size=40))
@quick
def test_any_batching_gives_the_same_rows(payloads: Session, cuts: list[int]) -> None:
    whole, end = play(payloads.adapter, payloads, [])
    cut, same_end = play(payloads.adapter, payloads, [c for c in cuts if c <= len(payloads)])
    assert whole == cut
    assert payloads.adapter.snapshot(end) == payloads.adapter.snapshot(same_end)


def test_one_payload_at_a_time_gives_the_same_rows(payloads: Session) -> None:
    few = payloads[:2500]
    assert play(payloads.adapter, few, [])[0] == play(payloads.adapter, few, range(len(few)))[0]


@given(at=st.integers(0, 3_000))
@quick
def test_a_restored_state_goes_on_as_if_never_stored(payloads: Session, at: int) -> None:
    head, tail, adapter = payloads[:at], payloads[at:], payloads.adapter
    _, state = play(adapter, head, [])
    stored = adapter.snapshot(state)
    restored = adapter.restore(stored)
    assert adapter.snapshot(restored) == stored
    straight, end = play(adapter, tail, [], state)
    again, same_end = play(adapter, tail, [], restored)
    assert straight == again
    assert payloads.adapter.snapshot(end) == payloads.adapter.snapshot(same_end)


@pytest.mark.parametrize("venue", LISTED, ids=lambda venue: venue.name)
def test_a_snapshot_of_other_instruments_is_refused(venue: Venue) -> None:
    adapter = adapter_of(venue.name)
    stored = adapter.snapshot(adapter.start())
    with pytest.raises(SnapshotError):
        adapter_of(venue.name, venue.definitions[1:]).restore(stored)
    with pytest.raises(SnapshotError):
        adapter.restore(stored[:-1])


def combined(stream: str, **data: Any) -> dict[str, Any]:
    return {"stream": stream, "data": data}


VALID: dict[str, list[tuple[bytes, dict[str, Any]]]] = {
    "binance": [
        (b"spot:BTCUSDT", combined("x@bookTicker", u=7, s="BTCUSDT", b="9.01", B="2", a="9.02", A="1")),
        (b"spot:BTCUSDT", combined("x", e="depthUpdate", E=5, s="BTCUSDT", U=5, u=7, b=[["9", "2"]], a=[])),
        (b"linear:BTCUSDT", combined("x", e="depthUpdate", E=5, T=4, s="BTCUSDT", U=5, u=7, pu=4,
                                     b=[["9", "2"], ["8", "0"]], a=[["10", "1"]])),
        (b"inverse:BTCUSD_PERP", combined("x", e="trade", E=5, s="BTCUSD_PERP", t=5, p="9", q="1", m=True)),
    ],
    "coinbase": [
        (b"spot:BTC-USD", {"type": "snapshot", "product_id": "BTC-USD", "bids": [["9", "2"]], "asks": [["10", "1"]]}),
        (b"spot:BTC-USD", {"type": "l2update", "product_id": "BTC-USD", "time": "2021-04-17T16:43:37.075687Z",
                           "changes": [["buy", "9", "2"], ["sell", "10", "0"]]}),
        (b"spot:BTC-USD", {"type": "match", "product_id": "BTC-USD", "time": "2021-04-17T16:43:37.075687Z",
                           "trade_id": 7, "side": "buy", "price": "9", "size": "1"}),
        (b"spot:BTC-USD", {"type": "heartbeat", "product_id": "BTC-USD", "time": "2021-04-17T16:43:37.075687Z",
                           "sequence": 5, "last_trade_id": 9}),
    ],
    "kraken": [
        (b"inverse:PI_XBTUSD", {"feed": "book_snapshot", "product_id": "PI_XBTUSD", "timestamp": 5, "seq": 6,
                                "bids": [{"price": 9.5, "qty": 2.0}], "asks": [{"price": 10.0, "qty": 1.0}]}),
        (b"inverse:PI_XBTUSD", {"feed": "book", "product_id": "PI_XBTUSD", "timestamp": 5, "seq": 7, "side": "buy",
                                "price": 9.0, "qty": 2.0}),
        (b"inverse:PI_XBTUSD", {"feed": "trade", "product_id": "PI_XBTUSD", "time": 5, "seq": 7, "side": "buy",
                                "price": 9.0, "qty": 2.0}),
        (b"inverse:PI_XBTUSD", {"feed": "ticker", "product_id": "PI_XBTUSD", "time": 5, "bid": 9.0, "ask": 9.5}),
        (b"inverse:PI_XBTUSD", {"feed": "trade_snapshot", "product_id": "PI_XBTUSD", "trades": [{"seq": 7}]}),
    ],
    "json": [
        (b"spot:BTCUSDT", {"type": "book", "instrument": "spot:BTCUSDT", "sequence": 6, "bids": [["9", "2"]],
                           "asks": [["10", "1"]]}),
        (b"spot:BTCUSDT", {"type": "change", "instrument": "spot:BTCUSDT", "sequence": 7, "bids": [["9", "0"]],
                           "ts_event": 5}),
        (b"spot:BTCUSDT", {"type": "quote", "instrument": "spot:BTCUSDT", "sequence": 7, "bid_price": "9.5",
                           "bid_size": "1", "ask_price": "9.6", "ask_size": "2", "ts_event": 5}),
        (b"spot:BTCUSDT", {"type": "trade", "instrument": "spot:BTCUSDT", "trade_id": 7, "price": "9.5", "size": "1",
                           "side": "buy", "version": 1}),
    ],
    "bitstamp_l3": [
        (b"spot:BTCUSD", {"event": "order_created", "channel": "live_orders", "data": {
            "price": "236.47", "amount": "2.0", "datetime": "1430438404", "id": 5, "order_type": 0}}),
        (b"spot:BTCUSD", {"event": "order_changed", "data": {"price": "236.5", "amount": 1, "id": 5, "order_type": 0}}),
        (b"spot:BTCUSD", {"event": "order_deleted", "data": {"price": 236.5, "amount": 0, "id": 5, "order_type": 1}}),
        (b"spot:BTCUSD", {"event": "trade", "data": {"price": 236.47, "amount": 1.7885566900000001, "id": 7}}),
        (b"spot:BTCUSD", {"event": "order_book", "data": {"bids": [["9", "1"]], "asks": [["10", "1"]]}}),
    ],
    "history": [
        (b"spot:EURUSD", {"file": "a.csv", "row": 1, "stood": "1,2", "instrument": "spot:EURUSD",
                          "number": 1, "time": 5, "bid": "1.38", "bid_size": "5", "ask": "1.39", "ask_size": "5"}),
        (b"spot:EURUSD", {"instrument": "spot:EURUSD", "number": 1, "time": 5, "action": "T", "side": "B",
                          "price": "1.38", "size": "5"}),
        (b"spot:EURUSD", {"instrument": "spot:EURUSD", "number": 1, "time": 5, "price": "", "size": "5", "bid": "",
                          "bid_size": "0", "ask": "1.38", "ask_size": "5", "doubt": True}),
    ],
}  # fmt: skip
QUOTES = FileMap("map", MapFile(
    instrument="spot:EURUSD", time="ms since midnight", timezone="UTC", date="name:%Y%m%d",
    columns={"time": 1, "bid": 2, "ask": 3}, values={"bid_size": "1000000", "ask_size": "1000000"},
), KNOWN)  # fmt: skip


def quotes(paths: Sequence[Path]) -> Iterator[Line]:
    return iter(FileFeed(paths, "csv", QUOTES))


AMENDING: dict[str, list[tuple[bytes, dict[str, Any]]]] = {
    "binance": [
        (b"inverse:BTCUSD_PERP", combined("x", e="tradeBust", E=6, s="BTCUSD_PERP", t=5)),
        (b"inverse:BTCUSD_PERP", combined("x", e="trade", E=6, s="BTCUSD_PERP", t=5, p="8", q="1", m=True)),
    ],
    "json": [
        (b"spot:BTCUSDT", {"type": "bust", "instrument": "spot:BTCUSDT", "trade_id": 7}),
        (b"spot:BTCUSDT", {"type": "correction", "instrument": "spot:BTCUSDT", "trade_id": 7, "price": "9.02",
                           "size": "1", "side": "buy"}),
    ],
}  # fmt: skip
"""Messages that take back or correct the trade of ``VALID``: alone they are refused."""

ADAPTERS = {name: adapter_of(name) for name in VENUES}


@pytest.mark.parametrize("venue", AMENDING)
def test_what_amends_a_trade_is_read_behind_it_and_refused_without(venue: str) -> None:
    for key, message in AMENDING[venue]:
        alone = [Payload(venue, 0, 10**18, key, dumped(message))]
        behind = [Payload(venue, n, 10**18 + n, k, dumped(m)) for n, (k, m) in enumerate(VALID[venue])] + alone
        adapter = ADAPTERS[venue]
        without, refusals = adapter.ingest(adapter.start(), alone)[::2]
        assert len(without) + len(refusals) == 1
        rows, index, rejects = adapter.ingest(adapter.start(), behind)
        assert rejects == []
        assert rows[index == len(behind) - 1]["flags"].all()


def test_every_listed_venue_has_valid_messages_of_all_that_it_sends() -> None:
    for name, samples in VALID.items():
        adapter = ADAPTERS[name]
        for key, message in samples:
            assert adapter.ingest(adapter.start(), [Payload(name, 0, 10**18, key, dumped(message))])[2] == []
    assert VALID.keys() == RECORDED.keys() == VENUES.keys()


numbers = st.sampled_from(["1", "0", "-1", "NaN", "inf", "1e9", "0.000001", "99999999999", ""]) | st.text(max_size=5)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def dumped(message: Any) -> bytes:
    try:
        return orjson.dumps(message)
    except (TypeError, orjson.JSONEncodeError):
        return repr(message).replace("'", '"').encode("utf-8", "surrogatepass")


@st.composite
def mutated(draw: st.DrawFn, venue: str) -> tuple[bytes, bytes]:
    """A valid message of which a field was replaced or dropped, then bytes were changed, or none of it."""
    key, message = draw(st.sampled_from(VALID[venue] + AMENDING.get(venue, [])))
    message = {**message, "data": dict(message["data"])} if "data" in message else dict(message)
    fields = message.get("data", message)
    for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=2)):
        if draw(st.booleans()):
            fields[name] = draw(anything)
        else:
            fields.pop(name, None)
    text = bytearray(dumped(message))
    for at, byte in draw(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=3)):
        if at < len(text):
            text[at] = byte
    return key, bytes(text[: draw(st.sampled_from([len(text), len(text) // 2]))])


@st.composite
def sent(draw: st.DrawFn, most: int, *, junk: bool) -> tuple[str, list[tuple[bytes, bytes]]]:
    """A venue, and keys and values that are said to be its messages."""
    venue = draw(st.sampled_from(sorted(VENUES)))
    keys = st.sampled_from([VALID[venue][0][0], b"", b"\xff"])
    one = mutated(venue) | st.tuples(keys, st.binary()) if junk else mutated(venue)
    return venue, draw(st.lists(one, max_size=most))


@given(sent(6, junk=True))
@settings(deadline=None, max_examples=450)
def test_whatever_bytes_come_a_payload_is_read_whole_or_refused(found: tuple[str, list[tuple[bytes, bytes]]]) -> None:
    venue, values = found
    adapter = ADAPTERS[venue]
    state = adapter.start()
    for seq, (key, value) in enumerate(values):
        before = adapter.snapshot(state)
        messages = sum(c["messages"] for c in adapter.counters(state).values())
        rows, _, rejects = adapter.ingest(state, [Payload(venue, seq, 10**18, key, value)])
        read = sum(c["messages"] for c in adapter.counters(state).values()) - messages
        assert read + len(rejects) == 1
        if rejects:
            assert isinstance(rejects[0][1], BadInput)
            assert str(rejects[0][1])
            assert adapter.snapshot(state) == before
            assert not len(rows)


@given(sent(8, junk=False))
@settings(deadline=None, max_examples=90)
def test_garbage_among_others_is_refused_the_same_in_any_batching(found: tuple[str, list[tuple[bytes, bytes]]]) -> None:
    venue, values = found
    payloads = [Payload(venue, seq, 10**18, key, value) for seq, (key, value) in enumerate(values)]
    adapter = ADAPTERS[venue]
    assert play(adapter, payloads, [])[0] == play(adapter, payloads, range(len(payloads)))[0]


def test_an_empty_batch_gives_nothing() -> None:
    rows, index, rejects = ADAPTERS["coinbase"].ingest(ADAPTERS["coinbase"].start(), [])
    assert (len(rows), len(index), rejects) == (0, 0, [])
    assert rows.dtype.names is not None
    assert index.dtype == np.int64
