"""The style of this repository, as far as a machine can see it."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = (
    "schemas",
    "streams",
    "feeds",
    "features",
    "models",
    "agents",
    "replay",
    "operations",
    "monitoring",
    "chaos",
    "console",
)
CODE = (*PACKAGES, "tests", "benchmarks")
ROOT_FILES = ("README.md", "CHANGELOG.md", "justfile", "docker-compose.yml", "Dockerfile", "pyproject.toml", ".ci/run")

LINES_MAX = 400
BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "manager", "misc"}
CLOCK = "streams/clock.py"
CLOCK_CALLS = {
    ("time", "time"),
    ("time", "time_ns"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
}
DOCSTRING_CHARS_MIN = 20
LEFT_OVER = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b")
"""Put together, so that this file does not find itself."""

HOST_PATH = re.compile(r"(?<![\w.])(?:/root/|/Users/|/home/(?!j(?:ü|\\+u00fc)rgen/)[a-z])")
"""Folders of somebody's machine; jürgen lives in a doctest."""

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
NAMED_FILE = re.compile(rf"`((?:{'|'.join((*CODE, 'docs'))})/[\w./-]+)`")
BOUND = re.compile(r"^\| `([A-Z_]+)` \| `([\w/]+)\.py` \| ([\d.,]+) \|", re.MULTILINE)


def python_files() -> list[Path]:
    return sorted(path for folder in CODE for path in (REPOSITORY / folder).rglob("*.py"))


def texts() -> list[Path]:
    documents = sorted((REPOSITORY / "docs").rglob("*.md"))
    return [*python_files(), *documents, *(REPOSITORY / name for name in ROOT_FILES)]


def markdown() -> list[Path]:
    return [path for path in texts() if path.suffix == ".md"]


def name_of(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    long = {name_of(p): n for p in python_files() if (n := len(p.read_text(encoding="utf-8").splitlines())) > LINES_MAX}
    assert not long, f"split by concept; {LINES_MAX} lines are the most"


def test_no_module_is_a_drawer() -> None:
    assert not [
        name_of(p) for p in python_files() if p.stem.strip("_") in BANNED_NAMES or p.parent.name in BANNED_NAMES
    ]


def test_nothing_is_left_for_later() -> None:
    assert not [name_of(path) for path in texts() if LEFT_OVER.search(path.read_text(encoding="utf-8"))]


def clock_calls(path: Path) -> Iterator[int]:
    """Lines that ask for the time of day."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            if (owner, node.attr) in CLOCK_CALLS:
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and any((node.module, name.name) in CLOCK_CALLS for name in node.names):
            yield node.lineno


def test_only_one_module_reads_the_clock_of_the_wall() -> None:
    # Tests may: they hold what a stamp says against a clock that is not the one under test.
    files = [path for path in python_files() if name_of(path) != CLOCK and not name_of(path).startswith("tests/")]
    found = [f"{name_of(path)}:{line}" for path in files for line in clock_calls(path)]
    assert not found, f"ask {CLOCK}"


def test_every_package_says_what_it_is() -> None:
    for package in PACKAGES:
        said = ast.get_docstring(ast.parse((REPOSITORY / package / "__init__.py").read_text(encoding="utf-8"))) or ""
        assert len(said) >= DOCSTRING_CHARS_MIN, package


def test_nothing_names_a_folder_of_somebodys_machine() -> None:
    own = str(REPOSITORY)
    found = [
        f"{name_of(path)}: {line.strip()[:80]}"
        for path in texts()
        if path != Path(__file__)
        for line in path.read_text(encoding="utf-8").splitlines()
        if own in line or HOST_PATH.search(line)
    ]
    assert not found


def anchors(document: Path) -> set[str]:
    """Anchors that a document's headings make: lower case, no punctuation, a dash for each space."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", markdown(), ids=name_of)
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_every_file_that_is_named_exists() -> None:
    named = {
        (name_of(document), file) for document in texts() for file in NAMED_FILE.findall(document.read_text("utf-8"))
    }
    assert len(named) > 50
    assert not [(document, file) for document, file in named if not (REPOSITORY / file).exists()]


def test_every_decision_is_numbered_and_says_why() -> None:
    records = sorted((REPOSITORY / "docs" / "adr").glob("*.md"))
    for number, record in enumerate(records, start=1):
        text = record.read_text(encoding="utf-8")
        assert record.name.startswith(f"{number:04}-")
        assert text.startswith(f"# {number:04}: ")
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


def bounds() -> list[tuple[str, str, str]]:
    return BOUND.findall((REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("constant", "module", "value"), bounds())
def test_every_bound_has_the_value_that_the_documents_say(constant: str, module: str, value: str) -> None:
    assert getattr(importlib.import_module(module.replace("/", ".")), constant) == float(value.replace(",", ""))


def test_the_bounds_are_found() -> None:
    assert len(bounds()) > 20
