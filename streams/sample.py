"""Which rows of a fused chain are published, and what stands behind the rows that a stage made."""

from __future__ import annotations

from typing import Any

import numpy as np

from streams.agent import Batch, RowsOut

FEATURE_SAMPLE = 64
"""Of feature rows that led to no intent, one in this many (by root_seq) is published where the three hops are fused.

A power of two."""

FEW = 32
"""Of no more rows a Python list is sooner looked through than an array."""


def kept_rows(root_seqs: Any, wanted: list[int]) -> Any:
    """Indices of the sample and of those ``wanted``, ascending."""
    if len(root_seqs) <= FEW:
        return [i for i, seq in enumerate(root_seqs.tolist()) if not seq % FEATURE_SAMPLE or i in wanted]
    keep = root_seqs & np.uint64(FEATURE_SAMPLE - 1) == 0
    if wanted:
        keep[wanted] = True
    return keep.nonzero()[0]


def behind(batch: Batch, made: RowsOut) -> tuple[Any, Any, Any]:
    """Stamps, origins and carried rows of the items that made rows came from."""
    if made.index is None and len(made.rows) == len(batch):
        return batch.stamps, batch.origins, batch.carried
    index: Any = slice(0, len(made.rows)) if made.index is None else made.index
    return batch.stamps[index], batch.origins[index], None if batch.carried is None else batch.carried[index]
