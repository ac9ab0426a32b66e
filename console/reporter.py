"""What a run says while it goes, one line each on standard error: rejected inputs, tasks that died and came back.

Of a rejected input it says where it is and which kind of error, never what it held: that is in ``dlq``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from console.figures import count, duration
from streams import logs
from streams.clock import monotonic_s

REJECTS_SHOWN_MAX = 20
"""Rejected inputs shown per error code; the rest are counted."""
REJECTS_REMEMBERED_MAX = 100_000
"""Rejected inputs told apart: a task that recovers refuses again what it refused before its death."""
SIGKILLED = -9


class Reporter:
    """Takes a session's events.

    Args:
        say: Shows one line to people; machines are told by ``streams.logs``.
        kills: Kills asked for, by task: their deaths are told as such.

    Attributes:
        ready: Tasks that have come up, by name.
        metrics: At which port each process serves its metrics.
    """

    def __init__(self, say: Callable[[str], None], kills: Mapping[str, Sequence[int]]) -> None:
        self.ready: set[str] = set()
        self.metrics: dict[str, int] = {}
        self._say = say
        self._kills = {task: sorted(after) for task, after in kills.items()}
        self._killed: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._died: dict[str, tuple[float, str]] = {}
        self._rejected: Counter[str] = Counter()
        self._known: set[tuple[str, int, int, str]] = set()
        self._recovering: set[str] = set()

    def event(self, event: Mapping[str, Any]) -> None:
        """One event of the session: what people and machines are told of is told; ``ready`` is remembered."""
        name, task = str(event["event"]), str(event.get("task", ""))
        if name == "reject":
            self._reject(event)
        elif name == "fault":
            self._tell(str(event["message"]), "capture_cut", "warning", task=task, code="fault.capture_cut")
        elif name == "log":
            said = {key: value for key, value in event.items() if key not in ("event", "message", "level")}
            self._tell(f"{task}: {event['message']}", "log", str(event["level"]), **said)
        elif name == "died":
            self._died[task] = (monotonic_s(), self._death(task, event["code"], event["message"]))
        elif name == "partitions":
            self._tell(f"partitions {event['message']}", "partitions", "info")
        elif name == "stalled":
            self._tell(f"{task} has stalled: {event['message']}; it is killed", "stalled", "error", task=task)
        elif name in ("recovering", "recovered"):
            self._recovery(name, task, event)
        elif name == "no_metrics":
            self.metrics.pop(task, None)
            self._tell(str(event["message"]), name, "warning", task=task, code=event["code"])
        elif name == "metrics":
            self._metrics(task, event)
        elif name == "succeeded":
            warmed = f"; {', '.join(event['hops'])} re-warmed on {count(event['rows'])} inputs" if event["hops"] else ""
            migrated = f"; {', '.join(event['migrated'])} migrated" if event["migrated"] else ""
            self._tell(f"{task} took over{warmed}{migrated}", "succeeded", "info", task=task)
        elif name == "released":
            self._tell(str(event["message"]), "released", "info", run=str(event["run"]))
        elif name == "ready":
            self.ready.add(task)
            self._metrics(task, event)
            since, how = self._died.pop(task, (0.0, ""))
            if how:
                self._told[task] += 1
                away_s = monotonic_s() - since
                self._tell(f"{how}; back in {away_s:.1f} s", "task_back", "warning", task=task, away_s=round(away_s, 3))

    def finish(self, restarts: Mapping[str, int], kills_left: Mapping[str, Sequence[int]]) -> None:
        """What can only be told at the end.

        Args:
            restarts: How often each task was brought back.
            kills_left: Kills that did not happen.
        """
        for code, number in self._rejected.items():
            if number > REJECTS_SHOWN_MAX:
                more = f"{count(number - REJECTS_SHOWN_MAX)} more, {count(number)} in all; all are in dlq"
                self._tell(f"{code}: {more}", "rejects", "warning", code=code, count=number)
        for task, times in restarts.items():
            for _ in range(times - self._told[task]):  # in memory a task is back before anyone could be told
                how = self._death(task, SIGKILLED, "crashed")
                self._tell(f"{how}; back at once", "task_back", "warning", task=task, away_s=0.0)
        for task, after in kills_left.items():
            for inputs in after:
                missed = f"--kill {task}@{inputs} never happened: {task} had fewer inputs"
                self._tell(missed, "kill_left", "warning", task=task, inputs=inputs)

    def _reject(self, event: Mapping[str, Any]) -> None:
        code, topic, offset, seq = str(event["code"]), str(event["topic"]), int(event["offset"]), event.get("seq", 0)
        kind = str(event.get("kind") or code)
        key = (topic, offset, seq, kind)
        if key in self._known:
            return
        if len(self._known) < REJECTS_REMEMBERED_MAX:
            self._known.add(key)
        self._rejected[kind] += 1
        if self._rejected[kind] <= REJECTS_SHOWN_MAX:
            line = f"{topic}@{offset} {code}: {event['reason']}" + (f" [{kind}]" if kind != code else "")
            self._tell(
                line, "reject", "warning", code=kind, task=event.get("task", ""), topic=topic, offset=offset, seq=seq
            )

    def _metrics(self, task: str, event: Mapping[str, Any]) -> None:
        """Where a process serves them, where that is new."""
        port = event.get("metrics_port")
        if isinstance(port, int) and self.metrics.get(task) != port:
            self.metrics[task] = port
            self._tell(f"{task}: metrics at port {port}", "metrics", "info", task=task, port=port)

    def _recovery(self, name: str, task: str, event: Mapping[str, Any]) -> None:
        done, to_do, elapsed_s = int(event["done"]), int(event["to_do"]), float(event["elapsed_s"])
        figures = {"task": task, "done": done, "to_do": to_do, "elapsed_s": elapsed_s}
        if name == "recovering":
            left_s = event.get("left_s")
            left = "" if left_s is None else f", about {duration(left_s)} left"
            so_far = f"recovering {count(done)} of {count(to_do)} inputs, {duration(elapsed_s)} so far{left}"
            self._recovering.add(task)
            self._tell(f"{task}: {so_far}", name, "info", left_s=left_s, **figures)
        elif task in self._recovering:
            self._recovering.discard(task)
            self._tell(f"{task}: recovered, {count(done)} inputs in {elapsed_s:.1f} s", name, "info", **figures)

    def _tell(self, message: str, event: str, level: str, **fields: Any) -> None:
        """One line: to machines with all that is known, else to people where the view shows it."""
        if logs.is_json():
            logs.write(message, event=event, level=level, **fields)
        else:
            self._say(logs.masked(message))

    def _death(self, task: str, code: int, message: str) -> str:
        kills = self._kills.get(task, [])
        if code == SIGKILLED and self._killed[task] < len(kills):
            inputs = kills[self._killed[task]]
            self._killed[task] += 1
            return f"{task} was killed after {count(inputs)} input{'s' if inputs > 1 else ''}"
        return f"{task} died ({message})"
