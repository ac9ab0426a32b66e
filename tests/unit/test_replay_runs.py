"""Replays that were: one that a release cut into spans is one replay, listed once and removed whole."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from console import replay_runs
from replay.replay_report import keep
from schemas.errors import ConfigError
from streams.home import HOME_VARIABLE, runs_dir
from streams.log import TopicSpec
from streams.memory import MemoryLog

RUN, OTHER = "20261125t074501-ab12", "20261125t074501-ab1"
REPORT = {"what": "live", "speed": "max", "ticks": 5, "identical": True}


@pytest.fixture
def removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Topics that are removed; there is a replay of two spans, another one, and a live topic."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    log = MemoryLog()
    log.create([TopicSpec(f"replay.{run}.{t}") for run in (RUN, f"{RUN}-span2", OTHER) for t in ("control", "orders")])
    log.create([TopicSpec("orders")])
    for run in (RUN, f"{RUN}-span2", OTHER):
        (runs_dir() / run).mkdir(parents=True)
        keep(REPORT, runs_dir() / run)
    gone: list[str] = []
    monkeypatch.setattr(replay_runs, "connect", lambda _bootstrap: log)
    monkeypatch.setattr(replay_runs, "remove_topics", lambda _bootstrap, names: gone.extend(names))
    return gone


def test_a_replay_of_several_spans_is_listed_once(removed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    replay_runs.list_runs("x", as_json=True)
    rows = orjson.loads(capsys.readouterr().out)["replays"]
    assert [(row["run"], row["topics"]) for row in rows] == [(OTHER, 2), (RUN, 4)]
    assert removed == []


def test_deleting_it_removes_what_all_its_spans_left(removed: list[str]) -> None:
    replay_runs.delete_run("x", RUN, as_json=True)
    assert sorted(removed) == sorted(
        f"replay.{run}.{t}" for run in (RUN, f"{RUN}-span2") for t in ("control", "orders")
    )
    assert [path.name for path in runs_dir().iterdir()] == [OTHER]


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ({"identical": True, "asks": "was it so"}, 0), ({"identical": False, "asks": "was it so"}, 1),
        ({"identical": False, "asks": "what if"}, 0), ({"identical": False, "asks": "what if", "against": "r0"}, 1),
    ],
)  # fmt: skip
def test_a_replay_shown_again_exits_as_it_did(
    report: dict[str, object], code: int, removed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    keep({**REPORT, **report}, runs_dir() / RUN)
    assert replay_runs.show_run(RUN, as_json=True) == code
    assert orjson.loads(capsys.readouterr().out)["asks"] == report["asks"]
    assert removed == []
    assert [path.name for path in (runs_dir() / RUN).iterdir()] == ["replay.json"], "nothing is left beside it"


def test_a_span_alone_is_no_replay(removed: list[str]) -> None:
    with pytest.raises(ConfigError, match="no such run"):
        replay_runs.delete_run("x", f"{RUN}-span2", as_json=True)
    assert removed == []
