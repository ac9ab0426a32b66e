"""Each bad input is one dead letter, committed with the position behind it; too many halt the task, whatever dies."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.codec import encode
from schemas.errors import TaskFailed
from streams.failpoints import FAILPOINTS
from tests.refused_world import BAD, RAW, UNKNOWN, Life, World

NUMBER = 600
EVERY_SEVENTH = range(3, NUMBER, 7)


def fed(bad_at: Any = EVERY_SEVENTH) -> World:
    world = World()
    world.feed(bad_at, NUMBER)
    return world


@pytest.fixture(scope="module")
def undisturbed() -> World:
    world = fed()
    Life(world).run()
    return world


def assert_one_letter_each(world: World) -> None:
    filed = world.filed()
    assert [f.letter.offset for f in filed] == sorted(world.bad)
    assert world.letter_seqs() == list(range(len(filed)))


def test_a_letter_holds_the_input_whole_with_reason_and_place(undisturbed: World) -> None:
    assert_one_letter_each(undisturbed)
    for filed in undisturbed.filed():
        letter = filed.letter
        assert (letter.topic, letter.partition, letter.task, letter.writer) == (RAW, 0, "normalise", "simulator")
        assert filed.payload == (BAD if letter.offset % 2 else UNKNOWN)
        assert letter.seq == letter.offset
        assert letter.kind.startswith("bad_payload.")
        assert letter.reason
        assert letter.ts > 0


@pytest.mark.parametrize("point", FAILPOINTS)
def test_killed_at_any_point_each_bad_input_is_one_letter_and_never_before_its_position(
    point: str, undisturbed: World
) -> None:
    world = fed()

    def look() -> None:
        """What a read_committed client sees at this moment: letters and position came in one transaction."""
        position = world.position()
        assert [f.letter.offset for f in world.filed()] == sorted(o for o in world.bad if o < position)

    Life(world, seed=5, kills={"produced": 0.15, point: 0.4}, on_turn=look).run()
    assert world.deaths[point] > 1, "it was killed there"
    assert_one_letter_each(world)
    assert [encode(f.letter) for f in world.filed()] == [encode(f.letter) for f in undisturbed.filed()]
    assert world.ticks() == undisturbed.ticks()


# ---- the breaker

MUCH = [*range(10, 200, 20), *range(200, NUMBER, 2)]
"""A feed that goes wrong at its 200th payload: from there on every second one is bad."""
BOUNDS: dict[str, Any] = {"bad_min": 50, "bad_share_max": 0.3}


def halted(world: World, **life: Any) -> str:
    """How the task ended."""
    with pytest.raises(TaskFailed) as failed:
        Life(world, **BOUNDS, **life).run()
    assert failed.value.kind == "task_failed.too_much_bad"
    return str(failed.value)


@pytest.fixture(scope="module")
def halt() -> tuple[str, World]:
    world = fed(MUCH)
    return halted(world), world


def test_a_halt_says_what_was_found_what_is_allowed_where_and_how_to_go_on(halt: tuple[str, World]) -> None:
    said, world = halt
    assert "raw.simulator[0] of normalise" in said
    assert "a share of 0.3, or fewer than 50" in said
    assert "tapedeck dlq list" in said
    assert "bad_share_max" in said
    position = world.position()
    assert [f.letter.offset for f in world.filed()] == [o for o in MUCH if o < position]
    assert position < NUMBER, "it halts rather than empty the feed into dlq"


@pytest.mark.parametrize("seed", range(6))
def test_it_halts_at_the_same_input_however_it_was_cut_and_killed(halt: tuple[str, World], seed: int) -> None:
    world = fed(MUCH)
    said = halted(world, seed=seed, kills={"any": 0.05}, records_max=3 + 11 * seed, commit_interval_s=0.02 * (seed + 1))
    assert said == halt[0]
    assert world.deaths.total() > 2
    position = world.position()
    assert [f.letter.offset for f in world.filed()] == [o for o in MUCH if o < position]


def test_another_life_halts_at_once_and_takes_nothing_in() -> None:
    world = fed(MUCH)
    said = halted(world)
    position, filed = world.position(), len(world.filed())
    for _ in range(3):
        assert halted(world) == said
    assert (world.position(), len(world.filed())) == (position, filed)


def test_with_more_allowed_it_goes_on_behind_what_was_refused() -> None:
    world = fed(MUCH)
    halted(world)
    Life(world, bad_min=50, bad_share_max=1.0, seed=3, kills={"any": 0.02}).run()
    assert_one_letter_each(world)
    through = fed(MUCH)
    Life(through, bad_share_max=1.0).run()
    assert [encode(f.letter) for f in world.filed()] == [encode(f.letter) for f in through.filed()]
    assert world.ticks() == through.ticks()
