"""Flags, files and variables that are wrong, by the command line; and ends of a command that are no error."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import orjson

from console import topics_docs
from console.interrupts import Interrupted
from console.main import main
from console.topic_names import find_topic
from features.view import DEFAULT_VIEW
from feeds.connection import Connection
from models.artefact import ARTEFACT_BYTES_MAX, sign
from models.linear import DEFAULT_MODEL, load_file
from replay import budget
from replay.diff import compare
from replay.plan import PlayPlan, open_run
from replay.provenance import provenance
from replay.shape import Shape, shape_of
from replay.trace import trace
from schemas.errors import ConfigError, TapedeckError
from streams.config import named_bootstrap
from streams.home import HOME_VARIABLE
from streams.memory import MemoryLog
from streams.namespace import resolve
from streams.publisher import Publisher
from tests.kinds.registry import Desk, trigger


def ran(desk: Desk, *arguments: object) -> tuple[str, str]:
    """Code and line of a command's end, as a machine reads them."""
    desk.patch.setenv(HOME_VARIABLE, str(desk.folder / "home"))
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = main(["--log-format", "json", *map(str, arguments)])
    told = [orjson.loads(line) for line in said.getvalue().splitlines()]
    last = next(line for line in reversed(told) if "code" in line)
    assert last.get("exit", code) == code
    return last["code"], said.getvalue()


BINANCE_LINE = '1723161254000000000 {"stream":"x@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1","B":"1"}}\n'
COINBASE_LINE = '1723161254000000000 {"type":"ticker","product_id":"BTC-USD"}\n'


def demo(*arguments: object) -> Any:
    return lambda desk: ran(desk, "demo", "--log", "memory", *arguments)


@trigger("config")
def an_extension_refuses_its_settings(_: Desk) -> TapedeckError:
    return ConfigError("my strategy takes no such thing", got="x", allowed="y", where="strategy.toml")


trigger("usage")(demo("--sped", 1))
trigger("config.bad_speed")(demo("--speed", "fast"))
trigger("config.bad_kill")(demo("--kill", "risk"))
trigger("config.no_task")(demo("--kill", "nobody@5"))
trigger("config.no_fault")(lambda desk: ran(desk, "chaos", "--faults", "earthquake"))
trigger("config.no_plant")(lambda desk: ran(desk, "chaos", "--plant", "tree"))
trigger("config.out_of_range")(demo("--seed", -1))
trigger("config.flags_conflict")(demo("--seconds", 1, "--capture", "x"))
trigger("config.bad_port")(lambda desk: ran(desk, "broker", "up", "--port", 99_999))
trigger("config.no_feed")(lambda desk: ran(desk, "feed", "check", "nowhere", "--capture", "x"))
trigger("config.no_market")(
    lambda desk: ran(desk, "feed", "run", "coinbase", "--market", "linear", "--symbols", "BTC-USD")
)
trigger("config.no_symbol")(
    lambda desk: ran(desk, "feed", "run", "kraken", "--symbols", "NONE", "--rest-url", "http://127.0.0.1:9")
)
trigger("config.feed_address")(
    lambda desk: ran(desk, "feed", "run", "kraken", "--symbols", "PI_XBTUSD", "--url", "kraken.com")
)
trigger("config.bad_symbols")(lambda desk: ran(desk, "feed", "run", "kraken", "--symbols", ","))
trigger("config.record_unwritable")(
    lambda desk: ran(desk, "feed", "run", "kraken", "--symbols", "PI_XBTUSD", "--record", desk.folder / "no" / "file")
)


@trigger("config.no_library")
def websockets_are_not_installed(desk: Desk) -> Any:
    desk.patch.setitem(sys.modules, "websockets.sync.client", None)
    return Connection("ws://127.0.0.1:9", [])


trigger("config.other_venue")(lambda desk: ran(desk, "feed", "check", "kraken", desk.file(BINANCE_LINE)))
trigger("config.several_venues")(
    lambda desk: ran(desk, "feed", "check", "kraken", desk.file(BINANCE_LINE, "a"), desk.file(COINBASE_LINE, "b"))
)
trigger("config.bad_address")(lambda desk: ran(desk, "--bootstrap", "nowhere", "topics", "list"))
trigger("config.capture_unreadable")(demo("--capture", "/no/such"))
trigger("config.capture_empty")(lambda desk: demo("--capture", desk.file(""))(desk))
trigger("config.not_a_capture")(lambda desk: demo("--capture", desk.file("garbage\n"))(desk))
trigger("config.file_unreadable")(demo("--limits", "/no/such"))
trigger("config.not_toml")(lambda desk: demo("--limits", desk.file("= ="))(desk))
trigger("config.not_a_table")(lambda desk: demo("--limits", desk.file("default = 1"))(desk))
trigger("config.bad_limit")(lambda desk: demo("--limits", desk.file("[default]\nnotional_max = -1"))(desk))
trigger("config.file_too_large")(lambda desk: demo("--model", desk.file(b" " * (ARTEFACT_BYTES_MAX + 1)))(desk))
trigger("config.model_not_json")(lambda desk: demo("--model", desk.file("weights"))(desk))


@trigger("config.unknown_key")
def a_misspelt_key_of_the_configuration(desk: Desk) -> Any:
    desk.file('bootstarp = "a:1"', "tapedeck.toml")
    return named_bootstrap(environ={}, folder=desk.folder)


