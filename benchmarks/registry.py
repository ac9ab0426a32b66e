"""Every benchmark, with its bounds. START HERE."""

from __future__ import annotations

from benchmarks.declare import Benchmark, Figure, Limit

DESK = ("hot", "risk", "venue")
"""Tasks of a whole desk. Elsewhere the hot task is alone, and a stand-in answers its intents."""
WAYS = ("as it is", "plain", "each batch")
"""How a task commits in the benchmarks of what that costs."""


def _flat(frame_rows: int, ticks: int, budget_s: float, *, plain: bool = False, slow: bool = False) -> Benchmark:
    return Benchmark(
        f"flat-kafka-{frame_rows}{'-whole' if slow else ''}",
        f"ticks on Kafka, {frame_rows} to a frame, through feature, score and strategy, flat out"
        + (", beside an echo of all their bytes" if slow else ""),
        "benchmarks.flat_kafka",
        budget_s,
        (
            Figure("hot to echo", "ratio", bound=Limit(at_least=0.6), higher_is_better=True),
            Figure("hot", "ticks/s", higher_is_better=True),
            Figure("echo", "ticks/s", higher_is_better=True),
            Figure("hot CPU", "us/tick"),
            *(
                (Figure("hot to echo of each record", "ratio", goal=Limit(at_least=0.6), higher_is_better=True),)
                if plain
                else ()
            ),
        ),
        {"frame_rows": frame_rows, "ticks": ticks, "plain": plain},
        slow=slow,
    )


def _replay(name: str, measures: str, ticks: int, budget_s: float, *, generated: bool) -> Benchmark:
    return Benchmark(
        name,
        measures,
        "benchmarks.replay_day",
        budget_s,
        (
            Figure("replay", "ticks/s", goal=Limit(at_least=4_000_000), higher_is_better=True),
            *(
                ()
                if generated
                else (
                    Figure("replay to hot", "ratio", higher_is_better=True),
                    Figure("hot", "ticks/s", higher_is_better=True),
                )
            ),
            Figure("replay by CPU", "ticks/s", higher_is_better=True),
            Figure("replay by CPU of its main thread", "ticks/s", higher_is_better=True),
            Figure("memory, peak", "MB", goal=Limit(at_most=2_000)),
            Figure("memory, end to middle", "ratio", goal=Limit(at_most=1.1)),
        ),
        {"ticks": ticks, "generated": generated} | ({"pairs": 1} if generated else {}),
        slow=True,
    )


def _tick_to_intent(rate: int, *, desk: bool = False) -> Benchmark:
    return Benchmark(
        f"{'desk' if desk else 'tick-to-intent'}-{rate // 1000}k",
        f"a tick's scheduled time to its intent at a third process, fused, open loop, {rate:,} ticks/s"
        + (", with risk and paper venue on the same machine" if desk else ""),
        "benchmarks.tick_to_intent",
        80,
        (
            Figure("p50 hot to echo", "ratio", bound=None if desk else Limit(at_most=1.3)),
            *(Figure(f"{p} hot to echo", "ratio") for p in ("p99", "p99.9")),
            *(Figure(f"{p} {side}", "us") for side in ("hot", "echo") for p in ("p50", "p99", "p99.9")),
        ),
        {"rate": rate, "tasks": DESK if desk else ("hot",)},
    )


