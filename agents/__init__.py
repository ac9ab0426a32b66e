"""One hop per file. Start at ``topology.py``: the graph."""
