"""Which run's topics are meant."""

from __future__ import annotations

import pytest

from schemas.errors import ConfigError
from streams.namespace import namespaces, newest_run, resolve

NAMES = [
    "orders", "raw.binance", "__consumer_offsets",
    "demo.20261122t090000-cd34.orders", "demo.20261123t142501-ab12.orders", "demo.20261123t142501-ab12.raw.binance",
    "replay.20261101t000000-ffff.orders", "shadow.zebra.orders",
]  # fmt: skip


def test_runs_sort_by_age_and_those_without_a_time_come_first() -> None:
    assert list(namespaces(NAMES)) == ["zebra", "20261101t000000-ffff", "20261122t090000-cd34", "20261123t142501-ab12"]
    assert namespaces(NAMES)["zebra"] == "shadow.zebra."


def test_the_newest_run_is_the_last_opened_of_any_kind() -> None:
    assert newest_run(NAMES) == "20261123t142501-ab12"
    assert newest_run([*NAMES, "replay.20261124t000000-0000.orders"]) == "20261124t000000-0000"
    assert newest_run(["orders", "demonstration.x.orders"]) is None


@pytest.mark.parametrize(
    ("topic", "run", "full"),
    [
        ("orders", None, "demo.20261123t142501-ab12.orders"),
        ("raw.binance", None, "demo.20261123t142501-ab12.raw.binance"),
        ("orders", "20261122t090000-cd34", "demo.20261122t090000-cd34.orders"),
        ("orders", "live", "orders"),
        ("orders", "zebra", "shadow.zebra.orders"),
        ("demo.20261122t090000-cd34.orders", None, "demo.20261122t090000-cd34.orders"),
    ],
)
def test_a_topic_is_the_newest_runs_unless_another_is_named(topic: str, run: str | None, full: str) -> None:
    assert resolve(NAMES, topic, run) == full


def test_where_no_run_was_opened_live_is_meant() -> None:
    assert resolve(["orders"], "orders") == "orders"


def test_an_unknown_run_is_refused_and_the_newest_are_named() -> None:
    with pytest.raises(ConfigError, match="allowed: 20261123t142501-ab12, 20261122t090000-cd34"):
        resolve(NAMES, "orders", "20200101t000000-none")
    with pytest.raises(ConfigError, match="no run has been opened"):
        resolve(["orders"], "orders", "20200101t000000-none")


def test_an_unknown_topic_is_refused_and_never_taken_from_another_run() -> None:
    with pytest.raises(ConfigError, match=r"no such topic; got demo\.20261122t090000-cd34\.raw\.binance"):
        resolve(NAMES, "raw.binance", "20261122t090000-cd34")
