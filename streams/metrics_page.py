"""``docs/metrics.md``, written from the table of metrics: ``python -m streams.metrics > docs/metrics.md``."""

from __future__ import annotations

from streams.metrics import TABLE, Metric

_HEAD = """# Metrics

Every process of a live topology tells Prometheus how it is, where it was asked to:

```console
$ tapedeck up --metrics-port 9400
$ curl -s http://127.0.0.1:9400/metrics
```

`tapedeck up` itself answers at the port given, its processes at those after it, in the order in which `tapedeck up`
names them, whichever of them run here: 9401 `clock`, 9402 `normalise`, 9403 `hot`, 9404 `risk`, 9405 `venue`, 9406
`feed`. With `--metrics-port 0` each picks a free one and says which. In a topology file:

```toml
[metrics]
port = 9400
host = "127.0.0.1"    # listen elsewhere only where nobody else can reach it: there is no password
```

- **A port that is taken** is told in a line, and the desk goes on without that endpoint. Two topologies on a machine
  take two bases.
- **Nothing asked, nothing spent**: without a port no process listens, and the Prometheus library is not loaded.
- **Counters begin at 0 with each life of a process**, as Prometheus expects. What a task regenerates in recovery is
  counted again: for what came of a run ask the log, not its metrics. What goes on over all lives is a gauge.
- **Reading costs nothing until somebody reads**: tasks count in plain attributes, and a thread looks at them when it is
  asked to. A scrape takes a millisecond or two of the process.
- Profit and loss is not among them, since it needs the market's ticks beside the executions: `tapedeck top --json`.

Each metric of ours has the label `task`, the name of its process. This page is written from `streams/metrics.py` by
`just docs`.
"""

_WHO = {
    "every process": "Every process",
    "up": "`tapedeck up`, task `up`",
    "a task": "A task: normalise, hot (or feature, score, strategy), risk, venue",
    "normalise": "The task with normalise",
    "risk": "The task with risk",
    "feed and clock": "Feed and clock",
}


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(_section(of, title) for of, title in _WHO.items())


def _section(of: str, title: str) -> str:
    rows = "".join(map(_row, (metric for metric in TABLE if metric.of == of)))
    return f"\n## {title}\n\n| metric | type | unit | labels | meaning |\n| --- | --- | --- | --- | --- |\n{rows}"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.type} | {metric.unit} | {labels} | {metric.help} |\n"
