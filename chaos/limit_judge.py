"""Whether any approved order lay beyond a limit, a halt or its time, at its point of the merged order.

Worked out anew from executions, the clock and what people said on ``control``, without the risk task's own checks: each
formula stands here a second time, written from what the limit means.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from agents.context import Context
from agents.limits import NANOS_PER_MS, Limits, limits_of
from agents.standing import Standing
from chaos.findings import Findings
from schemas.clock import Clock
from schemas.columns import PRICE_SCALE
from schemas.control import Halt, LimitsChanged, Resume, RunOpened
from schemas.decision import Decision
from schemas.definition import Definition
from schemas.execution import Execution
from schemas.intent import Intent

PPM = 1_000_000
SECOND_NS = 1_000_000_000


@dataclass(slots=True)
class _Open:
    """An approved order that has no final report."""

    instrument: str
    signed: int
    heard: int = -1


class LimitJudge:
    """Hears what the risk task heard, in the merged order, and judges what it approved.

    Args:
        context: Instruments, and the run's opening.
        decisions: The committed decisions by order id; one that is missing is another check's business.
        reports: In play, all reports: they take effect by their own log time. None: live, where they were heard.
        place: Where decisions stand, for messages.
        found: Takes what is wrong.
    """

    def __init__(
        self, context: Context, decisions: dict[str, Decision], reports: Sequence[Execution] | None, place: str,
        found: Findings,
    ) -> None:  # fmt: skip
        self._live = reports is None
        self._decisions = decisions
        self._place = place
        self._found = found
        self._definitions = {d.instrument: d for d in context.instruments}
        self._standing = Standing()
        self._limits: dict[str, Limits] = {}
        self._held: Counter[str] = Counter()
        self._open: dict[str, _Open] = {}
        self._reports = list(reports or ())
        self._approved_at: deque[int] = deque()
        self._clock: int | None = None
        self._now = 0
        if not self._live:
            self._say(context.run)

    def heard(self, topic: str, items: Sequence[Any]) -> None:
        """Live: side records took effect."""
        del topic
        for item in items if self._live else ():
            if isinstance(item, Execution):
                self._report(item)
            elif isinstance(item, Clock):
                self._clock = item.ts
            elif isinstance(item, RunOpened | LimitsChanged | Halt | Resume):
                self._say(item)

    def stopped(self) -> None:
        """Live: no time is known, and nothing may be approved, until the clock's next record."""
        self._clock = None

    def took(self, items: Any) -> None:
        """Intents were taken."""
        for intent in items:
            if isinstance(intent, Intent):
                self._intent(intent)

    def _say(self, document: Any) -> None:
        self._standing.apply(document)
        limits = self._standing.limits
        self._limits = {name: limits_of(limits, d) for name, d in self._definitions.items()}

    def _intent(self, intent: Intent) -> None:
        if not self._live:
            due = sorted((r for r in self._reports if r.ts <= intent.ts), key=lambda r: r.ts)
            self._reports = [r for r in self._reports if r.ts > intent.ts]
            for report in due:
                self._report(report)
        self._now = max(self._now, intent.ts, 0 if self._clock is None else self._clock)
        decision = self._decisions.get(intent.client_order_id)
        if decision is None or decision.verdict != "approved":
            return
        where = f"{self._place} order {intent.client_order_id}"
        if intent.action == "new":
            for what, expected in self._beyond(intent):
                self._found.tell("limit_breaches", where, what, expected)
            if intent.valid_until < self._now:
                self._found.tell("late_orders", where, f"approved at {self._now}", f"by {intent.valid_until}")
        signed = self._signed(intent.side, intent.quantity) if intent.action == "new" else 0
        self._open[intent.client_order_id] = _Open(intent.instrument, signed)
        self._approved_at.append(self._now)

    def _beyond(self, intent: Intent) -> list[tuple[str, str]]:
        """Every limit that an approved order lies beyond: what it comes to, and what is allowed."""
        definition, limits = self._definitions.get(intent.instrument), self._limits.get(intent.instrument)
        if definition is None or limits is None:
            return [("of no instrument with limits", "a definition and limits")]
        buys = intent.side == "buy"
        touch = intent.touch.ask_price if buys else intent.touch.bid_price
        outside = intent.limit_price - touch if buys else touch - intent.limit_price
        rate = self._standing.limits["account"].get("message_rate_max")
        clock_age = self._standing.limits["account"].get("clock_age_max_ms")
        while self._approved_at and self._approved_at[0] <= self._now - SECOND_NS:
            self._approved_at.popleft()
        measured: list[tuple[str, int | Fraction, int | None]] = [
            ("quantity", intent.quantity, limits.quantity_max),
            ("notional", _worth(intent.quantity, intent.limit_price, definition), limits.notional_max),
            ("price collar in ppm", Fraction(outside * PPM, max(touch, 1)), limits.price_collar_ppm),
            ("age of the touch in ns", intent.ts - intent.touch.ts, limits.touch_age_max_ns),
            ("orders in a second", len(self._approved_at) + 1, rate),
        ]
        if self._live:
            age = intent.ts - (self._clock if self._clock is not None else -(2**63))
            measured.append(("age of the clock in ns", age, clock_age and round(clock_age * NANOS_PER_MS)))
        wrong = [
            (f"{name} {float(value):g}", "a limit" if limit is None else f"at most {limit}")
            for name, value, limit in measured
            if limit is None or value > limit
        ]
        held = self._held[intent.instrument]
        same_side = sum(
            o.signed for o in self._open.values() if o.instrument == intent.instrument and (o.signed > 0) == buys
        )
        after = held + same_side + self._signed(intent.side, intent.quantity)
        nearer = abs(after) < abs(held) and after * held >= 0
        most = limits.position_max
        if most is None or (abs(after) > most and not nearer):
            wrong.append((f"position {after}", f"at most {most}, open orders counted as filled"))
        state = self._standing.state_of(intent.account, intent.strategy, intent.instrument)
        if state == "HALTED" or (state == "REDUCING" and not nearer):
            wrong.append((f"trading state {state}", "no such order under it"))
        return wrong

    def _report(self, report: Execution) -> None:
        order = self._open.get(report.client_order_id)
        if order is None or report.report_index <= order.heard:
            return
        order.heard = report.report_index
        filled = self._signed(report.side, report.last_quantity)
        self._held[report.instrument] += filled
        left = order.signed - filled
        order.signed = left if (left > 0) == (order.signed > 0) else 0
        if report.final:
            del self._open[report.client_order_id]
        if not self._live:
            self._now = max(self._now, report.ts)

    @staticmethod
    def _signed(side: str, quantity: int) -> int:
        return quantity if side == "buy" else -quantity


def _worth(units: int, price: int, definition: Definition) -> Fraction:
    """Worth in 1e-9 of the quote currency; of an inverse contract, that of the contracts."""
    size = Fraction(units * definition.size_increment * definition.multiplier, PRICE_SCALE)
    return size if definition.inverse else size * price / PRICE_SCALE
