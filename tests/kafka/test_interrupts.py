"""A live topology interrupted at any moment ends with its exit code and a word, and leaves no process behind."""

from __future__ import annotations

import random
import signal
import subprocess

import pytest

from streams.clock import sleep_s
from tests.kafka.live_desk import LiveDesk, until
from tests.signals_heeded import heeded

FEW = (0.0, 0.6, 1.5, 4.0)
MANY = 30
MOMENT_S_MAX = 8.0
"""By then it is up on most machines, and trades."""
AGAIN_S_MAX = 2.0
UP = (("up", "--json"), ("up", "--worker", "--json"))


def left_behind(desk: LiveDesk) -> list[str]:
    """Workers of this desk's broker that still run."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "args="], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if "agents.worker" in line and desk.bootstrap in line]


def interrupt(
    desk: LiveDesk, command: tuple[str, ...], moment_s: float, number: signal.Signals, again_s: float | None = None
) -> int:
    """Run a command and interrupt it so long after it heeds signals; returns its exit code, which must be sound."""
    up = desk.start(*command)
    heeded(up)
    sleep_s(moment_s)
    up.send_signal(number)
    if again_s is not None:
        sleep_s(again_s)
        up.send_signal(number)
    code, told, errors = desk.end(up)
    case = (command, moment_s, number.name, again_s, code, told, errors)
    assert "Traceback" not in errors, case
    assert (code == 0 and told["in_order"]) or (code == 130 and "interrupted" in errors), case
    until(lambda: not left_behind(desk), "its processes have ended")
    return code


@pytest.mark.parametrize("moment_s", FEW)
def test_an_interrupt_at_a_few_moments(desk: LiveDesk, moment_s: float) -> None:
    interrupt(desk, UP[FEW.index(moment_s) % 2], moment_s, (signal.SIGTERM, signal.SIGINT)[FEW.index(moment_s) // 2])


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("command", UP)
def test_interrupts_at_many_moments_once_or_twice(desk: LiveDesk, command: tuple[str, ...]) -> None:
    draw = random.Random(command[1])
    codes = set()
    for _ in range(MANY):
        moment_s = draw.choice((0.5, MOMENT_S_MAX)) * draw.random()
        again_s = draw.choice((None, None, AGAIN_S_MAX * draw.random()))
        codes.add(interrupt(desk, command, moment_s, draw.choice((signal.SIGINT, signal.SIGTERM)), again_s))
    assert codes == {0, 130}
