"""A live feed's settings are checked before anything starts: venue, market, symbols, and the venue's own list."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.live_plan import load_topology
from feeds.live_instruments import asked_for
from schemas.errors import ConfigError
from tests.venue_server import VenueServer

PRODUCTS = b'[{"id":"SOL-USD","quote_increment":"0.01","base_increment":"0.001"},{"id":"X-USD"}]'


def test_a_symbol_that_does_not_ship_is_looked_up_at_the_venue() -> None:
    with VenueServer([], {"/products": PRODUCTS}) as server:
        asked = asked_for("coinbase", "btc-usd, sol-usd", rest_url=server.rest_url)
        assert server.asked == ["/products"]
    assert [(d.symbol, d.price_increment, d.size_increment) for d in asked.definitions] == [
        ("BTC-USD", 10_000_000, 10), ("SOL-USD", 10_000_000, 1_000_000),
    ]  # fmt: skip


def test_a_symbol_that_the_venue_does_not_list_is_refused() -> None:
    with VenueServer([], {"/products": PRODUCTS}) as server, pytest.raises(ConfigError, match="no such symbol"):
        asked_for("coinbase", "NONE-USD", rest_url=server.rest_url)


@pytest.mark.parametrize("answer", [b"", b"{}", b'[{"id":"X-USD"}]', b"not json"])
def test_a_list_that_cannot_be_read_is_one_clear_error(answer: bytes) -> None:
    with VenueServer([], {"/products": answer}) as server, pytest.raises(ConfigError) as told:
        asked_for("coinbase", "X-USD", rest_url=server.rest_url)
    assert told.value.kind == "config.no_symbol"


def topology(folder: Path, feed: str) -> Path:
    path = folder / "topology.toml"
    path.write_text(f"[feed]\n{feed}\n")
    return path


@pytest.mark.parametrize(
    ("feed", "source", "first"),
    [
        ('kind = "binance"\nsymbols = ["BTCUSDT"]', "binance", "spot:BTCUSDT"),
        ('kind = "binance"\nmarket = "linear"\nsymbols = ["ETHUSDT"]', "binance", "spot:BTCUSDT"),
        ('kind = "coinbase"\nsymbols = ["BTC-USD"]', "coinbase", "spot:BTC-USD"),
        ('kind = "kraken"\nconnections = 2\nsymbols = ["PI_XBTUSD"]', "kraken", "inverse:PI_XBTUSD"),
    ],
)
def test_a_topology_names_a_venue_and_symbols(tmp_path: Path, feed: str, source: str, first: str) -> None:
    plan = load_topology(topology(tmp_path, feed))
    assert plan.source == source
    assert plan.definitions[0].instrument == first


@pytest.mark.parametrize(
    ("feed", "kind"),
    [
        ('kind = "binance"', "config.feed_conflict"),
        ('symbols = ["BTCUSDT"]', "config.feed_conflict"),
        ('kind = "binance"\nsymbols = ["NONE"]', "config.no_symbol"),
        ('kind = "coinbase"\nmarket = "linear"\nsymbols = ["BTC-USD"]', "config.no_market"),
        ('kind = "binance"\nsymbols = ["BTCUSDT"]\nurl = "http://127.0.0.1:1"', "config.feed_address"),
        ('kind = "binance"\nsymbols = ["BTCUSDT"]\nurl = "ws://127.0.0.1:x"', "config.feed_address"),
        ('kind = "binance"\nsymbols = ["BTCUSDT"]\nrest_url = "127.0.0.1"', "config.feed_address"),
        ("connections = 2", "config.feed_conflict"),
        ('kind = "kraken"\nconnections = 9\nsymbols = ["PI_XBTUSD"]', "config.bad_key"),
        ('kind = "nowhere"\nsymbols = ["BTCUSDT"]', "config.bad_key"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, feed: str, kind: str) -> None:
    with pytest.raises(ConfigError) as told:
        load_topology(topology(tmp_path, feed))
    assert told.value.kind == kind
