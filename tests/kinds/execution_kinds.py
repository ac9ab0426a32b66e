"""Reports of execution systems that cannot be used, and what people may not say in their stead."""

from __future__ import annotations

from typing import Any

from agents.live_plan import check_venue
from agents.open_orders import OpenOrder, report_of
from agents.topology_file import TopologyFile, VenueTable
from agents.working_orders import ORDER_REPORTS_MAX
from schemas.errors import BadExecution, TapedeckError
from tests.gateway_desk import REFUSED, Hop, order, report
from tests.kinds.registry import Desk, Trigger, trigger

OPEN = OpenOrder("o1", "spot:BTCUSDT", "buy", "0.1", 1, 0, "")
LIQUIDATION = (
    b'{"e":"ORDER_TRADE_UPDATE","o":{"s":"BTCUSDT","c":"autoclose-1","i":1,"x":"TRADE","X":"FILLED","t":2,"T":3,'
    b'"l":"1","L":"2","z":"1"}}'
)


def refusal_of(payload: bytes) -> Trigger:
    return lambda _: Hop(order()).refused(payload)


for _kind, _payload in (*REFUSED.items(), ("forced", LIQUIDATION)):
    trigger(f"bad_execution.{_kind}")(refusal_of(_payload))


@trigger("bad_execution")
def an_extension_refuses_a_report(_: Desk) -> TapedeckError:
    return BadExecution("no report of ours", got="x", allowed="y")


@trigger("bad_execution.used_id")
def an_id_says_two_things(_: Desk) -> TapedeckError:
    hop = Hop(order())
    hop.said(report(status="partially_filled", last=4))
    return hop.refused(report(status="partially_filled", last=4, last_price="9"))


@trigger("bad_execution.closed_order")
def an_order_that_has_ended_fills(_: Desk) -> TapedeckError:
    hop = Hop(order())
    hop.said(report(status="cancelled"))
    return hop.refused(report(status="partially_filled", last=4))


@trigger("bad_execution.too_many_reports")
def an_order_is_acknowledged_for_ever(_: Desk) -> TapedeckError:
    hop = Hop(order())
    hop.state.working["o1"].reports = ORDER_REPORTS_MAX
    return hop.refused(report())


def resolved(*, gateway: str = "toy", name: str = "o1", status: Any = "filled", price: str = "") -> Any:
    hop = Hop()
    context = hop.hop._context
    if not gateway:
        from agents.context import context_of
        from feeds.definitions import DEFINITIONS
        from replay.plan import PlayPlan

        context = context_of(PlayPlan(run="r").opening(), DEFINITIONS)
    return report_of(
        context, (OPEN,), name, status, quantity="", price=price, author="j.doe", reason="by phone", ts=1
    )  # fmt: skip


trigger("config.no_gateway")(lambda _: resolved(gateway=""))
trigger("config.not_open")(lambda _: resolved(name="o2"))
trigger("config.bad_resolution")(lambda _: resolved(price="x"))


@trigger("config.venue_conflict")
def an_execution_system_named_as_a_source(_: Desk) -> Any:
    return check_venue(TopologyFile(venue=VenueTable(kind="external", gateway="binance")), "topology.toml")
