"""``tapedeck demo`` as a user meets it: from the command to the first order in the log, and what each process holds.

The broker is up (a second figure starts one as well, the jars being there), the kernels compiled; ``cold`` runs compile
them anew. The time of the first order is the broker's own stamp of the record. Memory is read while the session plays:
resident, and the share that is the process's own or its part of what is shared (PSS).
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
from benchmarks.processes import REPOSITORY
from benchmarks.spread import significant
from benchmarks.startup import TAPEDECK
from benchmarks.usage import pss_mb, rss_mb
from schemas.errors import TaskFailed
from streams.broker import EmbeddedBroker
from streams.clock import monotonic_s, sleep_s, wall_ns
from streams.kafka import KafkaLog, connect

SECONDS = 5
LOOK_S = 0.25
MS = 1_000
NANOS = 1_000_000_000


def run(harness: Harness, *, cold: bool = False) -> Found:
    """Warm: as often as there are pairs on the broker of the harness, once on one that it starts itself."""
    if cold:
        with tempfile.TemporaryDirectory(prefix="tapedeck-kernels-", ignore_cleanup_errors=True) as kernels:
            first, _ = session(
                harness.log, {"TAPEDECK_BOOTSTRAP": harness.broker.bootstrap, "NUMBA_CACHE_DIR": kernels}
            )
        return Found({"first order, kernels compiled": Series([first])})
    named = {"TAPEDECK_BOOTSTRAP": harness.broker.bootstrap}
    sessions = [session(harness.log, named) for _ in range(harness.pairs)]
    memory = sessions[-1][1]
    if harness.broker.pid is not None:
        memory["broker"] = _memory(harness.broker.pid)
    series = {
        "first order": Series([first for first, _ in sessions]),
        "first order, broker started": Series([_own_broker(harness)]),
        "memory, all processes": Series([significant(sum(m["pss_mb"] for m in memory.values()))]),
    }
    return Found(series, {"memory_mb": memory})


def session(
    log: KafkaLog | None, environment: dict[str, str], broker: EmbeddedBroker | None = None
) -> tuple[float, Any]:
    """Seconds to the first order of one session, and memory by process.

    Raises:
        TaskFailed: It fails, or makes no order.
    """
    began_ns = wall_ns()
    command = [str(TAPEDECK), "demo", "--seconds", str(SECONDS), "--json"]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    memory: dict[str, dict[str, float]] = {}
    until = monotonic_s() + 300
    while process.poll() is None and monotonic_s() < until:
        for name, pid in family(process.pid).items():
            memory[name] = _larger(memory.get(name), _memory(pid))
        sleep_s(LOOK_S)
    process.kill()
    out, complaint = process.communicate()
    if process.returncode:
        raise TaskFailed("tapedeck demo failed", got=complaint.decode(errors="replace")[-300:])
    run = json.loads(out.splitlines()[-1])["run"]
    own = None
    if log is None:
        assert broker is not None
        bootstrap = broker.status().bootstrap
        assert bootstrap is not None
        log = own = connect(bootstrap)
    try:
        first = next(log.scan(f"demo.{run}.orders", 0, 0, committed=False), None)
    finally:
        if own is not None:
            own.close()
    if first is None or not first.timestamp_ms:
        raise TaskFailed("tapedeck demo made no order", where=run)
    return significant((first.timestamp_ms * NANOS // MS - began_ns) / NANOS), memory


def family(pid: int) -> dict[str, int]:
    """Children of a process by the name of their task, and the process itself."""
    found = {"tapedeck demo": pid}
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return found
    for child in children:
        try:
            arguments = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"agents.worker" in arguments:
            found[json.loads(arguments[arguments.index(b"agents.worker") + 1])["task"]] = int(child)
    return found


def _own_broker(harness: Harness) -> float:
    """A session that starts its own broker, in a home of its own."""
    home = harness.folder / "first-day"
    environment = {"TAPEDECK_HOME": str(home), "TAPEDECK_BOOTSTRAP": ""}
    broker = EmbeddedBroker(home)
    try:
        return session(None, environment, broker)[0]
    finally:
        broker.down()


def _memory(pid: int) -> dict[str, float]:
    return {"rss_mb": round(rss_mb(pid) or 0.0, 1), "pss_mb": round(pss_mb(pid) or 0.0, 1)}


def _larger(before: dict[str, float] | None, now: dict[str, float]) -> dict[str, float]:
    return now if before is None else {key: max(before[key], value) for key, value in now.items()}
