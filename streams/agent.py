"""An agent: one hop of the pipeline. Topics in, topics out, and the pure function between.

``step`` sees no clock, does no I/O, draws no randomness and logs nothing: given the same state and inputs it gives the
same outputs to the bit, however the inputs were batched. Everything impure is the runner's (``streams/runner.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from schemas.document import Document
from schemas.errors import BadInput
from schemas.header import Stamps

Rows = npt.NDArray[Any]
"""A one-dimensional structured array of one row type."""


ORIGIN = np.dtype([("ordinal", "<i8"), ("offset", "<i8"), ("seq", "<u8")])
"""Per item: its ordinal in the task's own input (from 0 since the task began), its record's offset, its seq."""


@dataclass(frozen=True, slots=True)
class Payload:
    """One raw payload, exactly as received."""

    source: str
    seq: int
    ts_recv: int
    key: bytes
    value: bytes


@dataclass(slots=True)
class Batch:
    """N >= 1 inputs in order: rows of one dtype, or a list of documents or payloads.

    An agent looks at ``items`` only; the rest is the runner's book-keeping, one value per item.

    Attributes:
        items: Structured array of shape (n,), or list of length n.
        origins: Where each item came from: structured array of dtype ``ORIGIN``, shape (n,).
        hops: Hops passed so far, as numbers of ``schemas.header.HOPS``.
        stamps: int64 wall ns as they came with the items, shape (n, 1 + 2 for each hop before this task).
        passed: Times in and out of each hop passed within this task, the same for all items: the stamps that follow.
        arrived_ns: Wall time at which the batch reached this hop.
        carried: Rows of an earlier hop, one per item, whose publication waits for this hop's verdict.
    """

    items: Rows | list[Any]
    origins: Rows
    hops: tuple[int, ...]
    stamps: Stamps
    arrived_ns: int = 0
    carried: Rows | None = None
    passed: tuple[int, ...] = ()

    @classmethod
    def of(cls, items: Rows | list[Any], first: int = 0) -> Batch:
        """A batch of bare items, numbered from ``first``: what tests and offline use need."""
        origins = np.zeros(len(items), dtype=ORIGIN)
        origins["ordinal"] = np.arange(first, first + len(items))
        return cls(items, origins, (), np.zeros((len(items), 1), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.items)

    def tail(self, consumed: int) -> Batch:
        """What is left after the first ``consumed`` items."""
        carried = None if self.carried is None else self.carried[consumed:]
        return Batch(
            self.items[consumed:], self.origins[consumed:], self.hops, self.stamps[consumed:], self.arrived_ns,
            carried, self.passed,
        )  # fmt: skip

    def behind(self, made: RowsOut) -> tuple[Any, Any, Any]:
        """Stamps, origins and carried rows of the items that rows came from."""
        if made.index is None and len(made.rows) == len(self):
            return self.stamps, self.origins, self.carried
        index: Any = slice(0, len(made.rows)) if made.index is None else made.index
        return self.stamps[index], self.origins[index], None if self.carried is None else self.carried[index]


def last_time(items: Any) -> int:
    """Log time of a batch's last item, ns: of a payload ``ts_recv``; 0 where it has none."""
    if not len(items):
        return 0
    last = items[-1]
    if isinstance(items, np.ndarray):
        return int(last["ts_log"])
    return last.ts_recv if isinstance(last, Payload) else int(getattr(last, "ts", 0))


def frozen(rows: Any) -> Any:
    """A read-only view: kernels are compiled once, for arrays from bytes (read-only) and for any others."""
    rows = rows.view()
    rows.flags.writeable = False
    return rows


@dataclass(slots=True)
class RowsOut:
    """Rows for a topic. ``index`` says, row by row, which item of the batch caused it; None: one to one from item 0."""

    topic: str
    rows: Rows
    index: npt.NDArray[np.int64] | None = None


@dataclass(slots=True)
class DocumentOut:
    """One document for a topic, and the item of the batch that caused it."""

    topic: str
    key: bytes
    document: Document
    index: int = 0


@dataclass(slots=True)
class Reject:
    """One item that cannot be used: the runner writes it to the dead-letter topic."""

    index: int
    error: BadInput


@dataclass(slots=True)
class Out:
    """What a step gave.

    Attributes:
        consumed: Items used up, from the front. The rest is offered again, with more behind it or not.
        waits: Side topics on which the agent must hear more before it can go on; empty when it can.
    """

    consumed: int
    rows: list[RowsOut] = field(default_factory=list)
    documents: list[DocumentOut] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    waits: tuple[str, ...] = ()


class Agent(Protocol):
    """One hop.

    Attributes:
        name: Hop name, one of ``schemas.header.HOPS``.
        reads: Table name of the primary topic; every item of it is consumed once, in order.
        sides: Table names of side topics; their records are offered, and take effect by the agent's own rule of time.
        writes: Table names of the topics it writes.
    """

    @property
    def name(self) -> str:
        """Hop name."""
        ...

    @property
    def reads(self) -> str:
        """Primary topic."""
        ...

    @property
    def sides(self) -> Sequence[str]:
        """Side topics."""
        ...

    @property
    def writes(self) -> Sequence[str]:
        """Output topics."""
        ...

    def start(self) -> Any:
        """A fresh state: arrays preallocated."""
        ...

    def step(self, state: Any, batch: Batch) -> Out:
        """Consume items from the front; may stop early and say on which side topics it waits."""
        ...

    def offer(self, state: Any, topic: str, items: Rows | list[Any], *, ended: bool) -> None:
        """Side records, in their order. ``ended``: the side topic's end record has been read, nothing follows."""
        ...

    def finish(self, state: Any) -> Out:
        """The primary topic has ended: drain. Called again while the result waits."""
        ...

    def snapshot(self, state: Any) -> bytes:
        """The whole state as bytes: the same state gives the same bytes."""
        ...

    def restore(self, data: bytes) -> Any:
        """State from ``snapshot``'s bytes.

        Raises:
            SnapshotError: Torn, or of another agent or version.
        """
        ...
