"""Orders that rest: each is moved once at a time, also by a run that lets none rest."""

from __future__ import annotations

from typing import Any

from agents.answers import NEVER
from agents.resting import Resting
from schemas.execution import Execution
from tests.gateway_desk import Hop, order, report


def answer(name: str, status: str) -> Any:
    made = Hop(order(name)).step(report(name, status)).documents[0].document
    assert isinstance(made, Execution)
    return made


def succeeded(working_ms: float) -> Resting:
    """A run that takes over an order which has rested for long enough."""
    before = Resting(1, 40.0)
    before.begin(0, "a", "buy", 1)
    after = Resting(1, working_ms)
    after.restore(*before.dump(), [0])
    assert after.overdue[0] != NEVER
    return after


def test_a_run_that_lets_none_rest_moves_what_it_took_over_once() -> None:
    after = succeeded(0.0)
    after.begin(0, "r1", "buy", 100_000_000)
    assert after.overdue[0] == NEVER, "no further one with the next tick"
    assert after.newest(0) == ("r1", "buy")
    after.settle(0, answer("a", "cancelled"))
    assert after.overdue[0] == NEVER, "an immediate-or-cancel order ends by itself"
    after.settle(0, answer("r1", "cancelled"))
    assert not after.dump()[0]


def test_it_moves_it_again_where_that_was_refused() -> None:
    after = succeeded(0.0)
    after.begin(0, "r1", "buy", 100_000_000)
    after.settle(0, answer("r1", "rejected"))
    assert (after.newest(0), after.overdue[0] != NEVER) == (("a", "buy"), True)


def test_a_new_order_of_such_a_run_does_not_rest() -> None:
    resting = Resting(1, 0.0)
    resting.begin(0, "a", "buy", 1)
    assert not resting.dump()[0]
