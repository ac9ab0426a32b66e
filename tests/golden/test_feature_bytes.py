"""The bits of all eight features and of a score on a small fixed input: another machine or build must give the same.

Where a formula is changed on purpose, its family's ``version`` is raised (which renames every view that uses it), and
the file is written anew by ``python tests/golden/test_feature_bytes.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from features.view import DEFAULT_VIEW
from models.linear import DEFAULT_MODEL, load_file
from schemas.columns import PRICE_UNDEFINED
from schemas.tick import TICK

GOLDEN = Path(__file__).with_name("features_v1.txt")
ROWS = 64


def fixed_input() -> tuple[npt.NDArray[Any], npt.NDArray[np.int32]]:
    """Two instruments, from a linear congruence: moves, trades, ties, steps back, missing and crossed sides."""
    state, now = 20_240_808, 1_723_161_253_937_085_768
    rows, slots = np.zeros(ROWS, dtype=TICK), np.zeros(ROWS, dtype=np.int32)

    def draw(n: int) -> int:
        nonlocal state
        state = (6_364_136_223_846_793_005 * state + 1_442_695_040_888_963_407) % 2**64
        return (state >> 33) % n

    for i in range(ROWS):
        now += (draw(5) - 1) * 250_000_001 * draw(4)
        slots[i] = draw(2)
        bid = (61_800_000_000_000 if slots[i] else 2_683_000_000_000) + (draw(9) - 4) * 10_000_000
        ask = bid + (draw(6)) * 10_000_000
        rows["ts_log"][i] = now
        rows["bid_price"][i] = PRICE_UNDEFINED if draw(12) == 0 else bid
        rows["ask_price"][i] = PRICE_UNDEFINED if draw(12) == 0 else ask
        rows["bid_size"][i], rows["ask_size"][i] = draw(500_000), draw(500_000)
        rows["size"][i] = draw(10_000)
        rows["action"][i], rows["side"][i] = b"MMT"[draw(3)], b"AB"[draw(2)]
    return rows, slots


def lines() -> list[str]:
    """The view's hash, then per row the eight features and the default model's score, as exact hexadecimal floats."""
    rows, slots = fixed_input()
    values = np.empty((ROWS, len(DEFAULT_VIEW.features)))
    DEFAULT_VIEW.start(2).compute(rows, slots, values)
    scores = load_file(DEFAULT_MODEL, view=DEFAULT_VIEW.hash, features=DEFAULT_VIEW.names).score(values)
    head = [f"view {DEFAULT_VIEW.hash}", " ".join([*DEFAULT_VIEW.names, "score"])]
    table = np.column_stack([values, scores]).tolist()
    return head + [" ".join(value.hex() for value in row) for row in table]


def test_features_and_score_have_their_golden_bits() -> None:
    assert lines() == GOLDEN.read_text(encoding="ascii").splitlines()


def test_the_fixed_input_moves_every_feature() -> None:
    values = [tuple(line.split()) for line in GOLDEN.read_text(encoding="ascii").splitlines()[2:]]
    assert all(len(set(column)) > ROWS // 5 for column in zip(*values, strict=True))


if __name__ == "__main__":
    GOLDEN.write_text("\n".join(lines()) + "\n", encoding="ascii")
