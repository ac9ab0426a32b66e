"""What a run plays: capture files merged by receive time, or the simulator. One shape for both."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

from feeds.definitions import DEFINITIONS
from feeds.player import Event
from feeds.simulated_instruments import INSTRUMENTS, simulated_definitions
from schemas.definition import Definition
from schemas.sources import SIMULATOR


def open_sequence(
    captures: Sequence[Path],
    *,
    seconds: float | None,
    seed: int,
    instruments: int = INSTRUMENTS,
    start_ns: int | None = None,
    on_fault: Callable[[str], None] = lambda _fault: None,
) -> Iterator[Event]:
    """Events in the order in which they are published.

    Args:
        captures: Capture files; none: the simulator.
        seconds: Length of a simulated session; None: endless.
        seed: Of a simulated session.
        instruments: Of a simulated session.
        start_ns: Start of a simulated session, ns UTC; None: the fixed moment at which played sessions start.
        on_fault: Told of a file that could only be read up to a cut.

    Raises:
        ConfigError: A capture file cannot be used; nothing has been read for good yet.
    """
    if captures:
        from feeds.captures import open_captures

        return iter(open_captures(captures, on_fault=lambda fault: on_fault(str(fault))))
    from feeds.simulator import SESSION_START_NS, simulate

    return simulate(
        math.inf if seconds is None else seconds, seed, instruments=instruments,
        start_ns=SESSION_START_NS if start_ns is None else start_ns,
    )  # fmt: skip


def source_of(captures: Sequence[Path]) -> str:
    """Source name under which a sequence is published.

    Raises:
        ConfigError: A capture file cannot be used, or they are of several venues.
    """
    return _venue_of(tuple(captures)) if captures else SIMULATOR


@cache
def _venue_of(captures: tuple[Path, ...]) -> str:
    from feeds.captures import open_captures, venue_name

    return venue_name(open_captures(captures))


def definitions_of(captures: Sequence[Path], instruments: int) -> tuple[Definition, ...]:
    """Definitions that a sequence needs: what ships, made-up instruments of a simulated session, or a map's own."""
    if captures:
        return _defined(tuple(captures))
    return (*DEFINITIONS, *simulated_definitions(instruments)[len(DEFINITIONS) :])


@cache
def _defined(captures: tuple[Path, ...]) -> tuple[Definition, ...]:
    """What ships for a venue, and what leads captures of purchased files."""
    from feeds.captures import open_captures
    from feeds.history import SOURCE, defined_in
    from feeds.venues import VENUES

    source = source_of(captures)
    known = {d.instrument: d for d in VENUES[source].definitions}
    if source == SOURCE:
        for path in captures:
            known |= {d.instrument: d for d in defined_in(line.payload for line in open_captures([path]))}
    return tuple(known.values())


WARM_S = 3.0
"""Length of the session that is made and thrown away."""


def warm_sequence(captures: Sequence[Path], instruments: int) -> None:
    """Compile what makes a sequence before its first payload falls due: cold, the simulator's kernels take a while."""
    if not captures:
        for _ in open_sequence((), seconds=WARM_S, seed=1, instruments=min(instruments, INSTRUMENTS)):
            pass
