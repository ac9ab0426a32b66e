"""Files into a real broker and out of it, by the commands that a user types."""

from __future__ import annotations

from pathlib import Path

import orjson
import pyarrow.csv
import pyarrow.parquet as pq

from replay.plan import PlayPlan
from streams.frame import decode_rows
from streams.kafka import connect
from tests.conftest import Kafka
from tests.kafka.test_pin_commands import ran

MAP = """
instrument = "spot:GBPUSD"
time = "ms"
delay_ms = 1
[columns]
time = "at"
bid = "bid"
ask = "ask"
[values]
bid_size = "1"
ask_size = "1"
[[definition]]
instrument = "spot:GBPUSD"
instrument_id = 1002
base = "GBP"
quote = "USD"
price_increment = "0.00001"
"""


def test_a_purchased_file_is_on_the_tape_with_its_provenance_and_its_definition(kafka: Kafka, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(MAP)
    (tmp_path / "quotes.csv").write_text(
        "at,bid,ask\n1398902400292,1.68,1.69\nnever,1.68,1.69\n1398902401000,1.6,1.7\n"
    )
    command = ("feed", "run", "csv", tmp_path / "quotes.csv", "--map", tmp_path / "map.toml", "--json")
    told = {
        "source": "history",
        "payloads": 4,
        "rejected": 1,
        "published_before": 0,
        "cut_short": 0,
        "interrupted": False,
    }
    assert ran(kafka.bootstrap, *command) == told
    again = ran(kafka.bootstrap, *command)
    assert (again["payloads"], again["published_before"]) == (0, 4), "a file that is run again adds nothing"
    log = connect(kafka.bootstrap)
    try:
        raw = list(log.scan("raw.history", 0, 0, committed=True))[-4:]
        defined = [r.key for r in log.scan("definitions", 0, 0, committed=True)]
    finally:
        log.close()
    rows = [orjson.loads(record.value) for record in raw]
    assert [row["row"] for row in rows] == [0, 2, 3, 4]
    assert rows[1]["stood"] == "1398902400292,1.68,1.69"
    assert {(row["file"], len(row["sha256"])) for row in rows} == {("quotes.csv", 64)}
    assert b"spot:GBPUSD" in defined


def test_a_run_is_exported_row_for_row(played: tuple[str, PlayPlan], tmp_path: Path) -> None:
    bootstrap, plan = played
    log = connect(bootstrap)
    try:
        frames = [r for r in log.scan(plan.topic("ticks.<source>"), 0, 0, committed=True) if len(r.value) % 108 == 0]
        ticks = [row for r in frames for row in decode_rows(3, 1, r.value, len(r.value) // 108)]
        orders = [orjson.loads(r.value) for r in log.scan(plan.topic("orders"), 0, 0, committed=True)]
    finally:
        log.close()
    orders = [order for order in orders if order["type"] == "order"]
    found = ran(bootstrap, "export", plan.run, "--topic", "ticks", "--out", tmp_path / "t.parquet", "--json")
    assert found["rows"] == len(ticks) > 100
    table = pq.read_table(tmp_path / "t.parquet")
    assert table["price"].to_pylist() == [int(row["price"]) for row in ticks]
    assert table["root_seq"].to_pylist() == [int(row["root_seq"]) for row in ticks]
    ran(bootstrap, "export", plan.run, "--topic", "orders", "--out", tmp_path / "o.csv", "--json")
    told = pyarrow.csv.read_csv(tmp_path / "o.csv")
    assert told["client_order_id"].to_pylist() == [order["client_order_id"] for order in orders]
    assert told["limit_price"].to_pylist() == [order["limit_price"] for order in orders]
    refused = ran(bootstrap, "export", plan.run, "--topic", "orders", "--out", tmp_path / "o.dbn", exits=2)
    assert "DBN carries ticks alone" in refused
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.csv", "t.parquet"]
