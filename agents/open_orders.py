"""Orders that have no last report, as the risk and gateway tasks have committed: held until one comes.

What nobody has answered is never guessed. The gateway answers it, or a person does, by a report of their own in the
gateway's stead, which names them (:func:`resolve`).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

import msgspec

from agents.context import Context
from agents.risk_state import KIND as RISK_KIND
from agents.topology import FUSED, GATEWAY, PRIMARY
from agents.working_orders import WorkingOrders
from schemas.columns import PRICE_SCALE
from schemas.errors import ConfigError, DeliveryError
from schemas.execution_report import ExecutionReport
from schemas.topics import topic_name
from streams.log import Log
from streams.snapshot import newest
from streams.state_bytes import load

FLUSH_S_MAX = 30.0
SHOWN_MAX = 6
"""Open orders that a refusal names."""

Resolved = Literal["filled", "partially_filled", "cancelled", "rejected"]


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order without its last report.

    Attributes:
        client_order_id: Ours.
        instrument: ``market:symbol``.
        side: ``buy`` or ``sell``.
        left: Decimal that may fill yet; 0 of a cancel.
        approved_ns: Log time at which it was approved.
        reports: Reports that were taken on it; None where the paper venue works it, or the gateway's task has not
            read it.
        venue_order_id: The venue's own id; empty until it is named.
    """

    client_order_id: str
    instrument: str
    side: str
    left: str
    approved_ns: int
    reports: int | None
    venue_order_id: str


def open_orders(log: Log, context: Context) -> tuple[OpenOrder, ...]:
    """Open orders of the live run, oldest first, by the newest snapshots.

    Raises:
        SnapshotError: A snapshot is of another build.
    """
    risk = next(task for task in FUSED if task.name == "risk")
    found = newest(log, topic_name("", "state"), risk.state_partition, risk.name)
    if found is None:
        return ()
    values = load(RISK_KIND, found.agents[-1])[1]
    working = {} if not context.run.gateway else _working(log)
    by_id = {d.instrument_id: d for d in context.instruments}
    orders = []
    for name, due, slot in values["answers"]["pending"]:
        side, left = values["open"][name]
        definition, at_work = by_id.get(values["instruments"][slot]), working.get(name)
        increment = 1 if definition is None else definition.size_increment
        orders.append(OpenOrder(
            name, "?" if definition is None else definition.instrument, side,
            f"{(Decimal(left * increment) / PRICE_SCALE).normalize():f}", due - context.run.venue_latency_ns,
            None if at_work is None else at_work[0], "" if at_work is None else at_work[1],
        ))  # fmt: skip
    return tuple(orders)


def gateway_state(log: Log) -> WorkingOrders | None:
    """What the gateway task has committed; None where it never ran.

    Raises:
        SnapshotError: It is of another build.
    """
    found = newest(log, topic_name("", "state"), GATEWAY.state_partition, GATEWAY.name)
    return None if found is None else WorkingOrders.load(found.agents[-1])


def report_of(
    context: Context, found: tuple[OpenOrder, ...], client_order_id: str, status: Resolved, *, quantity: str,
    price: str, author: str, reason: str, ts: int,
) -> ExecutionReport:  # fmt: skip
    """What a person says of an open order.

    Args:
        context: Of the live run.
        found: Its open orders.
        client_order_id: The one meant.
        status: What became of it.
        quantity: Of a fill: what has filled beyond what was reported; empty: all that is left.
        price: Of a fill.
        author: Who says so.
        reason: Why.
        ts: Wall time, ns.

    Raises:
        ConfigError: There is no gateway, no such open order, or a number that does not go with the status.
    """
    if not context.run.gateway:
        raise ConfigError(
            "the paper venue answers its own orders", kind="no_gateway", got=f"run {context.run.run}",
            allowed="a run with an execution system", where="tapedeck risk resolve",
        )  # fmt: skip
    order = next((o for o in found if o.client_order_id == client_order_id), None)
    if order is None:
        known = ", ".join(o.client_order_id for o in found[:SHOWN_MAX]) or "no order is open"
        raise ConfigError("no such open order", kind="not_open", got=client_order_id, allowed=known, where="ORDER",
                          fix="tapedeck risk orders shows them")  # fmt: skip
    fills = status in ("filled", "partially_filled")
    if not fills and (quantity or price):
        raise ConfigError("nothing fills", kind="bad_resolution", got=f"--status {status} with a quantity or price",
                          allowed="--status filled or partially_filled with them", where="--status")  # fmt: skip
    return ExecutionReport(
        execution_id=f"person-{ts}", client_order_id=client_order_id, status=status, ts=ts,
        last_quantity=_decimal(quantity or order.left, "--quantity") if fills else "0",
        last_price=_decimal(price, "--price") if fills else "0", author=author, reason=reason,
    )  # fmt: skip


def resolve(log: Log, context: Context, report: ExecutionReport) -> None:
    """Put a person's report where the gateway's are.

    Raises:
        DeliveryError: It is not known whether it is there. Said again it is another report: it cannot count twice, as
            the order is closed by the first, or its quantity used up.
    """
    appender = log.appender()
    try:
        topic = topic_name("", PRIMARY["gateway"], context.run.gateway or "")
        appender.append(topic, 0, report.client_order_id.encode(), msgspec.json.encode(report), None)
        if appender.flush(FLUSH_S_MAX):
            raise DeliveryError("a report is not acknowledged", kind="unacknowledged", where=topic,
                                fix="see tapedeck risk orders, then say it again")  # fmt: skip
    finally:
        appender.close()


def _working(log: Log) -> dict[str, tuple[int, str]]:
    """Reports and the venue's id by client order id, as the gateway task knows them."""
    state = gateway_state(log)
    return {} if state is None else {n: (w.reports, w.venue_order_id) for n, w in state.working.items()}


def _decimal(text: str, where: str) -> str:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if not 0 < value < 10**9 or value != round(value, 9):
        raise ConfigError("not a decimal above 0", kind="bad_resolution", got=text or "nothing", where=where,
                          allowed="above 0 and below 1e9, nine places")  # fmt: skip
    return f"{value:f}"
