"""All that was handed to an appender, acknowledged: nobody goes on as if a record were there whose fate is unknown."""

from __future__ import annotations

from schemas.errors import DeliveryError
from streams.log import Appender
from streams.publisher import FLUSH_S_MAX


def flush_all(appender: Appender, where: str, timeout_s: float = FLUSH_S_MAX) -> None:
    """Wait until everything is acknowledged, at most ``timeout_s``; ``where`` says what was written to.

    Raises:
        DeliveryError: A record failed for good, or some are not acknowledged by then.
    """
    if left := appender.flush(timeout_s):
        raise DeliveryError(
            f"{left} records are not acknowledged after {timeout_s:g} s", kind="unacknowledged", where=where,
            fix="bring the broker back, then begin again",
        )  # fmt: skip
