"""What processes use, as the kernel counts it."""

from __future__ import annotations

import os
from pathlib import Path

KB = 1024


def cpu_s(pid: int | None) -> float | None:
    """CPU seconds that a process has used so far, all threads; None where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float | None:
    """Resident memory of a process in MB (2**20); None where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / KB**2


def pss_mb(pid: int) -> float | None:
    """The same, with what is shared divided among those who share it; None where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / KB for line in lines if line.startswith("Pss:")), None)
