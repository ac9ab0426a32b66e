"""A seed is a session for ever: the same bytes on any machine, under any numpy."""

from __future__ import annotations

import hashlib

from feeds.simulator import simulate

SHA256_OF_FIVE_SECONDS = "9ab4378626adc4d2f9148707dfc7f4d4d96f590026dcbbf255d9fe2a7c5763c2"


def test_a_seeds_session_never_changes() -> None:
    digest = hashlib.sha256()
    for message in simulate(seconds=5, seed=1):
        digest.update(b"%d %s %s\n" % message)
    assert digest.hexdigest() == SHA256_OF_FIVE_SECONDS
