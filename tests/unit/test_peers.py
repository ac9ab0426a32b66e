"""A mid outside the calibrated band of its peers is suspect; what is learned of the band, from whom, and how long."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from agents.context import Context, context_of
from agents.live_plan import load_topology
from agents.normalise import Normalise
from agents.peer_band import band_of
from agents.peer_scan import COMPARED_MIN
from agents.peers import PEERS_MAX, Peers, PeersState, peers_of, underlying
from agents.release_watch import release_of
from agents.topology_file import PeersTable
from feeds.definitions import BY_INSTRUMENT, DEFINITIONS
from feeds.venues import KNOWN
from replay.plan import PlayPlan
from schemas.columns import PRICE_SCALE, PRICE_UNDEFINED
from schemas.control import PeerBand, RunOpened
from schemas.errors import ConfigError, SnapshotError
from schemas.partitions import partition_of
from schemas.tick import FLAG_BUFFERED, FLAG_CROSSED, FLAG_DEPTH_UNSYNCED, FLAG_SUSPECT, TICK
from streams.agent import Batch, Payload
from streams.state_bytes import dump, load

MS, SECOND = 1_000_000, 1_000_000_000
START = 1_723_161_254 * SECOND
STEP = 100 * MS
BAND = PeerBand(
    floor_ppm=1_000, dispersions=8, fresh_ns=2 * SECOND, calibrate_ns=10 * SECOND, half_life_ns=60 * SECOND,
    shift_ns=30 * SECOND,
)  # fmt: skip
SPOT, LINEAR, INVERSE = (BY_INSTRUMENT[name].instrument_id for name in (
    "spot:BTCUSDT", "linear:BTCUSDT", "inverse:BTCUSD_PERP"
))  # fmt: skip
PRICE = 60_000.0


def context(definitions: Any = DEFINITIONS, partitions: int = 1, band: PeerBand = BAND) -> Context:
    run = PlayPlan(run="r").opening()
    return context_of(msgspec.structs.replace(run, partitions=partitions, peers=band), definitions)


class World:
    """Peers of one partition, to which quotes come one by one."""

    def __init__(self, band: PeerBand = BAND, definitions: Any = DEFINITIONS) -> None:
        self.peers = Peers(context(definitions), band)
        self.state: PeersState = self.peers.start()
        self.now = START

    def quote(self, number: int, mid: float | None, flags: int = 0, touch_age: int = 0, pass_ns: int = 0) -> bool:
        """Whether a quote is suspect; None: a book without offers."""
        self.now += pass_ns
        row = np.zeros(1, TICK)
        row["instrument_id"], row["ts_log"], row["ts_touch"], row["flags"] = (
            number,
            self.now,
            self.now - touch_age,
            flags,
        )
        half = 0.05
        row["bid_price"] = round(((PRICE if mid is None else mid) - half) * PRICE_SCALE)
        row["ask_price"] = PRICE_UNDEFINED if mid is None else round((mid + half) * PRICE_SCALE)
        self.peers.flag(self.state, row)
        after = int(row["flags"][0])
        assert after | FLAG_SUSPECT == flags | FLAG_SUSPECT, "the other flags stand"
        return after != flags

    def calm(self, mids: dict[int, float], seconds: float = 11) -> int:
        """Quotes of all in turn, a tenth of a second apart; how many were suspect."""
        turns = round(seconds * SECOND / STEP)
        return sum(self.quote(n, mid, pass_ns=STEP if at == 0 else 0)
                   for _ in range(turns) for at, (n, mid) in enumerate(mids.items()))  # fmt: skip

    def pair(self, one: int, other: int) -> Any:
        names = [(self.peers._ids[a], self.peers._ids[b]) for a, b in self.peers.pairs]
        return self.state.pairs[names.index((one, other))]


def calibrated(mids: dict[int, float] | None = None) -> World:
    world = World()
    assert world.calm({SPOT: PRICE, LINEAR: PRICE} if mids is None else mids) == 0
    return world


def test_until_it_is_calibrated_nothing_is_flagged() -> None:
    world = World()
    world.calm({SPOT: PRICE, LINEAR: PRICE}, seconds=9.5)
    assert not world.quote(SPOT, PRICE * 2)
    world = World()
    world.calm({SPOT: PRICE, LINEAR: PRICE}, seconds=10.5)
    assert world.quote(SPOT, PRICE * 2)


def test_a_few_comparisons_are_too_few_however_long_they_take() -> None:
    world = World()
    for _ in range(COMPARED_MIN // 2):
        world.quote(SPOT, PRICE, pass_ns=SECOND)
        world.quote(LINEAR, PRICE)
    assert world.pair(SPOT, LINEAR)["seen_ns"] > BAND.calibrate_ns
    assert world.pair(SPOT, LINEAR)["compared"] < COMPARED_MIN
    assert not world.quote(SPOT, PRICE * 2)


@pytest.mark.parametrize("number", [SPOT, LINEAR])
@pytest.mark.parametrize("factor", [0.5, 0.9985, 1.0015, 2.0, 1e3])
def test_who_leaves_the_band_is_flagged_the_peer_is_not_and_back_inside_all_is_well(number: int, factor: float) -> None:
    world = calibrated()
    (peer,) = {SPOT, LINEAR} - {number}
    assert world.quote(number, PRICE * factor, pass_ns=STEP)
    assert not world.quote(peer, PRICE)
    assert world.quote(number, PRICE * factor)
    assert not world.quote(number, PRICE * 1.0005)
    assert not world.quote(peer, PRICE)


def test_a_lasting_distance_between_two_markets_is_their_basis_and_no_doubt() -> None:
    world = calibrated({SPOT: PRICE, LINEAR: PRICE * 1.05, INVERSE: PRICE * 0.8})
    assert not world.quote(LINEAR, PRICE * 1.05)
    assert world.quote(LINEAR, PRICE), "right on its peer, and 5% off its own basis"
    assert world.quote(INVERSE, PRICE * 0.79)


def test_the_band_is_as_wide_as_what_was_seen_where_that_is_more_than_the_floor() -> None:
    world = World()
    for turn in range(200):
        world.quote(SPOT, PRICE * (1 + 0.001 * (-1) ** turn), pass_ns=STEP)
        world.quote(LINEAR, PRICE)
    dispersion = float(world.pair(SPOT, LINEAR)["dispersion"])
    assert 0.0008 < dispersion < 0.0012
    assert not world.quote(SPOT, PRICE * 1.006)
    assert world.quote(SPOT, PRICE * 1.012)


def test_an_outlier_moves_neither_basis_nor_band() -> None:
    world = calibrated()
    before = world.pair(SPOT, LINEAR).copy()
    for _ in range(100):
        world.quote(SPOT, PRICE * 1.01, pass_ns=STEP)
    after = world.pair(SPOT, LINEAR)
    for name in ("basis", "dispersion", "compared", "seen_ns"):
        assert after[name] == before[name]


def test_peers_that_are_stale_say_nothing() -> None:
    world = calibrated()
    assert not world.quote(SPOT, PRICE * 2, pass_ns=BAND.fresh_ns + 1)
    world = calibrated()
    assert world.quote(SPOT, PRICE * 2, pass_ns=BAND.fresh_ns)


def test_a_peer_that_trades_on_an_old_touch_says_nothing_either() -> None:
    world = calibrated()
    world.quote(LINEAR, PRICE, touch_age=BAND.fresh_ns + 1)
    assert not world.quote(SPOT, PRICE * 2)


def test_a_lasting_shift_is_learned_anew_and_judged_again() -> None:
    world = calibrated()
    mids = {SPOT: PRICE * 1.01, LINEAR: PRICE}
    flagged = world.calm(mids, seconds=60)
    assert 290 <= flagged <= 310, "thirty seconds, ten times a second, and never the peer"
    assert not world.quote(SPOT, PRICE * 1.01)
    assert world.quote(SPOT, PRICE, pass_ns=STEP), "the new level is the one that counts"


def test_an_outlier_now_and_then_is_no_shift() -> None:
    world = calibrated()
    for _ in range(400):
        assert world.quote(SPOT, PRICE * 1.01, pass_ns=STEP)
        assert not world.quote(SPOT, PRICE, pass_ns=STEP)
        assert not world.quote(LINEAR, PRICE)


def test_the_time_in_which_nobody_could_compare_does_not_count_towards_a_shift() -> None:
    world = calibrated()
    assert world.quote(SPOT, PRICE * 1.01)
    world.quote(LINEAR, PRICE, pass_ns=3_600 * SECOND)
    assert world.quote(SPOT, PRICE * 1.01)
    assert world.pair(SPOT, LINEAR)["outside_ns"] <= BAND.fresh_ns


def test_of_three_the_one_that_is_off_is_flagged_whoever_speaks_first() -> None:
    for first, second in ((SPOT, INVERSE), (INVERSE, SPOT)):
        world = calibrated({SPOT: PRICE, LINEAR: PRICE, INVERSE: PRICE})
        assert world.quote(LINEAR, PRICE * 0.99)
        assert not world.quote(first, PRICE)
        assert not world.quote(second, PRICE)
        assert world.quote(LINEAR, PRICE * 0.99)


def test_where_peers_disagree_half_and_half_nothing_is_flagged() -> None:
    """Two have moved and one has not yet: the market moves."""
    world = calibrated({SPOT: PRICE, LINEAR: PRICE, INVERSE: PRICE})
    assert world.quote(SPOT, PRICE * 1.01), "the first to move is alone"
    assert world.quote(LINEAR, PRICE * 1.01), "a suspect mid is no peer"
    assert not world.quote(INVERSE, PRICE * 1.01), "all others are in doubt: nobody to compare with"
    assert not world.quote(SPOT, PRICE * 1.01)
    assert not world.quote(LINEAR, PRICE * 1.01)


@pytest.mark.parametrize("flag", [FLAG_CROSSED, FLAG_DEPTH_UNSYNCED, FLAG_BUFFERED])
def test_what_is_in_doubt_anyway_is_judged_and_nothing_is_learned_from_it(flag: int) -> None:
    world = calibrated()
    before = world.pair(SPOT, LINEAR)["compared"]
    assert not world.quote(SPOT, PRICE, flags=flag)
    assert world.pair(SPOT, LINEAR)["compared"] == before
    assert world.quote(SPOT, PRICE * 2, flags=flag)
    assert not world.quote(LINEAR, PRICE * 2), "and it is no peer"


def test_a_book_of_one_side_has_no_mid() -> None:
    world = calibrated()
    assert not world.quote(SPOT, None)
    assert not world.quote(LINEAR, PRICE * 2), "its peer has none"
    assert world.state.mids["mid"][0] == 0.0


def test_instruments_without_peers_and_those_that_are_not_defined_pass() -> None:
    world = calibrated()
    assert not world.quote(BY_INSTRUMENT["spot:ETHUSDT"].instrument_id, 1.0)
    assert not world.quote(9_999, 1.0)


def test_peers_are_of_one_underlying_dollars_are_dollars_and_a_name_is_a_name() -> None:
    alike = {name for name, d in KNOWN.items() if underlying(d) == ("BTC", "USD")}
    assert {"spot:BTCUSDT", "linear:BTCUSDT", "inverse:BTCUSD_PERP", "spot:BTC-USD", "inverse:PI_XBTUSD"} <= alike
    assert not {"spot:BTCEUR", "spot:ETHUSDT", "spot:SKL-BTC"} & alike


def test_only_what_a_partition_carries_is_compared() -> None:
    names = [d.instrument for d in DEFINITIONS]
    whole = Peers(context(), BAND)
    assert len(whole.pairs) == 6
    for partition in range(2):
        made = Peers(replace(context(partitions=2), partition=partition), BAND)
        for pair in made.pairs:
            assert {partition_of(names[slot].encode(), 2) for slot in pair} == {partition}


def test_of_many_peers_the_first_are_compared() -> None:
    many = [
        msgspec.structs.replace(DEFINITIONS[0], instrument_id=n, instrument=f"spot:X{n}")
        for n in range(1, 2 * PEERS_MAX)
    ]
    assert len(Peers(context(many), BAND).pairs) == PEERS_MAX * (PEERS_MAX - 1) // 2


def test_a_state_goes_on_from_its_snapshot_where_instruments_were_added() -> None:
    world = calibrated({SPOT: PRICE, LINEAR: PRICE * 1.01})
    arrays, _ = load("x", dump("x", world.peers.arrays(world.state), {}))
    added = msgspec.structs.replace(DEFINITIONS[0], instrument_id=2_000, instrument="spot:NEW")
    other = World(definitions=[added, *reversed(DEFINITIONS)])
    other.state, other.now = other.peers.restore(arrays), world.now
    assert not other.quote(LINEAR, PRICE * 1.01)
    assert other.quote(SPOT, PRICE * 1.01)
    again = world.peers.restore(arrays)
    assert (again.mids.tobytes(), again.pairs.tobytes()) == (world.state.mids.tobytes(), world.state.pairs.tobytes())


def test_arrays_of_another_shape_are_refused() -> None:
    world = calibrated()
    with pytest.raises(SnapshotError, match="does not fit"):
        world.peers.restore({**world.peers.arrays(world.state), "peer_pairs": np.zeros(3)})


def test_normalise_carries_peers_in_its_snapshot_and_reads_one_without() -> None:
    stage, without = Normalise(context()), Normalise(context_of(PlayPlan(run="r").opening(), DEFINITIONS))
    state = stage.start()
    stage.step(state, Batch.of([Payload("binance", 0, START, b"spot:BTCUSDT", b"{}")]))
    assert state.peers is not None
    state.peers.pairs["compared"] = 7
    data = stage.snapshot(state)
    restored = stage.restore(data)
    assert restored.peers is not None
    assert stage.snapshot(restored) == data
    assert without.restore(data).peers is None
    cold = stage.restore(without.snapshot(without.start()))
    assert cold.peers is not None
    assert not cold.peers.pairs["compared"].any()


def test_the_simulator_is_not_compared_unless_asked_for_and_a_switch_turns_all_off() -> None:
    assert band_of(PeersTable(), "simulator") is UNSET
    assert band_of(PeersTable(compare=False), "binance") is UNSET
    assert band_of(PeersTable(), "binance") == band_of(PeersTable(compare=True), "simulator") == BAND
    opening = PlayPlan(run="r").opening()
    assert opening.peers is UNSET
    assert peers_of(context_of(opening, DEFINITIONS)) is None
    assert peers_of(context(DEFINITIONS[:2])) is None, "nobody has a peer"


def test_a_topology_file_says_how_wide_the_band_is(tmp_path: Path) -> None:
    file = tmp_path / "topology.toml"
    file.write_text('[feed]\nkind = "none"\nsource = "acme"\n[peers]\nfloor_bps = 2.5\nshift_s = 0.5\n')
    found = load_topology(file).opening("r").peers
    assert found == msgspec.structs.replace(BAND, floor_ppm=250, shift_ns=SECOND // 2)
    file.write_text("[peers]\nfloor_bps = 0\n")
    with pytest.raises(ConfigError, match="floor_bps"):
        load_topology(file)


def test_a_band_is_part_of_a_release_and_without_one_its_id_is_what_it_was() -> None:
    def release(**more: Any) -> str:
        opening: RunOpened = PlayPlan(run="r").opening()
        return release_of(msgspec.structs.replace(opening, build="b", **more))

    assert release() == release(peers=UNSET) != release(peers=BAND)


SMALL = msgspec.structs.replace(BAND, calibrate_ns=SECOND // 2, half_life_ns=SECOND, shift_ns=SECOND)


def tape(seed: int, count: int) -> Any:
    """Some seconds of quotes of three markets and more, some of them off, late, in doubt or of one side."""
    chance = np.random.default_rng(seed)
    rows = np.zeros(count, TICK)
    rows["instrument_id"] = chance.choice(
        [SPOT, LINEAR, INVERSE, BY_INSTRUMENT["spot:ETHUSDT"].instrument_id, 77], count
    )
    rows["ts_log"] = START + np.cumsum(chance.integers(0, 12 * MS, count))
    rows["ts_touch"] = rows["ts_log"] - chance.choice([0, MS, 3 * SECOND], count, p=[0.8, 0.15, 0.05])
    later = np.arange(count) > count // 2
    level = np.where(later & (chance.random(count) < 0.1), 1.02, 1.0) * np.where(later, 1.0, 1.003)
    mids = (PRICE * PRICE_SCALE * level * (1 + chance.normal(0, 1e-4, count))).astype(np.int64)
    rows["bid_price"], rows["ask_price"] = mids - 10**7, mids + 10**7
    rows["ask_price"][chance.random(count) < 0.02] = PRICE_UNDEFINED
    rows["flags"] = chance.choice(
        [0, FLAG_CROSSED, FLAG_DEPTH_UNSYNCED, FLAG_BUFFERED], count, p=[0.94, 0.02, 0.02, 0.02]
    )
    return rows


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 800),
    cuts=st.lists(st.integers(0, 800), max_size=12),
    stored=st.sets(st.integers(0, 12), max_size=4),
)
def test_batching_and_snapshots_are_no_part_of_meaning(
    seed: int, count: int, cuts: list[int], stored: set[int]
) -> None:
    rows = tape(seed, count)

    def play(cuts: list[int], stored: set[int]) -> tuple[bytes, bytes, int]:
        peers, made = Peers(context(), SMALL), rows.copy()
        state = peers.start()
        places = [0, *sorted(cut for cut in cuts if cut < len(rows)), len(rows)]
        for turn, (begin, end) in enumerate(pairwise(places)):
            peers.flag(state, made[begin:end])
            if turn in stored:
                data = dump("x", peers.arrays(state), {})
                peers = Peers(context(), SMALL)
                state = peers.restore(load("x", data)[0])
        return made.tobytes(), dump("x", peers.arrays(state), {}), int((made["flags"] & FLAG_SUSPECT != 0).sum())

    whole = play([], set())
    assert whole == play(cuts, stored)
    assert whole == play(list(range(len(rows))), set())
    assert whole[2] > 0 or count < 500, "some were off, so some are flagged"
