"""Which rows of an earlier hop are published for the record, where the hops are fused."""

from __future__ import annotations

from typing import Any

import numpy as np

FEATURE_SAMPLE = 64
"""Of feature rows that led to no intent, one in this many (by root_seq) is published where the three hops are fused.

A power of two."""

FEW = 32
"""Of no more rows a Python list is sooner looked through than an array."""


def kept(root_seqs: Any, wanted: list[int]) -> Any:
    """Indices of the sample and of those ``wanted``, ascending."""
    if len(root_seqs) <= FEW:
        return [i for i, seq in enumerate(root_seqs.tolist()) if not seq % FEATURE_SAMPLE or i in wanted]
    keep = root_seqs & np.uint64(FEATURE_SAMPLE - 1) == 0
    if wanted:
        keep[wanted] = True
    return keep.nonzero()[0]
