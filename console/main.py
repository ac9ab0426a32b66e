"""Where ``tapedeck`` begins and ends: runs one command and turns whatever goes wrong into one line and an exit code.

Exit codes: 0 done; 1 done, and something is wrong with what was found (records lost or doubled, a capture cut short);
2 a flag, file or variable is wrong, nothing was started; 3 Kafka; 4 a broken promise in the log; 5 a task that could
not be kept alive; 70 a fault of Tapedeck itself; 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

INTERRUPTED_EXIT = 130
"""128 and the number of SIGINT, as shells report it."""
USAGE_EXIT = 2
PROGRAM = "tapedeck"
LOG_FORMAT_FLAG = "--log-format"


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
    from console.terminal import OutputClosed, mute
    from schemas.errors import TapedeckError
    from streams.logs import fields_of

    try:
        with Interrupts():  # SIGTERM as well, and told apart from a command that reports 130 by itself
            code = app(args=list(arguments), prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except typer.TyperException as error:
        _failed(_usage(error), USAGE_EXIT, {"code": "usage"})
        return USAGE_EXIT
    except TapedeckError as error:
        _failed(f"{PROGRAM}: {error.told}", error.exit_code, fields_of(error))
        return error.exit_code
    except (OutputClosed, BrokenPipeError):
        mute()
        return 0
    except (Interrupted, typer.Abort) as error:
        raise KeyboardInterrupt from error
    except Exception as error:  # a fault of ours: one line for the user, the rest for whoever mends it
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
    sys.exit(main())
