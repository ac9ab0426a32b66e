"""Intents of several partitions read by log time, on both logs: whoever could still come first is waited for."""

from __future__ import annotations

from typing import Any

from schemas.catalog import END, INTENT
from schemas.codec import encode
from schemas.control import End
from schemas.header import Header, pack
from streams.log import Log, Reader, TopicSpec, Writer
from streams.snapshot import KIND, record_header
from streams.state_bytes import dump
from streams.timed import Sender, TimedLog

SENDERS = (Sender("hot@0", 0, 5), Sender("hot@1", 1, 0))
WAIT_S = 2.0


def asked(log: Log, namespace: str, writer: Writer, name: str, *intents: tuple[int, int]) -> None:
    """Intents of a writer: number and log time of each."""
    for seq, time in intents:
        header = Header(schema=INTENT.number, version=INTENT.version, seq=seq, time=time, writer=name)
        writer.append(f"{namespace}orders.intent", 0, b"k", f"{name} {time}".encode(), pack(header))


def committed(namespace: str, writer: Writer, sender: Sender, time: int, made: int, *, half: bool = False) -> None:
    """A commit that says how far a writer was; ``half``: with an input half worked off."""
    values: dict[str, Any] = {
        "queues": [{"hops": []} if half else None], "input": {"time": time}, "outputs": {"orders.intent": [made, 0]},
    }  # fmt: skip
    header = record_header(sender.name, 1, time)
    writer.append(f"{namespace}state", sender.state_partition, sender.name.encode(), dump(KIND, {}, values), header)
    writer.commit()
    writer.begin()


def ended(namespace: str, writer: Writer, name: str, seq: int) -> None:
    header = Header(schema=END.number, version=END.version, seq=seq, time=99, writer=name)
    writer.append(f"{namespace}orders.intent", 0, b"", encode(End(run="r", ts=99, inputs=1)), pack(header))
    writer.commit()


def taken(reader: Reader, count: int) -> list[str]:
    """The next so many, waited for; then whatever else is ready, which must be nothing."""
    found: list[str] = []
    for _ in range(400):
        found += [r.value.decode() for r in reader.read(10, WAIT_S / 400)]
        if len(found) >= count:
            break
    for _ in range(20):
        found += [r.value.decode() for r in reader.read(10, 0.01)]
    return found


def test_each_comes_once_nobody_can_come_before_it(log: Log, name: str) -> None:
    namespace = f"{name}."
    log.create([TopicSpec(f"{namespace}orders.intent"), TopicSpec(f"{namespace}state", 2, compacted=True)])
    zero, one = (log.writer(f"{namespace}{sender.name}") for sender in SENDERS)
    zero.begin()
    one.begin()
    topic = f"{namespace}orders.intent"
    reader = TimedLog(log, namespace, "orders.intent", SENDERS).reader({(topic, 0): 0})
    asked(log, namespace, zero, "hot@0", (5, 10), (6, 30))
    committed(namespace, zero, SENDERS[0], 40, 7)
    assert taken(reader, 0) == [], "the other has not said where it is"
    asked(log, namespace, one, "hot@1", (0, 20))
    committed(namespace, one, SENDERS[1], 35, 1, half=True)
    assert taken(reader, 2) == ["hot@0 10", "hot@1 20"], "an input half worked off may still ask at 20"
    committed(namespace, one, SENDERS[1], 30, 1)
    assert taken(reader, 0) == [], "of one time, it may still ask at 30"
    committed(namespace, one, SENDERS[1], 31, 1)
    assert taken(reader, 1) == ["hot@0 30"]
    asked(log, namespace, one, "hot@1", (1, 50), (2, 60))
    committed(namespace, one, SENDERS[1], 70, 3)
    asked(log, namespace, zero, "hot@0", (7, 60))
    ended(namespace, zero, "hot@0", 8)
    assert taken(reader, 3) == ["hot@1 50", "hot@0 60", "hot@1 60"], "of one time, the partition decides"
    ended(namespace, one, "hot@1", 3)
    assert len(taken(reader, 1)) == 1, "one end for all"
    again = TimedLog(log, namespace, "orders.intent", SENDERS).reader({(topic, 0): 3})
    assert taken(again, 6)[:6] == ["hot@0 10", "hot@1 20", "hot@0 30", "hot@1 50", "hot@0 60", "hot@1 60"]
    reader.close()
    again.close()
