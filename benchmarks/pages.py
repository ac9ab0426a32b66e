"""The tables of docs/performance.md, made of the committed baseline: no figure on that page is typed by hand.

A table stands between ``<!-- table: NAME -->`` and ``<!-- end -->``. A test compares; ``python -m benchmarks --docs``
writes them anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.processes import REPOSITORY
from benchmarks.table import number
from benchmarks.tail import CAUSES
from schemas.tick import TICK

PAGE = REPOSITORY / "docs" / "performance.md"
PLACE = re.compile(r"(<!-- table: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
US_PER_MS, SECONDS_PER_DAY = 1_000, 86_400
DESK = "desk-10k"
RATES = {"tick-to-intent-1k": "1,000", "tick-to-intent-10k": "10,000", "tick-to-intent-50k": "50,000"}
FLAT = {"flat-kafka-256": "256", "flat-kafka-1": "1"}
COMMITS = {
    "as it is": "as it is: every 2 s, with its snapshot", "plain": "plain: no transaction, no snapshot",
    "each batch": "a transaction for each batch",
}  # fmt: skip
"""Ways to commit, and what the page calls them."""

REPLAYED = {"replay-archive": "the archive, 256 to a frame", "replay-day": "generated as it is read"}

Found = Mapping[str, Any]
"""``benchmarks`` of a results file."""


def rewritten(text: str, results: Mapping[str, Any]) -> str:
    """The page with every table as the results have it; a table whose benchmark is not there stays as it is."""

    def table(match: re.Match[str]) -> str:
        try:
            body = TABLES[match[2]](results)
        except KeyError as missing:
            if match[2] not in TABLES:
                raise ValueError(f"no such table: {match[2]}") from missing
            return match[0]
        return f"{match[1]}{body}{match[3]}"

    return PLACE.sub(table, text)


def rewrite(results: Mapping[str, Any], page: Path = PAGE) -> None:
    """Write the page's tables anew."""
    page.write_text(rewritten(page.read_text(encoding="utf-8"), results), encoding="utf-8")


def figure(found: Found, benchmark: str, name: str) -> Mapping[str, Any]:
    """A figure of a benchmark.

    Raises:
        KeyError: It is not there, or was not measured.
    """
    one = next((f for f in found[benchmark]["figures"] if f["name"] == name), None)
    if one is None or "median" not in one:
        raise KeyError(f"{benchmark}: {name}")
    return {**one}


def machine(results: Mapping[str, Any]) -> str:
    """Where the figures were made."""
    at = results["environment"]
    loads = [benchmark["load"] for benchmark in results["benchmarks"].values() if "load" in benchmark]
    versions = ", ".join(f"{name} {version}" for name, version in at["versions"].items())
    return _table(
        ("what", "is"),
        [
            ("processor", f"{at['cpu']}, {at['cores']} cores"),
            ("memory", f"{number(at['memory_gb'])} GB"),
            ("system", f"Linux {at['kernel']}, Python {at['python']}"),
            ("packages", versions),
            ("load behind each benchmark, its own included", f"{min(loads):.1f} to {max(loads):.1f}"),
            ("pairs", str(results["pairs"])),
            ("made", f"{at['date'][:10]}, commit {at['commit'] or 'not given'}"),
            *((f"`{name}` was made", f"{made['date'][:10]}, on {made['cpu']}") for name, made in _apart(results)),
        ],
    )


