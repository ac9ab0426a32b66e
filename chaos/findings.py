"""What was found wrong in a run: counts by kind, and a line for each breach."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

MESSAGES_MAX = 200
"""Breaches told one by one; the rest is counted."""


@dataclass(slots=True)
class Findings:
    """The verdict on a run.

    Attributes:
        acknowledged: Inputs whose publisher was told that they are durable.
        lost: Inputs, rows or documents that are missing.
        duplicated: Rows or documents that are there twice, or that nothing asked for.
        torn: Transactions or records that are there in part.
        diverged: Rows or documents of another content, or in another order, than a clean run gives.
        limit_breaches: Approved orders that lie beyond a limit or a halt.
        late_orders: Orders that left after their ``valid_until``.
        messages: A line for each: topic, partition, offset or seq, what was found, what was expected.
    """

    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    torn: int = 0
    diverged: int = 0
    limit_breaches: int = 0
    late_orders: int = 0
    messages: list[str] = field(default_factory=list)

    @property
    def breaches(self) -> int:
        """Everything that is wrong."""
        return self.lost + self.duplicated + self.torn + self.diverged + self.limit_breaches + self.late_orders

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return self.breaches == 0

    def tell(self, kind: str, where: str, what: str, expected: str = "", count: int = 1) -> None:
        """Count a breach of a kind (an attribute's name) and say it in a line."""
        setattr(self, kind, getattr(self, kind) + count)
        if len(self.messages) < MESSAGES_MAX:
            self.messages.append(f"{kind}: {where}: {what}" + (f"; expected {expected}" if expected else ""))

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)
