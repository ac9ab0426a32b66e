"""What watches the tape: reads topics and writes figures about them, and nothing on the money path waits for it.

A window of figures is a pure function of records in order (``tick_health.py``, ``letter_health.py``). A Faust
application feeds it live (``feed_health.py``), a plain loop over any log (``health_over.py``): both give the same rows.
"""
