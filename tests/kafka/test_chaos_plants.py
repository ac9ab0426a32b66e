"""Bugs that are built into a real run are caught by reading its topics back.

All seven are in simulated schedules (``tests/faults/test_simulation.py``), which take less time.
"""

from __future__ import annotations

import pytest

from chaos.kinds import kinds_for
from chaos.plan import ChaosPlan
from chaos.rig import run

pytestmark = pytest.mark.long

SECONDS = 8.0
"""Under load: long enough for each of these bugs to strike."""


class Silent:
    def say(self, line: str) -> None: ...

    def stage(self, text: str, share: float) -> None: ...


@pytest.mark.parametrize(("bug", "column"), [("loss", "lost"), ("duplicate", "duplicated")])
def test_a_bug_that_is_built_into_a_run_on_kafka_is_caught(bug: str, column: str) -> None:
    report = run(ChaosPlan(SECONDS, 11, kinds_for(("kill",), 30.0, 1, live=True), plant=bug), Silent())
    assert not report.sound
    assert report.document()["verdict"] == "breach"
    assert report.breaches[column] > 0 or report.breaches["diverged"] > 0, report.messages
    assert report.messages
