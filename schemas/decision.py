"""Decision: risk's answer to an intent, with every check's value and limit."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from schemas.columns import I64, U32, Nanos
from schemas.document import Document, Root, Text


class Check(Document, frozen=True, kw_only=True):
    """One risk check: what was measured and what is allowed."""

    name: Text
    value: I64
    limit: I64
    unit: Text
    passed: bool


class Decision(Document, frozen=True, kw_only=True, tag="decision"):
    """Approved or denied. Exactly one per intent."""

    client_order_id: Text
    root: Root
    ts: Nanos
    account: Text
    strategy: Text
    instrument_id: U32
    instrument: Text
    verdict: Literal["approved", "denied"]
    reasons: Annotated[list[str], Meta(description="names of the checks that failed, in the order they were made")]
    checks: list[Check]
