"""The feed check finds in the recorded files what an independent rebuild of them found."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from feeds.check import REPORTED, check
from schemas.errors import BadInput, ConfigError

COUNTED = ("messages", "trades", "applied", "discarded", "bbo_compared")
FOUND = {
    "inverse:BTCUSD_PERP": (48_270, 2_286, 26_824, 23, 1_124),
    "spot:BTCUSDT": (41_249, 9_757, 3_449, 2, 564),
    "spot:ETHUSDT": (33_618, 6_106, 3_432, 2, 577),
    "linear:BTCUSDT": (93_954, 21_313, 6_547, 4, 629),
}
NONE_OF = ("gaps", "duplicates", "out_of_order", "crossed", "bbo_mismatches")


def captures(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "binance").glob("*.gz"))


def test_the_recorded_files_are_found_whole_and_consistent(data_dir: Path) -> None:
    progress: list[tuple[int, int, int]] = []
    report = check(captures(data_dir), on_progress=lambda *now: progress.append(now))
    assert (report.rejected, report.faults, report.lines) == (0, [], 217_091)
    assert set(report.instruments) == set(FOUND)
    for instrument, found in report.instruments.items():
        assert list(found) == list(REPORTED)
        assert tuple(found[name] for name in COUNTED) == FOUND[instrument]
        assert [found[name] for name in NONE_OF] == [0] * len(NONE_OF)
        assert found["ticks"] == found["messages"] - found["discarded"] - 1
        assert found["clock_skew_ms"] == pytest.approx(-1270, abs=5)
    assert [found["late_ms_max"] for found in report.instruments.values()] == [11, 3, 53, 31]
    size = sum(path.stat().st_size for path in captures(data_dir))
    assert progress[-1] == (size, size, 217_091)


def test_the_order_of_naming_does_not_matter(data_dir: Path, tmp_path: Path) -> None:
    heads = []
    for path in captures(data_dir):
        heads.append(tmp_path / path.stem)
        with gzip.open(path) as file:
            heads[-1].write_bytes(b"".join(file.readline() for _ in range(1000)))
    assert check(heads) == check(heads[::-1])


def test_a_capture_without_a_snapshot_says_that_depth_is_not_synchronised(data_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "no_snapshot"
    with gzip.open(data_dir / "binance" / "usdm_btcusdt_20240808.gz") as file:
        path.write_bytes(
            b"".join(line for line in (file.readline() for _ in range(900)) if b"lastUpdateId" not in line)
        )
    found = check([path]).instruments["linear:BTCUSDT"]
    assert found["depth_synchronised"] is False
    assert (found["applied"], found["gaps"]) == (0, 0)
    assert found["ticks"] > found["trades"] > 0


def test_lines_that_are_no_message_are_rejected_by_file_and_line(data_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "spoiled"
    with gzip.open(data_dir / "binance" / "spot_btcusdt_20240808.gz") as file:
        lines = [file.readline() for _ in range(100)]
    lines[10:10] = [b"garbage\n", lines[3].replace(b'"p":"', b'"p":"NaN')]
    path.write_bytes(b"".join(lines))
    rejected: list[tuple[Path, int, BadInput]] = []
    report = check([path], on_reject=lambda *reject: rejected.append(reject))
    assert [(file, line) for file, line, _ in rejected] == [(path, 11), (path, 12)]
    assert report.rejected == 2
    assert report.instruments["spot:BTCUSDT"]["messages"] == 100


def test_a_gzip_cut_short_is_checked_up_to_the_cut(data_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes((data_dir / "binance" / "spot_ethusdt_20240808.gz").read_bytes()[:60_000])
    report = check([path])
    found = report.instruments["spot:ETHUSDT"]
    assert (found["gaps"], found["bbo_mismatches"]) == (0, 0)
    assert report.lines == found["messages"] + report.rejected
    assert report.rejected <= 1
    assert report.faults[0].line == report.lines
    assert report.document() == {"rejected": report.rejected, "instruments": report.instruments}


def test_a_file_that_cannot_be_used_stops_the_check_before_it_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        check([tmp_path / "missing"])
