"""An option that takes several files after one flag: ``--capture a.gz b.gz``, as shells expand ``--capture *.gz``.

Options of the parser below take a fixed number of values. So the command spreads its arguments before they are parsed:
``--capture a b`` becomes ``--capture a --capture b``; repeating the flag works as well.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

FLAG = "--capture"


class CaptureCommand(TyperCommand):
    """A command whose ``--capture`` takes one file or more."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Spread, then parse as ever."""
        return super().parse_args(ctx, spread(args, FLAG))


def spread(args: list[str], flag: str) -> list[str]:
    """Arguments with ``flag`` before each of the values that follow it, up to the next option.

    A file whose name begins with a dash is given as ``./-name``.

    >>> spread(["--capture", "a", "b", "--json", "--capture=c", "d"], "--capture")
    ['--capture', 'a', '--capture', 'b', '--json', '--capture=c', '--capture', 'd']
    """
    out: list[str] = []
    values = 0
    taking = False
    for i, arg in enumerate(args):
        if arg == "--":
            return out + args[i:]
        if arg.startswith("-"):
            taking = arg == flag or arg.startswith(flag + "=")
            values = int(arg != flag)
        elif taking:
            if values:
                out.append(flag)
            values += 1
        out.append(arg)
    return out
