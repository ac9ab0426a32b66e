"""How an instrument's differences, snapshots and trades follow each other at a venue: bits that add up."""

from __future__ import annotations

RULE_FUTURES = 1
"""Differences are chained by the id of the one before (``pu``), not by counting on."""
RULE_UNNUMBERED = 2
"""Differences bear no ids: they apply in the order in which they come."""
RULE_TRADES_COUNT_ON = 4
"""Trade ids count on by one: one that is left out is a trade missed."""
RULE_IN_STREAM = 8
"""Snapshots come in the stream, before the differences that follow them: each begins the book anew."""
RULE_QUOTES_SERVE = 16
"""Best bid and offer messages alone may say the touch: no book is missing before a first snapshot or difference."""
RULE_FROM_ORDERS = 32
"""The book is made of single orders, and begins empty: it counts as known once it agrees with the best prices told."""
RULE_REPEATS_CORRECT = 64
"""A trade id that comes again later, and says another thing, corrects the trade."""
