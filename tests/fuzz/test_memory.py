"""Long lives: one input, one adapter and one reporter hear of thousands of bad records, and hold no more for it."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Callable

from console.reporter import Reporter
from schemas.header import Header, pack
from streams.admission import WRITERS_MAX, schemas_of
from streams.agent import Payload
from streams.inputs import Input
from streams.log import Record
from streams.memory import MemoryLog
from tests.fuzz.doors import KEYS, TS, adapter
from tests.fuzz.seeds import DEPTH, QUOTE, TRADE
from tests.fuzz.test_doors import bent

ROUND = 120
GROWTH_BYTES_MAX = 64 * 1024
"""Left behind by nine rounds: sixty bytes a record, less than any of them takes."""


def growth_of(play: Callable[[int], None]) -> int:
    """Bytes that rounds six to fifteen leave behind."""
    for i in range(5):
        play(i)
    tracemalloc.start()
    try:
        play(5)  # what is held of the newest round is held before and after
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for i in range(6, 15):
            play(i)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def test_one_input_holds_no_more_for_thousands_of_strangers() -> None:
    source = Input(MemoryLog(), "raw.x", 0, source="x", gapless=False, accepts=schemas_of("raw.<source>"))
    rng = random.Random(1)

    def play(i: int) -> None:
        heads = [pack(Header(schema=1, version=1, seq=0, time=1, writer=f"w{i}-{n}")) for n in range(ROUND)]
        source.push([Record("raw.x", 0, n, None, rng.randbytes(9), head) for n, head in enumerate(heads)])
        while source.take() is not None:
            pass

    assert growth_of(play) < GROWTH_BYTES_MAX
    assert len(source.seqs) <= WRITERS_MAX


def test_one_adapter_holds_no_more_for_thousands_of_bad_payloads() -> None:
    state, rng = adapter().start(), random.Random(2)

    def play(i: int) -> None:
        values = [bent(rng.choice([QUOTE, TRADE, DEPTH]), [(rng.randrange(200), 3, rng.randbytes(3))])
                  for _ in range(ROUND)]  # fmt: skip
        adapter().ingest(
            state, [Payload("binance", i * ROUND + n, TS, KEYS[0], value) for n, value in enumerate(values)]
        )

    assert growth_of(play) < GROWTH_BYTES_MAX


def test_one_reporter_remembers_a_bounded_number_of_rejects() -> None:
    import console.reporter

    reporter = Reporter(lambda _line: None, {})
    before, console.reporter.REJECTS_REMEMBERED_MAX = console.reporter.REJECTS_REMEMBERED_MAX, 100

    def play(i: int) -> None:
        for n in range(ROUND):
            reporter.event(
                {"event": "reject", "topic": "t", "offset": i * ROUND + n, "code": "bad_payload", "reason": "x"}
            )

    try:
        assert growth_of(play) < GROWTH_BYTES_MAX
    finally:
        console.reporter.REJECTS_REMEMBERED_MAX = before
