"""What the command line writes with: results on standard output, everything about the work on standard error.

A reader that closes its end early (``tapedeck topics tail orders | head -1``) ends the command quietly. Colours follow
``NO_COLOR`` and the terminal; rich loads only where something is drawn.
"""

from __future__ import annotations

import os
import select
import sys
from typing import IO, Any

from streams import logs


class OutputClosed(Exception):
    """Whoever read standard output has gone: nothing is wrong, and nothing more need be written."""


def emit(text: str) -> None:
    """Write a line of the result to standard output.

    Raises:
        OutputClosed: Nobody reads it any more.
    """
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise OutputClosed from error


def complain(text: str, *, event: str = "note", level: str = "info", **fields: Any) -> None:
    """Write one line to standard error, as ``streams.logs`` says: ``text`` for people, the rest for machines.

    Neither may tell what a record held. Where standard error is closed there is nobody to tell.
    """
    logs.write(text, event=event, level=level, **fields)


def is_screen(stream: IO[str]) -> bool:
    """Whether a person watches the stream on a terminal that can redraw: never where logs are for machines."""
    return not logs.is_json() and stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


def show(*drawn: Any) -> None:
    """Draw tables and texts on standard output, 80 columns wide where it is no terminal.

    Raises:
        OutputClosed: Nobody reads it any more.
    """
    from rich.console import Console

    console = Console(highlight=False)
    with console.capture() as capture:
        for what in drawn:
            console.print(what)
    emit("\n".join(line.rstrip() for line in capture.get().rstrip("\n").split("\n")))


def columns() -> int:
    """Width of what is drawn on standard output: the terminal's, 80 where it is none."""
    from rich.console import Console

    return Console().width


def is_read() -> bool:
    """Whether somebody may still read standard output: a pipe of another kind may break as well."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):  # not a file of the system's, or closed by ourselves
        return True
    poll = select.poll()
    poll.register(descriptor, 0)
    return not any(found & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _, found in poll.poll(0))


def mute() -> None:
    """Send what is still buffered for a closed standard output nowhere, so that the interpreter ends in silence."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
