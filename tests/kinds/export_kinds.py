"""Exports that cannot be made, each refused by the code that would write the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from replay.export.exporting import export
from replay.replay_what import Asked
from schemas.catalog import DEFINITION, TICK_SCHEMA
from schemas.codec import encode
from schemas.header import Header, pack
from schemas.tick import TICK
from streams.log import TopicSpec
from streams.memory import MemoryLog
from tests.gateway_desk import BTC
from tests.kinds.registry import Desk, trigger

TOPIC = "ticks.binance"


def exported(desk: Desk, topic: str, out: str, *, size: int = 1, value: bytes | None = None, steps: int = 0) -> Any:
    log = MemoryLog()
    log.create([TopicSpec(topic), TopicSpec("definitions")])
    row = np.zeros(1, TICK)
    row["size"] = size
    header = Header(schema=TICK_SCHEMA.number, version=TICK_SCHEMA.version, seq=0, time=1, writer="normalise")
    appender = log.appender()
    appender.append(topic, 0, b"", row.tobytes() if value is None else value, pack(header))
    for n in range(steps):
        definition = msgspec.structs.replace(BTC, revision=n + 1, size_increment=n + 1)
        header = Header(schema=DEFINITION.number, version=DEFINITION.version, seq=n, time=2 * n, writer="people")
        appender.append("definitions", 0, b"spot:BTCUSDT", encode(definition), pack(header))
    return export(log, Asked("live"), topic, desk.folder / out)


trigger("config.export_topic")(lambda desk: exported(desk, "control", "a.csv"))
trigger("config.export_format")(lambda desk: exported(desk, TOPIC, "a.xlsx"))
trigger("config.export_dbn")(lambda desk: exported(desk, TOPIC, "a.dbn", size=2**32))
trigger("config.export_redefined")(lambda desk: exported(desk, TOPIC, "a.csv", steps=2))
trigger("config.export_broken")(lambda desk: exported(desk, TOPIC, "a.parquet", value=b"torn"))
trigger("config.export_unwritable")(lambda desk: exported(desk, TOPIC, str(Path("nowhere") / "a.parquet")))
