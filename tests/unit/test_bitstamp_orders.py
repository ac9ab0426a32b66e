"""Orders of a recorded log, dirty as it is: counted, and the book that they make beside an independent one."""

from __future__ import annotations

import lzma
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import numpy as np
import orjson
import pytest

from feeds.check import Report, check
from feeds.messages import DEPTH, MESSAGE, NOTE, ORDER, Messages
from feeds.orders import CHANGED, CREATED, DELETED, LIVE_MAX, Orders

INSTRUMENT = "spot:BTCUSD"


@pytest.fixture(scope="module")
def recording(data_dir: Path) -> Path:
    return data_dir / "bitstamp_l3" / "2015-05-01.log.xz"


@pytest.fixture(scope="module")
def report(recording: Path) -> Report:
    return check([recording])


def test_every_kind_of_dirt_in_the_recording_is_counted(report: Report) -> None:
    assert (report.rejected, report.lines) == (0, 56_000)
    assert report.instruments[INSTRUMENT]["lifecycles"] == {
        "orders": 25_076, "never_created": 187, "deleted_twice": 21, "after_deletion": 27, "repeated": 1,
        "forgotten": 0,
    }  # fmt: skip


def test_the_book_from_orders_agrees_with_the_venues_own(report: Report, recording: Path) -> None:
    found = report.instruments[INSTRUMENT]
    compared, differ, after_20_minutes = reference(recording)
    assert (found["bbo_compared"], found["bbo_mismatches"]) == (compared, differ) == (5_011, 55)
    # Orders that rested before the recording show when they end: the first twenty minutes have all but three.
    assert after_20_minutes == 3


def reference(recording: Path) -> tuple[int, int, int]:
    """Snapshots, those whose best prices a plain book of the same orders has not, and how many of these come late."""
    live: dict[int, tuple[int, Decimal, Decimal]] = {}
    ended: set[int] = set()
    levels: tuple[dict[Decimal, Decimal], ...] = (defaultdict(Decimal), defaultdict(Decimal))
    compared = differ = late = first = 0
    with lzma.open(recording, "rt") as file:
        for line in file:
            stamp, event, text = line.split(" ", 2)
            first = first or int(stamp)
            data = orjson.loads(text)
            if event == "order_book":
                best = [max((p for p, s in levels[0].items() if s), default=Decimal(0)),
                        min((p for p, s in levels[1].items() if s), default=Decimal(0))]  # fmt: skip
                compared += 1
                wrong = best != [Decimal(data["bids"][0][0]), Decimal(data["asks"][0][0])]
                differ += wrong
                late += wrong and int(stamp) - first > 20 * 60_000
            elif event != "trade" and data["id"] not in ended:
                side, price, size = live.pop(data["id"], (0, Decimal(0), Decimal(0)))
                levels[side][price] -= size
                if event == "order_deleted":
                    ended.add(data["id"])
                    continue
                entry = (data["order_type"], Decimal(data["price"]), Decimal(data["amount"]))
                live[data["id"]] = entry
                levels[entry[0]][entry[1]] += entry[2]
    return compared, differ, late


def told(*orders: tuple[int, int, int, int]) -> Messages:
    """ORDER messages of (id, what became of it, price, size), all bids."""
    messages = np.zeros(len(orders), MESSAGE)
    for n, (number, what, _, _) in enumerate(orders):
        message = messages[n]
        message["kind"], message["last"], message["seller"], message["begin"], message["bids"] = (
            ORDER,
            number,
            what,
            n,
            1,
        )
        message["ts_recv"] = n
    return Messages(messages, np.array([o[2] for o in orders]), np.array([o[3] for o in orders]))


def changes(batch: Messages) -> list[list[tuple[int, int]]]:
    levels = list(zip(batch.prices.tolist(), batch.sizes.tolist(), strict=True))
    return [
        levels[int(m["begin"]) : int(m["begin"] + m["bids"] + m["asks"])] if m["kind"] == DEPTH else []
        for m in batch.messages
    ]


def test_orders_at_a_price_add_up_and_leave_one_by_one() -> None:
    orders = Orders(1)
    batch = orders.take(told((1, CREATED, 100, 5), (2, CREATED, 100, 2), (1, CHANGED, 100, 3), (2, DELETED, 100, 2)))
    assert changes(batch) == [[(100, 5)], [(100, 7)], [(100, 5)], [(100, 3)]]
    assert orders.counts[0].tolist() == [2, 0, 0, 0, 0, 0]


def test_what_comes_behind_a_deletion_moves_nothing() -> None:
    orders = Orders(1)
    batch = orders.take(told((1, DELETED, 100, 5), (1, CREATED, 100, 5), (1, CHANGED, 100, 2), (1, DELETED, 100, 2)))
    assert [int(kind) for kind in batch.messages["kind"]] == [NOTE] * 4
    assert orders.counts[0].tolist() == [1, 1, 1, 3, 0, 0]


def test_an_order_that_changes_its_price_leaves_one_level_for_another() -> None:
    orders = Orders(1)
    assert changes(orders.take(told((1, CREATED, 100, 5), (1, CHANGED, 101, 4))))[1] == [(100, 0), (101, 4)]


def test_the_oldest_order_makes_room_and_leaves_the_book(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LIVE_MAX > 100_000
    monkeypatch.setattr("feeds.orders.LIVE_MAX", 1)
    orders = Orders(1)
    assert changes(orders.take(told((1, CREATED, 100, 5), (2, CREATED, 99, 1))))[1] == [(99, 1), (100, 0)]
    assert orders.counts[0].tolist()[-1] == 1
