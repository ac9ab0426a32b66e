"""What the command line shows: progress, rejections, topics and their records."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from console.reporter import REJECTS_SHOWN_MAX, Reporter
from console.tail import tail_topic
from console.topic_names import find_topic
from console.topic_table import listed
from replay.plan import PlayPlan
from replay.session import MemorySession
from replay.summary import summarise
from schemas.errors import ConfigError


def test_rejections_are_shown_up_to_a_number_per_code_then_counted() -> None:
    said: list[str] = []
    reporter = Reporter(said.append, {})
    for offset in range(REJECTS_SHOWN_MAX + 5):
        event = {"event": "reject", "topic": "raw.x", "offset": offset, "code": "bad_payload", "reason": "garbage"}
        reporter.event(event)
        reporter.event(event)  # again, by a task that recovers
    assert said[0] == "raw.x@0 bad_payload: garbage"
    assert len(said) == REJECTS_SHOWN_MAX
    reporter.finish({}, {})
    assert said[-1] == "bad_payload: 5 more, 25 in all; all are in dlq"


def test_a_death_is_told_when_the_task_is_back() -> None:
    said: list[str] = []
    reporter = Reporter(said.append, {"risk": [500]})
    for code, message in ((-9, "exit -9"), (1, "out of memory")):
        reporter.event({"event": "died", "task": "risk", "code": code, "message": message})
        reporter.event({"event": "ready", "task": "risk"})
    assert said[0].startswith("risk was killed after 500 inputs; back in ")
    assert said[1].startswith("risk died (out of memory); back in ")


@pytest.fixture(scope="module")
def session() -> Any:
    session = MemorySession(PlayPlan(run="20261123t142501-ab12", seconds=2.0, speed=0.0))
    session.run(lambda: None)
    return session


def test_topics_are_listed_with_what_is_committed_in_each(session: Any) -> None:
    summary, _ = summarise(session)
    events = {entry["name"]: entry["events"] for entry in listed(session.log, None, every=False)}
    assert events["raw.simulator"] == summary["captured"]
    assert events["ticks.simulator"] == events["scores"] == summary["ticks"]
    assert events["orders"] == summary["orders"]
    assert events["orders.intent"] == events["orders.decision"] == summary["intents"]
    assert events["dlq"] == 0
    assert next(iter(events)) == "raw.simulator"
    with pytest.raises(ConfigError, match="20261123t142501-ab12"):
        listed(session.log, "20261123t142501-ab13", every=False)


def test_the_tail_of_a_topic_is_its_last_events(session: Any) -> None:
    def tail(topic: str, number: int, *, json: bool = True, follow: bool = True) -> list[str]:
        return list(tail_topic(session.log, topic, None, number, follow=follow, json=json))

    orders = [orjson.loads(line) for line in tail("orders", 3)]
    assert [order["type"] for order in orders] == ["order"] * 3
    assert [order["ts"] for order in orders] == sorted(order["ts"] for order in orders)
    (tick,) = (orjson.loads(line) for line in tail("ticks", 1))
    assert tick["action"] in "TM"
    assert tick["instrument"]
    (payload,) = (orjson.loads(line) for line in tail("raw", 1))
    assert orjson.loads(payload["payload"])
    assert payload["ts_recv"] == tick["ts_recv"]
    assert tail("orders", 0) == []
    assert tail("scores", 2, json=False)[0].startswith("time (UTC)")
    assert len(tail("features", 5, json=False)) == 6
    assert "snapshot" in tail("state", 1, json=False, follow=False)[0]  # no end record: following never ends


def test_a_topic_is_found_by_its_short_name_and_missed_with_the_nearest() -> None:
    run = "demo.20261123t142501-ab12."
    names = ["orders", f"{run}orders", f"{run}ticks.binance", f"{run}raw.a", f"{run}raw.b"]
    assert find_topic(names, "ticks", None) == f"{run}ticks.binance"
    assert find_topic(names, "orders", "live") == "orders"
    assert find_topic(names, f"{run}orders", None) == f"{run}orders"
    with pytest.raises(ConfigError, match=r"several topics of that name.*raw\.a, raw\.b"):
        find_topic(names, "raw", None)
    with pytest.raises(ConfigError, match="allowed: orders"):
        find_topic(names, "order", None)
