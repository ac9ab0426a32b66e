"""A live desk on a venue's websocket, from the receipt of a frame to the order in the log: ``tapedeck up`` as it ships.

A process of its own plays a recorded Binance session, one frame at its time, at one and at ten times the recorded rate.
Each rate has a broker of its own. The desk is what ``tapedeck up`` starts, with a strategy that trades as often as it
may: percentiles need orders. Latencies are the desk's own ``tick_to_order``, as ``tapedeck replay report live`` tells.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.processes import REPOSITORY, Child
from benchmarks.spread import significant
from benchmarks.startup import TAPEDECK
from benchmarks.ticks import tape_captures
from schemas.errors import ConfigError, TaskFailed

SPEEDS = (1, 10)
SECONDS, QUICK_SECONDS = 45.0, 12.0
COMMAND_S_MAX = 400.0
US_PER_MS = 1_000
TOPOLOGY = """
[feed]
kind = "binance"
symbols = ["BTCUSDT"]
url = "{url}"
rest_url = "{rest_url}"
[strategy]
rest_ms = 50
[strategy.parameters]
score_full_bps = 0.25
"""


def run(harness: Harness) -> Found:
    """Each speed once.

    Raises:
        ConfigError: There is no recording here.
    """
    captures = [path for path in tape_captures() if path.name.startswith("spot_btcusdt")]
    if not captures:
        raise ConfigError("no recorded captures", fix="set TAPEDECK_DATA to the folder of the data")
    seconds = QUICK_SECONDS if harness.quick else SECONDS
    series: dict[str, Series] = {}
    detail: dict[str, Any] = {"seconds": seconds}
    for speed in SPEEDS:
        hop, sent = session(captures[0], speed, seconds)
        detail[f"{speed}x"] = {**hop, **sent}
        for name in ("p50", "p99"):
            series[f"{name} at {speed}x"] = Series([significant(hop[f"{name}_us"] / US_PER_MS)])
        series[f"orders at {speed}x"] = Series([hop["count"]])
        harness.say(f"  {speed}x: {sent['frames'] / seconds:,.0f} frames a second, {hop['count']:,} orders, p50 "
                    f"{hop['p50_us'] / US_PER_MS:.3g} ms, p99 {hop['p99_us'] / US_PER_MS:.3g} ms")  # fmt: skip
    return Found(series, detail)


def session(capture: Path, speed: int, seconds: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """``tick_to_order`` of a desk over so many seconds, and what the venue has sent."""
    with tempfile.TemporaryDirectory(prefix="tapedeck-bench-", ignore_cleanup_errors=True) as folder:
        environment = {**os.environ, "TAPEDECK_HOME": str(Path(folder) / "home")}
        environment.pop("TAPEDECK_BOOTSTRAP", None)
        venue = Child("venue", capture=str(capture), speed=speed)
        try:
            told = venue.hear("ready")
            topology = Path(folder) / "topology.toml"
            topology.write_text(TOPOLOGY.format(**told), encoding="ascii")
            _tapedeck(environment, "broker", "up")
            _tapedeck(environment, "up", str(topology), "--seconds", f"{seconds:g}", "--json")
            report = json.loads(_tapedeck(environment, "replay", "report", "live", "--json").splitlines()[-1])
            sent = venue.hear("over")
        finally:
            venue.close()
            _tapedeck(environment, "broker", "down")
    hop = report["runs"][0]["hops"]["tick_to_order"]
    return hop, {"frames": sent["frames"], "late_s": sent["late_s"]}


def _tapedeck(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [str(TAPEDECK), *arguments], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
        timeout=COMMAND_S_MAX,
    )  # fmt: skip
    if done.returncode:
        raise TaskFailed(f"tapedeck {arguments[0]} failed", got=done.stderr.strip()[-300:])
    return done.stdout
