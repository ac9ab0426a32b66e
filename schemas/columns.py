"""One declaration per event: column types, and what is derived from them (numpy dtype, JSON Schema).

A row type is a ``msgspec.Struct`` whose fields are annotated with the types below. Widths and byte order are part of
the wire format, so they stand in the annotation; names and meanings follow Databento's DBN where DBN has them.
"""

from __future__ import annotations

from typing import Annotated, Any, get_args, get_type_hints

import msgspec
import numpy as np
from msgspec import Meta

I64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1, extra={"dtype": "<i8"})]
Positive = Annotated[int, Meta(ge=1, le=2**63 - 1, extra={"dtype": "<i8"})]
U64 = Annotated[int, Meta(ge=0, extra={"dtype": "<u8"})]
U32 = Annotated[int, Meta(ge=0, le=2**32 - 1, extra={"dtype": "<u4"})]
U16 = Annotated[int, Meta(ge=0, le=2**16 - 1, extra={"dtype": "<u2"})]
U8 = Annotated[int, Meta(ge=0, le=255, extra={"dtype": "<u1"})]
F64 = Annotated[float, Meta(extra={"dtype": "<f8"})]

Nanos = Annotated[I64, Meta(description="nanoseconds since the Unix epoch, UTC")]
Price = Annotated[I64, Meta(description="price in units of 1e-9 of the quote currency")]
Size = Annotated[I64, Meta(description="size in units of the instrument's size_increment")]

PRICE_SCALE = 1_000_000_000
"""Prices are int64 in 1e-9."""

PRICE_UNDEFINED = 2**63 - 1
"""DBN's UNDEF_PRICE: no price (an empty side of the book)."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Base of fixed-width row types."""


def dtype_of(row: type[Row], **shapes: tuple[int, ...]) -> np.dtype[Any]:
    """The little-endian packed dtype of a row type, fields in declaration order.

    Args:
        row: The declaration.
        shapes: Sub-array shape of a field, by name (``values=(8,)``).

    Raises:
        TypeError: A field carries no dtype; the declaration is wrong.
    """
    hints = get_type_hints(row, include_extras=True)
    spec: list[Any] = []
    for name in row.__struct_fields__:
        code = _dtype_code(hints[name])
        if code is None:
            raise TypeError(f"{row.__name__}.{name} declares no dtype")
        spec.append((name, code, shapes[name]) if name in shapes else (name, code))
    return np.dtype(spec)


def json_schema(event: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a row or document type."""
    return msgspec.json.schema(event)


def _dtype_code(hint: Any) -> str | None:
    """Find the dtype in an Annotated type, looking through list[...] for sub-array fields."""
    for arg in get_args(hint):
        if isinstance(arg, Meta):
            if arg.extra and "dtype" in arg.extra:
                return str(arg.extra["dtype"])
        elif (code := _dtype_code(arg)) is not None:
            return code
    return None
