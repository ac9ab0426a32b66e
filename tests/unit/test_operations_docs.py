"""Commands and code in docs/operations.md and docs/guarantees.md: what is told to be typed is understood."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from agents.topology_file import TopologyFile, read_as
from console.app import app
from schemas.error_kinds import KINDS
from schemas.header import Header, pack

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [DOCS / "operations.md", DOCS / "guarantees.md"]
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(tapedeck [^`|]+?)(?: \| [^`]*)?`")


def blocks(language: str) -> list[str]:
    return [body for page in PAGES for name, body in BLOCK.findall(page.read_text("utf-8")) if name == language]


def commands() -> list[str]:
    typed = [line for body in blocks("sh") for line in body.splitlines() if line.startswith("tapedeck ")]
    told = [found for page in PAGES for found in INLINE.findall(page.read_text("utf-8"))]
    return sorted({*typed, *told})


@pytest.mark.parametrize("line", commands())
def test_a_command_that_is_told_is_understood(line: str) -> None:
    words = shlex.split(line.replace("TASK", "risk"))[1:]
    command: Any = typer.main.get_command(app)
    context: Any = None
    for _ in range(4):
        context = command.make_context(command.name, list(words), parent=context, resilient_parsing=len(words) < 2)
        if not hasattr(command, "resolve_command"):
            return
        words = [*context._protected_args, *context.args]
        assert words, line
        name, command, words = command.resolve_command(context, words)
        assert command is not None, f"{line}: no command {name}"
        if line.split()[-1] == name and name in ("retry", "halt", "show"):
            return  # named in passing, without what it needs


def test_every_code_that_is_named_is_a_kind() -> None:
    named = {code for page in PAGES for code in re.findall(r"`\[([a-z_.]+)\]`", page.read_text("utf-8"))}
    assert len(named) > 10
    assert not named - KINDS.keys()


def test_the_topology_that_is_shown_is_one(tmp_path: Path) -> None:
    (body,) = blocks("toml")
    file = tmp_path / "topology.toml"
    file.write_text("\n".join(line.strip() for line in body.splitlines()))
    assert (
        tomllib.loads(file.read_text())["tasks"]["bad_share_max"]
        == read_as(file, TopologyFile, "x").tasks.bad_share_max
    )


def test_the_number_is_where_other_languages_are_told_that_it_stands() -> None:
    (body,) = blocks("python")
    told: dict[str, Any] = {}
    exec(body, told)
    td = pack(Header(schema=19, version=2, seq=2**40 + 7, time=1, writer="risk"))
    assert (told["seq_of"](td), told["count_of"](td)) == (2**40 + 7, 1)
