"""A seed is a session for ever: the same bytes on any machine, under any numpy and numba."""

from __future__ import annotations

import hashlib

import pytest

from feeds.simulated_events import KINDS, session_events
from feeds.simulator import simulate

SHA256_OF_FIVE_SECONDS = {
    3: "d2cc5f7e282d9691c15ac8d97716bfa2f018ea07199b949a1c50af2cb994a2c0",
    12: "dfefbe2e416c70623714ab1397a914d54ddf69a2406d87c1b1570e2cef574d7f",
}
"""By number of instruments; seed 1."""

SHA256_OF_AN_HOURS_PLAN = "0101ff86bd523dd8147c9df0624c12802e4e40996bdb5bbdf048faae0326f289"


@pytest.mark.parametrize("instruments", SHA256_OF_FIVE_SECONDS)
def test_a_seeds_session_never_changes(instruments: int) -> None:
    digest = hashlib.sha256()
    for message in simulate(seconds=5, seed=1, instruments=instruments):
        digest.update(b"%d %s %s\n" % message)
    assert digest.hexdigest() == SHA256_OF_FIVE_SECONDS[instruments]


def test_a_seeds_plan_never_changes() -> None:
    plan = list(session_events(3_600, 1, instruments=12))
    assert {event.kind for event in plan} == set(KINDS)
    assert hashlib.sha256(repr([tuple(event) for event in plan]).encode()).hexdigest() == SHA256_OF_AN_HOURS_PLAN
