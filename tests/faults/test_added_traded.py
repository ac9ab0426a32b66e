"""The way of an instrument that nobody knew: dead letters, added, limits, a position, opened anew, retried, ordered."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agents.context import read_context
from agents.live_plan import load_topology
from agents.opening import open_live
from agents.topology import TaskHops, writers
from operations.instruments import add, read_instruments
from operations.letters import Filed, Wanted, letters
from operations.retries import retry
from schemas.codec import decode_any
from schemas.control import LimitChange, LimitsChanged
from schemas.decision import Decision
from schemas.errors import ConfigError
from schemas.order import Order
from streams.memory import MemoryLog
from streams.people import append
from streams.publisher import Publisher
from streams.runner import Task
from streams.task_plan import TaskPlan
from streams.ticker import Ticker

SOURCE, KEY = "acme", "spot:ACMEUSD"
START_NS = 1_795_557_600_000_000_000
STEP_NS = 50_000_000
INSTRUMENT = """[[instrument]]
instrument = "spot:ACMEUSD"
base = "ACME"
quote = "USD"
price_increment = "0.01"
size_increment = "0.001"
"""
PLAIN = '[feed]\nkind = "none"\nsource = "acme"\n'
POSITION = '[strategy.position_max]\n"spot:ACMEUSD" = "40"\n'
LIMITS = {"quantity_max": "20", "position_max": "40"}
BY: dict[str, Any] = {"author": "j.doe", "reason": "listed"}
QUIET_TURNS = 60
WAITING = 80
"""Payloads of an unknown instrument: from 100 on the task halts, as too much is refused."""


class Desk:
    """A live desk on JSON ticks, in simulated time; opened and ended in order as often as need be."""

    def __init__(self, folder: Path) -> None:
        self.log, self.folder, self.now = MemoryLog(), folder, START_NS
        self._numbers = itertools.count(1)

    def day(self, quotes: int, extra: str = "") -> None:
        """Open with a topology, quote so often, and end in order."""
        (file := self.folder / "topology.toml").write_text(PLAIN + extra)
        plan = load_topology(file)
        open_live(self.log, plan)
        self.clock = Ticker(self.log, "clock", wall=lambda: self.now, monotonic=lambda: self.now / 1e9)
        tasks = [self._task(hops, plan.tasks) for hops in plan.tasks]
        with Publisher(self.log, SOURCE) as publisher:
            for _ in range(quotes):
                publisher.publish(self._quote(), KEY, self.now)
                self._turn(tasks)
        quiet = 0
        while quiet < QUIET_TURNS:
            quiet = 0 if self._turn(tasks) else quiet + 1
        for task in tasks:
            task.commit()
            task.close()

    def _turn(self, tasks: list[Task]) -> bool:
        self.now += STEP_NS
        self.clock.turn(0.0)
        return any([task.turn(0.0) for task in tasks])  # noqa: C419  all, not the first that moves

    def _task(self, hops: TaskHops, tasks: tuple[TaskHops, ...]) -> Task:
        context = read_context(self.log, "", self.folder)
        plan = TaskPlan(
            name=hops.name, namespace="", source=SOURCE, run=context.run.run, lasting=True,
            mode="play" if hops.name == "venue" else "live", state_partition=hops.state_partition,
            commit_every_batch=hops.commit_every_batch, commit_interval_s=0.1, writers=writers(tasks, SOURCE),
        )  # fmt: skip
        return Task(plan, hops.build(context), self.log, monotonic=lambda: self.now / 1e9, wall=lambda: self.now)

    def _quote(self) -> bytes:
        """Much on one side of the book, then on the other."""
        number = next(self._numbers)
        bid, ask = ("9", "0.5") if number // 40 % 2 else ("0.5", "9")
        return (
            f'{{"type":"quote","instrument":"{KEY}","ts_event":{self.now},"sequence":{number},"bid_price":"10.00",'
            f'"bid_size":"{bid}","ask_price":"10.01","ask_size":"{ask}"}}'
        ).encode()

    def filed(self) -> list[Filed]:
        return list(letters(self.log, "", Wanted()))

    def documents(self, topic: str, event: type[Any]) -> list[Any]:
        found = [decode_any(record.value) for record in self.log.scan(topic, 0, 0, committed=True)]
        return [document for document in found if isinstance(document, event) and document.instrument == KEY]

    def add(self) -> None:
        (file := self.folder / "acme.toml").write_text(INSTRUMENT)
        add(self.log, read_instruments(file), **BY)

    def limit(self) -> None:
        changes = [LimitChange(table="instrument", name=KEY, key=key, value=value) for key, value in LIMITS.items()]
        append(self.log, LimitsChanged(changes=changes, author="j.doe", reason="listed", ts=self.now), ts=self.now)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_ticks_of_an_unknown_instrument_wait_and_it_is_traded_once_it_has_limits_and_a_position(desk: Desk) -> None:
    desk.day(WAITING)
    assert Counter(filed.letter.kind for filed in desk.filed()) == {"unknown_instrument.not_defined": WAITING}
    with pytest.raises(ConfigError, match=r"no such instrument; got spot:ACMEUSD.*instruments add"):
        desk.day(0, POSITION)
    desk.add()
    desk.day(100, POSITION)
    refused = desk.documents("orders.decision", Decision)
    assert refused, "it is scored, and wanted"
    assert not desk.documents("orders", Order), "what has no limits is denied"
    assert {check.name for d in refused for check in d.checks if not check.passed} >= {"trading_state", "position"}
    desk.limit()
    retry(desk.log, "", desk.filed, most=None, named=True, again=False, **BY)
    desk.day(200, POSITION)
    assert len(desk.filed()) == WAITING, "what was put back is no letter again"
    orders = desk.documents("orders", Order)
    assert orders
    assert {order.instrument for order in orders} == {KEY}
    assert len(list(desk.log.scan(f"ticks.{SOURCE}", 0, 0, committed=True))) > 100


def test_limits_in_a_file_may_name_what_was_added_and_nothing_that_nobody_has_defined(desk: Desk) -> None:
    desk.day(0)
    (desk.folder / "limits.toml").write_text(
        "[account]\nmessage_rate_max = 25\nclock_age_max_ms = 1000\n"
        "[default]\nprice_collar_bps = 10.0\ntouch_age_max_ms = 2000\nnotional_max = 25000\n"
        f'[instrument."{KEY}"]\nquantity_max = "20"\nposition_max = "40"\n'
    )
    own = f'[risk]\nlimits = "limits.toml"\n{POSITION}'
    with pytest.raises(ConfigError, match="no such instrument; got spot:ACMEUSD"):
        desk.day(0, own)
    desk.add()
    desk.day(200, own)
    assert desk.documents("orders", Order)
