"""CPU, memory and the process limits that a broker and six tasks need."""

from __future__ import annotations

import os
from pathlib import Path

from operations.finding import Finding, amount

CORES_MIN = 2
"""The broker and the hot path want a core each."""
LOAD_PER_CORE_WARN = 1.5
"""Above, latencies are those of the queue for a core."""

BROKER_MEMORY_BYTES = 450_000_000
"""Of the embedded Kafka, by size in memory: 345 MB after its start, up to its heap's 512 MB under load."""
TASK_MEMORY_BYTES = 200_000_000
"""Of one task: Python, numpy, numba, the Kafka client. Measured: 50 MB (risk) to 217 MB (normalise that compiles)."""
TASKS = 6
"""Processes of the live topology: clock, feed, normalise, hot, risk, venue."""
MEMORY_HEADROOM_BYTES = 500_000_000
"""Kafka reads what it has just written from the page cache: without room for it every reader goes to the disk."""

FILES_MIN = 4_096
"""Files that Kafka may open: four a partition and segment, a socket a client."""
USED_SHARE_WARN = 0.8
"""Share of a limit above which it is time to raise it."""
MAPS_DEFAULT = 65_530
"""Linux's default of ``vm.max_map_count``. Kafka maps two index files a partition and segment."""

CGROUP = Path("/sys/fs/cgroup")
PROC = Path("/proc")


def cpu(cores: int, load: float) -> Finding:
    """Cores that this process may use, against the one-minute load."""
    found = f"{cores} cores, load {load:.1f}"
    wanted = f"at least {CORES_MIN} cores, load below {LOAD_PER_CORE_WARN * cores:.1f}"
    if cores < CORES_MIN:
        return Finding("cpu", "warn", found, wanted, "give this machine or container more cores")
    if load > LOAD_PER_CORE_WARN * cores:
        return Finding("cpu", "warn", found, wanted, "see what runs: top -o %CPU")
    return Finding("cpu", "ok", found)


def memory(total: int, available: int, *, broker_to_start: bool) -> Finding:
    """Memory in bytes, of the machine or of the container's bound, against what broker and tasks take.

    Args:
        total: Bytes there are.
        available: Bytes that can be had without swapping.
        broker_to_start: Whether an embedded broker is meant that does not run yet.
    """
    needed = BROKER_MEMORY_BYTES + TASKS * TASK_MEMORY_BYTES + MEMORY_HEADROOM_BYTES
    room = MEMORY_HEADROOM_BYTES + (BROKER_MEMORY_BYTES if broker_to_start else 0)
    found = f"{amount(available)} free of {amount(total)}"
    wanted = f"{amount(needed)} for broker and {TASKS} tasks, {amount(room)} of it free"
    if available < room:
        return Finding("memory", "fail" if available < room // 4 else "warn", found, wanted,
                       "see who has it: ps -eo rss,pid,args --sort=-rss | head")  # fmt: skip
    if total < needed:
        return Finding("memory", "warn", found, wanted, "give this machine or container more memory")
    return Finding("memory", "ok", found)


def open_files(hard_limit: int) -> Finding:
    """How many files a process may open; Java raises its own limit to the hard one."""
    if hard_limit < FILES_MIN:
        return Finding("open files", "warn", f"{hard_limit} a process", f"at least {FILES_MIN}",
                       f"ulimit -Hn {FILES_MIN * 16} (as root), or LimitNOFILE= of the service")  # fmt: skip
    return Finding("open files", "ok", f"{hard_limit:,} a process")


def broker_limits(files: int, files_max: int, maps: int, maps_max: int) -> Finding:
    """What the embedded broker's process uses of its limits: both grow with every run's topics."""
    found = f"{files:,} of {files_max:,} files, {maps:,} of {maps_max:,} memory maps"
    wanted = f"below {USED_SHARE_WARN:.0%} of each"
    if maps > USED_SHARE_WARN * maps_max:
        return Finding("broker limits", "warn", found, wanted, f"sudo sysctl -w vm.max_map_count={4 * maps_max}")
    if files > USED_SHARE_WARN * files_max:
        return Finding("broker limits", "warn", found, wanted,
                       f"ulimit -n {4 * files_max}; tapedeck broker down && tapedeck broker up")  # fmt: skip
    return Finding("broker limits", "ok", found)


def look(*, broker_to_start: bool) -> list[Finding]:
    """CPU, memory and open files of where this process runs."""
    import resource

    total, available = memory_bytes()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return [
        cpu(cores(), os.getloadavg()[0]),
        memory(total, available, broker_to_start=broker_to_start)
        if total
        else Finding("memory", "unknown", "this system does not tell how much there is"),
        open_files(2**31 if hard == resource.RLIM_INFINITY else hard),
    ]


def look_at_broker(pid: int) -> Finding:
    """The embedded broker's process against its limits."""
    folder = PROC / str(pid)
    try:
        files = len(list((folder / "fd").iterdir()))
        maps = (folder / "maps").read_bytes().count(b"\n")
        limit = next(line for line in (folder / "limits").read_text().splitlines() if line.startswith("Max open files"))
    except (OSError, StopIteration):
        return Finding("broker limits", "unknown", f"the limits of process {pid} cannot be read")
    maps_file = PROC / "sys" / "vm" / "max_map_count"
    maps_max = int(maps_file.read_text()) if maps_file.exists() else MAPS_DEFAULT
    return broker_limits(files, int(limit.split()[3]), maps, maps_max)


def cores() -> int:
    """Cores that this process may use: affinity, and the container's share."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _read(CGROUP / "cpu.max").partition(" ")
    return (
        min(affinity, max(1, int(quota) // int(period))) if quota.isdigit() and period.strip().isdigit() else affinity
    )


def memory_bytes() -> tuple[int, int]:
    """(total, available) in bytes, the container's bound included; zeros where the system does not tell."""
    fields = {
        name: int(value.split()[0]) * 1024
        for name, _, value in (line.partition(":") for line in _read(PROC / "meminfo").splitlines())
        if value.split()
    }
    total, available = fields.get("MemTotal", 0), fields.get("MemAvailable", 0)
    bound, used = _read(CGROUP / "memory.max").strip(), _read(CGROUP / "memory.current").strip()
    if bound.isdigit() and used.isdigit() and int(bound) < total:
        return int(bound), min(available, max(0, int(bound) - int(used)))
    return total, available


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
