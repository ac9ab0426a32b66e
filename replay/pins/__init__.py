"""Pins: what a dataset is, by the hash of its data alone. START with ``replay/pins/measuring.py``."""