@trigger("config.no_capture")
def no_capture_at_all(_: Desk) -> Any:
    from feeds.captures import open_captures

    return open_captures([])


@trigger("config.folder_unwritable")
def a_home_that_is_a_file(desk: Desk) -> Any:
    desk.file("", "home")
    return ran(desk, "demo", "--log", "memory")


@trigger("config.folder_name")
def a_folder_that_kafka_would_split(desk: Desk) -> Any:
    from streams.broker import EmbeddedBroker

    return EmbeddedBroker(desk.folder / "a,b").up()


def model(desk: Desk, changes: Mapping[str, Any], signed: bool = True) -> Any:
    artefact = {**orjson.loads(DEFAULT_MODEL.read_bytes()), **changes}
    path = desk.file(orjson.dumps(sign(artefact) if signed else artefact))
    return load_file(path, view=DEFAULT_VIEW.hash, features=DEFAULT_VIEW.names)


trigger("config.model_keys")(lambda desk: model(desk, {"temperature": 1}))
trigger("config.model_kind")(lambda desk: model(desk, {"kind": "oracle"}))
trigger("config.model_name")(lambda desk: model(desk, {"name": ""}))
trigger("config.model_features")(lambda desk: model(desk, {"features": ["a"] * len(DEFAULT_VIEW.names)}))
trigger("config.model_weights")(lambda desk: model(desk, {"weights": [1.0]}))
trigger("config.model_number")(lambda desk: model(desk, {"clip": -1.0}))
trigger("config.model_hash")(lambda desk: model(desk, {"clip": 1.0}, signed=False))
trigger("config.model_view")(lambda desk: model(desk, {"view": "0" * 64}))

RUN = "demo.20261123t142501-ab12."
trigger("config.no_run")(lambda _: resolve([RUN + "orders"], "orders", run="elsewhere"))
trigger("config.no_topic")(lambda _: find_topic([RUN + "orders"], "ordres", None))
trigger("config.ambiguous_topic")(lambda _: find_topic([RUN + "ticks.a", RUN + "ticks.b"], "ticks", None))
trigger("config.bad_budget")(lambda desk: budget.read(desk.file("[risk]\np50 = 5")))


def opened_run(name: str, partitions: int = 1) -> tuple[MemoryLog, Shape]:
    log, plan = MemoryLog(), PlayPlan(run=name)
    open_run(log, plan)
    shape = shape_of(log, name)
    run = msgspec.structs.replace(shape.opened, partitions=partitions)
    return log, replace(shape, watched=replace(shape.watched, opened=run))


trigger("config.no_record")(lambda _: provenance(opened_run("r")[0], "demo.r.orders", 0, 17))
trigger("config.no_provenance")(lambda _: provenance(opened_run("r")[0], "demo.r.control", 0, 0))
trigger("config.bad_place")(lambda desk: ran(desk, "provenance", "orders", 0, "first"))
trigger("config.no_order")(lambda _: trace(opened_run("r")[0], "nobody-1-0"))
trigger("config.runs_differ")(lambda _: compare(*opened_run("a"), *opened_run("b", partitions=2)))
trigger("config.source_name")(lambda _: Publisher(MemoryLog(), "a/b"))
trigger("config.several_partitions")(lambda _: Publisher(MemoryLog(), "x", partitions=2).next_seq)


@trigger("config.run_ended")
def a_payload_after_the_end(_: Desk) -> Any:
    publisher = Publisher(MemoryLog(), "x")
    publisher.end("r", 1, 0)
    return publisher.publish(b"{}", "spot:BTCUSDT", 1)


# ---- ends that are no error of the tree


@trigger("fault.capture_cut")
def a_gzip_that_is_cut_short(desk: Desk) -> Any:
    import gzip

    line = b'1723161254000000000 {"stream":"btcusdt@bookTicker","data":{"u":7,"s":"BTCUSDT","b":"9.01","B":"2",'
    line += b'"a":"9.02","A":"1"}}\n'
    packed = gzip.compress(line * 50)
    return ran(desk, "feed", "check", "binance", "--capture", desk.file(packed[:-9]))


@trigger("crash")
def a_fault_of_ours(desk: Desk) -> Any:
    def broken(_self: object) -> None:
        raise ZeroDivisionError("by nothing")

    desk.patch.setattr("streams.broker.EmbeddedBroker.status", broken)
    return ran(desk, "broker", "status")


@trigger("interrupted")
def ctrl_c(desk: Desk) -> Any:
    def interrupted(_self: object) -> None:
        raise Interrupted

    desk.patch.setattr("streams.broker.EmbeddedBroker.status", interrupted)
    return ran(desk, "broker", "status")


@trigger("unsound")
def a_run_whose_decision_was_lost(desk: Desk) -> Any:
    desk.patch.setattr("replay.audit.Auditor._raw", lambda self, _ledger: _lose(self))
    return ran(desk, "demo", "--log", "memory", "--speed", "max", "--seconds", 1, "--json")


def _lose(auditor: Any) -> set[int]:
    auditor._audit.lost += 1
    return set()


trigger("config.no_schema")(lambda _: topics_docs.schema("poem"))
trigger("config.no_example")(lambda _: topics_docs.example("poem"))
