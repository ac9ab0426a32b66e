"""What every test may ask for: a Kafka of its own session, recorded market data, and a home that is not the user's.

Set when this file is imported, before any test module imports numba or asks for the home:

* Kafka's jars and numba's compiled kernels stay where the user's are: both are fetched or built once a machine.
* Everything else goes to a temporary home of this pytest process, for its subprocesses too; pytest runs side by side.
* Bytecode is kept, even where the environment asks for none: the hundreds of commands that the tests start would each
  compile all they import anew, which takes most of their time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from streams.broker import EmbeddedBroker
from streams.home import HOME_VARIABLE, JARS_VARIABLE, jars_dir, use_kernel_cache

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ[JARS_VARIABLE] = str(jars_dir())
use_kernel_cache()

REPOSITORY = Path(__file__).resolve().parent.parent
DATA_VARIABLE = "TAPEDECK_DATA"
CLEANED_S_MAX = 60

STOP_WHEN_ORPHANED = """
import sys
from pathlib import Path
from streams.broker import EmbeddedBroker
sys.stdin.read()
EmbeddedBroker(Path(sys.argv[1])).down()
"""


@dataclass(frozen=True, slots=True)
class Kafka:
    """The session's broker.

    Args:
        bootstrap: Its address, as clients are configured with it.
    """

    bootstrap: str


@pytest.fixture(scope="session", autouse=True)
def tapedeck_home() -> Iterator[Path]:
    """A home of this test session's own; gone at its end."""
    with (
        tempfile.TemporaryDirectory(prefix="tapedeck-test-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv(HOME_VARIABLE, folder)
        yield Path(folder)


@pytest.fixture(scope="session")
def kafka(tapedeck_home: Path) -> Iterator[Kafka]:
    """One embedded Kafka a session, started when a test first asks for it. Name topics so that tests do not meet."""
    # The broker outlives its starter by design, so a pytest that is killed would leave it: a watcher, told by the end
    # of its input, stops it whatever way this process ends.
    watcher = subprocess.Popen(
        [sys.executable, "-c", STOP_WHEN_ORPHANED, str(tapedeck_home)],
        stdin=subprocess.PIPE,
        start_new_session=True,
        cwd=REPOSITORY,
    )
    broker = EmbeddedBroker(tapedeck_home)
    try:
        status = broker.up(progress=lambda message: print(message, file=sys.__stderr__))
        assert status.bootstrap is not None
        yield Kafka(status.bootstrap)
    finally:
        broker.down()
        watcher.communicate(timeout=CLEANED_S_MAX)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Recorded market data: ``$TAPEDECK_DATA``, else ``../shared/data`` beside the repository; skips without."""
    named = os.environ.get(DATA_VARIABLE)
    if named:
        if not Path(named).is_dir():
            pytest.fail(f"{DATA_VARIABLE} names no folder: {named}")
        return Path(named)
    beside = REPOSITORY.parent / "shared" / "data"
    if not beside.is_dir():
        pytest.skip(f"no recorded market data: {DATA_VARIABLE} is unset and {beside} does not exist")
    return beside
