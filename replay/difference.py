"""What two runs differ in: counts, the first divergence with its chain, what they earned, and their hashes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from replay.join import Counts

NAMES = {
    "ticks.<source>": "ticks", "features": "features", "scores": "scores", "orders.intent": "intents",
    "orders.decision": "decisions", "orders": "orders", "executions": "executions",
}  # fmt: skip
"""What is compared, by topic of the table, in the data's way."""
HOP_OF = {
    "ticks.<source>": "normalise", "features": "feature", "scores": "score", "orders.intent": "strategy",
    "orders.decision": "risk", "orders": "risk", "executions": "venue",
}  # fmt: skip
"""The hop that makes it."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """One difference.

    Attributes:
        what: ``ticks``, ``features``, …: what differs first there.
        hop: Which hop made something else of the same input.
        kind: ``changed``, ``missing`` (A alone has it), ``added`` (B alone), ``moved``.
        time: Log time, ns.
        root: Source sequence number and part of the payload that it stems from; of a document its id.
        columns: What differs: name, either value; of floats the bits, and steps apart.
        a: Where it stands in A: topic, partition, offset, seq, row; None where it does not.
        b: Likewise.
        note: What else must be known to read it.
        chain: Raw record, tick, features, score, intent, decision, order, executions of that root, of both runs.
    """

    what: str
    hop: str
    kind: str
    time: int
    root: dict[str, Any]
    columns: list[dict[str, Any]]
    a: dict[str, Any] | None
    b: dict[str, Any] | None
    note: str = ""
    chain: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As one JSON-able object."""
        return {
            "what": self.what, "hop": self.hop, "kind": self.kind, "time": self.time, "root": self.root,
            "columns": self.columns, "a": self.a, "b": self.b, "note": self.note,
        } | ({"chain": self.chain} if self.chain else {})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """The comparison of two runs.

    Attributes:
        a: Run id of A.
        b: Run id of B.
        counts: By what is compared (``NAMES``).
        first: The first divergence in the data's way; None where nothing differs.
        others: Further ones, the earliest of each kind of item.
        economics: Profit and loss, slippage, turnover, exposure by currency: of A, of B.
        hashes: Of all that was compared: of A, of B; equal where the runs are identical.
        order_hashes: Of the intents alone, as a run's summary gives it.
        notes: What could not be compared whole.
    """

    a: str
    b: str
    counts: dict[str, Counts]
    first: Divergence | None
    others: list[Divergence]
    economics: tuple[dict[str, Any], dict[str, Any]]
    hashes: tuple[str, str]
    order_hashes: tuple[str, str]
    notes: list[str] = field(default_factory=list)

    @property
    def identical(self) -> bool:
        """The same rows and documents in the same order, whatever their frames."""
        return all(counts.identical for counts in self.counts.values())

    def document(self) -> dict[str, Any]:
        """As one JSON-able object."""
        return {
            "a": self.a, "b": self.b, "identical": self.identical,
            "hash": self.hashes[0] if self.identical else None,
            "hashes": list(self.hashes), "order_hashes": list(self.order_hashes),
            "counts": {
                name: {key: getattr(c, key) for key in ("a", "b", "same", "added", "missing", "changed", "moved")}
                for name, c in self.counts.items()
            },
            "first_divergence": None if self.first is None else self.first.document(),
            "differences": [d.document() for d in self.others],
            "economics": {"a": self.economics[0], "b": self.economics[1]},
            "notes": self.notes,
        }  # fmt: skip
