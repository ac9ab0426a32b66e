"""What has gone wrong before: the embedded server's own log, and tracebacks of Tapedeck's faults."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from operations.finding import Finding, span

CRASHES_S = 7 * 86_400.0
"""Younger tracebacks are worth a look."""
SEVERE = " SEVERE "
"""How java.util.logging marks an error."""
LINE_CHARS_MAX = 120


def server_log(path: Path) -> Finding:
    """Errors in the server's log since its start."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return Finding("broker log", "ok", "none: it has not been started here")
    severe = [line for line in lines if SEVERE in line]
    if severe:
        last = severe[-1][:LINE_CHARS_MAX]
        return Finding("broker log", "warn", f"{len(severe)} errors since its start; the last: {last}", "none",
                       f"grep -A 20 SEVERE {shlex.quote(str(path))}")  # fmt: skip
    return Finding("broker log", "ok", f"no errors since its start, in {path}")


def crashes(files: Sequence[tuple[Path, float]], now_s: float) -> Finding:
    """Tracebacks of the last days.

    Args:
        files: Each with its time of writing, s since the epoch.
        now_s: Wall time.
    """
    young = sorted((written, path) for path, written in files if now_s - written < CRASHES_S)
    if not young:
        return Finding("crashes", "ok", f"none within {span(CRASHES_S)}")
    written, newest = young[-1]
    return Finding("crashes", "warn", f"{len(young)} within {span(CRASHES_S)}; the newest {span(now_s - written)} ago",
                   "none", f"less {shlex.quote(str(newest))}; report it, then remove it")  # fmt: skip


def crash_files(folder: Path) -> list[tuple[Path, float]]:
    """Tracebacks in a folder, with their times."""
    return [(path, path.stat().st_mtime) for path in sorted(folder.glob("*.log"))]
