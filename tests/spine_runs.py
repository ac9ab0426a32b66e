"""Slices of recorded captures through the whole way in memory: what tests of the spine share."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from replay.cut import Cut
from replay.plan import PlayPlan
from replay.session import MemorySession
from replay.summary import summarise

FILES = ("spot_btcusdt_20240808", "usdm_btcusdt_20240808")
Captures = Sequence[Path]


def sliced(folder: Path, into: Path, lines: int) -> list[Path]:
    """The first lines of two captures, plain."""
    paths = []
    for name in FILES:
        with gzip.open(folder / "binance" / f"{name}.gz", "rb") as file:
            paths.append(into / name)
            paths[-1].write_bytes(b"".join(islice(file, lines)))
    return paths


def played(captures: Captures, cut: Cut | None = None, **more: Any) -> dict[str, Any]:
    """Summary of a run; ``more`` goes to the plan, or to the session where it has such a parameter."""
    session_keys = {k: more.pop(k) for k in ("build", "fault", "on_event") if k in more}
    plan = PlayPlan(run="r", captures=captures, speed=0.0, **more)
    session = MemorySession(plan, cut=cut or Cut(), **session_keys)
    session.run(lambda: None)
    summary, _ = summarise(session)
    summary["log"] = session.log
    summary["plan"] = plan
    return summary


def assert_sound(summary: dict[str, Any]) -> None:
    assert (summary["lost"], summary["duplicated"]) == (0, 0)


SAME = ("order_hash", "ticks", "captured", "trades", "intents", "orders", "denied", "executions", "gaps", "pnl")


def assert_same(summary: dict[str, Any], reference: dict[str, Any]) -> None:
    assert_sound(summary)
    assert {k: summary[k] for k in SAME} == {k: reference[k] for k in SAME}
