"""How good is this feed? Recorded files through the one adapter, and what it counted.

Lateness and clock skew go by the venue's event time (``E``), which stamps every message when it is sent; the
transaction time that rows carry is older by as long as the venue batches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from feeds.captures import CaptureFault, Line, open_captures, venue_name
from feeds.messages import SNAPSHOT, Messages
from feeds.sequence import definitions_of
from feeds.venues import adapter_of
from schemas.definition import Definition
from schemas.errors import BadInput, ConfigError
from streams.agent import Payload

BATCH_LINES = 2048
"""Lines taken through the adapter at once."""

SKEW_STEP_NS = 100_000
"""Clock skews are counted in steps of 0.1 ms, so that their median needs no memory of every message."""

REPORTED = (
    "messages", "ticks", "trades", "applied", "discarded", "gaps", "duplicates", "out_of_order", "late_ms_max",
    "crossed", "clock_skew_ms", "bbo_compared", "bbo_mismatches", "corrected", "busted",
)  # fmt: skip
"""Keys per instrument, in order. clock_skew_ms: median of receive minus event time, None without event times."""

OnReject = Callable[[Path, int, BadInput], None]
OnProgress = Callable[[int, int, int], None]


class _File(Protocol):
    @property
    def path(self) -> Path: ...


class CheckedFeed(Protocol):
    """What is checked: lines of files, and how far they are read."""

    @property
    def files(self) -> Sequence[_File]:
        """The files that ``Line.file`` counts."""
        ...

    @property
    def faults(self) -> Sequence[CaptureFault]:
        """Files that could not be read to their end."""
        ...

    @property
    def bytes_read(self) -> int:
        """Bytes read so far."""
        ...

    @property
    def bytes_total(self) -> int:
        """Bytes in all."""
        ...

    def __iter__(self) -> Iterator[Line]: ...


@dataclass(slots=True)
class Report:
    """What was found.

    Attributes:
        rejected: Lines that are no valid message.
        instruments: REPORTED by market:symbol; with ``depth_synchronised: False`` where the book is not known at the
            end (no snapshot, or a gap since), and with ``lifecycles`` where single orders are told.
        faults: Files that could not be read to their end.
        lines: Lines read.
    """

    rejected: int = 0
    instruments: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[CaptureFault] = field(default_factory=list)
    lines: int = 0

    def document(self) -> dict[str, Any]:
        """The report as the command prints it."""
        return {"rejected": self.rejected, "instruments": self.instruments}


def check(
    files: Sequence[Path | str],
    on_reject: OnReject | None = None,
    on_fault: Callable[[CaptureFault], None] | None = None,
    on_progress: OnProgress | None = None,
    wanted: str = "",
) -> Report:
    """Check recorded files.

    Args:
        files: Captures, plain text or gzip.
        on_reject: Called with file, line number and reason for each line that is no valid message.
        on_fault: Called when a file cannot be read to its end.
        wanted: Venue that they must be of; empty: any.
        on_progress: Called now and then with bytes read, bytes in all, lines read.

    Raises:
        ConfigError: A file cannot be used; nothing was started.
    """
    captures = open_captures(files, on_fault)
    source = venue_name(captures)
    if wanted not in ("", source):
        raise ConfigError(
            "a capture is of another venue", kind="other_venue", got=source, allowed=wanted,
            where=str(captures.files[0].path), fix=f"tapedeck feed check {source}",
        )  # fmt: skip
    return check_feed(
        captures, source, definitions_of([file.path for file in captures.files], 0), on_reject, on_progress
    )


def check_feed(
    feed: CheckedFeed, source: str, definitions: Sequence[Definition], on_reject: OnReject | None = None,
    on_progress: OnProgress | None = None,
) -> Report:  # fmt: skip
    """Check what a feed of files gives: captures, or purchased history."""
    adapter = adapter_of(source, definitions)
    state = adapter.start()
    skews: list[Counter[int]] = [Counter() for _ in adapter.definitions]
    report = Report()
    stream = iter(feed)
    while lines := list(islice(stream, BATCH_LINES)):
        messages, rejects = adapter.read(_payloads(source, lines, report.lines))
        rejects += adapter.apply(state, messages)[2]
        rejects.sort(key=lambda reject: reject[0])
        _count_skews(skews, messages)
        for index, error in rejects:
            if on_reject is not None:
                on_reject(feed.files[lines[index].file].path, lines[index].line, error)
        report.rejected += len(rejects)
        report.lines += len(lines)
        if on_progress is not None:
            on_progress(feed.bytes_read, feed.bytes_total, report.lines)
    report.faults = list(feed.faults)
    synchronised = adapter.synchronised(state)
    for (instrument, counted), skew in zip(adapter.counters(state).items(), skews, strict=True):
        if counted["messages"]:
            found = {**counted, "clock_skew_ms": _median_ms(skew)}
            report.instruments[instrument] = {name: found[name] for name in REPORTED}
            if not synchronised[instrument]:
                report.instruments[instrument]["depth_synchronised"] = False
    for instrument, lives in adapter.lifecycles(state).items():
        if instrument in report.instruments:
            report.instruments[instrument]["lifecycles"] = lives
    return report


def _payloads(source: str, lines: Sequence[Line], first: int) -> list[Payload]:
    return [Payload(source, first + i, line.ts_recv, line.key, line.payload) for i, line in enumerate(lines)]


def _count_skews(skews: list[Counter[int]], batch: Messages) -> None:
    messages = batch.messages
    events = messages[(messages["kind"] != SNAPSHOT) & (messages["ts_venue"] > 0)]
    steps = (events["ts_recv"] - events["ts_venue"] + SKEW_STEP_NS // 2) // SKEW_STEP_NS
    for slot in np.unique(events["slot"]).tolist():
        values, counts = np.unique(steps[events["slot"] == slot], return_counts=True)
        skews[slot].update(dict(zip(values.tolist(), counts.tolist(), strict=True)))


def _median_ms(skew: Counter[int]) -> float | None:
    """The lower median, in ms to one decimal; None of nothing."""
    below = 0
    for step in sorted(skew):
        below += skew[step]
        if 2 * below >= skew.total():
            return step * SKEW_STEP_NS / 1_000_000
    return None
