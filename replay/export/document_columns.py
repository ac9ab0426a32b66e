"""Documents and payloads as Arrow columns: a column a field, what is nested as JSON text."""

from __future__ import annotations

from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import orjson

from replay.archive.parquet import modules
from replay.export.blocks import Documents, broken
from schemas.catalog import Schema
from schemas.codec import decode
from schemas.columns import Nanos
from schemas.errors import BadFrame

SCALARS: dict[Any, str] = {int: "int64", float: "float64", bool: "bool_", str: "string"}


class DocumentColumns:
    """Makes columns of blocks of one schema."""

    def __init__(self, schema: Schema) -> None:
        pa, _ = modules()
        self._pa = pa
        self._event = schema.event if schema.kind == "document" else None
        head = [pa.field("partition", pa.uint16()), pa.field("offset", pa.int64()), pa.field("seq", pa.uint64())]
        if self._event is None:
            body = [pa.field("ts_recv", pa.timestamp("ns", tz="UTC")), pa.field("key", pa.string()),
                    pa.field("payload", pa.string())]  # fmt: skip
        else:
            hints = get_type_hints(self._event, include_extras=True)
            body = [pa.field(name, _type(hints[name], pa)) for name in self._event.__struct_fields__]
        self._schema = pa.schema([*head, *body])

    def batch(self, block: Documents) -> Any:
        """A ``pyarrow.RecordBatch``.

        Raises:
            ConfigError: A document cannot be read.
        """
        rows = [
            {"partition": record.partition, "offset": record.offset, "seq": None if head is None else head.seq,
             **(self._payload(record, head) if self._event is None else self._document(record))}
            for record, head in zip(block.records, block.heads, strict=True)
        ]  # fmt: skip
        return self._pa.RecordBatch.from_pylist(rows, schema=self._schema)

    def _payload(self, record: Any, head: Any) -> dict[str, Any]:
        time = record.timestamp_ms * 1_000_000 if head is None else head.time
        return {"ts_recv": time, "key": (record.key or b"").decode(errors="backslashreplace"),
                "payload": record.value.decode(errors="backslashreplace")}  # fmt: skip

    def _document(self, record: Any) -> dict[str, Any]:
        assert self._event is not None
        try:
            found = msgspec.to_builtins(decode(record.value, self._event))
        except BadFrame as error:
            raise broken(record, error) from error
        return {
            name: orjson.dumps(value).decode() if isinstance(value, (dict, list)) else value
            for name, value in found.items()
        }


def _type(hint: Any, pa: Any) -> Any:
    """The Arrow type of a declared field."""
    if hint == Nanos:
        return pa.timestamp("ns", tz="UTC")
    plain = hint
    while hasattr(plain, "__metadata__"):
        if plain == Nanos:
            return pa.timestamp("ns", tz="UTC")
        plain = get_args(plain)[0]
    if get_origin(plain) is not None and all(isinstance(arg, str) for arg in get_args(plain)):
        return pa.string()
    return getattr(pa, SCALARS.get(plain, "string"))()
