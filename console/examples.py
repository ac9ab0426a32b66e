"""The examples at the end of a command's help."""

from __future__ import annotations

from collections.abc import Iterable


def epilog(command: str, examples: Iterable[str]) -> str:
    r"""What typer prints below the options, lines kept as they are.

    >>> epilog("top", ["", "--once --json"])
    '\x08\nExamples:\n  tapedeck top\n  tapedeck top --once --json'
    """
    return "\b\nExamples:\n" + "\n".join(f"  tapedeck {command} {example}".rstrip() for example in examples)
