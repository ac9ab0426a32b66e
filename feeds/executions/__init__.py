"""Reports of execution systems: plain ones and venues' own messages, read into one form. The table: ``table.py``."""
