"""Purchased files from the first byte to orders, in memory: what cannot be used is one dead letter, told by its row."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from console.feed_files import open_files, run_files
from console.interrupts import Interrupts
from feeds.captures import open_captures
from feeds.file_rows import CsvRows, ParquetRows
from replay.plan import PlayPlan
from replay.session import MemorySession
from replay.summary import summarise
from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.errors import BadInput, ConfigError
from schemas.tick import TICK
from tests.spine_runs import assert_sound

MAP = """
instrument = "spot:EURUSD"
time = "ms since midnight"
timezone = "UTC"
date = "name:%Y%m%d"
delay_ms = 5
[columns]
time = 1
bid = 2
ask = 3
[values]
bid_size = "1000000"
ask_size = "1000000"
"""
OF_SEVERAL = """
event = "trade"
time = "iso"
timezone = "America/New_York"
[columns]
time = "at"
symbol = "ticker"
price = "px"
size = "qty"
side = "who"
[symbols]
FB = "spot:META"
[[definition]]
instrument = "spot:META"
instrument_id = 1001
base = "META"
quote = "USD"
price_increment = "0.01"
calendar = "XNAS"
"""
ROWS = 4_000


def captured(
    folder: Path, file: Path, text: str, kind: str = "csv"
) -> tuple[Path, dict[str, Any], list[tuple[int, BadInput]]]:
    """A capture of a file, what came of it, and the rows of which it was told that they will be refused."""
    where, out = folder / "map.toml", folder / "history.capture"
    where.write_text(text)
    refused: list[tuple[int, BadInput]] = []
    counts = run_files(
        lambda: "", kind, [file], where, out, publish=False, interrupts=Interrupts(),
        on_reject=lambda _path, line, error: refused.append((line, error)),
    )  # fmt: skip
    return out, counts, refused


def letters(session: MemorySession) -> list[tuple[str, dict[str, Any]]]:
    """Kind and payload of each dead letter."""
    found = [decode(r.value, DeadLetter) for r in session.log.scan(session.plan.topic("dlq"), 0, 0, committed=True)]
    raw = {r.offset: r.value for r in session.log.scan(session.plan.topic("raw.<source>"), 0, 0, committed=True)}
    return [(letter.kind, orjson.loads(raw[letter.offset])) for letter in found]


def run(capture: Path) -> tuple[MemorySession, dict[str, Any]]:
    session = MemorySession(PlayPlan(run="r", captures=[capture], speed=0.0))
    session.run(lambda: None)
    summary, _ = summarise(session)
    assert_sound(summary)
    return session, summary


@pytest.fixture(scope="module")
def quotes(data_dir: Path) -> bytes:
    with zipfile.ZipFile(data_dir / "oanda_fx" / "eurusd" / "20140501_quote.zip") as packed:
        lines = packed.read(packed.namelist()[0]).splitlines(keepends=True)
    return b"".join(lines[:ROWS])


def test_quotes_go_all_the_way_and_a_bad_row_does_not_stop_them(quotes: bytes, tmp_path: Path) -> None:
    file = tmp_path / "20140501_quote.csv"
    lines = quotes.splitlines(keepends=True)
    planted = {100: b"noon,1.38,1.39\n", 200: b"3,1.38\n", 300: lines[300].replace(b"1.38", b"1.38000000"),
               400: b"4000000,NaN,1.39\n", 500: b"\xff\xfe\n"}  # fmt: skip
    for at, line in planted.items():
        lines[at] = line
    file.write_bytes(b"".join(lines))
    capture, counts, refused = captured(tmp_path, file, MAP)
    assert counts == {
        "payloads": ROWS, "rejected": 5, "published_before": 0, "cut_short": 0, "interrupted": False,
    }  # fmt: skip
    session, summary = run(capture)
    assert (summary["ticks"], summary["dead_letters"]) == (ROWS - 5, 5)
    found = letters(session)
    assert [kind for kind, _ in found] == [error.kind for _, error in refused] == [
        "bad_payload.row_time", "bad_payload.row_columns", "bad_payload.too_fine", "bad_payload.not_finite",
        "bad_payload.row_columns",
    ]  # fmt: skip
    assert [payload["row"] for _, payload in found] == [line for line, _ in refused] == [at + 1 for at in planted]
    for (at, line), (_, payload) in zip(planted.items(), found, strict=True):
        assert payload["file"] == file.name
        assert len(payload["sha256"]) == 64
        assert payload["stood"] == line.decode(errors="backslashreplace").rstrip("\r\n"), at


def test_a_symbol_renamed_in_mid_file_waits_under_its_own_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "trades.csv"
    text = "at,ticker,px,qty,who\n" + "".join(
        f"2022-06-0{8 + (n >= 5)}T10:00:{n:02},{'META' if n >= 5 else 'FB'},190.{n:02},{n + 1},buy\n" for n in range(9)
    )
    file.write_text(text)
    capture, counts, refused = captured(tmp_path, file, OF_SEVERAL)
    assert (counts["payloads"], counts["rejected"]) == (1 + 9, 4)
    assert {error.kind for _, error in refused} == {"unknown_instrument.not_defined"}
    told = [line for line in capsys.readouterr().err.splitlines() if "the map does not know" in line]
    assert len(told) == 1
    assert f"{file}:7:" in told[0]
    # META the symbol is not spot:META the instrument: what was renamed to what is for people to say.
    assert [line.key for line in open_captures([capture])][-1] == b"spot:UNMAPPED_META"
    assert run(capture)[1]["dead_letters"] == 4
    folder = tmp_path / "again"
    folder.mkdir()
    capture = captured(folder, file, OF_SEVERAL.replace("[symbols]", '[symbols]\nMETA = "spot:META"'))[0]
    session, summary = run(capture)
    assert (summary["ticks"], summary["dead_letters"]) == (9, 0)
    rows = np.concatenate([
        np.frombuffer(record.value, TICK)
        for record in session.log.scan(session.plan.topic("ticks.<source>"), 0, 0, committed=True)
        if len(record.value) % TICK.itemsize == 0
    ])  # fmt: skip
    assert rows["price"].tolist() == [190_000_000_000 + n * 10_000_000 for n in range(9)]
    assert rows["size"].tolist() == list(range(1, 10))
    assert set(rows["side"].tolist()) == {ord("B")}
    assert datetime.fromtimestamp(int(rows["ts_event"][0]) // 10**9, UTC).isoformat() == "2022-06-08T14:00:00+00:00"


@pytest.mark.parametrize(
    ("zone", "told"),
    [("Asia/Tokyo", "moved by +9 h"), ("America/Los_Angeles", "moved by -7 h"), ("Etc/GMT-1", "moved by +1 h")],
)
def test_a_wrong_zone_is_found_by_the_sessions_and_the_shift_is_named(
    data_dir: Path, tmp_path: Path, zone: str, told: str
) -> None:
    where = tmp_path / "map.toml"
    where.write_text(MAP.replace('"UTC"', f'"{zone}"'))
    days = sorted((data_dir / "oanda_fx" / "eurusd").glob("2014050[24]_quote.zip"))
    with pytest.raises(ConfigError) as caught:
        open_files("csv", days, where)
    assert caught.value.kind == "config.out_of_session"
    assert told in str(caught.value)


def test_a_day_too_late_a_sunday_is_no_monday_but_a_friday_is_a_saturday(data_dir: Path, tmp_path: Path) -> None:
    where = tmp_path / "map.toml"
    where.write_text(MAP.replace('"name:%Y%m%d"', '"2014-05-03"'))
    with pytest.raises(ConfigError, match=r"Sat 2014-05-03 .* moved by -\d+ h"):
        open_files("csv", [data_dir / "oanda_fx" / "eurusd" / "20140502_quote.zip"], where)


@pytest.mark.parametrize("width", [pa.float32(), pa.float64(), pa.string()])
def test_a_parquet_file_goes_all_the_way_and_a_number_of_any_width_is_as_it_was_written(
    tmp_path: Path, width: pa.DataType
) -> None:
    """1.1 in 32 bits is 1.10000002384185791015625 in 64: meant is the shortest text of the same 32 bits."""
    shown = [f"190.{n + 1:02}" for n in range(9)]
    prices = [float(text) for text in shown]
    at = [datetime(2022, 6, 9, 14, 0, n) for n in range(9)]
    table = pa.table({
        "at": pa.array(at, pa.timestamp("us")),
        "ticker": pa.array(["FB"] * 9),
        "px": pa.array(shown) if width == pa.string() else pa.array(prices, width),
        "qty": pa.array(range(1, 10), pa.int64()),
        "who": pa.array(["buy"] * 8 + [None]),
    })  # fmt: skip
    file = tmp_path / "trades.parquet"
    pq.write_table(table, file)
    mapped = OF_SEVERAL.replace('"iso"', '"ns"').replace('timezone = "America/New_York"\n', "")
    capture, counts, refused = captured(tmp_path, file, mapped, "parquet")
    assert (counts["payloads"], len(refused)) == (1 + 9, counts["rejected"])
    session, summary = run(capture)
    assert summary["ticks"] == 9 - counts["rejected"] >= 8
    rows = np.concatenate([
        np.frombuffer(record.value, TICK)
        for record in session.log.scan(session.plan.topic("ticks.<source>"), 0, 0, committed=True)
        if len(record.value) % TICK.itemsize == 0
    ])  # fmt: skip
    assert rows["price"].tolist()[:8] == [190_010_000_000 + n * 10_000_000 for n in range(8)]
    assert rows["ts_event"].tolist()[:8] == [
        (at[n] - datetime(1970, 1, 1)) // timedelta(microseconds=1) * 1_000 for n in range(8)
    ]  # fmt: skip


def test_no_number_of_a_parquet_column_is_none_where_a_value_lacks(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"px": pa.array([1.1, None, 1e-7], pa.float32())}), file)
    assert [row.texts for row in ParquetRows(file)] == [["1.1"], [""], ["0.0000001"]]


def test_a_zip_that_is_cut_in_the_middle_is_told_as_damaged(tmp_path: Path, data_dir: Path) -> None:
    whole = (data_dir / "oanda_fx" / "eurusd" / "20140501_quote.zip").read_bytes()
    (cut := tmp_path / "20140501_quote.zip").write_bytes(whole[:40_000])
    with pytest.raises(ConfigError, match="damaged zip") as told:
        CsvRows(cut, ",", named=False)
    assert told.value.kind == "config.history_unreadable"
