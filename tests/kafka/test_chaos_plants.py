"""Bugs that are built into a real run are caught by reading its topics back.

They are in simulated schedules too (``tests/faults/test_simulation.py``), which take less time.
"""

from __future__ import annotations

import pytest

from chaos.plan import plan_of
from chaos.plants import PLANTS
from chaos.rig import run

pytestmark = pytest.mark.long

SECONDS = 30.0


class Silent:
    def say(self, line: str) -> None: ...

    def stage(self, text: str, share: float) -> None: ...


@pytest.mark.parametrize("bug", PLANTS)
def test_a_bug_that_is_built_into_a_run_on_kafka_is_caught(bug: str) -> None:
    report = run(plan_of(SECONDS, 11, (), 1, (), bug), Silent())
    assert not report.sound
    assert report.document()["verdict"] == "breach"
    assert any(report.breaches.values()), report.messages
    assert report.messages
