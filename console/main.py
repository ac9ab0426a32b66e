"""Where ``tapedeck`` begins and ends: runs one command and turns whatever goes wrong into one line and an exit code.

Exit codes: 0 done; 1 done, and something is wrong with what was found (records lost or doubled, a capture cut short);
2 a flag, file or variable is wrong, nothing was started; 3 Kafka; 4 a broken promise in the log; 5 a task that could
not be kept alive; 70 a fault of Tapedeck itself; 130 interrupted.

An interrupt counts at any moment. Before a command runs there is nothing to end, and the process goes at once; while it
runs, the command says what an interrupt does (``console/interrupts.py``); after it, the outcome stands.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import NoReturn

INTERRUPTED_EXIT = 130
"""128 and the number of SIGINT, as shells report it."""
USAGE_EXIT = 2
PROGRAM = "tapedeck"
LOG_FORMAT_FLAG = "--log-format"
LOG_FORMAT_VARIABLE = "TAPEDECK_LOG_FORMAT"
"""That of ``streams.logs``, which may not be loaded yet."""


def program() -> NoReturn:
    """The process: one command, from the first interrupt that can be heard to the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    code = main()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(code)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """Leave at once: an exception that comes up in an import may end as something else, or nowhere."""
    del number, frame
    line = f"{PROGRAM}: interrupted\n"
    as_json = getattr(sys.modules.get("streams.logs"), "as_json", None)  # loaded whole, or not at all
    if as_json is not None and os.environ.get(LOG_FORMAT_VARIABLE) == "json":
        line = as_json(line, event="interrupted", code="interrupted", exit=INTERRUPTED_EXIT) + "\n"
    with suppress(OSError):
        os.write(2, line.encode())
    os._exit(INTERRUPTED_EXIT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    Args:
        arguments: As typed after ``tapedeck``; None for the process's own.
    """
    try:
        from streams import logs

        with logs.session():
            try:
                return _run(_with_log_format_first(sys.argv[1:] if arguments is None else arguments))
            except KeyboardInterrupt:
                logs.write(f"{PROGRAM}: interrupted", event="interrupted", code="interrupted", exit=INTERRUPTED_EXIT)
                return INTERRUPTED_EXIT
    except KeyboardInterrupt:  # heard even while the line above imports
        sys.stderr.write(f"{PROGRAM}: interrupted\n")
        return INTERRUPTED_EXIT


def _run(arguments: Sequence[str]) -> int:
    import typer

    from console.app import app
    from console.interrupts import Interrupted, Interrupts
    from console.terminal import OutputClosed, is_read, mute
    from schemas.errors import TapedeckError
    from streams.logs import fields_of

    try:
        with Interrupts():  # SIGTERM as well, and told apart from a command that reports 130 by itself
            # Not app(...): that makes a silent exit 1 of whatever pipe broke.
            command = typer.main.get_command(app)
            with command.make_context(PROGRAM, list(arguments)) as context:
                command.invoke(context)
        sys.stdout.flush()
        return 0
    except typer.Exit as ended:
        sys.stdout.flush()
        return int(ended.exit_code)
    except typer.TyperException as error:
        _failed(_usage(error), USAGE_EXIT, {"code": "usage"})
        return USAGE_EXIT
    except TapedeckError as error:
        _failed(f"{PROGRAM}: {error.told}", error.exit_code, fields_of(error))
        return error.exit_code
    except OutputClosed:
        mute()
        return 0
    except (Interrupted, typer.Abort) as error:
        raise KeyboardInterrupt from error
    except Exception as error:  # a fault of ours: one line for the user, the rest for whoever mends it
        if isinstance(error, BrokenPipeError) and not is_read():
            mute()
            return 0
        from streams.crash import CRASH_EXIT, report_crash

        _failed(f"{PROGRAM}: {report_crash(error)}", CRASH_EXIT, {"code": "crash"})
        return CRASH_EXIT


def _failed(line: str, exit_code: int, fields: dict[str, str]) -> None:
    """The line that ends a command; people read the code in brackets."""
    from streams import logs

    message = line if logs.is_json() else f"{line} [{fields['code']}]"
    logs.write(message, event="failed", level="error", exit=exit_code, **fields)


def _with_log_format_first(arguments: Sequence[str]) -> list[str]:
    """The global flag before the command, wherever it was typed: what is wrong with the rest is then told its way."""
    given = list(arguments)
    end = given.index("--") if "--" in given else len(given)
    for i, argument in enumerate(given[:end]):
        if argument == LOG_FORMAT_FLAG or argument.startswith(LOG_FORMAT_FLAG + "="):
            after = i + (2 if argument == LOG_FORMAT_FLAG else 1)
            from streams import logs

            value = argument.partition("=")[2] if "=" in argument else "".join(given[i + 1 : i + 2])
            if value in logs.FORMATS:
                logs.use(value)
            return [*given[i:after], *given[:i], *given[after:]]
    return given


def _usage(error: Exception) -> str:
    """One line for a wrong argument: which command, what is wrong, where help is."""
    context = getattr(error, "ctx", None)
    command = PROGRAM if context is None else context.command_path
    said = error.format_message() if hasattr(error, "format_message") else str(error)
    return f"{command}: {' '.join(said.split()).rstrip('.')}; see {command} --help"


if __name__ == "__main__":
    program()
