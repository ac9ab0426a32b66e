"""What each schema version is, as a hash: by it a pin names the schemas of its data.

Frozen: once a version has been written it never changes, whatever becomes of the code. A test holds the newest version
of each to its declaration, without descriptions; older ones stand as they were computed then.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

from schemas.catalog import Schema
from schemas.columns import json_schema

FINGERPRINTS: Mapping[tuple[str, int], str] = {
    ("raw", 1): "b07e2157fd4750acd3056466062e5b5b2bacd588e7e3d15f89787ce27699fcc7",
    ("snapshot", 1): "13bf3aaba1c7296c4da7382f728be8ff699d7b083653662bffd8e37259f8e0ae",
    ("tick", 1): "44f040b571e9473958981589d22382d8db854fa0b60d8c50246c1cb4b407dfe3",
    ("feature", 1): "918ce434b3ac9fe0048b43a1e7a78985c2b49d2bb9f91e75eef540cca2eb31e0",
    ("score", 1): "dd30a42a0f43d83e86221b72d3dbc754120ece43ddbaf9e0270825e7a5601473",
    ("definition", 1): "7c89a2108b27d45f9ecef351f8bceafd2e8204d46527dcf57283bbcf0bf543ef",
    ("definition", 2): "ce598621efb364b7377fe5909374fd28b4149344104a9e669d413f53378f4259",
    ("intent", 1): "737114f6d861dccecb99ecf6c272c812f8b2fe04b6a4a798958acf175b6c52be",
    ("intent", 2): "5edf964640663d17cc8bbbe26d62290e874d5f8e070388c8bb8fe218e88ecfe0",
    ("intent", 3): "fcda2125fd556372c66feb68e0541f0493f53bfa5e7f0d474e25212d8fc4930d",
    ("decision", 1): "4816cdf685511c2fc57b7e3175d31d3b65ff17f81b72ad6e8280ef1f2427a114",
    ("order", 1): "dae627895832019907833ff4a0c30274e704fe4347a2c4cd39c1f9db36bf3616",
    ("order", 2): "e76d9a7bcedf74c71a6ea216af32fbdfade01e8503c97a8af056224945a5f046",
    ("order", 3): "f482a4f3fb182d5a0ffac96dd93ac7b00346e29c188fba4f8b5a13b8ad7ffc17",
    ("execution", 1): "d0d19a29f0a8d519b27d6464b0df8fba6cc3f27e4171d4ecc14bc78bf106834b",
    ("execution", 2): "a27f7d8682538cb57dbc71d9fa352768bbff9150376d17ee41575d2f461ae4d1",
    ("run", 1): "cff52a6735de19d090aac0361ee00bd9e08eb82cce9949e4520192834e093c2a",
    ("run", 2): "f830f1e1599bc88e73d88bf416b9d07c382108fb53015206df7607de56eeb35c",
    ("run", 3): "7a2953f738c6e45e1b1edabb369f27cfced076baf5610387d9fd9a867797629f",
    ("run", 4): "d31fc61a0ab660e12fcf727c0d327bd5b70e88f72eac77e5c24d0e855bd1d599",
    ("run", 5): "d36660afcf9fb4ed4983bd5c5660194f696ae87e11b1591c2981018dd6750389",
    ("run", 6): "783e8b42c4557492760b40afb02bd7ae8a441139cc7a1c868a70fd41770b06ef",
    ("run", 7): "094d98f1269ac2b7478c5cd9f6664c4112919a93be018b3de50b1842c6770ef4",
    ("end", 1): "776d78f406807823e6a3c591ecf92919ae2127c5e390572b5b4d772003f4d05c",
    ("clock", 1): "3b6c7ebcd450034ba443b9f9e12d582d819380e6e516e742f4435a316e5e36bb",
    ("dead_letter", 1): "25ddd42707873c860e93d45903bf0d3f2ef5db73e59d1eb039fd2064c96fef5d",
    ("dead_letter", 2): "621fea634f92da926c355b7aee52657c27e2d98b4c92e459a0e9899f60e12030",
    ("halt", 1): "d6cee93f70d5eb4233a05c2db4e89f0f76ac69cbe18099865d641401a28f45b1",
    ("resume", 1): "99b96d088955457faed3477266948e94a5b9268c8e3ec204d87b20e25dae282c",
    ("limits", 1): "e67de45a8fbf1382edddec90eaab308882782fb024b5c913476c4ab15719d7c6",
    ("release", 1): "4358d9d6dc6398e609136cad38dfba96dbe4fbe09a36594aeeb93714c8a67236",
    ("retry", 1): "a01fab3f4188d97cc6b8d0330af94674d3d423c4cb3316505290a0d637fecab7",
    ("retried", 1): "cfd3ea30ddba7732e51122da2c2bb15aaf865ce61610cc71840156ea6ee78633",
    ("pin_tag", 1): "1894ce771176a90e9525d7e24bcc3dda971fbe81c22503c95200c7a6cc39baff",
    ("feed_health", 1): "61cb83e17e4be58a538f6a31eae311322ea5f6a56a8a78a2f5111e71b8810ddf",
    ("feed_health", 2): "73ab66dba143ac8be8da6d0e74193b33fb586678277860318051808366e741d7",
}

_WORDS = ("description", "title")


def fingerprint(schema: Schema, fields: tuple[str, ...] | None = None) -> str:
    """SHA-256 over a schema's number, name, kind and declaration; of an older version, over the fields that it had."""
    declared: Any = None
    if schema.event is not None:  # its own declaration: what it embeds has versions of its own
        declared = _bare(json_schema(schema.event)["$defs"][schema.event.__name__])
    if fields is not None:
        declared = {"fields": list(fields)}
    told = [schema.number, schema.name, schema.kind, declared]
    return sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _bare(declared: Any) -> Any:
    """A JSON Schema without what is said for readers."""
    if isinstance(declared, dict):
        return {k: _bare(v) for k, v in declared.items() if k not in _WORDS or not isinstance(v, str)}
    return [_bare(v) for v in declared] if isinstance(declared, list) else declared
