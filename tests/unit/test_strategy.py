"""The strategy: score to target to intent; its position from executions and from nothing else."""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec
import numpy as np
import pytest

from agents.context import context_of
from agents.strategy import Strategy
from agents.touch_pressure import STEPS
from feeds.definitions import BY_INSTRUMENT, DEFINITIONS
from replay.plan import STRATEGY, PlayPlan
from schemas.codec import encode
from schemas.columns import PRICE_UNDEFINED
from schemas.decision import Decision
from schemas.execution import Execution
from schemas.intent import Intent
from schemas.score import SCORE
from schemas.tick import FLAG_CORRECTION, FLAG_CROSSED, FLAG_RETRACTION
from streams.agent import Batch, Out

MS = 1_000_000
LATENCY = 50 * MS
REST = 250 * MS
VALID = 1_000 * MS
START = 1_723_161_254_000 * MS
BTC = BY_INSTRUMENT["spot:BTCUSDT"]
FULL = 40_000
"""Largest position in units, as the default parameters say: 0.4 BTC."""


def score(value: float, at: int = 0, *, bid: int = 99, ask: int = 101, of: int = BTC.instrument_id, seq: int = 0,
          flags: int = 0, publisher: int = 1) -> Any:  # fmt: skip
    row = np.zeros(1, dtype=SCORE)
    row["score"], row["ts_log"], row["ts_touch"], row["instrument_id"] = value, START + at, START + at - 5, of
    row["bid_price"], row["ask_price"], row["bid_size"], row["ask_size"] = bid, ask, 3, 4
    row["publisher_id"], row["root_seq"], row["root_part"], row["flags"] = publisher, seq, 2, flags
    return row


class Seat:
    """A strategy with its state."""

    def __init__(self, *, listens: bool = True, mode: Literal["live", "play"] = "play") -> None:
        plan = PlayPlan(run="r", venue_latency_ns=LATENCY)
        opening = msgspec.structs.replace(plan.opening(), mode=mode)
        self.strategy = Strategy(context_of(opening, DEFINITIONS), listens=listens)
        self.state = self.strategy.start()

    def step(self, *rows: Any) -> Out:
        return self.strategy.step(self.state, Batch.of(np.concatenate(rows)))

    def intents(self, *rows: Any) -> list[Intent]:
        out = self.step(*rows)
        assert out.consumed == len(rows)
        found = [d.document for d in out.documents if isinstance(d.document, Intent)]
        assert len(found) == len(out.documents)
        for document in found:
            assert encode(document)
        return found

    def answer(
        self, intent: Intent, filled: int, index: int = 0, *, final: bool = True, strategy: str = STRATEGY
    ) -> None:
        report = Execution(
            execution_id=f"{intent.client_order_id}-{index}", client_order_id=intent.client_order_id,
            root=intent.root, ts=intent.ts + LATENCY, account="demo", strategy=strategy,
            instrument_id=intent.instrument_id, instrument=intent.instrument, side=intent.side, status="filled",
            last_quantity=filled, last_price=1, cumulative_quantity=filled, leaves_quantity=0, report_index=index,
            final=final,
        )  # fmt: skip
        self.strategy.offer(self.state, "executions", [report], ended=False)

    def decide(self, intent: Intent, verdict: Any) -> None:
        decision = Decision(
            client_order_id=intent.client_order_id, root=intent.root, ts=intent.ts, account="demo", strategy=STRATEGY,
            instrument_id=intent.instrument_id, instrument=intent.instrument, verdict=verdict, reasons=[], checks=[],
        )  # fmt: skip
        self.strategy.offer(self.state, "orders.decision", [decision], ended=False)

    @property
    def position(self) -> int:
        return int(self.state.position[0])


def test_an_intent_carries_what_was_seen_and_wanted() -> None:
    (intent,) = Seat().intents(score(1.0, seq=17))
    assert (intent.side, intent.quantity, intent.limit_price) == ("buy", FULL, 101)
    assert (intent.position, intent.target, intent.score) == (0, FULL, 1.0)
    assert (intent.ts, intent.valid_until) == (START, START + VALID)
    assert (intent.touch.bid_price, intent.touch.ask_price, intent.touch.ts) == (99, 101, START - 5)
    assert (intent.root.source, intent.root.seq, intent.root.part) == ("binance", 17, 2)
    assert intent.client_order_id == f"{STRATEGY}-binance-17-2"
    assert len(intent.model) == len(intent.view) == 64


def test_a_sale_is_at_the_bid() -> None:
    (intent,) = Seat().intents(score(-1.0))
    assert (intent.side, intent.limit_price, intent.target) == ("sell", 99, -FULL)


