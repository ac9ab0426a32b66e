"""What a running benchmark is given: how many pairs, how long, a broker and a tape made when first asked for."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType

import numpy as np

from benchmarks.brokers import Broker, broker_for
from benchmarks.priority import go_first
from streams.agent import Rows
from streams.clock import monotonic_s
from streams.kafka import KafkaLog, connect

PAIRS, QUICK_PAIRS = 5, 2
Say = Callable[[str], None]


class Harness:
    """Shared by the benchmarks of one invocation; closing it ends the broker and removes its folder.

    Attributes:
        quick: Short runs: to see that it works, not to quote.
        pairs: Alternating pairs that count.
        first: Whether the processes of the benchmark go before all others of the machine (``benchmarks.priority``).
    """

    def __init__(
        self, *, quick: bool = False, pairs: int | None = None, bootstrap: str | None = None, first: bool = False
    ) -> None:
        self.quick = quick
        self.pairs = pairs or (QUICK_PAIRS if quick else PAIRS)
        self.first = first and go_first(os.getpid())
        self._bootstrap = bootstrap
        self._began = monotonic_s()
        self._stack = ExitStack()

    def say(self, message: str) -> None:
        """Progress, on standard error."""
        print(f"{monotonic_s() - self._began:7.1f} s  {message}", file=sys.stderr, flush=True)

    def prefer(self, *pids: int) -> None:
        """Processes that are a session of their own must be told apart to go first."""
        if self.first:
            for pid in pids:
                go_first(pid)

    @cached_property
    def folder(self) -> Path:
        """A folder that goes away with the harness."""
        folder = tempfile.TemporaryDirectory(prefix="tapedeck-bench-", ignore_cleanup_errors=True)
        return Path(self._stack.enter_context(folder))

    @cached_property
    def broker(self) -> Broker:
        """The Kafka named, else an embedded one of this harness's own."""
        broker = self._stack.enter_context(broker_for(self._bootstrap, self.folder, self.say))
        if broker.pid is not None:
            self.prefer(broker.pid)
        return broker

    @cached_property
    def log(self) -> KafkaLog:
        """The log on it; what this process put there is dropped at the end."""
        from benchmarks.runs import drop

        log = connect(self.broker.bootstrap)
        self._stack.callback(log.close)
        self._stack.callback(drop, log)
        return log

    @cached_property
    def tape(self) -> Rows:
        """Ticks: every recorded capture through the adapter, or a simulated session where there are none."""
        from benchmarks.ticks import normalised

        tape = normalised()
        self.say(f"a tape of {len(tape):,} ticks")
        return tape

    @cached_property
    def tape_file(self) -> Path:
        """The tape as a file, for child processes."""
        path = self.folder / "tape.npy"
        np.save(path, self.tape)
        return path

    def __enter__(self) -> Harness:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
