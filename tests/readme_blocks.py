"""README.md's code blocks, and how they are run: word for word, as a reader would, in a folder and a home of their own.

A block's info string says what it needs: ``sh`` runs by itself, ``sh kafka`` and ``python kafka`` want a cluster with a
run in it, ``sh headline`` is what a bare machine begins with and is run by ``.ci/run``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
README = REPOSITORY / "README.md"
BLOCK_S_MAX = 240
"""No block of a README may take longer; nobody would wait for it."""

_BLOCK = re.compile(r"^```(\w+) ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILES = ("agents/limits.toml",)
"""Files of the repository that blocks name by their path in it."""


@dataclass(frozen=True, slots=True)
class Block:
    """One code block.

    Attributes:
        language: ``sh`` or ``python``; others are pictures.
        needs: ``kafka``, ``headline`` or nothing.
        text: What stands in it.
        line: Where it begins.
    """

    language: str
    needs: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"line {self.line}: {self.text.splitlines()[0][:40]}"


def blocks(language: str, needs: str) -> list[Block]:
    """Blocks of one kind, in order."""
    text = README.read_text(encoding="utf-8")
    found = [Block(m[1], m[2], m[3], text.count("\n", 0, m.start()) + 1) for m in _BLOCK.finditer(text)]
    return [block for block in found if (block.language, block.needs) == (language, needs)]


def run(block: Block, folder: Path, variables: Mapping[str, str]) -> str:
    """What a block prints; it must succeed. Nothing of the user's is read or written."""
    for name in _FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, folder / name)
    environment = {name: value for name, value in os.environ.items() if name != "TAPEDECK_BOOTSTRAP"}
    environment |= {"TAPEDECK_HOME": str(folder / "home"), **variables}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    shell = ["bash", "-euo", "pipefail", "-c"] if block.language == "sh" else [sys.executable, "-c"]
    done = subprocess.run(
        [*shell, block.text], cwd=folder, env=environment, capture_output=True, text=True, timeout=BLOCK_S_MAX,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"README.md, {block}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def table(heading: str) -> list[str]:
    """First cells, without their back-quotes, of the first table below a heading or a bold word."""
    _, found, below = README.read_text(encoding="utf-8").partition(heading)
    assert found, f"README.md has no {heading!r}"
    rows = re.search(r"^\|.*\n\|(?: --- \|)+\n((?:\|.*\n)+)", below, re.MULTILINE)
    assert rows is not None, f"README.md has no table below {heading!r}"
    cells = [row.split("|")[1].strip() for row in rows[1].splitlines()]
    return [name for cell in cells for name in (re.findall(r"`([^`]*)`", cell) or [cell])]
