"""JSON that comes from outside, into ``raw.<source>``: each kind of message that programs of other languages write."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.json_tick import SCHEMA_DIALECT, JsonTick


class JsonPayload(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table.

    Attributes:
        name: As commands take it.
        event: Its declaration: a struct, or a union of them told apart by a field.
        topic: Where it is written.
        key: Of the record.
        about: What it is.
    """

    name: str
    event: Any
    topic: str
    key: str
    about: str


JSON_PAYLOADS: tuple[JsonPayload, ...] = (
    JsonPayload(name="json-ticks", event=JsonTick, topic="raw.<source>", key="market:symbol",
                about="market data of a source of one's own: trades, quotes, books and what changes in them"),
)  # fmt: skip


def json_schema_of(payload: JsonPayload) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a kind of message."""
    return {"$schema": SCHEMA_DIALECT, "title": payload.name, **msgspec.json.schema(payload.event)}
