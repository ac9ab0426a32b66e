"""Books go on among instruments that were added since: each by its id, the added ones empty."""

from __future__ import annotations

from feeds.adapter import Adapter
from feeds.binance import BINANCE
from feeds.definitions import DEFINITIONS
from schemas.columns import PRICE_UNDEFINED


def test_what_is_remembered_moves_with_its_instrument() -> None:
    two = Adapter(BINANCE, DEFINITIONS[1:3])
    state = two.start()
    state.tables.instruments["last_id"] = [11, 22]
    state.tables.instruments["bid_price"] = [5, 6]
    state.tables.books.counts[:] = [[1, 2], [3, 4]]
    state.tables.books.keys[1, 1, :4] = [1, 2, 3, 4]
    state.tables.clocks[:] = [7, 8]
    six = Adapter(BINANCE)
    found, fresh = six.restore(two.snapshot(state)).tables, six.start().tables
    assert found.instruments["instrument_id"].tolist() == [1, 2, 3, 4, 5, 6]
    assert found.instruments["last_id"].tolist() == [-1, 11, 22, -1, -1, -1]
    assert found.instruments["bid_price"].tolist() == [PRICE_UNDEFINED, 5, 6, *[PRICE_UNDEFINED] * 3]
    assert found.instruments["rule"].tolist() == fresh.instruments["rule"].tolist()
    assert found.books.counts.tolist() == [[0, 0], [1, 2], [3, 4], [0, 0], [0, 0], [0, 0]]
    assert found.books.keys[2, 1, :4].tolist() == [1, 2, 3, 4]
    assert found.recent.newest.tolist()[0] == fresh.recent.newest.tolist()[0]
    assert found.clocks.tolist() == [7, 8]
