"""A candidate beside a live desk: same ticks, orders of its own, and the live topics hold nothing of it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from models.artefact import read, sign
from models.linear import DEFAULT_MODEL
from schemas.header import unpack
from streams.kafka import connect
from tests.kafka.live_desk import LiveDesk, until
from tests.kafka.test_up import trades

pytestmark = pytest.mark.long


def test_a_shadow_orders_beside_the_live_desk_and_goes_on_where_it_stood(tmp_path: Path) -> None:
    import orjson

    shipped = {k: v for k, v in read(DEFAULT_MODEL).items() if k != "sha256"}
    file = tmp_path / "candidate.json"
    file.write_bytes(orjson.dumps(sign({**shipped, "weights": [-w for w in shipped["weights"]]})))
    desk = LiveDesk(tmp_path / "desk")
    try:
        log = connect(desk.bootstrap)
        up = desk.start("up", "--json")
        until(lambda: up.poll() is not None or trades(log), "orders")
        flags = ("--model", str(file), "--seconds", "12", "--json")
        code, first, errors = desk.run("shadow", "run", "candidate", *flags)
        assert code == 0, errors
        assert first["ticks"] > 50
        assert first["orders"] > 0
        assert first["live_tick_to_order"]["without"]["count"] > 0
        assert first["live_tick_to_order"]["with"]["count"] > 0
        code, second, errors = desk.run("shadow", "run", "candidate", *flags)
        assert code == 0, errors
        assert second["ticks"] > first["ticks"]
        assert desk.run("shadow", "report", "candidate", "--model", str(file), "--json")[1]["orders"] >= first["orders"]
        assert desk.end(up, signal.SIGINT)[0] in (0, 130)
        for name in ("orders.intent", "orders", "executions", "scores"):
            writers = {unpack(r.header).writer for r in log.scan(name, 0, 0, committed=False) if r.header is not None}
            assert len(writers) == 1
        code, replayed, errors = desk.run("replay", "live", "--log", "memory", "--json")
        assert (code, replayed["identical"]) == (0, True), f"live went on as if alone {errors}"
        log.close()
    finally:
        desk.close()
