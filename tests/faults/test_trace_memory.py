"""Orders of a live desk are traced whatever died on the way: in every partition, and on both sides of a release."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.trace import trace
from schemas.codec import decode_any
from schemas.order import Order
from streams.log import Log
from tests.partitioned_desk import PartitionedDesk
from tests.release_desk import ReleaseDesk, other_model, other_view


def ordered(log: Log) -> list[str]:
    found = [decode_any(record.value) for record in log.scan("orders", 0, 0, committed=True)]
    return [document.client_order_id for document in found if isinstance(document, Order)]


def assert_traced(log: Log, order_id: str) -> str:
    """Its story is whole, and what was computed again agrees; the run that it was of."""
    story = trace(log, order_id)
    assert story["verified"], (order_id, story["doubts"])
    assert story["order"]["document"]["client_order_id"] == order_id
    assert story["raw"]["seq"] == story["tick"]["columns"]["root_seq"]
    return str(story["run"])


@pytest.mark.long
@pytest.mark.parametrize("kills", [0.0, 0.004])
def test_orders_of_every_partition_are_traced_after_kills(kills: float, tmp_path: Path) -> None:
    desk = PartitionedDesk(tmp_path, 7, 3, seconds=6.0, kills=kills)
    desk.run()
    assert bool(sum(desk.deaths.values())) == bool(kills)
    by_partition: dict[int, str] = {}
    for record in desk.log.scan("orders", 0, 0, committed=True):
        document = decode_any(record.value)
        if isinstance(document, Order):
            story = trace(desk.log, document.client_order_id)
            by_partition[story["raw"]["partition"]] = document.client_order_id
    assert by_partition.keys() == {0, 1, 2}
    for order_id in by_partition.values():
        assert_traced(desk.log, order_id)


@pytest.mark.parametrize("view", [False, pytest.param(True, marks=pytest.mark.long)])
def test_orders_on_both_sides_of_a_release_are_traced(
    view: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    desk = ReleaseDesk(4, 0.01)
    desk.run_with_cut(other_view(tmp_path) if view else other_model(tmp_path))
    orders = ordered(desk.log)
    runs = [assert_traced(desk.log, order_id) for order_id in orders[:: max(1, len(orders) // 6)]]
    assert len(dict.fromkeys(runs)) == 2, "some of each release"
    assert runs == sorted(runs, key=list(dict.fromkeys(runs)).index), "in the order in which they were at work"
