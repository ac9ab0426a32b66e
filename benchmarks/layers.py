"""Where the hot task's main thread is: its stack looked at every few milliseconds, counted by layer.

A sample belongs to the innermost function of ours on the stack that the table names; what runs in C (librdkafka,
numpy, a kernel) belongs to the function of ours that called it. Python looks at signals between calls only, so that an
array operation without a call (``rows[index]``) is seen in whichever function is called next.
"""

from __future__ import annotations

import signal
from collections import Counter
from types import FrameType

EVERY_S = 0.001

LAYERS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("header unpack", "schemas/header.py", ("unpack", "_unpack_stamps")),
    ("header unpack", "streams/inputs.py", ("_header",)),
    ("header pack", "schemas/header.py", ("pack", "_pack_stamps")),
    ("consume", "streams/kafka_reader.py", ()),
    ("decode and join", "streams/inputs.py", ()),
    ("decode and join", "streams/frame.py", ("decode_rows",)),
    ("encode", "streams/frame.py", ("encode_rows",)),
    ("kernels", "features/", ()),
    ("kernels", "models/", ()),
    ("kernels", "agents/strategy.py", ("step",)),
    ("row columns", "agents/", ()),
    ("commit", "streams/kafka_writer.py", ("commit", "_until", "begin")),
    ("commit", "streams/snapshot.py", ()),
    ("commit", "streams/runner.py", ("commit", "_task_state")),
    ("produce", "streams/kafka_writer.py", ()),
    ("frame outputs", "streams/outputs.py", ()),
    ("runner", "streams/runner.py", ()),
    ("runner", "streams/sides.py", ()),
)
"""Layer, part of the file's path, functions (none: all of the file); the first that fits counts."""


class Sampler:
    """Counts from its making until ``stop``; main thread only."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._lines: Counter[str] = Counter()
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, EVERY_S, EVERY_S)

    def stop(self) -> dict[str, dict[str, float]]:
        """Shares of wall time in percent: by layer, and the ten most seen functions."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        total = max(1, self._seen.total())
        return {
            name: {key: round(100 * n / total, 1) for key, n in counter.most_common(most)}
            for name, counter, most in (("layers", self._seen, None), ("functions", self._lines, 10))
        } | {"samples": {"count": float(total)}}

    def _look(self, _number: int, frame: FrameType | None) -> None:
        own = ""
        while frame is not None:
            file, function = frame.f_code.co_filename, frame.f_code.co_name
            layer = _layer(file, function)
            if layer:
                if not own:
                    own = f"{'/'.join(file.split('/')[-2:])}:{function}"
                self._lines[own] += 1
                self._seen[layer] += 1
                return
            frame = frame.f_back
        self._seen["other"] += 1


def _layer(file: str, function: str) -> str:
    for layer, part, functions in LAYERS:
        if part in file and (not functions or function in functions) and "site-packages" not in file:
            return layer
    return ""
