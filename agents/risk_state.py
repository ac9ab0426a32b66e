"""What risk remembers: positions, open approvals, decided ids, time, and what people have ordered."""

from __future__ import annotations

from collections import deque

import numpy as np

from agents.answers import Answers, Pending
from agents.context import Context
from agents.limits import ACCOUNT_KEYS, NANOS_PER_MS, Limits, limits_of, missing_keys
from agents.slots import put, slots_now
from agents.standing import Standing
from schemas.codec import decode_any, encode
from schemas.document import Document
from schemas.execution import Execution
from streams.state_bytes import dump, load

KIND = "risk/2"
IDS_REMEMBERED = 1_024
"""Decided ids remembered for the duplicate check: at the message rates of one desk, minutes of log time."""
TIMES_MAX = ACCOUNT_KEYS["message_rate_max"]
"""Approvals of the last second remembered for the message rate: as many as the largest limit."""


class RiskState:
    """State of the hop.

    Attributes:
        position: int64 by slot, signed, size units.
        open_buys: int64 by slot: quantity approved and not yet answered; ``open_sells`` likewise.
        ids: Hashes of decided ids, a ring of which the first ``decided`` are filled.
        approved_at: Times of approvals within the last second, ns.
        open: Side and unanswered quantity of each open approval, by client order id.
        now: Newest log time decided at, ns.
        clock: Newest clock record, ns; None before any, and in play.
        answers: Approvals that have no final report, and reports that are not due.
        standing: Halts and limits in force.
        heard: Play: how much of what people had said has taken effect.
        said: In a shadow: what people have said that has yet to take effect.
        strangers: Live: reports that answer no open approval of ours, and change nothing.
        instruments: Their ids by slot.
        limits: Limits in force by slot. This and what follows is derived from ``standing`` by ``relimit``.
        lacks: By slot, whether a limit that its orders need is missing.
    """

    def __init__(self, context: Context) -> None:
        slots = len(context.instruments)
        self.instruments = [d.instrument_id for d in context.instruments]
        self.position = np.zeros(slots, dtype=np.int64)
        self.open_buys = np.zeros(slots, dtype=np.int64)
        self.open_sells = np.zeros(slots, dtype=np.int64)
        self.ids = np.zeros(IDS_REMEMBERED, dtype=np.uint64)
        self.decided = 0
        self.approved_at: deque[int] = deque(maxlen=TIMES_MAX)
        self.open: dict[str, tuple[str, int]] = {}
        self.now = -(2**63)
        self.clock: int | None = None
        self.answers = Answers()
        self.standing = Standing()
        self.strangers = 0
        self.heard = 0
        self.said: deque[Document] = deque()
        self.limits: list[Limits] = []
        self.lacks: list[bool] = []
        self.rate_max: int | None = None
        self.clock_age_max_ns: int | None = None

    def relimit(self, context: Context) -> None:
        """Work out what the limits in force come to, slot by slot: once a change, not once an intent."""
        limits = self.standing.limits
        live = context.run.mode == "live"
        self.limits = [limits_of(limits, d) for d in context.instruments]
        self.lacks = [bool(missing_keys(limits, d.instrument, live=live)) for d in context.instruments]
        rate, age = (limits["account"].get(key) for key in ("message_rate_max", "clock_age_max_ms"))
        self.rate_max = None if rate is None else int(rate)
        self.clock_age_max_ns = None if age is None else round(age * NANOS_PER_MS)

    def open_same_side(self, slot: int, side: str) -> int:
        """Open approvals on a side, signed as they would change the position."""
        return int(self.open_buys[slot]) if side == "buy" else -int(self.open_sells[slot])

    def approve(self, pending: Pending, side: str, quantity: int) -> None:
        """An order leaves: until it is answered it counts as if it filled."""
        self.open[pending.client_order_id] = (side, quantity)
        (self.open_buys if side == "buy" else self.open_sells)[pending.slot] += quantity
        self.answers.expect(pending)

    def fill(self, pending: Pending, report: Execution) -> None:
        """A report on an open approval: what has filled is held, and no longer open."""
        side, left = self.open[pending.client_order_id]
        self.position[pending.slot] += report.last_quantity if side == "buy" else -report.last_quantity
        filled = min(max(report.last_quantity, 0), left)
        self.open[pending.client_order_id] = (side, left - filled)
        (self.open_buys if side == "buy" else self.open_sells)[pending.slot] -= filled

    def release(self, pending: Pending) -> None:
        """The final report has come: nothing of it is open any more."""
        side, left = self.open.pop(pending.client_order_id)
        (self.open_buys if side == "buy" else self.open_sells)[pending.slot] -= left

    def dump(self) -> bytes:
        """Everything a decision depends on."""
        seen = min(self.decided, IDS_REMEMBERED)
        arrays = {
            "position": self.position, "open_buys": self.open_buys, "open_sells": self.open_sells,
            "ids": self.ids[:seen],
        }  # fmt: skip
        values = {
            "instruments": self.instruments, "decided": self.decided, "approved_at": list(self.approved_at),
            "now": self.now, "clock": self.clock, "open": {k: list(v) for k, v in self.open.items()},
            "answers": self.answers.dump(), "standing": self.standing.dump(), "strangers": self.strangers,
            **({"heard": self.heard} if self.heard else {}),
            **({"said": [encode(document).decode() for document in self.said]} if self.said else {}),
        }  # fmt: skip
        return dump(KIND, arrays, values)

    @classmethod
    def load(cls, data: bytes, context: Context) -> RiskState:
        """From ``dump``'s bytes.

        Raises:
            SnapshotError: Torn, of another agent or version, or an instrument that has exposure is no longer defined.
        """
        arrays, values = load(KIND, data)
        state = cls(context)
        exposed = {name: arrays[name] for name in ("position", "open_buys", "open_sells")}
        slots = slots_now(values["instruments"], context, exposed)
        for name, array in exposed.items():
            put(array, slots, getattr(state, name))
        state.ids[: len(arrays["ids"])] = arrays["ids"]
        state.decided, state.now, state.clock = values["decided"], values["now"], values["clock"]
        state.approved_at.extend(values["approved_at"])
        state.open = {k: (v[0], v[1]) for k, v in values["open"].items()}
        answers = values["answers"]
        answers["pending"] = [[name, due, slots[old]] for name, due, old in answers["pending"]]
        state.answers = Answers.load(answers)
        state.standing = Standing.load(values["standing"])
        state.strangers, state.heard = values["strangers"], values.get("heard", 0)
        state.said.extend(decode_any(text.encode()) for text in values.get("said", ()))
        state.relimit(context)
        return state
