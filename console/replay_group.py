"""A group of commands with one that is meant where none is named: ``replay PIN`` means ``replay play PIN``.

What is no command of the group is an argument of that one. A pin that bears a command's name is reached by naming it:
``tapedeck replay play diff``.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

DEFAULT = "play"
"""The command that is meant where none is named."""

OF_THE_GROUP = ("--help",)
"""Options that the group answers itself where they come first."""


class ReplayGroup(TyperGroup):
    """The group; where it has no command ``DEFAULT``, it is a group like any other."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the command that was meant, then parse as ever."""
        return super().parse_args(ctx, meant(args, self.commands))


def meant(args: list[str], commands: Any) -> list[str]:
    """Arguments with the default command before them, where they name none.

    >>> meant(["2026-11-20", "--speed", "max"], {"play", "diff"})
    ['play', '2026-11-20', '--speed', 'max']
    >>> meant(["diff", "a", "b"], {"play", "diff"}), meant(["--help"], {"play"}), meant([], {"play"})
    (['diff', 'a', 'b'], ['--help'], [])
    """
    if DEFAULT not in commands or not args or args[0] in commands or args[0] in OF_THE_GROUP:
        return args
    return [DEFAULT, *args]
