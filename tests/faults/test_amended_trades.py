"""A trade that is taken back or corrected, on its way through all hops: everybody sees it, and no order comes of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from console.provenance import drawn
from feeds.simulated_faults import AMENDED_NS, busted, corrected
from replay.cut import Cut
from replay.export.exporting import export
from replay.parity import compare
from replay.pins.pinning import pin
from replay.pins.playing import open_pin
from replay.pins.selection import select
from replay.provenance import provenance
from replay.replay_what import Asked
from replay.replaying import MemoryReplay
from schemas.codec import decode_any
from schemas.execution import Execution
from schemas.intent import Intent
from schemas.score import SCORE
from schemas.tick import ACTION_TRADE, FLAG_CORRECTION, FLAG_RETRACTION, FLAGS_AMENDED, TICK
from streams.home import HOME_VARIABLE
from tests.replay_desk import plan_of
from tests.spine_runs import assert_same, assert_sound, played, sliced

LINES = 3_000
TICKS = "ticks.<source>"
SPOT, LINEAR = 0, 1


@pytest.fixture(scope="module")
def plain(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return sliced(data_dir, tmp_path_factory.mktemp("plain"), LINES)


@pytest.fixture(scope="module")
def amended(plain: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same frames; the venue takes a spot trade back, and corrects a linear one."""
    folder = tmp_path_factory.mktemp("amended")
    paths = [folder / path.name for path in plain]
    for path, source, amend in zip(paths, plain, (busted, corrected), strict=True):
        path.write_bytes(b"".join(with_amendment(source.read_bytes().splitlines(keepends=True), amend)))
    return paths


def with_amendment(lines: list[bytes], amend: Any) -> list[bytes]:
    """A recording in which the twentieth trade is amended a little later."""
    trades = [line for line in lines if b'"e":"trade"' in line]
    stamp, _, trade = trades[20].partition(b" ")
    at = next(i for i, line in enumerate(lines) if int(line.partition(b" ")[0]) > int(stamp) + AMENDED_NS)
    then = lines[at].partition(b" ")[0]
    return [*lines[:at], then + b" " + amend(trade.rstrip()) + b"\n", *lines[at:]]


@pytest.fixture(scope="module")
def run(amended: list[Path]) -> dict[str, Any]:
    summary = played(amended)
    assert_sound(summary)
    return summary


def rows(run: dict[str, Any], table: str, dtype: Any) -> Any:
    log, topic = run["log"], run["plan"].topic(table)
    found = [r.value for r in log.scan(topic, 0, 0, committed=True) if r.value and len(r.value) % dtype.itemsize == 0]
    return np.concatenate([np.frombuffer(value, dtype) for value in found])


def documents(run: dict[str, Any], table: str, event: type[Any]) -> list[Any]:
    found = [decode_any(r.value) for r in run["log"].scan(run["plan"].topic(table), 0, 0, committed=True)]
    return [document for document in found if isinstance(document, event)]


def amendments(ticks: Any) -> Any:
    return ticks[ticks["flags"] & FLAGS_AMENDED != 0]


def place_of(run: dict[str, Any], wanted: Any) -> tuple[int, int]:
    """Offset and row of a tick."""
    for record in run["log"].scan(run["plan"].topic(TICKS), 0, 0, committed=True):
        if len(record.value) % TICK.itemsize == 0:
            found = np.flatnonzero(np.frombuffer(record.value, TICK) == wanted)
            if len(found):
                return record.offset, int(found[0])
    raise AssertionError("no such tick")


def test_every_hop_passes_on_what_the_venue_said_again(run: dict[str, Any]) -> None:
    ticks = rows(run, TICKS, TICK)
    back, was, now = sorted(amendments(ticks), key=lambda row: (int(row["instrument_id"]), int(row["root_part"])))
    assert [int(row["flags"] & FLAGS_AMENDED) for row in (back, was, now)] == [
        FLAG_RETRACTION, FLAGS_AMENDED, FLAG_CORRECTION,
    ]  # fmt: skip
    for row in (back, was):
        (told,) = ticks[(ticks["action"] == ACTION_TRADE) & (ticks["sequence"] == row["sequence"])
                        & (ticks["instrument_id"] == row["instrument_id"])]  # fmt: skip
        assert [told[name] for name in ("price", "size", "side")] == [row[name] for name in ("price", "size", "side")]
    assert run["dead_letters"] == 0
    scored = {(int(r["root_seq"]), int(r["root_part"])): int(r["flags"]) for r in rows(run, "scores", SCORE)}
    for row in (back, was, now):
        assert scored[int(row["root_seq"]), int(row["root_part"])] == row["flags"]


def test_no_order_comes_of_it_and_every_other_is_what_it_would_have_been(
    run: dict[str, Any], plain: list[Path]
) -> None:
    """Roots count on over the two messages, so ids differ; what was wanted and what was filled does not."""
    reference = played(plain)
    assert run["ticks"] == reference["ticks"] + 3
    assert run["trades"] == reference["trades"]

    def wanted(summary: dict[str, Any]) -> list[Any]:
        intents = documents(summary, "orders.intent", Intent)
        return [(i.ts, i.instrument, i.side, i.quantity, i.limit_price, i.target) for i in intents]

    def filled(summary: dict[str, Any]) -> list[Any]:
        reports = documents(summary, "executions", Execution)
        return [(e.ts, e.instrument, e.side, e.last_quantity, e.last_price, e.status) for e in reports]

    assert len(wanted(run)) > 20
    assert wanted(run) == wanted(reference)
    assert filled(run) == filled(reference)
    roots = {int(row["root_seq"]) for row in amendments(rows(run, TICKS, TICK))}
    assert roots.isdisjoint(intent.root.seq for intent in documents(run, "orders.intent", Intent))


