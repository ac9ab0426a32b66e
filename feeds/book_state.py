"""What an adapter remembers (``book_tables.py``) as snapshot bytes, and back.

A snapshot holds the occupied part of every book, ring and queue, oldest first, so that the same memory gives the same
bytes wherever its rings happen to stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from feeds.arrays import Ints
from feeds.book_tables import STREAM_TRADE, Tables, empty_memory, parts_of, tables_of
from feeds.waiting import Waiting
from schemas.definition import Definition
from schemas.errors import SnapshotError
from streams.state_bytes import dump, load

KIND = "adapter/2"


def snapshot(tables: Tables, further: Mapping[str, npt.NDArray[Any]] = MappingProxyType({})) -> bytes:
    """The whole state as bytes, with arrays that ``restore`` leaves to whoever gave them."""
    slots = range(len(tables.instruments))
    waiting = tables.waiting
    book_runs = [(slot, side, int(tables.books.counts[slot, side])) for slot in slots for side in (0, 1)]
    messages = [_unrolled(waiting.messages[s], int(waiting.heads[s, 0]), int(waiting.counts[s, 0])) for s in slots]
    for queue in messages:
        levels = queue["bids"] + queue["asks"]
        queue["begin"] = np.cumsum(levels) - levels
    arrays: dict[str, npt.NDArray[Any]] = {
        "instruments": tables.instruments,
        "clocks": tables.clocks,
        "book_counts": tables.books.counts,
        "book_keys": _joined([tables.books.keys[slot, side, :n] for slot, side, n in book_runs]),
        "book_sizes": _joined([tables.books.sizes[slot, side, :n] for slot, side, n in book_runs]),
        "waiting_counts": waiting.counts,
        "waiting_messages": np.concatenate([waiting.messages[:0, 0], *messages]),
        "waiting_prices": _joined(list(_waiting_levels(waiting, waiting.prices))),
        "waiting_sizes": _joined(list(_waiting_levels(waiting, waiting.sizes))),
        "recent_newest": tables.recent.newest,
        "recent_floors": tables.recent.floors,
    }
    for name, rings, counts in _rings(tables):
        capacity = rings.shape[1]
        held = np.minimum(counts, capacity)
        arrays[f"{name}_counts"] = held
        arrays[name] = np.concatenate(
            [rings[:0, 0], *(_unrolled(ring, int(n) % capacity if n > capacity else 0, int(h))
             for ring, n, h in zip(rings, counts, held, strict=True))]
        )  # fmt: skip
    return dump(KIND, {**arrays, **further}, {})


def restore(data: bytes, definitions: Sequence[Definition], rules: Sequence[int] | None = None) -> Ints:
    """Memory from ``snapshot``'s bytes.

    Args:
        data: The bytes.
        definitions: Instruments of today.
        rules: By definition, of those that were added since; None: there may be none.

    Raises:
        SnapshotError: Torn, of another version, or of instruments that are not defined any more.
    """
    arrays, _ = load(KIND, data)
    instruments = arrays["instruments"]
    slots = {d.instrument_id: slot for slot, d in enumerate(definitions)}
    now = [slots.get(number, -1) for number in instruments["instrument_id"].tolist()]
    if -1 in now or (rules is None and now != list(range(len(definitions)))):
        raise SnapshotError(
            "a snapshot is of other instruments",
            kind="other_instruments",
            got=str(instruments["instrument_id"].tolist()),
            allowed=str(list(slots)),
            fix="use the definitions that the snapshot was taken with",
        )
    then = [definitions[slot] for slot in now]
    memory = _restored(arrays, then)
    return memory if rules is None or then == list(definitions) else _moved(memory, now, definitions, rules)


def _moved(memory: Ints, slots: Sequence[int], definitions: Sequence[Definition], rules: Sequence[int]) -> Ints:
    """What is remembered of some instruments in their slots of today, among others of which nothing is known yet."""
    wider = empty_memory(definitions, rules)
    for before, after in zip(parts_of(memory), parts_of(wider), strict=True):
        after[list(slots)] = before
    tables_of(wider).clocks[:] = tables_of(memory).clocks
    return wider


def _restored(arrays: Mapping[str, npt.NDArray[Any]], definitions: Sequence[Definition]) -> Ints:
    memory = empty_memory(definitions, [0] * len(definitions))  # rules stand in the snapshot
    tables = tables_of(memory)
    tables.instruments[:] = arrays["instruments"]
    tables.clocks[:] = arrays["clocks"]
    tables.recent.newest[:] = arrays["recent_newest"]
    tables.recent.floors[:] = arrays["recent_floors"]
    tables.books.counts[:] = arrays["book_counts"]
    books, waiting = tables.books, tables.waiting
    sides = books.counts.reshape(-1)
    _fill(books.keys.reshape(len(sides), books.keys.shape[2]), sides, arrays["book_keys"])
    _fill(books.sizes.reshape(len(sides), books.sizes.shape[2]), sides, arrays["book_sizes"])
    waiting.counts[:] = arrays["waiting_counts"]
    _fill(waiting.messages, waiting.counts[:, 0], arrays["waiting_messages"])
    _fill(waiting.prices, waiting.counts[:, 1], arrays["waiting_prices"])
    _fill(waiting.sizes, waiting.counts[:, 1], arrays["waiting_sizes"])
    for name, rings, counts in _rings(tables):
        counts[:] = arrays[f"{name}_counts"]
        _fill(rings, counts, arrays[name])
    return memory


def _rings(tables: Tables) -> Iterator[tuple[str, npt.NDArray[Any], Ints]]:
    """(name, rings of shape (m, capacity, ...), counts of shape (m,)), as views."""
    recent = tables.recent
    yield "recent_ids", recent.ids.reshape(-1, recent.ids.shape[2]), recent.counts.reshape(-1)
    yield "traded", tables.traded, recent.counts[:, STREAM_TRADE]
    yield "quoted", tables.quoted.quotes, tables.quoted.counts
    yield "applied", tables.applied.quotes, tables.applied.counts


def _unrolled(ring: npt.NDArray[Any], head: int, count: int) -> npt.NDArray[Any]:
    """The occupied part of a ring, oldest first, as a copy."""
    places = (head + np.arange(count)) % len(ring)
    return ring[places]


def _waiting_levels(waiting: Waiting, levels: Ints) -> Iterator[Ints]:
    for slot in range(len(levels)):
        yield _unrolled(levels[slot], int(waiting.heads[slot, 1]), int(waiting.counts[slot, 1]))


def _joined(runs: list[Ints]) -> Ints:
    return np.concatenate(runs) if runs else np.zeros(0, np.int64)


def _fill(rings: npt.NDArray[Any], counts: Ints, values: npt.NDArray[Any]) -> None:
    """Lay runs of values out again, each from the start of its ring."""
    at = 0
    for ring, count in zip(rings, counts, strict=True):
        ring[:count] = values[at : at + count]
        at += int(count)
