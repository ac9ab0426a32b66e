"""What is asked of days and pins and cannot be given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from replay.calendars import calendar_named
from replay.pins.manifest import Manifest, decode, encode
from replay.pins.measuring import measure
from replay.pins.pinning import event_of, find, pin
from replay.pins.playing import open_pin
from replay.pins.selection import Selection, select
from replay.pins.tags import check_name, give
from replay.pins.verifying import verify
from replay.replay_what import asked_for
from schemas.catalog import RAW
from schemas.header import Header, pack
from streams.home import HOME_VARIABLE
from streams.log import TopicSpec
from streams.memory import MemoryLog
from tests.kinds.registry import Desk, trigger
from tests.replay_desk import START_NS, recorded

WHOLE = Selection(1, 100, 100)


def tape(*times: int, version: int = 1, payload: bytes = b"{}") -> MemoryLog:
    log = MemoryLog()
    log.create([TopicSpec("raw.binance")])
    for seq, time in enumerate(times):
        header = Header(schema=RAW.number, version=version, seq=seq, time=time, writer="binance")
        log.appender().append("raw.binance", 0, b"k", payload, pack(header))
    return log


def at_home(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv(HOME_VARIABLE, str(folder))


def pinned(desk: Desk, log: MemoryLog) -> Manifest:
    at_home(desk.folder, desk.patch)
    return pin(log, WHOLE, ts=1)


def named(log: MemoryLog, manifest: Manifest, name: str) -> Any:
    return give(log, event_of(manifest, name, "j.doe", "why", 200), moves=False)


@trigger("config.unknown_pin")
def a_name_that_nobody_gave(desk: Desk) -> Any:
    at_home(desk.folder, desk.patch)
    return find(MemoryLog(), "fridey")


@trigger("config.bad_pin_name")
def a_name_like_an_id(_: Desk) -> Any:
    return check_name("deadbeef")


@trigger("config.pin_taken")
def a_name_that_means_another_pin(desk: Desk) -> Any:
    log = tape(5, 6)
    named(log, pinned(desk, log), "n")
    return named(log, pin(log, Selection(6, 9, 9), ts=1), "n")


@trigger("config.pin_range")
def an_end_before_the_beginning(_: Desk) -> Any:
    return select([], 5, 5, now=9)


@trigger("config.pin_unfinished")
def a_day_that_goes_on(_: Desk) -> Any:
    return select([], 5, 50, now=9)


@trigger("config.pin_topics")
def a_topic_that_is_not_there(_: Desk) -> Any:
    return select(["raw.binance"], 5, 6, now=10**11, topics=["raw.binanse"])


@trigger("config.pin_removed")
def a_range_whose_beginning_retention_took(_: Desk) -> Any:
    log = tape(5, 6, 7)
    log.truncate("raw.binance", 0, 1)
    return measure(log, WHOLE)


@trigger("config.unknown_schema")
def a_record_of_a_build_to_come(_: Desk) -> Any:
    return measure(tape(5, version=9), WHOLE)


@trigger("config.pin_torn")
def a_manifest_that_was_edited(desk: Desk) -> Any:
    manifest = pinned(desk, tape(5))
    return decode(encode(manifest).replace(b'"records": 1', b'"records": 2'), "pins/x.json")


@trigger("config.pin_format")
def a_manifest_of_a_build_to_come(desk: Desk) -> Any:
    manifest = pinned(desk, tape(5))
    return decode(encode(manifest).replace(b'"format": 3', b'"format": 4'), "pins/x.json")


@trigger("config.pin_unwritable")
def a_home_that_is_a_file(desk: Desk) -> Any:
    at_home(desk.file(""), desk.patch)
    return pin(tape(5), WHOLE, ts=1)


@trigger("config.pin_whole")
def a_pin_cut_short(desk: Desk) -> Any:
    log = tape(5)
    named(log, pinned(desk, log), "n")
    return asked_for(log, "n", since="2026-11-23")


@trigger("config.pin_offsets")
def payloads_without_numbers_in_a_mirror(desk: Desk) -> Any:
    at_home(desk.folder, desk.patch)
    log = recorded(1, kinds=())
    log.appender().append("raw.simulator", 0, b"k", b"{}", None)
    made = pin(log, Selection(0, START_NS + 3_600 * 10**9, START_NS + 3_600 * 10**9), ts=1)
    return open_pin(log, msgspec.structs.replace(made, context={**made.context, "offsets": {}}))


@trigger("config.calendar")
def a_misspelt_calendar(_: Desk) -> Any:
    return calendar_named("XNYC")


@trigger("state_diverged.pin_differs")
def a_payload_that_was_changed(desk: Desk) -> Any:
    manifest = pinned(desk, tape(5))
    return verify(tape(5, payload=b"[]"), manifest).check()
