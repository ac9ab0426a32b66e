"""Agent state as bytes: named numpy arrays and small JSON values, deterministic, checked, no pickle.

Layout: magic ``TDS1``, u32 length of a JSON index, the index, then the arrays' bytes, then crc32 of all before it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from schemas.errors import SnapshotError

MAGIC = b"TDS1"
_LENGTH = struct.Struct("<I")


def dump(kind: str, arrays: Mapping[str, npt.NDArray[Any]], values: Mapping[str, Any]) -> bytes:
    """Bytes of a state.

    Args:
        kind: Name and version of the owner, e.g. ``"risk/1"``; ``load`` refuses another.
        arrays: C-contiguous arrays by name, any dtype without objects.
        values: JSON-able values by name (int64 exact; floats by shortest repr, which is exact).
    """
    index: dict[str, Any] = {
        "kind": kind,
        "values": dict(values),
        "arrays": [[name, _descr(a.dtype), list(a.shape)] for name, a in arrays.items()],
    }
    head = orjson.dumps(index)
    body = b"".join(np.ascontiguousarray(a).tobytes() for a in arrays.values())
    data = b"".join((MAGIC, _LENGTH.pack(len(head)), head, body))
    return data + _LENGTH.pack(zlib.crc32(data))


def load(kind: str, data: bytes) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Arrays (fresh, writable) and values from bytes.

    Raises:
        SnapshotError: Torn, or of another kind.
    """
    index, at = _index(data)
    if index["kind"] != kind:
        raise SnapshotError("a snapshot is foreign", kind="foreign", got=str(index["kind"]), allowed=kind)
    arrays: dict[str, npt.NDArray[Any]] = {}
    try:
        for name, descr, shape in index["arrays"]:
            dtype = _dtype(descr)
            count = prod(shape)
            if min(shape, default=0) < 0:
                raise _torn(data)
            arrays[name] = np.frombuffer(data[at:-4], dtype=dtype, count=count).reshape(shape).copy()
            at += count * dtype.itemsize
    except (TypeError, ValueError, OverflowError, IndexError, SyntaxError) as error:
        raise _torn(data) from error
    return arrays, index["values"]


def load_values(data: bytes) -> dict[str, Any]:
    """The values alone, whatever kind the state is of: no array is copied.

    Raises:
        SnapshotError: Torn.
    """
    values: dict[str, Any] = _index(data)[0]["values"]
    return values


def kind_of(data: bytes) -> str:
    """Name and version of the owner of a state.

    Raises:
        SnapshotError: Torn.
    """
    return str(_index(data)[0]["kind"])


def _index(data: bytes) -> tuple[dict[str, Any], int]:
    """The index, and where the arrays begin."""
    if len(data) < 12 or data[:4] != MAGIC or zlib.crc32(data[:-4]) != _LENGTH.unpack(data[-4:])[0]:
        raise _torn(data)
    (n,) = _LENGTH.unpack_from(data, 4)
    try:
        index: dict[str, Any] = orjson.loads(data[8 : 8 + n])
    except orjson.JSONDecodeError as error:
        raise _torn(data) from error
    if not isinstance(index, dict) or not {"kind", "values", "arrays"} <= index.keys():
        raise _torn(data)
    if not isinstance(index["values"], dict):
        raise _torn(data)
    return index, 8 + n


def _torn(data: bytes) -> SnapshotError:
    return SnapshotError(
        "a snapshot is torn", kind="torn", got=f"{len(data)} bytes", allowed="bytes whose checksum and index hold"
    )


def _descr(dtype: np.dtype[Any]) -> Any:
    return dtype.str if dtype.names is None else [list(field) for field in dtype.descr]


def _dtype(descr: Any) -> np.dtype[Any]:
    if isinstance(descr, str):
        return np.dtype(descr)
    return np.dtype([(f[0], f[1], tuple(f[2])) if len(f) > 2 else (f[0], f[1]) for f in descr])
