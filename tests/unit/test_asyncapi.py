"""The contract: a valid AsyncAPI 3 document that tells every topic, every field, and what each topic promises."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import numpy as np
import pytest

from schemas.asyncapi import ASYNCAPI, document, row_layout
from schemas.catalog import CATALOG
from schemas.json_payloads import JSON_PAYLOADS, json_schema_of
from schemas.promises import PROMISES
from schemas.tick import TICK, Tick
from schemas.topics import TOPICS

DOCUMENT = document("0.1.0")
RULES = json.loads((Path(__file__).parents[1] / "asyncapi" / "asyncapi-3.0.0.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft7Validator(RULES)


def resolved(reference: str) -> Any:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for inner in part.values() for found in references(inner)]
    return [found for inner in part for found in references(inner)] if isinstance(part, list) else []


def test_it_is_valid_by_asyncapis_own_schema() -> None:
    VALIDATOR.validate(DOCUMENT)
    assert DOCUMENT["asyncapi"] == ASYNCAPI


@pytest.mark.parametrize("wrong", [{"adress": "orders"}, {"messages": 7}, {"bindings": {"kafka": {"partitions": 0}}}])
def test_that_schema_finds_what_is_wrong(wrong: dict[str, Any]) -> None:
    spoilt = json.loads(json.dumps(DOCUMENT))
    spoilt["channels"]["orders"] |= wrong
    assert not VALIDATOR.is_valid(spoilt)


def test_every_reference_leads_somewhere() -> None:
    found = references(DOCUMENT)
    assert len(found) > 80
    for reference in found:
        assert resolved(reference)


def test_every_topic_is_told_with_its_key_order_identity_retries_and_what_is_settled() -> None:
    assert {channel["title"] for channel in DOCUMENT["channels"].values()} == {topic.name for topic in TOPICS}
    assert PROMISES.keys() == {topic.name for topic in TOPICS}
    for channel in DOCUMENT["channels"].values():
        for promise in ("key", "ordering", "idempotency", "retries", "committed", "written-by", "partitions"):
            assert channel[f"x-{promise}"], channel["title"]


def test_every_schema_of_the_catalog_and_every_payload_from_outside_is_a_message() -> None:
    assert DOCUMENT["components"]["messages"].keys() == {s.name for s in CATALOG} | {p.name for p in JSON_PAYLOADS}


def test_every_field_says_what_it_means() -> None:
    silent = [
        f"{name}.{field}"
        for name, schema in DOCUMENT["components"]["schemas"].items()
        for field, said in schema.get("properties", {}).items()
        if not said.get("description") and "enum" not in said
    ]
    assert silent == []


def test_a_packed_row_is_read_by_the_layout_that_is_told() -> None:
    row = np.zeros(1, TICK)
    row["price"], row["instrument_id"], row["side"] = -7, 9, ord("B")
    told = row_layout(Tick)
    assert told["bytes"] == TICK.itemsize == len(row.tobytes())
    for column in told["columns"]:
        kind, bits = column["type"].rstrip("0123456789"), int(column["type"].lstrip("uintfloa"))
        assert kind in ("int", "uint")
        raw = row.tobytes()[column["offset"] : column["offset"] + bits // 8]
        assert int.from_bytes(raw, "little", signed=kind == "int") == int(row[column["name"]][0])


@pytest.mark.parametrize("payload", JSON_PAYLOADS, ids=lambda payload: payload.name)
def test_each_payloads_json_schema_is_valid_and_says_of_each_field_what_it_is(payload: Any) -> None:
    schema = json_schema_of(payload)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert msgspec.json.decode(msgspec.json.encode(schema)) == schema
