"""A replay under a person's eyes: how far the tape has run, the verdict at its end, ctrl-C in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from console.demo_plan import kills_of, run_id
from console.interrupts import Interrupted, Interrupts
from console.play import DONE, INTERRUPTED, UNSOUND, make_folder
from console.recorded import open_recorded
from console.reporter import Reporter
from console.terminal import complain, emit, is_screen, show
from replay.against import compared_with
from replay.candidate import candidate_of
from replay.hops import HopLatencies
from replay.judge import Judge
from replay.kafka_replay import KafkaReplay
from replay.known import check_builds, check_outputs
from replay.recording import Recording, payload_times
from replay.replay_plan import ReplayPlan, Since
from replay.replay_report import keep, reported
from replay.replay_spans import combined, run_of
from replay.replay_what import Asked, asked_for
from replay.replaying import MemoryReplay, Replaying
from replay.shape import shape_of
from replay.spans import check_one
from replay.stress import Stress, check_line
from schemas.errors import ConfigError
from streams.clock import monotonic_s
from streams.home import runs_dir
from streams.logs import about

NANOS = 1_000_000_000
TELL_S = 5.0
"""How often a line tells how far it is, where there is no screen."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The flags as given."""

    what: str
    since: str
    until: str
    speed: float
    source: Since
    split: bool | None
    kills: Sequence[str]
    on_kafka: bool
    model: Path | None = None
    topology: Path | None = None
    view: Path | None = None
    against: str = ""
    cold: bool = False
    simulated: bool = False
    any_build: bool = False
    stress: Stress = field(default_factory=Stress)

    @property
    def asks(self) -> bool:
        """Whether it asks what would have been."""
        return self.simulated or any(file is not None for file in (self.model, self.topology, self.view))


def play_again(bootstrap: str, wanted: Wanted, *, as_json: bool) -> int:
    """Play, compare, report; returns the exit code.

    Raises:
        TapedeckError: It could not be played to its end; every process of it has ended.
    """
    check_line(wanted.stress, wanted.source)
    _check_stress(wanted, bootstrap)
    _check_cold(wanted)
    log = open_recorded(bootstrap)
    asked = asked_for(log, wanted.what, wanted.since, wanted.until)
    spans = asked.open(log)
    for span in spans:
        check_outputs(span)
    if not (wanted.any_build or wanted.asks):
        check_builds(spans)
    plans = _plans(wanted, spans)
    first = plans[0]
    against = None if not wanted.against else shape_of(log, wanted.against)
    about(run=first.run)
    reports: list[dict[str, Any]] = []
    hops = HopLatencies(split=first.split)
    bar: _Bar | None = None
    replay: Replaying | None = None
    with Interrupts() as interrupts:
        try:
            for plan in plans:
                make_folder(runs_dir() / plan.run)
                bar = _Bar(plan, as_json)
                replay = _opened(log, plan, asked, bar, wanted.on_kafka)
                # Held against another run it is read once more, whole.
                judge = replay.watch(hops) if isinstance(replay, MemoryReplay) and against is None else None
                interrupts.on_first(replay.stop)
                replay.run(partial(bar.look, replay))
                interrupts.on_first(None)
                bar.close()
                whole = not interrupts.count
                judge = judge or Judge(plan, replay.log, hops)
                report = reported(judge, replay, whole=whole)
                if against is not None:
                    report |= {**compared_with(log, against, replay.log, plan), "against": wanted.against}
                reports.append({**report, "what": asked.what, "pin": plan.recording.pin or None})
                keep(reports[-1], runs_dir() / plan.run)
                replay.close()
                if interrupts.count:
                    break
        except Interrupted:
            complain("interrupted at once; what was committed is in the run's topics", event="interrupted",
                     code="interrupted", exit=INTERRUPTED)  # fmt: skip
            return INTERRUPTED
        finally:
            if bar is not None:
                bar.close()
            if replay is not None:
                replay.close()
    report = combined(reports)
    if len(reports) > 1:
        hops.write_hlog(runs_dir() / first.run)
        keep(report, runs_dir() / first.run)
    tell(report, as_json=as_json)
    if interrupts.count:
        return INTERRUPTED
    return DONE if report["identical"] or (first.asks and against is None) else UNSOUND


