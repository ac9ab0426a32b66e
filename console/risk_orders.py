"""``tapedeck risk orders`` and ``risk resolve``: orders that nobody has answered, and a person's word on one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from console.cluster import running
from console.risk_write import WAIT_S, Author, Json, Reason, Wait, author_of, say, text_of

POLL_S = 0.2


class Became(StrEnum):
    """What became of an order."""

    filled = "filled"
    partially_filled = "partially_filled"
    cancelled = "cancelled"
    rejected = "rejected"


def orders(context: typer.Context, json: Json = False) -> None:
    """Orders without their last report: they count against the limits and are held until one comes.

    As the risk task has last committed: an order of this very moment may be missing, or be answered already.
    """
    from agents.context import read_context
    from agents.open_orders import gateway_state, open_orders
    from streams.clock import wall_ns
    from streams.kafka import connect

    log = connect(running(context))
    try:
        run = read_context(log, "")
        found = open_orders(log, run)
        state = gateway_state(log) if run.run.gateway else None
    finally:
        log.close()
    now, repeats = wall_ns(), 0 if state is None else state.repeats
    lines = _lines(found, now)
    if repeats:
        lines.append(f"{repeats:,} reports were repeats, and were dropped")
    say({**_as_json(run, found, now), "repeats": repeats}, lines, json)


def resolve(
    context: typer.Context,
    order: Annotated[str, typer.Argument(metavar="ORDER", show_default=False, help="Its client order id.")],
    status: Annotated[Became, typer.Option("--status", show_default=False, help="What became of it at the venue.")],
    reason: Reason,
    quantity: Annotated[
        str, typer.Option(metavar="Q", show_default=False, help="Of a fill [default: all that is left].")
    ] = "",
    price: Annotated[str, typer.Option(metavar="P", show_default=False, help="Of a fill.")] = "",
    author: Author = None,
    wait: Wait = WAIT_S,
    json: Json = False,
) -> None:
    """Say in the gateway's stead what became of an order that it leaves unanswered.

    The report goes where the gateway's go, with your name, and counts as one of them: once, and never beyond the
    order's quantity. Look at the venue first: the position follows what you say.
    """
    import msgspec

    from agents.context import read_context
    from agents.open_orders import open_orders, report_of
    from agents.open_orders import resolve as put
    from streams.clock import monotonic_s, sleep_s, wall_ns
    from streams.kafka import connect

    log = connect(running(context))
    try:
        run = read_context(log, "")
        report = report_of(
            run, open_orders(log, run), order, status.value, quantity=quantity, price=price,
            author=author_of(author), reason=text_of(reason, "--reason"), ts=wall_ns(),
        )  # fmt: skip
        put(log, run, report)
        until = monotonic_s() + wait
        final = status is not Became.partially_filled
        found = open_orders(log, run)
        while final and any(o.client_order_id == order for o in found) and monotonic_s() < until:
            sleep_s(POLL_S)
            found = open_orders(log, run)
    finally:
        log.close()
    closed = not any(o.client_order_id == order for o in found)
    told = {"report": msgspec.to_builtins(report), "closed": closed, "open": len(found)}
    heard = "the risk task has taken note" if closed else "the risk task has not taken its last report yet"
    say(told, [f"reported on {order}: {status.value}", heard, *_lines(found, wall_ns())], json)


def _as_json(run: Any, found: Any, now: int) -> dict[str, Any]:
    from dataclasses import asdict

    shown = [{**asdict(o), "age_ms": (now - o.approved_ns) // 1_000_000} for o in found]
    return {"run": run.run.run, "gateway": run.run.gateway or None, "open": shown}


def _lines(found: Any, now: int) -> list[str]:
    from console.risk_words import age

    lines = []
    for order in found:
        word = "not acknowledged" if not order.reports else f"{order.reports} reports"
        since = age(max(0, now - order.approved_ns))
        lines.append(f"{order.client_order_id}  {order.instrument} {order.side} {order.left} left, {since}, {word}")
    return lines or ["no order is open"]
