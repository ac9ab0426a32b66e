"""A loss at the feed is seen by all that follows, ticks to decisions, and no order leaves on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents.topology import SPLIT
from chaos.desk import START_NS, Actor
from feeds.live_feed import LiveFeed
from feeds.player import Event
from feeds.simulator import simulate
from schemas.decision import Decision
from schemas.intent import Intent
from schemas.order import Order
from schemas.tick import FLAG_DEPTH_UNSYNCED
from streams.publisher import Publisher
from tests.faults.test_live_memory import SECONDS, SOURCE, Desk, assert_sound

INSTRUMENT = b"spot:BTCUSDT"
LOST_FROM_NS = START_NS + 1_500_000_000
"""Here the feed loses one depth difference, and from then on the snapshots that would mend the book."""


def losing(events: Any) -> Any:
    """The events but for those that are lost on the way."""
    lost = 0
    for event in events:
        within = event.ts_recv >= LOST_FROM_NS and event.key == INSTRUMENT
        snapshot, depth = b'"lastUpdateId"' in event.payload, b"@depth" in event.payload
        if within and (snapshot or (depth and not lost)):
            lost += depth
            continue
        yield event


def of_root(desk: Desk, topic: str) -> dict[tuple[int, int], int]:
    """Flags by root of every committed row."""
    found: dict[tuple[int, int], int] = {}
    for rows in desk.frames(topic):
        roots = zip(rows["root_seq"].tolist(), rows["root_part"].tolist(), strict=True)
        found.update(zip(roots, rows["flags"].tolist(), strict=True))
    return found


@pytest.fixture(scope="module")
def desk() -> Desk:
    made = Desk(4, kill_share=0.002)
    events: list[Event] = list(simulate(SECONDS, 4, start_ns=START_NS))
    publisher = Publisher(made.log, SOURCE, on_ack=lambda seq: made.acknowledged.add((SOURCE, seq)))
    made.feed = LiveFeed(losing(events), publisher, origin_ns=START_NS, first_ns=START_NS, wall=made.wall)
    made.actors["feed"] = Actor(lambda: made.feed)
    made.run()
    assert_sound(made)
    return made


def unsynced(flags: dict[tuple[int, int], int]) -> set[tuple[int, int]]:
    return {root for root, bits in flags.items() if bits & FLAG_DEPTH_UNSYNCED}


def test_the_gap_is_in_every_tick_of_the_instrument_from_the_loss_on(desk: Desk) -> None:
    rows = np.concatenate(list(desk.frames(f"ticks.{SOURCE}")))
    (name,) = (d for d in desk.plan.definitions if d.instrument.encode() == INSTRUMENT)
    rows = rows[rows["instrument_id"] == name.instrument_id]
    flagged = rows["flags"] & FLAG_DEPTH_UNSYNCED != 0
    within = rows["ts_recv"] > LOST_FROM_NS + 300_000_000
    assert flagged[within].all()
    assert within.sum() > 50
    synced = (rows["ts_recv"] > START_NS + 1_000_000_000) & (rows["ts_recv"] < LOST_FROM_NS)
    assert not flagged[synced].any()


def test_features_and_scores_bear_the_flags_of_their_ticks(desk: Desk) -> None:
    ticks, features, scores = (of_root(desk, topic) for topic in (f"ticks.{SOURCE}", "features", "scores"))
    assert scores == ticks
    assert features == {root: ticks[root] for root in features}
    assert unsynced(features)
    assert len(unsynced(scores)) > 50


def test_an_intent_on_a_gapped_book_says_so_is_denied_for_it_and_gives_no_order(desk: Desk) -> None:
    ticks = of_root(desk, f"ticks.{SOURCE}")
    intents = desk.documents("orders.intent", Intent)
    assert all(i.flags == ticks[(i.root.seq, i.root.part)] for i in intents)
    gapped = {i.client_order_id for i in intents if i.flags & FLAG_DEPTH_UNSYNCED}
    decided = {d.client_order_id: d for d in desk.documents("orders.decision", Decision)}
    mended = {i.client_order_id for i in intents} - gapped
    later = [i for i in intents if i.client_order_id in gapped and i.ts > LOST_FROM_NS]
    assert later, "the strategy went on asking while the book was gapped"
    for name in gapped:
        (check,) = (c for c in decided[name].checks if c.name == "book")
        assert check.value & FLAG_DEPTH_UNSYNCED
        assert check.passed is (check.limit != 0), "what only reduces a position may leave"
        assert check.passed or (decided[name].verdict, "book" in decided[name].reasons) == ("denied", True)
    ordered = {o.client_order_id for o in desk.documents("orders", Order)}
    refused = {n for n in gapped if "book" in decided[n].reasons}
    assert refused
    assert not refused & ordered
    assert ordered & mended


def test_every_hop_that_reads_rows_is_covered() -> None:
    """Whoever adds a hop between ticks and orders proves here that it passes the flags on."""
    assert [task.name for task in SPLIT] == ["normalise", "feature", "score", "strategy", "risk", "venue"]
