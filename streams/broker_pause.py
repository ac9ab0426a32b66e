"""Stops the embedded broker for a moment, as a machine that hangs would. For drills."""

from __future__ import annotations

import os
import signal

from schemas.errors import ConfigError
from streams.broker import EmbeddedBroker
from streams.clock import sleep_s


def paused(seconds: float) -> None:
    """SIGSTOP the embedded broker, and SIGCONT it after so long, whatever happens meanwhile.

    Raises:
        ConfigError: It does not run: another cluster cannot be stopped from here.
    """
    pid = EmbeddedBroker().status().pid
    if pid is None:
        raise ConfigError(
            "there is no embedded broker to pause", kind="bad_stress", got="another cluster, or none",
            allowed="the embedded broker", where="--inject broker-pause",
        )  # fmt: skip
    os.kill(pid, signal.SIGSTOP)
    try:
        sleep_s(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)
