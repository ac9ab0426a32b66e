"""Any arguments: a line and an exit code, never a traceback. Nothing is started: what would be is stood in for."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from console.main import main
from schemas.error_kinds import KINDS
from schemas.errors import BrokerError
from streams.home import HOME_VARIABLE
from tests.fuzz.test_doors import BOUNDED

WORDS = (
    "demo", "feed", "check", "topics", "list", "tail", "broker", "status", "down", "binance", "orders", "--help",
    "--version", "--json", "--seconds", "--seed", "--speed", "--venue-latency-ms", "--capture", "--log", "memory",
    "kafka", "--split", "--kill", "--limits", "--model", "--bootstrap", "--log-format", "json", "text", "--all",
    "--run", "live", "-n", "--follow", "--port", "risk@5", "risk@", "feed@0", "max", "1", "0", "-1", "nan", "1e999",
    "a:1", "::1", "[::1]:9", "--", "-", "--speed=", "--log-format=json", "--log-format=", ".", "file", "\udcff",
    "ü" * 300, "\x1b[2J", "a\nb", "up", "top", "risk", "halt", "resume", "show", "limits", "set", "history", "--scope",
    "all", "instrument", "--reason", "why", "default.notional_max=5", "a.b.c=", "=", "--only", "--author",
)  # fmt: skip
arguments = st.lists(
    st.one_of(st.sampled_from(WORDS), st.text(st.characters(exclude_characters="\0"), max_size=8)), max_size=7
)


@pytest.fixture(scope="module")
def nothing_starts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of its own, without a broker, and a run that is not played."""

    def away(*_: Any, **__: Any) -> Any:
        raise BrokerError("no broker here", kind="away", where="127.0.0.1:1")

    folder = tmp_path_factory.mktemp("desk")
    (folder / "file").write_bytes(b"\x1f\x8bgarbage")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(folder))
        for name in ("TAPEDECK_BOOTSTRAP", "TAPEDECK_LOG_FORMAT"):
            patch.delenv(name, raising=False)
        patch.chdir(folder)
        patch.setattr("console.play.play", lambda *_a, **_k: 0)
        patch.setattr("console.live_run.run_live", lambda *_a, **_k: 0)
        patch.setattr("streams.kafka.connect", away)
        patch.setattr("streams.broker.EmbeddedBroker.up", away)
        yield folder


def test_any_arguments_are_answered(nothing_starts: Path) -> None:
    @BOUNDED
    @given(arguments)
    @example(["demo", "--log", "memory", "--seconds", "1"])
    @example(["--log-format"])
    @example(["feed", "check", "binance", "--capture", "file"])
    @example(["demo", "--kill", "risk@²"])
    @example(["demo", "--seed", "9" * 5_000])
    def type_in(typed: list[str]) -> None:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), "utf-8")):
            code = main(typed)
        lines = said.getvalue().splitlines()
        assert code in (0, 1, 2, 3), (typed, lines)
        if code > 1:
            assert len(lines) == 1, typed
            told = lines[0].rpartition("[")[2].rstrip("]")
            if lines[0].startswith("{"):
                told = json.loads(lines[0])["code"]
            assert told in KINDS
        assert not list((nothing_starts / "crashes").glob("*"))

    type_in()
