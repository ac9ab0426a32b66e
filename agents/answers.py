"""Answers to intents and orders: who waits for what, and when an answer takes effect.

In play each falls due at its own log time, and all are applied in one order everywhere. Every intent at t has exactly
one final answer at t + L: a denial, or a report marked final. Before the first input at or after t + L its owner waits
for it, then applies all that is due, ordered by (time, intent, report index). What has come early waits here, so where
an answer lies in the log never matters. Verbs: ``put``, ``take_due``.

Live nobody waits: an answer takes effect where it is read, and the runner records that place. Verb: ``settle``.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from schemas.codec import decode_any, encode
from schemas.decision import Decision
from schemas.errors import StateDiverged
from schemas.execution import Execution

NEVER = 2**63 - 1
"""A due time that does not come."""

EARLY_MAX = 65_536
"""Ids whose answers may wait here: many times what lies between two commits."""

Answer = Execution | Decision


@dataclass(frozen=True, slots=True)
class Pending:
    """One intent or approval that has no final answer yet."""

    client_order_id: str
    due: int
    slot: int


class Answers:
    """Unanswered ids in the order they were sent, and answers that have come but are not due."""

    def __init__(self) -> None:
        self._pending: OrderedDict[str, Pending] = OrderedDict()
        self._inbox: dict[str, list[Answer]] = {}
        self._heard: dict[str, int] = {}

    @property
    def due(self) -> int:
        """Log time at which the oldest unanswered id falls due; ``NEVER`` when there is none."""
        return next(iter(self._pending.values())).due if self._pending else NEVER

    def expect(self, pending: Pending) -> None:
        """An id was sent. Ids are sent in order of their due time, and none twice while it is unanswered."""
        self._pending[pending.client_order_id] = pending

    def settle(self, answer: Answer) -> tuple[Pending, bool] | None:
        """Live: an answer that takes effect now. Gives the id it answers, and whether it is that id's last answer.

        None where it must change nothing: the id is a stranger's, or is settled already, or the report is a repeat.
        Reports of an id come in the order of their ``report_index``; one at or below the last heard is a repeat,
        whoever says it again.
        """
        pending = self._pending.get(answer.client_order_id)
        if pending is None:
            return None
        if isinstance(answer, Execution):
            if answer.report_index <= self._heard.get(answer.client_order_id, -1):
                return None
            self._heard[answer.client_order_id] = answer.report_index
        final = _final(answer)
        if final:
            del self._pending[answer.client_order_id]
            self._heard.pop(answer.client_order_id, None)
        return pending, final

    def put(self, answer: Answer) -> None:
        """An answer has come. It may be to an id yet to be sent again: a successor that recovers hears first.

        Raises:
            StateDiverged: More ids are answered than a recovery can be behind: they are another's, or this one forgot.
        """
        if len(self._inbox) >= EARLY_MAX and answer.client_order_id not in self._inbox:
            raise StateDiverged(
                "answers to ids that were never sent",
                kind="unknown_answers",
                got=answer.client_order_id,
                allowed=f"{EARLY_MAX} that wait",
            )
        self._inbox.setdefault(answer.client_order_id, []).append(answer)

    def take_due(self, now: int) -> list[tuple[Pending, list[Answer]]] | None:
        """All answers due at or before ``now``, in order; None while any of them is still to come."""
        taken = []
        for pending in self._pending.values():
            if pending.due > now:
                break
            answers = self._inbox.get(pending.client_order_id, [])
            if not any(_final(a) for a in answers):
                return None
            taken.append((pending, sorted(answers, key=_report_index)))
        for pending, _ in taken:
            del self._pending[pending.client_order_id]
            del self._inbox[pending.client_order_id]
        return taken

    def dump(self) -> dict[str, Any]:
        """JSON-able form, the same for the same content whatever order answers came in."""
        return {
            "pending": [[p.client_order_id, p.due, p.slot] for p in self._pending.values()],
            "heard": dict(sorted(self._heard.items())),
            "inbox": [
                encode(a).decode()
                for _, answers in sorted(self._inbox.items())
                for a in sorted(answers, key=_report_index)
            ],
        }

    @classmethod
    def load(cls, data: dict[str, Any]) -> Answers:
        """From ``dump``'s form."""
        answers = cls()
        for client_order_id, due, slot in data["pending"]:
            answers.expect(Pending(client_order_id, due, slot))
        answers._heard.update(data.get("heard", {}))  # older snapshots were of play, and hold none
        for text in data["inbox"]:
            document = decode_any(text.encode())
            if isinstance(document, Execution | Decision):
                answers.put(document)
        return answers


def _final(answer: Answer) -> bool:
    return answer.verdict == "denied" if isinstance(answer, Decision) else answer.final


def _report_index(answer: Answer) -> int:
    return answer.report_index if isinstance(answer, Execution) else 0
