"""What stands around a payload, and how a message says that a field of it cannot be used: the same for all venues."""

from __future__ import annotations

import re
from typing import Any

from msgspec import UnsetType

from feeds.wire import ID_MAX, excerpt
from schemas.errors import BadInput, BadPayload, UnknownInstrument
from schemas.sources import SOURCES, number_of
from streams.agent import Payload

_KEY = re.compile(rb"(?:spot|linear|inverse):[A-Z0-9_-]{1,64}")


class Unfit(Exception):
    """A field is missing or says the impossible."""

    def __init__(self, kind: str, field: str, allowed: str, got: str = "") -> None:
        super().__init__(field)
        self.kind = kind
        self.field = field
        self.allowed = allowed
        self.got = got

    def told(self, value: bytes) -> BadPayload:
        """As the refusal of the payload."""
        return BadPayload(
            f"field {self.field} cannot be used", kind=self.kind, got=self.got or excerpt(value), allowed=self.allowed
        )


def missing(**fields: Any) -> Unfit:
    """Of the first field that is not there."""
    name = next(name for name, value in fields.items() if isinstance(value, UnsetType))
    return Unfit("missing_field", name, "a value: it is missing")


def publisher_of(payload: Payload, own: str = "") -> int:
    """Number of a payload's source.

    Args:
        payload: As it came.
        own: The run's source, which may be in no table.

    Raises:
        BadPayload: The source is unknown, or number or receive time are no int64 from 0.
    """
    publisher = number_of(own) if own and payload.source == own else SOURCES.get(payload.source, 0)
    if publisher == 0 or not (0 <= payload.seq <= ID_MAX and 0 <= payload.ts_recv <= ID_MAX):
        raise BadPayload(
            "a payload's envelope is impossible",
            kind="envelope",
            got=f"source {payload.source!r}, seq {payload.seq}, ts_recv {payload.ts_recv}",
            allowed=f"a source of {sorted({*SOURCES} | {own} - {''})}, int64 from 0",
        )
    return publisher


def unknown_key(key: bytes | None) -> BadInput:
    """Of a key that no definition answers to."""
    if isinstance(key, bytes) and _KEY.fullmatch(key):
        return UnknownInstrument("an instrument has no definition", kind="not_defined", got=key.decode("ascii"))
    return BadPayload(
        "a payload's key names no instrument",
        kind="bad_key",
        got="none" if key is None else excerpt(key),
        allowed="market:symbol, e.g. spot:BTCUSDT",
    )