def _apart(results: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Benchmarks that were made at another time than the rest, and where."""
    return [(name, found["made"]) for name, found in results["benchmarks"].items() if found.get("made")]


def gates(results: Mapping[str, Any]) -> str:
    """Every gate: bound, median, range, verdict."""
    rows = []
    for name, benchmark in results["benchmarks"].items():
        for one in benchmark["figures"]:
            if one["kind"] == "gate" and "median" in one:
                bound = one["bound"]
                limit = (
                    f">= {number(bound['at_least'])}"
                    if bound["at_least"] is not None
                    else f"<= {number(bound['at_most'])}"
                )
                rows.append((f"`{name}`", one["name"], limit, _with_range(one), one["verdict"].lower()))
    return _table(("benchmark", "figure", "bound", "median (range)", "in the baseline"), rows)


def throughput(results: Mapping[str, Any]) -> str:
    """Flat out."""
    found, rows = results["benchmarks"], []
    for name, frame in FLAT.items():
        rows.append(
            (
                f"Kafka, {frame} to a frame", _millions(figure(found, name, "hot")),
                _millions(figure(found, name, "echo")), _with_range(figure(found, name, "hot to echo")),
                number(figure(found, name, "hot CPU")["median"]),
            )
        )  # fmt: skip
    memory = figure(found, "flat-memory", "hot")
    rows.append(
        (
            "memory log, 256 to a frame", _millions(memory), "", "",
            number(1e6 / figure(found, "flat-memory", "hot by CPU")["median"]),
        )
    )  # fmt: skip
    return _table(("from", "M ticks/s", "bare echo", "ratio (range)", "CPU us a tick"), rows)


def latency(results: Mapping[str, Any]) -> str:
    """Tick to intent."""
    found, rows = results["benchmarks"], []
    desk = {DESK: "10,000, whole desk"} if DESK in found else {}
    for name, rate in (RATES | desk).items():
        for side, called in (("hot", "Tapedeck"), ("echo", "bare echo")):
            together = found[name]["detail"]["together"][side]
            ratio = _with_range(figure(found, name, "p50 hot to echo")) if side == "hot" else ""
            rows.append(
                (
                    rate if side == "hot" else "", called, *(_ms(together[p]) for p in ("p50", "p99", "p999", "max")),
                    f"{together['count']:,}", ratio,
                )
            )  # fmt: skip
    headings = ("ticks/s", "", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "intents", "p50 to the echo's (range)")
    return _table(headings, rows)


def tail(results: Mapping[str, Any]) -> str:
    """The slowest intents, by main cause, and what their time went to."""
    found, rows = results["benchmarks"], []
    for name, rate in RATES.items():
        seen = found[name]["detail"]["tail"]
        counts, parts = seen["slowest_by_main_cause"], seen["slowest_mean_us"]
        rows.append((rate, "slowest 1%, intents", str(seen["slowest"]), *(str(counts[c]) for c in CAUSES)))
        rows.append(("", "their mean way, ms", _ms(parts["latency"]), *(_ms(parts[c]) for c in CAUSES)))
        means = seen["all_mean_us"]
        rows.append(("", "all, mean way, ms", _ms(means["latency"]), *(_ms(means[c]) for c in CAUSES)))
    return _table(("ticks/s", "", "in all", *CAUSES), rows)


def way(results: Mapping[str, Any]) -> str:
    """Each part of an intent's way, median and p99, and commits."""
    found = results["benchmarks"]
    tails = [found[name]["detail"]["tail"] for name in RATES]
    parts = list(tails[0]["intervals_us"])
    rows = [(part, *(_p50_p99(t["intervals_us"][part]) for t in tails)) for part in parts]
    rows.append(("a commit of the hot task", *(_p50_p99(t["commit_us"]) for t in tails)))
    return _table(("ms, p50 / p99", *(f"{rate} ticks/s" for rate in RATES.values())), rows)


def burst(results: Mapping[str, Any]) -> str:
    """The burst."""
    found = results["benchmarks"]
    detail = found["burst"]["detail"]
    rate = detail["rate"]
    rows = [
        ("ticks/s before, in the second, in its spikes of 1 ms", " / ".join(f"{v:,}" for v in rate.values())),
        ("ticks of the second", f"{detail['ticks_of_a_burst']:,}"),
        ("lost, doubled", " / ".join(number(figure(found, "burst", n)["median"]) for n in ("lost", "doubled"))),
        ("drained after its end, s", _with_range(figure(found, "burst", "drained"))),
        ("p99.9 of its ticks, ms", _with_range(figure(found, "burst", "p99.9"))),
        ("the same to the echo's", _with_range(figure(found, "burst", "p99.9 hot to echo"))),
        ("hot task's memory, MB: before, peak, after", _memory(detail, "hot")),
        ("broker's", _memory(detail, "broker")),
    ]
    return _table(("figure", "median (range)"), rows)


def startup(results: Mapping[str, Any]) -> str:
    """From the command line."""
    found = results["benchmarks"]
    rows = [
        ("`tapedeck --help`", _with_range(figure(found, "startup", "help"))),
        ("`tapedeck demo` to its first order, broker up", _with_range(figure(found, "demo", "first order"))),
        ("the same, and the broker started", _with_range(figure(found, "demo", "first order, broker started"))),
    ]
    if "demo-cold" in found:
        cold = figure(found, "demo-cold", "first order, kernels compiled")
        rows.append(("the same as the first, every kernel compiled anew", _with_range(cold)))
    return _table(("from the command", "s (range)"), rows)


def memory(results: Mapping[str, Any]) -> str:
    """Memory by process."""
    by_process = results["benchmarks"]["demo"]["detail"]["memory_mb"]
    rows = [(name, number(m["rss_mb"]), number(m["pss_mb"])) for name, m in by_process.items()]
    total = sum(m["pss_mb"] for m in by_process.values())
    return _table(("process", "resident MB", "of it own or shared out, MB"), [*rows, ("all", "", number(total))])


def kernels(results: Mapping[str, Any]) -> str:
    """Adapter, features, histograms."""
    found = results["benchmarks"]
    rows = [
        ("adapter and books, messages/s a core", _with_range(figure(found, "adapter", "messages"))),
        *(
            (f"eight features a tick, {of_n}, ns", _with_range(figure(found, "features", f"features, {of_n}")))
            for of_n in ("batches of 1", "batches of 256", "batches of 4096")
        ),
        ("linear score a tick, batches of 256, ns", _with_range(figure(found, "features", "score, batches of 256"))),
        ("one latency into a histogram, ns", _with_range(figure(found, "hdr", "kernel"))),
        ("the library's own, times as long", _with_range(figure(found, "hdr", "library to kernel"))),
    ]  # fmt: skip
    return _table(("figure", "median (range)"), rows)


def adapters(results: Mapping[str, Any]) -> str:
    """Each venue's adapter."""
    found, detail = results["benchmarks"], results["benchmarks"]["adapters"]["detail"]
    rows = [
        (source, number(told["bytes"] / told["messages"]), _with_range(figure(found, "adapters", source)))
        for source, told in detail.items()
    ]
    return _table(("source", "bytes a message", "messages/s a core (range)"), rows)


def frames(results: Mapping[str, Any]) -> str:
    """From a websocket's frame to an order."""
    found = results["benchmarks"]["frame-to-order"]
    rows = [
        (speed, number(told["frames"] / found["detail"]["seconds"]), f"{told['count']:,}",
         *(number(told[f"{name}_us"] / US_PER_MS) for name in ("p50", "p99", "max")))
        for speed, told in found["detail"].items() if speed != "seconds"
    ]  # fmt: skip
    return _table(("recorded rate", "frames a second", "orders", "p50, ms", "p99, ms", "max, ms"), rows)


def paced(results: Mapping[str, Any]) -> str:
    """CPU of each process while ticks come at a rate."""
    found, rows = results["benchmarks"], []
    for name, rate in RATES.items():
        detail = found[name]["detail"]
        cpu = detail["tail"]["cpu_percent_of_a_core"]
        frames, ticks = detail["frames"]["hot"]["median"], detail["ticks"]["hot"] / results["pairs"]
        rows.append(
            (
                rate, number(ticks / frames), number(cpu["hot"]["hot"]), number(cpu["hot"].get("broker", 0.0)),
                number(cpu["echo"]["echo"]), number(cpu["echo"].get("broker", 0.0)),
            )
        )  # fmt: skip
    headings = ("ticks/s", "ticks a record", "hot task", "broker", "the echo in its place", "broker then")
    return _table(headings, rows)


def sizing(results: Mapping[str, Any]) -> str:
    """CPU and bytes a tick when a backlog is worked off: the floor."""
    found, rows = results["benchmarks"], []
    for name, frame in FLAT.items():
        detail = found[name]["detail"]
        cpu = {process: cost["median"] for process, cost in detail["cpu_us_per_tick"]["hot"].items()}
        ticks_per_record = detail["ticks"] / detail["records_read"]
        written = sum(
            w["records"] * (w["value_bytes"] + w["header_bytes"]) for w in detail["hot_writes_per_record_read"].values()
        )
        bytes_a_tick = written / ticks_per_record + TICK.itemsize + _header_bytes(ticks_per_record) / ticks_per_record
        rows.append(
            (
                f"{frame} to a frame", number(cpu["process"]), number(cpu.get("broker", 0.0)),
                number(bytes_a_tick), number(bytes_a_tick * 10_000 * SECONDS_PER_DAY / 1e9),
            )
        )  # fmt: skip
    headings = ("ticks", "CPU us, hot task", "CPU us, broker", "bytes in the log", "GB a day at 10,000/s")
    return _table(headings, rows)


def _header_bytes(rows: float) -> float:
    """Packed header of a tick record: prefix and names, and a scheduled time for every row."""
    return 66 + 8 * rows if rows > 1 else 74


def commits(results: Mapping[str, Any]) -> str:
    """What transactions and snapshots cost."""
    found, paced, rows = results["benchmarks"], "commits-10k", []
    for way, called in COMMITS.items():
        latencies = [_ms(figure(found, paced, f"{p} {way}")["median"]) for p in ("p50", "p99", "p99.9")]
        against = [
            "" if way == "plain" else _with_range(figure(found, *place))
            for place in (
                ("commits", f"{way} to plain"), ("commits", f"CPU {way} to plain"), (paced, f"p50 {way} to plain"),
                (paced, f"p99 {way} to plain"),
            )
        ]  # fmt: skip
        rows.append((called, _millions(figure(found, "commits", way)), *against[:2], *latencies, *against[2:]))
    headings = ("the hot task", "M ticks/s", "to plain (range)", "CPU to plain", "p50 ms", "p99 ms", "p99.9 ms",
                "p50 to plain", "p99 to plain")  # fmt: skip
    return _table(headings, rows)


def recovery(results: Mapping[str, Any]) -> str:
    """A life that is killed, and the next."""
    found = results["benchmarks"]
    detail = found["recovery"]["detail"]
    rows = [
        ("ticks ahead, instruments", f"{detail['ticks']:,} / {detail['instruments']:,}"),
        ("snapshot, MB", number(detail["snapshot_bytes"] / 1e6)),
        ("from the start of the process to ready, s", _with_range(figure(found, "recovery", "ready"))),
        ("from the same to caught up, s", _with_range(figure(found, "recovery", "caught up"))),
        ("ticks a second while it caught up", _with_range(figure(found, "recovery", "inputs a second"))),
    ]  # fmt: skip
    return _table(("figure", "median (range)"), rows)


def replayed(results: Mapping[str, Any]) -> str:
    """A day again, in one process."""
    found, rows = results["benchmarks"], []
    for name, called in REPLAYED.items():
        if name not in found:  # slow ones need not be in every baseline
            continue
        detail = found[name]["detail"]
        rates = [_millions(figure(found, name, "replay"))]
        if "hot" in {one["name"] for one in found[name]["figures"]}:
            rates += [_millions(figure(found, name, "hot")), _with_range(figure(found, name, "replay to hot"))]
        else:  # made before the hot task ran beside it
            rates += ["", ""]
        memory = [_with_range(figure(found, name, column)) for column in ("memory, peak", "memory, end to middle")]
        rows.append((called, f"{detail['ticks'] / 1e6:,.1f}", *rates, *memory, f"{found[name]['load']:.1f}"))
    return _table(("from", "M ticks", "M ticks/s", "hot task alone", "ratio", "peak MB", "end to middle", "load"), rows)


TABLES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "machine": machine, "gates": gates, "throughput": throughput, "latency": latency, "tail": tail, "way": way,
    "burst": burst, "startup": startup, "memory": memory, "kernels": kernels, "sizing": sizing, "paced": paced,
    "adapters": adapters, "frames": frames,
    "commits": commits, "recovery": recovery, "replayed": replayed,
}  # fmt: skip


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _with_range(one: Mapping[str, Any]) -> str:
    if len(one["values"]) == 1 or one["min"] == one["max"]:
        return number(one["median"])
    return f"{number(one['median'])} ({number(one['min'])} to {number(one['max'])})"


def _millions(one: Mapping[str, Any]) -> str:
    return number(one["median"] / 1e6)


def _ms(us: float) -> str:
    return number(us / US_PER_MS)


def _p50_p99(found: Mapping[str, float]) -> str:
    return f"{_ms(found['p50'])} / {_ms(found['p99'])}" if found.get("count") else "-"


def _memory(detail: Mapping[str, Any], process: str) -> str:
    of_process = detail["memory_mb"].get(process)
    return "-" if of_process is None else " / ".join(number(of_process[key]) for key in ("before", "peak", "after"))
