"""Peers: instruments whose mids should go together, and what is remembered of how they do.

Peers are what one partition of one source carries of the same underlying: the same base asset against the same quote
currency, on several markets or venues. The US dollar and the coins that stand for it count as one currency: what lies
between them is part of the basis, which is calibrated. How a mid is judged stands in ``agents/peer_scan.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import UNSET

from agents.context import Context
from agents.peer_scan import MID, PAIR, SIDE, Parts, flag_suspects, parts_of
from schemas.control import PeerBand
from schemas.definition import Definition
from schemas.errors import SnapshotError

PEERS_MAX = 8
"""Instruments of one underlying that are compared with each other; of more, those with the lowest ids."""
SAME_BASE = {"XBT": "BTC"}
"""Assets that have another name at some venue."""
DOLLARS = frozenset({"USD", "USDT", "USDC"})

_Arrays = Mapping[str, npt.NDArray[Any]]
NAMED = np.dtype([("instrument_id", "<i8"), ("mid", "<f8"), ("ts", "<i8")])
PAIRED = np.dtype([("one", "<i8"), ("other", "<i8"), *((name, PAIR[name]) for name in PAIR.names or ())])


def underlying(definition: Definition) -> tuple[str, str]:
    """Whose peers an instrument is among."""
    quote = "USD" if definition.quote in DOLLARS else definition.quote
    return SAME_BASE.get(definition.base, definition.base), quote


class PeersState:
    """What is remembered (``peer_scan.parts_of``): among it the newest mid by slot (MID), and the pairs (PAIR)."""

    def __init__(self, memory: npt.NDArray[np.int64]) -> None:
        self.memory = memory
        parts: Parts = parts_of(memory)
        self.mids, self.pairs = parts.mids, parts.pairs


class Peers:
    """The peers of one partition.

    Args:
        context: Whose instruments.
        band: How far a mid may lie from them.

    Attributes:
        pairs: Slots of each pair, the lower one first; empty where no instrument has a peer.
    """

    def __init__(self, context: Context, band: PeerBand) -> None:
        groups: dict[tuple[str, str], list[int]] = {}
        for slot, definition in enumerate(context.instruments):
            if context.owns(definition.instrument):
                groups.setdefault(underlying(definition), []).append(slot)
        self._context = context
        self._ids = [d.instrument_id for d in context.instruments]
        self.pairs = [pair for slots in groups.values() for pair in combinations(slots[:PEERS_MAX], 2)]
        sides = sorted(
            [(a, b, n, 1) for n, (a, b) in enumerate(self.pairs)]
            + [(b, a, n, -1) for n, (a, b) in enumerate(self.pairs)]
        )
        counts = np.bincount(np.array([side[0] for side in sides], dtype=np.int64), minlength=len(self._ids))
        mids = np.zeros(len(self._ids), dtype=MID)
        mids["peers"], mids["first"] = counts, np.cumsum(counts) - counts
        head = [
            len(context.slots), len(mids), len(sides), len(self.pairs),
            band.floor_ppm, band.dispersions, band.fresh_ns, band.calibrate_ns, band.half_life_ns, band.shift_ns,
        ]  # fmt: skip
        parts: list[npt.NDArray[Any]] = [
            np.array(head, dtype=np.int64), context.slots.astype(np.int64), mids,
            np.array([side[1:] for side in sides], dtype=SIDE), np.zeros(len(self.pairs), dtype=PAIR),
        ]  # fmt: skip
        self._empty = np.concatenate([part.view(np.int64) for part in parts])

    def start(self) -> PeersState:
        """Nothing seen."""
        return PeersState(self._empty.copy())

    def flag(self, state: PeersState, rows: Any) -> int:
        """Flag the suspect ones among TICK rows, contiguous, in place; returns how many."""
        return flag_suspects(rows.view(np.uint8), state.memory)

    def arrays(self, state: PeersState) -> dict[str, npt.NDArray[Any]]:
        """The state as arrays for a snapshot, by instrument id: instruments may be defined before it is restored."""
        ids = np.array(self._ids, dtype=np.int64)
        compared = np.flatnonzero(state.mids["peers"])
        named = np.zeros(len(compared), dtype=NAMED)
        named["instrument_id"] = ids[compared]
        named["mid"], named["ts"] = state.mids["mid"][compared], state.mids["ts"][compared]
        paired = np.zeros(len(self.pairs), dtype=PAIRED)
        slots = np.array(self.pairs, dtype=np.int64).reshape(-1, 2)
        paired["one"], paired["other"] = ids[slots[:, 0]], ids[slots[:, 1]]
        for name in PAIR.names or ():
            paired[name] = state.pairs[name]
        return {"peer_mids": named, "peer_pairs": paired}

    def restore(self, arrays: _Arrays) -> PeersState:
        """State from ``arrays``; what is not in them has not been seen, and what is no peer any more is left out.

        Raises:
            SnapshotError: Arrays of another shape.
        """
        state = self.start()
        named, paired = (_checked(arrays, *of) for of in (("peer_mids", NAMED), ("peer_pairs", PAIRED)))
        for row in named:
            slot = self._context.slot_of(int(row["instrument_id"]))
            if slot >= 0 and state.mids["peers"][slot]:
                state.mids["mid"][slot], state.mids["ts"][slot] = row["mid"], row["ts"]
        places = {(self._ids[a], self._ids[b]): n for n, (a, b) in enumerate(self.pairs)}
        for row in paired:
            place = places.get((int(row["one"]), int(row["other"])))
            if place is not None:
                for name in PAIR.names or ():
                    state.pairs[name][place] = row[name]
        return state


def peers_of(context: Context) -> Peers | None:
    """The peers of a partition; None where they are not compared, or no instrument has any."""
    if context.run.peers is UNSET:
        return None
    peers = Peers(context, context.run.peers)
    return peers if peers.pairs else None


def _checked(arrays: _Arrays, name: str, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    found = arrays.get(name, np.zeros(0, dtype))
    if found.dtype != dtype or found.ndim != 1:
        raise SnapshotError(
            "a snapshot's array does not fit", kind="foreign", got=f"{name}: {found.dtype} {found.shape}",
            allowed=f"{dtype}, one dimension",
        )  # fmt: skip
    return found
