"""What an agent is built from: the record that opened its run, and the instruments defined at that time."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.defining import all_defined, known_to
from schemas.codec import decode_any
from schemas.control import Halt, LimitsChanged, Resume, RunOpened
from schemas.definition import Definition
from schemas.errors import BadFrame, SnapshotError
from schemas.partitions import partition_of
from schemas.topics import topic_name
from streams.log import Log

logger = logging.getLogger(__name__)

NO_SLOT = -1
REPEATED = "replay."
"""Namespaces of plays whose control topic holds what people had said."""
SHADOWS = "shadow."
"""Namespaces of plays beside a live desk."""


@dataclass(frozen=True)
class Context:
    """A run as its agents see it.

    Attributes:
        run: The opening record: mode, source, seed, venue latency, limits, model.
        instruments: Definitions in the order of their slots (ascending instrument_id).
        folder: Where the paths of the desk's own code begin.
        partition: Of whose instruments these agents take care, where the run has several.
        said: In a play that repeats a recorded day: what people had said, to take effect at its log time, in order.
        listens: In a shadow: what people say comes on the live ``control``, to take effect at its log time.
        slots: int32, shape (highest instrument_id + 1,): dense slot by instrument_id, ``NO_SLOT`` where undefined.
    """

    run: RunOpened
    instruments: tuple[Definition, ...]
    slots: npt.NDArray[np.int32]
    folder: Path = Path()
    partition: int = 0
    said: tuple[Halt | Resume | LimitsChanged, ...] = ()
    listens: bool = False

    def owns(self, instrument: str) -> bool:
        """Whether an instrument (``market:symbol``) is of this partition."""
        return partition_of(instrument.encode(), self.run.partitions) == self.partition

    def slot_of(self, instrument_id: int) -> int:
        """Dense slot of an instrument; ``NO_SLOT`` when it is not defined."""
        return int(self.slots[instrument_id]) if 0 <= instrument_id < len(self.slots) else NO_SLOT


def context_of(run: RunOpened, definitions: Iterable[Definition], folder: Path = Path()) -> Context:
    """Context from the newest revision of each definition."""
    newest: dict[int, Definition] = {}
    for definition in definitions:
        known = newest.get(definition.instrument_id)
        if known is None or definition.revision >= known.revision:
            newest[definition.instrument_id] = definition
    instruments = tuple(newest[i] for i in sorted(newest))
    slots = np.full(max(newest, default=0) + 1, NO_SLOT, dtype=np.int32)
    for slot, definition in enumerate(instruments):
        slots[definition.instrument_id] = slot
    return Context(run, instruments, slots, folder)


def read_context(log: Log, namespace: str, folder: Path = Path()) -> Context:
    """Context from a run's ``control`` and ``definitions`` topics; the newest opening counts, and what it knows.

    Args:
        log: Where.
        namespace: Topic prefix of the run.
        folder: Where the paths of the desk's own code begin.

    Raises:
        SnapshotError: The run was never opened in this namespace.
    """
    opened = _documents(log, topic_name(namespace, "control"), RunOpened)
    if not opened:
        raise SnapshotError(
            "no run was opened here", kind="no_run", where=topic_name(namespace, "control"), allowed="a run record"
        )
    context = context_of(opened[-1], known_to(opened[-1], all_defined(log, namespace)), folder)
    if namespace.startswith(SHADOWS):
        return replace(context, listens=True)
    if opened[-1].mode == "live" or not namespace.startswith(REPEATED):
        return context
    said = _documents(log, topic_name(namespace, "control"), (Halt, Resume, LimitsChanged))
    return replace(context, said=tuple(said))


def _documents(log: Log, topic: str, event: Any) -> list[Any]:
    documents: list[Any] = []
    for record in log.scan(topic, 0, 0, committed=True):
        try:
            document = decode_any(record.value)
            documents += [document] if isinstance(document, event) else []
        except BadFrame as error:  # junk that somebody has put there must not keep a task from coming back
            logger.warning("%s[0]@%d skipped: %s", topic, record.offset, error.told)
    return documents
