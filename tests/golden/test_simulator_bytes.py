"""A seed is a session for ever: the same bytes on any machine, under any numpy and numba."""

from __future__ import annotations

import hashlib

import pytest

from feeds.simulated_events import KINDS, session_events
from feeds.simulator import simulate

SHA256_OF_FIVE_SECONDS = {
    3: "772d94dced3eee72f44a25b578205f7a01dd5ae2078fed97bfd7622efef5f271",
    12: "94cce4d09f2e2ccdaad3194ded4178c06e12f77b31caa3bc2081070c0595697e",
}
"""By number of instruments; seed 1."""

SHA256_OF_AN_HOURS_PLAN = "8a02adc36a780f30c29dce269f47b7e4bbe750165c7701ec1dc909187d07e030"


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
