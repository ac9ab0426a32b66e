"""What came of it all: denials, dead letters, position, money and halts, folded from documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import get_args

import msgspec

from agents.limits import missing_keys
from agents.risk_report import Standings, overall
from agents.standing import Standing
from agents.topology import CLOCK
from replay.pnl import ProfitAndLoss
from replay.run_figures import HaltFigures, InstrumentFigures, MoneyFigures
from replay.touches import Touch
from replay.watched import Watched
from schemas.clock import Clock
from schemas.codec import decode, decode_any
from schemas.columns import PRICE_SCALE
from schemas.control import Scope, TradingState
from schemas.definition import Definition
from schemas.document import Document
from schemas.errors import BadInput
from schemas.execution import Execution

PRICE_DIGITS = 9
MS_PER_S = 1_000
MONEY_DECIMALS = 2
COIN_DECIMALS = 8


class _Verdict(Document, frozen=True, kw_only=True, tag="decision"):
    """The part of a decision that is counted: a tenth of the cost of the whole."""

    verdict: str
    reasons: list[str]


class _Letter(Document, frozen=True, kw_only=True, tag="dead_letter"):
    """Likewise of a dead letter."""

    code: str


_VERDICT = msgspec.json.Decoder(_Verdict)
_LETTER = msgspec.json.Decoder(_Letter)


class Desk:
    """Takes documents, each once, in the order of their topic.

    Attributes:
        denied: Denials counted.
        denials: By the first check that failed.
        dead_letters: By error code.
        clock_ns: Wall time that the newest clock record tells; 0 before any.
        pnl: From executions, at the touches it is given.
    """

    def __init__(self, watched: Watched) -> None:
        self.denied = 0
        self.clock_ns = 0
        self.denials: Counter[str] = Counter()
        self.dead_letters: Counter[str] = Counter()
        self.pnl = ProfitAndLoss()
        self._watched = watched
        self._standing = Standing()

    def take(self, table_name: str, value: bytes) -> int:
        """One document; returns the index of a report among those of its order, 0 for everything else.

        What cannot be read changes nothing.
        """
        try:
            if table_name == "executions":
                execution = decode(value, Execution)
                self.pnl.execution(execution)
                return execution.report_index
            if table_name == "orders.decision":
                self._decision(_VERDICT.decode(value))
            elif table_name == "dlq":
                self.dead_letters[_LETTER.decode(value).code] += 1
            elif table_name == CLOCK:
                self.clock_ns = decode(value, Clock).ts
            elif table_name == "control":
                self._standing.apply(decode_any(value))
        except (BadInput, msgspec.DecodeError, UnicodeDecodeError):
            return 0
        return 0

    def _decision(self, decision: _Verdict) -> None:
        if decision.verdict == "denied":
            self.denied += 1
            self.denials.update(decision.reasons[:1])

    def money(self) -> dict[str, MoneyFigures]:
        """By settlement currency."""
        coins = {d.settlement for d in self._watched.definitions if d.inverse}
        return {
            currency: MoneyFigures(
                m.realised, m.unrealised, m.total, COIN_DECIMALS if currency in coins else MONEY_DECIMALS
            )
            for currency, m in self.pnl.money(self._watched.definitions).items()
        }

    def instruments(
        self, touches: Mapping[int, Touch], gaps: Mapping[int, int] | None, log_time_ns: int
    ) -> tuple[InstrumentFigures, ...]:
        """Those that had a tick, a fill or a gap, in the order of their ids."""
        positions = self.pnl.positions()
        found = []
        for definition, standing in zip(self._watched.definitions, self._standings(), strict=True):
            number = definition.instrument_id
            holes = None if gaps is None else gaps.get(number)
            if number in touches or number in positions or holes:
                found.append(
                    _instrument(
                        definition, standing.state, positions.get(number, 0), touches.get(number), holes, log_time_ns
                    )
                )
        return tuple(found)

    def halts(self) -> tuple[HaltFigures, ...]:
        """In force, the widest first."""
        halts = sorted(self._standing.halts.items(), key=lambda item: get_args(Scope).index(item[0][0]))
        return tuple(
            HaltFigures(scope=scope, name=name, state=h.state, author=h.author, reason=h.reason, since_ns=h.ts)
            for (scope, name), h in halts
        )

    def trading_state(self) -> TradingState:
        """The state under which most can still be traded: HALTED only where everything is."""
        return overall(self._standings())

    def clock_age_max_s(self) -> float | None:
        """A live clock that is older halts all; None where no limit says so."""
        age_ms = self._standing.limits["account"].get("clock_age_max_ms")
        return None if age_ms is None else float(age_ms) / MS_PER_S

    def _standings(self) -> list[Standings]:
        """Each instrument's state, as people ordered it; one that lacks a limit is halted."""
        opened, limits = self._watched.opened, self._standing.limits
        made = []
        for definition in self._watched.definitions:
            name = definition.instrument
            missing = missing_keys(limits, name, live=self._watched.live)
            ordered = self._standing.state_of(opened.account, opened.strategy, name)
            made.append(Standings(name, "HALTED" if missing else ordered, missing))
        return made


def _instrument(
    definition: Definition, state: TradingState, position: int, touch: Touch | None, gaps: int | None, log_time_ns: int
) -> InstrumentFigures:
    tick = definition.price_increment
    return InstrumentFigures(
        instrument=definition.instrument, state=state, position=position,
        position_decimal=decimal(position * definition.size_increment, definition.size_increment),
        bid=None if touch is None or touch.bid is None else decimal(touch.bid, tick),
        ask=None if touch is None or touch.ask is None else decimal(touch.ask, tick),
        gaps=gaps, unsynced=touch is not None and touch.unsynced, crossed=touch is not None and touch.crossed,
        suspect=touch is not None and touch.suspect,
        tick_age_s=None if touch is None else (log_time_ns - touch.log_time_ns) / PRICE_SCALE,
    )  # fmt: skip


def decimal(scaled: int, increment: int) -> str:
    """A number in units of 1e-9 with the decimals that its increment has.

    >>> decimal(61_712_300_000_000, 10_000_000), decimal(-3_000_000_000, 1_000_000_000), decimal(5, 10_000_000)
    ('61712.30', '-3', '0.00')
    """
    places = max(0, PRICE_DIGITS - (len(str(increment)) - len(str(increment).rstrip("0"))))
    whole, part = divmod(abs(scaled), PRICE_SCALE)
    shown = f"{whole}.{part:09}"[: len(str(whole)) + 1 + places].rstrip(".")
    return f"-{shown}" if scaled < 0 and shown.strip("0.") else shown