BENCHMARKS: tuple[Benchmark, ...] = (
    Benchmark(
        "startup",
        "tapedeck --help, beside python -c pass",
        "benchmarks.startup",
        5,
        (
            Figure("help to python", "ratio", bound=Limit(at_most=20)),
            Figure("help", "s", goal=Limit(at_most=0.4)),
        ),
    ),
    Benchmark(
        "hdr",
        "counting one latency: the kernel beside hdrhistogram's record_value",
        "benchmarks.hdr",
        5,
        (
            Figure("library to kernel", "ratio", bound=Limit(at_least=100), higher_is_better=True),
            Figure("kernel", "ns", goal=Limit(at_most=10)),
        ),
    ),
    Benchmark(
        "features",
        "the kernels of eight features and of the linear score, by batch",
        "benchmarks.features",
        20,
        (
            Figure("features, batches of 256", "ns", goal=Limit(at_most=150)),
            *(Figure(f"features, batches of {n}", "ns") for n in (1, 4_096)),
            *(Figure(f"score, batches of {n}", "ns") for n in (1, 256, 4_096)),
        ),
    ),
    Benchmark(
        "adapter",
        "recorded messages through adapter and books on one core, beside orjson.loads",
        "benchmarks.adapter",
        35,
        (
            Figure("adapter to orjson", "ratio", bound=Limit(at_least=0.12), higher_is_better=True),
            Figure("messages", "messages/s", goal=Limit(at_least=100_000), higher_is_better=True),
        ),
    ),
    Benchmark(
        "adapters",
        "recorded messages through the adapter of each venue on one core",
        "benchmarks.adapters",
        60,
        tuple(
            Figure(source, "messages/s", higher_is_better=True)
            for source in ("binance", "coinbase", "kraken", "bitstamp_l3", "history", "json")
        ),
        slow=True,
    ),
    Benchmark(
        "flat-memory",
        "ticks in the memory log through feature, score and strategy, one process",
        "benchmarks.flat_memory",
        45,
        (
            Figure("hot to least", "ratio", bound=Limit(at_least=0.8), higher_is_better=True),
            Figure("hot", "ticks/s", goal=Limit(at_least=4_000_000), higher_is_better=True),
            Figure("hot by CPU", "ticks/s", goal=Limit(at_least=4_000_000), higher_is_better=True),
        ),
        {"frame_rows": 256, "ticks": 2_000_000},
    ),
    Benchmark(
        "archive",
        "ticks in frames of 256 to the archive's segments on disk, and back through the joined log",
        "benchmarks.archive",
        60,
        (
            Figure("write", "ticks/s", goal=Limit(at_least=1_000_000), higher_is_better=True),
            Figure("read", "ticks/s", goal=Limit(at_least=4_000_000), higher_is_better=True),
            Figure("on disk", "bytes/tick"),
            Figure("JSON", "bytes/tick"),
            Figure("JSON to archive", "ratio", higher_is_better=True),
        ),
        {"ticks": 4_000_000},
        slow=True,
    ),
    Benchmark(
        "publishing",
        "a source's payloads through the Publisher, beside bare confluent-kafka producers of the same bytes",
        "benchmarks.publishing",
        60,
        (
            Figure("publisher to bare", "ratio", goal=Limit(at_least=0.7), higher_is_better=True),
            Figure("publisher to untold", "ratio", higher_is_better=True),
            *(Figure(side, "payloads/s", higher_is_better=True) for side in ("publisher", "bare", "untold")),
        ),
        {"payloads": 300_000},
        slow=True,
    ),
    Benchmark(
        "export",
        "ticks in frames of 256 to files with decoded columns",
        "benchmarks.export",
        60,
        (
            Figure("Parquet", "ticks/s", goal=Limit(at_least=2_000_000), higher_is_better=True),
            Figure("Parquet from the archive", "ticks/s", higher_is_better=True),
            Figure("DBN", "ticks/s", higher_is_better=True),
            Figure("CSV", "ticks/s", higher_is_better=True),
            Figure("on disk", "bytes/tick"),
        ),
        {"ticks": 4_000_000},
        slow=True,
    ),
    Benchmark(
        "pin",
        "a pin of a day in the archive: every record read and hashed",
        "benchmarks.pin",
        40,
        (Figure("pin", "ticks/s", goal=Limit(at_least=1_000_000), higher_is_better=True),),
        {"ticks": 4_000_000},
        slow=True,
    ),
    _replay(
        "replay-archive",
        "ticks in an archive through a whole replay in memory, flat out",
        20_000_000,
        150,
        generated=False,
    ),
    _replay(
        "replay-day",
        "268.7 million generated ticks, a day of Nasdaq, through a whole replay in memory",
        268_700_000,
        200,
        generated=True,
    ),
    _flat(256, 2_000_000, 45),
    _flat(256, 2_000_000, 60, plain=True, slow=True),
    _flat(1, 400_000, 60, plain=True),
    Benchmark(
        "frame-to-order",
        "a websocket session at one and ten times its recorded rate through a live desk, from frame to order",
        "benchmarks.frame_to_order",
        150,
        tuple(
            Figure(f"{name} at {side}", "ms" if name != "orders" else "orders")
            for side in ("1x", "1x, watched", "10x")
            for name in ("p50", "p99", "orders")
        ),
        slow=True,
    ),
    _tick_to_intent(1_000),
    _tick_to_intent(10_000),
    _tick_to_intent(50_000),
    _tick_to_intent(10_000, desk=True),
    Benchmark(
        "burst",
        "a second at ten times 10,000 ticks/s, with spikes of 1 ms at ten times that",
        "benchmarks.burst",
        80,
        (
            Figure("lost", "ticks", bound=Limit(at_most=0)),
            Figure("doubled", "ticks", bound=Limit(at_most=0)),
            Figure("drained", "s", bound=Limit(at_most=1.0)),
            Figure("memory after to before", "ratio", bound=Limit(at_most=1.1)),
            Figure("p99.9", "ms"),
            Figure("p99.9 hot to echo", "ratio"),
        ),
        {"rate": 10_000},
    ),
    Benchmark(
        "commits",
        "the hot task flat out as it is, without transactions and snapshots, and with a transaction for every batch",
        "benchmarks.transactions",
        90,
        (
            Figure("as it is to plain", "ratio", goal=Limit(at_least=0.95), higher_is_better=True),
            Figure("each batch to plain", "ratio", higher_is_better=True),
            Figure("CPU as it is to plain", "ratio", goal=Limit(at_most=1.05)),
            Figure("CPU each batch to plain", "ratio"),
            *(Figure(way, "ticks/s", higher_is_better=True) for way in WAYS),
        ),
        {"measure": "throughput", "ticks": 3_000_000, "frame_rows": 256},
    ),
    Benchmark(
        "commits-10k",
        "the same three, tick to intent at 10,000 ticks/s, open loop",
        "benchmarks.transactions",
        120,
        (
            Figure("p50 as it is to plain", "ratio", goal=Limit(at_most=1.05)),
            Figure("p50 each batch to plain", "ratio"),
            *(Figure(f"{p} {way} to plain", "ratio") for p in ("p99", "p99.9") for way in ("as it is", "each batch")),
            *(Figure(f"{p} {way}", "us") for p in ("p50", "p99", "p99.9") for way in WAYS),
        ),
        {"measure": "latency", "rate": 10_000},
    ),
    Benchmark(
        "recovery",
        "the hot task with 500 instruments, killed, 1,000,000 ticks ahead: until it has caught up",
        "benchmarks.recovery",
        100,
        (
            Figure("ready", "s"),
            Figure("caught up", "s"),
            Figure("inputs a second", "inputs/s", higher_is_better=True),
        ),
        {"ticks": 1_000_000, "instruments": 500},
    ),
    Benchmark(
        "demo",
        "tapedeck demo: from the command to the first order, and memory by process",
        "benchmarks.demo",
        90,
        (
            Figure("first order", "s"),
            Figure("first order, broker started", "s"),
            Figure("memory, all processes", "MB"),
        ),
    ),
    Benchmark(
        "demo-cold",
        "the same, with every kernel compiled anew",
        "benchmarks.demo",
        120,
        (Figure("first order, kernels compiled", "s"),),
        {"cold": True},
        slow=True,
    ),
)
"""In the order in which they run: the broker's own compiler is warm when latency is measured."""
