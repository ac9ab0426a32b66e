"""Benchmarks: ``python -m benchmarks`` lists them, with a NAME runs one, with ``--gate`` those that must hold.

Tables and progress go to standard error; ``--json FILE`` writes all that was measured (``-``: to standard output).
Exit codes: 0; 1 a gate is broken or a benchmark failed; 2 no such benchmark; 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streams.home import use_kernel_cache

use_kernel_cache()

from benchmarks import results as files  # noqa: E402 - the kernel cache must have its place before numba is imported
from benchmarks.declare import Benchmark  # noqa: E402
from benchmarks.environment import environment  # noqa: E402
from benchmarks.harness import PAIRS, QUICK_PAIRS, Harness  # noqa: E402
from benchmarks.priority import has_own_session, in_own_session  # noqa: E402
from benchmarks.registry import BENCHMARKS  # noqa: E402
from benchmarks.table import show_list, show_results  # noqa: E402
from benchmarks.verdicts import broken, judged  # noqa: E402
from schemas.errors import TapedeckError  # noqa: E402
from streams.clock import monotonic_s  # noqa: E402

BROKEN_EXIT, USAGE_EXIT, INTERRUPTED_EXIT = 1, 2, 130


def chosen(args: argparse.Namespace, benchmarks: Sequence[Benchmark] = BENCHMARKS) -> list[Benchmark]:
    """The benchmarks asked for: gates, all, or those named.

    Raises:
        KeyError: One that there is not.
    """
    if args.all:
        return list(benchmarks)
    if args.gate and not args.names:
        return [b for b in benchmarks if b.kind == "gate"]
    known = {b.name: b for b in benchmarks}
    return [known[name] for name in args.names]


def run(benchmark: Benchmark, harness: Harness, ticks: int | None = None) -> dict[str, Any]:
    """Run one, on so many ticks; an error of ours ends that benchmark only, and breaks its gates."""
    harness.say(f"{benchmark.name}: {benchmark.measures}")
    began = monotonic_s()
    try:
        arguments = {**benchmark.arguments, **({"ticks": ticks} if ticks and "ticks" in benchmark.arguments else {})}
        found = importlib.import_module(benchmark.module).run(harness, **arguments)
    except TapedeckError as error:
        harness.say(f"{benchmark.name}: {error}")
        return {**files.entry(benchmark, [], {}, monotonic_s() - began), "error": str(error)}
    seconds = monotonic_s() - began
    return files.entry(benchmark, judged(benchmark, found), found.detail, seconds)


def parser() -> argparse.ArgumentParser:
    """The flags."""
    flags = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  python -m benchmarks --gate --json gate.json\n  python -m benchmarks burst --quick",
    )  # fmt: skip
    flags.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run (default: list them)")
    flags.add_argument("--gate", action="store_true", help="run every gate; exit 1 when a bound is broken")
    flags.add_argument("--all", action="store_true", help="run everything, slow ones too")
    flags.add_argument("--quick", action="store_true", help="short runs: to see that it works, not to quote")
    flags.add_argument("--pairs", type=int, help=f"alternating pairs (default {PAIRS}, with --quick {QUICK_PAIRS})")
    flags.add_argument("--ticks", type=int, help="so many, where a benchmark runs over a number of ticks")
    flags.add_argument("--bootstrap", help="HOST:PORT of a Kafka that is there (default: an embedded one, temporary)")
    flags.add_argument("--first", action="store_true", help="before all else that the machine does (Linux, root)")
    flags.add_argument("--json", metavar="FILE", help="write the results; - for standard output")
    flags.add_argument("--baseline", action="store_true", help="write them over what the committed baseline says")
    flags.add_argument("--commit", default=os.environ.get("BENCH_COMMIT", ""), help="noted in the results")
    flags.add_argument("--no-bounds", action="store_true", help="fail for counts and errors only: to see that it works")
    flags.add_argument("--docs", action="store_true", help="write docs/performance.md's tables and plots, no more")
    return flags


def main(arguments: Sequence[str] | None = None) -> int:
    """List, run, judge, write."""
    args = parser().parse_args(arguments)
    if args.docs:
        return documents()
    if not (args.names or args.gate or args.all):
        show_list(BENCHMARKS)
        return 0
    try:
        benchmarks = chosen(args)
    except KeyError as error:
        print(f"error: no such benchmark: {error}; there are {', '.join(b.name for b in BENCHMARKS)}", file=sys.stderr)
        return USAGE_EXIT
    if args.first and not has_own_session():
        return in_own_session(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    where = environment(args.commit)
    try:
        with Harness(quick=args.quick, pairs=args.pairs, bootstrap=args.bootstrap, first=args.first) as harness:
            found = {benchmark.name: run(benchmark, harness, args.ticks) for benchmark in benchmarks}
    except KeyboardInterrupt:
        return INTERRUPTED_EXIT
    except TapedeckError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    where["first"] = harness.first
    where["load_after"] = list(os.getloadavg())
    results = files.document(where, found, pairs=harness.pairs, quick=args.quick)
    return report(args, results)


def documents() -> int:
    """The page's tables and plots, from the committed baseline."""
    from benchmarks.pages import rewrite
    from benchmarks.plots import draw_all

    baseline = files.read(files.BASELINE)
    if baseline is None:
        print(f"error: no baseline in {files.BASELINE.name}; run: just bench --all --baseline", file=sys.stderr)
        return USAGE_EXIT
    rewrite(baseline)
    try:
        draw_all(baseline)
    except TapedeckError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def report(args: argparse.Namespace, results: dict[str, Any]) -> int:
    """Show and write; the exit code."""
    baseline = files.read(files.BASELINE)
    if args.json == "-":
        print(json.dumps(results))
    elif args.json:
        files.write(Path(args.json), results)
    show_results(results, baseline, gates_only=args.gate)
    print(f"{results['seconds']:.0f} s in all", file=sys.stderr)
    if args.baseline:
        files.write(files.BASELINE, files.merged(baseline, results))
    failed = broken(results)
    for name in failed:
        print(f"broken: {name}", file=sys.stderr)
    return BROKEN_EXIT if broken(results, counts_only=args.no_bounds) else 0


if __name__ == "__main__":
    sys.exit(main())
