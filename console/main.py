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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    Args:
        arguments: As typed after ``tapedeck``; None for the process's own.
    """
    try:
        return _run(arguments)  # which imports the rest: ctrl-C is heard while it does
    except KeyboardInterrupt:
        sys.stderr.write(f"{PROGRAM}: interrupted\n")
        return INTERRUPTED_EXIT


def _run(arguments: Sequence[str] | None) -> int:
    import typer

    from console.app import app
    from console.interrupts import Interrupted, Interrupts
    from console.terminal import OutputClosed, complain, mute
    from schemas.errors import TapedeckError

    try:
        with Interrupts():  # SIGTERM as well, and told apart from a command that reports 130 by itself
            code = app(args=arguments, prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except typer.TyperException as error:
        complain(_usage(error))
        return USAGE_EXIT
    except TapedeckError as error:
        complain(f"{PROGRAM}: {error}")
        return error.exit_code
    except (OutputClosed, BrokenPipeError):
        mute()
        return 0
    except (Interrupted, typer.Abort) as error:
        raise KeyboardInterrupt from error
    except Exception as error:  # a fault of ours: one line for the user, the rest for whoever mends it
        from console.crash import CRASH_EXIT, report_crash

        complain(f"{PROGRAM}: {report_crash(error)}")
        return CRASH_EXIT


def _usage(error: Exception) -> str:
    """One line for a wrong argument: which command, what is wrong, where help is."""
    context = getattr(error, "ctx", None)
    command = PROGRAM if context is None else context.command_path
    said = error.format_message() if hasattr(error, "format_message") else str(error)
    return f"{command}: {' '.join(said.split()).rstrip('.')}; see {command} --help"


if __name__ == "__main__":
    sys.exit(main())
