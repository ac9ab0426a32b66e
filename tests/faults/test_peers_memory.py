"""Recorded data of one asset on three markets: none of it is suspect, a bad print among it is, and gives no order."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.context import context_of
from agents.normalise import Normalise
from agents.topology_file import PeersTable
from feeds.captures import open_captures
from replay.plan import PlayPlan
from schemas.codec import decode_any
from schemas.decision import Decision
from schemas.header import unpack
from schemas.intent import Intent
from schemas.order import Order
from schemas.tick import FLAG_SUSPECT, TICK
from streams.agent import Batch, Payload, Rows
from streams.frame import decode_rows
from tests.spine_runs import assert_sound, played

FILES = ("spot_btcusdt_20240808", "usdm_btcusdt_20240808", "cm_btcusd_perp_20240808")
SECOND = 1_000_000_000
START, UNTIL = 1_723_161_256 * SECOND, 1_723_161_282 * SECOND
BAD_FROM, BAD_UNTIL = START + 20 * SECOND, START + 22 * SECOND
"""Receive times between which one market's best bid and offer messages tell prices that are 2% too high."""
TOO_HIGH = 62_500 * SECOND
SHARE_MAX = 1e-4
BATCH = 512
LIMITS: dict[str, Any] = {
    "account": {"message_rate_max": 1_000},
    "default": {"price_collar_bps": 10.0, "touch_age_max_ms": 2_000, "notional_max": 10_000_000},
    "instrument": {
        name: {"quantity_max": "10000", "position_max": "10000"}
        for name in ("spot:BTCUSDT", "linear:BTCUSDT", "inverse:BTCUSD_PERP")
    },
}
"""So wide that only the price can be wrong."""


def cut(folder: Path, into: Path, *, bad: bool) -> list[Path]:
    """The first seconds of three markets, plain."""
    paths = []
    for name in FILES:
        with gzip.open(folder / "binance" / f"{name}.gz", "rb") as file:
            paths.append(into / name)
            paths[-1].write_bytes(b"".join(_until(file, bad=bad and name == FILES[0])))
    return paths


def _until(lines: Any, *, bad: bool) -> Iterator[bytes]:
    for line in lines:
        received = int(line.split(b" ", 1)[0])
        if received > UNTIL:
            return
        spoilt = bad and BAD_FROM < received < BAD_UNTIL and b"@bookTicker" in line
        yield re.sub(rb'"([ba])":"([0-9.]+)"', _raised, line) if spoilt else line


def _raised(found: re.Match[bytes]) -> bytes:
    return b'"%s":"%.8f"' % (found[1], float(found[2]) * 1.02)


def ticks(summary: dict[str, Any]) -> Rows:
    found = []
    for record in summary["log"].scan(summary["plan"].topic("ticks.<source>"), 0, 0, committed=True):
        header = unpack(record.header)
        if header.schema == 3:
            found.append(decode_rows(header.schema, header.version, record.value, header.count))
    return np.concatenate(found)


def said(summary: dict[str, Any], topic: str, event: Any) -> list[Any]:
    records = summary["log"].scan(summary["plan"].topic(topic), 0, 0, committed=True)
    return [document for record in records if isinstance(document := decode_any(record.value), event)]


def suspect(rows: Rows) -> Any:
    return rows["flags"] & FLAG_SUSPECT != 0


@pytest.fixture(scope="module")
def runs(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[bool, bool], dict[str, Any]]:
    """Summaries by whether there is a bad print, and whether mids are compared."""
    found = {}
    for bad in (False, True):
        captures = cut(data_dir, tmp_path_factory.mktemp("bad" if bad else "good"), bad=bad)
        for compare in (False, True):
            found[bad, compare] = played(captures, peers=PeersTable(compare=compare), limits=LIMITS)
            assert_sound(found[bad, compare])
    return found


def test_of_recorded_data_nothing_is_suspect_and_orders_are_the_same_as_without_comparing(runs: Any) -> None:
    assert not suspect(ticks(runs[False, True])).any()
    assert runs[False, True]["order_hash"] == runs[False, False]["order_hash"]
    assert ticks(runs[False, True]).tobytes() == ticks(runs[False, False]).tobytes()


def test_a_bad_print_on_one_market_is_flagged_where_it_stands_and_nothing_else_is(runs: Any) -> None:
    rows = ticks(runs[True, True])
    high = (rows["bid_price"] > TOO_HIGH) & (rows["bid_price"] < 2**62)
    assert high.sum() > 20
    assert (suspect(rows) == high).all()
    without = ticks(runs[True, False])
    rows["flags"] &= ~np.uint16(FLAG_SUSPECT)
    assert rows.tobytes() == without.tobytes(), "a flag is all that a comparison changes"


def test_risk_takes_a_suspect_reference_for_stale_and_no_order_leaves_on_it(runs: Any) -> None:
    unguarded = [order for order in said(runs[True, False], "orders", Order) if order.limit_price > TOO_HIGH]
    assert unguarded, "uncompared, orders leave at the bad price"
    guarded = runs[True, True]
    doubtful = {i.client_order_id for i in said(guarded, "orders.intent", Intent) if i.flags & FLAG_SUSPECT}
    assert {order.client_order_id for order in unguarded} <= doubtful
    decisions = [d for d in said(guarded, "orders.decision", Decision) if d.client_order_id in doubtful]
    assert len(decisions) == len(doubtful)
    assert all((d.verdict, d.reasons) == ("denied", ["touch_age"]) for d in decisions)
    assert not [order for order in said(guarded, "orders", Order) if order.limit_price > TOO_HIGH]
    assert said(guarded, "orders", Order), "what is not in doubt leaves"


def test_of_all_recorded_data_of_three_markets_and_two_assets_at_most_a_hair_is_suspect(data_dir: Path) -> None:
    captures = sorted((data_dir / "binance").glob("*.gz"))
    plan = PlayPlan(run="r", captures=captures)
    stage = Normalise(context_of(plan.opening(), plan.definitions))
    state = stage.start()
    flagged = total = 0
    batch: list[Payload] = []
    for number, line in enumerate(open_captures(captures)):
        batch.append(Payload("binance", number, line.ts_recv, line.key, line.payload))
        if len(batch) == BATCH:
            rows = np.concatenate([out.rows for out in stage.step(state, Batch.of(batch)).rows] or [np.zeros(0, TICK)])
            total, flagged = total + len(rows), flagged + int(suspect(rows).sum())
            batch.clear()
    assert total > 200_000
    assert state.peers is not None
    assert (state.peers.pairs["compared"] > 10_000).sum() == 3, "three markets of one asset; of the other there is one"
    assert flagged <= SHARE_MAX * total
