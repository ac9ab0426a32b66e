"""Dead letters: whatever a task refuses is kept whole, with reason and place, and the next one goes on."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import numpy as np
import pytest

from agents.context import read_context
from agents.topology import HOP_FACTORIES
from replay.plan import PlayPlan, open_run
from schemas.catalog import BY_NAME
from schemas.codec import decode, encode
from schemas.dead_letter import DeadLetter
from schemas.document import Root
from schemas.header import Header, pack
from schemas.intent import Intent, Touch
from schemas.tick import TICK
from streams.memory import MemoryLog
from streams.runner import Task
from streams.task_plan import TaskPlan

PLAN = PlayPlan(run="r", speed=0.0)
TS = 1_700_000_000_000_000_000


class Stage:
    """One task that is given records to refuse."""

    def __init__(self, hop: str) -> None:
        self.log = MemoryLog()
        self.heard: list[DeadLetter] = []
        open_run(self.log, PLAN)
        agent = HOP_FACTORIES[hop](read_context(self.log, PLAN.namespace))
        plan = TaskPlan(name=hop, namespace=PLAN.namespace, source=PLAN.source, run="r", commit_interval_s=0.0)
        self.task = Task(plan, [agent], self.log, on_reject=self.heard.append)
        self.topic = plan.topic(agent.reads)

    def refuse(self, value: bytes, schema: str, count: int = 1, key: bytes = b"k") -> DeadLetter:
        header = Header(schema=BY_NAME[schema].number, version=1, seq=0, time=TS, writer="simulator", count=count)
        return self.refuse_record(value, pack(header), key)

    def refuse_record(self, value: bytes, header: bytes | None, key: bytes | None = b"k") -> DeadLetter:
        self.log.appender().append(self.topic, 0, key, value, header)
        for _ in range(3):
            self.task.turn(0.0)
        letters = [decode(r.value, DeadLetter) for r in self.log.scan(PLAN.topic("dlq"), 0, 0, committed=True)]
        assert letters == self.heard
        (letter,) = letters
        assert (letter.topic, letter.offset, letter.task) == (self.topic, 0, self.task.plan.name)
        assert self.task.inputs >= 1
        return letter


@pytest.mark.parametrize("value", [b"garbage", b"", bytes(range(256)) * 40], ids=["text", "nothing", "binary"])
def test_a_refused_payload_is_kept_whole(value: bytes) -> None:
    letter = Stage("normalise").refuse(value, "raw", key=b"spot:BTCUSDT")
    assert (letter.code, letter.ts, letter.writer, letter.seq) == ("bad_payload", TS, "simulator", 0)
    assert b64decode(letter.payload) == value
    assert b64decode(letter.key) == b"spot:BTCUSDT"


def test_of_a_frame_the_refused_row_is_kept_and_named() -> None:
    rows = np.zeros(5, dtype=TICK)
    rows["instrument_id"] = [1, 1, 1, 99, 1]
    rows["ts_log"] = rows["bid_price"] = rows["ask_price"] = 7
    letter = Stage("feature").refuse(rows.tobytes(), "tick", count=5)
    assert (letter.code, letter.seq, letter.ts) == ("unknown_instrument", 3, 7)
    assert b64decode(letter.payload) == rows[3].tobytes()


def test_a_refused_document_is_kept_whole() -> None:
    intent = Intent(
        client_order_id="id", root=Root(source="test", seq=1), ts=TS, account="a", strategy="s", instrument_id=99,
        instrument="spot:DOGEUSDT", side="buy", quantity=1, limit_price=1, valid_until=TS, score=0.0, position=0,
        target=0, model="m", view="v", touch=Touch(bid_price=1, ask_price=1, bid_size=1, ask_size=1, ts=TS),
    )  # fmt: skip
    letter = Stage("risk").refuse(encode(intent), "intent")
    assert (letter.code, letter.ts) == ("unknown_instrument", TS)
    assert decode(b64decode(letter.payload), Intent) == intent


STRANGE: list[Any] = [(b"no header", None), (b"", b""), (b"\xff" * 3_000, b"\x54\x01"), (b"cut", b"\x00" * 50)]


@pytest.mark.parametrize(("value", "header"), STRANGE)
@pytest.mark.parametrize("hop", ["feature", "score", "strategy", "risk", "venue"])
def test_a_record_that_cannot_be_read_is_kept_whole(hop: str, value: bytes, header: bytes | None) -> None:
    letter = Stage(hop).refuse_record(value, header)
    assert letter.code == "bad_frame"
    assert b64decode(letter.payload) == value
    assert b64decode(letter.key) == b"k"


def test_a_record_without_a_key_is_refused_like_any_other() -> None:
    assert Stage("risk").refuse_record(b"x", None, key=None).key == ""


def test_a_reason_is_one_short_line_whatever_it_is_about() -> None:
    letter = Stage("normalise").refuse(b'{"stream":"' + b"\n\x00x" * 5_000, "raw", key=b"spot:BTCUSDT")
    assert "\n" not in letter.reason
    assert len(letter.reason) < 1_000
