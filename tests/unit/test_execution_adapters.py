"""Venues' own messages of executions: each is known by one adapter, and comes to each execution once."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from feeds.executions.table import ITEMS_MAX, LISTED, reports_of
from feeds.executions.told import Told
from schemas.errors import BadExecution
from tests.gateway_desk import BTC, Hop, order, report, units

MESSAGES: dict[str, list[tuple[str, str | None, str | None, str]]] = {
    "betfair_stream_ocm_DUPLICATE_EXECUTION": [
        ("fill", None, "1.12", ""), ("cancelled", None, "1.12", ""), ("fill", None, "1.86", ""),
        ("fill", None, "10", ""),
    ],
    "betfair_stream_ocm_multiple_fills": [
        ("fill", None, "16.19", ""), ("fill", None, "16.96", ""), ("fill", None, "17.73", ""),
    ],
    "binance_futures_user_data_json_order_update_adl": [("fill", "0.005", "0.005", "auto-deleveraging")],
    "binance_futures_user_data_json_order_update_trade_partial": [("fill", "0.001", "0.001", "")],
    "bitmex_http_get_executions": [("fill", "100", "100", ""), ("fill", "100", "200", "")],
    "bybit_http_get_executions": [("fill", "0.1", "0.1", ""), ("fill", "0.5", "0.5", "")],
    "bybit_ws_account_order_partially_filled_rejected": [("rejected", None, "50", "")],
    "coinbase_http_fills": [("fill", "0.005", None, ""), ("fill", "0.0325", None, "")],
    "dydx_http_get_fills": [("fill", "0.0001", None, "")] * 3,
    "kraken_http_futures_fills": [
        ("fill", "5000", None, ""), ("fill", "5000", None, ""), ("fill", "2500", None, ""),
    ],
    "okx_ws_orders": [("filled", "0.03", "0.03", "")],
    "okx_ws_orders_liquidation": [("filled", "0.5", "0.5", "liquidation")],
}  # fmt: skip
"""By file: status, last quantity, cumulative quantity, and what the venue forced, of each report in it."""

TENTH = msgspec.structs.replace(BTC, size_increment=10_000_000)
"""An instrument that counts in hundredths, as the messages do."""


def told_by(payload: bytes) -> list[Told]:
    """The reports of a payload; nothing of it may be refused."""
    found = reports_of(payload)
    assert not any(isinstance(item, BadExecution) for item in found), found
    return [item for item in found if isinstance(item, Told)]


@pytest.fixture
def executions(data_dir: Path) -> Path:
    folder = data_dir / "executions"
    if not folder.is_dir():
        pytest.skip(f"no execution messages in {folder}")
    return folder


def test_the_messages_are_those_that_are_known(executions: Path) -> None:
    assert {path.stem for path in executions.glob("*.json")} == set(MESSAGES)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_claimed_once_and_says_what_it_says(executions: Path, name: str) -> None:
    payload = (executions / f"{name}.json").read_bytes()
    found = json.loads(payload)
    for item in found if isinstance(found, list) else [found]:
        assert sum(adapter.claims(item) for adapter in LISTED) == 1
    reports = told_by(payload)
    shown = [(r.status, _decimal(r.last), _decimal(r.cumulative), r.forced) for r in reports]
    assert shown == [(s, _decimal(a), _decimal(b), f) for s, a, b, f in MESSAGES[name]]
    assert len({r.execution_id for r in reports}) == len(reports)
    assert all(r.client_order_id or r.venue_order_id for r in reports)
    assert all(10**18 < r.ts < 2 * 10**18 for r in reports)


@pytest.mark.parametrize("name", MESSAGES)
def test_each_message_comes_to_executions_once(executions: Path, name: str) -> None:
    """Sent twice, it counts once. Orders are as the venue says: by our id where it tells it, else by its own."""
    payload = (executions / f"{name}.json").read_bytes()
    ids: dict[str, str] = {}
    for told in told_by(payload):
        ids.setdefault(told.client_order_id or told.venue_order_id, told.venue_order_id)
    grid = msgspec.structs.replace(BTC, size_increment=100_000)
    size = 10_000 * max(_filled(name)) if "okx" in name else 10**9  # of those, an order that is filled now
    hop = Hop(*(order(ours, int(size), of=grid) for ours in ids), definitions=(grid,))
    for ours, theirs in ids.items():
        hop.state.named(hop.state.working[ours], theirs)
    forced = {r.forced for r in told_by(payload)} - {""}
    before = hop.step(payload)
    fills: list[Any] = [d.document for d in before.documents if getattr(d.document, "last_quantity", 0)]
    assert sum(e.last_quantity for e in fills) == sum(_filled(name)) * 10_000
    again = hop.step(payload)
    assert not again.documents
    assert bool(forced) == (name.endswith(("adl", "liquidation")))


def _filled(name: str) -> list[Decimal]:
    """What fills by a message: what its fills tell, or the growth of what is filled so far."""
    if name.startswith("betfair"):
        return [Decimal("1.12"), Decimal(10)] if "DUPLICATE" in name else [Decimal("17.73")]
    return [Decimal(last or cumulative or 0) for _, last, cumulative, _ in MESSAGES[name]]


def test_a_venue_that_tells_averages_comes_to_the_prices_of_its_fills(executions: Path) -> None:
    hop = Hop(
        order("O-20210418-015047-001-001-3", 1_000, of=TENTH), order("O-20210418-022610-001-001-19", 1_000, of=TENTH),
        definitions=(TENTH,),
    )  # fmt: skip
    payload = (executions / "betfair_stream_ocm_DUPLICATE_EXECUTION.json").read_bytes()
    made: list[Any] = [d.document for d in hop.step(payload).documents]
    assert [(e.status, e.last_quantity, round(e.last_price / 1e9, 6)) for e in made] == [
        ("partially_filled", 112, 1.73), ("cancelled", 0, 0.0), ("partially_filled", 186, 3.1), ("filled", 814, 2.88),
    ]  # fmt: skip


def test_an_order_that_filled_in_part_and_was_then_rejected_has_both(executions: Path) -> None:
    hop = Hop(order("O-20251001-164609-APEX-000-49", 10_000, of=TENTH), definitions=(TENTH,))
    payload = (executions / "bybit_ws_account_order_partially_filled_rejected.json").read_bytes()
    assert hop.said(payload) == [
        ("O-20251001-164609-APEX-000-49", "partially_filled", 5_000, False),
        ("O-20251001-164609-APEX-000-49", "rejected", 0, True),
    ]


@pytest.mark.parametrize("name", ["binance_futures_user_data_json_order_update_adl", "okx_ws_orders_liquidation"])
def test_a_liquidation_is_of_no_order_and_is_refused_by_its_own_kind(executions: Path, name: str) -> None:
    error = Hop().refused((executions / f"{name}.json").read_bytes())
    assert error.kind == "bad_execution.forced"


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"not json", b"[]", b"{}", b"17", b'["x"]', b'{"op":"ocm","oc":[[]]}', b'{"op":"ocm","oc":5}',
        b'{"e":"ORDER_TRADE_UPDATE"}', b'{"e":"ORDER_TRADE_UPDATE","o":{"x":"TRADE","c":"a","s":"B","t":1,"T":"x"}}',
        b'{"execID":1,"ordStatus":2}', b'{"topic":"order","data":[7]}', b'{"fills":[{"fill_id":"a"}]}',
        b'{"fills":[{"entry_id":"a","trade_type":"REVERSAL"}]}', b'{"arg":{"channel":"orders"},"data":[{}]}',
        b'{"type":"execution_report","execution_id":"a","client_order_id":"b","status":"filled","ts":NaN}',
        b"[" * 100_000, b"[" + b"{}," * ITEMS_MAX + b"{}]",
        b'{"type":"execution_report","execution_id":"a","client_order_id":"b","status":"lost","ts":1}',
        b'{"type":"execution_report","execution_id":"a","client_order_id":"b","status":"filled","ts":1,'
        b'"last_quantity":"1e5"}',
    ],
)  # fmt: skip
def test_garbage_is_refused_in_one_line(payload: bytes) -> None:
    found: list[Any] = []
    try:
        found += reports_of(payload)
    except BadExecution as whole:
        found.append(whole)
    assert found
    for error in found:
        assert isinstance(error, BadExecution)
        assert error.kind == "bad_execution.not_a_report"
        assert "\n" not in str(error)


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def bitmex(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "execID": f"e-{kind}", "ordStatus": "New", "execType": kind, "transactTime": "2024-08-09T00:00:00Z",
        "clOrdID": "o1", "orderID": "v1", "lastQty": 10, "lastPx": 5, "cumQty": 10, **more,
    }  # fmt: skip


def bybit(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "execId": f"e-{kind}", "execType": kind, "execTime": "1723161254000", "orderLinkId": "o1", "orderId": "v1",
        "execQty": units(10), "execPrice": "5", "orderQty": units(10), "leavesQty": "0", **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    "message",
    [
        [bitmex("Funding", clOrdID="", lastQty=100), bitmex("Settlement", clOrdID=""),
         bitmex("Trade", lastQty=units(10), cumQty=units(10))],
        {"retCode": 0, "result": {"list": [bybit("Funding", orderLinkId=""), bybit("SessionSettlePnL"),
                                           bybit("Trade")]}},
    ],
)  # fmt: skip
def test_a_row_of_a_position_is_passed_over(message: Any) -> None:
    assert Hop(order()).said(json.dumps(message).encode()) == [("o1", "filled", 10, True)]


@pytest.mark.parametrize(
    "message",
    [
        {"retCode": 0, "result": {"list": [bybit("Trade"), bybit("Unheard"), 7]}},
        {"fills": [
            {"entry_id": "e", "trade_type": "FILL", "trade_time": "2024-08-09T00:00:00Z", "order_id": "v1",
             "size": units(10), "price": "5"},
            {"entry_id": "f", "trade_type": "CORRECTION"}, 7,
        ]},
        [json.loads(report(status="filled", last=10)), {"type": "unheard"}, 7],
    ],
)  # fmt: skip
def test_one_item_that_cannot_be_used_takes_no_fill_with_it(message: Any) -> None:
    hop = Hop(order())
    hop.state.named(hop.state.working["o1"], "v1")
    out = hop.step(json.dumps(message).encode())
    made: list[Any] = [d.document for d in out.documents]
    assert [(e.status, e.last_quantity) for e in made] == [("filled", 10)]
    assert [(r.index, r.error.kind) for r in out.rejects] == [(0, "bad_execution.not_a_report")] * 2


def test_a_bitmex_amendment_replaces_and_its_filled_so_far_is_the_former_orders() -> None:
    hop = Hop(order(), order("r1", 7, action="replace", cancels="o1"))
    hop.said(report(status="partially_filled", last=4))
    replaced = bitmex("Replaced", clOrdID="r1", cumQty=units(4))
    assert hop.said(json.dumps(replaced).encode()) == [("o1", "replaced", 0, True), ("r1", "acknowledged", 0, False)]


def averages(hop: Hop, *said: tuple[str, str]) -> list[int]:
    """Prices of the fills that come of what Bybit's stream of orders says: filled so far, average."""
    payloads = [
        json.dumps({"topic": "order", "data": [{
            "orderStatus": "PartiallyFilled", "cumExecQty": filled, "avgPrice": average, "orderLinkId": "o1",
            "orderId": "v1", "updatedTime": "1723161254000",
        }]}).encode()
        for filled, average in said
    ]  # fmt: skip
    made: list[Any] = [d.document for d in hop.step(*payloads).documents]
    return [e.last_price for e in made]


