"""Gateway: what an execution system says of orders, turned into executions. It works no order itself.

Its input is ``raw.<gateway>``: plain reports, or a venue's own messages (``feeds/executions``). Beside it it hears
``orders``, to know what may be reported on. A report counts once, by its execution id. One that no order of ours can
have is a dead letter and moves nothing.

A report may be read before the order it answers. So one on an unknown order waits until ``orders`` has been read to its
end; then the order is there, or the report is refused.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from agents.context import NO_SLOT, Context
from agents.reporting import Fill, fill_of, refused
from agents.working_orders import ORDER_REPORTS_MAX, Working, WorkingOrders, hash_of
from feeds.executions.table import reports_of
from feeds.executions.told import Item, Told
from schemas.errors import BadExecution
from schemas.execution import Execution
from schemas.execution_report import ReportStatus
from schemas.order import Order
from streams.agent import Batch, DocumentOut, Out, Payload, Reject, Rows

ORDERS = "orders"


class Gateway:
    """The hop."""

    name = "gateway"
    reads = "raw.<source>"
    sides = (ORDERS,)
    writes = ("executions",)

    def __init__(self, context: Context) -> None:
        self._context = context
        self._name = context.run.gateway or ""

    def start(self) -> WorkingOrders:
        """No order known."""
        return WorkingOrders()

    def step(self, state: WorkingOrders, batch: Batch) -> Out:
        """Take reports in, payload by payload; stops at one on an order that may yet be read."""
        out = Out(consumed=0)
        for index, payload in enumerate(batch.items):
            try:
                reports = reports_of(payload.value)
            except BadExecution as error:
                reports = [error]
            if not state.heard_all and any(self._may_come(state, told) for told in reports):
                out.waits = self.sides
                break
            for told in reports:
                try:
                    if isinstance(told, BadExecution):
                        raise told
                    self._take(state, told, payload, index, out)
                except BadExecution as error:
                    out.rejects.append(Reject(index, error))
            state.heard_all = False
            out.consumed += 1
        return out

    def offer(self, state: WorkingOrders, topic: str, items: Rows | list[Any], *, ended: bool) -> None:
        """Orders for this gateway. ``ended``: there are no more for now."""
        del topic
        for order in items:
            if isinstance(order, Order) and order.gateway == self._name:
                state.add(order)
        state.heard_all = ended

    def finish(self, state: WorkingOrders) -> Out:
        """Nothing is held back."""
        del state
        return Out(consumed=0)

    def snapshot(self, state: WorkingOrders) -> bytes:
        """Orders that work, ends and reports."""
        return state.dump()

    def restore(self, data: bytes) -> WorkingOrders:
        """State from a snapshot."""
        return WorkingOrders.load(data)

    def _may_come(self, state: WorkingOrders, told: Item) -> bool:
        """Whether a report names an order that is not known, and is none of the venue's own."""
        if isinstance(told, BadExecution):
            return False
        known = state.find(told.client_order_id, told.venue_order_id) is not None
        ended = state.has_ended(told.client_order_id, told.venue_order_id)
        return not (known or ended or told.forced) and state.said(told.execution_id, None) is None

    def _take(self, state: WorkingOrders, told: Told, payload: Payload, index: int, out: Out) -> None:
        found = state.find(told.client_order_id, told.venue_order_id)
        before = state.said(told.execution_id, found)
        if before is not None:
            if before != hash_of(told.content):
                raise refused(told, "used_id", "a used execution id, and another content", "what was said first")
            state.repeats += 1
            return
        if found is None:
            if told.forced:
                raise refused(told, "forced", f"the venue's own trade: {told.forced}", "orders of this desk")
            if state.has_ended(told.client_order_id, told.venue_order_id):
                raise refused(told, "closed_order", "a report on an order that has ended", "an order that works")
            raise refused(told, "unknown_order", "a report on an order that was never sent", "an order of orders")
        slot = self._context.slot_of(found.order.instrument_id)
        definition = self._context.instruments[slot] if slot != NO_SLOT else None
        named = state.working.get(found.order.cancels)
        fill = fill_of(found, named, told, definition)
        documents = _documents(found, named, told.status, fill)
        ending = [made for made, _, final, _ in documents if final]
        if found.reports >= ORDER_REPORTS_MAX and not any(made is found for made in ending):
            raise refused(told, "too_many_reports", f"report {found.reports:,} on an order", "one that ends it")
        state.named(found, told.venue_order_id, next((made for made in ending if made is not found), None))
        state.take(found, told.execution_id, told.content)
        for number, (made, status, final, filled) in enumerate(documents):
            execution = _execution(made, told, status, payload.ts_recv, number, final=final, fill=filled)
            out.documents.append(DocumentOut("executions", made.order.instrument.encode(), execution, index))
            made.reports += 1
            if final:
                state.end(made)


_Made = tuple[Working, ReportStatus, bool, Fill | None]


def _documents(found: Working, named: Working | None, said: str, fill: Fill | None) -> list[_Made]:
    """What a report comes to: which order, its status, whether that is its last, and the fill."""
    made: list[_Made] = []
    if fill is not None:
        whole = fill.cumulative == found.order.quantity
        made.append((found, "filled" if whole else "partially_filled", whole, fill))
        if whole:
            return made
    if said == "acknowledged":
        made.append((found, "acknowledged", False, None))
    elif said == "replaced":
        made += [(named, "replaced", True, None)] if named is not None else []
        made.append((found, "acknowledged", False, None))
    elif said == "cancelled":
        made += [(named, "cancelled", True, None)] if named is not None and found.order.action == "cancel" else []
        made.append((found, "cancelled", True, None))
    elif said == "rejected":
        made.append((found, "rejected", True, None))
    return made


def _execution(
    made: Working, told: Told, status: ReportStatus, ts_recv: int, number: int, *, final: bool, fill: Fill | None
) -> Execution:
    order = made.order
    if fill is not None:
        made.filled, made.paid = fill.cumulative, made.paid + fill.cost
    return Execution(
        execution_id=f"{told.execution_id}#{number}" if number else told.execution_id,
        client_order_id=order.client_order_id, root=order.root,
        ts=max(order.ts, ts_recv), account=order.account, strategy=order.strategy, instrument_id=order.instrument_id,
        instrument=order.instrument, side=order.side, status=status,
        last_quantity=0 if fill is None else fill.quantity, last_price=0 if fill is None else fill.price,
        cumulative_quantity=made.filled, leaves_quantity=0 if final else made.left, report_index=made.reports,
        final=final, reason=told.reason, ts_event=told.ts, venue_order_id=made.venue_order_id or UNSET,
        author=told.author or UNSET,
    )  # fmt: skip
