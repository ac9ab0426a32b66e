"""Rows as Arrow columns: times as timestamps, letters and instruments as words, prices as int64 in 1e-9, exactly.

What says "none" in the log is null: an undefined price, an event time of 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from replay.archive.parquet import modules
from replay.export.blocks import Rows
from schemas.columns import PRICE_UNDEFINED
from schemas.definition import Definition
from schemas.sources import SOURCE_NAMES

TIMES = frozenset({"ts_event", "ts_recv", "ts_log", "ts_touch"})
PRICES = frozenset({"price", "bid_price", "ask_price"})
SIZES = frozenset({"size", "bid_size", "ask_size"})
LETTERS = frozenset({"action", "side"})
VALUES = "values"


class RowColumns:
    """Makes columns of blocks.

    Args:
        definitions: Instruments by id.
        names: Of a feature view's values, in order; where they do not fit, values are numbered.
        texts: Whether prices and sizes come as decimal text as well, for what knows no units.
    """

    def __init__(
        self, definitions: Mapping[int, Definition], names: Sequence[str] = (), *, texts: bool = False
    ) -> None:
        self._pa, _ = modules()
        ids = sorted(definitions)
        self._ids = np.array(ids, np.uint32)
        self._names = [definitions[i].instrument for i in ids]
        self._steps = np.array([definitions[i].size_increment for i in ids] or [0], np.int64)
        self._features = list(names)
        self._texts = texts
        self._sources = [SOURCE_NAMES.get(n, str(n)) for n in range(max(SOURCE_NAMES) + 1)]

    def batch(self, block: Rows) -> Any:
        """A ``pyarrow.RecordBatch``."""
        pa, rows = self._pa, block.rows
        columns: dict[str, Any] = {"seq": pa.array(block.seq)}
        columns["partition"] = pa.array(np.full(len(rows), block.partition, np.uint16))
        at = known = None
        for name, values in block.columns().items():
            if name == "instrument_id":
                at, known = self._places(values)
                columns["instrument"] = self._words(at, self._names, ~known)
                columns[name] = pa.array(values)
            elif name == "publisher_id":
                index = np.minimum(values, len(self._sources) - 1)
                columns["source"] = self._words(index, self._sources)
            elif name == VALUES:
                columns |= self._vector(values)
            else:
                columns[name] = self._column(name, values)
        if self._texts and at is not None and known is not None:
            columns = self._with_texts(columns, rows, np.where(known, self._steps[at], 0))
        return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))

    def _column(self, name: str, values: npt.NDArray[Any]) -> Any:
        pa = self._pa
        if name in TIMES:
            none = values == 0
            array = pa.array(values, mask=none) if none.any() else pa.array(values)
            return array.view(pa.timestamp("ns", tz="UTC"))
        if name in PRICES:
            none = values == PRICE_UNDEFINED
            return pa.array(values, mask=none) if none.any() else pa.array(values)
        if name in LETTERS:
            letters, index = np.unique(values, return_inverse=True) if len(values) < 64 else _letters(values)
            return self._words(index, [chr(letter) for letter in letters.tolist()])
        return pa.array(values)

    def _places(self, ids: npt.NDArray[Any]) -> tuple[Any, Any]:
        """Place of each instrument among the known ones, and whether it is one."""
        if not len(self._ids):
            return np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
        at = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return at, self._ids[at] == ids

    def _words(self, index: npt.NDArray[Any], words: Sequence[str], none: npt.NDArray[np.bool_] | None = None) -> Any:
        pa = self._pa
        mask = none if none is not None and none.any() else None
        return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32), mask=mask), pa.array(words, pa.string()))

    def _vector(self, values: npt.NDArray[np.float64]) -> dict[str, Any]:
        width = values.shape[1]
        names = self._features if len(self._features) == width else [f"value_{n}" for n in range(width)]
        return {name: self._pa.array(np.ascontiguousarray(values[:, n])) for n, name in enumerate(names)}

    def _with_texts(self, columns: dict[str, Any], rows: Any, steps: npt.NDArray[np.int64]) -> dict[str, Any]:
        """Each price and size with its decimal text behind it; of a size of levels there is none."""
        told: dict[str, Any] = {}
        for name, column in columns.items():
            told[name] = column
            if name in PRICES:
                told[f"{name}_decimal"] = self._decimal(rows[name], rows[name] == PRICE_UNDEFINED)
            elif name in SIZES:
                told[f"{name}_decimal"] = self._decimal(rows[name] * steps, steps == 0)
        return told

    def _decimal(self, scaled: npt.NDArray[np.int64], none: npt.NDArray[np.bool_]) -> Any:
        """Numbers in 1e-9 as text, by Arrow's 128-bit decimals: no float on the way."""
        pa = self._pa
        words = np.empty((len(scaled), 2), np.int64)
        words[:, 0], words[:, 1] = np.where(none, 0, scaled), np.where(none, 0, scaled >> 63)
        decimals = pa.Array.from_buffers(pa.decimal128(28, 9), len(scaled), [None, pa.py_buffer(words)])
        text = decimals.cast(pa.string())
        return pa.compute.if_else(pa.array(~none), text, None) if none.any() else text


def _letters(values: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]:
    """Letters that occur, and the index of each value among them, without sorting."""
    letters = np.flatnonzero(np.bincount(values, minlength=256)).astype(np.uint8)
    table = np.zeros(256, np.int32)
    table[letters] = np.arange(len(letters))
    return letters, table[values]
