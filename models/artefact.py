"""A model as data: a JSON object that carries its own hash and the hash of the feature view it was made for.

No pickle, no code: loading a model cannot do anything but fill numbers. Every rule is checked before use, and one that
breaks any is refused, so that no row is ever scored by a model that is not exactly what its hash says::

    {"kind": "linear", "version": 1, "name": ..., "view": <sha256 of the feature view>, "features": [names],
     "weights": [one per feature], "intercept": ..., "clip": ..., "sha256": <see canonical>}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from schemas.errors import ConfigError

KEYS = ("kind", "version", "name", "view", "features", "weights", "intercept", "clip", "sha256")
"""Every key of an artefact; all are required and no other is allowed."""

KINDS = {"linear": (1,)}
"""Versions that this build can score, by kind."""

NUMBER_ABS_MAX = 1e12
"""Largest weight, intercept or clip, either sign: with it no finite features can overflow a score."""

FEATURES_MAX = 64
"""Most features of a model."""

NAME_CHARS_MAX = 128
"""Longest name of a model."""

ARTEFACT_BYTES_MAX = 65_536
"""Largest artefact file."""


def canonical(artefact: Mapping[str, Any]) -> bytes:
    """The bytes whose sha256 is an artefact's hash: every key but ``sha256``, sorted, as compact ASCII JSON.

    Weights, intercept and clip are written as floats (``1`` as ``1.0``) by their shortest exact decimal, so that a
    passage through another JSON writer, which may drop the ``.0``, leaves the hash as it was.

    >>> canonical({"name": "m", "weights": [1, 0.5], "sha256": "?"})
    b'{"name":"m","weights":[1.0,0.5]}'
    """
    plain = {key: value for key, value in artefact.items() if key != "sha256"}
    for key in ("intercept", "clip"):
        if key in plain:
            plain[key] = float(plain[key])
    if "weights" in plain:
        plain["weights"] = [float(weight) for weight in plain["weights"]]
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def sign(artefact: Mapping[str, Any]) -> dict[str, Any]:
    """The artefact with its ``sha256`` set: the last step of making one."""
    return {**artefact, "sha256": hashlib.sha256(canonical(artefact)).hexdigest()}


def read(path: Path) -> dict[str, Any]:
    """The JSON object of a file, unchecked but for its form.

    Raises:
        ConfigError: No such file, too large, not JSON, a key twice, or NaN or Infinity in it.
    """
    where = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(ARTEFACT_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(
            "a model cannot be read", kind="file_unreadable", got=error.strerror or str(error), where=where
        ) from error
    if len(data) > ARTEFACT_BYTES_MAX:
        raise ConfigError("a model is too large", kind="file_too_large",
                          got=f"> {ARTEFACT_BYTES_MAX} bytes", where=where,
                          allowed=f"up to {ARTEFACT_BYTES_MAX} bytes")  # fmt: skip
    try:
        found = json.loads(data, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            "a model is no JSON", kind="model_not_json", got=str(error), allowed="one JSON object", where=where
        ) from error
    if not isinstance(found, dict):
        raise ConfigError(
            "a model is no JSON object",
            kind="model_not_json",
            got=type(found).__name__,
            allowed="an object",
            where=where,
        )
    return found


def check(artefact: Mapping[str, Any], *, view: str, features: Sequence[str], where: str) -> None:
    """Refuse an artefact that breaks any rule.

    Args:
        artefact: As read from a file or a control record.
        view: Sha256 of the feature view in use.
        features: Column names of that view, in order.
        where: File or record it came from, for the message.

    Raises:
        ConfigError: Names the place and the key, what was got and what is allowed.
    """
    _check_keys(artefact, where)
    _check_kind(artefact, where)
    name = artefact["name"]
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_CHARS_MAX:
        raise _refused("model_name", where, "name", name, f"text of 1 to {NAME_CHARS_MAX} characters")
    columns, weights = artefact["features"], artefact["weights"]
    if not isinstance(columns, list | tuple) or not all(isinstance(column, str) for column in columns):
        raise _refused("model_features", where, "features", columns, "a list of column names")
    if not isinstance(weights, list | tuple) or len(weights) != len(columns) or len(weights) > FEATURES_MAX:
        count = len(weights) if isinstance(weights, list | tuple) else type(weights).__name__
        raise _refused(
            "model_weights", where, "weights", count, f"{len(columns)} numbers, one per feature, {FEATURES_MAX} at most"
        )
    for i, weight in enumerate(weights):
        _check_number(weight, f"weights[{i}]", where)
    _check_number(artefact["intercept"], "intercept", where)
    _check_number(artefact["clip"], "clip", where, low=0.0)
    sha256 = hashlib.sha256(canonical(artefact)).hexdigest()
    if artefact["sha256"] != sha256:
        raise _refused("model_hash", where, "sha256", artefact["sha256"], f"{sha256}, the hash of its content",
                       "it was altered after it was signed, or torn on its way")  # fmt: skip
    if artefact["view"] != view:
        raise _refused("model_view", where, "view", artefact["view"], f"{view}, the feature view in use",
                       "train it for this view, or use the view that it names")  # fmt: skip
    if list(columns) != list(features):
        raise _refused("model_features", where, "features", ", ".join(columns), ", ".join(features))


def _check_keys(artefact: Mapping[str, Any], where: str) -> None:
    for key in KEYS:
        if key not in artefact:
            raise _refused("model_keys", where, key, "nothing", "required")
    for key in artefact:
        if key not in KEYS:
            raise _refused("model_keys", where, str(key), "an unknown key", ", ".join(KEYS))


def _check_kind(artefact: Mapping[str, Any], where: str) -> None:
    kind, version = artefact["kind"], artefact["version"]
    if not isinstance(kind, str) or kind not in KINDS:
        raise _refused("model_kind", where, "kind", kind, ", ".join(KINDS))
    if type(version) is not int or version not in KINDS[kind]:
        raise _refused("model_kind", where, "version", version, ", ".join(map(str, KINDS[kind])))


def _check_number(value: Any, key: str, where: str, low: float = -NUMBER_ABS_MAX) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= NUMBER_ABS_MAX:
        raise _refused("model_number", where, key, value, f"a finite number from {low:g} to {NUMBER_ABS_MAX:g}")


def _refused(kind: str, where: str, key: str, got: object, allowed: str, fix: str = "") -> ConfigError:
    return ConfigError(
        f"a model is refused for its {key}", kind=kind, got=str(got), allowed=allowed, where=where, fix=fix
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")
