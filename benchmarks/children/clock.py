"""Child process: the clock of a live run."""

from __future__ import annotations

from typing import Any

from benchmarks.children.orders import Orders, arguments, say
from streams.kafka import connect
from streams.ticker import TICK_S, Ticker


def main(spec: dict[str, Any]) -> None:
    orders = Orders()
    ticker = Ticker(connect(spec["bootstrap"]), spec["topic"])
    ticker.turn(TICK_S)
    say("ready")
    while not orders.waiting:
        ticker.turn(TICK_S)


if __name__ == "__main__":
    main(arguments())
