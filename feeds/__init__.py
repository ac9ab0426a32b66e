"""Sources of market data: captures and a simulator on one side, the pure adapters that make ticks of them on the other.

The way of a message: ``captures.py`` or ``simulator.py`` -> raw topic -> ``binance.py`` (``binance_reader.py`` reads,
``book_sync.py`` applies, ``book.py`` keeps the levels) -> ticks. Venue quirks end here.
"""
