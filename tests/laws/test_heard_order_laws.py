"""Whatever order the committed log keeps several writers' records in, tasks hear them in the order they told of."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from replay.heard_order import HeardOrder
from schemas.header import Side

Said = tuple[int, int]
"""(writer, seq)"""


def mixed(draw: random.Random, counts: list[int]) -> list[Said]:
    """The records of several writers, each writer's in its own order."""
    writers = [writer for writer, count in enumerate(counts) for _ in range(count)]
    draw.shuffle(writers)
    reached = [0] * len(counts)
    found = []
    for writer in writers:
        found.append((writer, reached[writer]))
        reached[writer] += 1
    return found


def groups_of(draw: random.Random, order: list[Said]) -> list[list[Said]]:
    """What a task heard at each of its places; it may have ended before it heard all."""
    groups: list[list[Said]] = []
    for said in order[: draw.randint(0, len(order))]:
        if not groups or draw.random() < 0.4:
            groups.append([])
        groups[-1].append(said)
    return groups


def told_of(groups: list[list[Said]]) -> list[Side]:
    return [
        Side(place=10 + 3 * number, input=0, partition=0, writer_crc=writer, seq=seq)
        for number, group in enumerate(groups)
        for writer, seq in sorted(dict(group).items())
    ]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**9), st.lists(st.integers(0, 12), min_size=1, max_size=4), st.integers(1, 3))
def test_no_task_hears_a_record_before_one_that_it_had_heard_earlier(seed: int, counts: list[int], tasks: int) -> None:
    draw = random.Random(seed)
    heard, kept = mixed(draw, counts), mixed(draw, counts)
    by_task = [groups_of(draw, heard) for _ in range(tasks)]
    order: HeardOrder[Said] = HeardOrder([told_of(groups) for groups in by_task], {})
    found = [left for said in kept for left in order.take(*said, said)]
    assert order.rest() == []
    assert sorted(found) == sorted(kept)
    for writer in range(len(counts)):
        assert [seq for of, seq in found if of == writer] == list(range(counts[writer]))
    for groups in by_task:
        places = {said: number for number, group in enumerate(groups) for said in group}
        reached = [places[said] for said in found if said in places]
        assert reached == sorted(reached)


def test_what_was_heard_before_the_beginning_is_waited_for_by_nobody() -> None:
    told = [
        Side(place=1, input=0, partition=0, writer_crc=1, seq=4),
        Side(place=2, input=0, partition=0, writer_crc=2, seq=0),
    ]
    order: HeardOrder[str] = HeardOrder([told], {1: 4})
    assert order.take(2, 0, "b0") == ["b0"]
