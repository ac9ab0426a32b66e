"""Flat out: the hot task over ticks that lie on Kafka, beside a bare echo that reads and writes the same bytes.

Hot: feature, score and strategy fused in a process of their own, default publishing (scores whole, features sampled,
snapshots), in transactions. Its run has no ``position_max``, so nothing is traded and no answer is awaited. Echo:
``benchmarks/children/echo.py``, same client settings, no transactions; per record read it writes as many records, of
the same mean value and header size, as the hot task wrote in a first run that is not counted. Seconds run from the
opening of the reader (nothing fetched yet) to the last acknowledgement or commit. At one row a frame the hot task joins
rows into frames before it writes, and so the echo writes few records too; the echo that writes every record back as it
is stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.processes import Child, close_all
from benchmarks.runs import BenchRun, drop, open_fresh, untraded
from benchmarks.spread import ratios, spread
from benchmarks.ticks import fill
from benchmarks.usage import cpu_s
from schemas.catalog import END
from schemas.errors import TaskFailed
from schemas.header import unpack

MILLION = 1_000_000
QUICK_SHARE = 5
"""A quick run has a fifth of the ticks."""
WRITTEN = ("scores", "features")
"""What the hot task writes beside snapshots: intents it sends none."""
ECHO = "echo."
"""Prefix of the echo's topics within a run."""
WARM_RUNS = 1


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the hot task wrote to a topic: records per input record, mean bytes of a value and of a header."""

    topic: str
    per_input: float
    value_bytes: int
    header_bytes: int
    rows_per_record: float


def run(harness: Harness, *, frame_rows: int, ticks: int, plain: bool) -> Found:
    """A first run of each side that does not count, alternating pairs, and one run that is sampled.

    With ``plain`` an echo that writes back every record as it read it, all bytes of it, runs in each pair too.
    """
    return _FlatOut(harness, frame_rows, ticks // QUICK_SHARE if harness.quick else ticks, plain=plain).measure()


class _FlatOut:
    """One tick topic, filled once; each run reads it from its start, and writes in a namespace of its own."""

    def __init__(self, harness: Harness, frame_rows: int, ticks: int, *, plain: bool) -> None:
        self._plain = plain
        self._harness = harness
        self._log = harness.log
        self._frame_rows = frame_rows
        self._ticks = ticks
        self._records = 0
        self._runs = 0
        self._tape = untraded(f"flat{frame_rows}")

    def measure(self) -> Found:
        open_fresh(self._log, self._tape)
        self._records = fill(
            self._log, self._tape.topic("ticks.<source>"), self._tape.run, self._harness.tape, self._ticks,
            self._frame_rows,
        )  # fmt: skip
        bootstrap = self._harness.broker.bootstrap
        hot, echo = Child("hot", bootstrap=bootstrap), Child("echo", bootstrap=bootstrap)
        try:
            hot.hear("ready")
            echo.hear("ready")
            return self._alternate(hot, echo)
        finally:
            close_all((hot, echo))
            drop(self._log, self._tape.namespace)

    def _alternate(self, hot: Child, echo: Child) -> Found:
        plan = self._open()
        self._hot(hot, plan)
        sizes = self._sizes(plan)
        self._echo(echo, plan, sizes)
        drop(self._log, plan.namespace)
        rounds = [self._pair(hot, echo, sizes, n) for n in range(self._harness.pairs)]
        plan = self._open()
        where = self._hot(hot, plan, sample=True)["where"]
        drop(self._log, plan.namespace)
        sides = {side: [r[side]["ticks_per_s"] for r in rounds] for side in rounds[0]}
        series = {
            "hot to echo": Series(ratios(sides["hot"], sides["echo"]), {s: sides[s] for s in ("hot", "echo")}),
            "hot": Series(sides["hot"]),
            "echo": Series(sides["echo"]),
            "hot CPU": Series([r["hot"]["cpu_us_per_tick"]["process"] for r in rounds]),
        }
        if "plain" in sides:
            series["hot to echo of each record"] = Series(ratios(sides["hot"], sides["plain"]))
        detail = {
            "ticks": self._ticks,
            "records_read": self._records,
            "hot_writes_per_record_read": {s.topic: _described(s) for s in sizes},
            "cpu_us_per_tick": {
                side: {
                    process: spread([r[side]["cpu_us_per_tick"][process] for r in rounds])
                    for process in rounds[0][side]["cpu_us_per_tick"]
                }
                for side in rounds[0]
            },
            "hot_main_thread": where,
        }
        return Found(series, detail)

    def _pair(self, hot: Child, echo: Child, sizes: list[Sizes], n: int) -> dict[str, Any]:
        plan = self._open()
        sides = {"hot": self._hot(hot, plan), "echo": self._echo(echo, plan, sizes)}
        if self._plain:
            sides["plain"] = self._echo(echo, plan, [])
        drop(self._log, plan.namespace)
        ratio = sides["hot"]["ticks_per_s"] / sides["echo"]["ticks_per_s"]
        rates = ", ".join(f"{name} {figures['ticks_per_s']:,}/s" for name, figures in sides.items())
        self._harness.say(f"  pair {n + 1} of {self._harness.pairs}: {rates}, hot to echo {ratio:.3f}")
        return sides

    def _open(self) -> BenchRun:
        """A fresh run to write in."""
        self._runs += 1
        plan = untraded(f"flat{self._frame_rows}-{self._runs}")
        open_fresh(self._log, plan, [ECHO + name for name in ("ticks", *WRITTEN)])
        return plan

    def _hot(self, hot: Child, plan: BenchRun, *, sample: bool = False) -> dict[str, Any]:
        figures = self._run(
            hot, namespace=plan.namespace, run=plan.run, source=plan.source, sample=sample,
            ticks=self._tape.topic("ticks.<source>"),
        )  # fmt: skip
        if figures["inputs"] != self._ticks:
            raise TaskFailed("the hot task lost ticks", got=str(figures["inputs"]), allowed=str(self._ticks))
        return self._figures(figures) | ({"where": figures["where"]} if sample else {})

    def _echo(self, echo: Child, plan: BenchRun, sizes: list[Sizes]) -> dict[str, Any]:
        writes = [(plan.topic(ECHO + s.topic), s.per_input, s.value_bytes, s.header_bytes) for s in sizes]
        figures = self._run(
            echo, topic=self._tape.topic("ticks.<source>"), echo_topic=plan.topic(ECHO + "ticks"), writes=writes
        )  # fmt: skip
        if figures["inputs"] != self._records + 1:
            raise TaskFailed("the echo lost records", got=str(figures["inputs"]), allowed=str(self._records + 1))
        return self._figures(figures)

    def _run(self, child: Child, **order: Any) -> dict[str, Any]:
        pid = self._harness.broker.pid
        before = cpu_s(pid)
        child.tell(**order)
        figures = child.hear("done")
        after = cpu_s(pid)
        figures["broker_cpu_s"] = None if before is None or after is None else after - before
        return figures

    def _figures(self, raw: dict[str, Any]) -> dict[str, Any]:
        cpu = {"process": raw["cpu_s"], "of_it_main_thread": raw["main_thread_cpu_s"], "broker": raw["broker_cpu_s"]}
        return {
            "ticks_per_s": round(self._ticks / raw["elapsed_s"]),
            "cpu_us_per_tick": {
                name: round(value * MILLION / self._ticks, 4) for name, value in cpu.items() if value is not None
            },
        }

    def _sizes(self, plan: BenchRun) -> list[Sizes]:
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
                Sizes(topic, len(values) / self._records, _mean(values), _mean(headers), rows / len(values))
            )  # fmt: skip
        return found


def _mean(sizes: list[int]) -> int:
    return round(sum(sizes) / len(sizes))


def _described(sizes: Sizes) -> dict[str, float]:
    return {
        "records": round(sizes.per_input, 5), "rows_per_record": round(sizes.rows_per_record, 2),
        "value_bytes": sizes.value_bytes, "header_bytes": sizes.header_bytes,
    }  # fmt: skip
