"""Documents to bytes and back: JSON by orjson, checked by msgspec in both directions."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
import orjson

from schemas.catalog import BY_EVENT, CATALOG
from schemas.document import Document
from schemas.errors import BadFrame

D = TypeVar("D", bound=Document)

_LONG = re.compile(rb"\d{19}")
"""What an integer beyond 64 bits has."""


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
    try:
        value = orjson.dumps(msgspec.to_builtins(document))
        _decoder(type(document)).decode(value)
    except (TypeError, msgspec.ValidationError) as error:  # TypeError: orjson's, of an integer beyond 64 bits
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
        document: D = _checked(_decoder(event).decode(value), value)
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
        document: Document = _checked(_union().decode(value), value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrame("not a known document", kind="unknown_document", got=f"{error}: {value[:80]!r}",
                       allowed="JSON whose type is one of this build's") from error  # fmt: skip
    return document


def _checked(document: Any, value: bytes) -> Any:
    """The document, once it is known that it can be written again: msgspec reads integers of any length, into Any too.

    Raises:
        msgspec.ValidationError: An integer has more than 64 bits.
    """
    if _LONG.search(value):
        try:
            orjson.dumps(msgspec.to_builtins(document))
        except TypeError as error:
            raise msgspec.ValidationError(str(error)) from error
    return document
