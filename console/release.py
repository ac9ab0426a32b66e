"""``tapedeck release``: cut a running desk over to other code, model, view or parameters; see what ran when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from console.cluster import running
from console.risk_write import Author, Json, author_of, say, text_of
from console.up import DEFAULT_FILE

WAIT_S = 60.0
"""How long a cut is watched: a cold start compiles kernels. Whatever is open then goes on by itself."""
WAIT_S_MAX = 3_600.0
POLL_S = 0.2
OPEN_EXIT = 1
"""The cut is written, and was not complete when the watching ended."""
REASON = "a release"

app = typer.Typer(help="Cut a live desk over to another release; see what runs, and what ran.", rich_markup_mode=None)


@app.callback()
def release() -> None:
    """Cut a live desk over to another release; see what runs, and what ran."""


@app.command(
    epilog='\b\nExamples:\n  tapedeck release cut --reason "model 14, see the report of Monday"\n'
    "  tapedeck release cut topology.toml --wait 120 --json"
)
def cut(
    context: typer.Context,
    topology: Annotated[
        Path | None,
        typer.Argument(
            metavar="[TOPOLOGY.toml]", show_default=False,
            help="What shall run [default: topology.toml here; where there is none, what ships].",
        ),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why: for the record.")] = REASON,
    author: Author = None,
    wait: Annotated[
        float, typer.Option("--wait", metavar="S", min=0.0, max=WAIT_S_MAX, help="Longest watch over the cut.")
    ] = WAIT_S,
    json: Json = False,
) -> None:  # fmt: skip
    """Cut the live desk over to a release, without stopping it by hand.

    One record in control decides. Each task of the old code works off what was made for it, commits, and ends; the new
    code starts there, with what the old one knew: positions, halts and unanswered intents always, other state as it is,
    migrated, or re-warmed from the tape. The supervisors (tapedeck up) start the new tasks. Exit 1: the cut is written,
    and was not complete in time; it goes on by itself. Ctrl-C ends the watching, not the cut.
    """
    from streams.home import use_kernel_cache

    use_kernel_cache()  # before anything imports numba
    from agents.live_plan import load_topology
    from agents.release_cut import announce
    from agents.release_watch import ReleaseWatch
    from streams.kafka import connect

    why, who = text_of(reason, "--reason"), author_of(author)
    plan = load_topology(topology or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None))
    log = connect(running(context))
    try:
        watch = ReleaseWatch(log)
        made = announce(log, watch, plan, who, why)
        told = _watched(log, watch, made, wait, json)
    finally:
        log.close()
    lines = [
        f"{made.release}: run {made.opening.run} after {made.from_run}, by {made.author}: {made.reason}",
        *(f"  {task['task']}: {_stage(task, made.opening.run)}" for task in told["tasks"]),
        "at work" if told["active"] else
        "the cut is written and goes on by itself; see tapedeck release show"
        + ("" if told["supervised"] else "; nothing runs here now: tapedeck up"),
    ]  # fmt: skip
    say(told, lines, json)
    raise typer.Exit(0 if told["active"] or (told["opened"] and not told["supervised"]) else OPEN_EXIT)


@app.command(epilog="\b\nExamples:\n  tapedeck release show\n  tapedeck release show --json")
def show(context: typer.Context, json: Json = False) -> None:
    """Tell which release runs, a cut that is under way, and what code each task committed last with."""
    from agents.release_report import at_work

    told: dict[str, Any] = {"release": None, "cut": None, "tasks": []}
    lines = ["no live run was ever opened"]
    with _Followed(context) as (log, watch):
        opening = watch.opening
        if opening is not None:
            told["release"] = _opening(watch.history[-1])
            told["tasks"] = [_task(task) for task in at_work(log, opening)]
            lines = [*_opening_lines(told["release"]), *(f"  {t['task']}: {_stage(t, '')}" for t in told["tasks"])]
        if watch.cut is not None:
            told["cut"] = _cut(watch.cut)
            lines.append(
                f"a cut to {watch.cut.release} is under way, by {watch.cut.author}: {watch.cut.reason}; "
                "tasks leave when they are up: tapedeck up"
            )
    say(told, lines, json)


@app.command(epilog="\b\nExamples:\n  tapedeck release history\n  tapedeck release history --json")
def history(context: typer.Context, json: Json = False) -> None:
    """Tell every run of the live topics in order: its release, who cut over to it and why, and what it wrote."""
    from dataclasses import asdict

    from agents.release_report import spans

    with _Followed(context) as (_, watch):
        written = spans(watch.history)
        told = [
            {**_opening(found), "spans": [asdict(span) for span in written if span.run == found.opening.run]}
            for found in watch.history
        ]
    lines: list[str] = []
    for entry in told:
        lines += _opening_lines(entry)
        lines += [
            f"  {s['topic']} of {s['task']}: seq {s['first']} to {'now' if s['end'] is None else s['end'] - 1}"
            for s in entry["spans"]
        ]
    say(told, lines or ["no live run was ever opened"], json)


class _Followed:
    """A log, and ``control`` read to its end."""

    def __init__(self, context: typer.Context) -> None:
        self._context = context

    def __enter__(self) -> tuple[Any, Any]:
        from agents.release_watch import ReleaseWatch
        from streams.kafka import connect

        self._log = connect(running(self._context))
        return self._log, ReleaseWatch(self._log)

    def __exit__(self, *_: object) -> None:
        self._log.close()


def _watched(log: Any, watch: Any, made: Any, wait_s: float, json: bool) -> dict[str, Any]:
    """Watch a cut until its tasks are at work, or for so long; complete it where nobody else does."""
    from agents.handover import CLOCK_FRESH_NS, clock_age_ns, complete, waits_for
    from agents.release_report import at_work
    from console.live_view import open_view
    from streams.clock import monotonic_s, sleep_s

    began, run = monotonic_s(), made.opening.run
    view = open_view("tapedeck release cut", as_json=json)
    try:
        while True:
            age_ns = clock_age_ns(log)
            supervised = age_ns is not None and age_ns < CLOCK_FRESH_NS
            watch.look_again()
            if watch.cut is not None:
                complete(log, watch, at_rest=not supervised)
            opened = watch.run == run
            tasks = at_work(log, made.opening)
            active = opened and all(task.run == run for task in tasks)
            if active or (opened and not supervised) or monotonic_s() - began >= wait_s:
                break
            ahead = [task.task for task in tasks if task.run != run] if opened else waits_for(log, made)
            view.stage(f"{'coming up' if opened else 'leaving'}: {', '.join(ahead)}")
            sleep_s(POLL_S)
    finally:
        view.close()
    return {
        **_cut(made), "opened": opened, "active": active, "supervised": supervised,
        "elapsed_s": round(monotonic_s() - began, 3), "tasks": [_task(task) for task in tasks],
    }  # fmt: skip


def _cut(made: Any) -> dict[str, Any]:
    return {
        "release": made.release, "run": made.opening.run, "from_run": made.from_run, "author": made.author,
        "reason": made.reason, "ts": made.ts, "commit": made.commit, "topology": made.topology,
        "build": made.opening.build,
    }  # fmt: skip


def _opening(found: Any) -> dict[str, Any]:
    from agents.release_watch import release_of

    opening, by = found.opening, found.cut
    return {
        "release": release_of(opening), "run": opening.run, "build": opening.build, "strategy": opening.strategy,
        "model": opening.model.get("sha256", ""), "view": opening.model.get("view", ""),
        "code": [code["load"] for code in opening.code], "cut": None if by is None else _cut(by),
    }  # fmt: skip


def _opening_lines(told: dict[str, Any]) -> list[str]:
    by = told["cut"]
    how = "opened" if by is None else f"cut over to from {by['from_run']} by {by['author']}: {by['reason']}"
    what = (
        f"  strategy {told['strategy']}, model {_short(told['model'])}, view {_short(told['view'])}, "
        f"build {_short(told['build'])}"
    )
    return [f"{told['release']}: run {told['run']}, {how}", what]


def _task(task: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(task)


def _stage(task: dict[str, Any], run: str) -> str:
    if not task["run"]:
        return "has never committed"
    said = f"run {task['run']}, build {_short(task['build'])}"
    if task["left_to"]:
        said += f", has left for {task['left_to']}"
    elif run and task["run"] != run:
        said += ", has yet to leave"
    succession = task["succession"]
    if succession and succession["rewarmed"]:
        said += f"; {', '.join(succession['rewarmed'])} re-warmed on {succession['rows']:,} inputs"
        if succession["stretch"]:
            said += f", offsets {succession['stretch'][0]} to {succession['stretch'][1]}"
    if succession and succession["migrated"]:
        said += f"; {', '.join(succession['migrated'])} migrated"
    return said


def _short(text: str) -> str:
    return text[:12] or "unnamed"
