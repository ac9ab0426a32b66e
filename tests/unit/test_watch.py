"""Looking at a run never holds whoever supervises it, however long a broker that is away lets the look wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from console.live_view import Silence
from console.watch import BLIND_S, LOOK_EVERY_S, Watch
from replay.plan import PlayPlan
from replay.watched import watched_plan
from schemas.errors import BrokerError
from streams.clock import monotonic_s, sleep_s
from streams.memory import MemoryLog

PATIENCE_S = 20.0


class Away:
    """Observers of a broker that is away until it answers."""

    def __init__(self) -> None:
        self.answers, self.polled = threading.Event(), threading.Event()
        self.polls = self.closed = 0
        self.raises: Exception | None = None

    def __call__(self, _log: Any, _watched: Any) -> Any:
        return self

    def poll(self, **_asked: Any) -> str:
        self.polls += 1
        self.polled.set()
        assert self.answers.wait(PATIENCE_S), "the test never lets it go"
        if self.raises is not None:
            raise self.raises
        return f"figures {self.polls}"

    def close(self) -> None:
        self.closed += 1


class Shown(Silence):
    wants_figures = True

    def __init__(self) -> None:
        self.lines: list[str] = []

    def stage(self, text: str) -> None:
        self.lines.append(text)

    def show(self, figures: Any) -> None:
        self.lines.append(figures)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[Away]:
    made = Away()
    monkeypatch.setattr("console.watch.Observer", made)
    yield made
    made.answers.set()


@pytest.fixture
def now_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time by hand, so that looks are due when a test says so."""
    now = [0.0]
    monkeypatch.setattr("console.watch.monotonic_s", lambda: now[0])
    return now


def until(holds: Any) -> None:
    end = monotonic_s() + PATIENCE_S
    while not holds():
        assert monotonic_s() < end
        sleep_s(0.005)


def watch(shown: Shown) -> Watch:
    return Watch(MemoryLog(), watched_plan(PlayPlan(run="r")), shown, apart=True)


def test_a_look_at_a_broker_that_is_away_returns_at_once(away: Away, now_s: list[float]) -> None:
    shown = Shown()
    watching = watch(shown)
    watching.look()
    assert away.polled.wait(PATIENCE_S)
    for _ in range(3):
        now_s[0] += LOOK_EVERY_S
        watching.look()
    assert (away.polls, away.answers.is_set(), shown.lines) == (1, False, []), "one look waits, nobody else does"
    away.answers.set()
    until(lambda: shown.lines)
    watching.close()


def test_a_look_that_outlives_the_watch_shows_nothing(
    away: Away, now_s: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.watch.CLOSE_S_MAX", 0.05)
    shown = Shown()
    watching = watch(shown)
    watching.look()
    assert away.polled.wait(PATIENCE_S)
    watching.close()
    away.answers.set()
    until(lambda: away.closed)
    assert shown.lines == []


def test_that_it_cannot_look_is_said_and_the_next_look_comes_later(away: Away, now_s: list[float]) -> None:
    away.raises = BrokerError("no broker answers", kind="away")
    away.answers.set()
    shown = Shown()
    watching = watch(shown)
    watching.look()
    until(lambda: away.closed)
    assert shown.lines == ["cannot look: no broker answers"]
    away.raises = None
    now_s[0] += LOOK_EVERY_S
    watching.look()
    now_s[0] += BLIND_S
    watching.look()
    until(lambda: len(shown.lines) == 2)
    assert (away.polls, shown.lines[1]) == (2, "figures 2")
    watching.close()


def test_a_fault_of_ours_while_looking_is_raised_where_the_look_was_asked_for(away: Away, now_s: list[float]) -> None:
    away.raises = ZeroDivisionError("by nothing")
    away.answers.set()
    watching = watch(Shown())
    watching.look()
    watching._thread.join(PATIENCE_S)  # type: ignore[union-attr]
    with pytest.raises(ZeroDivisionError):
        watching.look()
    watching.close()
