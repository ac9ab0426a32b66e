"""``tapedeck init``: a folder with a desk of its own, commented, that runs at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from console.terminal import emit
from schemas.errors import ConfigError

EXAMPLES = ("momentum", "desks/momentum --json")
"""Shown by ``--help``."""

FILES = ("topology.toml", "strategy.py", "families.py", "view.toml", "model.toml", "limits.toml", "test_strategy.py",
         "README.md")  # fmt: skip
"""What is written, in the order of reading."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Folder to make; its last part names the strategy.")],
    json: Annotated[bool, typer.Option("--json", help="Print what was written as one JSON object.")] = False,
) -> None:
    """Write a project: topology, limits, view, model, a strategy and a feature of your own, and their tests.

    It runs as it is (cd NAME; tapedeck up). Nothing is overwritten: the folder must not be there, or be empty.
    """
    folder = write_project(name, FILES, _content)
    if json:
        import orjson

        emit(orjson.dumps({"folder": str(folder), "files": list(FILES)}).decode())
        return
    emit("\n".join([f"{folder}/", *(f"  {file}" for file in FILES), f"run it: cd {folder} && tapedeck up"]))


def write_project(name: str, files: Sequence[str], content: Callable[[str], str]) -> Path:
    """Write a folder of files, with the folder's name in place of ``@NAME@``.

    Raises:
        ConfigError: Not a name, the folder is in use, or it cannot be written.
    """
    folder = Path(name)
    if not _NAME.fullmatch(folder.name):
        raise ConfigError(
            "not a name", kind="bad_name", got=repr(folder.name), where="NAME",
            allowed="a letter, then letters, digits, - and _, 64 at most",
        )  # fmt: skip
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigError(
                "the folder is not empty", kind="folder_in_use", got=f"{len(list(folder.iterdir()))} entries",
                where=str(folder), fix="give another name",
            )  # fmt: skip
        for file in files:
            (folder / file).write_text(content(file).replace("@NAME@", folder.name), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            "the project cannot be written", kind="folder_unwritable", got=error.strerror or str(error),
            where=str(error.filename or folder),
        ) from error  # fmt: skip
    return folder


def template(group: str, file: str) -> str:
    """Text of a file of a template that ships; Python's bear .txt, so that no tool of ours takes them for its own."""
    from importlib.resources import files

    return files("console").joinpath(group, file if file.endswith(".toml") else f"{file}.txt").read_text("utf-8")


def _content(file: str) -> str:
    from importlib.resources import files

    if file == "limits.toml":
        return files("agents").joinpath("limits.toml").read_text(encoding="utf-8")
    return template("project", file)
