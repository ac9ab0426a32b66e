"""Clock: live wall time as a record, ten times a second, so that an agent's now is data."""

from __future__ import annotations

from schemas.columns import Nanos
from schemas.document import Document


class Clock(Document, frozen=True, kw_only=True, tag="clock"):
    """Wall time, ns UTC, by the one clock writer of a live topology."""

    ts: Nanos
