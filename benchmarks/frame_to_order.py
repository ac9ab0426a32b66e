"""A live desk on a venue's websocket, from the receipt of a frame to the order in the log: ``tapedeck up`` as it ships.

A process of its own plays a recorded Binance session, one frame at its time, at one and at ten times the recorded rate.
Each has a broker of its own. Once more at the recorded rate feed health watches, and is killed half-way. The desk is
what ``tapedeck up`` starts, with a strategy that trades as often as it may: percentiles need orders. Latencies are the
desk's own ``tick_to_order``, as ``tapedeck replay report live`` tells.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from benchmarks.declare import Found, Series
from benchmarks.harness import Harness
from benchmarks.processes import REPOSITORY, Child
from benchmarks.spread import significant
from benchmarks.startup import TAPEDECK
from benchmarks.ticks import tape_captures
from schemas.errors import ConfigError, TaskFailed

SIDES = (("1x", 1, False), ("1x, watched", 1, True), ("10x", 10, False))
"""Name, speed, and whether ``tapedeck feed health`` runs beside it for the first half."""
SECONDS, QUICK_SECONDS = 45.0, 12.0
START_S = 8.0
"""What a desk takes to come up, kernels compiled."""
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
    """Each side once.

    Raises:
        ConfigError: There is no recording here.
    """
    captures = [path for path in tape_captures() if path.name.startswith("spot_btcusdt")]
    if not captures:
        raise ConfigError("no recorded captures", fix="set TAPEDECK_DATA to the folder of the data")
    seconds = QUICK_SECONDS if harness.quick else SECONDS
    series: dict[str, Series] = {}
    detail: dict[str, Any] = {"seconds": seconds}
    for side, speed, watched in SIDES:
        hop, sent = session(captures[0], speed, seconds, watched=watched)
        detail[side] = {**hop, **sent}
        for name in ("p50", "p99"):
            series[f"{name} at {side}"] = Series([significant(hop[f"{name}_us"] / US_PER_MS)])
        series[f"orders at {side}"] = Series([hop["count"]])
        harness.say(f"  {side}: {sent['frames'] / seconds:,.0f} frames a second, {hop['count']:,} orders, p50 "
                    f"{hop['p50_us'] / US_PER_MS:.3g} ms, p99 {hop['p99_us'] / US_PER_MS:.3g} ms")  # fmt: skip
    return Found(series, detail)


def session(capture: Path, speed: int, seconds: float, *, watched: bool) -> tuple[dict[str, Any], dict[str, Any]]:
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
            with _watching(environment, seconds / 2) if watched else nullcontext():
                _tapedeck(environment, "up", str(topology), "--seconds", f"{seconds:g}", "--json")
            report = json.loads(_tapedeck(environment, "replay", "report", "live", "--json").splitlines()[-1])
            sent = venue.hear("over")
        finally:
            venue.close()
            _tapedeck(environment, "broker", "down")
    hop = report["runs"][0]["hops"]["tick_to_order"]
    return hop, {"frames": sent["frames"], "late_s": sent["late_s"]}


@contextmanager
def _watching(environment: dict[str, str], seconds: float) -> Iterator[None]:
    """Feed health beside it, from when the desk is up, SIGKILLed after so long."""
    over = threading.Event()
    exits: list[int] = []

    def watch() -> None:
        over.wait(START_S)
        command = [str(TAPEDECK), "feed", "health"]
        null = subprocess.DEVNULL
        with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=null, stderr=null) as process:
            over.wait(seconds)
            process.kill()
            exits.append(process.wait())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if exits != [-signal.SIGKILL]:
        raise TaskFailed("feed health was not at work until it was killed", got=f"exit {exits}")


def _tapedeck(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [str(TAPEDECK), *arguments], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
        timeout=COMMAND_S_MAX,
    )  # fmt: skip
    if done.returncode:
        raise TaskFailed(f"tapedeck {arguments[0]} failed", got=done.stderr.strip()[-300:])
    return done.stdout
