"""Several partitions of a live desk: whatever dies or moves, each is gapless, and what one alone would say is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.decision import Decision
from schemas.execution import Execution
from schemas.intent import Intent
from schemas.order import Order
from schemas.partitions import partition_of
from tests.partitioned_desk import SOURCE, PartitionedDesk

SAME_TICKS = ("ts_event", "ts_recv", "ts_log", "ts_touch", "sequence", "price", "size", "bid_price", "ask_price",
              "bid_size", "ask_size", "root_part", "flags", "action", "side")  # fmt: skip


def assert_sound(desk: PartitionedDesk) -> None:
    """Each tick scored once, each intent decided once and each order answered once, by its own partition's venue."""
    partitions = desk.plan.partitions
    for partition in range(partitions):
        ticks, scores = desk.rows(f"ticks.{SOURCE}", partition), desk.rows("scores", partition)
        assert (ticks["root_seq"] == scores["root_seq"]).all()
        assert (ticks["root_part"] == scores["root_part"]).all()
        assert len(ticks) > 100
    intents = {i.client_order_id: i for i in desk.documents("orders.intent", Intent)}
    decisions = desk.documents("orders.decision", Decision)
    ordered = [d.client_order_id for d in desk.documents("orders", Order)]
    final = [d.client_order_id for d in desk.documents("executions", Execution) if d.final]
    assert len(intents) == len(desk.documents("orders.intent", Intent)), "an id was made in two partitions"
    assert sorted(d.client_order_id for d in decisions) == sorted(intents)
    assert [d.client_order_id for d in decisions if d.verdict == "approved"] == ordered
    assert len(set(final)) == len(final)
    assert set(final) <= set(ordered)
    assert len(ordered) - len(final) <= len(desk.plan.definitions), "what the last ticks did not answer, one each"
    assert len(ordered) > 5
    assert {partition_of(i.instrument.encode(), partitions) for i in intents.values()} == set(range(partitions))
    for topic, chain in (("orders.intent", "hot"), ("executions", "venue")):
        for record, header in desk.records(topic):
            assert record.key is not None
            assert header.writer == f"{chain}@{partition_of(record.key, partitions)}"


def position(desk: PartitionedDesk) -> dict[str, int]:
    held: dict[str, int] = {}
    for report in desk.documents("executions", Execution):
        signed = report.last_quantity if report.side == "buy" else -report.last_quantity
        held[report.instrument] = held.get(report.instrument, 0) + signed
    return {name: quantity for name, quantity in held.items() if quantity}


def known_to(desk: PartitionedDesk, task: str, stage: int) -> dict[str, int]:
    state = desk.at_work[task]._states[stage]
    names = [definition.instrument for definition in desk.context.instruments]
    return {name: int(p) for name, p in zip(names, state.position, strict=True) if p}


def assert_positions(desk: PartitionedDesk) -> None:
    """Risk knows every position, each hot path those of its own instruments, all as executions tell."""
    held = position(desk)
    assert known_to(desk, "risk", 0) == held
    apart: dict[str, int] = {}
    for partition in range(desk.plan.partitions):
        apart |= known_to(desk, f"hot@{partition}", 2)
    assert apart == held


@pytest.mark.parametrize("seed", range(4))
def test_killed_anywhere_every_partition_is_gapless_and_every_intent_decided_once(seed: int, tmp_path: Path) -> None:
    desk = PartitionedDesk(tmp_path, seed, 2, kills=0.01)
    desk.run()
    assert {name.partition("@")[0] for name in desk.deaths} == {"normalise", "hot", "risk", "venue"}
    assert_sound(desk)
    assert_positions(desk)


@pytest.mark.parametrize("seed", range(3))
def test_taken_over_in_mid_transaction_and_in_mid_recovery_nothing_is_doubled(seed: int, tmp_path: Path) -> None:
    desk = PartitionedDesk(tmp_path, 50 + seed, 2, kills=0.002)
    names = sorted(task.name for task in desk.plan.tasks)

    def rebalance(rounds: int) -> None:
        if rounds % 40 == 0 and rounds < 1_000:
            for name in desk.rng.sample(names, 3):
                desk.take_over(name)
                if desk.rng.random() < 0.5:  # and again, while the first successor still recovers
                    desk.turn(name)
                    desk.take_over(name)

    desk.run(rebalance)
    assert desk.fenced > 20
    assert_sound(desk)
    assert_positions(desk)


def by_instrument(desk: PartitionedDesk, topic: str, columns: tuple[str, ...]) -> dict[int, Any]:
    """Of each instrument, the rows without what counts within a partition."""
    every = np.concatenate([desk.rows(topic, p) for p in range(desk.plan.partitions)])
    return {
        int(number): [every[every["instrument_id"] == number][name].tolist() for name in columns]
        for number in np.unique(every["instrument_id"])
    }


def test_ticks_and_scores_of_an_instrument_are_those_of_a_single_partition(tmp_path: Path) -> None:
    # Log time is a partition's: an instrument's late stamp holds those beside it back. None is late here.
    one, three = PartitionedDesk(tmp_path, 9, 1, seconds=3.0), PartitionedDesk(tmp_path, 9, 3, seconds=3.0)
    one.run()
    three.run()
    ticks = by_instrument(one, f"ticks.{SOURCE}", SAME_TICKS)
    assert len(ticks) > 4
    assert by_instrument(three, f"ticks.{SOURCE}", SAME_TICKS) == ticks
    assert by_instrument(three, "scores", ("score", "model")) == by_instrument(one, "scores", ("score", "model"))


def test_a_payload_on_another_partition_than_its_keys_is_a_dead_letter(tmp_path: Path) -> None:
    desk = PartitionedDesk(tmp_path, 3, 2, seconds=0.5)
    key = next(d.instrument for d in desk.plan.definitions if partition_of(d.instrument.encode(), 2) == 0)
    desk.log.appender().append(f"raw.{SOURCE}", 1, key.encode(), b"{}", None)
    desk.run()
    letters = [r for r in desk.log.scan("dlq", 0, 0, committed=True) if b"bad_payload.misplaced" in r.value]
    assert len(letters) == 1
    assert desk.at_work["normalise@1"].inputs > 0
