"""What a run earned and cost, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from feeds.definitions import DEFINITIONS
from replay.economics import Economics
from replay.plan import PlayPlan, open_run
from replay.session import MemorySession
from replay.shape import shape_of
from schemas.catalog import INTENT
from schemas.codec import encode
from schemas.document import Root
from schemas.execution import Execution
from schemas.header import Header, no_stamps, pack
from schemas.intent import Intent, Touch

SPOT = next(d for d in DEFINITIONS if d.market == "spot")
UNIT = 1_000_000_000 // SPOT.size_increment
"""Size units of one coin."""
PRICE = 100 * 1_000_000_000


def intent(number: int, bid: int, ask: int) -> Intent:
    return Intent(
        client_order_id=f"o{number}", root=Root(source="simulator", seq=number), ts=number, account="a", strategy="s",
        instrument_id=SPOT.instrument_id, instrument=SPOT.instrument, side="buy", quantity=UNIT, limit_price=ask,
        valid_until=9, touch=Touch(bid_price=bid, ask_price=ask, bid_size=1, ask_size=1, ts=1), score=1.0, position=0,
        target=1, model="m", view="v",
    )  # fmt: skip


def fill(number: int, side: Any, price: int, quantity: int = UNIT) -> Execution:
    return Execution(
        execution_id=f"o{number}-0", client_order_id=f"o{number}", root=Root(source="simulator", seq=number), ts=number,
        account="a", strategy="s", instrument_id=SPOT.instrument_id, instrument=SPOT.instrument, side=side,
        status="filled", last_quantity=quantity, last_price=price, cumulative_quantity=quantity, leaves_quantity=0,
        report_index=0, final=True,
    )  # fmt: skip


def test_slippage_turnover_and_exposure_by_hand() -> None:
    session = MemorySession(PlayPlan(run="r"))
    open_run(session.log, session.plan)
    writer = session.log.writer("demo.r.hot")
    writer.begin()
    for number in (1, 2, 3):
        header = Header(
            schema=INTENT.number, version=INTENT.version, seq=number - 1, time=number, writer="hot", stamps=no_stamps()
        )
        document = encode(intent(number, PRICE - 1_000_000_000, PRICE + 1_000_000_000))
        writer.append("demo.r.orders.intent", 0, b"k", document, pack(header))
    writer.commit()
    economics = Economics(session.log, shape_of(session.log, "r"))
    economics.execution(fill(1, "buy", PRICE + 1_000_000_000))
    economics.execution(fill(2, "sell", PRICE + 1_000_000_000))
    found = economics.figures()
    assert found["turnover"][SPOT.quote] == pytest.approx(202.0)
    assert found["slippage_bp"][SPOT.quote] == pytest.approx(0.0)
    assert found["exposure_max"][SPOT.quote] == pytest.approx(101.0)
    assert found["exposure_end"][SPOT.quote] == 0.0
    economics.execution(fill(3, "buy", PRICE + 2_000_000_000))
    assert economics.figures()["slippage_bp"][SPOT.quote] > 0
    assert found["pnl"][SPOT.settlement] == pytest.approx(0.0)
