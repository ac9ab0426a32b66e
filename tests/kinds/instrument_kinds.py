"""Definitions that are wrong, by the file and by what was seen."""

from __future__ import annotations

from typing import Any

import msgspec

from agents.live_plan import load_topology
from agents.opening import open_live
from feeds.definitions import BY_INSTRUMENT
from operations.instruments import add, history_of, read_instruments, revised
from streams.memory import MemoryLog
from streams.publisher import Publisher
from tests.kinds.registry import Desk, trigger

TABLE = """[[instrument]]
instrument = "spot:DOGEUSDT"
base = "DOGE"
quote = "USDT"
price_increment = "0.01"
"""
TRADE = (
    b'{"stream":"dogeusdt@trade","data":{"e":"trade","E":1795557600000,"s":"DOGEUSDT","t":1,"p":"0.123","q":"7",'
    b'"T":1795557600000,"m":true}}'
)


trigger("config.bad_definition")(lambda desk: read_instruments(desk.file(TABLE + "inverse = true")))
trigger("config.no_definition")(lambda _: history_of(MemoryLog(), "spot:DOGEUSDT"))


@trigger("config.fixed_definition")
def another_size_increment(_: Desk) -> Any:
    bitcoin = BY_INSTRUMENT["spot:BTCUSDT"]
    return revised([msgspec.structs.replace(bitcoin, size_increment=7)], [], "j.doe", "larger lots")


@trigger("config.does_not_divide")
def a_price_between_two_steps(desk: Desk) -> Any:
    log = MemoryLog()
    open_live(log, load_topology(None))
    with Publisher(log, "simulator") as publisher:
        publisher.publish(TRADE, "spot:DOGEUSDT", 1_795_557_600_000_000_000)
    return add(log, read_instruments(desk.file(TABLE)), "j.doe", "listed")
