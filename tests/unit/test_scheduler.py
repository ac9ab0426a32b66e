"""The seeded scheduler: the same seed, the same interleaving; crashes bring a new life; a standstill is an error."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas.errors import TaskFailed
from streams.scheduler import IDLE_ROUNDS_MAX, TURN_S, Scheduler, SimulatedCrash


class Counting:
    """Does a number of turns of work, and notes each in a common diary."""

    def __init__(self, name: str, turns: int, diary: list[str], crashes: list[int] | None = None) -> None:
        self.left = turns
        self.closed = False
        self._name = name
        self._diary = diary
        self._crashes = crashes if crashes is not None else []

    @property
    def done(self) -> bool:
        return self.left == 0

    def turn(self, wait_s: float) -> bool:
        assert wait_s == 0.0, "a simulated task never waits"
        self._diary.append(self._name)
        if self._crashes and self.left == self._crashes[0]:
            self._crashes.pop(0)
            raise SimulatedCrash(self._name)
        self.left -= 1
        return True

    def close(self) -> None:
        self.closed = True


class Idle(Counting):
    """Never has anything to do, and is never done."""

    def turn(self, wait_s: float) -> bool:
        self._diary.append(self._name)
        return False


def diary_of(seed: int, pause_share: float = 0.0) -> list[str]:
    diary: list[str] = []
    makers = {name: _maker(name, 30, diary) for name in ("a", "b", "c")}
    Scheduler(makers, seed, pause_share=pause_share).run()
    return diary


def _maker(name: str, turns: int, diary: list[str]) -> Callable[[], Counting]:
    return lambda: Counting(name, turns, diary)


def test_the_same_seed_gives_the_same_interleaving_and_another_seed_another() -> None:
    assert diary_of(1) == diary_of(1)
    assert diary_of(1) != diary_of(2)
    assert diary_of(1, 0.3) == diary_of(1, 0.3)
    assert diary_of(1, 0.3) != diary_of(1)


def test_every_task_comes_to_its_end_and_is_closed() -> None:
    diary: list[str] = []
    tasks = {name: Counting(name, n, diary) for name, n in (("a", 3), ("b", 7))}
    scheduler = Scheduler({"a": lambda: tasks["a"], "b": lambda: tasks["b"]}, 5)
    rounds = [0]

    def on_round() -> None:
        rounds[0] += 1

    scheduler.run(on_round)
    assert [t.left for t in tasks.values()] == [0, 0]
    assert all(t.closed for t in tasks.values())
    assert rounds[0] == 7
    assert scheduler.clock_s() == pytest.approx(2 * 7 * TURN_S)
    assert diary.count("a") == 3, "a task that is done is left alone"


def test_a_crashed_task_lives_again_and_the_crash_is_counted() -> None:
    diary: list[str] = []
    crashes = [4, 2]
    scheduler = Scheduler({"a": lambda: Counting("a", 5, diary, crashes), "b": _maker("b", 5, diary)}, 0)
    scheduler.run()
    assert scheduler.crashes == {"a": 2}
    # Lives of 1 turn and a crash, 3 turns and a crash, then 5 turns.
    assert diary.count("a") == (1 + 1) + (3 + 1) + 5


def test_an_error_that_no_drill_asked_for_ends_the_run() -> None:
    class Broken(Counting):
        def turn(self, wait_s: float) -> bool:
            raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        Scheduler({"a": lambda: Broken("a", 1, [])}, 0).run()


def test_when_nobody_can_move_it_says_who_still_waits() -> None:
    diary: list[str] = []
    scheduler = Scheduler({"idle": lambda: Idle("idle", 1, diary), "busy": _maker("busy", 2, diary)}, 0)
    with pytest.raises(TaskFailed, match="nobody can move; got still at work: idle"):
        scheduler.run()
    assert diary.count("idle") <= IDLE_ROUNDS_MAX + 4


def test_pauses_alone_are_no_standstill() -> None:
    diary: list[str] = []
    scheduler = Scheduler({"only": _maker("only", 500, diary)}, 3, pause_share=1.0)
    scheduler.run()
    assert len(diary) == 500
