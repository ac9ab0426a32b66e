"""Every topic as one AsyncAPI 3.0.0 document, made of the declarations: fields, units, keys, order, identity, retries.

``send`` is what Tapedeck writes, ``receive`` what it reads. Documents are JSON; rows are packed, and their layout
stands under ``x-row``: little-endian columns at fixed places, as many rows in a record's value as fit.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from schemas.catalog import Schema
from schemas.columns import dtype_of
from schemas.feature import Feature, feature_dtype
from schemas.field_meanings import MEANINGS
from schemas.json_payloads import JSON_PAYLOADS, JsonPayload
from schemas.promises import PROMISES
from schemas.topics import SOURCE, TOPICS, Topic

ASYNCAPI = "3.0.0"
BINDINGS = "0.5.0"
"""Version of AsyncAPI's Kafka bindings."""
INT_DOUBLES_KEEP = 2**53
"""Larger integers lose digits where a parser makes doubles of them."""
REF = "#/components/schemas/{name}"

_NUMBERS = {"i": "int", "u": "uint", "f": "float"}
_ABOUT = (
    "Tapedeck's topics. A live desk's topics bear these names; any other run has a prefix of its own, e.g. "
    "demo.<run>.orders. Times are ns since the Unix epoch, UTC. Prices are int64 in 1e-9 of the quote currency, "
    "quantities int64 in units of the instrument's size_increment: both need 64 bits, which JSON parsers that make "
    "doubles do not keep; orders carry both as text as well. Unknown fields are ignored by readers, and versions grow "
    "by appended fields alone. Records bear a Kafka header td, Tapedeck's own; producers of other languages send none."
)


def document(version: str) -> dict[str, Any]:
    """The AsyncAPI document; ``version`` is Tapedeck's."""
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "Tapedeck", "version": version, "description": _ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_id(topic.name): _channel(topic) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic)},
        "components": {"messages": _messages(), "schemas": _schemas()},
    }  # fmt: skip


def _id(name: str) -> str:
    return name.replace(f".{SOURCE}", "").replace(".", "_")


def _channel(topic: Topic) -> dict[str, Any]:
    promise = PROMISES[topic.name]
    names = [schema.name for schema in topic.schemas] + [p.name for p in JSON_PAYLOADS if p.topic == topic.name]
    kafka: dict[str, Any] = {
        "topicConfiguration": {"cleanup.policy": ["compact" if topic.kept == "compacted" else "delete"]},
        "bindingVersion": BINDINGS,
    }
    if not topic.spread and topic.name != "state":
        kafka["partitions"] = 1
    channel: dict[str, Any] = {
        "address": topic.name.replace(SOURCE, "{source}"), "title": topic.name, "description": topic.about,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"kafka": kafka},
        "x-key": topic.key, "x-written-by": topic.written_by, "x-kept": topic.kept,
        "x-partitions": "as many as the topology has, by instrument" if topic.spread
        else "one a task" if topic.name == "state" else "one",
        **{f"x-{name.replace('_', '-')}": said for name, said in msgspec.structs.asdict(promise).items()},
    }  # fmt: skip
    if SOURCE in topic.name:
        channel["parameters"] = {"source": {"description": "who publishes: a venue, or a name of your own"}}
    return channel


def _operations(topic: Topic) -> list[tuple[str, dict[str, Any]]]:
    channel = {"$ref": f"#/channels/{_id(topic.name)}"}
    outside = topic.written_by in ("publishers", "people", "people, loaders")
    name = f"read_{_id(topic.name)}" if outside else f"write_{_id(topic.name)}"
    return [(name, {"action": "receive" if outside else "send", "channel": channel,
                    "summary": f"{topic.name}: {topic.about}"})]  # fmt: skip


def _messages() -> dict[str, Any]:
    schemas = {schema.name: (schema, topic) for topic in TOPICS for schema in topic.schemas}
    found = {name: _message(schema, topic.key) for name, (schema, topic) in schemas.items()}
    return {**found, **{payload.name: _payload_message(payload) for payload in JSON_PAYLOADS}}


