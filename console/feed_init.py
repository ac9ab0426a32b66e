"""``tapedeck feed init``: a folder with a publisher of one's own source, that runs at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.init import template, write_project
from console.terminal import emit
from schemas.errors import ConfigError

EXAMPLES = ("acme", "sources/acme --json")
"""Shown by ``--help``."""

FILES = ("publisher.py", "test_publisher.py", "topology.toml", "README.md")
"""What is written, in the order of reading."""


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Folder to make; its last part names the source.")],
    json: Annotated[bool, typer.Option("--json", help="Print what was written as one JSON object.")] = False,
) -> None:
    """Write a publisher of your own source: JSON ticks to raw.NAME, its test, and a topology that trades on it.

    It runs as it is, on a made-up market: replace two functions. Nothing is overwritten: the folder must not be there,
    or be empty.
    """
    from schemas.sources import SOURCES, is_source_name

    source = Path(name).name
    if source in SOURCES or (source and not is_source_name(source)):
        raise ConfigError(
            "not a name for a source of your own", kind="source_name", got=source, where="NAME",
            allowed=f"ASCII letters, digits, - and _, 64 at most; none of {', '.join(SOURCES)}",
        )  # fmt: skip
    folder = write_project(name, FILES, lambda file: template("source", file))
    if json:
        import orjson

        emit(orjson.dumps({"folder": str(folder), "files": list(FILES)}).decode())
        return
    emit("\n".join([f"{folder}/", *(f"  {file}" for file in FILES), f"see {folder}/README.md"]))
