"""Risk limits: a configuration error stops before anything starts, and names file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents import checks
from agents.limits import check_limits, default_limits, limits_of, load_limits
from feeds.definitions import BY_INSTRUMENT, DEFINITIONS
from schemas.errors import ConfigError

ACCOUNT = "[account]\nmessage_rate_max = 25\n"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "limits.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(folder: Path, text: str | bytes) -> ConfigError:
    path = written(folder, text)
    with pytest.raises(ConfigError) as caught:
        load_limits(path)
    assert str(path) in caught.value.where
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    return caught.value


def test_the_shipped_limits_are_valid_and_cover_every_shipped_instrument() -> None:
    data = default_limits()
    check_limits(data, "limits.toml")
    for definition in DEFINITIONS:
        limits = limits_of(data, definition)
        assert None not in [getattr(limits, name) for name in limits.__dataclass_fields__]


def test_limits_come_in_integers_of_the_instruments_own_units(tmp_path: Path) -> None:
    text = ACCOUNT + (
        "[default]\nprice_collar_bps = 2.5\ntouch_age_max_ms = 1.5\nnotional_max = 0.25\n"
        '[instrument."spot:BTCUSDT"]\nquantity_max = "0.12345"\nposition_max = 2\nnotional_max = 7\n'
    )
    limits = limits_of(load_limits(written(tmp_path, text)), BY_INSTRUMENT["spot:BTCUSDT"])
    assert limits.price_collar_ppm == 250
    assert limits.touch_age_max_ns == 1_500_000
    assert limits.notional_max == 7_000_000_000, "an instrument's own key goes before the default"
    assert limits.quantity_max == 12_345
    assert limits.position_max == 200_000


def test_what_is_finer_than_the_increment_is_rounded_down(tmp_path: Path) -> None:
    text = ACCOUNT + '[instrument."linear:BTCUSDT"]\nquantity_max = "0.0019999"\n'
    assert limits_of(load_limits(written(tmp_path, text)), BY_INSTRUMENT["linear:BTCUSDT"]).quantity_max == 1


def test_a_limit_that_is_not_configured_is_none_and_not_unlimited(tmp_path: Path) -> None:
    limits = limits_of(load_limits(written(tmp_path, ACCOUNT)), BY_INSTRUMENT["spot:BTCUSDT"])
    assert [getattr(limits, name) for name in limits.__dataclass_fields__] == [None] * 5


@pytest.mark.parametrize(
    ("text", "key", "got"),
    [
        ("[acount]\n", "acount", "acount"),
        ("surprise = 1\n" + ACCOUNT, "surprise", "surprise"),
        (ACCOUNT + "message_rate = 1\n", "account.message_rate", "message_rate"),
        (ACCOUNT + "[default]\nprice_colar_bps = 1\n", "default.price_colar_bps", "price_colar_bps"),
        (ACCOUNT + '[instrument."spot:BTCUSDT"]\nquantity = "1"\n', 'instrument."spot:BTCUSDT".quantity', "quantity"),
        (ACCOUNT + '[instrument."spot:BTCUSX"]\nquantity_max = "1"\n', "instrument.spot:BTCUSX", "spot:BTCUSX"),
        (ACCOUNT + '[instrument]\nquantity_max = "1"\n', "instrument.quantity_max", "quantity_max"),
    ],
)
def test_an_unknown_key_is_named_with_what_is_known(tmp_path: Path, text: str, key: str, got: str) -> None:
    error = refused(tmp_path, text)
    assert error.where.endswith(key)
    assert error.message == "unknown key"
    assert error.got == got
    assert error.allowed


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "-inf", "true", '"10"', "[1]", "{}", "1e300", "2024-01-01"])
@pytest.mark.parametrize("key", ["price_collar_bps", "touch_age_max_ms", "notional_max"])
def test_a_number_must_be_one_within_its_bounds(tmp_path: Path, key: str, value: str) -> None:
    error = refused(tmp_path, ACCOUNT + f"[default]\n{key} = {value}\n")
    assert error.where.endswith(f"default.{key}")


@pytest.mark.parametrize(
    "value", ["-1", '"-0.1"', "nan", '"NaN"', '"inf"', "inf", "true", "[1]", '"a lot"', '""', '"1e9"', '"1e999999999"']
)
@pytest.mark.parametrize("key", ["quantity_max", "position_max"])
def test_a_quantity_must_be_a_decimal_from_zero(tmp_path: Path, key: str, value: str) -> None:
    error = refused(tmp_path, ACCOUNT + f'[instrument."spot:BTCUSDT"]\n{key} = {value}\n')
    assert error.where.endswith(f'instrument."spot:BTCUSDT".{key}')


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "true", '"25"', "10001", "nan", "[]"])
def test_a_message_rate_must_be_a_whole_number_within_its_bounds(tmp_path: Path, value: str) -> None:
    error = refused(tmp_path, f"[account]\nmessage_rate_max = {value}\n")
    assert error.where.endswith("account.message_rate_max")


@pytest.mark.parametrize("text", ["", "[default]\nnotional_max = 1\n", "[account]\n"])
def test_a_message_rate_that_is_missing_is_none_and_so_denies(tmp_path: Path, text: str) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(text)
    assert "message_rate_max" not in load_limits(path).get("account", {})
    assert not checks.message_rate(0, None).passed


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("account = 1\n", "account"),
        (ACCOUNT + "[[default]]\n", "default"),
        ("instrument = 'x'\n" + ACCOUNT, "instrument"),
        (ACCOUNT + '[instrument]\n"spot:BTCUSDT" = 5\n', "instrument.spot:BTCUSDT"),
    ],
)
def test_a_table_must_be_a_table(tmp_path: Path, text: str, key: str) -> None:
    error = refused(tmp_path, text)
    assert error.message == "not a table"
    assert error.where.endswith(key)


@pytest.mark.parametrize(
    "text",
    ["{json: true}", "[account\n", "a = 1\na = 2\n", "message_rate_max: 25\n", "a = " + "[" * 5_000, b"\x00\x01"],
    ids=["json", "an open bracket", "a key twice", "yaml", "nested too deep", "binary"],
)
def test_what_is_not_toml_is_refused(tmp_path: Path, text: str | bytes) -> None:
    assert refused(tmp_path, text).message == "not TOML"


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, b"\xff\xfe\x00[").message == "cannot read the limits file"


def test_a_file_that_is_not_there_or_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(ConfigError, match="cannot read the limits file") as caught:
            load_limits(path)
        assert caught.value.where == str(path)
