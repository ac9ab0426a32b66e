"""JSON ticks: what the published JSON Schema allows is read, and what is refused is refused with its reason."""

from __future__ import annotations

from typing import Any

import jsonschema
import orjson
import pytest

from feeds.simulated_json import json_session
from feeds.venues import adapter_of
from schemas.json_tick import json_schema
from schemas.sources import OWN_FROM, number_of
from schemas.tick import FLAG_DEPTH_UNSYNCED
from streams.agent import Payload

TS = 1_723_161_600_000_000_000
KEY = b"spot:BTCUSDT"
SCHEMA = jsonschema.Draft202012Validator(json_schema())
TRADE = {"type": "trade", "instrument": "spot:BTCUSDT", "trade_id": 7, "price": "60000.5", "size": "0.5", "side": "buy"}
BUST_FIELDS = ("type", "instrument", "trade_id")
QUOTE = {"type": "quote", "instrument": "spot:BTCUSDT", "sequence": 1, "bid_price": "60000", "bid_size": "1",
         "ask_price": "60000.5", "ask_size": "2"}  # fmt: skip


def ingest(*messages: dict[str, Any], source: str = "acme") -> tuple[Any, list[str]]:
    """Rows, and kinds of refusals."""
    adapter = adapter_of(source)
    payloads = [Payload(source, i, TS + i, KEY, orjson.dumps(message)) for i, message in enumerate(messages)]
    rows, _, rejects = adapter.ingest(adapter.start(), payloads)
    return rows, [error.kind for _, error in rejects]


def test_the_published_schema_is_a_json_schema_and_allows_a_whole_session() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    messages = [orjson.loads(payload) for _, _, payload in json_session(seconds=2, seed=3)]
    assert {message["type"] for message in messages} == {"trade", "quote", "book", "change"}
    for message in messages:
        SCHEMA.validate(message)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"price": "0.00"}, "bad_payload.zero_price"),
        ({"size": "0"}, "bad_payload.zero_size"),
        ({"price": "-1"}, "bad_payload.negative"),
        ({"price": "nan"}, "bad_payload.not_finite"),
        ({"price": "1.0000000001"}, "bad_payload.too_fine"),
        ({"price": 60000.5}, "bad_payload.not_a_message"),
        ({"side": "bid"}, "bad_payload.not_a_message"),
        ({"trade_id": -1}, "bad_payload.not_a_message"),
        ({"ts_event": 2**63}, "bad_payload.not_a_message"),
        ({"version": 3}, "bad_payload.future_version"),
        ({"version": 3, "type": "auction"}, "bad_payload.future_version"),
        ({"type": "auction"}, "bad_payload.not_a_message"),
    ],
)
def test_what_the_schema_forbids_is_refused_with_its_reason(change: dict[str, Any], kind: str) -> None:
    message = {**TRADE, **change}
    assert not SCHEMA.is_valid(message)
    assert ingest(message)[1] == [kind]


def test_an_instrument_other_than_the_keys_is_refused_even_where_the_symbol_is_the_same() -> None:
    assert ingest({**TRADE, "instrument": "linear:BTCUSDT"})[1] == ["bad_payload.other_symbol"]


def test_a_missing_field_is_named() -> None:
    adapter = adapter_of("acme")
    _, _, rejects = adapter.ingest(adapter.start(), [Payload("acme", 0, TS, KEY, b'{"type":"trade"}')])
    assert "missing required field" in str(rejects[0][1])


def test_quotes_alone_say_the_touch_and_no_book_is_missing_until_one_was_begun() -> None:
    change = {"type": "change", "instrument": "spot:BTCUSDT", "sequence": 9, "bids": [["60000", "1"]]}
    rows, kinds = ingest(QUOTE, TRADE, change, {**TRADE, "trade_id": 8})
    assert kinds == []
    assert [int(row["bid_price"]) for row in rows] == [60_000 * 10**9] * 3
    assert [bool(row["flags"] & FLAG_DEPTH_UNSYNCED) for row in rows] == [False, False, True]


def test_the_schema_allows_to_take_a_trade_back_and_to_tell_it_anew() -> None:
    correction, bust = {**TRADE, "type": "correction", "price": "60001"}, {k: TRADE[k] for k in BUST_FIELDS}
    bust["type"] = "bust"
    for message in (correction, bust, {**bust, "version": 2}):
        SCHEMA.validate(message)
    rows, kinds = ingest(TRADE, correction, bust, {**bust, "trade_id": 8})
    assert [int(row["price"]) // 10**8 for row in rows] == [600_005, 600_005, 600_010, 600_010]
    assert kinds == ["bad_payload.unknown_trade"]


def test_a_message_sent_twice_counts_once() -> None:
    rows, kinds = ingest(TRADE, TRADE, QUOTE, QUOTE)
    assert (len(rows), kinds) == (2, [])


def test_a_source_of_ones_own_has_a_number_by_its_name_and_speaks_for_itself_alone() -> None:
    rows, _ = ingest(TRADE, source="acme")
    assert int(rows["publisher_id"][0]) == number_of("acme") >= OWN_FROM
    adapter = adapter_of("acme")
    _, _, rejects = adapter.ingest(adapter.start(), [Payload("other", 0, TS, KEY, orjson.dumps(TRADE))])
    assert [error.kind for _, error in rejects] == ["bad_payload.envelope"]
