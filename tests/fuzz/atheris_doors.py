"""Coverage-guided fuzzing of the doors by atheris: ``python -m tests.fuzz.atheris_doors SECONDS [DOOR...]``.

One process a door, one after the other. Kernels check their bounds there: elsewhere an index out of them goes unseen.
What a door did not stand is left as a file, whose name is printed; give it to
``knocked`` in ``doors.py``, mend the code, and keep the bytes as a test in ``test_regressions.py``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

from streams.home import KERNELS_VARIABLE, kernels_dir

RSS_MB_MAX = 1_536
"""Of one fuzzing process: a door that takes more has no bound."""
KNOCK_S_MAX = 10
"""A single knock that lasts longer is a hang."""
DEFAULT_DOORS = ("header", "frame", "any_document", "document", "sealed_state", "snapshot", "payloads", "record_input")
"""Codecs and adapter; any other door may be named as well."""


GUIDING = (
    "schemas.header", "schemas.codec", "streams.frame", "streams.inputs", "streams.state_bytes", "streams.snapshot",
    "feeds.binance_checked", "feeds.captures", "feeds.capture_lines", "feeds.capture_market", "models.artefact",
    "agents.limits", "tests.fuzz.doors",
)  # fmt: skip
"""Modules whose branches guide the fuzzer; numba compiles no instrumented code, so kernels are left as they are."""


def main(arguments: list[str]) -> int:
    """Fuzz each door for so many seconds; returns how many did not stand."""
    seconds = int(arguments[0]) if arguments else 60
    failed = []
    for door in arguments[1:] or DEFAULT_DOORS:
        with tempfile.TemporaryDirectory(prefix=f"tapedeck-{door}-") as corpus:
            command = [sys.executable, "-m", "tests.fuzz.atheris_doors", "--door", door, corpus]
            limits = [f"-max_total_time={seconds}", f"-rss_limit_mb={RSS_MB_MAX}", f"-timeout={KNOCK_S_MAX}"]
            done = subprocess.run([*command, *limits, "-max_len=4096", "-print_final_stats=1"], check=False)
        if done.returncode:
            failed.append(door)
        print(f"{door}: {'FAULT' if done.returncode else 'stood'}", flush=True)
    return len(failed)


def fuzz(door: str, corpus: Path, arguments: list[str]) -> None:
    """Fuzz one door in this process, which ends with it."""
    os.environ["NUMBA_BOUNDSCHECK"] = "1"
    os.environ[KERNELS_VARIABLE] = str(kernels_dir() / "bounds-checked")
    import atheris

    from tests.fuzz import doors
    from tests.fuzz.seeds import SEEDS

    for module in GUIDING:
        for function in functions_of(sys.modules[module]):
            atheris.instrument_func(function)
    for i, seed in enumerate(SEEDS[door]):
        (corpus / f"seed{i}").write_bytes(seed)
        doors.knocked(door, seed)  # compiles its kernels, which would be taken for a hang

    def knock(data: bytes) -> None:
        doors.knocked(door, data)

    atheris.Setup([sys.argv[0], *arguments], knock)
    atheris.Fuzz()


def functions_of(module: ModuleType) -> Iterator[FunctionType]:
    """Functions and methods that a module defines."""
    for found in vars(module).values():
        inside = vars(found).values() if isinstance(found, type) and found.__module__ == module.__name__ else (found,)
        yield from (f for f in inside if isinstance(f, FunctionType) and f.__module__ == module.__name__)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--door"]:
        fuzz(sys.argv[2], Path(sys.argv[3]), sys.argv[3:])
    else:
        sys.exit(main(sys.argv[1:]))
