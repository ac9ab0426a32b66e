"""Purchased files: maps, times and rows that cannot be used, each refused by the code that reads it."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

from console.feed_files import check_files, open_files
from feeds.dbn_records import library
from schemas.errors import BadInput
from tests.kinds.registry import Desk, trigger

MAP = """
instrument = "spot:EURUSD"
time = "ms since midnight"
timezone = "UTC"
date = "name:%Y%m%d"
[columns]
time = "at"
bid = "bid"
ask = "ask"
[values]
bid_size = "1"
ask_size = "1"
"""
ROWS = "at,bid,ask\n1000,1.38,1.39\n"
FRIDAY = "20140502.csv"


def mapped(desk: Desk, was: str = "", now: str = "", name: str = FRIDAY, rows: str = ROWS) -> Any:
    return open_files("csv", [desk.file(rows, name)], desk.file(MAP.replace(was, now) if was else MAP, "map.toml"))


def refused(desk: Desk, rows: str) -> BadInput:
    found: list[BadInput] = []
    paths, where = [desk.file(rows, FRIDAY)], desk.file(MAP, "map.toml")
    check_files("csv", paths, where, lambda _path, _line, error: found.append(error), lambda *_: None)
    return found[0]


def without(desk: Desk, module: str) -> None:
    ours = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith(module):
            raise ImportError(f"No module named {module!r}")
        return ours(name, *args, **kwargs)

    desk.patch.setattr(builtins, "__import__", missing)


@trigger("config.no_databento")
def a_desk_without_the_extra(desk: Desk) -> Any:
    without(desk, "databento_dbn")
    return open_files("dbn", [desk.file(b"DBN", "a.dbn")], None)


@trigger("config.dbn_schema")
def bars(desk: Desk) -> Any:
    dbn: Any = library()
    metadata = dbn.Metadata("XNAS.ITCH", 1, dbn.SType.RAW_SYMBOL, dbn.SType.INSTRUMENT_ID, dbn.Schema.OHLCV_1S)
    return open_files("dbn", [desk.file(bytes(metadata), "a.dbn")], None)


trigger("config.no_map")(lambda desk: open_files("csv", [desk.file(ROWS, FRIDAY)], None))
trigger("config.map_field")(lambda desk: mapped(desk, 'ask = "ask"', 'offer = "ask"'))
trigger("config.map_column")(lambda desk: mapped(desk, '"bid"', '"bidd"'))
trigger("config.map_instrument")(lambda desk: mapped(desk, "EURUSD", "EURPLN"))
trigger("config.map_time")(lambda desk: mapped(desk, "ms since midnight", "ticks"))
trigger("config.map_timezone")(lambda desk: mapped(desk, '"UTC"', '"Eastern"'))
trigger("config.map_date")(lambda desk: mapped(desk, name="quotes.csv"))
trigger("config.out_of_session")(lambda desk: mapped(desk, name="20140503.csv"))
trigger("config.history_empty")(lambda desk: mapped(desk, rows=""))
trigger("config.history_unreadable")(lambda desk: open_files("csv", [Path("nowhere.csv")], desk.file(MAP, "map.toml")))
trigger("bad_payload.row_columns")(lambda desk: refused(desk, ROWS + "2000,1.38\n"))
trigger("bad_payload.row_time")(lambda desk: refused(desk, ROWS + "noon,1.38,1.39\n"))
trigger("bad_payload.off_increment")(lambda desk: refused(desk, ROWS + "2000,1.380001,1.39\n"))
