"""What a check found: one line for people, one object for machines, and the command that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail", "unknown"]
"""``fail``: do not trade so. ``warn``: it works, and will not for ever. ``unknown``: it cannot be told from here."""

Verdict = Literal["ok", "warn", "fail"]

STATUSES: tuple[Status, ...] = ("fail", "warn", "unknown", "ok")
"""The gravest first."""

FAILED_EXIT = 1
"""Exit code where anything fails; warnings and unknowns leave it at 0."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result.

    Attributes:
        check: Which check, e.g. ``disk`` or ``topic state``.
        status: How grave.
        found: What is.
        wanted: What should be; empty where that goes without saying.
        fix: An exact command, or an edit, that mends it; empty where nothing need be mended.
    """

    check: str
    status: Status
    found: str
    wanted: str = ""
    fix: str = ""

    def as_json(self) -> dict[str, str]:
        """The same as a dictionary of texts."""
        return asdict(self)


def verdict(findings: Sequence[Finding]) -> Verdict:
    """The gravest status; what is unknown counts as neither well nor ill.

    >>> verdict([Finding("a", "ok", ""), Finding("b", "unknown", "")])
    'ok'
    """
    found = {finding.status for finding in findings}
    return "fail" if "fail" in found else "warn" if "warn" in found else "ok"


def exit_code(findings: Sequence[Finding]) -> int:
    """0 where nothing fails."""
    return FAILED_EXIT if verdict(findings) == "fail" else 0


def gravest(*statuses: Status) -> Status:
    """The gravest of several.

    >>> gravest("ok", "warn", "unknown")
    'warn'
    """
    return min(statuses, key=STATUSES.index)


def amount(size: float) -> str:
    """Bytes as people read them.

    >>> amount(0), amount(812_000_000), amount(1.5e10)
    ('0 B', '812 MB', '15 GB')
    """
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            value = size / factor
            return f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"
    return f"{size:.0f} B"


def span(seconds: float) -> str:
    """A duration in its two largest units.

    >>> span(0.4), span(59), span(200), span(7_300), span(200_000)
    ('0.4 s', '59 s', '3 min 20 s', '2 h 1 min', '2 d 7 h')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    for unit, factor, lower, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1)):
        if seconds >= factor:
            whole, rest = divmod(int(seconds), factor)
            return f"{whole} {unit} {rest // part} {lower}" if rest >= part else f"{whole} {unit}"
    return f"{seconds:.0f} s"
