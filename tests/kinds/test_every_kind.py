"""Every kind of error is triggered through real code, and comes as ``docs/errors.md`` says; none is without one."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import errors
from schemas.error_kinds import GROUPS, KINDS
from schemas.error_page import page
from schemas.errors import TapedeckError
from tests.kinds import (
    archive_kinds,
    cluster_kinds,
    execution_kinds,
    export_kinds,
    history_kinds,
    input_kinds,
    instrument_kinds,
    live_kinds,
    log_kinds,
    pin_kinds,
    refused_kinds,
    replay_kinds,
    risk_kinds,
    use_kinds,
)
from tests.kinds.registry import ON_KAFKA, TRIGGERS, Desk, came

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["importlinter"]["root_packages"]
PAGE = REPOSITORY / "docs" / "errors.md"
TREE = {name for name, found in vars(errors).items() if isinstance(found, type) and issubclass(found, TapedeckError)}
BY_CODE = {getattr(errors, name).code: getattr(errors, name) for name in TREE}
PARTS = {"got", "allowed", "where", "fix"}
CHARS_MAX = 1_500

assert {
    archive_kinds,
    cluster_kinds,
    execution_kinds,
    export_kinds,
    history_kinds,
    input_kinds,
    instrument_kinds,
    use_kinds,
    log_kinds,
    live_kinds,
    refused_kinds,
    replay_kinds,
    risk_kinds,
    pin_kinds,
}  # imported for what they register


def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "make it anew: just docs"


def test_every_kind_has_a_trigger_and_every_trigger_a_kind() -> None:
    assert set(TRIGGERS) == set(KINDS)


@pytest.mark.parametrize("code", sorted(TRIGGERS.keys() - ON_KAFKA))
def test_a_kind_comes_about_as_documented(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(code, Desk(tmp_path, monkeypatch))


@pytest.mark.parametrize("code", sorted(ON_KAFKA))
def test_a_kind_of_kafkas_comes_about_as_documented(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    check(code, Desk(tmp_path, monkeypatch, request.getfixturevalue("kafka").bootstrap))


def check(code: str, desk: Desk) -> None:
    found = came(code, desk)
    kind = KINDS[code]
    assert f"| `{code}` | {kind.meaning} | {kind.do} |\n" in PAGE.read_text(encoding="utf-8")
    assert all(text.endswith(".") and len(text) > 4 for text in (kind.meaning, kind.do))
    if isinstance(found, tuple):
        assert found[0] == code
        return
    assert found.kind == code
    assert type(found) is BY_CODE[kind.group.code]
    assert kind.group.end in (f"exit {found.exit_code}", "a dead letter; the run goes on")
    assert len(str(found).splitlines()) == 1
    assert len(str(found)) < CHARS_MAX
    # What was got, or where it is, or what to do: no error leaves its reader with the message alone.
    assert found.got or found.where or found.fix


def test_a_group_ends_as_its_class_says() -> None:
    for group in GROUPS:
        error = BY_CODE.get(group.code)
        if error is None or issubclass(error, errors.BadInput):
            continue
        assert group.end == f"exit {error.exit_code}"
    assert TREE - {"TapedeckError"} == {BY_CODE[g.code].__name__ for g in GROUPS if g.code in BY_CODE}


# ---- the code


class Site:
    """One place that makes an error."""

    def __init__(self, path: Path, call: ast.Call, function: ast.AST | None) -> None:
        self.place = f"{path.relative_to(REPOSITORY)}:{call.lineno}"
        self.error = call.func.id if isinstance(call.func, ast.Name) else ""
        self.kind = next((k.value for k in call.keywords if k.arg == "kind"), None)
        self.function = function


def sites() -> Iterator[Site]:
    """Calls of a class of the tree, or of a variable, with an error's parts."""
    for path in sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        owner: dict[ast.AST, ast.AST] = {}
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                owner.update(dict.fromkeys(ast.walk(function), function))
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                parts = PARTS & {keyword.arg for keyword in call.keywords}
                if call.func.id in TREE or (call.func.id == "error" and parts):
                    yield Site(path, call, owner.get(call))


def words_of(code_text: str) -> set[str]:
    return set(re.findall(r'"([a-z_]+)"', code_text))


def test_every_place_that_makes_an_error_names_its_kind() -> None:
    found = list(sites())
    assert len(found) > 100
    without = [site.place for site in found if site.kind is None]
    assert not without, 'give each kind="word", put the word into schemas/kinds_of_*.py, and trigger it in tests/kinds'
    for site in found:
        if isinstance(site.kind, ast.Constant):
            classes = [site.error] if site.error in TREE else ["BrokerError", "TaskFailed"]
            codes = [f"{getattr(errors, name).code}.{site.kind.value!s}" for name in classes]
            assert all(code in KINDS for code in codes), site.place


def test_every_word_of_the_table_is_named_somewhere() -> None:
    text = "".join(
        path.read_text(encoding="utf-8")
        for package in PACKAGES
        for path in (REPOSITORY / package).rglob("*.py")
        if not path.name.startswith(("kinds_of_", "error_"))
    )
    named = words_of(text) | {code.partition(".")[2] for code in re.findall(r'code="([a-z_.]+)"', text)}
    assert not [code for code in KINDS if "." in code and code.partition(".")[2] not in named]
