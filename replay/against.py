"""A replay held against another run: another replay, or all that is live, whatever that was made by."""

from __future__ import annotations

from typing import Any

from replay.diff import compare
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
    found = compare(log, other, replay, shape_of(replay, plan.run))
    document = found.document()
    return {
        "against": other.watched.run, "identical": found.identical, "first_divergence": document["first_divergence"],
        "against_counts": document["counts"], "differing": [],
    }  # fmt: skip