def _plans(wanted: Wanted, spans: Sequence[Recording]) -> list[ReplayPlan]:
    """A replay for each run that made the stretch.

    Raises:
        ConfigError: A file or flag does not fit; or something else than was recorded is asked of several runs' stretch.
    """
    one = any((wanted.simulated, wanted.model, wanted.topology, wanted.view, wanted.against, wanted.kills,
               wanted.stress.faults, wanted.stress.burst > 1))  # fmt: skip
    if one:
        check_one(
            spans, "a release lies within the stretch: no other question can be asked of it than whether it was so"
        )
    run = run_id()
    found = []
    for number, recording in enumerate(spans):
        tried = candidate_of(recording, wanted.topology, wanted.view, wanted.model)
        split = recording.opening.split if wanted.split is None else wanted.split
        plan = ReplayPlan(
            run_of(run, number), recording, split, wanted.speed, wanted.source, simulated=wanted.simulated or tried.any,
            stress=wanted.stress, cold=wanted.cold, model=tried.model, candidate=tried.opening, folder=tried.folder,
        )  # fmt: skip
        kills = {task: tuple(after) for task, after in kills_of(wanted.kills, plan.tasks).items()}
        found.append(replace(plan, kills=kills))
    return found


def _check_stress(wanted: Wanted, bootstrap: str) -> None:
    """Refuse to pause a broker that is not this home's own, before anything starts."""
    if any(fault.kind == "broker-pause" for fault in wanted.stress.faults):
        from streams.broker import EmbeddedBroker

        own = EmbeddedBroker().status()
        if not wanted.on_kafka or own.bootstrap != bootstrap:
            raise ConfigError(
                "there is no embedded broker to pause", kind="bad_stress",
                got=bootstrap if wanted.on_kafka else "memory", allowed="the embedded broker",
                where="--inject broker-pause",
            )  # fmt: skip


def _check_cold(wanted: Wanted) -> None:
    """Refuse to play cold in a process that is warm.

    Raises:
        ConfigError: It is asked of a replay in memory.
    """
    if wanted.cold and not wanted.on_kafka:
        raise ConfigError(
            "a replay in memory shares this process's kernels", kind="bad_stress", got="--log memory",
            allowed="--log kafka, where each task is a process", where="--cold",
        )  # fmt: skip


def _opened(log: Any, plan: ReplayPlan, asked: Asked, bar: _Bar, on_kafka: bool) -> Replaying:
    if not on_kafka:
        return MemoryReplay(plan)
    reporter = Reporter(bar.say, plan.kills)
    folder = runs_dir() / plan.run
    return KafkaReplay(log, plan, folder, (asked.since_ns, asked.until_ns), reporter.event)


