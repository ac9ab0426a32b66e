"""Outlives a rig that was killed, ends its brokers and removes its folder: ``python -m chaos.keeper FOLDER``.

It is told by the end of its standard input. Workers need none: they end with the process that started them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from streams.broker_process import Process

BROKERS = "brokers"
"""File in the folder: a line for each broker started, its process id and what the kernel says of its start."""
END_S_MAX = 30.0


def note(folder: Path, process: Process) -> None:
    """Write a broker down before anything can happen to whoever started it."""
    with (folder / BROKERS).open("a", encoding="ascii") as file:
        file.write(f"{process.pid} {process.began}\n")


def keep(folder: Path) -> subprocess.Popen[bytes]:
    """Start a keeper of a folder."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "chaos.keeper", str(folder)], stdin=subprocess.PIPE, start_new_session=True
    )


def dismiss(keeper: subprocess.Popen[bytes]) -> None:
    """Let a keeper go: what it was to do has been done."""
    if keeper.stdin is not None:
        keeper.stdin.close()
    keeper.wait(END_S_MAX)


def main(argv: list[str]) -> int:
    """Wait for the end of whoever started this, then clean up."""
    from chaos.cluster import remove

    folder = Path(argv[0])
    sys.stdin.buffer.read()
    listed = folder / BROKERS
    for line in listed.read_text(encoding="ascii").splitlines() if listed.exists() else ():
        pid, _, began = line.partition(" ")
        Process(int(pid), began).kill_session()
    remove(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
