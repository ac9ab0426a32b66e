"""Standing orders: what people have said on ``control``, and what holds because of it. A fold, pure.

* **Halts** by scope and name. The last one of a scope and name counts, until a resume of exactly that scope and name.
  An order is under every halt that covers it; the strictest decides. Doubt halts: one that names nothing where it must
  name something halts everything.
* **Limits**: an opening's, then every change, in their order. A further opening changes those limits in which it
  differs from the opening before it, and leaves alone what people have set since.

What breaks the rules changes nothing as a whole, is counted in ``ignored``, and :meth:`Standing.why_refused` says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from agents.limit_keys import Address, Flat, changed, check_address, flat, nested
from agents.limits import check_limits
from schemas.codec import decode, encode
from schemas.control import Halt, LimitsChanged, Resume, RunOpened, Scope, TradingState
from schemas.document import Document
from schemas.errors import ConfigError

SEVERITY: Mapping[TradingState, int] = {"ACTIVE": 0, "REDUCING": 1, "HALTED": 2}
"""Trading states by how strict they are: the number that decisions show."""
STATES: tuple[TradingState, ...] = ("ACTIVE", "REDUCING", "HALTED")
HALTS_MAX = 1_024
"""Halts in force at once. One more halts everything: no halt is ever forgotten."""
EVERYTHING: tuple[Scope, str] = ("all", "")


class Standing:
    """Halts and limits in force. Nobody has said anything yet: nothing is halted, and no limit is set.

    Attributes:
        ignored: Documents that were refused.
    """

    def __init__(self) -> None:
        self.ignored = 0
        self._halts: dict[tuple[Scope, str], Halt] = {}
        self._limits: Flat = {}
        self._opening: Flat = {}

    def apply(self, document: Document) -> bool:
        """What a document says holds from now on; False where it was refused. Of no meaning here: True."""
        if self.why_refused(document) is not None:
            self.ignored += 1
            return False
        if isinstance(document, Halt):
            self._halt(document)
        elif isinstance(document, Resume):
            self._halts.pop((document.scope, document.name), None)
        elif isinstance(document, LimitsChanged):
            self._limits = changed(self._limits, document.changes)
        elif isinstance(document, RunOpened):
            self._open(flat(document.limits))
        return True

    def why_refused(self, document: Document) -> ConfigError | None:
        """What is wrong with a document, were it applied now; None where it would take effect."""
        try:
            if isinstance(document, LimitsChanged):
                for change in document.changes:
                    check_address((change.table, change.name, change.key), "limits")
                check_limits(nested(changed(self._limits, document.changes)), "limits")
            elif isinstance(document, RunOpened):
                check_limits(document.limits, f"limits of run {document.run}")
            elif isinstance(document, Resume) and (document.scope, document.name) not in self._halts:
                raise ConfigError(
                    "nothing is halted there", kind="not_halted", got=f"{document.scope} {document.name}".strip()
                )
        except ConfigError as error:
            return error
        return None

    def state_of(self, account: str, strategy: str, instrument: str) -> TradingState:
        """The strictest state that people have ordered for an order of these."""
        if not self._halts:
            return "ACTIVE"
        scopes: tuple[tuple[Scope, str], ...] = (
            EVERYTHING, ("account", account), ("strategy", strategy), ("instrument", instrument)
        )  # fmt: skip
        return STATES[max(SEVERITY[self._halts[s].state] if s in self._halts else 0 for s in scopes)]

    @property
    def halts(self) -> dict[tuple[Scope, str], Halt]:
        """Halts in force by scope and name, in one order."""
        return dict(sorted(self._halts.items()))

    @property
    def limits(self) -> dict[str, Any]:
        """Limits in force, nested as in ``limits.toml``."""
        return nested(self._limits)

    @property
    def flat_limits(self) -> Flat:
        """Limits in force, one by one."""
        return dict(self._limits)

    @property
    def opening(self) -> Flat:
        """Limits of the newest opening, one by one."""
        return dict(self._opening)

    def dump(self) -> dict[str, Any]:
        """JSON-able form: the same content gives the same, whatever order it was ordered in."""
        return {
            "halts": [[scope, name, encode(halt).decode()] for (scope, name), halt in sorted(self._halts.items())],
            "limits": _listed(self._limits), "opening": _listed(self._opening), "ignored": self.ignored,
        }  # fmt: skip

    @classmethod
    def load(cls, data: dict[str, Any]) -> Standing:
        """From ``dump``'s form."""
        standing = cls()
        standing.ignored = data["ignored"]
        standing._halts = {(scope, name): decode(text.encode(), Halt) for scope, name, text in data["halts"]}
        standing._limits, standing._opening = _unlisted(data["limits"]), _unlisted(data["opening"])
        return standing

    def _halt(self, halt: Halt) -> None:
        place = (halt.scope, halt.name) if halt.scope != "all" and halt.name else EVERYTHING
        if place not in self._halts and len(self._halts) >= HALTS_MAX:
            place, halt = EVERYTHING, msgspec.structs.replace(halt, state="HALTED")
        self._halts[place] = halt

    def _open(self, opening: Flat) -> None:
        for address in {**self._opening, **opening}:
            value = opening.get(address)
            if value == self._opening.get(address):
                continue
            if value is None:
                self._limits.pop(address, None)
            else:
                self._limits[address] = value
        self._opening = opening


def _listed(limits: Flat) -> list[list[Any]]:
    return [[*address, value] for address, value in sorted(limits.items(), key=lambda item: item[0])]


def _unlisted(data: list[list[Any]]) -> Flat:
    made: dict[Address, Any] = {(table, name, key): value for table, name, key, value in data}
    return made
