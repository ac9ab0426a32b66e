"""``tapedeck instruments`` and ``tapedeck provenance`` as people type them, on a real broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.live_plan import load_topology
from agents.opening import open_live
from streams.kafka import KafkaLog
from streams.publisher import Publisher
from tests.faults.test_instruments import FILE, KEY, trade
from tests.kafka.live_desk import LiveDesk

pytestmark = pytest.mark.timeout(600)


def test_an_instrument_is_added_revised_and_told(desk: LiveDesk, desk_log: KafkaLog, tmp_path: Path) -> None:
    open_live(desk_log, load_topology(None))
    with Publisher(desk_log, "simulator") as publisher:
        publisher.publish(trade(1), KEY, 1_795_557_600_000_000_000)
    file = tmp_path / "acme.toml"
    file.write_text(FILE.format(price="0.0001", size="1"))
    add = ("instruments", "add", str(file), "--by", "j.doe", "--reason", "listed", "--json")
    code, _, said = desk.run(*add)
    assert (code, "got 0.12345 at raw.simulator[0]@0; allowed: multiples of 0.0001" in said) == (2, True), said
    file.write_text(FILE.format(price="0.00001", size="1"))
    code, told, said = desk.run(*add)
    assert code == 0, said
    assert told["added"] == [{"instrument": KEY, "instrument_id": 20_000, "revision": 1}]
    assert (told["unchanged"], told["pending"]) == ([], True)
    assert told["without_limits"] == {KEY: ["quantity_max", "position_max"]}
    file.write_text(FILE.format(price="0.000005", size="1"))
    output, said = desk.start(*add[:-1]).communicate(timeout=120)
    assert "revision 2, by j.doe" in output, said
    assert "the live run does not know it yet" in output
    limits = [f"{KEY}.{key}=7" for key in ("quantity_max", "position_max")]
    command = f"tapedeck risk limits set {' '.join(limits)} --reason TEXT".replace("=7", "=SIZE")
    assert command in output
    code, _, said = desk.run("risk", "limits", "set", *limits, "--reason", "listed", "--wait", "0")
    assert code == 0, said
    code, _, said = desk.run("risk", "limits", "set", "spot:DOGEUSTD.quantity_max=7", "--reason", "listed")
    assert (code, "no such instrument; got spot:DOGEUSTD; allowed: spot:DOGEUSDT, " in said) == (2, True), said
    code, shown, _ = desk.run("instruments", "show", KEY, "--json")
    assert (code, shown["revision"], shown["price_increment"], shown["author"]) == (0, 2, 5_000, "j.doe")
    output = desk.start("instruments", "history", KEY).communicate(timeout=120)[0]
    assert "by j.doe: listed; price_increment 0.000005" in output
    assert KEY in desk.start("instruments", "list").communicate(timeout=120)[0]
    code, _, said = desk.run("--log-format", "json", "instruments", "show", KEY, "--known-by", "2001-01-01T00:00")
    assert (code, "config.no_definition" in said) == (2, True)


def test_a_payload_s_provenance_is_told(desk: LiveDesk, desk_log: KafkaLog) -> None:
    code, told, said = desk.run("provenance", "raw.simulator", "0", "0", "--run", "live", "--json")
    assert code == 0, said
    assert (told["raw"]["payload"].encode(), told["raw"]["source_seq"]) == (trade(1), 0)
    assert (
        "payload raw.simulator[0]@0" in desk.start("provenance", "raw.simulator", "0", "0").communicate(timeout=120)[0]
    )
    code, _, said = desk.run("--log-format", "json", "provenance", "raw.simulator", "0", "9", "--run", "live")
    assert (code, "config.no_record" in said) == (2, True)
