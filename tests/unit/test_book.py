"""The order book keeps levels sorted, bounded and exact."""

from __future__ import annotations

from feeds.book import ASK, BID, best, clear, empty_books, set_level
from schemas.columns import PRICE_UNDEFINED


def test_an_empty_side_has_no_price() -> None:
    books = empty_books(1, 4)
    assert best(books, 0, BID) == (PRICE_UNDEFINED, 0)
    assert best(books, 0, ASK) == (PRICE_UNDEFINED, 0)


def test_the_best_bid_is_the_highest_and_the_best_offer_the_lowest() -> None:
    books = empty_books(1, 8)
    for price in (100, 103, 101, 102):
        set_level(books, 0, BID, price, price)
        set_level(books, 0, ASK, price + 10, price)
    assert best(books, 0, BID) == (103, 103)
    assert best(books, 0, ASK) == (110, 100)


def test_a_size_of_zero_removes_the_level() -> None:
    books = empty_books(1, 8)
    set_level(books, 0, ASK, 100, 5)
    set_level(books, 0, ASK, 101, 6)
    assert set_level(books, 0, ASK, 100, 0) == 1
    assert best(books, 0, ASK) == (101, 6)
    assert set_level(books, 0, ASK, 100, 0) == 0


def test_only_real_changes_count_as_changes() -> None:
    books = empty_books(1, 8)
    assert [set_level(books, 0, BID, 100, size) for size in (5, 5, 6)] == [1, 0, 1]


def test_instruments_and_sides_do_not_meet() -> None:
    books = empty_books(2, 8)
    set_level(books, 0, BID, 100, 5)
    assert best(books, 0, ASK) == (PRICE_UNDEFINED, 0)
    assert best(books, 1, BID) == (PRICE_UNDEFINED, 0)
    set_level(books, 1, BID, 99, 1)
    clear(books, 0)
    assert best(books, 0, BID) == (PRICE_UNDEFINED, 0)
    assert best(books, 1, BID) == (99, 1)


def test_a_full_side_drops_its_farthest_level_for_a_nearer_one() -> None:
    books = empty_books(1, 3)
    for price in (100, 101, 102):
        set_level(books, 0, BID, price, price)
    assert set_level(books, 0, BID, 103, 103) == 1
    assert books.keys[0, BID].tolist() == [101, 102, 103]
    assert books.sizes[0, BID].tolist() == [101, 102, 103]


def test_a_full_side_takes_no_level_in_that_is_farther_than_all() -> None:
    books = empty_books(1, 3)
    for price in (100, 101, 102):
        set_level(books, 0, ASK, price, price)
    assert set_level(books, 0, ASK, 103, 1) == 0
    assert set_level(books, 0, ASK, 101, 7) == 1
    assert best(books, 0, ASK) == (100, 100)
    assert books.counts[0, ASK] == 3
