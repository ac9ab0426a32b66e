"""Documents to bytes and back: JSON by orjson, checked by msgspec in both directions."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

import msgspec
import orjson

from schemas.catalog import BY_EVENT, CATALOG
from schemas.document import Document
from schemas.errors import BadFrame

D = TypeVar("D", bound=Document)


@lru_cache
def _decoder(event: type[Any]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(event)


@lru_cache
def _union() -> msgspec.json.Decoder[Any]:
    union: Any = None
    for schema in CATALOG:
        if schema.kind == "document" and schema.event is not None:
            union = schema.event if union is None else union | schema.event
    return msgspec.json.Decoder(union)


def encode(document: Document) -> bytes:
    """JSON bytes of a document, fields in declaration order: the same document gives the same bytes.

    Raises:
        BadFrame: The document breaks its own declaration (a NaN, a negative quantity). A bug upstream, said here.
    """
    value = orjson.dumps(msgspec.to_builtins(document))
    try:
        _decoder(type(document)).decode(value)
    except msgspec.ValidationError as error:
        raise BadFrame(
            f"a {BY_EVENT[type(document)].name} document breaks its schema", kind="unwritable", got=str(error)
        ) from error
    return value


def decode(value: bytes, event: type[D]) -> D:
    """Document of the given type from JSON bytes.

    Raises:
        BadFrame: Not JSON, or not that type; says which field.
    """
    try:
        document: D = _decoder(event).decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrame(
            f"not a {BY_EVENT[event].name} document", kind="not_a_document", got=f"{error}: {value[:80]!r}",
            allowed="JSON of its schema",
        ) from error  # fmt: skip
    return document


def decode_any(value: bytes) -> Document:
    """Document of whatever type its ``type`` field names.

    Raises:
        BadFrame: Not JSON, or of no known type.
    """
    try:
        document: Document = _union().decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrame("not a known document", kind="unknown_document", got=f"{error}: {value[:80]!r}",
                       allowed="JSON whose type is one of this build's") from error  # fmt: skip
    return document
