"""Is this deployment fit to trade? Checks of machine, broker, log and tasks, each a small function giving findings.

Nothing here changes the log, save :mod:`operations.mend`, which does what a finding advises. START at ``doctor.py``.
"""
