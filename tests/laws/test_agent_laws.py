"""Laws of every agent: batching is no part of meaning, a snapshot is the whole memory, a step changes no input.

An agent joins by being listed in ``HOP_FACTORIES``. Its inputs are those of a recorded run: what it read there, and
what lay on its side topics, however early or late it is told (but never later than it asks), in whatever pieces.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.context import Context, read_context
from agents.topology import HOP_FACTORIES
from agents.venue import Venue, VenueState
from replay.cut import Cut
from replay.plan import PlayPlan
from replay.session import MemorySession
from schemas.codec import encode
from schemas.document import Document
from schemas.errors import SnapshotError
from schemas.order import Order
from streams.admission import schemas_of
from streams.agent import Agent, Batch, Out, Payload
from streams.inputs import Input
from tests.gateway_desk import GATEWAY, report, units

ITEMS_MAX = 2_500
"""Primary inputs that a law is tried on."""
CAPTURES = ("spot_btcusdt_20240808.gz", "usdm_btcusdt_20240808.gz")
CAPTURE_LINES = 4_000

few = settings(
    deadline=None, max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@dataclass
class Tape:
    """What one agent read in a recorded run."""

    hop: str
    context: Context
    items: Any
    sides: dict[str, Any]

    def __repr__(self) -> str:
        return f"{len(self.items)} inputs of {self.hop}"

    def agent(self) -> Agent:
        """A new one, with nothing left of any other."""
        return HOP_FACTORIES[self.hop](self.context)


@dataclass
class Way:
    """How a tape is cut, and when the sides are told."""

    cuts: list[int] = field(default_factory=list)
    alone: tuple[int, int] = (0, 0)
    """Of so many inputs from here each comes by itself."""
    pieces: list[int] = field(default_factory=lambda: [10**9])
    """Sizes in which side records come, over and over."""
    early: list[int] = field(default_factory=lambda: [0])
    """How many pieces come unasked before a batch, over and over."""
    stored: frozenset[int] = frozenset()
    """Steps after which the state is stored, and a new agent goes on from the bytes."""


@st.composite
def ways(draw: st.DrawFn, stores: bool = False) -> Way:
    place = st.integers(0, ITEMS_MAX)
    return Way(
        cuts=draw(st.lists(place, max_size=25)),
        alone=(draw(place), draw(st.integers(0, 40))),
        pieces=draw(st.lists(st.integers(1, 200), min_size=1, max_size=5)),
        early=draw(st.lists(st.integers(0, 3), min_size=1, max_size=5)),
        stored=frozenset(draw(st.lists(st.integers(0, 40), min_size=1, max_size=5))) if stores else frozenset(),
    )


class Told:
    """One side topic: what has been told of it so far."""

    def __init__(self, items: Any, pieces: list[int]) -> None:
        self._items = items
        self._pieces = pieces
        self._turn = 0
        self._at = 0
        self._ended = False

    def next_piece(self) -> tuple[Any, bool] | None:
        """The next piece and whether it is the last; None when all has been told."""
        if self._ended:
            return None
        size = self._pieces[self._turn % len(self._pieces)]
        self._turn += 1
        piece = self._items[self._at : self._at + size]
        self._at += size
        self._ended = self._at >= len(self._items)
        return piece, self._ended


class Play:
    """Plays a tape to an agent in some way, and keeps what it said."""

    def __init__(self, tape: Tape, way: Way) -> None:
        self.said: dict[str, Any] = {}
        self.digests: dict[str, Any] = {}
        self._tape = tape
        self._way = way
        self._agent = tape.agent()
        self._state = self._agent.start()
        self._told = {name: Told(items, way.pieces) for name, items in tape.sides.items()}
        self._steps = 0

    def run(self) -> tuple[dict[str, Any], bytes]:
        """What was said by topic (rows' bytes hashed with their causes; documents), and the last state as bytes."""
        n = len(self._tape.items)
        first, count = self._way.alone
        cuts = {0, n, *self._way.cuts, *range(first, first + count)}
        for turn, (begin, end) in enumerate(pairwise(sorted(c for c in cuts if c <= n))):
            for _ in range(self._way.early[turn % len(self._way.early)]):
                self._tell(tuple(self._told))
            self._feed(Batch.of(self._tape.items[begin:end], begin))
        while (out := self._agent.finish(self._state)).waits:
            assert self._tell(out.waits), "it waits for what will never come"
        self._keep(out, n)
        while self._tell(tuple(self._told)):
            pass
        said = {name: digest.hexdigest() for name, digest in self.digests.items()}
        return {**self.said, **said}, self._agent.snapshot(self._state)

    def _feed(self, batch: Batch) -> None:
        while len(batch):
            before = meaning(batch.items)
            out = self._agent.step(self._state, batch)
            assert meaning(batch.items) == before, "a step has changed its input"
            assert 0 <= out.consumed <= len(batch)
            assert out.consumed == len(batch) or out.waits, "it stopped and does not say what for"
            self._keep(out, int(batch.origins["ordinal"][0]))
            batch = batch.tail(out.consumed)
            if out.waits:
                assert self._tell(out.waits), "it waits for what will never come"
            if self._steps in self._way.stored:
                self._store()
            self._steps += 1

    def _store(self) -> None:
        data = self._agent.snapshot(self._state)
        assert self._agent.snapshot(self._state) == data, "to look is not to touch"
        self._agent = self._tape.agent()
        self._state = self._agent.restore(data)
        assert self._agent.snapshot(self._state) == data

    def _tell(self, topics: tuple[str, ...]) -> bool:
        told = False
        for name in topics:
            piece = self._told[name].next_piece()
            if piece is not None:
                told = True
                self._agent.offer(self._state, name, piece[0], ended=piece[1])
        return told

    def _keep(self, out: Out, first: int) -> None:
        for rows in out.rows:
            index = np.arange(len(rows.rows)) if rows.index is None else rows.index
            for kind, data in (("rows", rows.rows.tobytes()), ("causes", (index + first).astype("<i8").tobytes())):
                self.digests.setdefault(f"{rows.topic} {kind}", hashlib.sha256()).update(data)
        for document in out.documents:
            assert document.index < out.consumed, "a document of an input that was not consumed"
            self.said.setdefault(document.topic, []).append(
                (document.key, encode(document.document), document.index + first)
            )
        for reject in out.rejects:
            self.said.setdefault("rejects", []).append((reject.index + first, str(reject.error)))


def meaning(items: Any) -> Any:
    """Bytes of rows; the documents and payloads themselves, which cannot change."""
    return items.tobytes() if isinstance(items, np.ndarray) else list(items)


def everything(session: MemorySession, table_name: str) -> Any:
    """All items of a topic of a run, as one array or list."""
    topic = session.plan.topic(table_name)
    raw = table_name.startswith("raw.")
    source = Input(
        session.log, topic, 0, source=session.plan.source if raw else "", gapless=not raw,
        accepts=schemas_of(table_name),
    )  # fmt: skip
    parts: list[Any] = []
    while source.fill(0.0):
        while (arrival := source.take()) is not None:
            if isinstance(arrival, Batch):
                parts.append(arrival.items)
    assert parts, f"nothing on {table_name} to try the laws on"
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else [item for part in parts for item in part]


@pytest.fixture(scope="module", params=["captures", "simulator"])
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MemorySession:
    """A split run: every topic holds every row."""
    captures = []
    if request.param == "captures":
        folder: Path = request.getfixturevalue("data_dir") / "binance"
        for name in CAPTURES:
            path = tmp_path_factory.mktemp("captures") / name.removesuffix(".gz")
            with gzip.open(folder / name, "rb") as lines:
                path.write_bytes(b"".join(islice(lines, CAPTURE_LINES)))
            captures.append(path)
    plan = PlayPlan(run="r", captures=captures, seconds=3.0, speed=0.0, split=True)
    session = MemorySession(plan, cut=Cut(frame_rows=64))
    session.run(lambda: None)
    return session


@pytest.fixture(scope="module")
def tapes(session: MemorySession) -> Mapping[str, Tape]:
    context = read_context(session.log, session.plan.namespace)
    made = {}
    for hop, build in HOP_FACTORIES.items():
        if hop == "gateway":
            made[hop] = reported(context, everything(session, "orders"))
            continue
        agent = build(context)
        sides = {name: everything(session, name) for name in agent.sides}
        items = spoilt(hop, everything(session, agent.reads))[:ITEMS_MAX]
        if isinstance(items, np.ndarray):
            items.flags.writeable = False  # as rows are that come straight from a record
        made[hop] = Tape(hop, context, items, sides)
    return made


def reported(context: Context, orders: Sequence[Order]) -> Tape:
    """What an execution system might say of a run's orders: each is acknowledged and fills, and all is said twice."""
    sizes = {d.instrument_id: d for d in context.instruments}
    said: list[bytes] = []
    for order in orders:
        name, one = order.client_order_id, units(1, sizes[order.instrument_id])
        fill = report(name, "partially_filled", last_quantity=one, last_price="9.5")
        said += [report(name), fill, report(name, "cancelled"), b"garbage", report(name, execution_id=f"late {name}")]
    payloads = [Payload(GATEWAY, i, i, b"", payload) for i, payload in enumerate(said * 2)]
    run = msgspec.structs.replace(context.run, gateway=GATEWAY)
    named = [msgspec.structs.replace(order, gateway=GATEWAY) for order in orders]
    return Tape("gateway", replace(context, run=run), payloads, {"orders": named})


def spoilt(hop: str, items: Any) -> Any:
    """With a few inputs that must be refused: what that does may not depend on batching either."""
    if isinstance(items, list) and isinstance(items[0], Payload):
        items = list(items)
        for at in range(70, len(items), 613):
            items[at] = Payload(items[at].source, items[at].seq, items[at].ts_recv, items[at].key, b"garbage")
    elif hop == "feature":
        items["instrument_id"][77::391] = 99
    elif hop == "score":
        items["view"][55::417] = 1
    return items


def test_the_tapes_are_worth_trying(tapes: Mapping[str, Tape]) -> None:
    sizes = {hop: len(tape.items) for hop, tape in tapes.items()}
    assert min(sizes.values()) >= 15, sizes
    said, _ = Play(tapes["strategy"], Way()).run()
    assert len(said["orders.intent"]) >= 8
    said, _ = Play(tapes["risk"], Way()).run()
    assert 0 < len(said["orders"]) < len(said["orders.decision"])


class Batchy(Venue):
    """Breaks every law: what it answers depends on how many orders come together."""

    def step(self, state: VenueState, batch: Batch) -> Out:
        out = super().step(state, batch)
        del out.documents[len(batch) :]
        return out


def test_the_laws_catch_an_agent_that_breaks_them(tapes: Mapping[str, Tape], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tape, "agent", lambda tape: Batchy(tape.context))
    assert Play(tapes["venue"], Way()).run() != Play(tapes["venue"], Way(alone=(0, ITEMS_MAX))).run()


hops = pytest.mark.parametrize("hop", HOP_FACTORIES)


@pytest.fixture
def straight(hop: str, tapes: Mapping[str, Tape], request: pytest.FixtureRequest) -> tuple[dict[str, Any], bytes]:
    """What the agent says when everything comes at once; once a module and agent."""
    known: dict[Any, Any] = request.config.stash.setdefault(_STRAIGHT, {})
    key = id(tapes), hop
    if key not in known:
        known[key] = Play(tapes[hop], Way()).run()
    result: tuple[dict[str, Any], bytes] = known[key]
    return result


_STRAIGHT: pytest.StashKey[dict[Any, Any]] = pytest.StashKey()


@hops
@given(way=ways())
@few
def test_any_batching_gives_the_same(
    hop: str, tapes: Mapping[str, Tape], straight: tuple[dict[str, Any], bytes], way: Way
) -> None:
    said, state = Play(tapes[hop], way).run()
    assert said == straight[0]
    assert state == straight[1], "the same inputs leave the same state, as the same bytes"


@hops
@given(way=ways(stores=True))
@few
def test_a_new_agent_goes_on_from_a_snapshot_as_if_it_had_been_there(
    hop: str, tapes: Mapping[str, Tape], straight: tuple[dict[str, Any], bytes], way: Way
) -> None:
    said, state = Play(tapes[hop], way).run()
    assert said == straight[0]
    assert state == straight[1]


@hops
def test_one_by_one_gives_the_same(hop: str, tapes: Mapping[str, Tape], straight: tuple[dict[str, Any], bytes]) -> None:
    assert Play(tapes[hop], Way(alone=(0, ITEMS_MAX), pieces=[1])).run() == straight


@hops
def test_told_everything_beforehand_it_says_the_same(
    hop: str, tapes: Mapping[str, Tape], straight: tuple[dict[str, Any], bytes]
) -> None:
    assert Play(tapes[hop], Way(early=[10**4], pieces=[64])).run() == straight


@hops
def test_writable_rows_are_left_as_they_were_and_give_the_same(
    hop: str, tapes: Mapping[str, Tape], straight: tuple[dict[str, Any], bytes]
) -> None:
    tape = tapes[hop]
    if not isinstance(tape.items, np.ndarray):
        assert all(isinstance(item, Document | Payload) for item in tape.items), "frozen by their kind"
        return
    writable = Tape(hop, tape.context, tape.items.copy(), tape.sides)
    assert Play(writable, Way(cuts=[ITEMS_MAX // 2])).run() == straight
    assert writable.items.tobytes() == tape.items.tobytes()


@hops
def test_it_says_what_its_topics_carry_and_nothing_else(
    hop: str, tapes: Mapping[str, Tape], straight: tuple[dict[str, Any], bytes]
) -> None:
    agent = tapes[hop].agent()
    topics = {name.split(" ")[0] for name in straight[0]} - {"rejects"}
    assert topics
    assert topics <= set(agent.writes)
    assert (hop in ("normalise", "feature", "score", "gateway")) == ("rejects" in straight[0])


@hops
def test_a_fresh_state_is_a_state(hop: str, tapes: Mapping[str, Tape]) -> None:
    first, second = tapes[hop].agent(), tapes[hop].agent()
    data = first.snapshot(first.start())
    assert data == second.snapshot(second.start())
    assert second.snapshot(second.restore(data)) == data


@hops
@pytest.mark.parametrize("harm", ["cut", "flipped", "foreign"])
def test_a_snapshot_that_is_not_its_own_is_refused(
    hop: str, tapes: Mapping[str, Tape], straight: tuple[dict[str, Any], bytes], harm: str
) -> None:
    data = straight[1]
    harms: dict[str, Callable[[bytes], bytes]] = {
        "cut": lambda b: b[:-5] or b"cut", "flipped": lambda b: b[:-9] + bytes([b[-9] ^ 1]) + b[-8:] if b else b"x",
        "foreign": lambda _b: foreign(tapes, hop),
    }  # fmt: skip
    with pytest.raises(SnapshotError):
        tapes[hop].agent().restore(harms[harm](data))


def foreign(tapes: Mapping[str, Tape], hop: str) -> bytes:
    other = tapes["venue" if hop != "venue" else "risk"].agent()
    return other.snapshot(other.start())
