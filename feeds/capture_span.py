"""How much time recorded files span: found by reading them to their ends, so for a display, not before a start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from feeds.capture_lines import LineReader
from feeds.captures import open_captures

NANOS = 1_000_000_000
STAMP_BYTES_MAX = 20


def span_s(paths: Sequence[Path]) -> float:
    """Seconds between the first and the last receive time of all files together.

    Args:
        paths: Captures that ``open_captures`` takes.

    Raises:
        ConfigError: One cannot be read.
        OSError: One is gone meanwhile.
    """
    files = open_captures(paths).files
    first = min(file.first_stamp for file in files)
    last = max(_last_stamp(file.path, file.first_stamp) for file in files)
    return max(last - first, 0) / NANOS


def _last_stamp(path: Path, first: int) -> int:
    newest = b""
    for line, _ in LineReader(path):
        if line[:1].isdigit():
            newest = line
    stamp = newest[:STAMP_BYTES_MAX].split(b" ", 1)[0]
    return int(stamp) if stamp.isdigit() else first
