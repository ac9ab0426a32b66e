"""A live risk task and the world around it: intents, a clock, a venue and people, on any log. What tests share."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec

from agents.context import read_context
from agents.risk import Risk
from agents.topology import topic_specs
from feeds.definitions import DEFINITIONS
from replay.plan import PlayPlan
from schemas.catalog import BY_EVENT, CLOCK, DEFINITION, EXECUTION, INTENT
from schemas.clock import Clock
from schemas.codec import decode, decode_any, encode
from schemas.decision import Decision
from schemas.document import Document
from schemas.execution import Execution
from schemas.header import HOP_NUMBER, Header, pack, unpack
from schemas.intent import Intent
from schemas.order import Order
from schemas.topics import topic_name
from streams.heard import heard
from streams.log import Log
from streams.people import Written, append
from streams.runner import Task
from streams.task_plan import TaskPlan
from tests.risk_desk import START, WIDE, intent

STEP_NS = 20_000_000
SOURCE = "simulator"


class World:
    """Writes what a live risk task reads. ``now`` is its time: log time, clock and wall are the same.

    Args:
        log: Where.
        namespace: Topic prefix; none for live.
    """

    def __init__(self, log: Log, namespace: str = "") -> None:
        self.log = log
        self.namespace = namespace
        self.now = START
        self.clock_stands = False
        self.asked: list[Intent] = []
        self._seqs: dict[str, int] = {}
        self._answered: set[str] = set()
        log.create(topic_specs(namespace, SOURCE))
        self._appender = log.appender()
        for definition in DEFINITIONS:
            self._write("definitions", DEFINITION.number, definition, "people")
        self.opening = msgspec.structs.replace(PlayPlan(run="r", limits=WIDE).opening(), mode="live")
        self.say(self.opening)

    def topic(self, name: str) -> str:
        return topic_name(self.namespace, name, SOURCE)

    def task(self, **more: Any) -> Task:
        """A life of the risk task."""
        plan = TaskPlan(
            name="risk", namespace=self.namespace, source=SOURCE, run="r", mode="live",
            state_partition=HOP_NUMBER["risk"], **more.pop("plan", {}),
        )  # fmt: skip
        return Task(plan, [Risk(read_context(self.log, self.namespace))], self.log, wall=lambda: self.now, **more)

    def say(self, document: Document) -> Written:
        return append(self.log, document, namespace=self.namespace)

    def ask(self, *, cancels: str = "", **more: Any) -> Intent:
        """An intent, or a cancel of an order, after a clock record of its time."""
        self.tick()
        asked = intent(len(self.asked), ts=self.now, **{"valid": 10**12, **more})
        if cancels:
            asked = msgspec.structs.replace(asked, action="cancel", cancels=cancels)
        self.asked.append(asked)
        self._write("orders.intent", INTENT.number, asked, "strategy", version=INTENT.version)
        return asked

    def tick(self) -> None:
        """Time goes on, and the clock says so unless it stands still."""
        self.now += STEP_NS
        if not self.clock_stands:
            self._write("clock", CLOCK.number, Clock(ts=self.now), "clock")

    def answer(self, rng: random.Random | None = None) -> None:
        """The venue fills committed orders that it has not answered, in one report or two."""
        for order in self.documents("orders", Order):
            if order.client_order_id in self._answered:
                continue
            self._answered.add(order.client_order_id)
            first = order.quantity if rng is None else rng.randint(0, order.quantity)
            if rng is not None and rng.random() < 0.5:
                self._report(order, first, 0, final=False)
                self._report(order, order.quantity - first, 1, final=True)
            else:
                self._report(order, first, 0, final=True)
        self._appender.flush(10.0)

    def documents(self, name: str, event: Any) -> list[Any]:
        """Committed documents of a topic, in order."""
        return [decode(r.value, event) for r in self.log.scan(self.topic(name), 0, 0, committed=True)]

    def decisions(self) -> list[Decision]:
        return self.documents("orders.decision", Decision)

    def noted(self, where: Written) -> bool:
        told = heard(self.log, "risk", "risk", "control", namespace=self.namespace)
        return told is not None and told.offset > where.offset

    def _report(self, order: Order, quantity: int, index: int, *, final: bool) -> None:
        report = Execution(
            execution_id=f"{order.client_order_id}-{index}", client_order_id=order.client_order_id, root=order.root,
            ts=order.ts, account=order.account, strategy=order.strategy, instrument_id=order.instrument_id,
            instrument=order.instrument, side=order.side, status="filled", last_quantity=quantity,
            last_price=order.limit_price, cumulative_quantity=quantity, leaves_quantity=0, report_index=index,
            final=final,
        )  # fmt: skip
        self._write("executions", EXECUTION.number, report, "venue")

    def _write(self, name: str, schema: int, document: Document, writer: str, version: int = 1) -> None:
        seq = self._seqs[name] = self._seqs.get(name, -1) + 1
        header = Header(schema=schema, version=version, seq=seq, time=self.now, writer=writer)
        self._appender.append(self.topic(name), 0, b"k", encode(document), pack(header))
        self._appender.flush(10.0)


def until(done: Callable[[], bool], turn: Callable[[], Any], turns_max: int = 5_000) -> None:
    """Turn until something is so."""
    for _ in range(turns_max):
        if done():
            return
        turn()
    raise AssertionError("it never came to pass")


def seqs(log: Log, topic: str) -> list[int]:
    """Numbers of the committed records of a topic."""
    found = []
    for record in log.scan(topic, 0, 0, committed=True):
        assert record.header is not None
        header = unpack(record.header)
        assert BY_EVENT[type(decode_any(record.value))].number == header.schema
        found.append(header.seq)
    return found
