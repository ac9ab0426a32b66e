"""The figures of a run at one moment: what ``tapedeck top``, ``up`` and ``demo`` show, and print as JSON.

Made by ``replay/observer.py`` from the run's topics alone. Immutable, so that one thread may draw what another made.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from schemas.control import TradingState
from streams.recovery import RecoveryProgress

Stage = Literal["opened", "playing", "live", "draining", "silent", "ended"]
"""opened: no tick yet. draining: the feed has ended, what was sent is worked off. silent: no tick and no commit of
late, whether all were ended in order or died. Whoever runs the run may name others."""


BUILD_CHARS = 8
"""Of a build's hash, as it is shown."""


class Tally(msgspec.Struct, frozen=True):
    """Something that is counted."""

    total: int = 0
    per_s: float = 0.0


class TaskFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One task, or the feed, or the clock of a live run.

    Attributes:
        inputs: Items that it has answered for: payloads, rows or documents; of the feed and the clock: records written.
        per_s: The same a second, of late.
        lag: Items on its input that it has not answered for; None where that is not known (yet).
        lag_is_bound: It is at most that: the task writes too seldom to tell more between two commits.
        commit_age_s: Since its newest commit; of the clock: since the time it tells. None where the log keeps no time,
            or nothing was committed.
        restarts: How often it was brought back; None where nobody who knows was asked.
        stalled: It has lag and does not move, or (live) commits no more.
        halted: It ended since too much of its input was refused, and will not go on by itself.
        recovery: How far it is in its recovery; None where that is over, or the task has not committed since it began.
        build: Hash of the code that committed last; empty where none is named.
        owner: Who ran it at its newest commit: host and process; empty where that is not told.
    """

    name: str
    hops: tuple[str, ...] = ()
    inputs: int = 0
    per_s: float = 0.0
    lag: int | None = None
    lag_is_bound: bool = False
    commit_age_s: float | None = None
    restarts: int | None = None
    stalled: bool = False
    halted: bool = False
    recovery: RecoveryProgress | None = None
    build: str = ""
    owner: str = ""


class HopFigures(msgspec.Struct, frozen=True):
    """Latency of one interval of ``replay/hops.py``, microseconds: of the last seconds, and since watching began."""

    recent_count: int
    recent_p50_us: float | None
    recent_p99_us: float | None
    count: int
    p50_us: float | None
    p99_us: float | None


class InstrumentFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument.

    Attributes:
        state: What may leave for it: as people ordered, HALTED where a limit is missing.
        position: Signed, units of the definition's ``size_increment``.
        position_decimal: The same in the instrument's own size.
        bid: Newest best bid, decimal; None where there is none.
        ask: Likewise.
        gaps: Holes in the venue's update ids so far, as normalise counted them; None where it has not committed yet.
        unsynced: The order book is not known now.
        crossed: The best bid is at or above the best offer now.
        suspect: The mid lies outside the band of its peers now.
        tick_age_s: Log time since its newest tick; None where none was seen.
    """

    instrument: str
    state: TradingState = "ACTIVE"
    position: int = 0
    position_decimal: str = "0"
    bid: str | None = None
    ask: str | None = None
    gaps: int | None = None
    unsynced: bool = False
    crossed: bool = False
    suspect: bool = False
    tick_age_s: float | None = None


class MoneyFigures(msgspec.Struct, frozen=True):
    """Profit and loss in one settlement currency, without fees; unrealised at the last mid. ``decimals`` suit it."""

    realised: float
    unrealised: float
    total: float
    decimals: int = 2


class HaltFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A halt in force; ``since_ns`` is the wall time at which it was given."""

    scope: str
    name: str
    state: str
    author: str
    reason: str
    since_ns: int


class RunFigures(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        stage: ``Stage``, or what whoever runs the run says.
        log_time_ns: The event clock: log time of the newest tick, ns UTC; 0 before any.
        tick_age_s: Wall time since the newest tick was made; None before any.
        elapsed_s: Wall time since the run was opened; up to the newest tick where the run has ended.
        share: Share of the session played; None where its length is not known.
        left_s: Seconds until its end, likewise.
        denials: Denials by the first check that failed.
        dead_letters: Rejected inputs by error code.
        gaps: Of all instruments; None where normalise has not committed yet.
        trading_state: The state under which most can still be traded: HALTED only where every instrument is.
        counted_from: By topic, the log time from which its documents are counted, where there were too many to read
            (``executions``: position and money; ``orders.decision``: denials by reason; ``dlq``: dead letters).
        sampled: Latencies and touches are a sample: there was more than a display should read.
    """

    run: str
    mode: str
    source: str
    stage: str
    log_time_ns: int = 0
    tick_age_s: float | None = None
    elapsed_s: float = 0.0
    share: float | None = None
    left_s: float | None = None
    ticks: Tally = Tally()
    intents: Tally = Tally()
    orders: Tally = Tally()
    denied: Tally = Tally()
    executions: Tally = Tally()
    denials: dict[str, int] = msgspec.field(default_factory=dict)
    dead_letters: dict[str, int] = msgspec.field(default_factory=dict)
    tasks: tuple[TaskFigures, ...] = ()
    hops: dict[str, HopFigures] = msgspec.field(default_factory=dict)
    instruments: tuple[InstrumentFigures, ...] = ()
    gaps: int | None = None
    pnl: dict[str, MoneyFigures] = msgspec.field(default_factory=dict)
    halts: tuple[HaltFigures, ...] = ()
    trading_state: TradingState = "ACTIVE"
    counted_from: dict[str, int] = msgspec.field(default_factory=dict)
    sampled: bool = False

    @property
    def ended(self) -> bool:
        """Nothing more will come."""
        return self.stage == "ended"

    @property
    def still(self) -> bool:
        """Nothing has come of late: of the last seconds there is nothing to tell."""
        return self.stage in ("ended", "silent")

    @property
    def builds_differ(self) -> str:
        """Which tasks are of which build, where they are of more than one; else empty."""
        builds = {task.build for task in self.tasks if task.build}
        if len(builds) < 2:
            return ""
        return ", ".join(f"{task.name} {task.build[:BUILD_CHARS]}" for task in self.tasks if task.build)

    def document(self) -> dict[str, Any]:
        """As one JSON-able object, in the order of the attributes."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document
