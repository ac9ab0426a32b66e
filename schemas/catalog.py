"""Every schema by name, number and version: what a record header's ``schema`` points at.

Numbers are wire format: never reused. A version is raised when fields are appended.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from schemas.clock import Clock
from schemas.control import End, Halt, LimitsChanged, ReleaseCut, Resume, RunOpened
from schemas.dead_letter import DeadLetter
from schemas.decision import Decision
from schemas.definition import Definition
from schemas.document import Document
from schemas.execution import Execution
from schemas.feature import Feature
from schemas.feed_health import FeedHealth
from schemas.intent import Intent
from schemas.order import Order
from schemas.pin_tag import PinTagged
from schemas.retry import Retried, Retry
from schemas.score import Score
from schemas.tick import Tick

Kind = Literal["raw", "rows", "document", "state"]


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the catalog."""

    number: int
    name: str
    version: int
    kind: Kind
    event: type[Any] | None = None


RAW = Schema(number=1, name="raw", version=1, kind="raw")
SNAPSHOT = Schema(number=2, name="snapshot", version=1, kind="state")
TICK_SCHEMA = Schema(number=3, name="tick", version=1, kind="rows", event=Tick)
FEATURE_SCHEMA = Schema(number=4, name="feature", version=1, kind="rows", event=Feature)
SCORE_SCHEMA = Schema(number=5, name="score", version=1, kind="rows", event=Score)
DEFINITION = Schema(number=16, name="definition", version=2, kind="document", event=Definition)
INTENT = Schema(number=17, name="intent", version=3, kind="document", event=Intent)
DECISION = Schema(number=18, name="decision", version=1, kind="document", event=Decision)
ORDER = Schema(number=19, name="order", version=3, kind="document", event=Order)
EXECUTION = Schema(number=20, name="execution", version=2, kind="document", event=Execution)
RUN = Schema(number=21, name="run", version=7, kind="document", event=RunOpened)
END = Schema(number=22, name="end", version=1, kind="document", event=End)
CLOCK = Schema(number=23, name="clock", version=1, kind="document", event=Clock)
DEAD_LETTER = Schema(number=24, name="dead_letter", version=2, kind="document", event=DeadLetter)
HALT = Schema(number=25, name="halt", version=1, kind="document", event=Halt)
RESUME = Schema(number=26, name="resume", version=1, kind="document", event=Resume)
LIMITS = Schema(number=27, name="limits", version=1, kind="document", event=LimitsChanged)
RELEASE = Schema(number=28, name="release", version=1, kind="document", event=ReleaseCut)
RETRY = Schema(number=30, name="retry", version=1, kind="document", event=Retry)
RETRIED = Schema(number=31, name="retried", version=1, kind="document", event=Retried)
PIN_TAG = Schema(number=32, name="pin_tag", version=1, kind="document", event=PinTagged)
FEED_HEALTH = Schema(number=40, name="feed_health", version=2, kind="document", event=FeedHealth)

CATALOG: tuple[Schema, ...] = (
    RAW, SNAPSHOT, TICK_SCHEMA, FEATURE_SCHEMA, SCORE_SCHEMA, DEFINITION, INTENT, DECISION, ORDER, EXECUTION, RUN, END,
    CLOCK, DEAD_LETTER, HALT, RESUME, LIMITS, RELEASE, RETRY, RETRIED, PIN_TAG, FEED_HEALTH,
)  # fmt: skip

BY_NUMBER: dict[int, Schema] = {s.number: s for s in CATALOG}
BY_NAME: dict[str, Schema] = {s.name: s for s in CATALOG}
BY_EVENT: dict[type[Document], Schema] = {s.event: s for s in CATALOG if s.kind == "document" and s.event is not None}
