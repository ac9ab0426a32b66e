"""A shadow under a person's eyes: it follows until it is told to end, and then says what it came to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson

from console.interrupts import Interrupted, Interrupts
from console.play import DONE, INTERRUPTED, make_folder
from console.recorded import open_recorded
from console.reporter import Reporter
from console.terminal import complain, emit, show
from replay.shadow import Shadow, open_shadow
from replay.shadow_plan import ShadowPlan, beside_live, check_model, check_name, standing_shadow
from replay.shadow_report import shadow_report
from replay.watched import watched
from schemas.errors import BrokerError, ConfigError
from streams.broker_lock import held
from streams.clock import monotonic_s
from streams.home import runs_dir
from streams.namespace import LIVE


def follow(bootstrap: str, name: str, model: Path, seconds: float | None, *, as_json: bool) -> int:
    """Run a shadow; returns the exit code.

    Raises:
        TapedeckError: It cannot be opened, or one of its tasks cannot be kept alive.
    """
    log: Any = open_recorded(bootstrap)
    try:
        plan = _plan(log, name, model)
        with at_work(plan, bootstrap):
            return _follow(log, plan, seconds, as_json=as_json)
    finally:
        log.close()


@contextmanager
def at_work(plan: ShadowPlan, bootstrap: str) -> Iterator[None]:
    """Let nobody else on this host run a shadow of that name meanwhile; it ends with the process, however that ends.

    Raises:
        ConfigError: Somebody does.
    """
    folder = runs_dir() / plan.namespace.rstrip(".")
    make_folder(folder)
    with ExitStack() as lock:
        try:
            lock.enter_context(held(
                folder / f"{bootstrap.replace('/', '_')}.lock", doing="running a shadow", timeout_s=0.0,
                progress=lambda _: None,
            ))  # fmt: skip
        except BrokerError as error:
            raise ConfigError(
                "a shadow of that name is at work", kind="shadow_taken", got=plan.name, where=error.where,
                fix=f"see what it came to: tapedeck shadow report {plan.name}; end it first, or give another name",
            ) from None  # fmt: skip
        yield


def _follow(log: Any, plan: ShadowPlan, seconds: float | None, *, as_json: bool) -> int:
    opened = open_shadow(log, plan)
    complain(f"shadow {plan.name} {'begins flat' if opened else 'goes on where it stood'}; ctrl-C ends it")
    shadow = Shadow(log, plan, Reporter(complain, {}).event)
    with Interrupts() as interrupts:
        try:
            interrupts.on_first(shadow.stop)
            began: list[float] = []

            def over() -> bool:
                if not began:
                    began.append(monotonic_s())
                return seconds is not None and monotonic_s() - began[0] >= seconds

            shadow.run(over)
        except Interrupted:
            return INTERRUPTED
        finally:
            shadow.close()
    tell(shadow_report(log, plan), as_json=as_json)
    return DONE


def report_of(bootstrap: str, name: str, model: Path | None) -> dict[str, Any]:
    """What a shadow came to so far.

    Raises:
        TapedeckError: There is no live run or no such shadow, or the model is none, or not the shadow's.
    """
    log: Any = open_recorded(bootstrap)
    try:
        plan = standing_shadow(log, name)
        if model is not None:
            check_model(name, plan.opening, _plan(log, name, model).model)
        return shadow_report(log, plan)
    finally:
        log.close()


def tell(report: dict[str, Any], *, as_json: bool) -> None:
    """A report, for people or as JSON."""
    if as_json:
        emit(orjson.dumps(report).decode())
        return
    lines = [
        f"shadow    {report['run']}: {report['ticks']:,} ticks, {report['intents']:,} intents, "
        f"{report['orders']:,} orders, {report['fills']:,} fills (simulated)"
    ]
    if report["tick_to_order"]["count"]:
        lines.append(f"latency   tick to order p50 {report['tick_to_order']['p50_us']:,.0f} µs")
    for side, figures in (report["live_tick_to_order"] or {}).items():
        if figures["count"]:
            lines.append(f"live      {side} the shadow: tick to order p50 {figures['p50_us']:,.0f} µs, "
                         f"p99 {figures['p99_us']:,.0f} µs over {figures['count']:,} orders")  # fmt: skip
    show("\n".join(lines), *_beside(report["economics"]))


def _beside(economics: dict[str, Any]) -> list[Any]:
    """Candidate and champion, since the shadow's first tick."""
    if economics["champion"] is None:
        return []
    from console.replay_diff import earned

    return ["", earned(("champion", economics["champion"]), ("candidate", economics["candidate"]))]


def _plan(log: Any, name: str, model: Path) -> ShadowPlan:
    from agents.context import context_of
    from agents.plugins import view_of
    from models.linear import load_file

    check_name(name)
    live = watched(log, LIVE)
    context = context_of(live.opened, live.definitions)
    view = view_of(context)
    return beside_live(log, name, load_file(model, view=view.hash, features=view.names).artefact)
