"""A replay held against another run: another replay, or what is live, whatever that was made by.

Of both, what lies within the stretch is compared, by log time: behind the states with which the replay began, up to its
last payload. Two readers go along side by side; nothing is held whole.
"""

from __future__ import annotations

from dataclasses import replace as replaced
from typing import Any

from replay.diff import compare
from replay.recording import payload_times
from replay.replay_plan import ReplayPlan
from replay.shape import Shape, shape_of
from streams.log import Log


def compared_with(log: Log, other: Shape, replay: Log, plan: ReplayPlan) -> dict[str, Any]:
    """What a report says in place of the comparison with the recording.

    Args:
        log: Where the other run is.
        other: It.
        replay: Where the replay's topics are.
        plan: The replay.

    Raises:
        ConfigError: They have different numbers of partitions.
        BrokerError: A topic cannot be read.
    """
    times = _times(plan)
    found = compare(log, replaced(other, times=times), replay, replaced(shape_of(replay, plan.run), times=times))
    document = found.document()
    return {
        "against": other.watched.run, "identical": found.identical, "first_divergence": document["first_divergence"],
        "against_counts": document["counts"], "differing": [],
    }  # fmt: skip


def _times(plan: ReplayPlan) -> tuple[int, int]:
    """First and last log time of what both are to have, ns."""
    recording = plan.recording
    spans = [payload_times(recording, p) for p, at in recording.begin.items() if at < recording.end[p]]
    begun = (int(state.values.get("time", 0)) + 1 for state in recording.states.values())
    return max((*begun, min(first for first, _ in spans))), max(last for _, last in spans)
