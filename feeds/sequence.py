"""What a run plays: capture files merged by receive time, or the simulator. One shape for both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from feeds.player import Event


def open_sequence(
    captures: Sequence[Path], *, seconds: float, seed: int, on_fault: Callable[[str], None] = lambda _fault: None
) -> Iterator[Event]:
    """Events in the order in which they are published.

    Args:
        captures: Capture files; none: the simulator.
        seconds: Length of a simulated session.
        seed: Of a simulated session.
        on_fault: Told of a file that could only be read up to a cut.

    Raises:
        ConfigError: A capture file cannot be used; nothing has been read for good yet.
    """
    if captures:
        from feeds.captures import open_captures

        return iter(open_captures(captures, on_fault=lambda fault: on_fault(str(fault))))
    from feeds.simulator import simulate

    return simulate(seconds=seconds, seed=seed)


def source_of(captures: Sequence[Path]) -> str:
    """Source name under which a sequence is published."""
    return "binance" if captures else "simulator"
