"""Stress on a replay's input: bursts, and faults of the line, each at a moment of log time. The same each time.

Where no input is lost (burst, stall, duplicate, broker-pause, task-kill) the orders must be those of the calm replay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import msgspec

from replay.due import Due
from schemas.errors import ConfigError
from streams.log import Record

Kind = Literal["gap", "duplicate", "reorder", "stall", "loss", "broker-pause", "task-kill"]
KINDS: tuple[str, ...] = get_args(Kind)
OF_THE_LINE = frozenset({"gap", "duplicate", "reorder", "loss"})
"""Kinds that change what is sent."""
HARMLESS = frozenset({"duplicate", "stall", "broker-pause", "task-kill"})
"""Kinds that lose no input: orders must be the same."""
RECORDS = 20
"""Payloads that a gap drops, or that come twice or in another order."""
LOSS_NS = 1_000_000_000
"""Log time for which a loss drops everything."""
STALL_NS = 1_000_000_000
"""Wall time for which a stalled feed sends nothing, and a broker is stopped."""
BURST_NS = 10_000_000_000
"""Log time that a burst compresses."""
BURST_MAX = 1_000.0


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault, and when: ns after the first record of the stretch."""

    kind: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Stress:
    """All that is done to a replay's input.

    Attributes:
        faults: In the order of their time.
        burst: How many times faster a stretch of ``BURST_NS`` comes; 1: none does.
        burst_at_ns: Where it begins, ns after the first record.
    """

    faults: tuple[Injected, ...] = ()
    burst: float = 1.0
    burst_at_ns: int = 0

    def harmless(self, struck: Sequence[int]) -> bool:
        """Whether no input was lost by it: orders must be the same as without.

        Args:
            struck: Payloads that each fault of the line struck, as ``line`` counted them.
        """
        return all(fault.kind in HARMLESS or not n for fault, n in zip(self.faults, struck, strict=True))

    def offset_ns(self, elapsed_ns: int) -> int:
        """When what was received so long after the first record is due, ns of log time after it.

        >>> Stress(burst=10.0, burst_at_ns=0).offset_ns(BURST_NS) == BURST_NS // 10
        True
        """
        into = min(max(elapsed_ns - self.burst_at_ns, 0), BURST_NS)
        return elapsed_ns - into + int(into / self.burst)

    def line(self, records: Iterable[Due], struck: list[int]) -> Iterator[Due]:
        """The records as a bad line delivers them.

        Args:
            records: As recorded.
            struck: One count a fault, raised by each payload that a fault of the line strikes.
        """
        found: Iterator[Due] = iter(records)
        for index, fault in enumerate(self.faults):
            if fault.kind in OF_THE_LINE:
                found = _faulted(found, fault, struck, index)
        return found


def stress_of(injected: Iterable[str], at: Iterable[str], burst: float) -> Stress:
    """From the flags: ``--inject`` and ``--at`` in pairs, and ``--burst``, which takes the first ``--at`` left over.

    Raises:
        ConfigError: A kind that there is not, a time that is none, or not one time for each.
    """
    kinds, times = list(injected), [_seconds(text) for text in at]
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(
                "there is no such fault", kind="bad_stress", got=kind, allowed=", ".join(KINDS), where="--inject"
            )
    if not 1.0 <= burst <= BURST_MAX:
        raise ConfigError("out of range", kind="out_of_range", got=f"{burst:g}", allowed=f"1 to {BURST_MAX:g}",
                          where="--burst")  # fmt: skip
    if not len(kinds) <= len(times) <= len(kinds) + (burst > 1):
        raise ConfigError(
            "each fault needs its time", kind="bad_stress", got=f"{len(kinds)} faults, {len(times)} times",
            allowed="--inject KIND --at SECONDS, in pairs", where="--at",
        )  # fmt: skip
    faults = sorted(map(Injected, kinds, times), key=lambda fault: fault.at_ns)
    return Stress(tuple(faults), burst, times[len(kinds)] if len(times) > len(kinds) else 0)


def check_line(stress: Stress, fed: str) -> None:
    """Refuse to turn what is fed around where that makes what no line delivers: a frame under another one's header.

    Raises:
        ConfigError: Frames of ticks are to come in another order. Each holds as many rows as its header says.
    """
    if fed == "ticks" and any(fault.kind == "reorder" for fault in stress.faults):
        raise ConfigError(
            "frames of ticks cannot come in another order", kind="bad_stress", got="--from ticks --inject reorder",
            allowed="--from raw, or another fault", where="--inject reorder",
        )  # fmt: skip


def _seconds(text: str) -> int:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise ConfigError(
            "not a moment of a replay", kind="bad_stress", got=text, allowed="seconds after its first record",
            where="--at",
        )  # fmt: skip
    return round(seconds * 1e9)


def _faulted(records: Iterator[Due], fault: Injected, counts: list[int], index: int) -> Iterator[Due]:
    first: int | None = None
    struck: list[Due] = []
    for due in records:
        first = due.time if first is None else first
        since = due.time - first - fault.at_ns
        if since < 0:
            yield due
        elif fault.kind == "loss":
            if since >= LOSS_NS:
                yield due
            else:
                counts[index] += 1
        elif len(struck) < RECORDS:
            struck.append(due)
            counts[index] += 1
            if len(struck) == RECORDS:
                yield from _struck(fault.kind, struck)
        else:
            yield due
    if 0 < len(struck) < RECORDS:
        yield from _struck(fault.kind, struck)


def _struck(kind: str, records: list[Due]) -> list[Due]:
    if kind == "gap":
        return []
    if kind == "duplicate":
        return [*records, *records]
    # In another order, each under the number that stands there: a publisher numbers what it sends.
    turned = [r.record for r in reversed(records)]
    return [
        due._replace(record=_under(due, other.key, other.value)) for due, other in zip(records, turned, strict=True)
    ]


def _under(due: Due, key: bytes | None, value: bytes) -> Record:
    return msgspec.structs.replace(due.record, key=key, value=value)
