"""Standing orders: the strictest halt decides, each resume lifts its own, limits change as a whole or not at all."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import orjson
import pytest

from agents.limits import default_limits
from agents.standing import HALTS_MAX, Standing
from replay.plan import PlayPlan
from schemas.control import Halt, LimitChange, LimitsChanged, Resume, RunOpened
from schemas.document import Document

SAID: dict[str, Any] = {"author": "j.doe", "reason": "drill", "ts": 7}


def halt(scope: Any, name: str = "", state: Any = "HALTED") -> Halt:
    return Halt(scope=scope, name=name, state=state, **SAID)


def resume(scope: Any, name: str = "") -> Resume:
    return Resume(scope=scope, name=name, **SAID)


def change(table: Any, key: str, value: Any, name: str = "") -> LimitsChanged:
    return changes(LimitChange(table=table, name=name, key=key, value=value))


def changes(*made: LimitChange) -> LimitsChanged:
    return LimitsChanged(changes=list(made), **SAID)


def opening(limits: dict[str, Any]) -> RunOpened:
    return msgspec.structs.replace(PlayPlan(run="r").opening(), limits=limits)


def after(*documents: Document) -> Standing:
    standing = Standing()
    for document in documents:
        standing.apply(document)
    return standing


def state(standing: Standing, account: str = "a", strategy: str = "s", instrument: str = "i") -> str:
    return standing.state_of(account, strategy, instrument)


@pytest.mark.parametrize(
    ("scope", "name"), [("all", ""), ("account", "a"), ("strategy", "s"), ("instrument", "i")]
)  # fmt: skip
def test_a_halt_covers_its_scope_and_a_resume_lifts_it(scope: Any, name: str) -> None:
    assert state(after()) == "ACTIVE"
    assert state(after(halt(scope, name))) == "HALTED"
    assert state(after(halt(scope, name, "REDUCING"))) == "REDUCING"
    assert state(after(halt(scope, name), resume(scope, name))) == "ACTIVE"
    if scope != "all":
        assert state(after(halt(scope, "another"))) == "ACTIVE"


def test_the_strictest_of_all_scopes_decides_in_whatever_order_they_were_said() -> None:
    said = [
        halt("all", state="REDUCING"),
        halt("account", "a", "REDUCING"),
        halt("instrument", "i"),
        resume("strategy"),
    ]
    for order in permutations(said):
        assert state(after(*order)) == "HALTED"
        assert state(after(*order), instrument="other") == "REDUCING"


def test_a_resume_lifts_no_halt_but_its_own() -> None:
    standing = after(halt("all"), halt("instrument", "i"), resume("all"))
    assert (state(standing), state(standing, instrument="other")) == ("HALTED", "ACTIVE")
    standing = after(halt("instrument", "i"), resume("all"), resume("instrument", "j"), resume("all", "i"))
    assert (state(standing), standing.ignored) == ("HALTED", 3)


def test_the_last_halt_of_a_scope_counts() -> None:
    assert state(after(halt("all", state="REDUCING"), halt("all"))) == "HALTED"
    assert state(after(halt("all"), halt("all", state="REDUCING"))) == "REDUCING"


@pytest.mark.parametrize("said", [halt("instrument"), halt("account", "", "HALTED"), halt("all", "typo")])
def test_a_halt_in_doubt_halts_everything(said: Halt) -> None:
    standing = after(said)
    assert state(standing) == "HALTED"
    assert state(after(said, resume("all"))) == "ACTIVE"


def test_more_halts_than_can_be_told_apart_halt_everything() -> None:
    standing = after(*(halt("instrument", f"i{n}") for n in range(HALTS_MAX)))
    assert state(standing) == "ACTIVE"
    standing.apply(halt("instrument", "one more", "REDUCING"))
    assert state(standing) == "HALTED"
    assert len(standing.halts) == HALTS_MAX + 1


def test_limits_are_the_openings_and_then_what_people_changed() -> None:
    standing = after(opening(default_limits()))
    assert standing.limits == default_limits()
    standing.apply(changes(
        LimitChange(table="account", key="message_rate_max", value=3),
        LimitChange(table="instrument", name="spot:BTCUSDT", key="quantity_max", value="0.1"),
        LimitChange(table="default", key="notional_max", value=None),
    ))  # fmt: skip
    assert standing.limits["account"]["message_rate_max"] == 3
    assert standing.limits["instrument"]["spot:BTCUSDT"] == {"quantity_max": "0.1", "position_max": "0.4"}
    assert "notional_max" not in standing.limits["default"]
    assert standing.limits["instrument"]["spot:ETHUSDT"] == default_limits()["instrument"]["spot:ETHUSDT"]


BAD = [
    ("account", "", "nonsense", 1), ("account", "spot:BTCUSDT", "message_rate_max", 1),
    ("default", "", "quantity", "1"),
    ("instrument", "", "quantity_max", "1"), ("instrument", "swap:NOTHING", "quantity_max", "1"),
    ("account", "", "message_rate_max", 0), ("account", "", "message_rate_max", 10_001),
    ("account", "", "message_rate_max", 2.5), ("account", "", "message_rate_max", "5"),
    ("account", "", "clock_age_max_ms", -1), ("account", "", "clock_age_max_ms", 10**6),
    ("default", "", "notional_max", -0.5), ("default", "", "notional_max", 10**30),
    ("default", "", "notional_max", "5"),
    ("default", "", "position_max", "NaN"), ("default", "", "position_max", "-1"),
    ("default", "", "position_max", "1" * 41),
    ("default", "", "position_max", 10**4_000), ("default", "", "nonsense", None),
    ("instrument", "swap:NOTHING", "quantity_max", None),
]  # fmt: skip


@pytest.mark.parametrize(("table", "name", "key", "value"), BAD)
def test_a_change_that_breaks_the_rules_is_ignored_as_a_whole_and_counted(
    table: Any, name: str, key: str, value: Any
) -> None:
    standing = after(opening(default_limits()))
    good = LimitChange(table="account", key="message_rate_max", value=3)
    said = changes(good, LimitChange(table=table, name=name, key=key, value=value))
    why = standing.why_refused(said)
    assert why is not None
    assert why.allowed
    assert standing.apply(said) is False
    assert (standing.limits, standing.ignored) == (default_limits(), 1)


def test_a_further_opening_changes_what_it_changed_and_leaves_what_people_set() -> None:
    limits = default_limits()
    standing = after(opening(limits), change("account", "message_rate_max", 3), change("default", "notional_max", 1))
    assert standing.apply(opening(limits))
    assert (standing.limits["account"]["message_rate_max"], standing.limits["default"]["notional_max"]) == (3, 1)
    edited = default_limits()
    edited["default"]["notional_max"] = 9
    del edited["instrument"]["spot:ETHUSDT"]["position_max"]
    standing.apply(opening(edited))
    assert (standing.limits["account"]["message_rate_max"], standing.limits["default"]["notional_max"]) == (3, 9)
    assert standing.limits["instrument"]["spot:ETHUSDT"] == {"quantity_max": "6"}


def test_an_opening_lifts_no_halt_and_one_with_bad_limits_changes_nothing() -> None:
    standing = after(halt("all"), opening(default_limits()), opening({"price_collar": {"bps": 50}}))
    assert state(standing) == "HALTED"
    assert (standing.limits, standing.ignored) == (default_limits(), 1)


def test_the_same_content_gives_the_same_bytes_whatever_order_it_came_in() -> None:
    limits = [change("default", "notional_max", 1), change("account", "message_rate_max", 3)]
    said = [halt("all"), halt("instrument", "i"), *limits]
    dumps = {orjson.dumps(after(*order).dump()) for order in permutations(said)}
    assert len(dumps) == 1


def test_what_was_stored_goes_on_as_if_it_had_been_there() -> None:
    said = [opening(default_limits()), halt("all"), resume("account", "x"), change("default", "notional_max", 1)]
    standing = after(*said)
    again = Standing.load(orjson.loads(orjson.dumps(standing.dump())))
    for one in (standing, again):
        one.apply(halt("strategy", "s", "REDUCING"))
        one.apply(resume("all"))
        one.apply(opening(default_limits()))
    assert orjson.dumps(again.dump()) == orjson.dumps(standing.dump())
    assert (state(again), again.limits["default"]["notional_max"], again.ignored) == ("REDUCING", 1, 1)
