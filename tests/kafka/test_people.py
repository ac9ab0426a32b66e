"""What people say stands in ``control`` once and in one order, whoever dies or speaks at the same time. Both logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from agents.topology import topic_specs
from replay.plan import PlayPlan, open_run
from schemas.codec import decode_any
from schemas.control import Halt, RunOpened
from schemas.errors import BadFrame, BrokerError, DeliveryError, Fenced
from schemas.header import unpack
from streams import people
from streams.log import Log, Writer
from streams.people import PEOPLE, append


def halt(reason: str) -> Halt:
    return Halt(scope="all", author="j.doe", reason=reason, ts=1)


def said(log: Log, namespace: str) -> list[tuple[int, str]]:
    """Numbers and reasons of what is committed."""
    found = []
    for record in log.scan(f"{namespace}control", 0, 0, committed=True):
        document = decode_any(record.value)
        assert record.header is not None
        header = unpack(record.header)
        assert header.writer == PEOPLE
        found.append((header.seq, document.reason if isinstance(document, Halt) else type(document).__name__))
    return found


class Meddled:
    """A log whose writers do something else at their commit; everything besides is the log's own."""

    def __init__(self, log: Log, commits: list[Callable[[Writer], None]]) -> None:
        self._log = log
        self._commits = commits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def writer(self, transactional_id: str) -> Any:
        writer = self._log.writer(transactional_id)
        if self._commits:
            return MeddledWriter(writer, self._commits.pop(0))
        return writer


class MeddledWriter:
    def __init__(self, writer: Writer, commit: Callable[[Writer], None]) -> None:
        self._writer = writer
        self._commit = commit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def commit(self) -> None:
        self._commit(self._writer)


def test_the_topic_is_made_as_the_table_has_it(log: Log, name: str) -> None:
    where = append(log, halt("first"), namespace=f"{name}.")
    assert (where.topic, where.partition, where.seq, str(where)) == (
        f"{name}.control", 0, 0, f"{name}.control[0]@{where.offset}"
    )  # fmt: skip
    assert said(log, f"{name}.") == [(0, "first")]
    spec = next(s for s in topic_specs(f"{name}.", "x") if s.name == where.topic)
    assert (log.partitions(where.topic), spec.compacted) == (spec.partitions, False)


def test_what_is_said_follows_what_opened_the_run(log: Log) -> None:
    plan = PlayPlan(run=f"people-{id(log)}")
    open_run(log, plan)
    places = [append(log, halt(text), namespace=plan.namespace) for text in ("a", "b")]
    assert said(log, plan.namespace) == [(0, "RunOpened"), (1, "a"), (2, "b")]
    offsets = [r.offset for r in log.scan(plan.topic("control"), 0, 0, committed=True)]
    assert [p.offset for p in places] == offsets[1:]


def test_an_opening_may_be_said_too(log: Log, name: str) -> None:
    append(log, halt("before any run"), namespace=f"{name}.")
    opening: RunOpened = msgspec.structs.replace(PlayPlan(run="r").opening(), mode="live")
    append(log, opening, namespace=f"{name}.")
    assert said(log, f"{name}.") == [(0, "before any run"), (1, "RunOpened")]


def test_two_at_once_are_both_written_once_and_in_one_order(log: Log, name: str) -> None:
    def overtaken(text: str) -> Callable[[Writer], None]:
        def commit(writer: Writer) -> None:
            append(log, halt(text), namespace=f"{name}.")
            writer.commit()

        return commit

    meddled: Any = Meddled(log, [overtaken("rival 1"), overtaken("rival 2")])
    where = append(meddled, halt("mine"), namespace=f"{name}.")
    assert said(log, f"{name}.") == [(0, "rival 1"), (1, "rival 2"), (2, "mine")]
    assert where.seq == 2


def test_a_commit_whose_outcome_was_lost_is_looked_for_and_not_repeated(log: Log, name: str) -> None:
    def lost(writer: Writer) -> None:
        writer.commit()
        raise DeliveryError("the answer was lost")

    meddled: Any = Meddled(log, [lost])
    where = append(meddled, halt("once"), namespace=f"{name}.")
    append(log, halt("next"), namespace=f"{name}.")
    assert said(log, f"{name}.") == [(0, "once"), (1, "next")]
    assert (where.seq, where.offset) == (0, next(log.scan(where.topic, 0, 0, committed=True)).offset)


def test_a_commit_that_never_was_is_made_again(log: Log, name: str) -> None:
    def failed(_writer: Writer) -> None:
        raise DeliveryError("no answer")

    meddled: Any = Meddled(log, [failed, failed])
    append(meddled, halt("once"), namespace=f"{name}.")
    assert said(log, f"{name}.") == [(0, "once")]


def test_who_dies_half_way_has_said_nothing_and_leaves_no_hole(log: Log, name: str) -> None:
    class Killed(BaseException):
        pass

    def dies(_writer: Writer) -> None:
        raise Killed

    append(log, halt("before"), namespace=f"{name}.")
    meddled: Any = Meddled(log, [dies])
    with pytest.raises(Killed):
        append(meddled, halt("half"), namespace=f"{name}.")
    append(log, halt("after"), namespace=f"{name}.")
    assert said(log, f"{name}.") == [(0, "before"), (1, "after")]


def test_it_gives_up_after_so_many_attempts_and_says_what_is_known(
    log: Log, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "ATTEMPTS_MAX", 3)

    def failed(_writer: Writer) -> None:
        raise Fenced("overtaken")

    meddled: Any = Meddled(log, [failed] * 3)
    with pytest.raises(BrokerError, match="it is not known whether this was written"):
        append(meddled, halt("never"), namespace=f"{name}.")
    assert said(log, f"{name}.") == []


def test_a_document_that_breaks_its_schema_is_not_said(log: Log, name: str) -> None:
    with pytest.raises(BadFrame):
        append(log, halt(""), namespace=f"{name}.")
    assert log.partitions(f"{name}.control") == 0
