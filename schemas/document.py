"""Documents: what people and other languages read. JSON, one per record, each with a ``type`` that names its shape."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.columns import U16, U64

Text = Annotated[str, Meta(min_length=1, max_length=512)]


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of JSON documents. Versions grow by appended fields with defaults; unknown fields are ignored."""


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """Identity of the raw payload that caused a document: ids derive from it, so replay repeats them."""

    source: Text
    seq: U64
    part: U16 = 0
