"""Where side records took effect in a task of a live run, as its outputs and its snapshots tell.

Each place rides in the headers of the outputs behind it, once a partition. What was applied since the last output
before a commit stands in no header: that commit's snapshot says which input it precedes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from agents.topology import TaskHops
from chaos.tape import Strip, Tape, partition_of
from schemas.errors import BadFrame, SnapshotError
from schemas.header import Side
from streams.sides import CLOCK_STOPPED
from streams.state_bytes import load_values


def places(tape: Tape, hops: TaskHops, names: Sequence[str]) -> set[Side]:
    """Places of the side topics ``names`` (in the order of their numbers) in a task, in whatever it writes."""
    found: set[Side] = set()
    stops: dict[Side, int] = {}
    for (table_name, _), strip in tape.strips.items():
        if table_name == "state":
            for values in _snapshots(strip, hops):
                found |= _heard(values, names, hops)
                stops |= _stopped(values, names, hops)
        else:
            for _, header in strip.of(hops.name):
                found.update(header.sides)
    newest: dict[tuple[int, int], int] = {}
    for side in found:
        if side.seq != CLOCK_STOPPED:
            newest[side.input, side.place] = max(newest.get((side.input, side.place), -1), side.seq)
    # A record of the clock that was heard behind a stop at the same place takes it back.
    return found | {stop for stop, heard in stops.items() if newest.get((stop.input, stop.place), -1) <= heard}


def _snapshots(strip: Strip, hops: TaskHops) -> Iterator[dict[str, Any]]:
    """What the task's committed snapshots say; none where the strip is another task's."""
    if strip.partition != hops.state_partition:
        return
    for record, header in strip.committed:
        if header is not None and record.key == hops.name.encode():
            with suppress(SnapshotError, BadFrame):
                yield load_values(record.value)


def _heard(values: dict[str, Any], names: Sequence[str], hops: TaskHops) -> set[Side]:
    """How far sides had been heard before the input that follows a snapshot."""
    return {
        Side(
            place=values["input"]["ordinal"], input=names.index(name), partition=partition_of(hops, name),
            writer_crc=zlib.crc32(writer.encode()), seq=seq - 1,
        )
        for name, position in values["sides"].items()
        for writer, seq in position["seqs"].items()
    }  # fmt: skip


def _stopped(values: dict[str, Any], names: Sequence[str], hops: TaskHops) -> dict[Side, int]:
    """That the clock had stopped by a snapshot, with the newest record of the clock heard before."""
    clock = values["sides"].get("clock", {})
    if not clock.get("stopped"):
        return {}
    place = values["input"]["ordinal"]
    stop = Side(place=place, input=names.index("clock"), partition=hops.partition, writer_crc=0, seq=CLOCK_STOPPED)
    return {stop: max(clock["seqs"].values(), default=0) - 1}
