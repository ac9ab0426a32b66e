"""Runs a session under a person's eyes: progress while it goes, the summary at its end, ctrl-C in between."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from console.cluster import started
from console.interrupts import Interrupted, Interrupts
from console.live_view import View, open_view
from console.reporter import Reporter
from console.summary_view import draw_summary
from console.terminal import complain, emit, show
from console.watch import Watch
from replay.hdr import warm as warm_hdr
from replay.plan import PlayPlan
from replay.session import KafkaSession, MemorySession, Session
from replay.summary import summarise
from replay.watched import watched_plan
from schemas.errors import ConfigError, TapedeckError
from streams.home import HOME_VARIABLE, runs_dir
from streams.logs import about

DONE, UNSOUND, INTERRUPTED = 0, 1, 130
"""Exit codes: played and sound; records lost or doubled, or a capture cut short; interrupted."""


def play(plan: PlayPlan, *, on_kafka: bool, named: str | None, as_json: bool) -> int:
    """Play a run and show how it went; returns the exit code.

    Args:
        plan: Checked: nothing of it can be refused any more.
        on_kafka: On Kafka, else in memory.
        named: The cluster named; None for the embedded broker.
        as_json: Summary as JSON.

    Raises:
        TapedeckError: It could not be played to its end; every process of it has ended.
    """
    make_folder(runs_dir() / plan.run)
    about(run=plan.run)
    view = open_view(f"tapedeck {plan.run}", as_json=as_json)
    played = _Played(plan, view)
    with Interrupts() as interrupts:
        try:
            played.run(lambda: _open(plan, played, on_kafka, named), interrupts)
        except Interrupted:
            view.close()
            complain(
                f"interrupted {played.where_it_stood()}", event="interrupted", code="interrupted", exit=INTERRUPTED
            )
            return INTERRUPTED
        finally:
            view.close()
            played.close()
    return _finish(played, interrupts, on_kafka=on_kafka, as_json=as_json)


def make_folder(folder: Path) -> None:
    """Make the folder of a run, before anything starts.

    Raises:
        ConfigError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            "the run's folder cannot be made", kind="folder_unwritable",
            got=error.strerror or str(error), where=str(folder),
            fix=f"set {HOME_VARIABLE} to a folder that can be written",
        ) from error  # fmt: skip


def _open(plan: PlayPlan, played: _Played, on_kafka: bool, named: str | None) -> Session:
    if not on_kafka:
        return MemorySession(plan, on_event=played.event)
    from streams.kafka import connect

    if played.view.wants_figures:  # a second's work, while the tasks come up; the first look would wait for it
        threading.Thread(target=warm_hdr, daemon=True).start()
    return KafkaSession(connect(started(named, played.view.stage)), plan, runs_dir() / plan.run, played.event)


def _finish(played: _Played, interrupts: Interrupts, *, on_kafka: bool, as_json: bool) -> int:
    summary, audit, plan = played.summary, played.audit, played.plan
    folder = runs_dir() / plan.run
    audit.hops.write_hlog(folder)
    unsound = summary["lost"] or summary["duplicated"]
    if as_json:
        emit(orjson.dumps(summary).decode())
    else:
        show(*draw_summary(summary, audit, plan, folder, on_kafka=on_kafka, interrupted=interrupts.count > 0))
    if unsound:
        complain(
            f"UNSOUND: {summary['lost']} records lost, {summary['duplicated']} duplicated; see docs/architecture.md",
            event="unsound", level="error", code="unsound", exit=UNSOUND,
        )  # fmt: skip
        return UNSOUND
    if played.cut_short:
        return UNSOUND
    return INTERRUPTED if interrupts.count else DONE


class _Played:
    """One run, and what is known of it."""

    def __init__(self, plan: PlayPlan, view: View) -> None:
        self.plan = plan
        self.view = view
        self.summary: dict[str, Any] = {}
        self.audit: Any = None
        self._reporter = Reporter(view.say, plan.kills)
        self._session: Session | None = None
        self._watch: Watch | None = None
        self.cut_short = False
        self._stage = "before anything was started"

    def event(self, event: dict[str, Any]) -> None:
        """One event of the session."""
        self._reporter.event(event)
        self.cut_short = self.cut_short or event["event"] == "fault"
        if self._watch is None:
            tasks = {task.name for task in self.plan.tasks}
            self.view.stage(f"starting: {len(tasks & self._reporter.ready)} of {len(tasks)} tasks ready")

    def run(self, open_session: Callable[[], Session], interrupts: Interrupts) -> None:
        """Open, play, count.

        Raises:
            Interrupted: Before there was anything to drain, or a second time.
        """
        self.view.stage("starting")
        session = self._session = open_session()
        self._stage = "before the first tick"
        told = False

        def progress() -> None:
            nonlocal told
            if self._watch is None:
                apart = isinstance(session, KafkaSession)
                self._watch = Watch(session.log, watched_plan(self.plan), self.view, apart=apart)
                self._stage = f"at once; what was committed is in {self.plan.namespace}*"
                interrupts.on_first(session.stop)
                self._measure_captures(self._watch)
            if interrupts.count and not told:
                told = True
                self.view.say("stopping: the feed ends, what was sent is worked off; ctrl-C again ends at once")
            stage = "stopping" if interrupts.count else ""
            self._watch.look(restarts=session.restarts, stage=stage, elapsed_s=session.elapsed_s)

        session.run(progress)
        interrupts.on_first(None)
        self._stage = f"while counting; the run is complete in {self.plan.namespace}*"
        self.view.stage("counting what the log holds")
        self.summary, self.audit = summarise(session)
        self._reporter.finish(session.restarts, session.kills_left())

    def _measure_captures(self, watch: Watch) -> None:
        """Have the time left shown once it is known how long the captures are: they are read to their ends for it."""
        if not self.plan.captures or not self.view.wants_figures:
            return

        def measure() -> None:
            from feeds.capture_span import span_s

            with suppress(TapedeckError, OSError):  # the feed says what is wrong with a file
                watch.know_length(span_s(self.plan.captures))

        threading.Thread(target=measure, daemon=True).start()

    def where_it_stood(self) -> str:
        """Where an interrupt found the run."""
        return self._stage

    def close(self) -> None:
        """End every process of the run."""
        if self._watch is not None:
            self._watch.close()
        if self._session is not None:
            self._session.close()
            self._session.log.close()
