"""Databento's binary encoding (DBN): which of its records ticks are, and the library, loaded when first needed.

A tick is an ``mbp-1`` record: the event, and the best bid and offer after it. Names, times and prices (1e-9) are the
same; ``A``, ``C`` and ``R`` of a purchased file become ``M``. What a record has no room for:

=============  ======================================================================================================
sizes          32 bits, in units of the instrument's ``size_increment``, which is not told: a larger one is refused
``sequence``   its lower 32 bits
``flags``      "not synchronised" is ``F_MAYBE_BAD_BOOK``; no event time is ``UNDEF_TIMESTAMP``; others are left out
roots          ``root_seq``, ``root_part``, ``ts_log`` and ``ts_touch`` are left out
=============  ======================================================================================================

An ``mbo`` record names an order, which a tick does not: it is neither written nor read. ``trades`` and ``tbbo`` are
read.

Source: Databento, "DBN encoding" and "Schemas and data formats".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from schemas.columns import PRICE_UNDEFINED
from schemas.errors import ConfigError

RTYPE_MBP_1 = 1
RTYPE_TRADES = 0
SCHEMAS = ("mbp-1", "tbbo", "trades")
"""Schemas whose records can be read."""
DATASET = "TAPEDECK"
TS_UNDEFINED = 2**64 - 1
SIZE_MAX = 2**32 - 1
F_MAYBE_BAD_BOOK = 4
F_LAST = 128
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

MBP_1 = np.dtype([
    ("length", "u1"), ("rtype", "u1"), ("publisher_id", "<u2"), ("instrument_id", "<u4"), ("ts_event", "<u8"),
    ("price", "<i8"), ("size", "<u4"), ("action", "u1"), ("side", "u1"), ("flags", "u1"), ("depth", "u1"),
    ("ts_recv", "<u8"), ("ts_in_delta", "<i4"), ("sequence", "<u4"), ("bid_price", "<i8"), ("ask_price", "<i8"),
    ("bid_size", "<u4"), ("ask_size", "<u4"), ("bid_count", "<u4"), ("ask_count", "<u4"),
])  # fmt: skip
"""Layout of an ``mbp-1`` record; ``length`` in words of four bytes."""
UNDEFINED = PRICE_UNDEFINED
"""DBN's UNDEF_PRICE is ours."""


def library() -> Any:
    """``databento_dbn``.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import databento_dbn
    except ImportError as error:
        raise ConfigError("DBN needs databento-dbn", kind="no_databento", got=str(error),
                          fix="pip install 'tapedeck[dbn]'") from error  # fmt: skip
    return databento_dbn


def is_packed(path: Path) -> bool:
    """Whether a file is compressed by zstd.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return file.read(len(ZSTD_MAGIC)) == ZSTD_MAGIC
