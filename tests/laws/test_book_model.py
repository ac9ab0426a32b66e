"""The book kernel does what a sorted dictionary would, for any changes in any order and at any capacity."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.book import ASK, BID, best, empty_books, set_level
from schemas.columns import PRICE_UNDEFINED

changes = st.lists(st.tuples(st.sampled_from([BID, ASK]), st.integers(1, 25), st.integers(0, 3)), max_size=120)


def nearest_first(side: int, levels: dict[int, int]) -> list[int]:
    return sorted(levels, reverse=side == BID)


@given(changes, st.integers(1, 12))
@settings(deadline=None, max_examples=200)
def test_the_book_is_a_bounded_sorted_dictionary(changes: list[tuple[int, int, int]], capacity: int) -> None:
    books = empty_books(2, capacity)
    model: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
    for side, price, size in changes:
        before = dict(model[side])
        if size:
            model[side][price] = size
            for farthest in nearest_first(side, model[side])[capacity:]:
                del model[side][farthest]
        else:
            model[side].pop(price, None)
        assert set_level(books, 1, side, price, size) == (model[side] != before)
        order = nearest_first(side, model[side])
        count = books.counts[1, side]
        keys = books.keys[1, side, :count][::-1].tolist()
        assert [abs(key) for key in keys] == order
        assert books.sizes[1, side, :count][::-1].tolist() == [model[side][p] for p in order]
        wanted = (order[0], model[side][order[0]]) if order else (PRICE_UNDEFINED, 0)
        assert best(books, 1, side) == wanted
    assert not books.counts[0].any()
