"""Tick to intent, open loop: the fused hot task with risk and venue, beside a bare echo of the same tick records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from agents.supervisor import Supervisor
from agents.worker_spec import WorkerSpec
from benchmarks.spine_figures import percentiles, spread
from benchmarks.spine_process import Broker, Child, close_all, cpu_s
from benchmarks.spine_publisher import SECOND_NS
from benchmarks.spine_runs import Traded, drop, open_fresh
from benchmarks.spine_tail import BORN, RECEIVED, explained, stalled_ns, stalls, stood_still
from benchmarks.spine_ticks import captures
from replay.plan import PlayPlan
from schemas.catalog import SCORE_SCHEMA
from schemas.errors import TaskFailed
from schemas.header import unpack
from streams.clock import monotonic_s
from streams.kafka import KafkaLog

WARM_NS = 2_000_000_000
"""Ticks of the first two seconds are published and not counted."""
POLL_S = 0.05
TASKS = ("hot", "risk", "venue")
ECHO_TOPIC = "echo"
RATIOS = ("p50_us", "p99_us", "p999_us")

Say = Callable[[str], None]


class TickToIntent:
    """Measures at one rate."""

    def __init__(
        self, log: KafkaLog, broker: Broker, folder: Path, rate: int, seconds: float, say: Say
    ) -> None:  # fmt: skip
        self._log = log
        self._broker = broker
        self._folder = folder
        self._rate = rate
        self._count = int(rate * seconds) + rate * WARM_NS // SECOND_NS
        self._say = say
        self._runs = 0
        self._frames: list[int] = []
        self._cpu: dict[str, list[dict[str, float]]] = {"hot": [], "echo": []}

    def measure(self, pairs: int) -> dict[str, Any]:
        """``pairs`` alternating runs of each side; percentiles of each, and of all together."""
        rounds, intents, echoed, stalled, scored, still = [], [], [], [], [], []
        for n in range(pairs):
            plan, hot = self._hot()
            intents.append(hot)
            scores = self._scores(plan)
            scored.append(scores[:, 6] - scores[:, 0])
            found = stalls(self._log, plan, scores)
            stalled.append(stalled_ns(intents[-1], found))
            still.append(stood_still(found, int(scores[-1, 0] - scores[0, 0])))
            drop(self._log, plan.namespace)
            echoed.append(self._echo())
            rounds.append(_pair(intents[-1], echoed[-1]))
            self._say(f"{self._rate} ticks/s, pair {n + 1} of {pairs}: {_line(rounds[-1])}")
        every = np.concatenate(intents)
        return {
            "ticks_published_a_run": self._count,
            "frames_published_a_run": spread(self._frames),
            "pairs": rounds,
            "hot": {key: spread([r["hot"][key] for r in rounds]) for key in RATIOS},
            "echo": {key: spread([r["echo"][key] for r in rounds]) for key in RATIOS},
            "hot_to_echo": {key: spread([r["hot_to_echo"][key] for r in rounds]) for key in RATIOS},
            "together": {
                "tick_to_intent_received": percentiles(every[:, RECEIVED] - every[:, BORN]),
                "tick_to_score_made": percentiles(np.concatenate(scored)),
                "echo_received": percentiles(np.concatenate([e[:, RECEIVED] - e[:, BORN] for e in echoed])),
            },
            "cpu_percent_of_a_core": {
                side: {name: spread([c[name] for c in found]) for name in found[0]} for side, found in self._cpu.items()
            },
            "hot_stood_still_percent": {cause: spread([s[cause] for s in still]) for cause in still[0]},
            "tail": explained(every, np.concatenate(stalled)),
        }

    def _hot(self) -> tuple[PlayPlan, Any]:
        plan = self._open()
        supervisor = Supervisor(self._heard)
        children: list[Child] = []
        try:
            for task in plan.tasks:
                if task.name in TASKS:
                    spec = WorkerSpec(bootstrap=self._log.bootstrap, namespace=plan.namespace, run=plan.run,
                                      source=plan.source, task=task.name, hops=list(task.hops))  # fmt: skip
                    supervisor.start(spec)
            supervisor.wait_ready()
            found = self._publish("hot", plan, plan.topic("orders.intent"), children, supervisor.pids)
            while not supervisor.done:
                supervisor.poll(POLL_S)
        finally:
            close_all(children)
            supervisor.close()
        return plan, found

    def _echo(self) -> Any:
        plan = self._open()
        topic = plan.topic(ECHO_TOPIC)
        echo = Child("spine_echo", bootstrap=self._log.bootstrap, topic=plan.topic("ticks.<source>"),
                     echo_topic=topic, writes=[])  # fmt: skip
        children = [echo]
        try:
            echo.hear("ready")
            echo.go()
            echo.hear("reading")
            found = self._publish("echo", plan, topic, children, {"echo": echo.pid})
            echo.hear("done")
        finally:
            close_all(children)
        drop(self._log, plan.namespace)
        return found

    def _open(self) -> PlayPlan:
        self._runs += 1
        plan = Traded(run=f"paced{self._rate}-{self._runs}", captures=captures())
        open_fresh(self._log, plan, [ECHO_TOPIC])
        return plan

    def _publish(
        self, side: str, plan: PlayPlan, read_topic: str, children: list[Child], pids: dict[str, int]
    ) -> Any:  # fmt: skip
        """Start reader and publisher, let them finish, and return the rows that count of what the reader noted."""
        found = self._folder / f"{plan.run}.npy"
        reader = Child("spine_reader", bootstrap=self._log.bootstrap, topic=read_topic, found=str(found))
        children.append(reader)
        publisher = Child(
            "spine_publisher", bootstrap=self._log.bootstrap, topic=plan.topic("ticks.<source>"), run=plan.run,
            tape=str(self._folder / "tape.npy"), rate=self._rate, count=self._count,
        )  # fmt: skip
        children.append(publisher)
        for child in (reader, publisher):
            child.hear("ready")
        watched = {**pids, "publisher": publisher.pid, "reader": reader.pid, "broker": self._broker.pid}
        began, before = monotonic_s(), {name: cpu_s(pid) for name, pid in watched.items()}
        for child in (reader, publisher):
            child.go()
        published = publisher.hear("done")
        percent = 100 / (monotonic_s() - began)
        used = {name: (cpu_s(pid), before[name]) for name, pid in watched.items()}
        self._cpu[side].append(
            {name: round((a - b) * percent, 1) for name, (a, b) in used.items() if a is not None and b is not None}
        )
        self._frames.append(published["frames"])
        reader.hear("done")
        return _counted(np.load(found), published["origin_ns"])

    def _scores(self, plan: PlayPlan) -> Any:
        """Stamps of the score of each tick that counts, in order, shape (ticks, 7).

        Raises:
            TaskFailed: A tick has no score.
        """
        stamps, rows = [], 0
        for record in self._log.scan(plan.topic("scores"), 0, 0, committed=False):
            assert record.header is not None
            header = unpack(record.header)
            if header.schema == SCORE_SCHEMA.number:
                rows += header.count
                stamps.append(np.broadcast_to(header.stamps, (header.count, header.stamps.shape[1])))
        if rows != self._count:
            raise TaskFailed("the hot task lost ticks", got=str(rows), allowed=str(self._count))
        all_stamps = np.concatenate(stamps)
        return all_stamps[all_stamps[:, 0] >= all_stamps[0, 0] + WARM_NS]

    def _heard(self, event: dict[str, Any]) -> None:
        if event["event"] not in ("ready", "done"):
            self._say(f"{event.get('task')}: {event['event']} {event.get('message') or event.get('reason') or ''}")


def _counted(rows: Any, origin_ns: int) -> Any:
    """Rows born after the first seconds.

    Raises:
        TaskFailed: There are none.
    """
    counted = rows[rows[:, BORN] >= origin_ns + WARM_NS]
    if not len(counted):
        raise TaskFailed("nothing came back", got=f"{len(rows)} rows, all of them in the first seconds")
    return counted


def _pair(intents: Any, echoed: Any) -> dict[str, Any]:
    hot = percentiles(intents[:, RECEIVED] - intents[:, BORN])
    echo = percentiles(echoed[:, RECEIVED] - echoed[:, BORN])
    return {"hot": hot, "echo": echo, "hot_to_echo": {key: round(hot[key] / echo[key], 3) for key in RATIOS}}


def _line(pair: dict[str, Any]) -> str:
    sides = "; ".join(
        f"{side} p50 {pair[side]['p50_us']:,.0f} µs, p99 {pair[side]['p99_us']:,.0f} µs of {pair[side]['count']:,}"
        for side in ("hot", "echo")
    )
    return f"{sides}; p50 ratio {pair['hot_to_echo']['p50_us']:.2f}"
