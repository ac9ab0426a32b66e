"""Consumer groups: how far other people's consumers are behind. Tapedeck's own tasks use none."""

from __future__ import annotations

from collections.abc import Sequence

from operations.finding import Finding
from streams.cluster import Group

LAG_RECORDS_WARN = 10_000
"""Records that a group with members may be behind."""
EMPTY = "EMPTY"
NAMED_MAX = 4


def judge(groups: Sequence[Group], bootstrap: str) -> list[Finding]:
    """A finding for each group that has members and is far behind; one for all others.

    A group without members is nobody's trouble: its lag is told, not judged.
    """
    late = [group for group in groups if group.lag > LAG_RECORDS_WARN and group.state != EMPTY]
    found = [
        Finding(f"group {group.name}", "warn", f"behind by {group.lag:,} records ({group.state.lower()})",
                f"at most {LAG_RECORDS_WARN:,}",
                f"kafka-consumer-groups.sh --bootstrap-server {bootstrap} --describe --group {group.name}")
        for group in late
    ]  # fmt: skip
    rest = [group for group in groups if group not in late]
    if rest:
        said = [f"{g.name} {g.lag:,}" + (", no members" if g.state == EMPTY else "") for g in rest[:NAMED_MAX]]
        more = f"; and {len(rest) - NAMED_MAX} more" if len(rest) > NAMED_MAX else ""
        found.append(Finding("consumer groups", "ok", f"lag in records: {'; '.join(said)}{more}"))
    return found or [Finding("consumer groups", "ok", "none")]
