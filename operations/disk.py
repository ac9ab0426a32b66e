"""Free space, and for how many days it lasts at the rate at which the live tape grows."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from operations.finding import Finding, amount, span
from schemas.topics import table_row
from streams.clock import wall_ns
from streams.cluster import Cluster, Flow
from streams.home import HOME_VARIABLE
from streams.log import Place
from streams.namespace import namespaces

FREE_BYTES_WARN = 5_000_000_000
FREE_BYTES_FAIL = 1_000_000_000
"""Kafka stops, and loses its leadership of everything, when a write to its disk fails: never let it come to that."""

DAYS_LEFT_WARN = 7.0
DAYS_LEFT_FAIL = 1.0

WINDOW_S = 6 * 3_600.0
"""How far back the growth is measured."""
SPAN_S_MIN = 60.0
"""Shortest span from which a day's growth is foretold."""
FLOWING_S = 600.0
"""The tape flows if its newest record is younger."""

_DAY_S = 86_400.0
_MS = 1_000


@dataclass(frozen=True, slots=True)
class Growth:
    """How fast the live tape grows.

    Attributes:
        bytes_per_day: On disk, compacted topics left out.
        span_s: Measured over so many seconds.
    """

    bytes_per_day: float
    span_s: float


def free_space(what: str, folder: Path, free: int, total: int, where: str) -> Finding:
    """Free space of the disk that holds a folder.

    Args:
        what: Name of the check.
        folder: For the message.
        free: Bytes.
        total: Bytes.
        where: What moves the folder elsewhere.
    """
    found = f"{amount(free)} free of {amount(total)} at {folder}"
    wanted = f"at least {amount(FREE_BYTES_WARN)}"
    if free >= FREE_BYTES_WARN:
        return Finding(what, "ok", found)
    return Finding(what, "fail" if free < FREE_BYTES_FAIL else "warn", found, wanted,
                   f"see what takes it: du -xh --max-depth=2 {folder} | sort -h | tail; or {where}")  # fmt: skip


def days_left(free: int, growth: Growth | None, reserve: int = FREE_BYTES_FAIL) -> Finding:
    """Days until only the reserve is left.

    Args:
        free: Bytes free on the broker's disk.
        growth: None where nothing flows, or not for long enough.
        reserve: Bytes that must stay free.
    """
    if growth is None:
        return Finding("days left", "unknown",
                       f"no live tape has flowed for {span(SPAN_S_MIN)}: its growth cannot be told")  # fmt: skip
    days = max(0, free - reserve) / growth.bytes_per_day if growth.bytes_per_day > 0 else float("inf")
    left = f"{days:,.1f} days" if days < 1_000 else "more than 1,000 days"
    found = f"{left}: the tape grows {amount(growth.bytes_per_day)} a day (by the last {span(growth.span_s)})"
    wanted = f"at least {DAYS_LEFT_WARN:g} days"
    if days >= DAYS_LEFT_WARN:
        return Finding("days left", "ok", found)
    return Finding("days left", "fail" if days < DAYS_LEFT_FAIL else "warn", found, wanted,
                   f"tapedeck broker down, move {HOME_VARIABLE} to a larger disk, tapedeck broker up")  # fmt: skip


def growth_of(flows: Mapping[Place, Flow], sizes: Mapping[Place, int], now_ms: int) -> Growth | None:
    """Growth from what was appended within the window, and what each partition takes on disk.

    A partition's bytes are spread over its offsets evenly. None where nothing flows, or not for long enough.
    """
    moving = {place: flow for place, flow in flows.items() if flow.high > flow.since and flow.first_ms}
    newest_ms = max((flow.last_ms for flow in moving.values()), default=0)
    span_s = (newest_ms - min((flow.first_ms for flow in moving.values()), default=0)) / _MS
    if not moving or now_ms - newest_ms > FLOWING_S * _MS or span_s < SPAN_S_MIN:
        return None
    appended = sum(
        sizes.get(place, 0) * (flow.high - flow.since) / max(1, flow.high - flow.low) for place, flow in moving.items()
    )
    return Growth(appended / span_s * _DAY_S, span_s)


def growth(cluster: Cluster, data: Path) -> Growth | None:
    """Growth of the live topics of a broker whose segments lie in ``data``.

    Raises:
        BrokerError: It does not answer.
    """
    topics = cluster.topics()
    places = [(name, number) for name in grows_for_ever(topics) for number in range(len(topics[name]))]
    now_ms = wall_ns() // 1_000_000
    flows = cluster.flow(places, now_ms - int(WINDOW_S * _MS))
    return growth_of(flows, {place: segment_bytes(data, place) for place in places}, now_ms)


def grows_for_ever(names: Mapping[str, object]) -> list[str]:
    """Live topics that keep everything."""
    runs = namespaces(names)
    live = [name for name in names if not any(name.startswith(prefix) for prefix in runs.values())]
    return [name for name in live if (row := table_row(name)) is not None and row.kept != "compacted"]


def segment_bytes(data: Path, place: Place) -> int:
    """What a partition takes on the broker's disk, its indexes left out: they are allocated ahead, and sparse."""
    folder = data / f"{place[0]}-{place[1]}"
    total = 0
    for segment in folder.glob("*.log"):
        try:
            total += segment.stat().st_size
        except FileNotFoundError:  # compacted away, or deleted, while we looked
            continue
    return total


def look(home: Path, data: Path | None) -> list[Finding]:
    """Free space below the home, and of the broker's disk where the broker is ours."""
    found = [_space("disk", home, f"set {HOME_VARIABLE} to a folder on a larger disk")]
    if data is not None and _existing(data).stat().st_dev != _existing(home).stat().st_dev:
        found.append(_space("broker disk", data, f"set {HOME_VARIABLE} to a folder on a larger disk"))
    return found


def free_bytes(folder: Path) -> int:
    """Bytes free on the disk that holds a folder, or will hold it."""
    return shutil.disk_usage(_existing(folder)).free


def _space(what: str, folder: Path, where: str) -> Finding:
    usage = shutil.disk_usage(_existing(folder))
    return free_space(what, folder, usage.free, usage.total, where)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
