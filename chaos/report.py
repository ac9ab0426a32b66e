"""What a run of chaos found, in the keys that machines read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from streams.clock import monotonic_s

if TYPE_CHECKING:
    from chaos.simulation import Simulated

SOUND, BROKEN = "ok", "breach"
COLUMNS = ("lost", "duplicated", "torn", "diverged", "limit_breaches", "late_orders")
"""What must be 0."""

Event = Mapping[str, Any]


class Recoveries:
    """Times from a process's death to its successor's having recovered, by what workers and supervisor say.

    A task has recovered when it has replayed and compared all that its former life left; a feed or a clock when it is
    ready.

    Attributes:
        took_ms: One for each recovery.
        fenced: Processes that Kafka shut out, as another had taken their task over.
    """

    def __init__(self) -> None:
        self.took_ms: list[float] = []
        self.fenced = 0
        self._died: dict[str, float] = {}

    def hear(self, event: Event) -> None:
        """One event of a process under supervision."""
        name, task = event["event"], str(event.get("task", ""))
        if name == "died":
            self._died.setdefault(task, monotonic_s())
        elif name == "recovered" or (name == "ready" and task in ("feed", "clock")):
            since_s = self._died.pop(task, None)
            if since_s is not None:
                self.took_ms.append((monotonic_s() - since_s) * 1000)
        elif name == "error":
            self.shut_out(event)

    def shut_out(self, event: Event) -> None:
        """Count the process where it ended because it was fenced."""
        if event["event"] == "error" and str(event.get("code", "")).startswith("fenced"):
            self.fenced += 1


@dataclass(slots=True)
class Report:
    """A run's outcome.

    Attributes:
        seed: Of the schedule.
        faults: How often each kind was carried out.
        acknowledged: Inputs that the publisher was told are durable.
        breaches: By column.
        fenced_writers: Processes that were shut out.
        recovery_ms: One for each recovery.
        messages: A line for each breach.
    """

    seed: int
    faults: Mapping[str, int] = field(default_factory=Counter)
    acknowledged: int = 0
    breaches: Mapping[str, int] = field(default_factory=dict)
    fenced_writers: int = 0
    recovery_ms: Sequence[float] = ()
    messages: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not any(self.breaches.values()) and not self.messages

    def document(self) -> dict[str, Any]:
        """As ``tapedeck chaos --json`` prints it."""
        took = sorted(self.recovery_ms)
        return {
            "seed": self.seed,
            "faults": dict(sorted(self.faults.items())),
            "acknowledged": self.acknowledged,
            **{column: self.breaches.get(column, 0) for column in COLUMNS},
            "fenced_writers": self.fenced_writers,
            "recoveries": len(took),
            "recovery_ms": {"p50": round(median(took), 1) if took else 0.0, "max": round(took[-1], 1) if took else 0.0},
            "verdict": SOUND if self.sound else BROKEN,
        }


def simulated_document(seed: int, found: Simulated) -> dict[str, Any]:
    """As ``tapedeck chaos --simulate N --json`` prints it: the same keys, and how much was simulated.

    A simulated life recovers in no time of its own, so there are recoveries and no milliseconds.
    """
    return {
        "seed": seed,
        "faults": dict(sorted(found.faults.items())),
        "acknowledged": found.acknowledged,
        **{column: found.findings[column] for column in COLUMNS},
        "fenced_writers": found.fenced,
        "recoveries": found.deaths,
        "recovery_ms": {"p50": 0.0, "max": 0.0},
        "verdict": SOUND if found.sound else BROKEN,
        "schedules": found.schedules,
        "steps": found.steps,
        "orders": found.orders,
        "elapsed_s": round(found.elapsed_s, 3),
        "failures": [{"seed": f.seed, "step": f.step, "messages": list(f.messages)} for f in found.failures],
    }
