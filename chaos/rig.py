"""A run of chaos from its opening to its report: a real topology under load, faults on schedule, all topics read back.

Live by default: the simulator's session, as ``tapedeck up`` runs it. With captures it is a play run, whose orders must
be those of a run without faults.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agents.live import LiveSession
from agents.live_plan import load_topology
from chaos.checks import check
from chaos.injector import FINISH_S_MAX, Injector
from chaos.plan import ChaosPlan
from chaos.report import COLUMNS, Report
from chaos.shared import handed_over, sharing
from chaos.stage import Stage, Watcher
from chaos.tape import Shape
from chaos.worker import PARTITION_AT
from feeds.sequence import open_sequence
from replay.audit import Auditor
from replay.plan import PlayPlan
from replay.session import KafkaSession, MemorySession
from schemas.errors import SnapshotError, StateDiverged, TapedeckError, TaskFailed
from streams.clock import monotonic_s

INSTRUMENTS = 3
"""Of the simulated session: about 1,000 messages a second."""
START_S_MAX = 600.0
"""How long all processes may take to come up and the first input to be acknowledged: a cold start compiles kernels."""
SHARED_FINISH_S_MAX = 60.0
"""How long the last faults may take where workers share the run: two rebalances."""
POLL_S = 0.05
NANOS = 1_000_000_000
BROKEN_PROMISES = frozenset({StateDiverged.exit_code, SnapshotError.exit_code})


Then = Callable[[Stage, Report], None]
"""What is done with a run that was read back, while its brokers are up still; tells the report what it finds."""


def run(plan: ChaosPlan, watcher: Watcher, then: Then = lambda _stage, _report: None) -> Report:
    """Run it.

    Raises:
        TapedeckError: Brokers or processes could not be started: nothing was tried.
    """
    with Stage(plan, watcher) as stage:
        report = (_play if plan.captures else _live)(stage)
        then(stage, report)
        return report


def _live(stage: Stage) -> Report:
    plan, supervisor = stage.plan, stage.supervisor
    topology = stage.folder / "topology.toml"
    spread = f"[tasks]\npartitions = {plan.partitions}\n" if plan.partitions > 1 else ""
    topology.write_text(f"{spread}[feed]\nseed = {plan.seed}\ninstruments = {INSTRUMENTS}\n", encoding="ascii")
    live = load_topology(topology)
    share = sharing(stage, live) if plan.partitions > 1 else None
    session = (
        LiveSession(stage.tasks_log, live, None, stage.hear, supervisor=supervisor)
        if share is None
        else share(supervisor)
    )
    session.open()
    injector = stage.injector(
        session.spec, live.names, share, lambda: "" if session.opened is None else session.opened.run
    )

    def look() -> None:
        _look(stage, injector)
        late_s = injector.elapsed_s - plan.seconds
        # Partitions that are to come back must find this worker in its group.
        if late_s >= 0 and (share is None or not injector.busy or late_s >= SHARED_FINISH_S_MAX):
            if share is not None:
                stage.end_faults()
            session.stop()

    try:
        session.run(look)
        _finish_faults(stage, injector, session.turn)
        stage.heal()
        if share is not None:
            session = handed_over(stage, session)
        supervisor.wait_ready()
        in_order = session.drain(lambda task: stage.watcher.stage(f"ending: {task}", 1.0))
    except TapedeckError as error:
        return _broken(stage, injector, error)
    finally:
        session.close()
    report = _report(stage, injector)
    if not in_order:
        report.messages.append("a task did not end in order, and had to be killed")
    _check(stage, report, Shape(live.source, tasks=live.tasks, folder=live.folder))
    return report


def _play(stage: Stage) -> Report:
    plan = stage.plan
    stage.watcher.stage("playing without faults, for comparison", 0.0)
    quiet = PlayPlan(run="chaos", captures=plan.captures, seed=plan.seed, speed=0.0)
    expected = _order_hash(quiet)
    played = PlayPlan(run="chaos", captures=plan.captures, seed=plan.seed, speed=_span_s(plan.captures) / plan.seconds)
    folder = stage.folder / "run"
    folder.mkdir()
    session = KafkaSession(stage.tasks_log, played, folder, stage.hear, stage.supervisor)
    injector = stage.injector(session.spec)
    try:
        session.run(lambda: _look(stage, injector))
        stage.end_faults()
        _finish_faults(stage, injector, lambda: stage.supervisor.poll(POLL_S))
        stage.heal()
    except TapedeckError as error:
        return _broken(stage, injector, error)
    stage.supervisor.close()
    report = _report(stage, injector)
    shape = Shape(played.source, played.namespace, "play", played.tasks)
    _check(stage, report, shape, expected_hash=expected)
    return report


def _look(stage: Stage, injector: Injector) -> None:
    """Begin what is due, counted from when every process was up for the first time, and what was acknowledged flows."""
    if not injector.begun_looking and not (stage.supervisor.ready and stage.flows()):
        stage.watcher.stage("starting", 0.0)
        if stage.age_s > START_S_MAX:
            raise TaskFailed(
                "the run did not begin", kind="not_ready", got=stage.standing(),
                allowed=f"every task up and an input acknowledged within {START_S_MAX:g} s",
            )  # fmt: skip
        return
    injector.look()
    elapsed_s, seconds = injector.elapsed_s, stage.plan.seconds
    stage.watcher.stage(
        f"{min(elapsed_s, seconds):.0f} of {seconds:.0f} s, {injector.begun} faults, "
        f"{len(stage.recoveries.took_ms)} recoveries", min(1.0, elapsed_s / seconds),
    )  # fmt: skip


def _finish_faults(stage: Stage, injector: Injector, turn: Callable[[], None]) -> None:
    """Wait for faults that are under way; tasks go on being brought back."""
    until = monotonic_s() + FINISH_S_MAX
    while injector.busy and monotonic_s() < until:
        stage.watcher.stage("the last faults end", 1.0)
        turn()
    stage.end_faults()


def _report(stage: Stage, injector: Injector) -> Report:
    return Report(
        seed=stage.plan.seed, faults=injector.done, acknowledged=len(stage.acknowledged()),
        breaches=dict.fromkeys(COLUMNS, 0), fenced_writers=stage.recoveries.fenced,
        recovery_ms=tuple(stage.recoveries.took_ms),
    )  # fmt: skip


def _broken(stage: Stage, injector: Injector, error: TapedeckError) -> Report:
    """A task could not be kept alive: that alone is a breach, and what it left half done would only be noise.

    Raises:
        TapedeckError: Nothing was tried yet: what did not come up says nothing about what was to be proved.
    """
    if not injector.begun_looking:
        raise error
    stage.end_faults()
    report = _report(stage, injector)
    report.messages.append(error.told)
    if any(error.where == f"exit {code}" for code in BROKEN_PROMISES):
        report.breaches = {**report.breaches, "diverged": 1}
    return report


def _order_hash(plan: PlayPlan) -> str:
    session = MemorySession(plan)
    session.run(lambda: None)
    return Auditor(session.log, plan).run(session.acknowledged()).order_hash


def _span_s(captures: tuple[Path, ...]) -> float:
    """Recorded seconds from the first payload to the last."""
    stamps = [event.ts_recv for event in open_sequence(captures, seconds=None, seed=0)]
    return max(1e-3, (max(stamps) - min(stamps)) / NANOS) if stamps else 1e-3


def _check(stage: Stage, report: Report, shape: Shape, *, expected_hash: str = "") -> None:
    """Read every topic back and put what was found into the report."""
    stage.watcher.stage("reading every topic back", 1.0)
    numbers = stage.acknowledged()
    acknowledged = {(shape.source_of(n >> PARTITION_AT), n & ((1 << PARTITION_AT) - 1)) for n in numbers}
    found = check(stage.log, shape, acknowledged, expected_hash=expected_hash, seed=stage.plan.seed)
    report.breaches = {column: getattr(found, column) for column in COLUMNS}
    report.messages += found.messages
