"""PinTagged: a person lets a tag name a pin. Tags move by this record alone."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from schemas.columns import Nanos
from schemas.document import Document, Text

PinId = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="hash of the pinned data")]


class PinTagged(Document, frozen=True, kw_only=True, tag="pin_tag"):
    """From this record on ``name`` means ``pin``. What was pinned stands beside it, so that any machine finds it again.

    Of no meaning to agents.
    """

    name: Text
    pin: PinId
    was: Annotated[str, Meta(max_length=64, description="the pin that the name meant before; empty: none")] = ""
    namespace: Annotated[str, Meta(max_length=256, description="topic prefix of the run; empty for live")] = ""
    since: Nanos
    until: Annotated[Nanos, Meta(description="the first time behind it")]
    known_by: Annotated[Nanos, Meta(description="what became known later is no part of it")]
    topics: Annotated[list[str], Meta(max_length=256, description="names without prefix; empty: every archived topic")]
    author: Text
    reason: Text
    ts: Annotated[Nanos, Meta(description="wall time at which it was given")]
