"""The one way a kernel of the feeds is compiled, so that its bits do not depend on the machine.

No ``fastmath``, no ``parallel``; feeds count in int64 only. Compiled code is cached on disk; numba renews an entry when
the kernel's own file changes, not when one that it calls does: the cache's place must be named by the sources' hash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a function on first use, for the types it is called with."""
    compiled: F = njit(cache=True, nogil=True, error_model="numpy")(function)
    return compiled


@intrinsic  # type: ignore[untyped-decorator]
def move(_context: Any, values: Any, _source: Any, _target: Any, _count: Any) -> Any:
    """``move(values, source, target, count)``: so many int64 of a contiguous array to another place in it.

    The two runs may overlap, and lie within the array. A loop takes four times as long on the books of a busy market.
    """
    if values.layout != "C":
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        source, target = (builder.gep(array.data, [place]) for place in arguments[1:3])
        cgutils.raw_memmove(builder, target, source, arguments[3], array.itemsize)
        return context.get_dummy_value()

    return types.void(values, types.intp, types.intp, types.intp), generate


@intrinsic  # type: ignore[untyped-decorator]
def byte(_context: Any, text: Any, _at: Any) -> Any:
    """``byte(text, at)``: what stands at a place from 0, which numba's own index would first compare with 0."""
    if text.layout != "C":
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.zext(builder.load(builder.gep(array.data, [arguments[1]])), context.get_value_type(types.int64))

    return types.int64(text, types.intp), generate
