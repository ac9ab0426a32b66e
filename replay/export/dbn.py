"""Ticks as DBN's ``mbp-1`` records (``feeds/dbn_records.py`` says what is what)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from feeds.dbn_records import (
    DATASET,
    F_LAST,
    F_MAYBE_BAD_BOOK,
    MBP_1,
    RTYPE_MBP_1,
    SIZE_MAX,
    TS_UNDEFINED,
    library,
)
from replay.export.blocks import CACHED_ROWS, Rows
from schemas.definition import Definition
from schemas.errors import ConfigError
from schemas.tick import FLAG_DEPTH_UNSYNCED

WORD_BYTES = 4
_SIZES = ("size", "bid_size", "ask_size")
_ALIKE = ("publisher_id", "instrument_id", "price", "action", "side", "ts_recv", *_SIZES, "bid_price", "ask_price")


@dataclass(frozen=True, slots=True)
class _Interval:
    start_date: date
    end_date: date
    symbol: str


@dataclass(frozen=True, slots=True)
class _Mapping:
    raw_symbol: str
    intervals: list[_Interval]


def metadata(definitions: Mapping[int, Definition], first_ns: int) -> bytes:
    """What leads a file: symbols are instruments, as ``spot:BTCUSDT``, and the same on all days.

    Raises:
        ConfigError: databento-dbn is not installed.
    """
    dbn = library()
    always = (date(1970, 1, 1), date(2100, 1, 1))
    names = {number: definition.instrument for number, definition in sorted(definitions.items())}
    mappings: Any = [_Mapping(name, [_Interval(*always, str(number))]) for number, name in names.items()]
    return bytes(dbn.Metadata(
        dataset=DATASET, start=first_ns, stype_in=dbn.SType.RAW_SYMBOL, stype_out=dbn.SType.INSTRUMENT_ID,
        schema=dbn.Schema.MBP_1, symbols=list(names.values()), mappings=mappings,
    ))  # fmt: skip


def encode(block: Rows) -> npt.NDArray[Any]:
    """Records of a block's ticks.

    Raises:
        ConfigError: A size does not fit into 32 bits.
    """
    rows = block.rows
    records = np.zeros(len(rows), MBP_1)
    for begin in range(0, len(rows), CACHED_ROWS):
        here = slice(begin, begin + CACHED_ROWS)
        _check_sizes(rows[here], block.seq[here])
        _fill(records[here], rows[here])
    return records


def _check_sizes(rows: npt.NDArray[Any], seq: npt.NDArray[np.uint64]) -> None:
    for name in _SIZES:
        if len(over := np.flatnonzero(rows[name] > SIZE_MAX)):
            at = int(over[0])
            raise ConfigError(
                "a size cannot be carried by DBN", kind="export_dbn", got=f"{name} {int(rows[name][at])}",
                allowed=f"{SIZE_MAX} units of size_increment", where=f"tick {int(seq[at])}",
                fix="export to .parquet or .csv",
            )  # fmt: skip


def _fill(records: npt.NDArray[Any], rows: npt.NDArray[Any]) -> None:
    records["length"], records["rtype"] = MBP_1.itemsize // WORD_BYTES, RTYPE_MBP_1
    for name in _ALIKE:
        records[name] = rows[name]
    none = rows["ts_event"] == 0
    records["ts_event"] = np.where(none, np.uint64(TS_UNDEFINED), rows["ts_event"].astype(np.uint64))
    records["sequence"] = rows["sequence"] & np.uint64(SIZE_MAX)
    doubt = rows["flags"] & FLAG_DEPTH_UNSYNCED != 0
    records["flags"] = F_LAST + np.where(doubt, F_MAYBE_BAD_BOOK, 0)
