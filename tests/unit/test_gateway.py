"""The gateway hop: reports become executions, once; what no order can have changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents import working_orders
from agents.working_orders import KIND, ORDER_REPORTS_MAX
from schemas.codec import encode
from schemas.execution import Execution
from streams.agent import Batch, Payload
from streams.state_bytes import dump, load
from tests.gateway_desk import GATEWAY, REFUSED, TS, Hop, order, report, units


def test_an_order_is_acknowledged_and_filled_in_parts() -> None:
    hop = Hop(order())
    out = hop.step(report(), report(status="partially_filled", last=4), report(status="filled", last=6))
    made: list[Any] = [d.document for d in out.documents]
    assert [(e.status, e.last_quantity, e.cumulative_quantity, e.leaves_quantity, e.final) for e in made] == [
        ("acknowledged", 0, 0, 10, False), ("partially_filled", 4, 4, 6, False), ("filled", 6, 10, 0, True),
    ]  # fmt: skip
    assert [e.report_index for e in made] == [0, 1, 2]
    assert {(e.last_price, e.ts, e.ts_event, e.root.seq) for e in made[1:]} == {(61_000_500_000_000, TS + 5, TS, 1)}
    assert out.documents[0].key == b"spot:BTCUSDT"
    assert not hop.state.working


@pytest.mark.parametrize("status", ["cancelled", "rejected"])
def test_what_is_left_ends(status: str) -> None:
    hop = Hop(order())
    assert hop.said(report(status="partially_filled", last=4), report(status=status)) == [
        ("o1", "partially_filled", 4, False), ("o1", status, 0, True),
    ]  # fmt: skip


def test_a_cancel_closes_itself_and_the_order_it_names() -> None:
    hop = Hop(order(), order("c1", 0, action="cancel", cancels="o1"))
    assert hop.said(report("c1", "cancelled")) == [("o1", "cancelled", 0, True), ("c1", "cancelled", 0, True)]


def test_a_cancel_that_is_refused_leaves_the_order() -> None:
    hop = Hop(order(), order("c1", 0, action="cancel", cancels="o1"))
    assert hop.said(report("c1", "rejected")) == [("c1", "rejected", 0, True)]
    assert list(hop.state.working) == ["o1"]


def test_a_replace_closes_the_order_it_names_and_works_on() -> None:
    hop = Hop(order(), order("r1", 7, action="replace", cancels="o1"))
    assert hop.said(report(status="partially_filled", last=4), report("r1", "replaced"), report("r1", "filled", 7)) == [
        ("o1", "partially_filled", 4, False), ("o1", "replaced", 0, True), ("r1", "acknowledged", 0, False),
        ("r1", "filled", 7, True),
    ]  # fmt: skip


def test_a_replace_fills_once_it_has_replaced() -> None:
    hop = Hop(order(), order("r1", 7, action="replace", cancels="o1"))
    assert hop.refused(report("r1", "filled", 7)).kind == "bad_execution.wrong_status"


def test_documents_of_one_report_have_ids_of_their_own() -> None:
    hop = Hop(order(), order("c1", 0, action="cancel", cancels="o1"))
    made: list[Any] = [d.document for d in hop.step(report("c1", "cancelled")).documents]
    assert [e.execution_id for e in made] == ["c1-cancelled-0", "c1-cancelled-0#1"]


def test_a_repeat_is_dropped_and_counted_even_after_the_end_and_at_another_time() -> None:
    hop = Hop(order())
    fill = report(status="filled", last=10)
    assert len(hop.said(fill, fill, report(status="filled", last=10, ts=TS + 9))) == 1
    assert hop.said(fill) == []
    assert hop.state.repeats == 3


def test_an_order_of_the_paper_venue_or_another_gateway_is_unknown() -> None:
    hop = Hop(order(gateway="other"))
    assert hop.refused(report()).kind == "bad_execution.unknown_order"


def test_a_report_waits_for_its_order() -> None:
    hop = Hop()
    batch = Batch.of([Payload(GATEWAY, 0, TS, b"k", report())])
    out = hop.hop.step(hop.state, batch)
    assert (out.consumed, out.waits) == (0, ("orders",))
    hop.hop.offer(hop.state, "orders", [order()], ended=False)
    assert hop.hop.step(hop.state, batch).consumed == 1


def test_the_venue_may_name_its_own_id_alone_once_it_has_told_it() -> None:
    hop = Hop(order())
    hop.said(report(venue_order_id="v7"))
    payload = b'{"fills":[{"entry_id":"e1","trade_type":"FILL","trade_time":"2024-08-09T00:00:00Z","order_id":"v7",'
    payload += f'"size":"{units(10)}","price":"5"}}]}}'.encode()
    assert hop.said(payload) == [("o1", "filled", 10, True)]


@pytest.mark.parametrize("kind", REFUSED)
def test_what_no_order_can_have_changes_nothing(kind: str) -> None:
    error = Hop(order()).refused(REFUSED[kind])
    assert error.kind == f"bad_execution.{kind}"


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("quantity_differs", report(status="filled", last=4)),
        ("bad_fill", report(status="filled", last_price="5")),
        ("bad_fill", report(status="cancelled", last=4)),
    ],
)
def test_nor_a_status_that_its_numbers_deny(kind: str, payload: bytes) -> None:
    assert Hop(order()).refused(payload).kind == f"bad_execution.{kind}"


def test_a_used_id_with_another_content_is_refused_and_the_first_stands() -> None:
    hop = Hop(order())
    hop.said(report(status="partially_filled", last=4))
    error = hop.refused(report(status="partially_filled", last=4, last_price="9"))
    assert error.kind == "bad_execution.used_id"
    assert hop.state.working["o1"].filled == 4


def test_a_report_on_an_ended_order_is_refused() -> None:
    hop = Hop(order())
    hop.said(report(status="cancelled"))
    assert hop.refused(report(status="partially_filled", last=4)).kind == "bad_execution.closed_order"


def test_what_was_refused_can_come_again() -> None:
    """As a retry of its dead letter does: once the missing fill is there."""
    hop = Hop(order())
    late = report(status="filled", last=6, cumulative_quantity=units(10))
    assert hop.refused(late).kind == "bad_execution.quantity_differs"
    assert hop.said(report(status="partially_filled", last=4), late)[-1] == ("o1", "filled", 6, True)


def test_batches_and_lives_change_nothing() -> None:
    orders = [order(), order("o2", 5), order("c1", 0, action="cancel", cancels="o2")]
    payloads = [
        report(venue_order_id="v1"), report(status="partially_filled", last=3), report("o2"), report("nobody"),
        report("c1", "cancelled"), report("o2", "filled", 5), report(status="filled", last=7), report("o2"),
    ]  # fmt: skip
    whole = Hop(*orders)
    out = whole.step(*payloads)
    piecewise = Hop(*orders)
    documents, rejects = [], []
    for payload in payloads:
        piecewise.state = piecewise.hop.restore(piecewise.hop.snapshot(piecewise.state))
        part = piecewise.step(payload)
        documents += [encode(d.document) for d in part.documents]
        rejects += [r.error.kind for r in part.rejects]
    assert documents == [encode(d.document) for d in out.documents]
    assert (
        rejects == [r.error.kind for r in out.rejects] == ["bad_execution.unknown_order", "bad_execution.closed_order"]
    )
    assert piecewise.hop.snapshot(piecewise.state) == whole.hop.snapshot(whole.state)


def test_a_person_is_named() -> None:
    made: Any = Hop(order()).step(report(status="cancelled", author="j.doe", reason="by phone")).documents[0].document
    assert isinstance(made, Execution)
    assert (made.author, made.reason) == ("j.doe", "by phone")


def lived(hop: Hop) -> Hop:
    """The hop after a death."""
    hop.state = hop.hop.restore(hop.hop.snapshot(hop.state))
    return hop


@pytest.mark.parametrize("dies", [False, True])
def test_a_fill_of_an_order_that_works_counts_once_whatever_came_between(
    dies: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working_orders, "REPORTS_MAX", 8)
    hop = Hop(order(), order("o2", 20_000))
    fill = report(status="partially_filled", last=4)
    hop.said(fill)
    hop.step(*(report("o2", "partially_filled", 1, execution_id=f"x{n}") for n in range(9)))
    assert len(hop.state.taken) == 8
    assert (lived(hop) if dies else hop).said(fill) == []
    assert hop.refused(report(status="partially_filled", last=4, last_price="9")).kind == "bad_execution.used_id"


def by_venue_id(name: str, last: int) -> bytes:
    """A fill that names the venue's own id alone."""
    fill = {"entry_id": f"e{name}{last}", "trade_type": "FILL", "trade_time": "2024-08-09T00:00:00Z", "order_id": name,
            "size": units(last), "price": "5"}  # fmt: skip
    return json.dumps({"fills": [fill]}).encode()


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("first", ["acknowledged", None])
def test_a_venue_may_keep_its_id_over_a_replace(dies: bool, first: str | None) -> None:
    hop = Hop(order(), order("r1", 7, action="replace", cancels="o1"))
    hop.said(report(venue_order_id="v"))
    if first:
        hop.said(report("r1", first, venue_order_id="v"))  # it is pending: the id is the former's yet
    assert hop.said(by_venue_id("v", 3)) == [("o1", "partially_filled", 3, False)]
    hop.said(report("r1", "replaced", venue_order_id="v"))
    if dies:
        lived(hop)
    assert hop.said(by_venue_id("v", 2)) == [("r1", "partially_filled", 2, False)]
    hop.said(report("r1", "filled", 5))
    assert hop.refused(by_venue_id("v", 1)).kind == "bad_execution.closed_order"