def tell(report: dict[str, Any], *, as_json: bool) -> None:
    """A report: its verdict for people, or all of it as JSON."""
    if as_json:
        emit(orjson.dumps(report).decode())
        return
    rate = report["ticks_per_s"]
    lines = [
        f"run       {report['run']} of {report['recorded']['run']}, speed {report['speed']}",
        *([f"pin       {report['pin']}"] if report.get("pin") else []),
        f"ticks     {report['ticks']:,}" + (f" at {rate:,} a second" if rate else ""),
        f"orders    {report['orders']:,}",
        f"compared  {sum(report['compared'].values()):,} rows and documents with the recording",
    ]
    if report["asks"] == "what if":
        lines.append("asked     what if: the paper venue answers, without market impact")
    for span in report.get("spans", ()):
        verdict = "identical" if span["identical"] else "DIFFERENT"
        lines.append(f"span      {span['recorded']}: {verdict}, {span['ticks']:,} ticks, {span['orders']:,} orders")
    if report.get("against"):
        lines.append(f"against   {report['against']}: {'identical' if report['identical'] else 'it differs'}")
    if report["identical"]:
        digest = report["digest"] if isinstance(report["digest"], str) else report["digest"][-1]
        lines.append(f"verdict   identical: {digest[:16]}")
    elif report["first_divergence"] is None:
        lines.append("verdict   nothing to compare")
    else:
        first = report["first_divergence"]
        fields = f": {', '.join(first['fields'])}" if first.get("fields") else ""
        place = f"{first['topic']} seq {first['seq']}" if "topic" in first else f"{first['what']} of {first['root']}"
        lines.append(f"verdict   DIFFERENT: {place} {first['kind']}{fields}")
    whole = report["tick_to_order"]
    if whole["count"]:
        lines.append(f"latency   tick to order p50 {whole['p50_us']:,.0f} µs, p99 {whole['p99_us']:,.0f} µs")
    lines += _conditions(report)
    if report["speed"] == "max":
        lines.append("          as fast as it goes: latencies are not comparable with live ones")
    elif report["behind"]["since_ns"]:
        lines.append(
            f"          the machine did not keep up from {_clock(report['behind']['since_ns'])} on, "
            f"by up to {report['behind']['most_ms']:,.0f} ms: latencies are not comparable"
        )
    show("\n".join(lines))


def _conditions(report: dict[str, Any]) -> list[str]:
    """Under what the replay was put."""
    stress = report.get("stress", {"faults": [], "struck": [], "burst": 1.0})
    told = [
        f"{kind} at {at:g} s" + (f" ({_struck(n)})" if n is not None else "")
        for (kind, at), n in zip(stress["faults"], stress["struck"], strict=True)
    ]
    told += [f"a burst of {stress['burst']:g}"] if stress["burst"] > 1 else []
    lost = ": input is lost by it" if stress.get("loses_input") else ""
    lines = [f"stress    {', '.join(told)}{lost}"] if told else []
    if report.get("kernels") == "cold":
        lines.append("          cold: the first records waited for kernels to compile; compare with a warm replay")
    return lines


def _struck(payloads: int) -> str:
    return f"{payloads} payloads struck" if payloads else "nothing came then: it struck none"


class _Bar:
    """The event clock, the share that has been fed and the time left."""

    def __init__(self, plan: ReplayPlan, as_json: bool) -> None:
        import sys

        self._last = 0.0
        self._first = 0
        self._span = _span(plan)
        self._bar: Any = None
        self._quiet = as_json
        if not as_json and is_screen(sys.stderr):
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
                TimeRemainingColumn(), console=Console(stderr=True), transient=True,
            )  # fmt: skip
            self._task = self._bar.add_task("starting", total=self._span[1] - self._span[0] or 1)
            self._bar.start()

    def say(self, line: str) -> None:
        """A line about what happened."""
        complain(line)

    def look(self, replay: Replaying) -> None:
        """Show how far it is."""
        if self._bar is not None and replay.time:
            self._bar.update(self._task, completed=replay.time - self._span[0], description=_clock(replay.time))
        elif not self._quiet and monotonic_s() - self._last > TELL_S and replay.time:
            self._last = monotonic_s()
            share = (replay.time - self._span[0]) / max(self._span[1] - self._span[0], 1)
            left = replay.elapsed_s * (1 - share) / share if share > 0 else 0.0
            complain(f"{_clock(replay.time)}  {share:.0%}  {left:.0f} s left", event="progress")

    def close(self) -> None:
        """Take it off the screen."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _span(plan: ReplayPlan) -> tuple[int, int]:
    """Receive times of the first and the last payload."""
    times = [payload_times(plan.recording, p) for p, at in plan.recording.begin.items() if at < plan.recording.end[p]]
    return min((first for first, _ in times), default=0), max((last for _, last in times), default=0)


def _clock(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns / NANOS, UTC):%Y-%m-%d %H:%M:%S}"
