"""Replays that were: listed, shown again, removed."""

from __future__ import annotations

import shutil
from collections import Counter
from typing import Any

import orjson

from console.play import DONE, UNSOUND
from console.replay_play import tell
from console.terminal import emit
from replay.replay_report import REPORT, kept
from replay.replay_spans import replay_of
from schemas.errors import ConfigError
from streams.home import runs_dir
from streams.kafka import connect
from streams.namespace import namespaces
from streams.topic_removal import remove_topics

PREFIX = "replay."


def list_runs(bootstrap: str, *, as_json: bool) -> None:
    """Every replay that has topics or a report here.

    Raises:
        BrokerError: No broker answers.
    """
    runs = _runs(bootstrap)
    rows: list[dict[str, Any]] = []
    for run in sorted(runs):
        report = kept(run) or {}
        rows.append({
            "run": run, "what": report.get("what"), "speed": report.get("speed"), "ticks": report.get("ticks"),
            "identical": report.get("identical"), "topics": runs[run],
        })  # fmt: skip
    if as_json:
        emit(orjson.dumps({"replays": rows}).decode())
        return
    for row in rows:
        verdict = {True: "identical", False: "DIFFERENT", None: "no report"}[row["identical"]]
        ticks = "" if row["ticks"] is None else f"{row['ticks']:,} ticks"
        emit(f"{row['run']}  {row['what'] or '?':<12} {verdict:<10} {ticks}")
    if not rows:
        emit("no replay yet: tapedeck replay live")


def show_run(run: str, *, as_json: bool) -> int:
    """The report of a replay; returns the exit code of its verdict.

    Raises:
        ConfigError: There is none.
    """
    report = kept(run)
    if report is None:
        raise _unknown(run)
    tell(report, as_json=as_json)
    asked = report.get("asks") == "what if" and not report.get("against")  # held against a run, it is to be as that one
    return DONE if report["identical"] or asked else UNSOUND


def delete_run(bootstrap: str, run: str, *, as_json: bool) -> None:
    """Remove a replay's topics and folders, of all its spans.

    Raises:
        ConfigError: There is no such replay.
        BrokerError: The topics cannot be removed.
    """
    if run not in _runs(bootstrap):
        raise _unknown(run)
    log = connect(bootstrap)
    names = log.names(PREFIX)
    log.close()
    names = [name for span, prefix in namespaces(names).items() if replay_of(span) == run for name in names
             if name.startswith(prefix)]  # fmt: skip
    remove_topics(bootstrap, names)
    for folder in runs_dir().glob(f"{run}*"):
        if replay_of(folder.name) == run:
            shutil.rmtree(folder, ignore_errors=True)
    emit(
        orjson.dumps({"deleted": run, "topics": len(names)}).decode()
        if as_json
        else f"{run}: {len(names)} topics removed"
    )


def _runs(bootstrap: str) -> dict[str, int]:
    """Number of topics by run, its spans' included; 0 where only the report is left."""
    log = connect(bootstrap)
    names = log.names(PREFIX)
    log.close()
    found: Counter[str] = Counter()
    for span, prefix in namespaces(names).items():
        found[replay_of(span)] += sum(name.startswith(prefix) for name in names)
    for path in runs_dir().glob(f"*/{REPORT}"):
        found[replay_of(path.parent.name)] += 0
    return found


def _unknown(run: str) -> ConfigError:
    return ConfigError(
        "there is no such run", kind="no_run", got=run, allowed="a replay", fix="tapedeck replay list shows all"
    )