@pytest.mark.parametrize("action", ["cancel", "replace"])
def test_what_is_refused_leaves_the_venues_id_where_it_was(action: str) -> None:
    hop = Hop(order(), order("c1", 7 if action == "replace" else 0, action=action, cancels="o1"))
    hop.said(report(venue_order_id="v"), report("c1", "rejected", venue_order_id="v"))
    assert lived(hop).said(by_venue_id("v", 3)) == [("o1", "partially_filled", 3, False)]


def test_a_report_waits_for_its_order_whatever_became_of_another_with_the_venues_id() -> None:
    hop = Hop(order())
    hop.said(report(venue_order_id="v"), report(status="cancelled", venue_order_id="v"))
    out = hop.hop.step(hop.state, Batch.of([Payload(GATEWAY, 0, TS, b"k", report("o2", venue_order_id="v"))]))
    assert (out.consumed, out.waits) == (0, ("orders",))


def test_a_snapshot_of_an_older_build_is_read() -> None:
    hop = Hop(order())
    hop.said(report(venue_order_id="v"))
    arrays, values = load(KIND, hop.hop.snapshot(hop.state))
    del arrays["held"], values["by_venue_id"]
    hop.state = hop.hop.restore(dump(KIND, arrays, values))
    assert hop.said(report(venue_order_id="v"), by_venue_id("v", 3)) == [("o1", "partially_filled", 3, False)]


def test_an_order_with_all_its_reports_can_be_ended_yet() -> None:
    hop = Hop(order())
    hop.state.working["o1"].reports = ORDER_REPORTS_MAX
    assert hop.refused(report(status="partially_filled", last=4)).kind == "bad_execution.too_many_reports"
    assert hop.said(report(status="filled", last=10)) == [("o1", "filled", 10, True)]


def test_a_payload_that_is_read_again_for_its_order_is_refused_once_for_what_is_wrong_in_it() -> None:
    hop = Hop()
    payload = b"[" + report() + b",7]"
    batch = Batch.of([Payload(GATEWAY, 0, TS, b"k", payload)])
    out = hop.hop.step(hop.state, batch)
    assert (out.consumed, out.rejects) == (0, [])
    hop.hop.offer(hop.state, "orders", [order()], ended=False)
    out = hop.hop.step(hop.state, batch)
    assert (len(out.documents), len(out.rejects)) == (1, 1)
