"""Halts in force: the fold of what people have said in ``control``, in the order in which they said it."""

from __future__ import annotations

from schemas.control import Halt, Resume, TradingState
from schemas.document import Document

ALL = "all"


class Halts:
    """Takes control records; a resume lifts the halt of the same scope and name, and no other."""

    def __init__(self) -> None:
        self._halts: dict[tuple[str, str], Halt] = {}

    def take(self, document: Document) -> None:
        """One control record; what is neither halt nor resume changes nothing."""
        if isinstance(document, Halt):
            self._halts.pop((document.scope, document.name), None)
            self._halts[(document.scope, document.name)] = document
        elif isinstance(document, Resume):
            self._halts.pop((document.scope, document.name), None)

    def in_force(self) -> tuple[Halt, ...]:
        """The newest of each scope and name, the widest scope first, then as they were given."""
        widest_first = ("all", "account", "strategy", "instrument")
        return tuple(sorted(self._halts.values(), key=lambda halt: widest_first.index(halt.scope)))

    def trading_state(self, account: str, strategy: str) -> TradingState:
        """The strictest state among the halts that cover everything, this account or this strategy."""
        covering = {(ALL, ""), ("account", account), ("strategy", strategy)}
        states = {halt.state for place, halt in self._halts.items() if place in covering or place[0] == ALL}
        return "HALTED" if "HALTED" in states else "REDUCING" if states else "ACTIVE"
