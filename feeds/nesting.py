"""How deep JSON text nests, told before a parser that recurses meets it."""

from __future__ import annotations

from feeds.arrays import Bytes
from feeds.kernel import kernel


@kernel
def nesting(value: Bytes) -> int:
    """How deep arrays and objects nest in JSON text, brackets inside strings not counted."""
    depth = 0
    deepest = 0
    in_string = False
    escaped = False
    for byte in value:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 92:  # a backslash
                escaped = True
            elif byte == 34:  # a quotation mark
                in_string = False
        elif byte == 34:
            in_string = True
        elif byte == 91 or byte == 123:  # [ and {
            depth += 1
            deepest = max(deepest, depth)
        elif byte == 93 or byte == 125:  # ] and }
            depth -= 1
    return deepest
