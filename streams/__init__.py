"""How it flows: the only place that knows Kafka. Log, frame, runner, snapshot, clock, broker, publisher, subscriber."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streams.publisher import Publisher
    from streams.subscriber import Message, Subscriber

__all__ = ["Message", "Publisher", "Subscriber"]


def __getattr__(name: str) -> Any:
    """Load what users import from here when they do: importing ``streams`` stays cheap."""
    if name == "Publisher":
        from streams.publisher import Publisher

        return Publisher
    if name in ("Message", "Subscriber"):
        from streams import subscriber

        return getattr(subscriber, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
