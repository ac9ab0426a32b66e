"""The band around its peers' mids in which a mid must lie: what ships, and what a topology file says."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from agents.topology_file import PeersTable
from schemas.control import PeerBand
from schemas.sources import SIMULATOR

PPM_PER_BPS = 100
NANOS_PER_MS = 1_000_000
NANOS = 1_000_000_000


def band_of(table: PeersTable, source: str) -> PeerBand | UnsetType:
    """The band of a ``[peers]`` table; UNSET where mids are not compared.

    Unless the table says so, the simulator's are not: its markets are correlated, but nobody trades one against the
    other, so they drift apart for good.
    """
    if not (source != SIMULATOR if table.compare is None else table.compare):
        return UNSET
    return PeerBand(
        floor_ppm=max(1, round(table.floor_bps * PPM_PER_BPS)), dispersions=table.dispersions,
        fresh_ns=round(table.fresh_ms * NANOS_PER_MS), calibrate_ns=round(table.calibrate_s * NANOS),
        half_life_ns=round(table.half_life_s * NANOS), shift_ns=round(table.shift_s * NANOS),
    )  # fmt: skip
