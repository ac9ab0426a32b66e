"""Arrays by slot from a snapshot, put in the slots of today: instruments may have been defined since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.context import NO_SLOT, Context
from schemas.errors import SnapshotError


def slots_now(
    instruments: Sequence[int], context: Context, exposed: Mapping[str, Any] | None = None
) -> list[int]:  # fmt: skip
    """Slots now by slots then; ``NO_SLOT`` for an instrument that is no longer defined.

    Args:
        instruments: Their ids in the order of the snapshot's slots.
        context: Of today.
        exposed: Arrays by slot then that must not be forgotten where they are not zero.

    Raises:
        SnapshotError: An instrument with a position or an open order is no longer defined.
    """
    slots = [context.slot_of(instrument) for instrument in instruments]
    for old, slot in enumerate(slots):
        if slot == NO_SLOT and any(array[old] for array in (exposed or {}).values()):
            raise SnapshotError(
                "an instrument with a position or an open order is no longer defined", kind="instrument_gone",
                got=str(instruments[old]),
                fix="define it again",
            )  # fmt: skip
    return slots


def put(given: Any, slots: Sequence[int], into: Any) -> None:
    """Put what a snapshot's array says of each instrument where it belongs now; the rest of ``into`` stays.

    Raises:
        SnapshotError: The array is not by the snapshot's slots, or holds something else.
    """
    if len(given) != len(slots) or given.dtype != into.dtype or given.shape[1:] != into.shape[1:]:
        raise SnapshotError(
            "a snapshot's array does not fit", kind="foreign", got=f"{given.dtype} {given.shape}",
            allowed=f"{into.dtype}, {len(slots)} slots of {into.shape[1:]}",
        )  # fmt: skip
    for old, slot in enumerate(slots):
        if slot != NO_SLOT:
            into[slot] = given[old]
