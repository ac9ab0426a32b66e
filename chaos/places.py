"""Where side records took effect in a task of a live run, as its outputs and its snapshots tell.

Each place rides in the headers of the outputs behind it, once a partition. What was applied since the last output
before a commit stands in no header: that commit's snapshot says which input it precedes.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from agents.topology import TaskHops
from chaos.tape import Strip, Tape
from schemas.errors import BadFrame, SnapshotError
from schemas.header import Side
from streams.sides import CLOCK_STOPPED
from streams.state_bytes import load_values


def places(tape: Tape, hops: TaskHops, names: Sequence[str], partition: int) -> set[Side]:
    """Places of the side topics ``names`` (in the order of their numbers) in one partition of a task."""
    found: set[Side] = set()
    for (table_name, strip_partition), strip in tape.strips.items():
        if table_name == "state":
            found |= _of_snapshots(strip, hops, names, partition)
        elif strip_partition == partition:
            for _, header in strip.of(hops.name):
                found.update(header.sides)
    # A record of the clock that was heard behind a stop at the same place takes it back.
    newest: dict[tuple[int, int], int] = {}
    for side in found:
        if side.seq != CLOCK_STOPPED and names[side.input] == "clock":
            newest[side.input, side.place] = max(newest.get((side.input, side.place), -1), side.seq)
    for stop, heard in _stops(tape, hops, names, partition).items():
        if newest.get((stop.input, stop.place), -1) <= heard:
            found.add(stop)
    return found


def _stops(tape: Tape, hops: TaskHops, names: Sequence[str], partition: int) -> dict[Side, int]:
    """Stops of the clock that a commit's snapshot holds, each with the newest record of the clock heard by then."""
    found: dict[Side, int] = {}
    for (table_name, _), strip in tape.strips.items():
        if table_name != "state" or strip.partition != hops.state_partition:
            continue
        for record, header in strip.committed:
            if header is None or record.key != hops.name.encode():
                continue
            try:
                values = load_values(record.value)
            except (SnapshotError, BadFrame):
                continue
            clock = values["sides"].get("clock", {})
            if clock.get("stopped"):
                stop = Side(
                    place=values["input"]["ordinal"], input=names.index("clock"), partition=partition, writer_crc=0,
                    seq=CLOCK_STOPPED,
                )  # fmt: skip
                found[stop] = max(clock["seqs"].values(), default=0) - 1
    return found


def _of_snapshots(strip: Strip, hops: TaskHops, names: Sequence[str], partition: int) -> set[Side]:
    """A commit's snapshot says how far sides had been heard before the input that follows it."""
    found: set[Side] = set()
    if strip.partition != hops.state_partition:
        return found
    for record, header in strip.committed:
        if header is None or record.key != hops.name.encode():
            continue
        try:
            values = load_values(record.value)
        except (SnapshotError, BadFrame):
            continue
        for name, position in values["sides"].items():
            for writer, seq in position["seqs"].items():
                found.add(
                    Side(
                        place=values["input"]["ordinal"], input=names.index(name), partition=partition,
                        writer_crc=zlib.crc32(writer.encode()), seq=seq - 1,
                    )
                )  # fmt: skip
    return found
