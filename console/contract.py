"""The AsyncAPI document, taken apart for people: what both the page and the text show of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

PROMISES = (
    ("key", "key"), ("partitions", "partitions"), ("written-by", "written by"), ("kept", "kept"), ("ordering", "order"),
    ("idempotency", "identity"), ("retries", "retries"), ("committed", "read_committed"),
)  # fmt: skip
"""Extension of a channel, and what people see."""


class Field(NamedTuple):
    """A line of a message: where it lies in a packed row (empty in a document), its type, default and meaning."""

    name: str
    at: str
    kind: str
    meaning: str


def messages_of(document: dict[str, Any], channel: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Messages of a channel by name."""
    for name in channel["messages"]:
        yield name, document["components"]["messages"][name]


def shapes_of(document: dict[str, Any], message: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Schemas that a message is made of, those that it refers to included, each once; none of raw bytes."""
    found: dict[str, dict[str, Any]] = {}
    waiting = [_named(message["payload"])]
    while waiting:
        name = waiting.pop(0)
        if name and name not in found:
            found[name] = document["components"]["schemas"][name]
            waiting += _references(found[name])
    return [(name, schema) for name, schema in found.items() if schema.get("properties")]


def fields_of(schema: dict[str, Any], row: dict[str, Any] | None = None) -> list[Field]:
    """Fields of a schema, in order; with the layout of a packed row in its columns' order."""
    columns = {} if row is None else {column["name"]: column for column in row["columns"]}
    required = set(schema.get("required", ()))
    found = []
    for name, said in schema.get("properties", {}).items():
        column = columns.get(name)
        default = "" if name in required or "default" not in said else f", default {_text(said['default'])}"
        kind = column["type"] if column else kind_of(said)
        found.append(Field(name, str(column["offset"]) if column else "", kind + default, said.get("description", "")))
    return found


def kind_of(said: dict[str, Any]) -> str:
    """A schema in a few words.

    >>> kind_of({"type": "integer", "format": "int64"}), kind_of({"enum": ["buy", "sell"]})
    ('int64', 'buy | sell')
    >>> kind_of({"type": "array", "items": {"$ref": "#/components/schemas/Check"}})
    'list of Check'
    """
    if name := _named(said):
        return name
    if "allOf" in said:
        return kind_of(said["allOf"][0])
    if "anyOf" in said:
        return " | ".join(kind_of(part) for part in said["anyOf"])
    if "enum" in said:
        return " | ".join(_text(value) for value in said["enum"])
    if said.get("type") == "array":
        items = said.get("items", {})
        inner = ", ".join(kind_of(part) for part in items) if isinstance(items, list) else kind_of(items)
        return f"[{inner}]" if isinstance(items, list) else f"list of {inner}"
    return str(said.get("format") or said.get("type") or "anything")


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value else repr(value)


def _named(said: Any) -> str:
    reference = said.get("$ref", "") if isinstance(said, dict) else ""
    return str(reference).rpartition("/")[2]


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [_named(part)] if "$ref" in part else []
        return own + [name for inner in part.values() for name in _references(inner)]
    return [name for inner in part for name in _references(inner)] if isinstance(part, list) else []
