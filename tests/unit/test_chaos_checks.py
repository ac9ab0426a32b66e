"""The checks of a run, each on a case that must fail it: limits judged anew, late orders, readers that miss records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from agents.context import Context, context_of
from chaos.findings import MESSAGES_MAX, Findings
from chaos.limit_judge import LimitJudge
from chaos.numbering import check_numbers
from chaos.readers import check_readers
from chaos.tape import Shape, Tape
from feeds.definitions import DEFINITIONS
from replay.plan import PlayPlan
from schemas.catalog import INTENT, SCORE_SCHEMA
from schemas.clock import Clock
from schemas.codec import encode
from schemas.control import Halt, LimitChange, LimitsChanged, Resume
from schemas.decision import Decision
from schemas.execution import Execution
from schemas.header import Header, pack
from schemas.intent import Intent
from streams.log import Record, TopicSpec
from streams.memory import MemoryLog
from tests.risk_desk import START, WIDE, intent

SAID: dict[str, Any] = {"author": "a", "reason": "drill", "ts": 1}


@pytest.fixture
def context() -> Context:
    opening = msgspec.structs.replace(PlayPlan(run="r", limits=WIDE).opening(), mode="live")
    return context_of(opening, DEFINITIONS)


def approved(asked: Intent) -> Decision:
    return Decision(
        client_order_id=asked.client_order_id, root=asked.root, ts=asked.ts, account=asked.account,
        strategy=asked.strategy, instrument_id=asked.instrument_id, instrument=asked.instrument, verdict="approved",
        reasons=[], checks=[],
    )  # fmt: skip


def filled(asked: Intent, quantity: int) -> Execution:
    return Execution(
        execution_id=f"{asked.client_order_id}-0", client_order_id=asked.client_order_id, root=asked.root, ts=asked.ts,
        account=asked.account, strategy=asked.strategy, instrument_id=asked.instrument_id, instrument=asked.instrument,
        side=asked.side, status="filled", last_quantity=quantity, last_price=1, cumulative_quantity=quantity,
        leaves_quantity=0, report_index=0, final=True,
    )  # fmt: skip


def judged(context: Context, *story: Any) -> Findings:
    """What a judge finds in side records and intents that were all approved, in their order."""
    found = Findings()
    decisions = {asked.client_order_id: approved(asked) for asked in story if isinstance(asked, Intent)}
    judge = LimitJudge(context, decisions, None, "orders.decision", found)
    judge.heard("control", [context.run])
    judge.heard("clock", [Clock(ts=START)])
    for said in story:
        if isinstance(said, Intent):
            judge.took([said])
        else:
            judge.heard("", [said])
    return found


def limit(key: str, value: Any, table: Any = "default", name: str = "") -> LimitsChanged:
    return LimitsChanged(changes=[LimitChange(table=table, name=name, key=key, value=value)], **SAID)


def test_what_lies_within_its_limits_is_sound(context: Context) -> None:
    assert judged(context, intent(0, ts=START), intent(1, ts=START)).sound


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (limit("notional_max", 1), "notional"),
        (limit("touch_age_max_ms", None), "age of the touch"),
        (limit("message_rate_max", None, "account"), "orders in a second"),
        (limit("quantity_max", "0.00001", "instrument", "spot:BTCUSDT"), "quantity"),
        (limit("position_max", "0.00001", "instrument", "spot:BTCUSDT"), "position"),
        (Halt(scope="all", **SAID), "trading state HALTED"),
        (Halt(scope="instrument", name="spot:BTCUSDT", state="REDUCING", **SAID), "trading state REDUCING"),
    ],
)
def test_an_approval_beyond_a_limit_in_force_is_a_breach(context: Context, change: Any, told: str) -> None:
    assert judged(context, intent(0, ts=START, quantity=10), change).sound, "it was not in force yet"
    found = judged(context, change, intent(0, ts=START, quantity=10))
    assert found.limit_breaches == 1
    assert told in found.messages[0]


def test_a_resume_ends_what_its_halt_forbade(context: Context) -> None:
    halt, resume = Halt(scope="all", **SAID), Resume(scope="all", **SAID)
    assert judged(context, halt, resume, intent(0, ts=START)).sound


def test_a_position_follows_executions_and_open_orders_count_as_filled(context: Context) -> None:
    most = limit("position_max", "0.0002", "instrument", "spot:BTCUSDT")
    first, second, third = (intent(n, ts=START, quantity=12) for n in range(3))
    assert judged(context, most, first).sound
    assert judged(context, most, first, second).limit_breaches == 1, "the first may still fill"
    assert judged(context, most, first, filled(first, 12), second).limit_breaches == 1, "it has filled"
    assert judged(context, most, first, filled(first, 0), second).sound, "it has not, and will not"
    back = intent(3, ts=START, quantity=12, side="sell")
    tighter = limit("position_max", "0.00001", "instrument", "spot:BTCUSDT")
    assert judged(context, first, filled(first, 12), tighter, back).sound, "what brings it nearer to zero may leave"
    assert third.quantity == 12


def test_an_order_that_left_after_its_time_is_late_by_the_newest_clock(context: Context) -> None:
    asked = intent(0, ts=START, valid=1_000)
    assert judged(context, Clock(ts=START + 1_000), asked).late_orders == 0
    found = judged(context, Clock(ts=START + 1_001), asked)
    assert (found.late_orders, found.limit_breaches) == (1, 0)


def shape() -> Shape:
    return Shape(source="test")


def frame(seq: int, value: bytes = b"x", writer: str = "hot") -> tuple[bytes, bytes]:
    return value, pack(Header(schema=INTENT.number, version=2, seq=seq, time=0, writer=writer))


def intents(*said: tuple[bytes, bytes], commit: bool = True, log: MemoryLog | None = None) -> MemoryLog:
    log = log or MemoryLog()
    log.create([TopicSpec("orders.intent")])
    writer = log.writer("hot")
    writer.begin()
    for value, header in said:
        writer.append("orders.intent", 0, b"k", value, header)
    if commit:
        writer.commit()
    return log


def numbered(log: MemoryLog) -> Findings:
    found = Findings()
    check_numbers(Tape(log, shape()), found)
    return found


def test_numbers_that_are_committed_once_each_are_sound() -> None:
    log = intents(frame(0), frame(1), commit=False)
    assert numbered(intents(frame(0), frame(1), frame(2), log=log)).sound, "aborted, and said again"


def test_a_hole_a_repeat_and_other_bytes_under_a_number_are_told_apart() -> None:
    hole = numbered(intents(frame(0), frame(3)))
    assert hole.lost >= 2
    assert "orders.intent[0]@1" in hole.messages[0]
    repeat = numbered(intents(frame(0), frame(1), frame(1)))
    assert (repeat.duplicated, repeat.diverged) == (1, 0)
    log = intents(frame(0, b"seen by readers of ours"), commit=False)
    other = numbered(intents(frame(0, b"committed"), log=log))
    assert (other.diverged, other.duplicated, other.lost) == (1, 0, 0)
    assert numbered(intents(frame(0), frame(1), commit=False)).lost == 1, "read, and never committed"


def test_a_frame_that_its_header_does_not_fit_is_torn() -> None:
    log = MemoryLog()
    log.create([TopicSpec("scores")])
    writer = log.writer("hot")
    writer.begin()
    header = Header(schema=SCORE_SCHEMA.number, version=1, seq=0, time=0, writer="hot", count=3)
    writer.append("scores", 0, None, b"half a row", pack(header))
    writer.commit()
    assert numbered(log).torn == 1


class Forgetful(MemoryLog):
    """Serves late readers everything but the last record."""

    def scan(self, topic: str, partition: int, start: int, *, committed: bool) -> Iterator[Record]:
        records = list(super().scan(topic, partition, start, committed=committed))
        return iter(records[:-1] if start else records)


def test_readers_that_start_anywhere_see_a_suffix_and_one_that_misses_a_record_is_told() -> None:
    for log, misses in ((MemoryLog(), False), (Forgetful(), True)):
        intents(*(frame(seq, encode(intent(seq, ts=START))) for seq in range(20)), log=log)
        found = Findings()
        check_readers(Tape(log, shape()), 40, 7, found)
        assert (found.lost > 0) is misses
        assert found.sound is not misses


def test_breaches_are_counted_beyond_those_that_are_told() -> None:
    found = Findings()
    for _ in range(MESSAGES_MAX + 5):
        found.tell("lost", "here", "nothing", "something")
    assert (found.lost, len(found.messages)) == (MESSAGES_MAX + 5, MESSAGES_MAX)
    assert found.messages[0] == "lost: here: nothing; expected something"
