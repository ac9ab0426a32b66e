"""Answers: in play each at its own log time, wherever it lies in the log; live each where it is read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from agents.answers import NEVER, Answer, Answers, Pending
from schemas.decision import Decision
from schemas.document import Root
from schemas.errors import StateDiverged
from schemas.execution import Execution

ROOT = Root(source="test", seq=1)
SAID: dict[str, Any] = {"root": ROOT, "account": "a", "strategy": "s", "instrument_id": 1, "instrument": "spot:BTCUSDT"}


def report(of: str, index: int = 0, *, final: bool = True, ts: int = 10) -> Execution:
    return Execution(
        execution_id=f"{of}-{index}", client_order_id=of, ts=ts, side="buy", status="filled", last_quantity=1,
        last_price=1, cumulative_quantity=1, leaves_quantity=0, report_index=index, final=final, **SAID,
    )  # fmt: skip


def decision(of: str, verdict: Any = "denied") -> Decision:
    return Decision(client_order_id=of, ts=1, verdict=verdict, reasons=[], checks=[], **SAID)


def expecting(*due: tuple[str, int]) -> Answers:
    answers = Answers()
    for name, at in due:
        answers.expect(Pending(name, at, 0))
    return answers


def names(taken: list[tuple[Pending, list[Any]]] | None) -> list[str] | None:
    return None if taken is None else [pending.client_order_id for pending, _ in taken]


def test_with_nothing_sent_nothing_is_due() -> None:
    assert Answers().due == NEVER
    assert Answers().take_due(NEVER - 1) == []


def test_an_answer_takes_effect_at_its_time_and_not_before() -> None:
    answers = expecting(("a", 10))
    answers.put(report("a"))
    assert answers.due == 10
    assert answers.take_due(9) == []
    assert names(answers.take_due(10)) == ["a"]
    assert answers.due == NEVER


def test_what_is_due_is_waited_for() -> None:
    answers = expecting(("a", 10), ("b", 20))
    assert answers.take_due(15) is None
    answers.put(report("b"))
    assert answers.take_due(15) is None, "an answer to another id is none"
    answers.put(report("a"))
    assert names(answers.take_due(15)) == ["a"]


def test_all_that_is_due_comes_at_once_or_not_at_all() -> None:
    answers = expecting(("a", 10), ("b", 20), ("c", 30))
    answers.put(report("a"))
    assert answers.take_due(20) is None
    answers.put(decision("b"))
    assert names(answers.take_due(29)) == ["a", "b"]


def test_they_are_applied_in_the_order_sent_whatever_order_they_came_in() -> None:
    answers = expecting(("a", 10), ("b", 10))
    for answer in (report("b", 1), report("b", 0, final=False), report("a")):
        answers.put(answer)
    taken = answers.take_due(10)
    assert taken is not None
    assert [[getattr(x, "execution_id", "") for x in answered] for _, answered in taken] == [["a-0"], ["b-0", "b-1"]]


@pytest.mark.parametrize(
    ("answer", "final"),
    [(report("a"), True), (report("a", final=False), False), (decision("a"), True), (decision("a", "approved"), False)],
)
def test_only_a_final_report_or_a_denial_settles_an_id(answer: Any, final: bool) -> None:
    answers = expecting(("a", 10))
    answers.put(answer)
    assert (answers.take_due(10) is not None) == final


def test_an_answer_may_come_before_its_id_is_sent() -> None:
    answers = Answers()
    answers.put(report("a"))
    answers.expect(Pending("a", 10, 0))
    assert names(answers.take_due(10)) == ["a"]


def test_what_has_been_taken_is_forgotten() -> None:
    answers = Answers()
    for i in range(1_000):
        answers.expect(Pending(f"id{i}", i, 0))
        answers.put(report(f"id{i}"))
        assert names(answers.take_due(i)) == [f"id{i}"]
    assert answers.dump() == {"pending": [], "heard": {}, "inbox": []}


def test_answers_to_ids_that_are_never_sent_do_not_pile_up_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.answers.EARLY_MAX", 3)
    answers = Answers()
    for name in ("a", "b", "c"):
        answers.put(report(name))
    answers.put(report("a", 1))
    with pytest.raises(StateDiverged, match="got d"):
        answers.put(report("d"))


def test_dump_and_load_give_the_same_and_do_not_depend_on_the_order_of_arrival() -> None:
    arrivals: list[Answer] = [report("b", 1), report("a"), report("b", 0, final=False), decision("c")]
    one, other = expecting(("a", 10), ("b", 20)), expecting(("a", 10), ("b", 20))
    for answer in arrivals:
        one.put(answer)
    for answer in reversed(arrivals):
        other.put(answer)
    dumped = orjson.dumps(one.dump())
    assert dumped == orjson.dumps(other.dump())
    again = Answers.load(orjson.loads(dumped))
    assert orjson.dumps(again.dump()) == dumped
    assert names(again.take_due(20)) == ["a", "b"]


def test_live_an_answer_takes_effect_when_it_is_read_whatever_its_time() -> None:
    answers = expecting(("a", 10), ("b", 10**18))
    assert answers.settle(report("b", ts=10**18)) == (Pending("b", 10**18, 0), True)
    assert answers.settle(decision("a")) == (Pending("a", 10, 0), True)
    assert answers.dump() == Answers().dump()


def test_live_each_report_takes_effect_and_only_the_final_one_settles() -> None:
    answers = expecting(("a", 10))
    pending = Pending("a", 10, 0)
    assert answers.settle(report("a", 0, final=False)) == (pending, False)
    assert answers.settle(decision("a", "approved")) == (pending, False)
    assert answers.due == 10
    assert answers.settle(report("a", 1)) == (pending, True)
    assert answers.due == NEVER


def test_live_a_stranger_a_settled_id_and_a_repeated_report_change_nothing() -> None:
    answers = expecting(("a", 10))
    assert answers.settle(report("x")) is None
    assert answers.settle(decision("x")) is None
    assert answers.settle(report("a", 0, final=False)) is not None
    assert answers.settle(report("a", 0, final=False)) is None, "said again"
    assert answers.settle(report("a", 1)) is not None
    assert answers.settle(report("a", 1)) is None, "settled"
    assert answers.dump() == Answers().dump()


def test_live_a_repeat_is_told_after_a_restart_too() -> None:
    answers = expecting(("b", 10), ("a", 20))
    for name in ("b", "a"):
        answers.settle(report(name, 0, final=False))
    again = Answers.load(orjson.loads(orjson.dumps(answers.dump())))
    assert orjson.dumps(again.dump()) == orjson.dumps(answers.dump())
    assert again.settle(report("a", 0, final=False)) is None
    assert again.settle(report("a", 1)) == (Pending("a", 20, 0), True)
