"""The feed of a replay in a process of its own: ``python -m replay.feed_process`` with a :class:`FeedOrder` as JSON.

It speaks to the supervisor like any worker, and says now and then how far it is and whether it keeps up.
"""

from __future__ import annotations

import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import msgspec

from agents.worker import WAIT_S, end_with_supervisor
from agents.worker_spec import say
from schemas.errors import TapedeckError
from streams.clock import monotonic_s, wall_ns
from streams.crash import CRASH_EXIT, report_crash

TELL_S = 0.25
"""How often it says how far it is."""
LEAD_NS = 100_000_000
"""From the first life's being ready to its first record."""


class FeedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a feed is to play; ``bounds`` by partition of raw: the first offset, and the one after the last.

    Recorded in the namespace ``recorded`` by the run ``opened``.
    """

    bootstrap: str
    recorded: str
    opened: str
    namespace: str
    run: str
    table_name: str
    speed: float
    bounds: dict[str, tuple[int, int]]
    since_ns: int | None = None
    until_ns: int | None = None
    folder: str = ""
    faults: list[tuple[str, int]] = []
    burst: float = 1.0
    burst_at_ns: int = 0
    pin: str = ""


def main(argv: list[str]) -> int:
    """Feed to the end; returns the exit code."""
    order = msgspec.json.decode(argv[0], type=FeedOrder)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_supervisor, args=(None,), daemon=True).start()
    try:
        _feed(order)
    except TapedeckError as error:
        say("error", task="feed", code=error.kind, message=error.told)
        return error.exit_code
    except Exception as error:  # a fault of ours
        say("error", task="feed", code="crash", message=report_crash(error))
        return CRASH_EXIT
    return 0


def _feed(order: FeedOrder) -> None:
    from replay.joined_log import connect as joined
    from replay.pins.playing import reopened
    from replay.replay_feed import ReplayFeed
    from replay.spans import open_recording
    from replay.stress import Injected, Stress
    from streams.guarded import GuardedLog
    from streams.kafka import connect

    log = joined(connect(order.bootstrap))
    bounds = {int(p): at for p, at in order.bounds.items()}
    if order.pin:
        recording = reopened(log, order.pin, bounds)
    else:
        found = open_recording(log, order.recorded, since_ns=order.since_ns, until_ns=order.until_ns, run=order.opened)
        recording = replace(
            found, begin={p: at[0] for p, at in bounds.items()}, end={p: at[1] for p, at in bounds.items()}
        )
    feed = ReplayFeed(
        GuardedLog(log, order.namespace), recording, order.namespace, order.table_name, run=order.run,
        speed=order.speed, origin_ns=_origin_ns(Path(order.folder)),
        stress=Stress(tuple(Injected(*fault) for fault in order.faults), order.burst, order.burst_at_ns),
    )  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: feed.stop())
    say("ready", task="feed")
    told_s = 0.0
    while not feed.done:
        feed.turn(WAIT_S)
        if monotonic_s() - told_s > TELL_S or feed.done:
            told_s = monotonic_s()
            say("fed", task="feed", time=feed.time, first=feed.first, sent=feed.sent, behind=list(feed.behind),
                struck=feed.struck)  # fmt: skip
    say("done", task="feed")
    feed.close()


def _origin_ns(folder: Path) -> int:
    """Wall time at which the first record is due: fixed by the first life, kept by every later one."""
    path = folder / "origin"
    if not path.exists():
        written = folder / "origin.new"
        written.write_text(str(wall_ns() + LEAD_NS))
        written.replace(path)
    return int(path.read_text())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
