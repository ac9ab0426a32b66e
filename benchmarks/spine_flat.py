"""Flat out: the hot task over ticks that lie on Kafka, beside a bare echo that writes as many bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.spine_figures import mean_size, spread
from benchmarks.spine_process import Broker, Child, cpu_s
from benchmarks.spine_runs import Untraded, drop, open_fresh
from benchmarks.spine_ticks import captures, fill
from replay.plan import PlayPlan
from schemas.catalog import END
from schemas.errors import TaskFailed
from schemas.header import unpack
from streams.agent import Rows
from streams.kafka import KafkaLog

MILLION = 1_000_000
WRITTEN = ("scores", "features")
"""What the hot task writes beside snapshots: intents it sends none."""
ECHO = "echo."
"""Prefix of the echo's topics within a run."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Sizes:
    """What the hot task wrote to a topic: records per input record, mean bytes of a value and of a header."""

    topic: str
    per_input: float
    value_bytes: int
    header_bytes: int
    rows_per_record: float


class FlatOut:
    """Measures at one frame size."""

    def __init__(self, log: KafkaLog, broker: Broker, tape: Rows, frame_rows: int, ticks: int, say: Say) -> None:
        self._log = log
        self._broker = broker
        self._tape = tape
        self._frame_rows = frame_rows
        self._ticks = ticks
        self._say = say
        self._runs = 0

    def measure(self, pairs: int) -> dict[str, Any]:
        """A first run of each side that does not count, ``pairs`` alternating ones, and one that is sampled."""
        plan = self._prepare()
        self._hot(plan)
        sizes = self._sizes(plan)
        self._echo(plan, sizes)
        drop(self._log, plan.namespace)
        rounds = [self._pair(sizes, n, pairs) for n in range(pairs)]
        plan = self._prepare()
        where = self._hot(plan, sample=True)["where"]
        drop(self._log, plan.namespace)
        return {
            "ticks": self._ticks,
            "records_read": self._frames(),
            "hot_writes_per_record_read": {s.topic: _described(s) for s in sizes},
            "pairs": rounds,
            "ticks_per_s": {side: spread([r[side]["ticks_per_s"] for r in rounds]) for side in rounds[0]["sides"]},
            "hot_to_echo": spread([r["hot_to_echo"] for r in rounds]),
            "cpu_s_per_million_ticks": {
                side: {
                    process: spread([r[side]["cpu_s_per_million_ticks"][process] for r in rounds])
                    for process in rounds[0][side]["cpu_s_per_million_ticks"]
                }
                for side in rounds[0]["sides"]
            },
            "hot_main_thread": where,
        }

    def _pair(self, sizes: list[Sizes], n: int, pairs: int) -> dict[str, Any]:
        plan = self._prepare()
        sides = {"hot": self._hot(plan), "echo": self._echo(plan, sizes)}
        if self._frame_rows == 1:
            sides["echo_record_by_record"] = self._echo(plan, [])
        drop(self._log, plan.namespace)
        ratio = sides["hot"]["ticks_per_s"] / sides["echo"]["ticks_per_s"]
        rates = ", ".join(f"{name} {figures['ticks_per_s']:,}/s" for name, figures in sides.items())
        self._say(f"{self._frame_rows} rows a frame, pair {n + 1} of {pairs}: {rates}, hot to echo {ratio:.3f}")
        return {"sides": list(sides), **sides, "hot_to_echo": round(ratio, 4)}

    def _prepare(self) -> PlayPlan:
        """A fresh run with its ticks on Kafka."""
        self._runs += 1
        plan = Untraded(run=f"flat{self._frame_rows}-{self._runs}", captures=captures())
        open_fresh(self._log, plan, [ECHO + name for name in ("ticks", *WRITTEN)])
        fill(self._log, plan, self._tape, self._ticks, self._frame_rows)
        return plan

    def _frames(self) -> int:
        return -(-self._ticks // self._frame_rows)

    def _hot(self, plan: PlayPlan, *, sample: bool = False) -> dict[str, Any]:
        child = Child("spine_hot", bootstrap=self._broker.bootstrap, namespace=plan.namespace, run=plan.run,
                      source=plan.source, sample=sample)  # fmt: skip
        figures = self._run(child)
        if figures["inputs"] != self._ticks:
            raise TaskFailed("the hot task lost ticks", got=str(figures["inputs"]), allowed=str(self._ticks))
        return self._figures(figures) | ({"where": figures["where"]} if sample else {})

    def _echo(self, plan: PlayPlan, sizes: list[Sizes]) -> dict[str, Any]:
        writes = [(plan.topic(ECHO + s.topic), s.per_input, s.value_bytes, s.header_bytes) for s in sizes]
        echo_topic = plan.topic(ECHO + "ticks")
        child = Child("spine_echo", bootstrap=self._broker.bootstrap, topic=plan.topic("ticks.<source>"),
                      echo_topic=echo_topic, writes=writes)  # fmt: skip
        figures = self._run(child)
        if figures["inputs"] != self._frames() + 1:
            raise TaskFailed("the echo lost records", got=str(figures["inputs"]), allowed=str(self._frames() + 1))
        return self._figures(figures)

    def _run(self, child: Child) -> dict[str, Any]:
        try:
            child.hear("ready")
            before = cpu_s(self._broker.pid)
            child.go()
            figures = child.hear("done")
            after = cpu_s(self._broker.pid)
            figures["broker_cpu_s"] = None if before is None or after is None else after - before
            return figures
        finally:
            child.close()

    def _figures(self, raw: dict[str, Any]) -> dict[str, Any]:
        cpu = {"process": raw["cpu_s"], "of_it_main_thread": raw["main_thread_cpu_s"], "broker": raw["broker_cpu_s"]}
        return {
            "ticks_per_s": round(self._ticks / raw["elapsed_s"]),
            "elapsed_s": round(raw["elapsed_s"], 3),
            "cpu_s_per_million_ticks": {
                name: round(value * MILLION / self._ticks, 4) for name, value in cpu.items() if value is not None
            },
        }

    def _sizes(self, plan: PlayPlan) -> list[Sizes]:
        """What the hot task wrote, from the topics themselves."""
        found = []
        for topic in WRITTEN:
            values, headers, rows = [], [], 0
            for record in self._log.scan(plan.topic(topic), 0, 0, committed=False):
                assert record.header is not None
                header = unpack(record.header)
                if header.schema != END.number:
                    values.append(len(record.value))
                    headers.append(len(record.header))
                    rows += header.count
            found.append(
                Sizes(topic, len(values) / self._frames(), mean_size(values), mean_size(headers), rows / len(values))
            )
        return found


def _described(sizes: Sizes) -> dict[str, float]:
    return {
        "records": round(sizes.per_input, 5), "rows_per_record": round(sizes.rows_per_record, 2),
        "value_bytes": sizes.value_bytes, "header_bytes": sizes.header_bytes,
    }  # fmt: skip
