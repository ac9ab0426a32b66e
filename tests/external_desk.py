"""A live desk over the memory log whose orders an execution system works, in simulated time: what tests share."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agents.context import context_of
from agents.live_plan import load_topology
from agents.warm import warm
from chaos.desk import START_NS, Actor
from chaos.desk import Desk as SimulatedDesk
from feeds.live_feed import LiveFeed
from feeds.simulator import simulate
from schemas.codec import decode_any
from schemas.execution import Execution
from schemas.order import Order
from streams.memory import MemoryLog
from streams.publisher import Publisher
from streams.scheduler import SimulatedCrash

SOURCE = "simulator"
GATEWAY = "toy"
REPORTS = f"raw.{GATEWAY}"
STEP_S = 0.004
QUIET_ROUNDS = 400
ROUNDS_MAX = 60_000


class ToyVenue:
    """What outlives a gateway: the venue's own book. It takes an order once, by its client order id.

    Attributes:
        said: Reports on each order, in order.
        worked: How often each order was sent here and was new.
        open: Quantity left of orders that rest.
        still: Whether nothing fills by itself any more.
    """

    def __init__(self, rng: random.Random) -> None:
        self.said: dict[str, list[dict[str, Any]]] = {}
        self.worked: Counter[str] = Counter()
        self.open: dict[str, int] = {}
        self.still = False
        self._orders: dict[str, Order] = {}
        self._filled: Counter[str] = Counter()
        self._rng = rng

    def take(self, order: Order) -> list[dict[str, Any]]:
        """Work an order; all reports that came of it, on it and on the one that it names."""
        name = order.client_order_id
        if name in self.worked:
            return []
        self.worked[name] += 1
        self._orders[name] = order
        if order.action != "new":
            if order.cancels not in self.open:
                return [self._say(name, "rejected", reason="too late")]
            del self.open[order.cancels]
            if order.action == "cancel":
                return [self._say(name, "cancelled")]
            self.open[name] = order.quantity
            return [self._say(name, "replaced")]
        if self._rng.random() < 0.1:
            return [self._say(name, "rejected", reason="no")]
        self.open[name] = order.quantity
        reports = [self._say(name, "acknowledged")]
        if order.time_in_force == "gtc":
            return reports + (self.fill(name) if self._rng.random() < 0.5 else [])
        reports += self.fill(name) if self._rng.random() < 0.8 else []
        if name in self.open:
            del self.open[name]
            reports.append(self._say(name, "cancelled"))
        return reports

    def fill(self, name: str, units: int = 0) -> list[dict[str, Any]]:
        """Fill some or all of an order; ``units`` 0: as the seed has it."""
        quantity = units or self._rng.randint(1, self.open[name])
        self.open[name] -= quantity
        self._filled[name] += quantity
        whole = not self.open[name]
        if whole:
            del self.open[name]
        return [self._say(name, "filled" if whole else "partially_filled", quantity)]

    def _say(self, name: str, status: str, quantity: int = 0, **more: Any) -> dict[str, Any]:
        order, said = self._orders[name], self.said.setdefault(name, [])
        unit = float(order.quantity_decimal) / order.quantity if order.quantity else 0
        report = {
            "type": "execution_report", "execution_id": f"{name}/{len(said)}", "client_order_id": name,
            "status": status, "ts": order.ts, "last_quantity": f"{quantity * unit:.9f}",
            "last_price": order.limit_price_decimal if quantity else "0",
            "cumulative_quantity": f"{self._filled[name] * unit:.9f}", "venue_order_id": f"v{name}", **more,
        }  # fmt: skip
        said.append(report)
        return report


class ToyGateway:
    """One life of a gateway: reads ``orders`` from the first, hands them to the venue, tells what it says.

    Whatever it told in a former life it tells again: the hop drops what it has heard.
    """

    def __init__(self, log: MemoryLog, venue: ToyVenue, rng: random.Random, die: Callable[[], None]) -> None:
        self._log, self._venue, self._rng, self._die = log, venue, rng, die
        self._appender = log.appender()
        self._at = 0
        for said in venue.said.values():
            for report in said:
                self._tell(report)

    def turn(self, wait_s: float) -> bool:
        del wait_s
        moved = False
        for record in self._log.scan("orders", 0, self._at, committed=True):
            self._at = record.offset + 1
            moved = True
            order = decode_any(record.value)
            assert isinstance(order, Order)
            reports = self._venue.take(order)
            self._die()
            for report in reports:
                self._tell(report)
                self._die()
        for name in () if self._venue.still else tuple(self._venue.open):
            if self._rng.random() < 0.02:
                moved = True
                for report in self._venue.fill(name):
                    self._tell(report)
        return moved

    def commit(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def _tell(self, report: dict[str, Any]) -> None:
        self._appender.append(REPORTS, 0, b"any", json.dumps(report).encode(), None)


class ExternalDesk(SimulatedDesk):
    """The shipped live topology with an execution system; tasks and gateway are killed at places from a seed."""

    def __init__(self, folder: Path, seed: int, kill_share: float, *, working_ms: float = 0.0) -> None:
        self.kill_share = kill_share
        file = folder / "topology.toml"
        file.write_text(f'[venue]\nkind = "external"\ngateway = "{GATEWAY}"\nworking_ms = {working_ms}\n')
        self.plan = load_topology(file)
        opening = self.plan.opening("r")
        context = context_of(opening, self.plan.definitions)
        stages = {hops.name: hops.build(context) for hops in self.plan.tasks}
        for agents in stages.values():
            warm(agents, context)
        rng = random.Random(seed)
        self.memory = MemoryLog()
        super().__init__(
            self.memory, opening, self.plan.definitions, context, self.plan.tasks, stages, rng,
            cut=lambda: {
                "commit_interval_s": 0.1, "records_max": rng.randrange(20, 80), "frame_rows": rng.randrange(1, 60),
            },
            failpoint=self.killed_at,
        )  # fmt: skip
        events = simulate(5.0, seed, start_ns=START_NS)
        self.feed = LiveFeed(
            iter(events), Publisher(self.log, SOURCE), origin_ns=START_NS, first_ns=START_NS, wall=self.wall
        )
        self.actors["feed"] = Actor(lambda: self.feed)
        self.venue = ToyVenue(rng)
        self.actors[GATEWAY] = Actor(lambda: ToyGateway(self.memory, self.venue, rng, self._die))

    def killed_at(self, name: str) -> Callable[[str, int], None]:
        def crash(point: str, _inputs: int) -> None:
            # Not where there is nothing to do: it would never come to rest.
            if point != "poll" and self.rng.random() < self.kill_share:
                raise SimulatedCrash(name)

        return crash

    def run(self, on_round: Callable[[int], None] = lambda _round: None) -> None:
        """To the end of the feed, and until nothing has moved for a while but the clock."""
        assert self.settle(QUIET_ROUNDS, STEP_S, ROUNDS_MAX, lambda: self.feed.done, on_round), "it never comes to rest"
        self.kill_share = 0.0
        for hops in self.tasks:
            self.actors[hops.name].commit()

    def documents(self, topic: str, event: type[Any]) -> list[Any]:
        found = [decode_any(record.value) for record in self.log.scan(topic, 0, 0, committed=True)]
        return [document for document in found if isinstance(document, event)]

    def position(self) -> dict[str, int]:
        """Positions as executions tell them."""
        held: Counter[str] = Counter()
        for report in self.documents("executions", Execution):
            held[report.instrument] += report.last_quantity if report.side == "buy" else -report.last_quantity
        return {name: quantity for name, quantity in held.items() if quantity}

    def known_to(self, task: str, stage: int) -> dict[str, int]:
        """Positions as a task's agent knows them."""
        state = self.actors[task].at_work._states[stage]
        names = [definition.instrument for definition in self.context.instruments]
        return {name: int(p) for name, p in zip(names, state.position, strict=True) if p}

    def _die(self) -> None:
        if self.rng.random() < self.kill_share * 3:
            raise SimulatedCrash(GATEWAY)
