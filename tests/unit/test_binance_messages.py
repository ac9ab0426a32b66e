"""What is read from Binance's messages, and what is refused with which reason."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from feeds.adapter import State
from feeds.messages import DEPTH, QUOTE, SNAPSHOT, TRADE, Messages
from feeds.venues import adapter_of
from feeds.wire import NESTING_MAX, PAYLOAD_BYTES_MAX
from schemas.errors import BadInput, BadPayload, UnknownInstrument
from streams.agent import Payload

E_MS = 1_723_161_255_208
QUOTE_DATA = {"u": 7, "s": "BTCUSDT", "b": "9.01", "B": "2", "a": "9.02", "A": "1"}
DEPTH_DATA = {"e": "depthUpdate", "E": E_MS, "s": "BTCUSDT", "U": 5, "u": 7, "b": [["9.01", "2"]], "a": []}
TRADE_DATA = {"e": "trade", "E": E_MS, "T": E_MS - 1, "s": "BTCUSDT", "t": 3, "p": "9.02", "q": "0.5", "m": False}
BOOK = {"lastUpdateId": 6, "bids": [["9.01", "2"]], "asks": [["9.02", "1"], ["9.03", "4"]]}


def framed(data: dict[str, Any], stream: str = "btcusdt@any", **other: Any) -> bytes:
    return orjson.dumps({"stream": stream, "data": {**data, **other}})


def read(value: bytes, key: bytes = b"spot:BTCUSDT", **other: Any) -> tuple[Messages, BadInput | None]:
    payload = Payload(**{"source": "binance", "seq": 4, "ts_recv": 10**18, "key": key, "value": value, **other})
    batch, rejects = adapter_of("binance").read([payload])
    assert len(batch.messages) + len(rejects) == 1
    return batch, rejects[0][1] if rejects else None


def reason(value: bytes, key: bytes = b"spot:BTCUSDT", **other: Any) -> str:
    error = read(value, key, **other)[1]
    assert isinstance(error, BadPayload)
    return str(error)


def test_a_difference_is_read() -> None:
    batch, error = read(framed({**DEPTH_DATA, "a": [["9.02", "0.00000000"], ["9.1", "0.00001"]]}))
    message = batch.messages[0]
    assert error is None
    assert (message["kind"], message["first"], message["last"], message["previous"]) == (DEPTH, 5, 7, -1)
    assert (message["bids"], message["asks"]) == (1, 2)
    assert batch.prices[:3].tolist() == [9_010_000_000, 9_020_000_000, 9_100_000_000]
    assert batch.sizes[:3].tolist() == [200_000, 0, 1]
    assert message["ts_event"] == message["ts_venue"] == E_MS * 1_000_000


def test_white_space_between_tokens_is_read_like_none() -> None:
    spaced = b'{ "stream": "x", "data": { "e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": 5, "u": 7,\n'
    spaced += b'"b": [ [ "9.01" , "2" ] ,\t[ "9" , "1" ] ] , "a" : [ ] } }\r'
    batch, error = read(spaced)
    assert error is None
    assert batch.prices[:2].tolist() == [9_010_000_000, 9_000_000_000]


def test_a_trade_carries_transaction_time_and_the_aggressor() -> None:
    seller = read(framed({**TRADE_DATA, "m": True}))[0].messages[0]
    assert (seller["kind"], seller["last"], seller["seller"]) == (TRADE, 3, 1)
    assert (seller["ts_event"], seller["ts_venue"]) == ((E_MS - 1) * 1_000_000, E_MS * 1_000_000)
    assert read(framed(TRADE_DATA))[0].messages[0]["seller"] == 0


def test_a_spot_quote_has_no_event_name_and_no_time() -> None:
    message = read(framed(QUOTE_DATA, "btcusdt@bookTicker"))[0].messages[0]
    assert (message["kind"], message["ts_event"]) == (QUOTE, 0)
    assert "field e" in reason(framed(QUOTE_DATA, "btcusdt@else"))


def test_a_snapshot_is_read_bare() -> None:
    message = read(orjson.dumps(BOOK))[0].messages[0]
    assert (message["kind"], message["last"], message["bids"], message["asks"]) == (SNAPSHOT, 6, 1, 2)


def test_unknown_fields_are_ignored() -> None:
    assert read(framed(DEPTH_DATA, new={"deep": [[1], {"x": "é"}]}))[1] is None


def test_an_instrument_without_definition_is_unknown() -> None:
    assert isinstance(read(framed(QUOTE_DATA), b"spot:SOLUSDT")[1], UnknownInstrument)


@pytest.mark.parametrize("key", [b"", b"spot:?", b"BTCUSDT", b"option:BTCUSDT", b"spot:btc", b"\xff\x00", b"spot:A:B"])
def test_a_key_that_names_no_instrument_is_bad(key: bytes) -> None:
    assert "key names no instrument" in reason(framed(QUOTE_DATA), key)


def test_another_instruments_message_is_refused() -> None:
    assert "field s" in reason(framed(DEPTH_DATA), b"spot:ETHUSDT")
    assert "field symbol" in reason(orjson.dumps({**BOOK, "symbol": "ETHUSDT"}))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("NaN", "not finite"), ("Infinity", "not finite"), ("-1", "negative"), ("-0.0", "negative"), ("", "decimal"),
        ("1e3", "decimal"), ("12345678901", "absurd"), ("9" * 400, "absurd"), ("0.0000000001", "more than 9"),
        ("0.00", "price is zero"), (9.01, "JSON string"), (None, "JSON string"), (True, "JSON string"),
        (["9"], "JSON string"), ("9\\u0031", "decimal"),
    ],
)  # fmt: skip
def test_an_impossible_price_is_refused_by_field(number: object, said: str) -> None:
    traded = reason(framed(TRADE_DATA, p=number))
    assert "field p: " in traded
    assert said in traded
    quoted = reason(framed(QUOTE_DATA, "x@bookTicker", a=number))
    assert "field a: " in quoted
    assert said in quoted
    assert "field b: " in reason(framed(DEPTH_DATA, b=[["9", "1"], [number, "1"]]))


def test_sizes_must_be_there() -> None:
    assert "field q: a size is zero" in reason(framed(TRADE_DATA, q="0.000"))
    assert "field B: a size is zero" in reason(framed(QUOTE_DATA, "x@bookTicker", B="0"))


def test_a_traded_size_off_the_lot_grid_is_refused() -> None:
    assert "field q: a traded size is no multiple" in reason(framed(TRADE_DATA, q="0.000015"))


def test_a_displayed_size_off_the_lot_grid_is_rounded_down_but_not_to_nothing() -> None:
    batch, error = read(framed(DEPTH_DATA, b=[["9.01", "0.000029"], ["9", "0.000001"], ["8", "0"]]))
    assert error is None
    assert batch.sizes[:3].tolist() == [2, 1, 0]
    assert batch.messages[0]["rounded"] == 2


@pytest.mark.parametrize(
    "levels",
    [
        {},
        "x",
        1,
        None,
        [1],
        [[]],
        [["9"]],
        [["9", "1", "2"]],
        [["9", "1"], 5],
        [[["9"], "1"]],
        [{"9": "1"}],
        [["9", 1]],
    ],
)
def test_levels_must_be_pairs_of_strings(levels: object) -> None:
    assert "field b: " in reason(framed(DEPTH_DATA, b=levels))
    assert "field asks: " in reason(orjson.dumps({**BOOK, "asks": levels}))


@pytest.mark.parametrize("field", ["U", "u", "b", "a", "E"])
def test_a_missing_field_is_named(field: str) -> None:
    data = {k: v for k, v in DEPTH_DATA.items() if k != field}
    assert f"field {field} " in reason(framed(data))


def test_futures_differences_need_their_predecessor() -> None:
    data = {**DEPTH_DATA, "T": E_MS}
    assert "field pu " in reason(framed(data), b"linear:BTCUSDT")
    assert read(framed(data, pu=4), b"linear:BTCUSDT")[0].messages[0]["previous"] == 4


def test_crossed_ids_are_refused() -> None:
    assert "field U" in reason(framed(DEPTH_DATA, U=8))


@pytest.mark.parametrize("number", [True, "7", 7.0, None, -1, 2**63, 2**64, 10**400, [7]])
def test_an_id_must_be_an_int64(number: Any) -> None:
    text = json.dumps({"stream": "x", "data": {**DEPTH_DATA, "u": number}}).encode()
    assert "data.u" in reason(text)


def test_times_in_microseconds_are_refused() -> None:
    assert "data.E" in reason(framed(DEPTH_DATA, E=E_MS * 1000))


@pytest.mark.parametrize(
    "value",
    [
        b"", b"{}", b"[]", b"null", b"7", b'"x"', b"{", b"\x00" * 9, b"\xff\xfe{}", b"not json", b'{"stream":"x"}',
        b'{"data":null}', b'{"data":7}', b'{"data":[]}', b'{"lastUpdateId":7}', framed(DEPTH_DATA)[:-3],
        framed(DEPTH_DATA) + b"x", framed(DEPTH_DATA, note="\xe9").replace(b"\xc3\xa9", b"\xe9"),
        framed({"result": None, "id": 1}),
    ],
)  # fmt: skip
def test_garbage_is_refused(value: bytes) -> None:
    assert reason(value)


def test_an_aggregated_trade_is_refused_with_its_name() -> None:
    assert "aggTrade" in reason(framed(TRADE_DATA, e="aggTrade"))


def test_deep_nesting_is_refused_wherever_the_caller_stands() -> None:
    deep = "[" * (NESTING_MAX - 1) + "]" * (NESTING_MAX - 1)
    assert read(framed(DEPTH_DATA, new="N").replace(b'"N"', deep[1:-1].encode()))[1] is None
    assert "nested too deep" in reason(framed(DEPTH_DATA, new="N").replace(b'"N"', deep.encode()))
    assert "nested too deep" in reason(b"[" * 100_000)
    assert read(framed(DEPTH_DATA, new="[" * 1000))[1] is None


def test_a_message_over_its_bound_is_refused() -> None:
    assert "too long" in reason(b" " * (PAYLOAD_BYTES_MAX + 1))


def test_an_impossible_envelope_is_refused() -> None:
    value = framed(DEPTH_DATA)
    assert "envelope" in reason(value, source="elsewhere")
    assert "envelope" in reason(value, ts_recv=-1)
    assert "envelope" in reason(value, seq=2**63)


def test_a_refused_message_changes_nothing_and_the_others_count() -> None:
    adapter = adapter_of("binance")
    state: State = adapter.start()
    texts = [framed(QUOTE_DATA, "x@bookTicker"), framed(DEPTH_DATA, b=[["9", "1"], ["x", "1"]]), framed(TRADE_DATA)]
    rows, index, rejects = adapter.ingest(state, [Payload("binance", i, 10**18, b"spot:BTCUSDT", t)
                                                  for i, t in enumerate(texts)])  # fmt: skip
    assert index.tolist() == [0, 2]
    assert rows["root_seq"].tolist() == [0, 2]
    assert [i for i, _ in rejects] == [1]
    assert adapter.counters(state)["spot:BTCUSDT"]["messages"] == 2