def _message(schema: Schema, key: str) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": schema.name, "title": f"{schema.name}/{schema.version}",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": BINDINGS}},
    }  # fmt: skip
    if schema.event is None:
        about = "as it came from the venue or the publisher" if schema.kind == "raw" else "Tapedeck's own bytes"
        return {
            **message, "contentType": "application/octet-stream", "summary": about,
            "payload": {"type": "string", "format": "binary", "description": about},
        }  # fmt: skip
    summary = (schema.event.__doc__ or "").strip().splitlines()[0].replace("``", "")
    payload = {"$ref": REF.format(name=schema.event.__name__)}
    if schema.kind == "document":
        return {**message, "contentType": "application/json", "summary": summary, "payload": payload}
    return {
        **message, "contentType": "application/octet-stream", "summary": summary,
        "description": "The value is rows one after the other. The payload's schema says what one row's columns mean.",
        "payload": payload, "x-row": row_layout(schema.event),
    }  # fmt: skip


def _payload_message(payload: JsonPayload) -> dict[str, Any]:
    return {
        "name": payload.name, "title": payload.name, "summary": payload.about, "contentType": "application/json",
        "payload": {"$ref": REF.format(name=_title(payload.name))},
        "bindings": {"kafka": {"key": {"type": "string", "description": payload.key}, "bindingVersion": BINDINGS}},
        "x-json-schema": f"tapedeck topics schema {payload.name}",
    }  # fmt: skip


def row_layout(event: type[Any]) -> dict[str, Any]:
    """Where each column of a packed row lies.

    Returns:
        ``bytes`` of a row, and ``columns``: name, offset in bytes, type (``int64``, little-endian).
    """
    dtype: np.dtype[Any] = feature_dtype(1) if event is Feature else dtype_of(event)
    columns = []
    for name in dtype.names or ():
        base, offset = dtype[name].base, (dtype.fields or {})[name][1]  # type: ignore[index]
        columns.append({"name": name, "offset": int(offset), "type": f"{_NUMBERS[base.kind]}{8 * base.itemsize}"})
    told: dict[str, Any] = {"bytes": dtype.itemsize, "byte-order": "little-endian", "columns": columns}
    if event is Feature:
        told["note"] = "of a view of one feature; each further one adds a float64 at the end"
    return told


def _schemas() -> dict[str, Any]:
    events = {schema.event for topic in TOPICS for schema in topic.schemas if schema.event is not None}
    unions = {_title(payload.name): payload.event for payload in JSON_PAYLOADS}
    types = [*sorted(events, key=lambda event: str(event.__name__)), *unions.values()]
    told, components = msgspec.json.schema_components(types, ref_template=REF)
    named = dict(zip(unions, told[len(events) :], strict=True))
    found = {name: _plain(schema) for name, schema in {**components, **named}.items()}
    for schema in found.values():
        for name, said in schema.get("properties", {}).items():
            if "description" not in said and name in MEANINGS:
                schema["properties"][name] = _described(said, MEANINGS[name])
    found["Headers"] = {
        "type": "object",
        "properties": {
            "td": {"type": "string", "format": "binary", "description": "Tapedeck's packed header, schemas/header.py"},
            "traceparent": {"type": "string", "description": "W3C Trace Context, of documents; the same in a replay"},
        },
    }
    return dict(sorted(found.items()))


def _title(name: str) -> str:
    """``json-ticks``: ``JsonTicks``."""
    return "".join(part.capitalize() for part in name.split("-"))


def _described(said: dict[str, Any], meaning: str) -> dict[str, Any]:
    return {"allOf": [said], "description": meaning} if "$ref" in said else {**said, "description": meaning}


def _plain(schema: Any) -> Any:
    """JSON Schema as AsyncAPI 3 takes it, which is draft 7: tuples by ``items``, a discriminator by its field."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _plain(part) for name, part in schema.items()}
    if "prefixItems" in plain:
        plain["items"] = plain.pop("prefixItems")
        plain["additionalItems"] = False
    if plain.get("type") == "integer" and plain.get("maximum", INT_DOUBLES_KEEP + 1) > INT_DOUBLES_KEEP:
        plain["format"] = "int64"
    if isinstance(plain.get("discriminator"), dict):
        plain["discriminator"] = plain["discriminator"]["propertyName"]
    return plain
