"""Too much that is refused, dead letters that cannot be put back, and publishers that must end."""

from __future__ import annotations

from typing import Any

from console.dlq_words import moment_of
from operations.feed_status import FeedStatus
from operations.letters import Filed, letter_at
from operations.record_fate import fate_of
from operations.retries import read_orders, retry, why_not
from schemas.dead_letter import DeadLetter
from streams.memory import MemoryLog
from streams.publisher import Publisher
from tests.kinds.registry import Desk, trigger
from tests.refused_world import SOURCE, TICKS, Life, World

trigger("config.bad_moment")(lambda _: moment_of("yesterday", 0))
trigger("config.no_letter")(lambda _: letter_at(World().log, "", 0, 17))


@trigger("task_failed.too_much_bad")
def a_feed_of_nothing_but_garbage(_: Desk) -> Any:
    world = World()
    world.feed(range(300), 300)
    return Life(world).run()


@trigger("config.not_retriable")
def a_tick_that_somebody_would_put_back(_: Desk) -> Any:
    letter = DeadLetter(
        code="bad_frame", reason="r", task="hot", topic=TICKS, partition=0, offset=0, writer="", seq=0, ts=0, key="",
        payload="",
    )  # fmt: skip
    return why_not(Filed(0, 0, 0, letter), read_orders(World().log, ""), "", again=False)


@trigger("config.retried_already")
def a_letter_that_is_put_back_twice(_: Desk) -> Any:
    world = World()
    world.feed([0], 3)
    Life(world).run()
    for _time in range(2):
        retry(world.log, "", world.filed, most=None, named=True, again=False, author="a", reason="r")


@trigger("fenced.publisher")
def a_publisher_beside_one_that_was_opened_later(_: Desk) -> Any:
    log = MemoryLog()
    first, second = Publisher(log, "acme"), Publisher(log, "acme")
    for publisher in (first, second, first, first):
        publisher.publish(b"{}", "spot:BTCUSDT", 1)
    first.flush()
    return first.publish(b"{}", "spot:BTCUSDT", 1)


trigger("config.no_source")(lambda _: FeedStatus(World().log, "acme"))
trigger("config.no_payload")(lambda _: fate_of(World().log, SOURCE, 0, 17))
