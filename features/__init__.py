"""Features: incremental kernels over ticks, one family per file, and views that put them in a named, hashed order.

Imports numpy and numba only. ``view.py`` is where to start; ``fused.py`` is the one loop that runs per batch.
"""
