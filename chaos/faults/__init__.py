"""What each kind of fault does, by its name in ``chaos/kinds.py``.

One that could not be done (its task was down, its failpoint was never passed) says so by False: it is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chaos.faults import brokers, clocks, disks, feeds, network, people, releases, tasks, workers
from chaos.kinds import Arguments
from chaos.scene import Scene

RUN: Mapping[str, Callable[[Scene, Arguments], bool]] = {
    "kill": tasks.kill,
    "failpoint": tasks.failpoint,
    "pause-twin": tasks.pause_twin,
    "two-at-once": tasks.two_at_once,
    "outage": tasks.outage,
    "broker-kill": brokers.kill,
    "broker-stop": brokers.stop,
    "broker-loss": brokers.loss,
    "network": network.disturb,
    "feed-kill": feeds.kill,
    "feed-reconnect": feeds.reconnect,
    "feed-duplicate": feeds.duplicate,
    "feed-reorder": feeds.reorder,
    "feed-gap": feeds.gap,
    "feed-twin": feeds.twin,
    "halt": people.halt,
    "limits": people.limits,
    "release": releases.release,
    "clock-jump": clocks.jump,
    "disk-full-broker": disks.broker,
    "disk-full-local": disks.local,
    "rebalance": workers.rebalance,
}