@pytest.mark.parametrize("split", [False, True])
def test_any_cut_gives_the_same_bytes(run: dict[str, Any], amended: list[Path], split: bool) -> None:
    again = played(amended, Cut(seed=5, records_max=7, frame_rows=3, commit_interval_s=0.05), split=split)
    assert_same(again, run)
    assert (rows(again, TICKS, TICK) == rows(run, TICKS, TICK)).all()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    return tmp_path


def test_a_pin_knows_a_retraction_from_the_time_on_at_which_it_came(run: dict[str, Any], home: Path) -> None:
    log = run["log"]
    ticks = rows(run, TICKS, TICK)
    at = int(min(row["ts_log"] for row in amendments(ticks) if row["flags"] & FLAG_RETRACTION))
    since, until = int(ticks["ts_log"].min()) - 10**9, int(ticks["ts_log"].max()) + 10**9
    for cutoff in (at - 1, at):
        wanted = select(log.names(), since, until, now=until + 10**15, known_by=cutoff, run=run["plan"].run)
        made = pin(log, wanted, ts=until + 10**15)
        asked = Asked("pin", run["plan"].namespace, pin=made)
        export(log, asked, run["plan"].topic(TICKS), home / "ticks.parquet")
        flags = np.array(pq.read_table(home / "ticks.parquet")["flags"])
        assert len(flags) == np.count_nonzero(ticks["ts_log"] <= cutoff)
        assert bool(np.any(flags & FLAG_RETRACTION)) == (cutoff == at)
        replay = MemoryReplay(plan_of(open_pin(log, made)), cut=Cut(3))
        replay.run()
        assert compare(replay.plan, replay.log).differing == []
        topic = next(name for name in replay.log.names() if name.startswith("replay.") and ".ticks." in name)
        values = [r.value for r in replay.log.scan(topic, 0, 0, committed=True) if len(r.value) % TICK.itemsize == 0]
        found = np.concatenate([np.frombuffer(value, TICK) for value in values])
        assert bool(len(amendments(found))) == (cutoff == at)


def test_provenance_walks_from_the_trade_to_what_amended_it_and_back(run: dict[str, Any]) -> None:
    ticks = rows(run, TICKS, TICK)
    topic = run["plan"].topic(TICKS)
    for row in amendments(ticks):
        offset, number = place_of(run, row)
        told = provenance(run["log"], topic, 0, offset, number)
        trade = told["amends"]
        assert (trade["sequence"], told["amended"]) == (int(row["sequence"]), [])
        assert trade["ts_recv"] < row["ts_recv"] == told["raw"]["first_seen_ns"]
        back = provenance(run["log"], topic, 0, trade["offset"], trade["row"])
        assert (back["amends"], len(back["amended"])) == (None, 1)
        (said,) = back["amended"]
        corrects = bool(row["flags"] & FLAG_CORRECTION)
        assert said["how"] == ("corrected" if corrects else "busted")
        assert said["ts_recv"] == row["ts_recv"]
        assert (said["price"], said["size"]) == (trade["price"], trade["size"])
        assert ("now" in said) == corrects
        if row["flags"] & FLAGS_AMENDED == FLAG_CORRECTION:
            assert (said["now"]["offset"], said["now"]["row"], said["now"]["price"]) == (offset, number, row["price"])
        assert shown(back).count("corrected by" if corrects else "busted by") == 1
        assert "amends the trade told by" in shown(told)


def test_a_trade_that_stands_and_a_score_of_one_that_does_not_are_told_as_such(run: dict[str, Any]) -> None:
    ticks = rows(run, TICKS, TICK)
    trades = ticks[ticks["action"] == ACTION_TRADE]
    standing = provenance(run["log"], run["plan"].topic(TICKS), 0, *place_of(run, trades[0]))
    assert (standing["amended"], standing["amends"]) == ([], None)
    taken = {(int(r["instrument_id"]), int(r["sequence"])) for r in amendments(ticks)}
    root = next(int(t["root_seq"]) for t in trades if (int(t["instrument_id"]), int(t["sequence"])) in taken)
    topic = run["plan"].topic("scores")
    for record in run["log"].scan(topic, 0, 0, committed=True):
        found = np.flatnonzero(np.frombuffer(record.value, SCORE)["root_seq"] == root)
        if len(found):
            told = provenance(run["log"], topic, 0, record.offset, int(found[0]))
            break
    assert len(told["amended"]) == 1


def shown(told: dict[str, Any]) -> str:
    from rich.console import Console

    console = Console(width=200)
    with console.capture() as captured:
        console.print(drawn(told))
    return captured.get()


def test_the_simulators_session_has_a_bust_and_a_correction_and_no_dead_letter() -> None:
    summary = played((), seconds=80.0, seed=3, instruments=1)
    assert_sound(summary)
    counted = Counter((amendments(rows(summary, TICKS, TICK))["flags"] & FLAGS_AMENDED).tolist())
    assert counted[FLAG_RETRACTION] >= 1
    assert counted[FLAGS_AMENDED] == counted[FLAG_CORRECTION] >= 1
    assert summary["dead_letters"] == 0