@pytest.mark.parametrize(
    ("value", "steps"),
    [(0.0, 0), (0.249, 0), (0.25, 1), (0.5, 2), (0.99, 3), (1.0, 4), (7.0, 4), (-0.249, 0), (-0.25, -1), (-9.0, -4)],
)
def test_the_target_moves_in_whole_steps_up_to_the_full_position(value: float, steps: int) -> None:
    intents = Seat().intents(score(value))
    assert [i.target for i in intents] == ([steps * FULL // STEPS] if steps else [])


@pytest.mark.parametrize(
    "row",
    [
        score(1.0, bid=PRICE_UNDEFINED), score(1.0, ask=PRICE_UNDEFINED), score(1.0, flags=FLAG_CROSSED),
        score(1.0, flags=FLAG_RETRACTION), score(1.0, flags=FLAG_CORRECTION),
        score(math.nan), score(math.inf), score(-math.inf), score(1.0, of=99), score(1.0, of=4_000_000_000),
        score(1.0, of=0),
    ],
    ids=["no bid", "no offer", "crossed", "bust", "correction", "NaN", "infinite", "minus infinite", "unknown",
         "beyond the table", "id 0"],
)  # fmt: skip
def test_where_there_is_nothing_to_go_by_it_wants_nothing(row: Any) -> None:
    assert Seat().intents(row) == []


def test_a_publisher_without_a_name_is_named_by_its_number() -> None:
    (intent,) = Seat().intents(score(1.0, publisher=999))
    assert intent.root.source == "999"


def test_while_one_intent_is_unanswered_no_other_goes_out_for_the_instrument() -> None:
    seat = Seat()
    eth = BY_INSTRUMENT["spot:ETHUSDT"].instrument_id
    intents = seat.intents(score(1.0, seq=1), score(-1.0, 1, seq=2), score(1.0, 2, of=eth, seq=3))
    assert [i.root.seq for i in intents] == [1, 3]


@pytest.mark.parametrize(("at", "waits"), [(LATENCY - 1, False), (LATENCY, True)])
def test_it_waits_for_an_answer_at_the_first_row_at_or_after_its_time(at: int, waits: bool) -> None:
    seat = Seat()
    out = seat.step(score(1.0), score(1.0, at))
    assert bool(out.waits) == waits
    assert out.consumed == (1 if waits else 2)
    assert set(out.waits) <= {"executions", "orders.decision"}


def test_what_it_had_consumed_before_waiting_is_not_seen_again() -> None:
    seat = Seat()
    rows = [score(1.0, seq=1), score(1.0, LATENCY, seq=2), score(-1.0, LATENCY + REST, seq=3)]
    first = seat.step(*rows)
    (intent,) = [d.document for d in first.documents]
    assert isinstance(intent, Intent)
    seat.answer(intent, intent.quantity)
    assert [i.root.seq for i in seat.intents(*rows[first.consumed :])] == [3]


def test_its_position_follows_executions() -> None:
    seat = Seat()
    (intent,) = seat.intents(score(1.0))
    seat.answer(intent, 15_000, 0, final=False)
    seat.answer(intent, 0, 1)
    assert seat.position == 0, "a report takes effect at its time"
    (following,) = seat.intents(score(0.0, LATENCY), score(0.5, REST, seq=9))
    assert seat.position == 15_000
    assert (following.position, following.target, following.side) == (15_000, 20_000, "buy")
    assert following.quantity == 5_000


def test_a_denial_leaves_the_position_and_frees_the_instrument() -> None:
    seat = Seat()
    (intent,) = seat.intents(score(1.0))
    seat.decide(intent, "denied")
    (again,) = seat.intents(score(1.0, REST, seq=1))
    assert (again.position, again.quantity) == (0, FULL)


def test_an_approval_is_no_answer() -> None:
    seat = Seat()
    (intent,) = seat.intents(score(1.0))
    seat.decide(intent, "approved")
    assert seat.step(score(1.0, LATENCY)).waits


def test_another_strategys_executions_are_none_of_its_business() -> None:
    seat = Seat()
    (intent,) = seat.intents(score(1.0))
    seat.answer(intent, FULL, strategy="another")
    assert seat.step(score(1.0, LATENCY)).waits
    assert seat.state.answers.dump()["inbox"] == []


def test_live_an_answer_counts_by_its_id_though_the_order_left_under_another_name() -> None:
    seat = Seat(mode="live")
    (intent,) = seat.intents(score(1.0))
    seat.answer(intent, FULL, strategy="the one before")
    assert seat.position == FULL
    assert not seat.state.unanswered.any()


@pytest.mark.parametrize(("at", "sent"), [(REST - 1, 0), (REST, 1)])
def test_an_instrument_rests_after_an_intent(at: int, sent: int) -> None:
    seat = Seat()
    (intent,) = seat.intents(score(1.0))
    seat.answer(intent, 0)
    assert len(seat.intents(score(1.0, at, seq=1))) == sent


def test_at_its_target_it_wants_nothing() -> None:
    seat = Seat()
    (intent,) = seat.intents(score(1.0))
    seat.answer(intent, FULL)
    assert seat.intents(score(1.0, REST, seq=1), score(2.0, 2 * REST, seq=2)) == []


def test_at_the_end_it_awaits_the_last_answers() -> None:
    seat = Seat()
    (intent,) = seat.intents(score(1.0))
    assert seat.strategy.finish(seat.state).waits == ("executions", "orders.decision")
    seat.answer(intent, 5)
    out = seat.strategy.finish(seat.state)
    assert (out.waits, out.documents) == ((), [])
    assert seat.position == 5


def test_one_that_does_not_listen_never_learns_its_position() -> None:
    seat = Seat(listens=False)
    (intent,) = seat.intents(score(1.0))
    seat.answer(intent, FULL)
    (again,) = seat.intents(score(1.0, REST, seq=1))
    assert (again.position, again.quantity) == (0, FULL)


def test_an_instrument_without_a_largest_position_is_not_traded() -> None:
    plan = PlayPlan(run="r", venue_latency_ns=LATENCY)
    opening = plan.opening()
    opening.parameters["position_max"] = {}
    seat = Seat()
    seat.strategy = Strategy(context_of(opening, DEFINITIONS))
    seat.state = seat.strategy.start()
    assert seat.intents(score(1.0), score(-1.0, REST)) == []


def test_the_latest_time_there_is_does_not_hold_the_strategy_up() -> None:
    seat = Seat()
    row = score(0.0)
    row["ts_log"] = 2**63 - 1
    assert seat.step(row).consumed == 1
