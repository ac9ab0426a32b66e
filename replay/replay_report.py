"""What a replay came to: the verdict of its comparison, counts, rates, and the latency of each hop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from replay.judge import Judge
from replay.parity import Parity
from replay.replaying import Replaying
from replay.stress import OF_THE_LINE
from streams.build import build_hash
from streams.home import runs_dir
from streams.whole_file import written_beside

REPORT = "replay.json"
"""In the run's folder."""


def reported(judge: Judge, replay: Replaying, *, whole: bool) -> dict[str, Any]:
    """The report of a replay that has come to its end, or was ended early.

    Args:
        judge: Of the replay.
        replay: The replay.
        whole: Whether all of the stretch was fed.

    Raises:
        BrokerError: A topic cannot be read.
    """
    plan, behind, elapsed_s = judge.plan, replay.behind, replay.elapsed_s
    parity = judge.finish(whole=whole)
    summary = judge.hops.summary()
    judge.hops.write_hlog(runs_dir() / plan.run)
    recorded = plan.recording.opening
    return {
        "run": plan.run,
        "recorded": {"run": recorded.run, "namespace": plan.recording.namespace, "mode": recorded.mode},
        "speed": plan.speed or "max",
        "from": plan.since,
        "split": plan.split,
        "whole": whole,
        "build": {"recorded": recorded.build, "replayed": build_hash()},
        "compared": parity.compared,
        "digest": parity.digest,
        "differing": parity.differing[1:],
        "latencies_comparable": bool(plan.speed) and not behind.since,
        "kernels": "cold" if plan.cold else "warm",
        "behind": {"since_ns": behind.since or None, "most_ms": round(behind.most_ns / 1e6, 3)},
        "stress": {
            "burst": plan.stress.burst,
            "faults": [[f.kind, f.at_ns / 1e9] for f in plan.stress.faults],
            "struck": [
                n if f.kind in OF_THE_LINE else None for f, n in zip(plan.stress.faults, replay.struck, strict=True)
            ],
            "loses_input": not plan.stress.harmless(replay.struck),
        },
        "elapsed_s": round(elapsed_s, 3),
        "asks": "what if" if plan.asks else "was it so",
        "model": plan.opening.model.get("sha256", ""),
        "executions": "recorded" if plan.followed else "simulated: no market impact",
        "ticks": judge.ticks,
        "ticks_per_s": round(judge.ticks / elapsed_s) if elapsed_s else None,
        "orders": judge.orders,
        "identical": parity.identical and _compared_any(parity),
        "first_divergence": parity.first_divergence,
        "hops": {name: figures for name, figures in summary.items() if name != "tick_to_order"},
        "tick_to_order": summary["tick_to_order"],
    }


def _compared_any(parity: Parity) -> bool:
    return any(parity.compared.values())


def keep(report: dict[str, Any], folder: Path) -> None:
    """Write a report into the run's folder."""
    with written_beside(folder / REPORT) as new:
        new.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))


def kept(run: str) -> dict[str, Any] | None:
    """The report of a run; None where none was written here."""
    path = runs_dir() / run / REPORT
    try:
        found: dict[str, Any] = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return found
