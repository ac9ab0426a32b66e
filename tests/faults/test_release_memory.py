"""A desk is cut over to another release while it trades, and dies at each step: one release at a time, nothing lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents.context import context_of
from agents.feature import Feature
from agents.release_report import at_work, spans, written_by
from agents.release_watch import ReleaseWatch, release_of
from agents.score import Score
from schemas.header import unpack
from schemas.intent import Intent
from schemas.tick import TICK
from streams.agent import Batch, frozen
from streams.failpoints import FAILPOINTS
from streams.frame import decode_rows
from tests.faults.test_live_memory import assert_sound, position
from tests.release_desk import ReleaseDesk, other_model, other_view

SOURCE_TICKS = "ticks.simulator"
STEPS = [
    (task, age, point)
    for task in ("normalise", "hot", "risk", "venue")
    for age, points in (("old", ("snapshot", "committing", "committed")), ("new", FAILPOINTS))
    for point in points
]
"""Where a task of the old release dies once the cut is written, and where one of the new release does first."""
OF_THREE = 3
"""One step of so many is in the default suite; which, changes from task to task: together they meet every failpoint."""


def rows_of(desk: ReleaseDesk, topic: str) -> Any:
    parts = []
    for record in desk.log.scan(topic, 0, 0, committed=True):
        assert record.header is not None
        header = unpack(record.header)
        parts.append(decode_rows(header.schema, header.version, record.value, header.count))
    return np.concatenate(parts)


def assert_cut_over(desk: ReleaseDesk) -> None:
    """Sound as any session, positions kept, and each intent made by the release whose span it lies in."""
    assert_sound(desk)
    assert desk.run_at_work != "r"
    held = position(desk)
    names = [d.instrument for d in desk.context.instruments]
    for task, stage in (("hot", 2), ("risk", 0)):
        state = desk.task_of(task)._states[stage]
        assert {n: int(p) for n, p in zip(names, state.position, strict=True) if p} == held
    history = ReleaseWatch(desk.log).history
    assert [found.cut is not None for found in history] == [False, True]
    models = [found.opening.model["sha256"] for found in history]
    intents = desk.documents("orders.intent", Intent)
    for seq, intent in enumerate(intents):
        span = written_by(history, "orders.intent", "hot", seq)
        assert span is not None
        assert models[[found.opening.run for found in history].index(span.run)] == intent.model
    made = [models.index(intent.model) for intent in intents]
    assert made == sorted(made), "first the old release, then the new one, never both"
    assert set(made) == {0, 1}
    assert {task.run for task in at_work(desk.log, desk.opening)} == {desk.opening.run}


def test_a_cut_hands_over_in_the_datas_way_at_one_place(tmp_path: Any) -> None:
    desk = ReleaseDesk(3, kill_share=0.0)
    desk.run_with_cut(other_model(tmp_path))
    assert_cut_over(desk)
    starts = desk.opening.starts
    ticks = starts["normalise"].seqs["ticks.<source>"]
    assert starts["hot"].inputs == starts["hot"].seqs["scores"] == ticks, "all ticks before P went through the old code"
    assert starts["risk"].inputs == starts["hot"].seqs["orders.intent"] == starts["risk"].seqs["orders.decision"]
    succession = desk.task_of("hot").succession
    assert succession is not None
    assert succession.rewarmed == [], "the view is the same: its state goes on"


def test_another_view_is_rewarmed_from_the_tape_and_goes_on_as_if_it_had_always_been_there(tmp_path: Any) -> None:
    desk = ReleaseDesk(4, kill_share=0.0)
    plan = other_view(tmp_path)
    desk.run_with_cut(plan)
    assert_cut_over(desk)
    succession = desk.task_of("hot").succession
    assert succession is not None
    assert succession.rewarmed == ["feature"]
    first = desk.opening.starts["hot"].seqs["scores"]
    assert succession.rows == first, "the session is shorter than the stretch: all of it"
    ticks = rows_of(desk, SOURCE_TICKS).astype(TICK)
    context = context_of(desk.opening, plan.definitions, plan.folder)
    feature, score = Feature(context), Score(context)
    vectors = feature.step(feature.start(), Batch.of(frozen(ticks))).rows[0].rows
    expected = score.step(None, Batch.of(frozen(vectors))).rows[0].rows
    assert rows_of(desk, "scores")[first:].tobytes() == expected[first:].tobytes()


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, id="-".join(step), marks=[pytest.mark.long] if number % OF_THREE else [])
        for number, step in enumerate(STEPS)
    ],
)
def test_whatever_dies_at_whichever_step_of_a_cut_one_release_goes_on(
    step: tuple[str, str, str], tmp_path: Any
) -> None:
    desk = ReleaseDesk(5, kill_share=0.0)
    desk.kill_at = [step]
    desk.run_with_cut(other_view(tmp_path))
    assert desk.killed == [step]
    assert_cut_over(desk)


@pytest.mark.parametrize("seed", range(6))
def test_killed_anywhere_before_in_and_after_a_cut_nothing_is_lost_or_doubled(seed: int, tmp_path: Any) -> None:
    desk = ReleaseDesk(200 + seed, kill_share=0.01)
    desk.run_with_cut(other_view(tmp_path) if seed % 2 else other_model(tmp_path), at=150 + 40 * seed)
    assert sum(desk.deaths.values()) > 5
    assert_cut_over(desk)


@pytest.mark.parametrize("never", [("hot",), ("risk", "venue"), ("normalise", "hot", "risk", "venue")], ids="+".join)
def test_a_task_that_never_came_up_holds_no_cut_up(never: tuple[str, ...], tmp_path: Any) -> None:
    desk = ReleaseDesk(8, kill_share=0.0)
    desk.never = never
    desk.run_with_cut(other_model(tmp_path))
    assert desk.run_at_work != "r"
    assert_sound(desk)
    assert {task.run for task in at_work(desk.log, desk.opening)} == {desk.opening.run}
    models = {intent.model for intent in desk.documents("orders.intent", Intent)}
    assert desk.opening.model["sha256"] in models
    assert (len(models) == 1) == ("hot" in never)
    for task in never:
        assert desk.opening.starts[task].inputs == 0


def test_a_process_of_the_old_release_that_wakes_up_later_is_not_let_in(tmp_path: Any) -> None:
    desk = ReleaseDesk(6, kill_share=0.0)
    desk.run_with_cut(other_model(tmp_path))
    refused = desk.twin("hot")
    assert refused is not None
    assert refused.kind == "config.other_release"


def test_history_tells_for_every_seq_which_release_wrote_it(tmp_path: Any) -> None:
    desk = ReleaseDesk(7, kill_share=0.0)
    desk.run_with_cut(other_model(tmp_path))
    history = ReleaseWatch(desk.log).history
    for topic, count in (("scores", len(rows_of(desk, "scores"))), (SOURCE_TICKS, len(rows_of(desk, SOURCE_TICKS)))):
        mine = [span for span in spans(history) if span.topic == topic]
        assert [span.first for span in mine] == [0, mine[0].end]
        assert mine[1].end is None
        assert mine[0].end is not None
        assert 0 < mine[0].end < count
        assert [span.release for span in mine] == [release_of(found.opening) for found in history]
