"""Live topics against the one table of topics: partitions, cleanup, retention, record size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from agents.topology import partitions_of, topic_specs
from operations.finding import Finding
from schemas.topics import table_row, topic_name
from streams.cluster import Partition, Setting
from streams.kafka import topic_settings
from streams.log import TopicSpec
from streams.namespace import namespaces

STRANGERS_NAMED_MAX = 5

RECORD_SIZE = "max.message.bytes"
POLICY = "cleanup.policy"
RETENTION = ("retention.ms", "retention.bytes")


def live_names(names: Iterable[str]) -> list[str]:
    """Topics without a run's prefix, Kafka's own left out."""
    known = sorted(name for name in names if not name.startswith("__"))
    prefixes = tuple(namespaces(known).values())
    return [name for name in known if not name.startswith(prefixes)]


def specs_of(names: Iterable[str], partitions: int = 1, gateway: str = "") -> list[TopicSpec]:
    """How the table wants those of the topics that stand in it, in a topology of so many partitions.

    That of an execution system, ``gateway``, has one partition.
    """
    reports = topic_name("", "raw.<source>", gateway)
    rows = ((name, table_row(name)) for name in live_names(names))
    return [
        TopicSpec(name, 1 if name == reports else partitions_of(row.name, partitions), row.kept == "compacted")
        for name, row in rows
        if row is not None
    ]


def is_keyed(name: str) -> bool:
    """Whether a topic's partition is chosen by instrument: it cannot be enlarged, as keys would move."""
    row = table_row(name)
    return row is not None and row.spread


def wrong_settings(spec: TopicSpec, found: Mapping[str, Setting]) -> dict[str, str]:
    """Settings of a topic that differ from the table's, by name, with the value wanted."""
    wanted = topic_settings(compacted=spec.compacted)
    wrong = {}
    if found[POLICY].value != wanted[POLICY]:
        wrong[POLICY] = wanted[POLICY]
    if int(found[RECORD_SIZE].value) < int(wanted[RECORD_SIZE]):
        wrong[RECORD_SIZE] = wanted[RECORD_SIZE]
    if not spec.compacted:  # compaction alone takes no heed of retention
        wrong |= {name: wanted[name] for name in RETENTION if found[name].value != wanted[name]}
    return wrong


def judge(
    topics: Mapping[str, tuple[Partition, ...]],
    settings: Mapping[str, Mapping[str, Setting]],
    *,
    source: str | None,
    partitions: int = 1,
    gateway: str = "",
    bootstrap: str,
    program: str,
) -> list[Finding]:
    """Findings on live topics.

    Args:
        topics: Partitions by name, of all topics.
        settings: Settings in force, by name, of those that :func:`specs_of` gives.
        source: Source of the live run; None where none was opened: then nothing can be missing.
        partitions: Of the live run, by instrument.
        gateway: Execution system of the live run; empty: the paper venue.
        bootstrap: For the fix of what only Kafka's own tools can do.
        program: How ``tapedeck`` is called for this cluster.
    """  # fmt: skip
    specs = specs_of(topics, partitions, gateway)
    found = [
        finding
        for spec in specs
        for finding in (*_partitions(spec, len(topics[spec.name]), bootstrap, program),
                        *_settings(spec, settings.get(spec.name, {}), program))
    ]  # fmt: skip
    wanted = [] if source is None else topic_specs("", source, partitions, gateway)
    missing = [spec.name for spec in wanted if spec.name not in topics]
    if missing:
        found.append(Finding("topics", "fail", f"missing: {', '.join(missing)}", "every topic of the live run",
                             f"{program} topics mend"))  # fmt: skip
    strangers = [name for name in live_names(topics) if table_row(name) is None]
    if strangers:
        found.append(Finding("topics", "warn", f"not Tapedeck's: {_some(strangers)}",
                             "a cluster of its own, or names that no table of ours will ever take",
                             f"leave them if they are wanted, else: kafka-topics.sh --bootstrap-server {bootstrap} "
                             f"--delete --topic {strangers[0]}"))  # fmt: skip
    if not found:
        said = f"{len(specs)} live topics as in schemas/topics.py" if specs else "no live topics yet"
        found.append(Finding("topics", "ok", said))
    return found


def _partitions(spec: TopicSpec, number: int, bootstrap: str, program: str) -> list[Finding]:
    check, wanted = f"topic {spec.name}", f"{spec.partitions} partition{'s' if spec.partitions > 1 else ''}"
    if number < spec.partitions and is_keyed(spec.name):
        return [Finding(check, "fail", f"{number} partitions; it is not enlarged: keys would move, while their books, "
                        "positions and numbers stay behind", wanted,
                        "begin anew on another cluster or TAPEDECK_HOME, after an end in order")]  # fmt: skip
    if number < spec.partitions:
        return [Finding(check, "fail", f"{number} partitions", wanted, f"{program} topics mend")]
    if number > spec.partitions:
        return [Finding(
            check, "fail", f"{number} partitions; nothing reads those above the first {spec.partitions}", wanted,
            f"once nothing in it is needed: kafka-topics.sh --bootstrap-server {bootstrap} --delete --topic {spec.name}"
            f" && {program} topics mend",
        )]  # fmt: skip
    return []


def _settings(spec: TopicSpec, found: Mapping[str, Setting], program: str) -> list[Finding]:
    if not found:
        return [Finding(f"topic {spec.name}", "unknown", "its settings are not told")]
    wrong = wrong_settings(spec, found)
    if not wrong:
        return []
    said = ", ".join(f"{name}={found[name].value}" for name in wrong)
    wanted = ", ".join(f"{name}={value}" for name, value in wrong.items())
    return [Finding(f"topic {spec.name}", "fail", said, wanted, f"{program} topics mend")]


def _some(names: Sequence[str]) -> str:
    more = len(names) - STRANGERS_NAMED_MAX
    return ", ".join(names[:STRANGERS_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