def test_a_rounded_average_makes_no_nonsense_of_a_small_fill() -> None:
    """1,000 at 0.012 and 1 at 0.014 average 0.012002; said as 0.01, the second would have had a price below 0."""
    hop = Hop(order(quantity=200_000, of=TENTH), definitions=(TENTH,))
    assert averages(hop, ("1000", "0.012"), ("1001", "0.01")) == [12_000_000, 10_000_000]


def test_an_average_of_an_inverse_contract_is_harmonic() -> None:
    inverse = msgspec.structs.replace(BTC, size_increment=10**9, inverse=True, market="inverse")
    hop = Hop(order(quantity=1_000, of=inverse), definitions=(inverse,))
    average = Decimal(200) / (Decimal(100) / 50_000 + Decimal(100) / 51_000)
    assert averages(hop, ("100", "50000"), ("200", f"{average:.9f}"))[1] == pytest.approx(51_000 * 10**9, rel=1e-12)


@pytest.mark.parametrize(
    "payload",
    [
        report(execution_id="\ud800"), report(reason="\udfff"), report(more_of_it={"\ud800": 1}), b'{"\\uD800":1}',
        report(execution_id="a").replace(b'"a"', b'"\xed\xa0\x80"'), b"\xff", report().decode().encode("utf-16"),
        report(ts=-1), report(ts=2**63), b'{"type":"execution_report","x":1e9999999999999999999}',
        json.dumps(bitmex("Trade", transactTime="0001-01-01T00:00:00Z")).encode(),
        json.dumps(bitmex("Trade", transactTime="0001-01-01T00:00:00+23:59")).encode(),
        json.dumps(bitmex("Trade", lastPx="1e-999999999")).encode(),
        json.dumps({"retCode": 0, "result": {"list": [bybit("Trade", execTime="9" * 30)]}}).encode(),
        json.dumps({"retCode": 0, "result": {"list": [bybit("Trade", execTime="-1")]}}).encode(),
        json.dumps({"op": "ocm", "pt": 1, "oc": [{"orc": [{"uo": [
            {"id": "1", "status": "E" * 600, "sm": 1, "s": 1, "avp": 1}]}]}]}).encode(),
    ],
)  # fmt: skip
def test_what_no_execution_can_carry_is_refused_before_anything_is_made_of_it(payload: bytes) -> None:
    error = Hop(order()).refused(payload)
    assert error.kind == "bad_execution.not_a_report"
    str(error).encode()
