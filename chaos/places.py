"""Where side records took effect in a task of a live run, as its outputs and its snapshots tell.

Each place rides in the headers of the outputs behind it, once a partition. What was applied since the last output
before a commit is told by the next output behind it; until one comes, that commit's snapshot alone says where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from agents.topology import TaskHops
from chaos.tape import Strip, Tape
from replay.order import heard_by, standing_stops, stopped_by
from schemas.errors import BadFrame, SnapshotError
from schemas.header import Side
from streams.state_bytes import load_values


def places(tape: Tape, hops: TaskHops, names: Sequence[str]) -> set[Side]:
    """Places of the side topics ``names`` (in the order of their numbers) in a task, in whatever it writes."""
    found: set[Side] = set()
    stops: dict[Side, int] = {}
    for (table_name, _), strip in tape.strips.items():
        if table_name == "state":
            for values in _snapshots(strip, hops):
                found |= heard_by(values, names, hops)
                stops |= stopped_by(values, names, hops)
        else:
            for _, header in strip.of(hops.name):
                found.update(header.sides)
    return standing_stops(found, stops)


def _snapshots(strip: Strip, hops: TaskHops) -> Iterator[dict[str, Any]]:
    """What the task's committed snapshots say; none where the strip is another task's."""
    if strip.partition != hops.state_partition:
        return
    for record, header in strip.committed:
        if header is not None and record.key == hops.name.encode():
            with suppress(SnapshotError, BadFrame):
                yield load_values(record.value)
