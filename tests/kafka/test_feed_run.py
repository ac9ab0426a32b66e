"""``feed run`` of a venue as a user types it: from a websocket to a real broker, ended by ctrl-C, or by the broker."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import orjson
import pytest

from streams.broker import EmbeddedBroker
from streams.kafka import KafkaLog, connect
from tests.conftest import Kafka
from tests.faults.test_live_feed import recorded, symbols_of
from tests.kafka.live_desk import LiveDesk, until
from tests.kafka.test_console import ENDED_S_MAX, ran, started
from tests.signals_heeded import heeded
from tests.venue_server import STALL, TOGETHER, VenueServer

FRAMES = 400
TOPIC = "raw.kraken"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def frames(data_dir: Path) -> list[bytes]:
    path = data_dir / "venues" / "KRAKEN_FUTURES.ws.1.0.gz"
    return [line.payload for line in recorded([path], FRAMES)]


def on_tape(log: KafkaLog) -> list[bytes]:
    """What the feed's topic holds."""
    return [record.value for record in log.scan(TOPIC, 0, 0, committed=True)] if log.partitions(TOPIC) else []


def feed_run(bootstrap: str, server: VenueServer, frames: list[bytes], *more: str) -> tuple[str, ...]:
    symbols = ",".join(symbols_of(frames))
    return ("--bootstrap", bootstrap, "feed", "run", "kraken", "--symbols", symbols, "--url", server.url, *more)


def test_two_connections_are_one_tape_and_ctrl_c_ends_it_in_order(kafka: Kafka, frames: list[bytes]) -> None:
    log = connect(kafka.bootstrap)
    try:
        before = len(on_tape(log))
        with VenueServer([[TOGETHER, *frames, STALL]] * 2) as server:
            feed = started(*feed_run(kafka.bootstrap, server, frames, "--connections", "2", "--json"))
            until(
                lambda: feed.poll() is not None or len(on_tape(log)) - before >= len(frames),
                "everything is on the tape",
            )
            feed.send_signal(signal.SIGINT)
            out, err = feed.communicate(timeout=ENDED_S_MAX)
        tape = on_tape(log)[before:]
    finally:
        log.close()
    assert feed.returncode == 0, err
    assert Counter(tape) == Counter(frames)
    told = orjson.loads(out.splitlines()[-1])
    assert (told["source"], told["sent"], told["gaps"], told["connections"]) == ("kraken", len(frames), 0, 2)
    assert sum(line["won"] for line in told["by_connection"]) == len(frames)
    assert err.count("won, ") == 2


@pytest.mark.long
def test_ctrl_c_ends_a_feed_whose_venue_does_not_answer(kafka: Kafka, frames: list[bytes]) -> None:
    with VenueServer([]) as server:
        gone = server
    feed = started(*feed_run(kafka.bootstrap, gone, frames))
    heeded(feed)
    assert feed.stderr is not None
    assert any("trying again in" in line for line in feed.stderr)
    feed.send_signal(signal.SIGINT)
    _, err = feed.communicate(timeout=ENDED_S_MAX)
    assert feed.returncode == 0, err
    assert "Traceback" not in err


@pytest.mark.long
def test_a_broker_that_is_not_there_is_one_line(frames: list[bytes]) -> None:
    with VenueServer([]) as server:
        code, out, err = ran(*feed_run("127.0.0.1:9", server, frames))
    assert (code, out) == (3, ""), err
    assert len(err.strip().splitlines()) == 1
    assert "127.0.0.1:9" in err


@pytest.mark.long
def test_a_broker_that_goes_away_is_one_line(desk: LiveDesk, frames: list[bytes]) -> None:
    beats = [step for frame in frames for step in (frame, 0.1)]
    log = connect(desk.bootstrap)
    with VenueServer([[*beats, STALL]]) as server:
        feed = desk.start(*feed_run(desk.bootstrap, server, frames))
        until(lambda: feed.poll() is not None or len(on_tape(log)) > 10, "it publishes")
        log.close()
        process = EmbeddedBroker(desk.home).status().pid
        assert process is not None
        os.kill(process, signal.SIGKILL)
        code, _, err = desk.end(feed)
    assert code == 3, err
    assert "Traceback" not in err
    assert "broker away" in err.strip().splitlines()[-1]


@pytest.mark.long
def test_up_trades_on_a_venue_s_feed_of_two_connections(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, frames: list[bytes]
) -> None:
    middle = len(frames) // 2
    other = LiveDesk(tmp_path_factory.mktemp("venue"))
    log = connect(other.bootstrap)
    try:
        with VenueServer([[TOGETHER, *frames[:middle]], [TOGETHER, *frames, STALL]]) as server:
            (tmp_path / "topology.toml").write_text(
                f'[feed]\nkind = "kraken"\nsymbols = {symbols_of(frames)}\nurl = "{server.url}"\nconnections = 2\n'
            )
            up = other.start("up", str(tmp_path / "topology.toml"), "--json")
            until(lambda: up.poll() is not None or len(on_tape(log)) >= len(frames), "everything is on the tape")
            until(lambda: up.poll() is not None or log.partitions("ticks.kraken") > 0, "normalise has begun")
            until(
                lambda: up.poll() is not None or any(True for _ in log.scan("ticks.kraken", 0, 0, committed=True)),
                "ticks come of it",
            )
            code, summary, err = other.end(up, signal.SIGINT)
        assert (code, summary is not None and summary["in_order"]) == (0, True), err
        assert Counter(on_tape(log)) == Counter(frames)
        assert "holes in the venue's ids" not in err, err
    finally:
        log.close()
        other.close()
