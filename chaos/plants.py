"""Known bugs, built into a run from outside: a checker that never caught one proves nothing.

Each patches classes of this process; the product's code knows of none. The first four strike by what they work on
(an input's number, an output's number), not by chance, so that recovery repeats them faithfully: the tasks themselves
then notice nothing, and only the checks can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any
from unittest.mock import patch

import numpy as np

import streams.inputs
import streams.kafka
import streams.kafka_writer
import streams.memory
import streams.outputs
import streams.runner
import streams.sides
import streams.snapshot
from schemas.errors import ConfigError
from streams.agent import Batch
from streams.snapshot import TaskState, from_bytes

PLANTS = ("loss", "duplicate", "zombie", "reorder", "stale-state", "lost-side", "timeout-hole")
"""Skip a record; emit twice; a writer without fencing; swap two inputs; restore an older snapshot without replay; drop
the record of a side's place; continue after a local delivery timeout."""
EVERY = 500
"""One in so many inputs or outputs is struck, in a worker's process."""
EVERY_SIMULATED = 9
"""The same in a simulated schedule, which has some dozens."""

Patch = tuple[Any, str, Any]
"""Owner, attribute, and what stands there instead."""


def plant(name: str, every: int = EVERY) -> None:
    """Build a bug into this process, for good: what a worker of ``tapedeck chaos --plant`` does before its task begins.

    Args:
        name: One of ``PLANTS``.
        every: One in so many is struck.

    Raises:
        ConfigError: No such plant.
    """
    for owner, attribute, instead in _patches(name, every):
        setattr(owner, attribute, instead)


@contextmanager
def planted(name: str, every: int = EVERY_SIMULATED) -> Iterator[None]:
    """The same for as long as a block runs.

    Raises:
        ConfigError: No such plant.
    """
    with ExitStack() as stack:
        for owner, attribute, instead in _patches(name, every):
            stack.enter_context(patch.object(owner, attribute, instead))
        yield


def _patches(name: str, every: int) -> list[Patch]:
    made: dict[str, Callable[[int], list[Patch]]] = {
        "loss": _loss, "duplicate": _duplicate, "zombie": _zombie, "reorder": _reorder, "stale-state": _stale_state,
        "lost-side": _lost_side, "timeout-hole": _timeout_hole,
    }  # fmt: skip
    if name not in made:
        raise ConfigError("no such plant", kind="simulation", got=name, allowed=", ".join(PLANTS), where="--plant")
    return made[name](every)


def _loss(every: int) -> list[Patch]:
    """Inputs whose number is one in so many are counted, and never handed on."""
    take = streams.inputs.Input.take

    def without(self: Any, *arguments: Any) -> Any:
        while isinstance(arrival := take(self, *arguments), Batch):
            keep = arrival.origins["ordinal"] % every != every - 1
            if keep.all():
                return arrival
            if keep.any():
                return _picked(arrival, np.flatnonzero(keep))
        return arrival

    return [(streams.inputs.Input, "take", without)]


def _reorder(every: int) -> list[Patch]:
    """Of inputs that follow each other, two in so many change places."""
    take = streams.inputs.Input.take

    def swapped(self: Any, *arguments: Any) -> Any:
        arrival = take(self, *arguments)
        if not isinstance(arrival, Batch):
            return arrival
        order = np.arange(len(arrival))
        for at in np.flatnonzero(arrival.origins["ordinal"] % every == every - 2):
            if at + 1 < len(order):
                order[[at, at + 1]] = order[[at + 1, at]]
        picked = _picked(arrival, order)
        picked.origins = arrival.origins  # each goes by the other's number: recovery must see nothing odd
        return picked

    return [(streams.inputs.Input, "take", swapped)]


def _picked(batch: Batch, index: Any) -> Batch:
    """Some of a batch's items, in the given order, under their own numbers."""
    items: Any = batch.items
    picked = items[index] if isinstance(items, np.ndarray) else [items[i] for i in index]
    stamps = batch.stamps if len(batch.stamps) != len(items) else batch.stamps[index]
    return Batch(picked, batch.origins[index], batch.hops, stamps, batch.arrived_ns, batch.carried, batch.passed)


def _duplicate(every: int) -> list[Patch]:
    """One document in so many leaves twice, under two numbers."""
    append = streams.outputs.Output.append_document

    def twice(self: Any, *arguments: Any, **more: Any) -> None:
        again = self.seq % every == every - 1
        append(self, *arguments, **more)
        if again:
            append(self, *arguments, **more)

    return [(streams.outputs.Output, "append_document", twice)]


def _zombie(every: int) -> list[Patch]:
    """Every life writes under an id of its own: nobody is ever shut out."""
    del every
    lives = count()
    memory, kafka = streams.memory.MemoryLog.writer, streams.kafka.KafkaLog.writer

    def own(writer: Any) -> Any:
        def unfenced(self: Any, transactional_id: str) -> Any:
            # A number would be the same in the next process; an object of this one lies elsewhere in each.
            return writer(self, f"{transactional_id}.{next(lives)}.{id(self)}")

        return unfenced

    return [(streams.memory.MemoryLog, "writer", own(memory)), (streams.kafka.KafkaLog, "writer", own(kafka))]


def _stale_state(every: int) -> list[Patch]:
    """The agents' state of the snapshot before the newest, at the newest one's place in the input."""
    del every
    newest = streams.snapshot.newest

    def stale(log: Any, topic: str, partition: int, task: str) -> TaskState | None:
        state = newest(log, topic, partition, task)
        if state is None:
            return None
        low, _ = log.bounds(topic, partition)
        records = [r for r in log.scan(topic, partition, low, committed=True) if r.key == task.encode()]
        for record in reversed(records[:-1]):
            older = from_bytes(record.value)
            if older.agents != state.agents:
                state.agents = older.agents
                break
        return state

    return [(streams.runner, "newest", stale)]


def _lost_side(every: int) -> list[Patch]:
    """Side records take effect, and nobody is told where."""
    del every

    def untold(self: Any, *arguments: Any) -> None:
        del self, arguments

    return [(streams.sides.Sides, "_note", untold)]


def _timeout_hole(every: int) -> list[Patch]:
    """One record in so many is given up by the client, and the task goes on as if it had been acknowledged."""
    patches: list[Patch] = []
    for owner in (streams.memory.MemoryWriter, streams.kafka_writer.KafkaWriter):
        append: Any = owner.append
        patches.append((owner, "append", _with_holes(append, count(1), every)))
    return patches


def _with_holes(append: Any, records: Iterator[int], every: int) -> Any:
    def holed(self: Any, *arguments: Any, **more: Any) -> None:
        if next(records) % every:
            append(self, *arguments, **more)

    return holed
