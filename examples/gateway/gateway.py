"""An execution system in Python: reads `orders`, works each once, reports to `raw.<name>`. Needs confluent-kafka.

    python gateway.py BOOTSTRAP NAME BOOK

BOOK stands for your venue: a file to which everything is written before anybody is told. Kill this program wherever you
like and start it again: no order is worked twice, none is forgotten, and a report that is sent twice counts once.
"""

import json
import os
import sys
import time
import zlib
from decimal import Decimal

from confluent_kafka import Consumer, Producer

WORK_S = 0.3  # how long this venue lets an order wait before it fills


class Book:
    """What the venue knows. `line` writes one fact to the disk, then applies it: a restart applies them all again."""

    def __init__(self, path):
        self.orders, self.working, self.filled, self.reports = {}, {}, {}, []
        self.file = open(path, "ab+")  # noqa: SIM115  it is open as long as the gateway lives
        self.file.seek(0)
        whole = self.file.read()
        whole = whole[: whole.rfind(b"\n") + 1]  # a line that a death cut short was never told to anybody
        self.file.truncate(len(whole))
        for line in whole.splitlines():
            self.apply(json.loads(line))

    def line(self, fact):
        self.file.write(json.dumps(fact).encode() + b"\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self.apply(fact)

    def apply(self, fact):
        if "order" in fact:
            order = fact["order"]
            self.orders[order["client_order_id"]] = order
        report = fact["report"]
        self.reports.append(report)
        name, status = report["client_order_id"], report["status"]
        order = self.orders[name]
        if status in ("cancelled", "replaced"):
            self.working.pop(order["cancels"], None)  # of a cancel or a replace: the order that it names
        if status in ("acknowledged", "replaced"):
            self.working[name] = Decimal(order["quantity_decimal"])
        if status in ("partially_filled", "filled"):
            self.working[name] -= Decimal(report["last_quantity"])
            self.filled[name] = self.filled.get(name, 0) + Decimal(report["last_quantity"])
        if status in ("filled", "cancelled", "rejected"):
            self.working.pop(name, None)

    def say(self, order, status, quantity=Decimal(0), price="0", reason="", new=False):
        name = order["client_order_id"]
        filled = self.filled.get(name, 0) + quantity  # told, so that a report that was lost shows
        number = len(self.reports)  # derived from the book, so the same after every restart
        report = {
            "type": "execution_report", "execution_id": f"{number}-{name}"[:200], "client_order_id": name,
            "status": status, "ts": time.time_ns(), "last_quantity": f"{quantity:f}", "last_price": price,
            "cumulative_quantity": f"{filled:f}",
            "venue_order_id": f"v{zlib.crc32(name.encode())}", "reason": reason,
        }  # fmt: skip
        self.line({"order": order, "report": report} if new else {"report": report})


def take(book, order):
    """A record of `orders`, worked once whatever is read twice."""
    if order["client_order_id"] in book.orders:
        return
    if order["action"] == "cancel":
        known = order["cancels"] in book.working
        book.say(order, "cancelled" if known else "rejected", reason="" if known else "too late", new=True)
    elif time.time_ns() > order["valid_until"]:
        book.say(order, "rejected", reason="expired", new=True)
    elif order["action"] == "replace":
        known = order["cancels"] in book.working
        book.say(order, "replaced" if known else "rejected", reason="" if known else "too late", new=True)
    elif zlib.crc32(order["client_order_id"].encode()) % 7 == 0:
        book.say(order, "rejected", reason="no credit", new=True)
    else:
        book.say(order, "acknowledged", new=True)


def half(order):
    """About half of it, in whole units: the order says how many of them it is, and what that comes to."""
    return Decimal(order["quantity_decimal"]) / order["quantity"] * (order["quantity"] // 2)


def work(book):
    """Fill what has waited for long enough: some whole, some in part, the rest as the order says."""
    for name in list(book.working):
        order = book.orders[name]
        mark, price = zlib.crc32(name.encode()) % 3, order["limit_price_decimal"]
        since = max(r["ts"] for r in book.reports if r["client_order_id"] == name)
        if time.time_ns() - since < WORK_S * 1e9 or (mark == 2 and order["time_in_force"] == "gtc"):
            continue
        left = book.working[name]
        whole = Decimal(order["quantity_decimal"])
        part = half(order) if left == whole and mark else left
        if 0 < part < left:
            book.say(order, "partially_filled", part, price)
        elif mark == 1 and left != whole and order["time_in_force"] == "ioc":
            book.say(order, "cancelled", reason="rest of an immediate-or-cancel order")
        else:
            book.say(order, "filled", left, price)


def main(bootstrap, name, path):
    book = Book(path)
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": f"execution-{name}", "isolation.level": "read_committed",
        "auto.offset.reset": "earliest", "enable.auto.commit": False,
    })  # fmt: skip
    consumer.subscribe(["orders"])
    told = 0  # of the book: after a restart all is told again, and counts once
    failed = []  # flush counts what is unanswered alone: a report that was refused shows here
    while True:
        records = [r for r in consumer.consume(100, 0.05) if not r.error()]
        for record in records:
            order = json.loads(record.value())
            if order.get("type") == "order" and order.get("gateway") == name:  # others are not ours to work
                take(book, order)
        work(book)
        for report in book.reports[told:]:
            producer.produce(f"raw.{name}", json.dumps(report).encode(), key=report["client_order_id"], partition=0,
                             on_delivery=lambda error, _: failed.append(error) if error else None)  # fmt: skip
        if producer.flush(30) or failed:
            sys.exit(f"reports are not acknowledged: start again, they are in the book: {failed[:1]}")
        told = len(book.reports)
        if records:
            consumer.commit(asynchronous=False)  # only what is in the book, and told


if __name__ == "__main__":
    main(*sys.argv[1:])
