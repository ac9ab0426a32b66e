"""Laws of live risk: the places of what it is told decide, not how they are cut; no state lets through what it forbids.

A day is a list of what risk reads, in one order: intents, and before each of them what came on the sides. Two ways of
playing the same day may batch the intents as they like, mix the topics of one place, and go on from stored bytes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import msgspec
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.risk import Risk
from agents.standing import SEVERITY, Standing
from schemas.clock import Clock
from schemas.codec import encode
from schemas.control import Halt, LimitChange, LimitsChanged, Resume
from schemas.decision import Decision
from schemas.document import Document
from schemas.execution import Execution
from schemas.intent import Intent
from schemas.tick import FLAG_CROSSED, FLAG_DEPTH_UNSYNCED
from streams.agent import Batch
from tests.risk_desk import INVERSE, SECOND, SPOT, START, WIDE, Desk, intent, live_desk

STEP = SECOND // 20
SAID: dict[str, Any] = {"author": "j.doe", "reason": "law", "ts": START}
SCOPES = [("all", ""), ("account", "a"), ("account", "b"), ("strategy", "s"), ("instrument", SPOT), ("instrument", "")]
TABLES = [
    ("account", "", "message_rate_max"), ("account", "", "clock_age_max_ms"), ("default", "", "notional_max"),
    ("instrument", SPOT, "quantity_max"), ("instrument", SPOT, "position_max"), ("account", "", "nonsense"),
]  # fmt: skip

few = settings(deadline=None, max_examples=150)


@dataclass(frozen=True)
class Event:
    """Something risk reads: on ``topic``; an intent where that is ``intent``."""

    topic: str
    document: Document


def report(of: int, index: int, quantity: int, final: bool) -> Execution:
    return Execution(
        execution_id=f"id{of}-{index}", client_order_id=f"id{of}", root=intent().root, ts=START, account="a",
        strategy="s", instrument_id=1, instrument=SPOT, side="buy", status="filled", last_quantity=quantity,
        last_price=1, cumulative_quantity=quantity, leaves_quantity=0, report_index=index, final=final,
    )  # fmt: skip


@st.composite
def halts(draw: st.DrawFn) -> Document:
    scope, name = draw(st.sampled_from(SCOPES))
    kind: Any = draw(st.sampled_from([Halt, Resume, Resume]))
    more = {"state": draw(st.sampled_from(["REDUCING", "HALTED"]))} if kind is Halt else {}
    said: Document = kind(scope=scope, name=name, **more, **SAID)
    return said


@st.composite
def limit_changes(draw: st.DrawFn) -> Document:
    made = []
    for table, name, key in draw(st.lists(st.sampled_from(TABLES), min_size=1, max_size=2)):
        value: Any = draw(st.sampled_from([None, 1, 5, 500, "0.002", "1000", -1]))
        made.append(LimitChange(table=table, name=name, key=key, value=value))  # type: ignore[arg-type]
    return LimitsChanged(changes=made, **SAID)


@st.composite
def intents(draw: st.DrawFn, number: int, ts: int) -> Intent:
    asked = intent(
        draw(st.sampled_from([number, number, number, max(0, number - 1)])), ts=ts, price=100.0,
        side=draw(st.sampled_from(["buy", "sell"])), quantity=draw(st.integers(-1, 1_200)),
        instrument=draw(st.sampled_from([SPOT, SPOT, INVERSE])),
        flags=draw(st.sampled_from([0, 0, 0, FLAG_CROSSED, FLAG_DEPTH_UNSYNCED])),
    )  # fmt: skip
    if draw(st.integers(0, 5)) == 0:
        asked = msgspec.structs.replace(asked, action="cancel", cancels=draw(st.sampled_from(["id0", ""])))
    return asked


@st.composite
def days(draw: st.DrawFn) -> list[Event]:
    events: list[Event] = []
    number, ts = 0, START
    for kind in draw(st.lists(st.sampled_from("iiiichrl"), min_size=5, max_size=60)):
        if kind == "i":
            ts += draw(st.integers(0, 3)) * STEP
            events.append(Event("intent", draw(intents(number, ts))))
            number += 1
        elif kind == "c":
            events.append(Event("clock", Clock(ts=ts - draw(st.integers(-2, 30)) * STEP)))
        elif kind == "h":
            events.append(Event("control", draw(halts())))
        elif kind == "l":
            events.append(Event("control", draw(limit_changes())))
        else:
            made = report(
                draw(st.integers(0, max(0, number))), draw(st.integers(0, 2)), draw(st.integers(0, 1_300)),
                draw(st.booleans()),
            )  # fmt: skip
            events.append(Event("executions", made))
    return events


def places(day: Sequence[Event]) -> list[tuple[bool, list[Event]]]:
    """The day cut into runs of intents and of side records."""
    return [(is_intent, list(run)) for is_intent, run in groupby(day, key=lambda e: e.topic == "intent")]


def played(desk: Desk, day: Sequence[Event]) -> tuple[list[bytes], bytes]:
    """Everything said, one event at a time in canonical order, and the last state."""
    said: list[bytes] = []
    for is_intent, run in places(day):
        if is_intent:
            said += [encode(d.document) for e in run for d in desk.step(e.document).documents]
        else:
            for event in sorted(run, key=lambda e: e.topic):
                desk.tell(event.topic, event.document)
    return said, desk.risk.snapshot(desk.state)


def played_another_way(desk: Desk, day: Sequence[Event], rng: random.Random) -> tuple[list[bytes], bytes]:
    """The same, batched, mixed and stored at random."""
    said: list[bytes] = []
    for is_intent, run in places(day):
        while run:
            if is_intent:
                n = rng.randint(1, len(run))
                out = desk.risk.step(desk.state, Batch.of([e.document for e in run[:n]]))
                assert out.consumed == n
                said += [encode(d.document) for d in out.documents]
                run = run[n:]
            else:
                topic = rng.choice([e.topic for e in run])
                of_topic = [e for e in run if e.topic == topic]
                taken = of_topic[: rng.randint(1, len(of_topic))]
                desk.tell(topic, *(e.document for e in taken))
                run = [e for e in run if not any(e is t for t in taken)]
            if rng.random() < 0.3:
                desk.risk = Risk(desk.context)
                desk.state = desk.risk.restore(desk.risk.snapshot(desk.state))
    return said, desk.risk.snapshot(desk.state)


@given(day=days(), seed=st.integers(0, 2**32))
@few
def test_the_same_places_give_the_same_decisions_however_they_are_cut(day: list[Event], seed: int) -> None:
    assert played_another_way(live_desk(), day, random.Random(seed)) == played(live_desk(), day)


@given(day=days())
@few
def test_no_state_lets_through_what_it_forbids_and_cancels_always_pass(day: list[Event]) -> None:
    desk, standing, clock, seen = live_desk(), Standing(), START, set[str]()
    standing.apply(desk.context.run)
    for event in day:
        if isinstance(event.document, Intent):
            _judge(desk, event.document, standing, clock, seen)
            continue
        desk.tell(event.topic, event.document)
        if isinstance(event.document, Clock):
            clock = event.document.ts
        elif event.topic == "control":
            standing.apply(event.document)


def _judge(desk: Desk, asked: Intent, standing: Standing, clock: int, seen: set[str]) -> None:
    """One decision against what was ordered, worked out anew."""
    slot = desk.context.slot_of(asked.instrument_id)
    held, same_side = int(desk.state.position[slot]), desk.state.open_same_side(slot, asked.side)
    (decision,) = [d.document for d in desk.step(asked).documents if isinstance(d.document, Decision)]
    approved = decision.verdict == "approved"
    limits, own = standing.limits, standing.limits["instrument"].get(asked.instrument, {})
    lacking = any(key not in limits["account"] for key in ("message_rate_max", "clock_age_max_ms")) or any(
        key not in {**limits["default"], **own}
        for key in ("price_collar_bps", "touch_age_max_ms", "notional_max", "quantity_max", "position_max")
    )
    stale = asked.ts - clock > limits["account"].get("clock_age_max_ms", 0) * 1_000_000
    severity = SEVERITY[standing.state_of(asked.account, asked.strategy, asked.instrument)]
    if asked.action == "cancel":
        assert approved == (asked.client_order_id not in seen and bool(asked.cancels))
    elif approved:
        assert severity < 2
        assert not lacking
        assert not stale
        if severity == 1 or asked.flags:
            after = held + same_side + (asked.quantity if asked.side == "buy" else -asked.quantity)
            assert abs(after) < abs(held)
            assert after * held >= 0
    seen.add(asked.client_order_id)


@given(
    held=st.integers(-1_000, 1_000),
    asked=st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 1_100)), max_size=25),
    seed=st.integers(0, 2**32),
)
@few
def test_while_reducing_no_position_grows_or_turns_around(held: int, asked: list[tuple[Any, int]], seed: int) -> None:
    rng, desk = random.Random(seed), live_desk()
    desk.state.position[0] = held
    desk.tell("control", Halt(scope="all", state="REDUCING", **SAID))
    working: list[list[Any]] = []
    before = held
    for number, (side, quantity) in enumerate(asked):
        _, order = desk.decide(intent(number, side=side, quantity=quantity))
        if order is not None:
            working.append([order, order.quantity, 0])
        for work in list(working):
            if rng.random() < 0.5:
                filled = rng.randint(0, work[1])
                final = rng.random() < 0.5
                desk.report(work[0], filled, work[2], final=final)
                work[1], work[2] = work[1] - filled, work[2] + 1
                if final:
                    working.remove(work)
            now = int(desk.state.position[0])
            assert abs(now) <= abs(before)
            assert now * held >= 0
            before = now
    assert desk.state.strangers == 0
    still_open = sum(work[1] for work in working)
    assert int(desk.state.open_buys[0] + desk.state.open_sells[0]) == still_open


@given(day=days(), cut=st.integers(0, 60))
@few
def test_what_people_ordered_is_the_same_from_stored_bytes(day: list[Event], cut: int) -> None:
    said = [e.document for e in day if e.topic == "control"]
    straight, stored = Standing(), Standing()
    for i, document in enumerate(said):
        if i == cut % (len(said) + 1):
            stored = Standing.load(orjson.loads(orjson.dumps(stored.dump())))
        assert straight.apply(document) == stored.apply(document)
    assert orjson.dumps(stored.dump()) == orjson.dumps(straight.dump())


def test_the_days_are_worth_trying() -> None:
    """A usual day has approvals, so that a law which forbids some is not kept by forbidding all."""
    day = [Event("intent", intent(n, ts=START + n * STEP, quantity=1)) for n in range(10)]
    said, _ = played(live_desk(), day)
    assert sum(b'"verdict":"approved"' in document for document in said) == 10
    assert WIDE["account"]["clock_age_max_ms"] * 1_000_000 > 10 * STEP
