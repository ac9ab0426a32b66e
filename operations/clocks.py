"""Clocks: this machine's against true time, against the live run's ``clock``, and the venue's against ours.

Read-only throughout. A broker does not tell its time without being written to, so another host's stays unknown.
"""

from __future__ import annotations

import ctypes
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from operations.finding import Finding, Status, span

OFFSET_S_WARN = 0.05
"""Above, latencies between machines mean little; tasks quarantine what seems to come from the future."""
AHEAD_S_WARN = 0.1
"""How far a record of ``clock`` or a tick may lie in this machine's future."""
SKEW_S_WARN = 5.0
"""Venues run seconds apart from us at times; further apart one of the two clocks is wrong."""

_TIME_ERROR, _STA_UNSYNC, _STA_NANO = 5, 0x0040, 0x2000
_LOOPBACK = ("127.", "localhost", "[::1]", "::1")
SET_BY_NTP = "sudo timedatectl set-ntp true"


@dataclass(frozen=True, slots=True)
class KernelClock:
    """What the kernel knows of its own clock.

    Attributes:
        synchronised: Whether somebody keeps it (NTP, chrony, PTP).
        offset_s: What is left to be corrected.
        error_s_max: How wrong it is at most, by its keeper's word.
    """

    synchronised: bool
    offset_s: float
    error_s_max: float


class _Timex(ctypes.Structure):
    """``struct timex`` of Linux, adjtimex(2), with room for what newer kernels append."""

    _fields_ = (
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long), ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long), ("status", ctypes.c_int), ("rest", ctypes.c_byte * 256),
    )  # fmt: skip


def kernel_clock() -> KernelClock | None:
    """The kernel's word on this machine's clock; None where it cannot be asked. Changes nothing (``modes`` is 0)."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        asked = _Timex()
        state = ctypes.CDLL(None, use_errno=True).ntp_adjtime(ctypes.byref(asked))
    except (OSError, AttributeError):
        return None
    if state < 0:
        return None
    unit = 1e-9 if asked.status & _STA_NANO else 1e-6
    kept = state != _TIME_ERROR and not asked.status & _STA_UNSYNC
    return KernelClock(kept, asked.offset * unit, asked.maxerror * 1e-6)


def machine(clock: KernelClock | None) -> Finding:
    """Judges the clock of this machine."""
    wanted = f"kept by NTP, within {OFFSET_S_WARN * 1_000:g} ms"
    if clock is None:
        return Finding("clock offset", "unknown", "this system does not tell whether its clock is kept", wanted)
    if not clock.synchronised:
        return Finding("clock offset", "warn", "nobody keeps this machine's clock, by its kernel's word", wanted,
                       SET_BY_NTP)  # fmt: skip
    found = f"kept; {clock.offset_s * 1_000:+.3f} ms to go, at most {clock.error_s_max * 1_000:.1f} ms wrong"
    if abs(clock.offset_s) > OFFSET_S_WARN:
        return Finding("clock offset", "warn", found, wanted, SET_BY_NTP)
    return Finding("clock offset", "ok", found)


def brokers(addresses: Sequence[str]) -> Finding:
    """The brokers' clocks, which stamp nothing of ours, but time transactions and retention."""
    away = [address for address in addresses if not address.startswith(_LOOPBACK)]
    if away:
        return Finding("broker clock", "unknown", f"{away[0]} does not tell its time without being written to",
                       "kept by NTP", f"on each broker's machine: {SET_BY_NTP}")  # fmt: skip
    return Finding("broker clock", "ok", "the broker is on this machine")


def live_clock(ts_ns: int, now_ns: int) -> Finding | None:
    """The live run's clock against this machine's: ahead of us it cannot be. None where nothing speaks against it.

    Args:
        ts_ns: The newest record of ``clock``.
        now_ns: Wall time read after it.
    """
    return _ahead("live clock", (ts_ns - now_ns) / 1e9, "the machine of the clock task")


def feed_skew(lags_ns: Sequence[int], newest_recv_ns: int, now_ns: int) -> list[Finding]:
    """The venue's clock against the feed's: the median of receive time minus event time.

    Args:
        lags_ns: ``ts_recv - ts_event`` of the newest ticks, of those that have an event time.
        newest_recv_ns: The newest receive time.
        now_ns: Wall time read after it.
    """
    found = (
        []
        if (ahead := _ahead("feed clock", (newest_recv_ns - now_ns) / 1e9, "the feed's machine")) is None
        else [ahead]
    )
    if not lags_ns:
        return [*found, Finding("feed skew", "unknown", "the newest ticks carry no event time")]
    median_s = statistics.median(lags_ns) / 1e9
    said = f"median of {len(lags_ns):,} ticks: received {median_s * 1_000:+,.1f} ms after the venue's time"
    status: Status = "ok" if abs(median_s) <= SKEW_S_WARN else "warn"
    fix = "" if status == "ok" else f"on the feed's machine: {SET_BY_NTP}"
    return [*found, Finding("feed skew", status, said, f"within {SKEW_S_WARN:g} s", fix)]


def _ahead(check: str, ahead_s: float, whose: str) -> Finding | None:
    if ahead_s <= AHEAD_S_WARN:
        return None
    return Finding(check, "warn", f"{whose} is {span(ahead_s)} ahead of this one", "one time on all machines",
                   f"there and here: {SET_BY_NTP}")  # fmt: skip
